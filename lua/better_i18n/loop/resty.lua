-- The loop inside nginx with its Lua module (OpenResty): whoever waits parks on a semaphore. One dispatcher per Lua VM,
-- in a timer of its own while calls are under way, listens to the doorbell and wakes them. No renewal lives in a
-- request: it could be aborted. Called by driver.lua and by all.

local core = require "better_i18n.core"
local waiters = require "better_i18n.loop.waiters"
local has_semaphore, semaphore = pcall(require, "ngx.semaphore")

local min, next, pairs, unpack = math.min, next, pairs, unpack or table.unpack
local pump, collect = core.pump, waiters.collect

-- Seconds. Nobody relies on being woken: who waits looks himself after a while, and sooner while no dispatcher is there
-- (nginx drops timers beyond lua_max_running_timers without a word to who set them).
local LOOK, LOOK_ALONE, POLL = 1, 0.02, 0.005
-- What the engine is given at a time: one look at its sockets (a part of a millisecond: no waiting). Not until they are
-- dry, nor in every call that begins: then the other events of nginx would wait for all of them.
local A_LOOK = 0.5
-- After so long without a sign of life another dispatcher is started.
local DEAD = 3

local watched = {} -- waiter → task, while somebody waits for its transfer
local spare -- a list of waiters that are not in use: their semaphores serve again
local dispatcher -- { started, seen }: the one that serves this VM
local calls = 0 -- waits so far
local pending = {} -- jobs that were spawned and have not begun

local resty = { name = "resty" }

-- Phases --------------------------------------------------------------------------------------------------------------

local yields = {
  rewrite = true, server_rewrite = true, access = true, precontent = true, content = true, timer = true, preread = true,
  ssl_cert = true, ssl_client_hello = true, ssl_session_fetch = true,
}

local function refuse(phase)
  error(core.error {
    code = "invalid_argument",
    message = "a call cannot wait in nginx's phase " .. tostring(phase) .. ": make it in rewrite, access or content, "
      .. "or (from any phase but init) in a timer, ngx.timer.at(0, ...); with the option "
      .. "loop = better_i18n.loop.blocking it stops the whole worker meanwhile",
  }, 0)
end

--- @return boolean whether this is the loop for the program that runs here
function resty.available()
  return type(ngx) == "table" and has_semaphore and type(ngx.get_phase) == "function" and ngx.timer ~= nil
end

--- Called before a call begins, so that nothing is sent where its end could not be awaited.
-- @raise invalid_argument
function resty.check()
  local phase = ngx.get_phase()
  if not yields[phase] then refuse(phase) end
end

-- The dispatcher ------------------------------------------------------------------------------------------------------

-- A coroutine that nginx killed (its client went away) says nothing, but nobody waits on its semaphore any more. Looked
-- at twice, then its connection is given to others.
local function bury_the_dead()
  for waiter, task in pairs(watched) do
    if waiter.sem:count() < 0 then
      waiter.silent = nil
    elseif not waiter.silent then
      waiter.silent = true
    else
      watched[waiter] = nil
      core.abandon(task)
      waiters.wake(task)
    end
  end
end

-- A doorbell and the cosocket that hears it; nil where there is no doorbell: then the engine is polled.
local function connect(bell)
  local socket = ngx.socket.tcp()
  socket:settimeouts(1000, 1000, 60000)
  local ok, problem = socket:connect("unix:" .. bell:path())
  if not ok then return nil, problem end
  ok, problem = bell:start()
  if ok then return socket end
  socket:close()
  return nil, problem
end

local function install_bell()
  local bell, number = core.doorbell()
  local problem = number
  if bell then
    local socket
    socket, problem = connect(bell)
    if socket then return bell, socket, number end
    bell:close()
  end
  ngx.log(ngx.ERR, "better_i18n: no doorbell (", problem, "); polling every ", POLL * 1000, " ms instead")
end

-- Until the next ring or tick; the ticks come before any timeout. False when the bell is broken.
local function listen(bell, socket)
  if not bell then
    ngx.sleep(POLL)
    return true
  end
  bell:arm()
  local byte, problem = socket:receive(1)
  if not byte then ngx.log(ngx.ERR, "better_i18n: the doorbell broke: ", problem) end
  return byte ~= nil
end

-- What has to be done about twice a second. False: it is time to end. With lua_code_cache off every request has a Lua
-- VM of its own, which lives as long as its dispatcher: only the first VM keeps it for a while after the last call.
local function tick(me)
  if ngx.now() - me.ticked < 0.4 then return true end
  me.ticked = ngx.now()
  bury_the_dead()
  local idle = me.calls == calls
  me.calls = calls
  return next(watched) ~= nil or not idle
