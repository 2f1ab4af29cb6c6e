-- better_i18n.all and signals: what they promise beyond the cases that every loop passes (conformance_spec.lua).
local better_i18n = require "better_i18n"
local core = require "better_i18n.core"
local current = require "better_i18n.loop.current"
local expect = require "spec.support.expect"
local process = require "spec.support.process"
local sandbox = require "spec.support.sandbox"
local worlds = require "spec.support.worlds"

local client, grant

setup(function()
  sandbox.start()
  grant = sandbox.grant { scopes = { "org:read", "projects:write" }, client_id = sandbox.CLIENT_ID }
  client = sandbox.installed(grant, { max_connections = 200 })
end)
teardown(function()
  client:close()
  sandbox.stop()
end)

-- Under valgrind the same on a longer scale.
local UNIT = expect.slow and 10 or 1

local SLOW = { token = "none", raw = true }
local function pause(ms, signal, other)
  return (other or client):request("GET", "/_sandbox/slow?ms=" .. ms, { token = "none", raw = true, signal = signal })
end

local function repeated(count, fn)
  local list = {}
  for index = 1, count do list[index] = function() return fn(index) end end
  return list
end

local concurrent_it = current.can_yield and it or pending

local function took(fn, ...)
  local start = core.now()
  fn(...)
  return core.now() - start
end

describe("all", function()
  it("takes an array of functions and known options", function()
    for text, arguments in pairs {
      ["the functions must be a table, not nil"] = { nil },
      ["number 2 of the functions must be a function, not number"] = { { print, 2 } },
      ["the table of options must be a table, not number"] = { {}, 5 },
      ["unknown option 'cocurrency'; did you mean 'concurrency'"] = { {}, { cocurrency = 3 } },
      ["concurrency must be an integer from 1"] = { {}, { concurrency = 0 } },
      ["settle must be true or false"] = { {}, { settle = 1 } },
      ["loop must be a table"] = { {}, { loop = "luv" } },
    } do
      expect.refused(text, better_i18n.all, arguments[1], arguments[2])
    end
    for _, concurrency in ipairs { 1.5, -1, 0 / 0, "4" } do
      expect.refused("concurrency", better_i18n.all, {}, { concurrency = concurrency })
    end
  end)

  it("gives nothing for nothing", function() assert.same({}, better_i18n.all {}) end)

  it("keeps the order, whatever ends first, also with fewer functions than may run", function()
    assert.same({ 1, 2, 3 }, better_i18n.all(repeated(3, function(index)
      pause(40 - 10 * index)
      return index
    end), { concurrency = 50 }))
  end)

  concurrent_it("runs sixteen at a time unless told otherwise", function()
    for _, most in ipairs { 16, 3, 1 } do
      local running, peak = 0, 0
      better_i18n.all(repeated(40, function()
        running = running + 1
        peak = math.max(peak, running)
        pause(2)
        running = running - 1
      end), most ~= 16 and { concurrency = most } or nil)
      assert.equal(most, peak)
    end
  end)

  concurrent_it("starts no further function after the first error, and waits for those under way", function()
    local begun, ended = 0, 0
    local ok, problem = pcall(better_i18n.all, repeated(10, function(index)
      begun = begun + 1
      pause((index == 2 and 5 or 40) * UNIT)
      if index == 2 then error({ mine = true }, 0) end
      ended = ended + 1
    end), { concurrency = 4 })
    assert.is_false(ok)
    assert.is_true(problem.mine)
    assert.same({ 4, 3 }, { begun, ended })
  end)

  it("raises an error object as it is", function()
    local err = expect.failure("missing_scope", better_i18n.all, { function() return client:list_projects "org_1" end })
    assert.equal("projects:read", err.required_scope)
  end)

  it("with settle runs all and tells each outcome", function()
    local results = better_i18n.all({
      function() return 1 end, function() error("no", 0) end, function() return nil end, function() return false end,
    }, { settle = true, concurrency = 1 })
    assert.same({ { ok = true, value = 1 }, { ok = false, error = "no" }, { ok = true }, { ok = true, value = false } },
      results)
  end)

  it("is not disturbed by a list that changes meanwhile", function()
    local list = repeated(3, function(index) return index end)
    table.insert(list, 1, function() list[4], list[5] = nil, nil end)
    assert.same({ nil, 1, 2, 3 }, better_i18n.all(list, { concurrency = 1 }))
  end)

  concurrent_it("says so when a function yields what nobody can answer", function()
    local err = expect.refused("number 2 of the functions yielded (a number)", better_i18n.all, {
      function() pause(5) end, function() coroutine.yield(7) end,
    })
    assert.is_true(better_i18n.is_error(err))
    local results = better_i18n.all({ function() coroutine.yield() end, function() pause(5) return "fine" end },
      { settle = true })
    assert.equal("invalid_argument", results[1].error.code)
    assert.equal("fine", results[2].value)
  end)

  it("gives a plain generator no yields of ours", function()
    local results = better_i18n.all(repeated(3, function(index)
      local generator = coroutine.wrap(function()
        for step = 1, 2 do
          pause(2)
          coroutine.yield(10 * index + step)
        end
      end)
      return { generator(), generator() }
    end))
    assert.same({ { 11, 12 }, { 21, 22 }, { 31, 32 } }, results)
  end)

  it("inside a generator inside all blocks, and the others are not lost", function()
    local results = better_i18n.all {
      function() pause(30) return "outer" end,
      function()
        return coroutine.wrap(function()
          return better_i18n.all(repeated(3, function(index) pause(50) return index end))
        end)()
      end,
    }
    assert.same({ "outer", { 1, 2, 3 } }, results)
  end)

  concurrent_it("holds on to who waits while garbage is collected", function()
    local function collect(index)
      pause(2)
      collectgarbage()
      collectgarbage()
      return index
    end
    assert.same({ { 1, 2 }, { 1, 2 } }, better_i18n.all(repeated(2, function()
      return better_i18n.all(repeated(2, collect))
    end)))
  end)

  concurrent_it("works through pcall, metamethods and iterators of the functions", function()
    local lazy = setmetatable({}, { __index = function(_, key) return (select(2, pause(2))).status + key end })
    local results = better_i18n.all(repeated(4, function(index)
      local ok, value = pcall(function() return rawequal(lazy, lazy) and pause(2) and index end)
      return ok and value
    end))
    assert.same({ 1, 2, 3, 4 }, results)
  end)

  concurrent_it("waits for a renewal that one of its calls began in the background", function()
    local stale = sandbox.grant { installation = false, client_id = sandbox.CLIENT_ID }
    local now = 0
    local renewing = sandbox.connected(stale, { clock = function() return now end })
    renewing:list_organizations()
    now = 3400 -- of 3,600 seconds: stale, not expiring
    local fault = sandbox.fault(stale, { kind = "delay", ms = 200, path = "/api/oauth-client/installations/" })
    assert(fault)
    better_i18n.all { function() return renewing:list_organizations() end }
    assert.equal(2, sandbox.counters(stale).mints)
    renewing:close()
  end)
end)

