-- Tokens shared through a store by real processes: one refresh when it is due, whoever is killed in between. What a
-- store is stands in store_spec, the flight's own rules in spec/unit. BETTER_I18N_FULL=1 runs the full size.
local process = require "spec.support.process"
local sandbox = require "spec.support.sandbox"
local redis_server = require "spec.support.redis_server"
local shell = require "spec.support.nginx_sandbox"
local child = require "spec.support.store_child"
local socket = require "socket"

local ask, file_store, prelude, CALL = child.ask, child.file_store, child.prelude, child.CALL

local FULL = os.getenv "BETTER_I18N_FULL" == "1"
local has_redis = pcall(require, "redis")
local dir, redis

setup(function()
  sandbox.start()
  dir = shell.capture "mktemp -d"
  if has_redis then redis = redis_server.new() end
end)

teardown(function()
  sandbox.stop()
  if redis then redis:stop() end
  shell.run("rm -rf " .. dir)
end)

local files = 0
local function new_path()
  files = files + 1
  return dir .. "/tokens-" .. files .. ".json"
end

local function redis_store() return ("better_i18n.store.redis { port = %d }"):format(redis.port) end

describe("processes that share a store", function()
  local COUNT, CALLS, PAUSE = FULL and 8 or 3, FULL and 2000 or 300, FULL and 0.006 or 0.01

  local WORK = ([[
    take_tokens()
    local client = better_i18n.new(options)
    local answered = 0
    for _ = 1, %d do
      local data, err = better_i18n.try(client.list_organizations, client)
      if err then print(err.code, tostring(err), err.cause and tostring(err.cause)) os.exit(1) end
      answered = answered + #data / 4
      socket.sleep(%f)
    end
    print(answered)
  ]]):format(CALLS, PAUSE)

  local function work(store)
    local grant = sandbox.grant {
      client_id = sandbox.CLIENT_ID, installation = false, rotation = "reuse_detection", access_ttl = 2,
      installation_ttl = 2,
    }
    local started, children = socket.gettime(), {}
    for index = 1, COUNT do children[index] = process.start(prelude(grant, store) .. WORK) end
    for _, one in ipairs(children) do
      local out, err, status = one.wait()
      assert.equal(CALLS, tonumber(out:match "[%d.]+"), out .. err .. tostring(status))
    end
    -- Each is renewed when a sixth of its two seconds is left, at the earliest.
    local counters = sandbox.counters(grant)
    return counters, math.ceil((socket.gettime() - started) / (2 - 2 / 6)) + 1, grant
  end

  if has_redis then
    it("refresh once when it is due, and mint once: Redis", function()
      local counters, due = work(redis_store())
      assert.is_true(counters.refreshes >= 2 and counters.refreshes <= due, counters.refreshes .. " of " .. due)
      assert.is_true(counters.mints >= 2 and counters.mints <= due, counters.mints .. " of " .. due)
      if FULL then print(COUNT, CALLS, "redis", counters.refreshes, counters.mints, due) end
    end)
  end

  it("refresh once when it is due, and mint once each: a file", function()
    local counters, due = work(file_store(new_path()))
    assert.is_true(counters.refreshes >= 2 and counters.refreshes <= due, counters.refreshes .. " of " .. due)
    assert.is_true(counters.mints >= 2 and counters.mints <= due * COUNT, counters.mints .. " of " .. due * COUNT)
    if FULL then print(COUNT, CALLS, "file", counters.refreshes, counters.mints, due) end
  end)

  it("need no tokens of their own, and learn from the record that the grant is over", function()
    local grant, path = sandbox.grant { client_id = sandbox.CLIENT_ID, installation = false }, new_path()
    assert.equal("4", (ask(grant, file_store(path), "take_tokens()" .. CALL)))
    assert.equal("4", (ask(grant, file_store(path), CALL)))
    assert.same({ 1, 2 }, { sandbox.counters(grant).refreshes, sandbox.counters(grant).mints })
    sandbox.control("revoke", { grant_id = grant.grant_id })
    assert.equal("grant_revoked", (ask(grant, file_store(path), CALL)))
    local before = sandbox.total(grant)
    assert.equal("grant_revoked", (ask(grant, file_store(path), "take_tokens()" .. CALL)))
    assert.equal(before, sandbox.total(grant))
  end)

  it("take a new authorization of the user over the record of one that ended", function()
    local grant, path = sandbox.grant { client_id = sandbox.CLIENT_ID, installation = false }, new_path()
    assert.equal("4", (ask(grant, file_store(path), "take_tokens()" .. CALL)))
    assert.equal("true", (ask(grant, file_store(path), "print((better_i18n.new(options):revoke()))")))
    local again = sandbox.grant { client_id = sandbox.CLIENT_ID, installation = false }
    again.grant_id, grant = grant.grant_id, again.grant_id -- the service may name it as before
    local code = ("options.refresh_token = %q"):format(again.refresh_token) .. CALL
    assert.not_equal("grant_revoked", (ask(again, file_store(path), code)))
    assert.is_true(sandbox.total { grant_id = grant } >= 1) -- it was tried, and not taken for the dead one
  end)
end)

-- SIGKILL -------------------------------------------------------------------------------------------------------------

describe("a process that is killed in the middle of a renewal", function()
  -- Where: in the store's function, so many times called, before or after its work; or in a hook of the refresh.
  local STEPS = {
    { "before the lock", [[wrap("lock", 1, "before")]] }, { "with the lock", [[wrap("lock", 1, "after")]] },
    { "before the record is marked", [[wrap("save", 1, "before")]] },
    { "when it is marked", [[wrap("save", 1, "after")]] },
    { "before the request", [[on("on_request")]] },
    { "after the answer, before the save", [[on("on_response")]], lost = true },
    { "in the save", [[wrap("save", 2, "before")]], lost = true },
    { "after the save", [[wrap("save", 2, "after")]] },
    { "while it is told", [[options.on_tokens = die]] },
  }

  local KILL = [[
    local function die() os.execute("kill -KILL " .. io.open("/proc/self/stat"):read "*n") end
    local function wrap(name, count, when)
      local calls, fn = 0, store[name]
      store[name] = function(...)
        calls = calls + 1
        if calls ~= count then return fn(...) end
        if when == "before" then die() end
        local results = { fn(...) }
        die()
        return (table.unpack or unpack)(results)
      end
    end
    local function on(hook)
      options[hook] = function(info) if info.path:find "/mcp/token" then die() end end
    end
    take_tokens()
  ]]

  -- What the service has rotated and nobody has saved is lost, where the old token is dead by then.
  local KEEPS = { same = true, rotating_keep = true }

  local function kill(step, rotation)
    local grant = sandbox.grant { client_id = sandbox.CLIENT_ID, installation = false, rotation = rotation }
    local store = file_store(new_path())
    local answer, status = ask(grant, store, KILL .. step[2] .. CALL)
    assert.equal(137, status, step[1] .. ": " .. tostring(answer))
    local wanted = step.lost and not KEEPS[rotation] and "refresh_outcome_unknown" or "4"
    assert.equal(wanted, (ask(grant, store, "take_tokens()" .. CALL)), step[1])
  end

  for _, rotation in ipairs { "rotating", "rotating_keep", "same", "reuse_detection" } do
    it("leaves a record that serves, or says what is in doubt: " .. rotation, function()
      for _ = 1, FULL and 100 or 1 do
        for _, step in ipairs(STEPS) do
          if FULL or step.lost or rotation == "rotating" then kill(step, rotation) end
        end
      end
    end)
  end
end)
