-- The loop inside a real nginx, with several workers and with one, against the sandbox.
local cjson = require "cjson"
local cases = require "spec.conformance.cases"
local host = require "spec.support.nginx_host"
local redis_server = require "spec.support.redis_server"
local sandbox = require "spec.support.nginx_sandbox"
local shell = require "spec.support.shell"
local socket = require "socket"

local EMAIL = "zoe@example.com" -- the sandbox's one user
local service, app

setup(function()
  assert(shell.run "make -s LUA=luajit >/dev/null 2>&1", "the module for LuaJIT does not build")
  service = sandbox.start()
  app = {
    organization_id = service.ORGANIZATION_ID,
    client = {
      base_url = service.URL, mcp_url = service.MCP_URL, cdn_url = service.CDN_URL,
      client_id = service.CLIENT_ID, client_secret = service.CLIENT_SECRET,
      grant_id = service.GRANT_ID, refresh_token = service.REFRESH_TOKEN, access_token = service.ACCESS_TOKEN,
      max_connections = 500,
    },
  }
end)

teardown(function()
  host.stop_all()
  service:stop()
end)

-- The answer of an action; raises what the handler says went wrong outside the SDK.
local function decode(body)
  local ok, answer = pcall(cjson.decode, body)
  assert(ok, body)
  return answer
end

local function ask(nginx, path)
  local status, body = nginx:get(path)
  assert.equal(200, status, body)
  return decode(body)
end

local function value_of(nginx, path)
  local answer = ask(nginx, path)
  assert(answer.ok, cjson.encode(answer))
  return answer.value
end


for _, workers in ipairs { 1, 4 } do
  describe("nginx with " .. workers .. " worker(s)", function()
    local nginx

    setup(function() nginx = host.start { workers = workers, app = app } end)
    teardown(function()
      assert.equal("", nginx:complaints())
      nginx:stop()
    end)

    for _, phase in ipairs { "content", "rewrite", "access", "timer", "abortable" } do
      it("serves calls in the phase " .. phase, function()
        assert.equal(EMAIL, value_of(nginx, "/" .. phase .. "/me"))
        assert.equal("table", type(value_of(nginx, "/" .. phase .. "/projects")))
        assert.equal(EMAIL, value_of(nginx, "/" .. phase .. "/coroutine"))
      end)

      it("raises the same errors as scripts in the phase " .. phase, function()
        local err = ask(nginx, "/" .. phase .. "/missing").err
        assert.equal(404, err.status)
        assert.equal("invalid_argument", ask(nginx, "/" .. phase .. "/bad_argument").err.code)
        err = ask(nginx, "/" .. phase .. "/get?path=/_sandbox/slow?ms=2000&timeout=0.1&max_retries=0").err
        assert.equal("timeout", err.code)
      end)
    end

    it("waits for a callback at a loopback port and serves others meanwhile", function()
      assert.equal("spl_1 Connected", value_of(nginx, "/content/loopback"))
    end)

    it("does 200 calls at once in one request, none after the other", function()
      local start = socket.gettime()
      assert.equal(200, value_of(nginx, "/content/many?n=200&path=/_sandbox/slow?ms=200"))
      assert.is_true(socket.gettime() - start < 2)
    end)

    it("waits before it tries again, and tries again", function()
      service:control("fault", { kind = "status", status = 503, path = "/_sandbox/static", times = 1 })
      assert.equal(2, value_of(nginx, "/content/get?path=/_sandbox/static").attempts)
    end)

    it("serves other requests while calls are under way", function()
      local slow = {}
      for i = 1, 20 do slow[i] = nginx:send "/content/get?path=/_sandbox/slow?ms=600" end
      local start = socket.gettime()
      for _ = 1, 20 do assert.equal(200, (nginx:get "/static")) end
      assert.is_true(socket.gettime() - start < 0.4)
      for i = 1, 20 do assert.is_true(decode((host.receive(slow[i]))).ok) end
    end)

    it("ends calls of a client that is closed meanwhile", function()
      assert.equal("cancelled", value_of(nginx, "/content/close_under_way?path=/_sandbox/slow?ms=5000"))
      assert.equal("closed", value_of(nginx, "/content/own_client"))
    end)

    it("goes on after a pause in which the dispatcher ended", function()
      for _ = 1, 2 do
        assert.equal(EMAIL, value_of(nginx, "/content/me"))
        for _, pid in ipairs(nginx:workers()) do
          assert.truthy(host.await(function() return host.threads(pid) == 1 end, 3))
        end
      end
      assert.equal(0, nginx:leftovers())
    end)
  end)
