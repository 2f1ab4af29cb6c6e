-- The stores inside a real nginx with several workers: the shared dictionary, and Redis through cosockets.
local cases = require "spec.support.store_cases"
local cjson = require "cjson"
local expect = require "spec.support.expect"
local host = require "spec.support.nginx_host"
local redis_server = require "spec.support.redis_server"
local shell = require "spec.support.shell"
local socket = require "socket"

local SECRET = "rt_canary_secret_of_resty_store_spec"
local redis, nginx

local function start(workers)
  return host.start {
    workers = workers, listen = "reuseport",
    app = { client = { installation_token = "unused", base_url = "http://127.0.0.1:1" } },
    http = "lua_shared_dict tokens 16m; lua_shared_dict small 32k; lua_socket_log_errors off;",
    server = ([[
      location /store/ { content_by_lua_block { require("nginx_stores").serve() } }
      location = /in_log {
          log_by_lua_block { require("nginx_stores").load_where_nothing_waits(%d) }
          return 200 "logged\n";
      }]]):format(redis.port),
  }
end

setup(function()
  assert(shell.run "make -s LUA=luajit >/dev/null 2>&1", "the module for LuaJIT does not build")
  redis = redis_server.new()
  nginx = start(4)
end)

teardown(function()
  local complaints = nginx:complaints "recv%(%) failed %(104" -- nginx's own word when Redis goes away
  nginx:stop()
  redis:stop()
  assert.equal("", complaints)
end)

local function encode(text)
  return (tostring(text):gsub("[^%w_.-]", function(c) return ("%%%02X"):format(c:byte()) end))
end

