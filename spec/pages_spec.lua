-- Walking pages: better_i18n.pages over a function of the program's own, and the client's each_* in every world, over
-- every paging style and envelope that the sandbox has.
local better_i18n = require "better_i18n"
local expect = require "spec.support.expect"
local sandbox = require "spec.support.sandbox"
local worlds = require "spec.support.worlds"

setup(sandbox.start)
teardown(sandbox.stop)

local pages = better_i18n.pages
local can_yield = require("better_i18n.loop.current").can_yield

-- A list of so many numbered items on pages of `size`, its cursors page numbers; `calls` is what was asked for.
local function numbered(count, size, with_ahead)
  local last, calls = math.max(1, math.ceil(count / size)), {}
  return function(page)
    page = page or 1
    calls[#calls + 1] = page
    local items = {}
    for id = (page - 1) * size + 1, math.min(count, page * size) do items[#items + 1] = { id = id } end
    return items, page < last and page + 1 or nil, with_ahead and { ahead = last - page } or nil
  end, calls
end

local function ids(iterator)
  local list = {}
  for item, number in iterator do
    list[#list + 1] = item.id
    assert.equal(#list, number)
  end
  return list
end

local function upto(count)
  local list = {}
  for index = 1, count do list[index] = index end
  return list
end

-- Without a background, which would ask for more than was used.
local function walk(fetch, options)
  local all = { prefetch = 0 }
  for name, value in pairs(options or {}) do all[name] = value end
  return pages(fetch, all)
end

describe("pages", function()
  it("gives every item once, in order, with its number and its page's info", function()
    local infos = {}
    local function fetch(page)
      page = page or 1
      return { "a" .. page, "b" .. page }, page == 1 and 2 or nil, { page = page }
    end
    for item, number, info in pages(fetch) do infos[#infos + 1] = item .. number .. info.page end
    assert.same({ "a111", "b121", "a232", "b242" }, infos)
  end)

  it("asks for the first page with nil, then with what was returned, and hands limit on", function()
    local asked = {}
    for _ in pages(function(cursor, limit)
      asked[#asked + 1] = tostring(cursor) .. " " .. limit
      return { #asked }, #asked < 3 and "c" .. #asked or nil
    end, { limit = 7 }) do asked.items = true end
    assert.same({ "nil 7", "c1 7", "c2 7", items = true }, asked)
  end)

  it("fetches when it is needed and not before", function()
    local fetch, calls = numbered(30, 10)
    local iterator = walk(fetch)
    assert.equal(0, #calls)
    for _ = 1, 10 do iterator() end
    assert.equal(1, #calls)
    iterator()
    assert.equal(2, #calls)
  end)

  it("goes on after empty pages, and ends with nil, again and again", function()
    local batches = { {}, { 1 }, {}, {}, { 2 }, {} }
    local iterator = pages(function(cursor)
      local at = (cursor or 0) + 1
      return batches[at], at < #batches and at or nil
    end)
    assert.equal(1, (iterator()))
    assert.equal(2, (iterator()))
    for _ = 1, 3 do assert.is_nil((iterator())) end
  end)

  it("takes null and an empty text for no next page", function()
    for _, last in ipairs { "", better_i18n.null } do
      local count = 0
      for _ in pages(function() return { 1 }, last end) do count = count + 1 end
      assert.equal(1, count)
    end
  end)

  it("begins where the option cursor says", function()
    assert.same({ 21, 22, 23, 24, 25 }, (function()
      local list = {}
      for item in walk(numbered(25, 10), { cursor = 3 }) do list[#list + 1] = item.id end
      return list
    end)())
  end)

  it("never gives or fetches more than max needs", function()
    local pages_of = { [0] = 0, [1] = 1, [9] = 1, [10] = 1, [11] = 2, [20] = 2, [30] = 3, [31] = 4, [99] = 10 }
    for max, wanted in pairs(pages_of) do
      for _, prefetch in ipairs { 0, 1, 8 } do
        for _, world in ipairs(worlds.list()) do
          local fetch, calls = numbered(1000, 10, true)
          local list = world.run(function() return ids(pages(fetch, { max = max, prefetch = prefetch })) end)
          assert.same(upto(max), list)
          assert.equal(wanted, #calls, ("%s: max %d, prefetch %d"):format(world.name, max, prefetch))
        end
      end
    end
  end)

  it("does not mistake a short last page for more", function()
    for _, count in ipairs { 0, 1, 9, 10, 11, 95, 100 } do
      local fetch, calls = numbered(count, 10, true)
      assert.same(upto(count), ids(pages(fetch, { prefetch = 4 })))
      assert.equal(math.max(1, math.ceil(count / 10)), #calls)
    end
  end)

  it("walks any number of pages in constant memory", function()
    local function use(count)
      local most = 0
      local page = 0
      for _, number in walk(function()
        page = page + 1
        return { { id = page, text = ("x"):rep(500) .. page } }, page < count and "cursor " .. page or nil
      end) do
        if number % 200 == 0 then
          collectgarbage()
          most = math.max(most, collectgarbage "count")
        end
      end
      return most
    end
    local few, many = use(400), use(expect.times(40000))
    assert.is_true(many < few + 64, ("%.0f KiB for few, %.0f KiB for many"):format(few, many))
  end)
end)

describe("pages that go round", function()
  -- Cursors that go from `tail` numbers into a circle of `length`; every page has an item of its own.
  local function circle(tail, length)
    local calls = 0
    return function(cursor)
      calls = calls + 1
      local at = (cursor or 0) + 1
      return { { id = calls } }, at > tail + length and at - length or at
    end, function() return calls end
  end

  it("raise pagination_loop at a cursor that was there, and lose nothing of its page", function()
    for _, length in ipairs { 1, 2, 3, 7, 64 } do
      local fetch, calls = circle(5, length)
      local seen = 0
      local err = expect.failure("pagination_loop", function() for _ in walk(fetch) do seen = seen + 1 end end)
      assert.equal(5 + length + 1, calls())
      assert.equal(calls(), seen)
      assert.equal(seen, err.delivered)
      assert.is_nil(err.next)
    end
  end)

  it("raise it for long circles too", function()
    for _, length in ipairs { 65, 100, 1000 } do
      local fetch, calls = circle(3, length)
      expect.failure("pagination_loop", function() for _ in walk(fetch) do calls() end end)
      assert.is_true(calls() < 4 * (length + 3), length .. " took " .. calls())
    end
  end)

  it("raise it for a page that comes again under another cursor, before its items do", function()
    local seen = {}
    local function fetch(cursor) return { { id = 1, t = { 1 } }, { id = 2 } }, (cursor or 0) + 1 end
    expect.failure("pagination_loop", function() for item in walk(fetch) do seen[#seen + 1] = item.id end end)
    assert.same({ 1, 2 }, seen)
  end)

  it("raise it though the program changed what it got", function()
    local count = 0
    local function fetch(cursor) return { { id = 1 } }, (cursor or 0) + 1 end
    expect.failure("pagination_loop", function()
      for item in walk(fetch) do
        count = count + 1
        item.id, item.seen = count, true
      end
    end)
    assert.equal(1, count)
  end)

  it("raise it when nothing but empty pages come", function()
    local calls = 0
    local function fetch()
      calls = calls + 1
      return {}, calls
    end
    expect.failure("pagination_loop", walk(fetch))
    assert.equal(1001, calls)
  end)

  it("are not seen where pages only look alike", function()
    local count = 0
    for _ in walk(function(cursor)
      cursor = (cursor or 0) + 1
      return { { name = "same", id = cursor }, { name = "same" } }, cursor < 300 and cursor or nil
    end) do count = count + 1 end
    assert.equal(600, count)
  end)

  it("cannot be told from items that hold themselves or are huge, and do no harm", function()
    local item = { text = ("x"):rep(100000) }
    item.own = item
    local count = 0
    for _ in walk(function(cursor)
      cursor = (cursor or 0) + 1
      return { item, { id = cursor, [1] = 2, ["1"] = 3 } }, cursor < 3 and cursor or nil
    end) do count = count + 1 end
    assert.equal(6, count)
  end)
end)

describe("pages whose fetch fails", function()
  -- Fails on the third page, so many times.
  local function failing(times, problem)
    local fetch = numbered(50, 10)
    return function(page)
      if page == 3 and times > 0 then
        times = times - 1
        error(problem, 0)
      end
      return fetch(page)
    end
  end

  local function trouble()
    return require("better_i18n.core").error { code = "network", message = "no answer; try again", retryable = true }
  end

  it("say how many items came, and where to go on", function()
    for _, prefetch in ipairs { 0, 1, 4 } do
      local list = {}
      local err = expect.failure("network", function()
        for item in pages(failing(1, trouble()), { prefetch = prefetch }) do list[#list + 1] = item.id end
      end)
      assert.same(upto(20), list)
      assert.equal(20, err.delivered)
      assert.equal(3, err.next)
      assert.is_true(err.retryable)
      expect.holds("20 items had been delivered before", err.message)
      for item in pages(numbered(50, 10), { cursor = err.next }) do list[#list + 1] = item.id end
      assert.same(upto(50), list)
    end
  end)

  it("can be asked again in place", function()
    local iterator, list = walk(failing(2, trouble())), {}
    for _ = 1, 2 do
      local err = expect.failure("network", function() for item in iterator do list[#list + 1] = item.id end end)
      assert.equal(20, err.delivered)
    end
    for item in iterator do list[#list + 1] = item.id end
    assert.same(upto(50), list)
  end)

  it("on the first page have delivered nothing", function()
    local err = expect.failure("network", walk(function() error(trouble(), 0) end))
    assert.equal(0, err.delivered)
    assert.is_nil(err.next)
    assert.equal("no answer; try again", err.message)
  end)

  it("hand on what is not ours as it is", function()
    local mine = {}
    for _, problem in ipairs { "a text", mine, 17 } do
      local ok, raised = pcall(function() for _ in walk(failing(1, problem)) do ok = nil end end) -- luacheck: ignore
      assert.is_false(ok)
      assert.equal(problem, raised)
    end
  end)
end)

describe("pages with garbage", function()
  it("refuse options", function()
    local function fetch() return {} end
    expect.refused("fetch must be a function, not nil", pages)
    expect.refused("fetch must be a function, not table", pages, {})
    expect.refused("the table of options must be a table", pages, fetch, 5)
    expect.refused("pages: unknown option 'prefetc'; did you mean 'prefetch'?", pages, fetch, { prefetc = 1 })
    for name, values in pairs {
      limit = { 0, -1, 1.5, "5", 0 / 0, 1 / 0 }, max = { -1, 1.5, "x", 0 / 0 }, prefetch = { -1, 0.5, true, 1 / 0 },
      cursor = { "", {}, true, 0 / 0 }, loop = { 1, "luv" },
    } do
      for _, value in ipairs(values) do expect.refused(name .. " must be", pages, fetch, { [name] = value }) end
    end
  end)

  it("name what fetch gave", function()
    local function once(...)
      local results, count = { ... }, select("#", ...)
      return walk(function() return (table.unpack or unpack)(results, 1, count) end) -- luacheck: ignore 143
    end
    expect.refused("the first result of fetch must be a table of items, not nil", once())
    expect.refused("the first result of fetch must be a table of items, not string", once "x")
    for _, bad in ipairs { true, false, {}, 0 / 0, print } do
      expect.refused("the second result of fetch, the next cursor, must be a string or number", once({}, bad))
    end
    expect.refused("the third result of fetch must be a table or nil, not number", once({}, 2, 7))
    for _, bad in ipairs { -1, 0.5, "7", true } do
      expect.refused("ahead in the third result of fetch must be an integer", once({}, 2, { ahead = bad }))
    end
  end)

  it("name an item that is nil, where the list has a length", function()
    local items = { 1, 2, nil, 4 }
    if #items ~= 4 then return end
    local iterator, seen = walk(function() return items end), 0
    local err = expect.refused("number 3 of the items that fetch gave is nil", function()
      for _ in iterator do seen = seen + 1 end
    end)
    assert.equal(2, seen)
    assert.equal(2, err.delivered)
  end)

  it("refuse a fetch that asks its own iterator", function()
    local iterator
    iterator = walk(function() return { (iterator()) } end)
    expect.refused("by the very fetch that it waits for", iterator)
  end)
end)

-- Over the network ----------------------------------------------------------------------------------------------------

local PAGINGS = { "nextCursor", "next_cursor", "link", "page", "page_total", "page_has_more", "none" }

local projects = {}
for index = 1, 40 do projects[index] = "prj_" .. index end

local function project_ids(iterator)
  local list = {}
  for project, number, response in iterator do
    list[#list + 1] = project.id
    assert.equal(#list, number)
    assert.equal(200, response.status)
  end
  return list
end

local function installed(settings)
  local grant = sandbox.grant(settings)
  return sandbox.installed(grant), grant
end

describe("each_project", function()
  for _, world in ipairs(worlds.list()) do
    describe("in the world " .. world.name, function()
      local function walked(client, options)
        return world.run(function() return project_ids(client:each_project("org_1", options)) end)
      end

      for _, envelope in ipairs { "named", "array", "data", "items", "organizations", "projects" } do
        for _, paging in ipairs(PAGINGS) do
          it("gives every item once, in order: " .. envelope .. ", " .. paging, function()
            local client, grant = installed { envelope = envelope, paging = paging, page_size = 7 }
            assert.same(projects, walked(client, { prefetch = #envelope % 3 * 2 }))
            assert.equal(paging == "none" and 1 or 6, sandbox.total(grant))
            if paging ~= "none" then assert.same(projects, walked(client, { limit = 13 })) end
            client:close()
          end)
        end
      end

      it("goes on after empty pages", function()
        for _, paging in ipairs { "nextCursor", "next_cursor", "link" } do
          assert.same(projects, walked((installed { paging = paging, page_size = 15, empty_pages = true })))
        end
      end)

      it("raises pagination_loop when the service repeats its cursor", function()
        for _, paging in ipairs { "nextCursor", "link" } do
          local client, grant = installed { paging = paging, page_size = 15, repeat_cursor = true }
          local err = expect.failure("pagination_loop", walked, client)
          assert.is_true(err.delivered == 15 or err.delivered == 30, err.delivered)
          assert.is_true(sandbox.total(grant) <= 3)
        end
      end)

      it("never fetches more than max needs", function()
        for _, paging in ipairs { "nextCursor", "page_total" } do
          for max, wanted in pairs { [0] = 0, [1] = 1, [7] = 1, [8] = 2, [15] = 3 } do
            local client, grant = installed { paging = paging, page_size = 7 }
            assert.equal(max, #walked(client, { max = max, prefetch = 5 }))
            assert.equal(wanted, sandbox.total(grant))
            client:close()
          end
        end
      end)

      it("tells of an error in the middle, and goes on from there", function()
        for _, paging in ipairs { "nextCursor", "link", "page_total" } do
          local client, grant = installed { paging = paging, page_size = 7 }
          sandbox.fault(grant, { kind = "status", status = 400, body = { error = "odd" }, skip = 2 })
          local list = {}
          local err = world.run(function()
            return expect.failure("odd", function()
              for project in client:each_project "org_1" do list[#list + 1] = project.id end
            end)
          end)
          assert.equal(14, #list)
          assert.equal(14, err.delivered)
          assert.is_string(err.next)
          for _, id in ipairs(walked(client, { cursor = err.next })) do list[#list + 1] = id end
          assert.same(projects, list)
          client:close()
        end
      end)

      it("can be left, its client closed or forgotten, with a page under way", function()
        local client, grant = installed { paging = "page_total", page_size = 7 }
        sandbox.fault(grant, { kind = "delay", ms = 30, times = "always" })
        world.run(function()
          for _ = 1, 2 do client:each_project("org_1", { prefetch = 3 })() end
          client:close()
          expect.failure("closed", client.each_project, client, "org_1")
          sandbox.installed(grant):each_project("org_1", { prefetch = 3 })()
          collectgarbage()
          return true
        end)
        collectgarbage()
        assert.equal(0, require("better_i18n.core").busy())
      end)

      it("raises when its client is closed meanwhile", function()
        local client = installed { page_size = 7 }
        local seen, err = 0, nil
        world.run(function()
          err = expect.failure({ "closed", "cancelled" }, function()
            for _ in client:each_project "org_1" do
              seen = seen + 1
              if seen == 3 then client:close() end
            end
          end)
          return true
        end)
        assert.is_true(seen == 7 or seen == 14) -- a page that is there is given
        assert.equal(seen, err.delivered)
      end)

      it("gives its items to several coroutines, each once", function()
        local client = installed { page_size = 3 }
        local list = {}
        world.run(function()
          local iterator = client:each_project "org_1"
          local function worker() for project in iterator do list[#list + 1] = tonumber(project.id:match "%d+") end end
          world.together { worker, worker, worker, worker }
          return true
        end)
        table.sort(list)
        assert.same(upto(40), list)
      end)

      it("takes items in a coroutine of the program's own, without a yield of ours", function()
        local client = installed { page_size = 7 }
        local list = world.run(function()
          local ours = coroutine.wrap(function()
            for project in client:each_project "org_1" do coroutine.yield(project.id) end
          end)
          local all = {}
          for id in ours do all[#all + 1] = id end
          return all
        end)
        assert.same(projects, list)
      end)

      it("has the next page under way while the program computes", function()
        if not can_yield then return end
        local client, grant = installed { page_size = 7 }
        world.run(function()
          client:each_project "org_1"()
          local stop = os.time() + 5
          repeat until sandbox.total(grant) == 2 or os.time() > stop -- it asks on a socket of its own, nothing turns
          assert.equal(2, sandbox.total(grant))
          return true
        end)
      end)

      it("keeps the order, whichever of the pages ahead comes first", function()
        if not can_yield then return end
        local client, grant = installed { paging = "page_total", page_size = 4 }
        for turn = 1, 5 do -- the second page last, the sixth first
          sandbox.fault(grant, { kind = "delay", ms = 20 * (6 - turn), skip = turn == 1 and 1 or 0 })
        end
        assert.same(projects, walked(client, { prefetch = 5 }))
        assert.equal(10, sandbox.total(grant))
      end)

      it("fetches pages side by side where the service counts them", function()
        if not can_yield then return end
        local client, grant = installed { paging = "page_total", page_size = 4 }
        sandbox.fault(grant, { kind = "delay", ms = expect.slow and 600 or 50, times = "always" })
        assert.same(projects, walked(client, { prefetch = 3 }))
        assert.equal(10, sandbox.total(grant))
        assert.equal(3, sandbox.counters(grant).max_concurrent)
      end)
    end)
  end

  it("hands the options of a call to each page", function()
    local client, grant = installed { page_size = 20 }
    local options = { query = { search = "a b" }, headers = { ["X-Mine"] = "1" }, limit = 20, prefetch = 0, max = 30 }
    assert.equal(30, #project_ids(client:each_project("org_1", options)))
    for _, entry in ipairs(sandbox.log(grant)) do
      expect.holds("search=a%20b", entry.query)
      expect.holds("limit=20", entry.query)
      assert.equal("1", entry.headers["x-mine"])
    end
    local same = { query = { search = "a b" }, headers = { ["X-Mine"] = "1" }, limit = 20, prefetch = 0, max = 30 }
    assert.same(same, options)
  end)

  it("works in the main program for a client that was made for an event loop", function()
    if not can_yield or not pcall(require, "luv") then return end
    local grant = sandbox.grant { paging = "page_total", page_size = 4 }
    local client = sandbox.installed(grant, { loop = better_i18n.loop.luv })
    assert.same(projects, project_ids(client:each_project("org_1", { prefetch = 8 })))
  end)

  it("ends with its signal", function()
    local client, signal, seen = installed { page_size = 7 }, better_i18n.signal(), 0
    local err = expect.failure("cancelled", function()
      for _ in client:each_project("org_1", { signal = signal, prefetch = 0 }) do
        seen = seen + 1
        signal:cancel()
      end
    end)
    assert.equal(7, seen)
    assert.equal(7, err.delivered)
  end)

  it("is not led to another host", function()
    local client, grant = installed { paging = "link", page_size = 15, link_base = "http://evil.example" }
    local err = expect.failure("invalid_argument", project_ids, client:each_project "org_1")
    expect.holds("another host", err.message)
    assert.equal(15, err.delivered)
    assert.equal(1, sandbox.total(grant))
  end)

  it("refuses wrong arguments at once, by its own name, and sends nothing", function()
    local client, grant = installed()
    expect.refused("each_project: org_id is missing", client.each_project, client)
    expect.refused("each_project: org_id is missing", client.each_project, client, nil, { limit = 2 })
    expect.refused("each_project: org_id", client.each_project, client, {})
    expect.refused("each_project: org_id is refused: it is empty", client.each_project, client, "")
    expect.refused("each_model: project_slug is missing", client.each_model, client, "acme")
    expect.refused("each_project: the table of options must be a table", client.each_project, client, "org_1", 5)
    expect.refused("each_project: unknown option 'prefetsh'", client.each_project, client, "org_1", { prefetsh = 1 })
    expect.refused("each_project: unknown option 'loop'", client.each_project, client, "org_1", { loop = {} })
    expect.refused("each_project: max must be", client.each_project, client, "org_1", { max = -1 })
    expect.refused("each_project: limit must be", client.each_project, client, "org_1", { limit = 0 })
    expect.refused("each_project: cursor is refused", client.each_project, client, "org_1", { cursor = "x" })
    expect.refused("each_project: timeout must be", client.each_project, client, "org_1", { timeout = "x" })
    expect.refused("client is missing", client.each_project, "org_1")
    assert.equal(0, sandbox.total(grant))
  end)
end)

describe("the other lists", function()
  it("have their iterators", function()
    local client = installed { scopes = { "org:read", "projects:read", "content:read" }, page_size = 2 }
    local slugs, models = {}, 0
    for organization in client:each_organization() do slugs[#slugs + 1] = organization.slug end
    assert.same({ "acme", "tokyo-tea", "maktaba", "paper-plane" }, slugs)
    for _ in client:each_model("acme", "website-eu", { limit = 1 }) do models = models + 1 end
    assert.equal(3, models)
    assert.equal(3, #project_ids(client:each_organization { max = 3 }))
  end)
end)

describe("a response", function()
  it("says how many pages are known to follow", function()
    local client = installed { paging = "page_total", page_size = 7 }
    local _, response = client:list_projects "org_1"
    assert.equal(5, response.ahead)
    _, response = client:list_projects("org_1", { cursor = response.next })
    assert.equal(4, response.ahead)
    for _, paging in ipairs { "nextCursor", "link", "page_has_more", "none" } do
      _, response = installed { paging = paging, page_size = 7 }:list_projects "org_1"
      assert.is_nil(response.ahead)
    end
  end)
end)
