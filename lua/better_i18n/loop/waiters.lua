-- Who waits for what in this Lua state, whichever loop he waits in: transfers end in one engine, and a renewal may be
-- awaited by several worlds at once. Knows no loop. Called by the loops.
-- A waiter is a table with a function notify(waiter); it is held by the coroutine that waits, never by these tables.

local core = require "better_i18n.core"

local finished, generation_of, serial_of = core.finished, core.generation, core.serial
local next, pairs, type = next, pairs, type

local waiters = {}
local waiting = setmetatable({}, { __mode = "v" }) -- key → the one who drives the task
local others = {} -- key → a set of more who drive it: a renewal that two loops know
local joined = {} -- key → a set of those who wait for its end
local weak_keys = { __mode = "k" }
local generation = generation_of() -- of the process that those who wait belong to

-- Tasks are known by their number, because that is what the engine says; anything else is its own key.
local function key_of(thing) return type(thing) == "userdata" and serial_of(thing) or thing end

local function enter(sets, key, waiter)
  local set = sets[key]
  if not set then
    set = setmetatable({}, weak_keys)
    sets[key] = set
  end
  set[waiter] = true
end

local function leave(sets, key, waiter)
  local set = sets[key]
  set[waiter] = nil
  if next(set) == nil then sets[key] = nil end
end

local function tell(sets, key)
  local set = sets[key]
  sets[key] = nil
  for waiter in pairs(set) do waiter:notify() end
end

local function tell_drivers(key)
  local waiter = waiting[key]
  if waiter then
    waiting[key] = nil
    waiter:notify()
  end
  if others[key] then tell(others, key) end
end

--- Enters a waiter who is told when the task's transfer has ended, and by wake.
-- @return a key that stands for the task in `remove`, and is cheaper there
function waiters.add(task, waiter)
  local key = serial_of(task)
  if waiting[key] then enter(others, key, waiter) else waiting[key] = waiter end
  return key
end

--- Enters a waiter who is told by wake alone.
function waiters.join(thing, waiter) enter(joined, key_of(thing), waiter) end

--- Takes a waiter out again, whichever way he was entered; who was told is out.
function waiters.remove(thing, waiter)
  local key = key_of(thing)
  if waiting[key] == waiter then waiting[key] = nil end
  if others[key] then leave(others, key, waiter) end
  if joined[key] then leave(joined, key, waiter) end
end

--- Tells all who wait for the thing.
function waiters.wake(thing)
  local key = key_of(thing)
  tell_drivers(key)
  if joined[key] then tell(joined, key) end
end

-- In a forked child no engine will ever tell of the transfers that were under way: whoever waits looks himself.
local function tell_all()
  local keys = {}
  for key in pairs(waiting) do keys[#keys + 1] = key end
  for key in pairs(others) do keys[#keys + 1] = key end
  for _, key in pairs(keys) do tell_drivers(key) end
end

--- Tells those whose transfers have ended since the last look.
function waiters.collect()
  local now = generation_of()
  if now ~= generation then
    generation = now
    tell_all()
  end
  local serial = finished()
  while serial do
    tell_drivers(serial)
    serial = finished()
  end
end

return waiters