end

describe("a phase that cannot wait", function()
  local nginx

  setup(function() nginx = host.start { app = app } end)
  teardown(function() nginx:stop() end)

  it("is refused before anything is sent, by name", function()
    local before = service:counters(service.GRANT_ID).total
    assert.equal(200, (nginx:get "/filters"))
    for _, phase in ipairs { "set", "header_filter", "body_filter", "log", "balancer", "init_worker" } do
      local _, text = nginx:get("/seen?name=" .. phase)
      assert.truthy(text:find("invalid_argument", 1, true), text)
      assert.truthy(text:find("phase " .. phase, 1, true), text)
    end
    local err = value_of(nginx, "/content/init_error")
    assert.equal("invalid_argument", err.code)
    assert.truthy(err.message:find("phase init", 1, true))
    assert.equal(before, service:counters(service.GRANT_ID).total)
  end)
end)

-- Sends so many requests at once; `aborted(i)` of them are given up at once. Returns how many of the others succeeded.
local function crowd(nginx, n, path, aborted)
  local connections, good = {}, 0
  for i = 1, n do connections[i] = nginx:send(path(i)) end
  socket.sleep(0.1)
  for i = 1, n do
    if aborted(i) then
      connections[i]:close()
    end
  end
  for i = 1, n do
    if not aborted(i) then
      local answer = decode((host.receive(connections[i])))
      assert(answer.ok, cjson.encode(answer))
      good = good + answer.value
    end
  end
  return good
end

-- Requests that wait for something slow, whose clients have gone away.
local function abandon(nginx, n)
  local connections = {}
  for i = 1, n do connections[i] = nginx:send "/abortable/get?path=/_sandbox/slow?ms=20000" end
  socket.sleep(0.2)
  for i = 1, n do connections[i]:close() end
end

describe("a renewal among workers that share a store", function()
  local nginx, redis

  setup(function()
    redis = redis_server.new()
    nginx = host.start { workers = 4, app = app }
  end)
  teardown(function()
    assert.equal("", nginx:complaints())
    nginx:stop()
    redis:stop()
  end)

  for _, store in ipairs { "shared_dict", "redis" } do
    it("is one for 1,000 who wait, also when many of them go away (" .. store .. ")", function()
      local grant = service:control("grant",
        { client_id = service.CLIENT_ID, installation = false, rotation = "reuse_detection" })
      service:control("fault", { kind = "delay", ms = 400, grant_id = grant.grant_id, grant_type = "refresh_token" })
      local path = ("/abortable/grant?id=%s&refresh=%s&n=10&store=%s&port=%d"):format(
        grant.grant_id, grant.refresh_token, store, redis.port)
      local good = crowd(nginx, 100, function() return path end, function(i) return i % 3 == 1 end)
      assert.equal(660, good)
      local counters = service:counters(grant.grant_id)
      assert.same({ 1, 1, 1 }, { counters.refresh_requests, counters.refreshes, counters.mints })
    end)
  end
end)

local function leaves_in_time(nginx)
  nginx:signal "QUIT"
  return nginx:await_end(1.5)
end

