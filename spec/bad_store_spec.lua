-- Stores that misbehave: wrong shapes, functions that raise, give back garbage or never return; a disk and a Redis that
-- fail while a client renews. Each is a `store` error (or the call's timeout) without a secret in it, tokens that live
-- go on serving, and what could not be saved is saved at the next occasion.
local better_i18n = require "better_i18n"
local expect = require "spec.support.expect"
local fleet = require "spec.support.fleet"
local process = require "spec.support.process"
local redis_server = require "spec.support.redis_server"
local sandbox = require "spec.support.sandbox"
local socket = require "socket"
local worlds = require "spec.support.worlds"

setup(function()
  sandbox.start()
  assert(os.execute "make -s build/bad_disk.so", "the disk that fails does not build")
end)

teardown(sandbox.stop)

local function fresh(fields)
  local all = { client_id = sandbox.CLIENT_ID, rotation = "reuse_detection", installation = false }
  for name, value in pairs(fields or {}) do all[name] = value end
  return sandbox.grant(all)
end

-- A store in memory with functions of the test's own in place of some of its.
local function store_with(changes)
  local store = better_i18n.store.memory()
  local one = { load = store.load, save = store.save, lock = store.lock }
  for name, fn in pairs(changes) do one[name] = fn end
  return one, store
end

local function is_clean(value, grant)
  local text = expect.everything(value)
  for _, name in ipairs { "refresh_token", "access_token", "client_secret" } do
    assert.is_nil(text:find(grant[name], 1, true), name .. " shows")
  end
end

describe("new", function()
  it("refuses what is no store", function()
    for _, wrong in ipairs { 7, "file", true, print } do
      expect.refused("store", sandbox.client,
        { grant_id = "g", refresh_token = "rt_1", client_id = "a", store = wrong })
    end
    for _, name in ipairs { "load", "save", "lock" } do
      local store = store_with {}
      for _, wrong in ipairs { false, 7, "x", {} } do
        store[name] = wrong or nil
        expect.refused("store." .. name, sandbox.client,
          { grant_id = "g", refresh_token = "rt_1", client_id = "a", store = store })
      end
    end
    local store = store_with { keeps_installation_tokens = "no" }
    expect.refused("keeps_installation_tokens", sandbox.client,
      { grant_id = "g", refresh_token = "rt_1", client_id = "a", store = store })
  end)
end)

describe("a store whose", function()
  for _, name in ipairs { "load", "lock", "save" } do
    for kind, value_of in pairs {
      text = function(secret) return "cannot reach db, was " .. secret end,
      table = function(secret) return { message = "x " .. secret, secret = secret } end,
      ["error object"] = function(secret) return { code = "store", message = "no db for " .. secret } end,
      ["nothing"] = function() return nil end,
      number = function() return 7 end,
      ["hostile table"] = function(secret)
        return setmetatable({}, {
          __tostring = function() error(secret) end, __index = function() error(secret) end,
        })
      end,
    } do
      it(name .. " raises a " .. kind .. " is a store error that shows no secret, and nothing is sent", function()
        local grant = fresh()
        local is_broken = true
        local inner = better_i18n.store.memory()
        local store = { load = inner.load, save = inner.save, lock = inner.lock }
        store[name] = function(...)
          if is_broken then error(value_of(grant.refresh_token), 0) end
          return inner[name](...)
        end
        local client = sandbox.refreshing(grant, { store = store })
        local err = expect.failure("store", client.me, client)
        is_clean(err, grant)
        assert.equal(0, sandbox.counters(grant).refresh_requests)
        is_broken = false
        client:me()
        assert.equal(1, sandbox.counters(grant).refreshes)
      end)
    end
  end

  for what, garbage in pairs {
    ["load gives back a number"] = { load = function() return 7, 1 end },
    ["load gives back text"] = { load = function() return "{}", 1 end },
    ["load gives back a function"] = { load = function() return print, 1 end },
    ["load gives back a record without a version"] = { load = function() return {} end },
    ["load gives back a refresh token that is a number"] = { load = function() return { refresh_token = 7 }, 1 end },
    ["load gives back an empty refresh token"] = { load = function() return { refresh_token = "" }, 1 end },
    ["load gives back a token with a line feed"] = { load = function() return { access_token = "a\nb" }, 1 end },
    ["load gives back a token that is a table"] = { load = function() return { access_token = {} }, 1 end },
    ["load gives back a token without end"] = { load = function() return { access_token = ("x"):rep(1e6) }, 1 end },
    ["load gives back a time that is text"] = {
      load = function() return { refresh_token = "rt_1", access_expires_at = "soon" }, 1 end,
    },
    ["load gives back a time that is infinite"] = {
      load = function() return { refresh_token = "rt_1", access_expires_at = math.huge }, 1 end,
    },
    ["load gives back a time that is no number"] = {
      load = function() return { refresh_token = "rt_1", access_expires_at = 0 / 0 }, 1 end,
    },
    ["load gives back scopes that are a table"] = { load = function() return { scopes = {} }, 1 end },
    ["lock gives back no function"] = { lock = function() return true end },
    ["lock gives back text"] = { lock = function() return "locked" end },
    ["save swaps for nobody"] = { save = function() return nil end },
  } do
    it(what .. " is a store error, and nothing is sent", function()
      local grant = fresh()
      local client = sandbox.refreshing(grant, { store = (store_with(garbage)) })
      is_clean(expect.failure("store", client.me, client), grant)
      assert.equal(0, sandbox.counters(grant).refresh_requests)
    end)
  end

  it("lock is never given is the call's timeout", function()
    local grant = fresh()
    local client = sandbox.refreshing(grant, { store = (store_with { lock = function() return nil end }) })
    local start = socket.gettime()
    expect.failure("timeout", client.me, client, { timeout = 0.5 })
    assert.is_true(socket.gettime() - start < 3)
    assert.equal(0, sandbox.counters(grant).refresh_requests)
  end)

  it("unlock raises disturbs nobody", function()
    local grant = fresh()
    local client = sandbox.refreshing(grant, {
      store = (store_with { lock = function() return function() error "no" end end }),
    })
    client:me()
  end)

  it("calls use the client's own grant are refused, and it does not hang", function()
    local grant, client = fresh(), nil
    client = sandbox.refreshing(grant, { store = (store_with { load = function() return client:me(), 1 end }) })
    expect.failure({ "store", "invalid_argument" }, client.me, client)
  end)
end)

-- PUC 5.1 cannot yield across pcall: there a store that yields is an error of the store.
local can_yield = _VERSION ~= "Lua 5.1" or rawget(_G, "jit") ~= nil
local turning = {}
if can_yield then turning = { worlds.luv or worlds.cqueues, worlds.luv and worlds.cqueues } end

-- Never returning means yielding for ever, where something else can run.
for _, world in ipairs(turning) do
  describe("in " .. world.name .. " a store whose", function()
    local function sleep(seconds)
      if world.name == "cqueues" then return require("cqueues").sleep(seconds) end
      local uv, co = require "luv", coroutine.running()
      local timer = uv.new_timer()
      timer:start(math.floor(seconds * 1000), 0, function()
        timer:close()
        assert(coroutine.resume(co))
      end)
      coroutine.yield()
    end

    it("functions yield works", function()
      local grant = fresh()
      local inner, store = better_i18n.store.memory(), {}
      for _, name in ipairs { "load", "save", "lock" } do
        store[name] = function(...)
          sleep(0.02)
          return inner[name](...)
        end
      end
      world.run(function()
        local clients = {}
        for index = 1, 20 do clients[index] = sandbox.refreshing(grant, { store = store }) end
        local calls = {}
        for index, client in ipairs(clients) do calls[index] = function() return (client:me()) end end
        assert.equal(20, #better_i18n.all(calls, { concurrency = 20 }))
        for _, client in ipairs(clients) do client:close() end
      end)
      assert.equal(1, sandbox.counters(grant).refreshes)
    end)

    for _, name in ipairs { "load", "lock", "save" } do
      it(name .. " does not return is the call's timeout", function()
        local grant = fresh()
        local inner = better_i18n.store.memory()
        local store = { load = inner.load, save = inner.save, lock = inner.lock }
        store[name] = function(...)
          sleep(1.2)
          return inner[name](...)
        end
        world.run(function()
          local client = sandbox.refreshing(grant, { store = store })
          local start = socket.gettime()
          expect.failure("timeout", client.me, client, { timeout = 0.3 })
          assert.is_true(socket.gettime() - start < 1.1, tostring(socket.gettime() - start))
          client:close()
        end)
      end)
    end
  end)
end

if not can_yield then
  it("a store that yields is a store error on PUC 5.1", function()
    local grant = fresh()
    local store = store_with { load = function() return coroutine.yield() end }
    worlds.luv.run(function()
      local client = sandbox.refreshing(grant, { store = store })
      expect.failure("store", client.me, client)
      client:close()
    end)
  end)
end

describe("a clock", function()
  for what, jump in pairs { ["a day ahead"] = 86400, ["a day back"] = -86400 } do
    it("that jumps " .. what .. " loses no token", function()
      local grant, offset = fresh(), 0
      local client = sandbox.refreshing(grant, {
        store = better_i18n.store.memory(), clock = function() return socket.gettime() + offset, socket.gettime() end,
      })
      client:list_organizations()
      offset = jump
      client:list_organizations()
      client:me()
      assert.same({ 1, 1 }, { sandbox.counters(grant).refreshes, sandbox.counters(grant).mints })
    end)

    it("of another process that is " .. what .. " does no harm", function()
      local grant, store = fresh(), better_i18n.store.memory()
      local first = sandbox.refreshing(grant, { store = store })
      first:list_organizations()
      local other = sandbox.refreshing(grant, {
        store = store, clock = function() return socket.gettime() + jump, socket.gettime() end,
      })
      other:list_organizations()
      other:me()
      first:list_organizations()
      first:me()
    end)
  end
end)

-- Disks and servers that fail ---------------------------------------------------------------------------------

-- Its second save, that of the new tokens, fails; then the disk is well again. A save that failed is not tried again
-- with every call: the clock goes on by a minute.
local RENEWAL = [[
  local offset = 0
  local client = new { clock = function() return socket.gettime() + offset end }
  local ok, err = pcall(client.me, client)
  print(ok, ok or err.code, ok or err.message)
  client:me()
  offset = 60
  client:me()
  client:close()]]

describe("a disk that fails while new tokens are saved", function()
  for fault, text in pairs {
    ["write:2:ENOSPC"] = "No space left", ["write:2:EIO"] = "Input/output", ["fsync:2:EIO"] = "Input/output",
    ["write:2:SHORT,write:3:ENOSPC"] = "No space left", ["rename:2:EIO"] = "Input/output",
  } do
    it("(" .. fault .. ") is told, live tokens serve, and the tokens are saved at the next occasion", function()
      local grant = fresh()
      local path = sandbox.path("disk-" .. fault:gsub("%W", "-") .. ".json")
      local asan = os.getenv "ASAN_OPTIONS"
      local out, err, status = process.run(fleet.head(grant, ("better_i18n.store.file %q"):format(path)) .. RENEWAL, {
        LD_PRELOAD = "./build/bad_disk.so", BAD_DISK = fault, BAD_DISK_PATH = ".tmp",
        ASAN_OPTIONS = (asan and asan .. ":" or "") .. "verify_asan_link_order=0:detect_leaks=0",
      })
      assert.same({ "", 0 }, { err, status })
      expect.holds("false\tstore", out)
      expect.holds(text, out)
      is_clean(out, grant)
      assert.equal(1, sandbox.counters(grant).refreshes)
      -- Another client finds the new tokens there: it has to ask for none.
      sandbox.refreshing(grant, { store = better_i18n.store.file(path) }):me()
      assert.equal(1, sandbox.counters(grant).refresh_requests)
    end)
  end
end)

describe("a Redis that goes away", function()
  it("is told, live tokens serve meanwhile, and afterwards the tokens in memory are saved", function()
    local redis = redis_server.new()
    finally(function() redis:stop() end)
    local grant = fresh()
    local store = better_i18n.store.redis { host = "127.0.0.1", port = redis.port, timeout = 0.5 }
    local client = sandbox.refreshing(grant, { store = store })
    client:list_organizations()
    redis:halt()
    client:list_organizations() -- the tokens live
    local late = sandbox.refreshing(grant, {
      store = better_i18n.store.redis { host = "127.0.0.1", port = redis.port, timeout = 0.5 },
    })
    is_clean(expect.failure("store", late.me, late), grant)
    sandbox.control("expire", { grant_id = grant.grant_id, what = "access" })
    sandbox.control("expire", { grant_id = grant.grant_id, what = "installation" })
    is_clean(expect.failure("store", client.me, client), grant)
    assert.equal(1, sandbox.counters(grant).refreshes)
    redis:start() -- empty
    client:list_organizations()
    assert.equal(2, sandbox.counters(grant).refreshes)
    late:me() -- finds what the other has saved
    assert.equal(2, sandbox.counters(grant).refreshes)
  end)
end)