describe("a signal", function()
  it("is made by signal() alone", function()
    for _, wrong in ipairs { true, "stop", {}, setmetatable({}, {}) } do
      local err = expect.refused("signal must be a signal", client.list_organizations, client, { signal = wrong })
      assert.is_nil(err.status)
    end
    assert.is_false(better_i18n.signal().cancelled)
  end)

  it("that was cancelled before sends nothing, however often", function()
    local signal, before = better_i18n.signal(), sandbox.total(grant)
    signal:cancel()
    signal:cancel()
    assert.is_true(signal.cancelled)
    for _ = 1, 3 do
      local err = expect.failure("cancelled", client.list_organizations, client, { signal = signal })
      assert.is_false(err.retryable)
    end
    assert.equal(before, sandbox.total(grant))
  end)

  it("that is never used changes nothing, also for several calls", function()
    local signal = better_i18n.signal()
    for _ = 1, 3 do client:list_organizations { signal = signal } end
  end)

  it("cancels from a hook of a blocking call", function()
    local signal = better_i18n.signal()
    local hooked = sandbox.installed(grant, { on_request = function() signal:cancel() end })
    expect.failure("cancelled", hooked.list_organizations, hooked, { signal = signal })
    hooked:close()
  end)
end)

for _, world in ipairs(worlds.list()) do
  if current.can_yield and world.name ~= "blocking" then
    describe("in the world " .. world.name .. " a signal", function()
      local function run(fn) return world.run(fn) end

      it("ends calls at once and frees their connections", function()
        local narrow = sandbox.installed(grant, { max_connections = 2 })
        local signal = better_i18n.signal()
        local elapsed = took(run, function()
          local outcomes = better_i18n.all({
            function() return pause(3000 * UNIT, signal, narrow) end,
            function() return pause(3000 * UNIT, signal, narrow) end,
            function()
              pause(30)
              signal:cancel()
              return (select(2, narrow:request("GET", "/_sandbox/slow?ms=10", SLOW))).status
            end,
          }, { settle = true })
          assert.same({ "cancelled", "cancelled", 200 },
            { outcomes[1].error.code, outcomes[2].error.code, outcomes[3].value })
          assert.is_nil(outcomes[1].error.message:find "may or may not have been done")
        end)
        assert.is_true(elapsed < UNIT, elapsed)
        narrow:close()
      end)

      it("says of a write that was sent that it may have been done", function()
        local own = sandbox.grant { scopes = { "org:read", "projects:write" }, client_id = sandbox.CLIENT_ID }
        local writer = sandbox.installed(own)
        sandbox.fault(own, { kind = "delay", ms = 2000 * UNIT, path = "/api/oauth-client/v1/projects" })
        local signal = better_i18n.signal()
        local outcomes = run(function()
          return better_i18n.all({
            function()
              return writer:create_project({ name = "S", slug = "s", sourceLanguage = "en" }, { signal = signal })
            end,
            function()
              pause(60)
              signal:cancel()
            end,
          }, { settle = true })
        end)
        local err = outcomes[1].error
        assert.equal("cancelled", err.code)
        expect.holds("may or may not have been done", err.message)
        assert.is_nil(err.message:find "make it again") -- two contrary orders
        assert.is_false(err.retryable)
        writer:close()
      end)

      it("leaves the renewal alive that others wait for", function()
        local own = sandbox.grant { installation = false, client_id = sandbox.CLIENT_ID }
        local refreshing = sandbox.refreshing(own)
        sandbox.fault(own, { kind = "delay", ms = 150 * UNIT, grant_type = "refresh_token" })
        local signal = better_i18n.signal()
        local early
        local outcomes = run(function()
          return better_i18n.all({
            function()
              local start = core.now()
              local ok, err = pcall(refreshing.list_organizations, refreshing, { signal = signal })
              early = core.now() - start
              return ok or err.code
            end,
            function() return #refreshing:list_organizations() end,
            function()
              pause(20)
              signal:cancel()
            end,
          }, { settle = true })
        end)
        assert.same({ "cancelled", 4 }, { outcomes[1].value, outcomes[2].value })
        assert.is_true(early < 0.12 * UNIT, early)
        local counters = sandbox.counters(own)
        assert.same({ 1, 1 }, { counters.refreshes, counters.mints })
        refreshing:close()
      end)

      it("ends a call that sleeps before its next try", function()
        local own = sandbox.grant()
        local patient = sandbox.installed(own)
        sandbox.fault(own, { kind = "rate_limit", retry_after = 5, path = "/api" })
        local signal = better_i18n.signal()
        local elapsed = took(run, function()
          local outcomes = better_i18n.all({
            function() return patient:list_organizations { signal = signal } end,
            function()
              pause(50)
              signal:cancel()
            end,
          }, { settle = true })
          assert.equal("cancelled", outcomes[1].error.code)
        end)
        assert.is_true(elapsed < (expect.slow and 4 or 1), elapsed)
        patient:close()
      end)
    end)

    describe("in the world " .. world.name .. " close()", function()
      it("ends the calls of other coroutines", function()
        local own = sandbox.grant { scopes = { "org:read", "projects:write" }, client_id = sandbox.CLIENT_ID }
        local closing = sandbox.installed(own)
        sandbox.fault(own, { kind = "delay", ms = 2000 * UNIT, path = "/api/oauth-client/v1/projects" })
        local elapsed = took(world.run, function()
          local outcomes = better_i18n.all({
            function() return closing:request("GET", "/_sandbox/slow?ms=" .. 3000 * UNIT, SLOW) end,
            function() return closing:create_project { name = "S", slug = "s", sourceLanguage = "en" } end,
            function()
              pause(60 * UNIT)
              closing:close()
              return "closed"
            end,
            function()
              pause(80 * UNIT)
              return closing:me()
            end,
          }, { settle = true })
          assert.same({ "cancelled", "cancelled", "closed", "closed" }, {
            outcomes[1].error.code, outcomes[2].error.code, outcomes[3].value, outcomes[4].error.code,
          })
          expect.holds("the client was closed", outcomes[1].error.message)
          expect.holds("may or may not have been done", outcomes[2].error.message)
        end)
        assert.is_true(elapsed < UNIT, elapsed)
      end)

      it("awaits a refresh that is on the wire, and ends who waited for it", function()
        local own = sandbox.grant { installation = false, client_id = sandbox.CLIENT_ID }
        local saved
        local closing = sandbox.refreshing(own, { on_tokens = function(tokens) saved = tokens.refresh_token end })
        sandbox.fault(own, { kind = "delay", ms = 200 * UNIT, after = true, grant_type = "refresh_token" })
        local outcomes = world.run(function()
          return better_i18n.all({
            function() return closing:list_organizations() end,
            function()
              pause(60)
              closing:close()
            end,
          }, { settle = true })
        end)
        assert.equal("cancelled", outcomes[1].error.code)
        assert.is_true(outcomes[2].ok)
        assert.is_string(saved)
        assert.is_true(saved ~= own.refresh_token)
      end)
    end)
  end
