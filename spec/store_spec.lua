-- The stores: one suite over all that run in scripts, several processes at one store, and Redis when it is away, full,
-- or wants a password. What only a file can suffer is in store_file_spec.lua, nginx in resty_store_spec.lua.
local better_i18n = require "better_i18n"
local cases = require "spec.support.store_cases"
local expect = require "spec.support.expect"
local process = require "spec.support.process"
local redis_server = require "spec.support.redis_server"
local shell = require "spec.support.shell"
local socket = require "socket"

local SECRET = "rt_canary_secret_of_store_spec"
local store = better_i18n.store
local dir, redis

setup(function()
  dir = shell.line "mktemp -d"
  redis = redis_server.new()
end)

teardown(function()
  redis:stop()
  shell.run("rm -rf " .. dir)
end)

-- How to make each: as a function, and as code for another process.
local kinds = {
  memory = { make = function()
    local one = store.memory()
    return function() return one end
  end },
  file = {
    make = function() return function() return store.file(dir .. "/tokens.json") end end,
    code = function() return ("store.file %q"):format(dir .. "/tokens.json") end,
  },
  ["redis over a unix socket"] = {
    make = function() return function() return store.redis { unix = redis.unix } end end,
    code = function() return ("store.redis { unix = %q }"):format(redis.unix) end,
  },
  ["redis over TCP"] = {
    make = function() return function() return store.redis { port = redis.port, db = 3, prefix = "app:" } end end,
  },
  ["redis with a client of the program's own"] = {
    make = function()
      return function()
        return store.redis {
          client = function() return require("redis").connect { host = "127.0.0.1", port = redis.port } end,
        }
      end
    end,
  },
}

local order = {
  "memory", "file", "redis over a unix socket", "redis over TCP", "redis with a client of the program's own",
}

for _, name in ipairs(order) do
  describe("the store " .. name, function()
    for number, case in ipairs(cases) do
      it(case.name, function() case.run(kinds[name].make(), ("case %d of %s"):format(number, name), socket.sleep) end)
    end
  end)
end

-- Several processes ---------------------------------------------------------------------------------------------------

local PRELUDE = ([[
package.path = package.path .. ";%s"
local store = require("better_i18n").store
local socket = require "socket"
local mine = STORE
]]):format(redis_server.LUA_PATH)

local ADD_BY_SWAP = PRELUDE .. [[
for _ = 1, TIMES do
  repeat
    local record, version = mine.load "count"
    local saved = mine.save("count", { n = (record and record.n or 0) + 1 }, version)
  until saved
end]]

local ADD_UNDER_LOCK = PRELUDE .. [[
for _ = 1, TIMES do
  local unlock
  repeat
    unlock = mine.lock("count", 20)
    if not unlock then socket.sleep(0.002) end
  until unlock
  local marker = MARKER
  assert(not io.open(marker), "two hold the lock")
  io.open(marker, "w"):close()
  local record, version = mine.load "count"
  assert(mine.save("count", { n = (record and record.n or 0) + 1 }, version), "lost under the lock")
  os.remove(marker)
  unlock()
end]]

local function fill(code, values)
  return (code:gsub("%u%u%u%u+", function(name) return values[name] and tostring(values[name]) end))
end

for _, name in ipairs { "file", "redis over a unix socket" } do
  describe("several processes at the store " .. name, function()
    local PROCESSES, TIMES = expect.slow and 2 or 4, expect.times(25)

    local function run(code)
      local shared = kinds[name].make()()
      local _, version = shared.load "count"
      shared.save("count", { n = 0 }, version)
      local children = {}
      for i = 1, PROCESSES do
        children[i] = process.start(fill(code, {
          STORE = kinds[name].code(), TIMES = TIMES, MARKER = ("%q"):format(dir .. "/marker"),
        }))
      end
      for i = 1, PROCESSES do
        local _, err, status = children[i].wait()
        assert.same({ "", 0 }, { err, status })
      end
      assert.equal(PROCESSES * TIMES, shared.load("count").n)
    end

    it("lose no update", function() run(ADD_BY_SWAP) end)
    it("exclude each other by the lock", function() run(ADD_UNDER_LOCK) end)
  end)
end

-- What may be given ---------------------------------------------------------------------------------------------------

describe("a store's options", function()
  it("are checked", function()
    for _, wrong in ipairs { 7, "", "a\nb", "folder/", {} } do
      expect.refused("path", store.file, wrong)
    end
    expect.refused("options must be a table", store.redis, "localhost")
    expect.refused("unknown option 'hots'", store.redis, { hots = "x" })
    expect.refused("unknown option '1'", store.redis, { "x" })
    for field, values in pairs {
      host = { 7, "", "a\n" }, port = { "x", 0, 65536, 1.5, 0 / 0 }, unix = { "", true }, db = { -1, 0.5, "1" },
      timeout = { 0, -1, "1", math.huge }, prefix = { 7, "a\0" }, password = { 7 }, client = { {} },
    } do
      for _, value in ipairs(values) do expect.refused(field, store.redis, { [field] = value }) end
    end
    expect.refused("password", store.redis, { username = "app" })
    local err = expect.refused("password must be", store.redis, { password = { SECRET } })
    assert.is_nil(expect.everything(err):find(SECRET, 1, true))
  end)

  it("of shared_dict need nginx", function()
    expect.refused("in nginx alone", store.shared_dict, "tokens")
    expect.refused("name", store.shared_dict, 7)
  end)

  it("name no store that is not there", function()
    assert.is_nil(store.no_such_store)
    assert.is_nil(store[1])
  end)
end)