end

local function is_needed(me, number)
  if dispatcher ~= me then return false end
  return tick(me) and (next(watched) ~= nil or number == 1 and not ngx.worker.exiting())
end

local function serve(me)
  local bell, socket, number = install_bell()
  repeat
    me.seen = ngx.now()
    pump(A_LOOK)
    collect()
  until not is_needed(me, number) or not listen(bell, socket)
  if bell then
    socket:close()
    bell:close()
  end
end

local start_dispatcher

local function dispatch(_, me)
  if dispatcher ~= me then return end
  me.started, me.seen, me.ticked = true, ngx.now(), ngx.now()
  local ok, problem = pcall(serve, me)
  if dispatcher == me then dispatcher = nil end
  if not ok then
    ngx.log(ngx.ERR, "better_i18n: the dispatcher failed: ", problem) -- whoever looks next starts another
  elseif next(watched) then
    start_dispatcher()
  end
end

-- True when one is at work.
function start_dispatcher()
  local current = dispatcher
  if current and ngx.now() - current.seen < DEAD then return current.started end
  dispatcher = { seen = ngx.now(), calls = calls }
  if not ngx.timer.at(0, dispatch, dispatcher) then dispatcher = nil end
  return false
end

-- The loop ------------------------------------------------------------------------------------------------------------

local Waiter = {}
Waiter.__index = Waiter

-- Called through waiters.lua: what this one waits for is there.
function Waiter:notify()
  if self.roused then return end
  self.roused, watched[self] = true, nil
  if self.parked then self.sem:post(1) end
end

local function take_waiter()
  local waiter = spare
  if not waiter then return setmetatable({ sem = semaphore.new(), roused = false, parked = false }, Waiter) end
  spare, waiter.next = waiter.next, nil
  waiter.roused, waiter.silent = false, nil
  return waiter
end

-- A semaphore that was posted to after its time was over is not used again.
local function return_waiter(waiter)
  if waiter.sem:count() == 0 then spare, waiter.next = waiter, spare end
end

-- Returns why it could not wait, if so.
local function park(waiter, seconds)
  waiter.parked = true
  local ok, problem = waiter.sem:wait(seconds)
  waiter.parked = false
  return not ok and problem ~= "timeout" and problem
end

--- Until the task's transfer may have ended, or `wake(task)`.
-- @param task (userdata)
-- @param ms (number) at most; it may also be less
function resty.wait(task, ms)
  local waiter, problem = take_waiter(), nil
  calls = calls + 1
  local key = waiters.add(task, waiter)
  local look = start_dispatcher() and LOOK or LOOK_ALONE
  if look == LOOK_ALONE then
    pump(A_LOOK)
    collect()
  end
  if not waiter.roused then
    watched[waiter] = task
    problem = park(waiter, min(ms / 1000, look))
  end
  if not waiter.roused then
    watched[waiter] = nil
    waiters.remove(key, waiter)
  end
  return_waiter(waiter)
  if problem then refuse(ngx.get_phase()) end
end

--- For so long, or until `wake(task)`.
function resty.sleep(task, ms)
  local waiter = take_waiter()
  waiters.add(task, waiter)
  local problem = park(waiter, ms / 1000)
  waiters.remove(task, waiter)
  return_waiter(waiter)
  if problem then refuse(ngx.get_phase()) end
end

local function begin(_, job)
  if pending[job] then
    pending[job] = nil
    job.fn(unpack(job, 1, job.n))
  end
end

--- Runs fn(...) in a timer of its own.
function resty.spawn(fn, ...)
  local job = { fn = fn, n = select("#", ...), ... }
  pending[job] = true
  ngx.timer.at(0, begin, job)
end

--- Until `wake(thing)`, or `wake(task)` when the task that waits for it is given.
-- @param ms (number) at most; it may also be less
function resty.join(thing, ms, task)
  local waiter = take_waiter()
  waiters.join(thing, waiter)
  if task then waiters.add(task, waiter) end
  local problem = park(waiter, min(ms / 1000, LOOK))
  waiters.remove(thing, waiter)
  if task then waiters.remove(task, waiter) end
  return_waiter(waiter)
  if problem then refuse(ngx.get_phase()) end
  if waiter.roused then return end
  for job in pairs(pending) do -- a timer that was refused or dropped; whichever comes first does the job
    ngx.timer.at(0, begin, job)
  end
end

--- Those who wait for that task, flight or other thing look again.
resty.wake = waiters.wake

return resty