end

describe("two worlds of one program", function()
  local luv_it = worlds.luv and current.can_yield and it or pending

  luv_it("do not lose each other's news", function()
    local uv = require "luv"
    local done = 0
    local function background(ms)
      better_i18n.async(function() pause(ms) end, function(err)
        assert(not err, err)
        done = done + 1
      end, { loop = better_i18n.loop.luv })
    end
    for index = 1, 20 do background(index) end
    uv.run "nowait"
    pause(60) -- blocking: it takes in what ends meanwhile
    better_i18n.all(repeated(5, function() pause(30) end))
    local elapsed = took(uv.run)
    assert.equal(20, done)
    assert.is_true(elapsed < 0.5 * UNIT, elapsed)
  end)

  luv_it("wait for one renewal, whoever drives it", function()
    local uv = require "luv"
    local own = sandbox.grant { installation = false, client_id = sandbox.CLIENT_ID }
    local shared = sandbox.refreshing(own)
    sandbox.fault(own, { kind = "delay", ms = 100, grant_type = "refresh_token" })
    local done = 0
    for _ = 1, 3 do
      better_i18n.async(function() return shared:list_organizations() end, function(err)
        assert(not err, err)
        done = done + 1
      end, { loop = better_i18n.loop.luv })
    end
    uv.run "nowait"
    shared:list_organizations()
    better_i18n.all { function() return shared:list_organizations() end }
    local elapsed = took(uv.run)
    assert.equal(3, done)
    assert.is_true(elapsed < UNIT, elapsed)
    local counters = sandbox.counters(own)
    assert.same({ 1, 1 }, { counters.refreshes, counters.mints })
    shared:close()
  end)

  luv_it("do not wait for a renewal in a loop that stands still", function()
    local uv = require "luv"
    local own = sandbox.grant { installation = false, client_id = sandbox.CLIENT_ID }
    local shared = sandbox.refreshing(own)
    sandbox.fault(own, { kind = "delay", ms = 100, grant_type = "refresh_token" })
    local done
    better_i18n.async(function() return #shared:list_organizations() end, function(_, count) done = count end,
      { loop = better_i18n.loop.luv })
    uv.run "nowait"
    local elapsed = took(function()
      assert.same({ 4 }, better_i18n.all { function() return #shared:list_organizations { timeout = 3 } end })
    end)
    assert.is_true(elapsed < UNIT, elapsed)
    uv.run()
    assert.equal(4, done)
    assert.equal(1, sandbox.counters(own).refreshes)
    shared:close()
  end)

  luv_it("hand over a renewal that one of them left behind", function()
    local uv = require "luv"
    local own = sandbox.grant { installation = false, client_id = sandbox.CLIENT_ID }
    local shared = sandbox.refreshing(own, { random = function() return 0 end })
    sandbox.fault(own, { kind = "delay", ms = 300, path = "/api/oauth-client/installations/" })
    expect.failure("timeout", shared.list_organizations, shared, { timeout = 0.1 })
    local count
    better_i18n.async(function() return #shared:list_organizations() end, function(_, n) count = n end,
      { loop = better_i18n.loop.luv })
    uv.run()
    assert.equal(4, count)
    assert.equal(1, sandbox.counters(own).mints)
    shared:close()
  end)
end)

-- A program of its own that has `better_i18n` and a `client` of the grant.
local function run_with_client(code)
  return process.run(([[
    local better_i18n = require "better_i18n"
    local client = better_i18n.new { base_url = %q, installation_token = %q }
  ]]):format(sandbox.URL, grant.installation_token) .. code)
end

describe("coroutines that end early", function()
  it("give their connection back when they are collected", function()
    if not worlds.cqueues or not current.can_yield then return pending "cqueues is not here" end
    local cqueues = require "cqueues"
    local busy = core.busy()
    local function abandon()
      local controller = cqueues.new()
      controller:wrap(function()
        better_i18n.all(repeated(5, function() pause(3000) end))
      end)
      controller:step(0)
      controller:step(0)
      assert.equal(busy + 5, core.busy())
    end
    abandon()
    for _ = 1, 3 do collectgarbage() end
    assert.equal(busy, core.busy())
    pause(1)
  end)

  it("are no trouble for a client that is collected with them", function()
    local out, err, status = run_with_client([[
      local ok, cqueues = pcall(require, "cqueues")
      if not ok then return end
      local controller = cqueues.new()
      controller:wrap(function()
        local function slow() client:request("GET", "/_sandbox/slow?ms=3000", { token = "none", raw = true }) end
        better_i18n.all { slow, slow }
      end)
      controller:step(0)
      controller:step(0)
      client, controller = nil, nil
      collectgarbage()
      collectgarbage()
      print "fine"
    ]])
    assert.same({ "fine\n", "", 0 }, { out, err, status })
  end)
end)

describe("a fork", function()
  it("leaves client and loop usable in the child", function()
    if not rawget(_G, "jit") or not pcall(require, "ffi") then return pending "only LuaJIT forks without a library" end
    local out, err = run_with_client([[
      local ffi = require "ffi"
      ffi.cdef "int fork(void); int waitpid(int, int *, int); void _exit(int);"
      local function ask() return #client:list_organizations() end
      io.write(table.concat(better_i18n.all { ask, ask }, " "), "\n")
      io.flush()
      local child = ffi.C.fork()
      local results = table.concat(better_i18n.all { ask, ask, ask }, " ")
      if child == 0 then
        io.write("child ", results, "\n")
        io.flush()
        ffi.C._exit(0)
      end
      ffi.C.waitpid(child, nil, 0)
      io.write("parent ", results, " ", ask(), "\n")
    ]])
    assert.equal("", err)
    assert.equal("4 4\nchild 4 4 4\nparent 4 4 4 4\n", out)
  end)

  it("ends the child's copies of calls that are under way at once, and leaves the parent's alone", function()
    if not rawget(_G, "jit") or not pcall(require, "ffi") then return pending "only LuaJIT forks without a library" end
    local out, err = run_with_client([[
      local ffi = require "ffi"
      ffi.cdef "int fork(void); int waitpid(int, int *, int); void _exit(int);"
      local core = require "better_i18n.core"
      local function slow(ms)
        return function()
          local _, problem = better_i18n.try(client.request, client, "GET", "/_sandbox/slow?ms=" .. ms)
          return problem and problem.code or "ok"
        end
      end
      client:list_organizations()
      local child, forked
      local results = better_i18n.all { slow(1000), slow(1000), function()
        slow(50)()
        io.flush()
        child, forked = ffi.C.fork(), core.now()
        return "forked"
      end }
      if child == 0 then
        local late = core.now() - forked > 0.5 and " late" or ""
        io.write("child ", table.concat(results, " "), late, " ", #client:list_organizations(), "\n")
        io.flush()
        ffi.C._exit(0)
      end
      ffi.C.waitpid(child, nil, 0)
      io.write("parent ", table.concat(results, " "), "\n")
    ]])
    assert.equal("", err)
    assert.equal("child cancelled cancelled forked 4\nparent ok ok forked\n", out)
  end)
end)

describe("HTTP/2", function()
  it("carries all concurrent calls on one connection", function()
    local own = sandbox.grant()
    local secure = sandbox.installed(own, { base_url = sandbox.TLS_URL, ca_file = sandbox.CA_FILE })
    better_i18n.all(repeated(60, function() return secure:list_organizations() end), { concurrency = 30 })
    local counters = sandbox.counters(own)
    assert.same({ 60, 60, 1 }, { counters.total, counters.http2_requests, counters.connections })
    secure:close()
  end)

  it("is not needed: max_connections bounds HTTP/1.1", function()
    local own = sandbox.grant()
    local narrow = sandbox.installed(own, { max_connections = 3 })
    better_i18n.all(repeated(60, function() return narrow:list_organizations() end), { concurrency = 30 })
    local counters = sandbox.counters(own)
    assert.equal(60, counters.total)
    assert.is_true(counters.connections <= 3, counters.connections)
    narrow:close()
  end)
end)

describe("many coroutines", function()
  it("with an expired token refresh once and mint once", function()
    local own = sandbox.grant { installation = false, client_id = sandbox.CLIENT_ID }
    local refreshing = sandbox.refreshing(own, { max_connections = 100 })
    local count = current.can_yield and expect.times(1000) or 50
    local results = better_i18n.all(repeated(count, function() return #refreshing:list_organizations() end),
      { concurrency = count })
    assert.equal(count, #results)
    local counters = sandbox.counters(own)
    assert.same({ 1, 1, count + 2 }, { counters.refreshes, counters.mints, counters.total })
    refreshing:close()
  end)
end)
