-- Coroutines that wait for tasks, for each other, or for a time: the part that plain scripts and libuv have in common.
-- Who runs them, and when, is the caller's: script.lua turns its own wheel, luv.lua is called by libuv.

local core = require "better_i18n.core"
local current = require "better_i18n.loop.current"
local deadlines = require "better_i18n.loop.deadlines"
local waiters = require "better_i18n.loop.waiters"

local create, resume, running, status, yield =
  coroutine.create, coroutine.resume, coroutine.running, coroutine.status, coroutine.yield
local now = core.now
local huge = math.huge

local PAUSE = {} -- what a coroutine that waits here yields

--- Makes one.
-- @param hooks (table) stir(): something is ready to run, or waits with a new deadline; stray(thread, value): a
--   coroutine yielded something that is not ours; broken(thread, problem): one died of an error
-- @return table a loop for driver.lua, with run, expire, delay and is_idle for whoever turns it
return function(hooks)
  local loop = {}
  local stir, stray, broken = hooks.stir, hooks.stray, hooks.broken
  local sleeping = deadlines()
  local queue, first, last = {}, 1, 0
  -- Those who wait without a deadline: nothing else would keep their coroutines from being collected.
  local patient = {} -- luacheck: ignore 241
  local parked, alive = 0, 0

  local function enqueue(waiter)
    last = last + 1
    queue[last] = waiter
    stir()
  end

  local function notify(waiter)
    if waiter.ready then return end
    waiter.ready = true
    parked = parked - 1
    if waiter.at then sleeping:remove(waiter) else patient[waiter] = nil end
    enqueue(waiter)
  end

  -- With room for all that it will be told: a table that grows is made anew each time.
  local function new_waiter()
    return { thread = running(), notify = notify, at = false, ready = false, running = false }
  end

  -- Until somebody tells the waiter, or so long; then takes it off the task. Somebody else may resume the coroutine by
  -- mistake: it goes on waiting.
  local function park(waiter, ms, task)
    parked = parked + 1
    if ms < huge then
      waiter.at = now() + ms / 1000
      sleeping:add(waiter)
    else
      patient[waiter] = true
    end
    stir()
    repeat yield(PAUSE) until waiter.running
    if task then waiters.remove(task, waiter) end
  end

  local function bury(thread)
    if current.forget(thread, loop) then alive = alive - 1 end
  end

  local function go_on(waiter)
    local thread, fn = waiter.thread, waiter.fn
    if status(thread) ~= "suspended" then return bury(thread) end -- closed by somebody else meanwhile
    local ok, value
    if fn then
      ok, value = resume(thread, fn, waiter.a, waiter.b, waiter.c)
    else
      ok, value = resume(thread)
    end
    if value == PAUSE and ok then return end
    if status(thread) == "dead" then
      bury(thread)
      if not ok then broken(thread, value) end
    else
      stray(thread, value)
    end
  end

  --- Until the task's transfer has ended, or somebody wakes it.
  function loop.wait(task, ms)
    local waiter = new_waiter()
    waiters.add(task, waiter)
    return park(waiter, ms, task) -- a call that waits holds one frame less
  end

  loop.sleep = loop.wait

  --- Until wake(thing), or wake(task): a call that is cancelled leaves the renewal that it waits for.
  function loop.join(thing, ms, task)
    local waiter = new_waiter()
    waiters.join(thing, waiter)
    if task then waiters.add(task, waiter) end
    park(waiter, ms, task)
    waiters.remove(thing, waiter)
  end

  loop.wake = waiters.wake

  -- What every coroutine runs. It stands on the coroutine's stack until the end, so the coroutine holds its loop.
  local function begin(fn, a, b, c)
    fn(a, b, c)
    return loop
  end

  --- Runs fn(a, b, c) in a coroutine of its own, not before the caller pauses.
  function loop.spawn(fn, a, b, c)
    local thread = create(begin)
    current.register(thread, loop)
    alive = alive + 1
    enqueue { thread = thread, fn = fn, a = a, b = b, c = c, running = false }
    return thread
  end

  --- Nobody will resume that coroutine any more.
  loop.give_up = bury

  --- Resumes what is ready, until nothing is or the time is `stop`.
  function loop.run(stop)
    while first <= last do
      local waiter = queue[first]
      queue[first] = nil
      first = first + 1
      waiter.running = true
      go_on(waiter)
      if stop and now() >= stop then return end
    end
    first, last = 1, 0
  end

  --- Makes those ready whose time has come.
  function loop.expire()
    local waiter, time = sleeping:first(), now()
    while waiter and waiter.at <= time do
      notify(waiter)
      waiter = sleeping:first()
    end
  end

  --- Milliseconds until there is something to run without news from the engine; nil: nothing.
  function loop.delay()
    if first <= last then return 0 end
    local waiter = sleeping:first()
    if not waiter then return nil end
    local ms = (waiter.at - now()) * 1000
    return ms > 0 and math.ceil(ms) or 0
  end

  --- Nobody waits, nothing is ready.
  function loop.is_idle() return parked == 0 and first > last end

  --- Coroutines that were spawned and have not ended.
  function loop.alive() return alive end

  return loop
end
