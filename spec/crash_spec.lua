-- A process is killed (SIGKILL) at each step of a renewal; the next one, with the same options and the same store, must
-- go on. One case cannot be saved by any client: the service has rotated the refresh token, and the process died before
-- it had saved the new one. Then nobody has it. That case must be told as what it is (refresh_outcome_unknown, because
-- the record says that a refresh was under way), not as a revocation. BETTER_I18N_FULL=1 does all steps in all modes;
-- BETTER_I18N_CRASHES=100 kills so often at each (20 minutes).
local fleet = require "spec.support.fleet"
local process = require "spec.support.process"
local redis_server = require "spec.support.redis_server"
local sandbox = require "spec.support.sandbox"
local socket = require "socket"

local FULL = os.getenv "BETTER_I18N_FULL" == "1"
local TIMES = tonumber(os.getenv "BETTER_I18N_CRASHES") or 1
local TOKEN_PATH = "/api/auth/mcp/token"
local files = 0

setup(sandbox.start)
teardown(sandbox.stop)

-- What a renewal does, in its order; a process with KILL_AT dies there by its own hand. "sent" is the parent's to kill.
local STEPS = {
  "before the lock", "before the mark", "after the mark", "before the request", "sent", "after the answer",
  "before the save", "after the save", "at on_tokens", "before the unlock",
}
-- The steps at which only the dead process had the new refresh token.
local UNSAVED = { sent = true, ["after the answer"] = true, ["before the save"] = true }
-- Where the service does not take the old token again.
local SPENDS = { rotating = true, reuse_detection = true }

-- All steps in the strictest mode, in the others those where it makes a difference.
local function is_due(mode, step)
  return FULL or TIMES > 1 or mode == "reuse_detection" or UNSAVED[step]
end

local MORTAL = [[
  local kill_at, pid = %q, io.open("/proc/self/stat"):read "*n"
  local function at(step)
    if step == kill_at then os.execute("kill -KILL " .. pid) end
  end
  local inner, saves = store, 0
  store = {
    keeps_installation_tokens = inner.keeps_installation_tokens,
    load = inner.load,
    lock = function(...)
      at "before the lock"
      local unlock = inner.lock(...)
      return unlock and function()
        at "before the unlock"
        return unlock()
      end
    end,
    save = function(...)
      saves = saves + 1
      at(saves == 1 and "before the mark" or "before the save")
      local version = inner.save(...)
      at(saves == 1 and "after the mark" or "after the save")
      return version
    end,
  }
  local client = new {
    on_tokens = function() at "at on_tokens" end,
    on_request = function(info) if info.path:find "token$" then at "before the request" end end,
    on_response = function(info) if info.path:find "token$" then at "after the answer" end end,
  }
  client:me()
  print "survived"]]

local NEXT = [[
  local client = new()
  for _ = 1, 2 do
    local ok, err = pcall(client.me, client)
    if ok then print "ok" else print(err.code, err.revoked) end
  end]]

local function eventually(condition)
  for _ = 1, 1000 do
    if condition() then return end
    socket.sleep(0.01)
  end
  error "what was waited for did not happen"
end

-- Starts the process that dies, and waits for its death.
local function crash(head, grant, step)
  if step == "sent" then
    sandbox.fault(grant, { kind = "delay", path = TOKEN_PATH, ms = 300, after = true })
  end
  local child = process.start(head .. MORTAL:format(step))
  if step == "sent" then
    eventually(function() return sandbox.counters(grant).refreshes == 1 end)
    child.signal "KILL"
  end
  local out, _, status = child.wait()
  assert.equal("", out)
  assert.equal(137, status)
end

for _, mode in ipairs { "same", "rotating_keep", "rotating", "reuse_detection" } do
  describe("with rotation '" .. mode .. "' a process killed", function()
    for _, step in ipairs(STEPS) do
      local is_lost = SPENDS[mode] and UNSAVED[step]
      local outcome = is_lost and " has lost the grant, and that is said" or " leaves what the next one goes on with"
      local test = is_due(mode, step) and it or function() end
      test(step .. outcome, function()
        for _ = 1, TIMES do
          files = files + 1
          local grant = sandbox.grant { client_id = sandbox.CLIENT_ID, rotation = mode, installation = false }
          local path = sandbox.path("crash-" .. files .. ".json")
          local head = fleet.head(grant, ("better_i18n.store.file %q"):format(path))
          crash(head, grant, step)
          sandbox.clear_faults(grant)
          local out, err, status = process.run(head .. NEXT)
          assert.same({ "", 0 }, { err, status })
          local unknown = "refresh_outcome_unknown\tfalse\n"
          assert.equal(is_lost and unknown .. unknown or "ok\nok\n", out, step .. ", " .. mode)
        end
      end)
    end
  end)
end

describe("a process killed while it holds the lock in Redis", function()
  it("holds up the next one no longer than the lease, and loses nothing", function()
    local redis = redis_server.new()
    finally(function() redis:stop() end)
    local grant = sandbox.grant { client_id = sandbox.CLIENT_ID, rotation = "reuse_detection", installation = false }
    local head = fleet.head(grant, ('better_i18n.store.redis { host = "127.0.0.1", port = %d }'):format(redis.port))
    crash(head, grant, "before the request")
    local locks = redis:command("keys", "better_i18n:lock:*")
    assert.equal(1, #locks)
    local left = redis:command("pttl", locks[1])
    assert.is_true(left > 20000 and left <= 30000, tostring(left))
    redis:command("pexpire", locks[1], 700) -- the rest of the lease, shortened
    local start = socket.gettime()
    local out, err = process.run(head .. NEXT)
    assert.same({ "ok\nok\n", "" }, { out, err })
    assert.is_true(socket.gettime() - start < 5)
    assert.equal(1, sandbox.counters(grant).refreshes)
  end)
end)