describe("the check of a user's own store", function()
  local check = require("better_i18n.store.contract").check
  local function nothing() end

  it("takes ours, and a table with three functions", function()
    local own = { load = nothing, save = nothing, lock = nothing }
    assert.equal(own, check("new", own))
    check("new", store.memory())
    check("new", store.file(dir .. "/x.json"))
  end)

  it("refuses the rest by name", function()
    expect.refused("new: store must be", check, "new", "file")
    expect.refused("store.load", check, "new", { save = nothing, lock = nothing })
    expect.refused("store.save", check, "new", { load = nothing, save = {}, lock = nothing })
    expect.refused("store.lock", check, "new", { load = nothing, save = nothing })
    expect.refused("keeps_installation_tokens", check, "new",
      { load = nothing, save = nothing, lock = nothing, keeps_installation_tokens = 1 })
  end)

  it("says which store keeps no installation tokens", function()
    assert.is_false(store.file(dir .. "/x.json").keeps_installation_tokens)
    assert.is_true(store.memory().keeps_installation_tokens ~= false)
  end)
end)

-- Redis ---------------------------------------------------------------------------------------------------------------

local function silent(err) assert.is_nil(expect.everything(err):find(SECRET, 1, true)) end

-- Each function of the store fails with `store`, says the text, and no secret.
local function fails(one, ...)
  local calls = {
    function() one.load "key" end,
    function() one.save("key", { refresh_token = SECRET }, nil) end,
    function() one.lock("key", 5) end,
  }
  for _, call in ipairs(calls) do
    local err = expect.failure("store", call)
    for i = 1, select("#", ...) do expect.holds((select(i, ...)), err.message) end
    silent(err)
  end
end

