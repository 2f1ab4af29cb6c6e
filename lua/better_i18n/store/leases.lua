-- Leases on the keys of a file, kept in its lock file: who holds which key until when. A lease ends with its time, and
-- where the system can tell (open file description locks, as on Linux) with the process that took it, however that
-- ended. Called by file.lua.

local core = require "better_i18n.core"
local contract = require "better_i18n.store.contract"
local record_of = require "better_i18n.store.record"

local fail = contract.fail
local leases_of = {}

-- Milliseconds to wait for others when a lease is given back; if that is too short, the lease ends by itself.
local PATIENCE = 1000
-- Seconds of tolerance for a clock that is set back while a lease runs.
local DRIFT = 1

-- A process that was killed in the middle of writing leaves what nobody can read: then there are no leases, and only
-- the compare-and-swap keeps order until they have ended.
local function read(file)
  local text, problem = file:read()
  if not text then return nil, problem end
  local leases = core.json_decode(text)
  if type(leases) ~= "table" or getmetatable(leases) then return {} end
  return leases
end

local function is_lease(lease)
  return type(lease) == "table" and type(lease.ends) == "number" and type(lease.seconds) == "number"
    and type(lease.mark) == "number" and lease.mark >= 1 and lease.mark <= 2 ^ 31
end

-- Wall time, for the file outlives processes. An end further ahead than the lease was long is a clock set back.
local function is_live(lease, file, now)
  if not is_lease(lease) then return false end
  local left = lease.ends - now
  return left > 0 and left <= lease.seconds + DRIFT and file:is_marked(lease.mark)
end

local function prune(leases, file, now)
  for key, lease in pairs(leases) do
    if not is_live(lease, file, now) then leases[key] = nil end
  end
end

-- The lease, entered and written; nil when another has the key; nil and why.
local function enter(file, key, seconds)
  local entered, problem = file:enter(0)
  if not entered then return nil, problem end
  local leases
  leases, problem = read(file)
  if not leases then return nil, problem end
  local _, now = core.now()
  prune(leases, file, now)
  if leases[key] then return nil end
  local owner = core.unique()
  local mark = tonumber(owner:sub(1, 7), 16) + 1
  file:mark(mark)
  leases[key] = { owner = owner, ends = math.floor((now + seconds) * 1000) / 1000, seconds = seconds, mark = mark }
  local written
  written, problem = file:write(record_of.encode(leases))
  if not written then return nil, problem end
  file:leave()
  return owner
end

-- A child that was forked meanwhile has no part in it.
local function give_back(file, key, owner)
  if not file:is_ours() or not file:enter(PATIENCE) then return end
  local leases = read(file)
  if leases and is_lease(leases[key]) and leases[key].owner == owner then
    leases[key] = nil
    file:write(record_of.encode(leases))
  end
end

--- Tries to take a key.
-- @param path (string) of the lock file, which is created
-- @param key (string)
-- @param seconds (number)
-- @return function that gives it back; nil when another has it
-- @raise store
function leases_of.take(path, key, seconds)
  local file, problem = core.file_lock(path)
  if not file then fail(problem) end
  local ok, owner, why = pcall(enter, file, key, seconds)
  if not ok or not owner then
    file:close()
    if not ok then error(owner, 0) end
    if why then fail(why) end
    return nil
  end
  return function()
    local held = file
    file = nil
    if not held then return end
    pcall(give_back, held, key, owner)
    held:close()
  end
end

return leases_of