describe("a renewal", function()
  local nginx

  setup(function() nginx = host.start { app = app } end)
  teardown(function()
    assert.equal("", nginx:complaints())
    nginx:stop()
  end)

  -- 100 requests with 10 calls each, all in need of a refresh and a mint that take a while.
  local function renew(location, aborted)
    local grant = service:control("grant", { client_id = service.CLIENT_ID, installation = false })
    service:control("expire", { grant_id = grant.grant_id, what = "access" })
    service:control("fault", { kind = "delay", ms = 400, grant_id = grant.grant_id, grant_type = "refresh_token" })
    local path = ("/%s/grant?id=%s&refresh=%s&n=10"):format(location, grant.grant_id, grant.refresh_token)
    local good = crowd(nginx, 100, function() return path end, aborted)
    return good, service:counters(grant.grant_id), grant.grant_id
  end

  it("is one for 1,000 who wait", function()
    local good, counted = renew("content", function() return false end)
    assert.equal(1000, good)
    assert.equal(1, counted.refresh_requests)
    assert.equal(1, counted.mints)
    assert.equal(1, counted.max_concurrent_by_route.token or 1)
  end)

  for _, location in ipairs { "abortable", "content" } do
    it("goes on when those who wait go away, also the first (" .. location .. ")", function()
      local good, counted = renew(location, function(i) return i % 3 == 1 end)
      assert.equal(660, good)
      assert.equal(1, counted.refresh_requests)
      assert.equal(1, counted.mints)
    end)
  end

  it("goes on when all who wait go away", function()
    local _, _, grant_id = renew("abortable", function() return true end)
    assert.truthy(host.await(function() return service:counters(grant_id).mints == 1 end, 2))
    assert.equal(1, service:counters(grant_id).refresh_requests)
  end)

  it("leaves nothing behind when those who wait go away", function()
    abandon(nginx, 20)
    assert.truthy(host.await(function()
      return value_of(nginx, "/content/state").busy == 0
    end, 5), "calls of requests that are gone still hold their connections")
  end)
end)

describe("a worker that leaves", function()
  local nginx

  before_each(function() nginx = host.start { app = app } end)
  after_each(function()
    assert.equal("", nginx:complaints())
    assert.equal(0, nginx:leftovers())
    nginx:stop()
  end)

  it("ends within 1.5 s when nothing is under way", function()
    assert.equal(1, value_of(nginx, "/content/get?path=/_sandbox/static").attempts)
    assert.truthy(leaves_in_time(nginx))
  end)

  it("ends within 1.5 s when whoever called has gone away", function()
    abandon(nginx, 20)
    assert.truthy(leaves_in_time(nginx))
  end)

  it("ends the calls that it accepted, and those that they begin", function()
    local slow = {}
    for i = 1, 10 do slow[i] = nginx:send "/content/twice?path=/_sandbox/slow?ms=600" end
    socket.sleep(0.2)
    nginx:signal "QUIT" -- no new connections; those that are there go on
    for i = 1, 10 do assert.is_true(decode((host.receive(slow[i]))).ok) end
    assert.truthy(nginx:await_end(1.5))
  end)

  it("is not held up by a fast shutdown", function()
    nginx:send "/content/get?path=/_sandbox/slow?ms=20000"
    socket.sleep(0.2)
    nginx:signal "TERM"
    assert.truthy(nginx:await_end(1.5))
  end)
end)