local function path_of(action, args)
  local parts = {}
  for name, value in pairs(args) do parts[#parts + 1] = name .. "=" .. encode(value) end
  return "/store/" .. action .. "?" .. table.concat(parts, "&")
end

local function ask(action, args)
  local status, body = nginx:get(path_of(action, args))
  assert.equal(200, status, body)
  return cjson.decode(body)
end

local function value_of(action, args)
  local answer = ask(action, args)
  assert(answer.ok, cjson.encode(answer))
  return answer.value
end

local function fails(code, text, action, args)
  local answer = ask(action, args)
  assert.is_false(answer.ok)
  assert.equal(code, answer.err.code, answer.err.message)
  expect.holds(text, answer.err.message)
  assert.is_nil(answer.err.message:find(SECRET, 1, true))
end

local function with(args, more)
  local all = {}
  for name, value in pairs(args) do all[name] = value end
  for name, value in pairs(more) do all[name] = value end
  return all
end

local kinds = {
  shared_dict = function() return { store = "shared_dict" } end,
  redis = function() return { store = "redis", unix = redis.unix } end,
}

for _, kind in ipairs { "shared_dict", "redis" } do
  describe("the store " .. kind .. " in nginx", function()
    for number, case in ipairs(cases) do
      it(case.name, function()
        value_of("case", with(kinds[kind](), { number = number, key = ("case %d of %s"):format(number, kind) }))
      end)
    end

    for _, lock in ipairs { false, "yes" } do
      it("loses no update of several workers " .. (lock and "under its lock" or "that swap"), function()
        local TIMES, REQUESTS = expect.times(20), 16
        local found = ask("load", with(kinds[kind](), { key = "count" })).value
        local before = type(found) == "table" and found.n or 0
        local pending, pids = {}, {}
        local path = path_of("add", with(kinds[kind](), { times = TIMES, lock = lock or nil }))
        for i = 1, REQUESTS do pending[i] = nginx:send(path) end
        for i = 1, REQUESTS do
          local answer = cjson.decode((host.receive(pending[i])))
          assert(answer.ok, cjson.encode(answer))
          pids[answer.pid] = true
        end
        assert.equal(before + REQUESTS * TIMES, value_of("load", with(kinds[kind](), { key = "count" })).n)
        assert.truthy(next(pids, (next(pids))), "one worker served all")
      end)
    end
  end)
end

describe("the shared dictionary", function()
  local function args(more) return with({ store = "shared_dict", name = "tokens" }, more) end

  it("must be there", function()
    local args_of_missing = { store = "shared_dict", name = "missing", key = "a" }
    fails("invalid_argument", "lua_shared_dict missing 10m;", "load", args_of_missing)
  end)

  it("serves the last record when a worker was killed between its steps", function()
    for n = 1, 3 do assert.is_true(value_of("save", args { key = "torn", n = n })) end
    for n = 4, 6 do
      value_of("tear", args { key = "torn" })
      assert.equal(n - 1, value_of("load", args { key = "torn" }).n)
      assert.is_true(value_of("save", args { key = "torn", n = n }))
      assert.equal(n, value_of("load", args { key = "torn" }).n)
    end
  end)

  it("takes a new record after an eviction of either part", function()
    for _, what in ipairs { "head:", "record:" } do
      local key = "evicted " .. what
      assert.is_true(value_of("save", args { key = key, n = 1 }))
      assert.is_true(value_of("save", args { key = key, n = 2 }))
      value_of("evict", args { key = key, what = what })
      assert.equal(cjson.null, ask("load", args { key = key }).value or cjson.null)
      assert.is_true(value_of("save", args { key = key, n = 3 }))
      assert.equal(3, value_of("load", args { key = key }).n)
    end
  end)

  it("that is full is an error, evicts nothing, and works again", function()
    local small = { store = "shared_dict", name = "small" }
    local text = ("t"):rep(1500)
    assert.is_true(value_of("save", with(small, { key = "old", n = 1, token = SECRET })))
    local own = value_of("fill", with(small, { size = 1000 }))
    value_of("fill", with(small, { size = 1 }))
    assert.is_true(own > 3)
    own = value_of("count", small)
    fails("store", "no memory left", "save", with(small, { key = "old", n = 2, token = SECRET, text = text }))
    fails("store", "lua_shared_dict small", "save", with(small, { key = "new", n = 2, token = SECRET, text = text }))
    assert.equal(1, value_of("load", with(small, { key = "old" })).n)
    assert.equal(own, value_of("count", small))
    value_of("free", small)
    assert.is_true(value_of("save", with(small, { key = "new", n = 3, text = text })))
    assert.equal(3, value_of("load", with(small, { key = "new" })).n)
  end)

  it("lets a record end with its refresh token", function()
    local function near(wanted, ends)
      local found = value_of("lifetime", args { key = "ttl " .. tostring(ends), ends = ends })
      assert.is_true(math.abs(wanted - found) < 20, wanted .. " is not " .. found)
    end
    near(30 * 86400, nil)
    near(86400, os.time() + 86400)
    near(60, os.time() - 86400)
  end)

  it("takes nothing from a worker that slept in the middle of a save", function()
    assert.is_true(value_of("save", args { key = "late", n = 1 }))
    assert.same({ saved = false, n = 3 }, value_of("late", args { key = "late" }))
    assert.is_true(value_of("save", args { key = "late", n = 4 }))
    assert.equal(4, value_of("load", args { key = "late" }).n)
  end)

  it("survives workers that are killed in the middle of saves", function()
    local shared = nginx
    nginx = start(2)
    for round = 1, expect.times(20) do
      local connection = nginx:send(path_of("storm", args {}))
      socket.sleep(0.05 + (round % 7) * 0.003)
      local pids = nginx:workers()
      for _, pid in ipairs(pids) do shell.run("kill -KILL " .. pid .. " 2>/dev/null") end
      connection:close()
      assert.truthy(host.await(function() return nginx:get "/static" == 200 end, 5), "no worker came back")
      local record = value_of("load", args { key = "storm" })
      assert.equal(("%.0f"):format(record.n):rep(200), record.text)
      assert.is_true(value_of("save", args { key = "storm", n = 0, text = ("0"):rep(200) }))
    end
    for line in nginx:complaints("exited on signal 9"):gmatch "[^\n]+" do
      expect.holds("was locked by", line) -- by a dead worker; nginx itself takes the lock away from it
    end
    nginx:stop()
    nginx = shared
  end)
end)

describe("Redis in nginx", function()
  it("is connected to once by a worker that asks one thing after another", function()
    local one = start(1)
    local shared
    shared, nginx = nginx, one
    local function connections() return tonumber(redis:command("info").stats.total_connections_received) end
    value_of("load", with(kinds.redis(), { key = "kept" }))
    local before = connections()
    for _ = 1, 20 do value_of("load", with(kinds.redis(), { key = "kept" })) end
    assert.equal(before + 1, connections()) -- the question's own
    nginx = shared
    assert.equal("", one:complaints())
    one:stop()
  end)

  it("that is away is named, and serves again when it is back", function()
    local mine = redis_server.new()
    local args = { store = "redis", port = mine.port, key = "away" }
    assert.is_true(value_of("save", with(args, { n = 1 })))
    mine:halt()
    for _, action in ipairs { "load", "save", "lock" } do
      fails("store", "cannot be reached", action, with(args, { token = SECRET }))
    end
    mine:start()
    for _ = 1, 8 do assert.is_true(value_of("save", with(args, { n = 2 }))) end
    assert.equal(2, value_of("load", args).n)
    mine:stop()
  end)

  it("takes a password, for those alone who have it", function()
    local mine = redis_server.new("--requirepass " .. SECRET)
    local args = { store = "redis", port = mine.port, key = "secret" }
    for _ = 1, 8 do assert.is_true(value_of("save", with(args, { password = SECRET, n = 1 }))) end
    for _ = 1, 8 do
      fails("store", "NOAUTH", "load", args)
      fails("store", "WRONGPASS", "load", with(args, { password = SECRET .. "x" }))
    end
    mine:stop()
  end)

  it("that says nothing costs the timeout", function()
    local listener = assert(socket.bind("127.0.0.1", 0))
    local _, port = listener:getsockname()
    fails("store", "timeout", "load", { store = "redis", port = port, timeout = 0.2, key = "a" })
    listener:close()
  end)

  it("cannot be asked where nginx has no cosockets", function()
    nginx:get "/in_log"
    assert.truthy(host.await(function()
      local _, text = nginx:get "/seen?name=redis_in_log"
      return text == "store\n"
    end, 2))
  end)
end)
