-- The loop of programs on cqueues (lua-http's world): in a coroutine of a controller a call waits on a condition, and
-- one coroutine for each controller polls the engine's descriptor for all who wait there. If each waiter polled it
-- himself, every event would wake every one of them. Called by driver.lua, async.lua and all.lua.

local core = require "better_i18n.core"
local cqueues = require "cqueues"
local condition = require "cqueues.condition"
local current = require "better_i18n.loop.current"
local waiters = require "better_i18n.loop.waiters"

local loop = { name = "cqueues" }

-- Seconds between looks where the engine has no descriptor to watch (make POLLER=poll).
local POLL = 0.002

-- controller → { count = who waits there, empty = a condition, is_watched }
local homes = setmetatable({}, { __mode = "k" })

local function home_of(controller)
  local home = homes[controller]
  if not home then
    home = { count = 0, empty = condition.new() }
    homes[controller] = home
  end
  return home
end

-- One descriptor, as cqueues wants to be told of it.
local function pollable()
  local descriptor = core.descriptor()
  return descriptor >= 0 and { pollfd = descriptor, events = "r" } or POLL
end

-- While anybody waits in this controller: else its loop would never end.
local function watch(home)
  while home.count > 0 do
    cqueues.poll(pollable(), home.empty)
    core.pump(0)
    waiters.collect()
  end
  home.is_watched = false
end

local function notify(waiter)
  waiter.ready = true
  waiter.condition:signal()
end

local function park(waiter, ms)
  local controller = cqueues.running()
  local home = home_of(controller)
  home.count = home.count + 1
  if not home.is_watched then
    home.is_watched = true
    controller:wrap(watch, home)
  end
  if not waiter.ready then waiter.condition:wait(ms < math.huge and ms / 1000 or nil) end
  home.count = home.count - 1
  if home.count == 0 then home.empty:signal() end
end

local function new_waiter() return { condition = condition.new(), notify = notify } end

--- Until the task's transfer may have ended, or somebody wakes it.
function loop.wait(task, ms)
  local waiter = new_waiter()
  waiters.add(task, waiter)
  park(waiter, ms)
  waiters.remove(task, waiter)
  waiters.collect() -- a step whose deadline had passed may have met the end of others
end

loop.sleep = loop.wait

--- Until wake(thing), or wake(task).
function loop.join(thing, ms, task)
  local waiter = new_waiter()
  waiters.join(thing, waiter)
  if task then waiters.add(task, waiter) end
  park(waiter, ms)
  waiters.remove(thing, waiter)
  if task then waiters.remove(task, waiter) end
end

loop.wake = waiters.wake

--- The controller that turns the running coroutine.
function loop.home() return cqueues.running() end

--- Whether the code that runs here can wait in this loop: in a coroutine that a controller resumed itself.
function loop.can_wait()
  local controller, is_its_own = cqueues.running()
  return controller ~= nil and is_its_own and current.coroutine() ~= nil
end

--- Runs fn(...) in a coroutine of the running controller.
function loop.spawn(fn, ...)
  local controller = cqueues.running()
  if not controller then
    error(core.error {
      code = "invalid_argument",
      message = "no controller of cqueues runs here: call this inside cq:wrap(function() … end)",
    }, 0)
  end
  controller:wrap(function(...)
    current.register(coroutine.running(), loop)
    fn(...)
  end, ...)
end

return loop
