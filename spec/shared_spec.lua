-- Real processes that share the tokens of one grant, in Redis and in a file: one renewal among all of them when it is
-- due, nobody is told to connect again, and no crash loses a grant. The sandbox counts, and revokes a grant whose
-- rotated refresh token is shown twice. BETTER_I18N_FULL=1 runs the full size.
local better_i18n = require "better_i18n"
local fleet = require "spec.support.fleet"
local redis_server = require "spec.support.redis_server"
local sandbox = require "spec.support.sandbox"
local socket = require "socket"

local FULL = os.getenv "BETTER_I18N_FULL" == "1"
local LIFE = 2 -- seconds
-- A token is renewed when a sixth of its life is left; the clocks of two processes differ by less than the rest.
local EARLIEST = LIFE * 5 / 6 - 0.1

local redis, files

setup(function()
  sandbox.start()
  redis, files = redis_server.new(), 0
end)

teardown(function()
  redis:stop()
  sandbox.stop()
end)

-- A store of its own for each test, as an expression for children.
local expressions = {
  redis = function() return ('better_i18n.store.redis { host = "127.0.0.1", port = %d }'):format(redis.port) end,
  file = function()
    files = files + 1
    return ("better_i18n.store.file %q"):format(sandbox.path("tokens-" .. files .. ".json"))
  end,
}

local function short_lived(rotation)
  return sandbox.grant {
    client_id = sandbox.CLIENT_ID, installation = false, rotation = rotation, access_ttl = LIFE,
    installation_ttl = LIFE,
  }
end

-- How often each refresh token was shown.
local function shown_twice(grant)
  local seen, twice = {}, {}
  for _, entry in ipairs(sandbox.log(grant)) do
    local token = entry.form and entry.form.refresh_token
    if token and seen[token] then twice[#twice + 1] = token end
    if token then seen[token] = true end
  end
  return twice
end

for name, mints_each in pairs { redis = false, file = true } do
  describe("processes that share a " .. name, function()
    it("renew once for all of them, and every call is answered", function()
      local processes = FULL and 8 or 4
      local grant, start = short_lived "reuse_detection", socket.gettime()
      local answered, problems = fleet.run {
        grant = grant, store = expressions[name](), processes = processes,
        calls = FULL and 2000 or 20, seconds = FULL and 10 or 4.5, pause = FULL and 0 or 0.02,
      }
      local elapsed = socket.gettime() - start
      local counters = sandbox.counters(grant)
      if FULL then
        print(("# %s: %d processes, %d calls in %.1f s, %d refreshes (%d requests), %d mints"):format(
          name, processes, answered, elapsed, counters.refreshes, counters.refresh_requests, counters.mints))
      end
      assert.same({}, problems)
      assert.is_true(answered >= processes * (FULL and 2000 or 20))
      assert.same({}, shown_twice(grant))
      assert.equal(counters.refreshes, counters.refresh_requests)
      -- The first refresh finds no access token; each other one a token that has come of age.
      local due = 1 + math.floor(elapsed / EARLIEST)
      assert.is_true(counters.refreshes >= 3 and counters.refreshes <= due,
        ("%d refreshes in %.1f s"):format(counters.refreshes, elapsed))
      local mints = due * (mints_each and processes or 1)
      assert.is_true(counters.mints >= 3 and counters.mints <= mints,
        ("%d mints, %d are due"):format(counters.mints, mints))
    end)
  end)
end

-- A thousand coroutines -------------------------------------------------------------------------------------

local function own_store()
  local memory = better_i18n.store.memory()
  return {
    load = memory.load, save = memory.save, lock = memory.lock,
  }
end

local makers = {
  ["no store"] = function() return nil end,
  memory = function() return better_i18n.store.memory() end,
  own = own_store,
  file = function()
    files = files + 1
    return better_i18n.store.file(sandbox.path("thousand-" .. files .. ".json"))
  end,
  redis = function() return better_i18n.store.redis { host = "127.0.0.1", port = redis.port } end,
}

local function call_at_once(clients, count)
  local calls = {}
  for index = 1, count do
    local client = clients[(index - 1) % #clients + 1]
    calls[index] = function() return (client:list_organizations()) end
  end
  local results = better_i18n.all(calls, { concurrency = count })
  for index = 1, count do assert.equal("table", type(results[index])) end
end

for name, make in pairs(makers) do
  describe("1,000 coroutines with " .. name, function()
    for _, count in ipairs { 1, 50 } do
      it("and " .. count .. " client(s) of a grant whose tokens are expired renew once", function()
        local grant = sandbox.grant {
          client_id = sandbox.CLIENT_ID, rotation = "reuse_detection", installation = false,
        }
        sandbox.control("expire", { grant_id = grant.grant_id, what = "access" })
        local clients, store = {}, make()
        for index = 1, count do clients[index] = sandbox.connected(grant, { store = store }) end
        call_at_once(clients, 1000)
        local counters = sandbox.counters(grant)
        assert.same({ 1, 1 }, { counters.refreshes, counters.mints })
        assert.same({}, shown_twice(grant))
        for _, client in ipairs(clients) do client:close() end
      end)
    end
  end)
end
