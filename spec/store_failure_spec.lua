-- Stores that fail, by every way in which a disk, a Redis or a user's own functions can; and what many calls at once
-- make of one store.
local better_i18n = require "better_i18n"
local child = require "spec.support.store_child"
local expect = require "spec.support.expect"
local redis_server = require "spec.support.redis_server"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.nginx_sandbox"
local socket = require "socket"

local ask, file_store, CALL = child.ask, child.file_store, child.CALL
local has_redis = pcall(require, "redis")
local try = better_i18n.try
local dir

setup(function()
  sandbox.start()
  assert(shell.run "make -s build/bad_disk.so", "the disk that fails does not build")
  dir = shell.capture "mktemp -d"
end)

teardown(function()
  sandbox.stop()
  shell.run("rm -rf " .. dir)
end)

describe("a store that fails", function()
  it("for want of space loses no token: they serve, and are saved at the next occasion", function()
    for _, fault in ipairs { "write:2:ENOSPC", "fsync:2:EIO", "rename:2:EIO" } do
      local grant, path = sandbox.grant {
        client_id = sandbox.CLIENT_ID, installation = false, rotation = "reuse_detection", installation_ttl = 3,
      }, dir .. "/" .. fault:gsub("%W", "-") .. ".json"
      local answer, _, err = ask(grant, file_store(path), [[
        take_tokens()
        local client = better_i18n.new(options)
        local _, err = better_i18n.try(client.list_organizations, client)
        local list = client:list_organizations()
        socket.sleep(0.3)
        client:list_organizations()
        print(err and err.code, #list)
      ]], { LD_PRELOAD = shell.capture "pwd" .. "/build/bad_disk.so", BAD_DISK = fault, BAD_DISK_PATH = ".tmp" })
      assert.equal("store\t4", answer, fault .. err)
      assert.equal(1, sandbox.counters(grant).refreshes)
      assert.equal("4", (ask(grant, file_store(path), CALL)), fault) -- with what was saved then
      assert.equal(1, sandbox.counters(grant).refreshes)
    end
  end)

  if has_redis then
    it("because Redis went away says so, while live tokens serve, and works again when it is back", function()
      local own = redis_server.new()
      local grant = sandbox.grant { client_id = sandbox.CLIENT_ID, installation = false }
      local client = sandbox.refreshing(grant, { store = better_i18n.store.redis { port = own.port, timeout = 1 } })
      assert.equal(4, #client:list_organizations())
      own:halt()
      assert.equal(4, #client:list_organizations())
      sandbox.control("expire", { grant_id = grant.grant_id, what = "installation" })
      local err = expect.failure("store", client.list_organizations, client)
      expect.holds("Redis", err.message)
      own:start()
      assert.equal(4, #client:list_organizations())
      assert.is_false(client:is_revoked())
      own:stop()
    end)
  end

  local function bad(functions)
    local store = better_i18n.store.memory()
    for name, fn in pairs(functions) do store[name] = fn(store[name]) end
    return store
  end

  local function client_with(store, grant, options)
    local merged = { store = store }
    for name, value in pairs(options or {}) do merged[name] = value end
    return sandbox.refreshing(grant, merged)
  end

  it("in any other way is a store error that names it, and shows no secret", function()
    local secret = "rt_canary_in_a_store"
    local function raising(value) return function() return function() error(value, 0) end end end
    local function giving(...)
      local values, n = { ... }, select("#", ...)
      return function() return function() return (table.unpack or unpack)(values, 1, n) end end
    end
    local rows = {
      { { load = raising("no disk, refresh_token=" .. secret) }, "no disk" },
      { { load = raising { 1 } }, "raised" }, { { lock = raising "no lock" }, "no lock" },
      { { save = raising "no save" }, "no save" }, { { load = giving(5, 1) }, "load()" },
      { { load = giving({}, nil) }, "version" }, { { load = giving({ refresh_token = 5 }, 1) }, "refresh_token" },
      { { load = giving({ access_token = "a\nb" }, 1) }, "access_token" },
      { { load = giving({ access_token = "a", access_expires_at = "soon" }, 1) }, "access_expires_at" },
      { { lock = giving(5) }, "lock()" }, { { save = giving(nil) }, "lock" },
    }
    for _, row in ipairs(rows) do
      local grant = sandbox.grant { client_id = sandbox.CLIENT_ID, installation = false }
      local client = client_with(bad(row[1]), grant)
      local err = expect.failure("store", client.list_organizations, client)
      expect.holds(row[2], expect.everything(err))
      assert.is_nil(expect.everything(err):find(secret, 1, true))
      assert.equal(0, sandbox.counters(grant).refreshes)
    end
  end)

  it("with new tokens in hand raises once, keeps them, and tells them", function()
    local saves, told = 0, 0
    local store = bad { save = function(save)
      return function(...)
        saves = saves + 1
        if saves == 2 then error("the disk is full", 0) end
        return save(...)
      end
    end }
    local grant = sandbox.grant { client_id = sandbox.CLIENT_ID, installation = false, rotation = "reuse_detection" }
    local client = client_with(store, grant, { on_tokens = function() told = told + 1 end })
    local err = expect.failure("store", client.list_organizations, client)
    expect.holds("the disk is full", err.message)
    assert.equal(4, #client:list_organizations())
    assert.same({ 1, 1 }, { told, sandbox.counters(grant).refreshes })
  end)

  it("by never letting its lock go is waited for no longer than the call allows", function()
    local grant = sandbox.grant { client_id = sandbox.CLIENT_ID, installation = false }
    local client = client_with(bad { lock = function() return function() end end }, grant)
    local started = socket.gettime()
    local err = select(2, try(client.list_organizations, client, { timeout = 0.3 }))
    assert.equal("timeout", err.code)
    assert.is_true(socket.gettime() - started < 2)
    client:close()
  end)

  it("that is none is refused by new", function()
    for _, store in ipairs { {}, { load = print, save = print }, { load = print, save = print, lock = 5 } } do
      expect.refused("store", better_i18n.new, { grant_id = "g", client_id = "c", refresh_token = "r", store = store })
    end
    expect.refused("store", better_i18n.new, { grant_id = "g", client_id = "c", refresh_token = "r", store = 5 })
    expect.refused("store", better_i18n.new, { installation_token = "bi_oat_1", store = better_i18n.store.memory() })
  end)
end)

describe("a thousand calls at once", function()
  it("without a token: one refresh, one mint; by fifty clients of the grant too", function()
    for _, count in ipairs { 1, 50 } do
      local grant = sandbox.grant { client_id = sandbox.CLIENT_ID, installation = false, rotation = "reuse_detection" }
      local store, clients, functions = better_i18n.store.memory(), {}, {}
      for index = 1, count do clients[index] = sandbox.refreshing(grant, { store = store }) end
      for index = 1, 1000 do
        local client = clients[index % count + 1]
        functions[index] = function() return #client:list_organizations() end
      end
      for _, length in ipairs(better_i18n.all(functions, { concurrency = 1000 })) do assert.equal(4, length) end
      local counters = sandbox.counters(grant)
      assert.same({ 1, 1 }, { counters.refreshes, counters.mints })
    end
  end)

  it("with a dead tenant among the living: it costs one request and stops nobody", function()
    local functions, dead = {}, nil
    for index = 1, 20 do
      local grant = sandbox.grant { client_id = sandbox.CLIENT_ID, installation = false }
      local client = sandbox.refreshing(grant)
      if index == 7 then
        dead = grant
        sandbox.control("revoke", { grant_id = grant.grant_id })
      end
      for _ = 1, 10 do functions[#functions + 1] = function() return #client:list_organizations() end end
    end
    local results, revoked = better_i18n.all(functions, { settle = true, concurrency = 200 }), 0
    for _, result in ipairs(results) do
      if not result.ok then
        revoked = revoked + 1
        assert.equal("grant_revoked", result.error.code)
      end
    end
    assert.equal(10, revoked)
    assert.equal(1, sandbox.total(dead))
  end)
end)