describe("Redis", function()
  it("that is away is named, and serves again when it is back", function()
    local mine = redis_server.new()
    local by_port, by_path = store.redis { port = mine.port }, store.redis { unix = mine.unix }
    assert.truthy(by_port.save("away", { n = 1 }, nil))
    assert.equal(1, by_path.load("away").n)
    local unlock = by_port.lock("away", 5)
    mine:halt()
    fails(by_port, "cannot be reached", "127.0.0.1:" .. mine.port)
    fails(by_path, "cannot be reached", mine.unix)
    unlock()
    mine:start()
    assert.is_nil((by_port.load "away"))
    assert.truthy(by_port.save("away", { n = 2 }, nil))
    assert.equal(2, by_path.load("away").n)
    mine:halt() -- and a restart that the kept connections did not see
    mine:start()
    assert.truthy(by_port.save("away", { n = 3 }, nil))
    assert.truthy(by_path.lock("away", 5))
    mine:stop()
  end)

  it("that takes the connection and says nothing costs the timeout", function()
    local silent_server = assert(socket.bind("127.0.0.1", 0))
    local _, port = silent_server:getsockname()
    local one = store.redis { port = tonumber(port), timeout = 0.2 }
    local start = socket.gettime()
    local err = expect.failure("store", one.load, "key")
    expect.holds("timeout", err.message)
    assert.is_true(socket.gettime() - start < (expect.slow and 5 or 1))
    silent_server:close()
  end)

  it("that hangs after it had answered costs the timeout once", function()
    local mine = redis_server.new()
    local one = store.redis { port = mine.port, timeout = 0.3 }
    one.load "key"
    shell.run("pkill -STOP -P " .. mine.pid)
    local start = socket.gettime()
    expect.holds("timeout", expect.failure("store", one.load, "key").message)
    local took = socket.gettime() - start
    shell.run("pkill -CONT -P " .. mine.pid)
    assert.is_true(took > 0.2 and took < (expect.slow and 5 or 1), took)
    assert.is_nil((one.load "key"))
    mine:stop()
  end)

  it("takes a password and a user", function()
    local mine = redis_server.new("--requirepass " .. SECRET)
    fails(store.redis { port = mine.port }, "refused", "NOAUTH")
    fails(store.redis { port = mine.port, password = SECRET .. "-wrong" }, "refused", "WRONGPASS")
    assert.truthy(store.redis({ port = mine.port, password = SECRET }).save("key", { n = 1 }, nil))
    local admin = require("redis").connect { host = "127.0.0.1", port = mine.port }
    admin:auth(SECRET)
    admin:raw_cmd("ACL SETUSER app on >" .. SECRET .. " ~better_i18n:* +@all -@dangerous")
    admin:quit()
    local app = { port = mine.port, username = "app", password = SECRET }
    assert.equal(1, store.redis(app).load("key").n)
    app.prefix = "other:"
    fails(store.redis(app), "refused", "NOPERM")
    mine:stop()
  end)

  it("that has no scripts or no room says so, without what was sent", function()
    local mine = redis_server.new "--rename-command EVAL '' --rename-command AUTH ''"
    local err = expect.failure("store", store.redis({ port = mine.port }).save, "key", { refresh_token = SECRET })
    expect.holds("unknown command", err.message)
    silent(err)
    fails(store.redis { port = mine.port, password = SECRET }, "unknown command")
    mine:stop()
    mine = redis_server.new "--maxmemory 1"
    err = expect.failure("store", store.redis({ port = mine.port }).save, "key", { refresh_token = SECRET })
    expect.holds("OOM", err.message)
    silent(err)
    mine:stop()
    mine = redis_server.new "--replicaof 127.0.0.1 1 --replica-serve-stale-data yes"
    err = expect.failure("store", store.redis({ port = mine.port }).save, "key", { refresh_token = SECRET })
    expect.holds("READONLY", err.message)
    silent(err)
    mine:stop()
  end)

  it("lets a record end with its refresh token", function()
    local one = store.redis { port = redis.port }
    local function lifetime(ends)
      local key = "ttl " .. tostring(ends)
      assert.truthy(one.save(key, { refresh_expires_at = ends }, nil))
      return redis:command("ttl", "better_i18n:record:" .. key)
    end
    local day = 86400
    local function near(wanted, found) assert.is_true(math.abs(wanted - found) < 20, wanted .. " is not " .. found) end
    near(30 * day, lifetime(nil))
    near(7 * day, lifetime(os.time() + 7 * day))
    near(60, lifetime(os.time() - day)) -- a clock that is wrong deletes nothing
    near(3650 * day, lifetime(1e15))
    assert.truthy(one.lock("ttl", 5))
    near(5, redis:command("ttl", "better_i18n:lock:ttl"))
  end)

  it("with something else under the key says so", function()
    local one = store.redis { port = redis.port }
    redis:command("set", "better_i18n:record:odd", SECRET)
    local err = expect.failure("store", one.load, "odd")
    expect.holds("WRONGTYPE", err.message)
    local garbage = { "", "x" .. SECRET, '["' .. SECRET .. '"]', '{"a":{}}', '{"a":["' .. SECRET .. '"]}', "7" }
    for index, text in ipairs(garbage) do
      local key = "odd " .. index
      redis:command("hmset", "better_i18n:record:" .. key, "version", "1", "record", text)
      err = expect.failure("store", one.load, key)
      expect.holds("better_i18n:record:" .. key, err.message)
      silent(err)
    end
  end)

  it("is connected to once", function()
    local one = store.redis { port = redis.port }
    local function connections() return tonumber(redis:command("info").stats.total_connections_received) end
    one.load "key"
    local before = connections()
    for _ = 1, 20 do one.load "key" end
    assert.equal(before + 1, connections()) -- the question's own
  end)
end)

-- A fork without exec, which plain Lua does not have.
if jit then
  local ffi = require "ffi"
  ffi.cdef "int fork(void); void _exit(int); int waitpid(int, int *, int);"

  -- Whether fn() is true in a child.
  local function in_child(fn)
    local pid = ffi.C.fork()
    if pid == 0 then
      local ok, value = pcall(fn)
      ffi.C._exit(ok and value and 0 or 1)
    end
    local status = ffi.new "int[1]"
    ffi.C.waitpid(pid, status, 0)
    return status[0] == 0
  end

  describe("a forked child", function()
    for _, name in ipairs { "file", "redis over a unix socket" } do
      it("neither holds nor gives back its parent's lock in " .. name, function()
        local one = kinds[name].make()()
        local unlock = one.lock("forked", 20)
        assert.is_true(in_child(function()
          local was_held = one.lock("forked", 20) == nil
          unlock()
          return was_held and one.lock("forked", 20) == nil
        end))
        assert.is_nil(one.lock("forked", 20))
        unlock()
        unlock = one.lock("forked", 20)
        assert.truthy(unlock)
        unlock()
      end)

      it("uses the store as its parent does in " .. name, function()
        local one = kinds[name].make()()
        local version = one.save("fork", { n = 0 }, nil)
        for n = 1, 5 do
          assert.is_true(in_child(function()
            local record, there = one.load "fork"
            return record.n == n - 1 and there == version
          end))
          assert.is_true(in_child(function() return one.save("fork " .. n, { n = n }, nil) end))
          version = one.save("fork", { n = n }, version)
          assert.equal(n, one.load("fork " .. n).n)
        end
      end)
    end

    it("makes a connection to Redis of its own", function()
      local one = store.redis { port = redis.port }
      one.load "fork"
      local function connections() return tonumber(redis:command("info").stats.total_connections_received) end
      local before = connections()
      assert.is_true(in_child(function() return one.load "none" == nil end))
      assert.equal(before + 2, connections()) -- the child's, and the question's own
    end)
  end)
end
