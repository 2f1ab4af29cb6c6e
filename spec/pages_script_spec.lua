-- Pages ahead in a plain script, where no loop turns while the program uses the items of a page: what is under way
-- then, what must not be, and what happens to answers that waited. The other worlds are in pages_spec.lua.
local better_i18n = require "better_i18n"
local core = require "better_i18n.core"
local current = require "better_i18n.loop.current"
local expect = require "spec.support.expect"
local sandbox = require "spec.support.sandbox"
local socket = require "socket"

setup(sandbox.start)
teardown(sandbox.stop)

local PAGE = 4 -- of 40 projects

local function take(iterator, count)
  local list = {}
  for index = 1, count do list[index] = iterator().id end
  return list
end

local function projects(first, last)
  local list = {}
  for number = first, last do list[#list + 1] = "prj_" .. number end
  return list
end

-- On PUC Lua 5.1 every page is fetched when it is needed.
local function ahead_it(name, body)
  if current.can_yield then it(name, body) end
end

describe("pages ahead in a plain script", function()
  ahead_it("are as many as prefetch says, on the wire before the items are used", function()
    local grant = sandbox.grant { paging = "page_total", page_size = PAGE }
    sandbox.fault(grant, { kind = "delay", ms = expect.slow and 600 or 30, times = "always" })
    local iterator = sandbox.installed(grant):each_project("org_1", { prefetch = 3 })
    take(iterator, 1)
    assert.equal(3, core.busy())
    assert.same(projects(2, 40), take(iterator, 39))
    assert.is_nil((iterator()))
    assert.equal(10, sandbox.total(grant))
    assert.equal(0, core.busy())
  end)

  ahead_it("leave no renewal on the wire when the script goes on", function()
    local grant = sandbox.grant { paging = "page_total", page_size = PAGE, installation_ttl = 600 }
    local late = 0
    local client = sandbox.minting(grant, { clock = function() return socket.gettime() + late end })
    sandbox.fault(grant, { kind = "delay", ms = 50, times = "always" })
    local iterator = client:each_project("org_1", { prefetch = 1 })
    take(iterator, PAGE)
    late = 510 -- stale: a page uses the token once more and has it renewed
    take(iterator, 1)
    assert.equal(2, sandbox.counters(grant).mints)
    assert.is_true(client:token_info().expires_in > 500)
  end)

  ahead_it("leave none either when an event loop was left standing with pages of the same walk", function()
    local has_luv, uv = pcall(require, "luv")
    if not has_luv then return end
    local grant = sandbox.grant { paging = "page_total", page_size = PAGE, installation_ttl = 600 }
    local late = 0
    local client = sandbox.minting(grant, { clock = function() return socket.gettime() + late end })
    local iterator = client:each_project("org_1", { prefetch = 2 })
    sandbox.fault(grant, { kind = "delay", ms = 50, times = "always" })
    better_i18n.async(function() take(iterator, 1) end, function() uv.stop() end, { loop = better_i18n.loop.luv })
    uv.run() -- stopped with two pages under way, which nobody will take in
    take(iterator, 2 * PAGE - 1)
    late = 510
    take(iterator, 1)
    assert.equal(2, sandbox.counters(grant).mints)
    client:close()
    uv.run()
  end)

  ahead_it("are there though the script did something else for longer than the timeout", function()
    local grant = sandbox.grant { page_size = PAGE }
    local iterator = sandbox.installed(grant, { timeout = 0.3 }):each_project "org_1"
    take(iterator, PAGE)
    socket.sleep(0.5)
    assert.same(projects(PAGE + 1, PAGE + 1), take(iterator, 1))
    assert.equal(3, sandbox.total(grant)) -- the third is under way already
  end)

  ahead_it("are asked for again when they came too late for a deadline that nobody looked at", function()
    local grant = sandbox.grant { page_size = PAGE }
    local iterator = sandbox.installed(grant, { timeout = 0.3, max_retries = 0 }):each_project "org_1"
    sandbox.fault(grant, { kind = "delay", ms = 3000, skip = 1, times = 1 })
    take(iterator, PAGE)
    socket.sleep(0.5)
    assert.same(projects(PAGE + 1, 40), take(iterator, 40 - PAGE))
  end)

  it("say what went wrong with them when they are needed, and not before", function()
    local grant = sandbox.grant { page_size = PAGE }
    local iterator = sandbox.installed(grant):each_project "org_1"
    sandbox.fault(grant, { kind = "status", status = 403, body = { error = "missing_scope" }, skip = 1 })
    take(iterator, PAGE)
    assert.equal(PAGE, expect.failure("missing_scope", iterator).delivered)
    assert.same(projects(PAGE + 1, PAGE + 1), take(iterator, 1))
  end)

  ahead_it("are not fetched in a coroutine of the program's own: a hook may yield to whoever resumes it", function()
    local grant = sandbox.grant { page_size = PAGE }
    local client = sandbox.installed(grant, { on_request = function() coroutine.yield "hook" end })
    local walk = coroutine.wrap(function()
      for project in client:each_project "org_1" do coroutine.yield(project.id) end
    end)
    assert.equal("hook", walk())
    for number = 1, PAGE do assert.equal("prj_" .. number, walk()) end
    assert.equal("hook", walk())
    assert.equal("prj_" .. PAGE + 1, walk())
  end)

  ahead_it("end unheard with a walk that is left, though their Lua has no ephemeron tables", function()
    for _ = 1, 3 do collectgarbage() end -- the pages ahead of the test before go now, not in the middle
    local grant = sandbox.grant { page_size = PAGE }
    sandbox.fault(grant, { kind = "delay", ms = 2000, skip = 1, times = "always" })
    do
      local client = sandbox.installed(grant)
      take(client:each_project "org_1", 1)
    end
    assert.equal(1, core.busy())
    for _ = 1, 3 do collectgarbage() end
    assert.equal(0, core.busy())
  end)

  it("go on beside other calls of the script", function()
    local grant = sandbox.grant { page_size = PAGE }
    local client, seen = sandbox.installed(grant), {}
    for project in client:each_project("org_1", { prefetch = 2 }) do
      seen[#seen + 1] = project.id
      if #seen % 3 == 0 then assert.equal(200, (select(2, client:me())).status) end
      if #seen % 10 == 0 then better_i18n.all { function() return client:me() end } end
    end
    assert.same(projects(1, 40), seen)
  end)
end)