describe("reloading under load", function()
  it("fails no call that the old worker accepted, and leaves nothing", function()
    local nginx = host.start { workers = 2, app = app }
    assert.equal(1, value_of(nginx, "/content/get?path=/_sandbox/static").attempts)
    local masters = host.files(nginx.pid) -- among them those of the client that init_by_lua made
    local pending, good, sent = {}, 0, 0
    for _ = 1, 10 do
      for _ = 1, 20 do
        sent = sent + 1
        pending[sent] = nginx:send "/content/twice?path=/_sandbox/slow?ms=150"
      end
      socket.sleep(0.1)
      nginx:signal "HUP"
    end
    for i = 1, sent do
      local answer = decode((host.receive(pending[i])))
      if answer.ok then good = good + 1 end
    end
    assert.equal(200, sent)
    assert.equal(sent, good)
    assert.truthy(host.await(function() return #nginx:workers() == 2 end, 3), "an old worker is left")
    assert.truthy(host.await(function() return host.files(nginx.pid) == masters end, 3),
      "the master gathers descriptors")
    for _, pid in ipairs(nginx:workers()) do
      assert.truthy(host.await(function() return host.threads(pid) == 1 end, 3), "a thread is left")
    end
    assert.equal("", nginx:complaints())
    assert.equal(0, nginx:leftovers())
    nginx:stop()
  end)

  it("neither gathers descriptors nor threads in a worker that goes on", function()
    local nginx = host.start { app = app }
    local pid, port = nginx:workers()[1], tonumber(service.URL:match ":(%d+)$")
    local counts = {}
    for round = 1, 5 do
      assert.equal(50, value_of(nginx, "/content/many?n=50&path=/_sandbox/slow?ms=50"))
      assert.truthy(host.await(function() return host.threads(pid) == 1 end, 3))
      -- On a busy machine the first call has ended before the fiftieth begins: then fewer connections are kept.
      local kept = host.connections(pid, port)
      assert.is_true(kept >= 1 and kept <= 50, kept .. " connections")
      counts[round] = host.descriptors(pid) - kept
    end
    for round = 2, 5 do assert.equal(counts[1], counts[round]) end
    nginx:stop()
  end)
end)

describe("lua_code_cache off", function()
  it("gives each request a Lua VM, and keeps none of them", function()
    local nginx = host.start { app = app, cache = "off" }
    local pid = nginx:workers()[1]
    local function requests(n)
      for _ = 1, n do assert.equal(1, value_of(nginx, "/content/get?path=/_sandbox/static").attempts) end
    end
    requests(200)
    local memory, descriptors = host.memory(pid), host.descriptors(pid)
    requests(1000)
    assert.is_true(host.memory(pid) < memory + 4096, memory .. " KiB grew to " .. host.memory(pid))
    -- The last one's may still be there when we look.
    assert.truthy(host.await(function() return host.descriptors(pid) <= descriptors + 2 end, 3), "descriptors stay")
    assert.equal(EMAIL, value_of(nginx, "/content/me"))
    assert.truthy(host.await(function() return host.threads(pid) == 1 end, 1))
    assert.truthy(leaves_in_time(nginx))
    assert.equal("", nginx:complaints "lua_code_cache is off")
    assert.equal(0, nginx:leftovers())
    nginx:stop()
  end)
end)

describe("the cases of all loops", function()
  local nginx

  setup(function() nginx = host.start { app = app } end)
  teardown(function()
    assert.equal("", nginx:complaints())
    nginx:stop()
  end)

  local for_case = {
    control = function(path, fields) return service:control(path, fields) end,
  }

  local function prepare(case)
    local fields = { client_id = service.CLIENT_ID, installation = false }
    for name, value in pairs(case.grant or {}) do fields[name] = value end
    local grant = service:control("grant", fields)
    if case.before then case.before(for_case, grant) end
    for _, fault in ipairs(case.faults or {}) do
      local rule = { grant_id = grant.grant_id }
      for name, value in pairs(fault) do rule[name] = value end
      service:control("fault", rule)
    end
    return grant
  end

  for _, phase in ipairs { "content", "timer" } do
    for number, case in ipairs(cases) do
      it("give the same in the phase " .. phase .. ": " .. case.name, function()
        local grant = prepare(case)
        local value = value_of(nginx, ("/%s/case?number=%d&id=%s&access=%s&refresh=%s"):format(phase, number,
          grant.grant_id, grant.access_token, grant.refresh_token))
        assert.same(decode(cjson.encode(case.result)), value)
        local counters, wanted = service:counters(grant.grant_id), case.counters
        if wanted[1] then assert.equal(wanted[1], counters.total) end
        assert.same({ wanted[2], wanted[3] }, { counters.refreshes, counters.mints })
      end)
    end
  end
end)

describe("when nginx drops timers beyond lua_max_running_timers", function()
  it("calls and renewals take longer, but end", function()
    local nginx = host.start { app = app, http = "lua_max_running_timers 1;" }
    assert.is_true(ask(nginx, "/content/hold_timer?seconds=2").ok)
    socket.sleep(0.1)
    local start = socket.gettime()
    for _ = 1, 5 do assert.equal(1, value_of(nginx, "/content/get?path=/_sandbox/slow?ms=50").attempts) end
    assert.is_true(socket.gettime() - start < 1)
    local grant = service:control("grant", { client_id = service.CLIENT_ID, installation = false })
    local path = ("/content/grant?id=%s&refresh=%s&n=10"):format(grant.grant_id, grant.refresh_token)
    assert.equal(10, value_of(nginx, path))
    assert.equal(1, service:counters(grant.grant_id).refresh_requests)
    assert.truthy(leaves_in_time(nginx))
    assert.equal("", nginx:complaints "lua_max_running_timers are not enough")
    nginx:stop()
  end)
end)
