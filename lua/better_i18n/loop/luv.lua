-- The loop of Neovim (0.7 and newer) and of programs on luv: coroutines wait, libuv watches the engine's descriptor.
-- The handles live only while somebody waits, else uv.run would never end. Called by driver.lua, async.lua, all.lua.
-- In Neovim coroutines go on in vim.schedule, where all of its API may be used.

local core = require "better_i18n.core"
local current = require "better_i18n.loop.current"
local scheduler = require "better_i18n.loop.scheduler"
local waiters = require "better_i18n.loop.waiters"

local vim = rawget(_G, "vim")
local uv = vim and (vim.uv or vim.loop) or require "luv"
local schedule = vim and vim.schedule -- a thread of Neovim has no API and no schedule
local now = core.now

-- Seconds: a pass over ready coroutines ends after that, so that other timers and the screen get their turn.
local PASS = 0.004
-- Milliseconds between looks where the engine has no descriptor to watch (make POLLER=poll).
local POLL = 2

local loop
local poll, timer -- handles of libuv; nil while nobody waits
local alarm -- when the timer fires, or nil
local in_pass, is_scheduled = false, false

-- Handles -------------------------------------------------------------------------------------------------------------

local on_readable, on_timer

local function open()
  timer = uv.new_timer()
  local descriptor = core.descriptor()
  if descriptor < 0 then return end
  poll = uv.new_poll(descriptor)
  poll:start("r", on_readable)
end

-- Only here is the watching ended: libuv aborts the process when a descriptor is closed that it still watches.
local function close()
  if poll then poll:close() end
  timer:close()
  poll, timer, alarm = nil, nil, nil
end

-- The timer is moved only when it has to fire earlier; one that fires too early costs a look.
local function set_timer()
  local delay = schedule and is_scheduled and 1000 or loop.delay() or 1000
  if not poll and delay > POLL then delay = POLL end
  local time = now() + delay / 1000
  if alarm and alarm <= time then return end
  alarm = time
  uv.update_time()
  timer:start(delay, 0, on_timer)
end

local function arm()
  if loop.is_idle() then
    if timer then close() end
    return
  end
  if not timer then open() end
  set_timer()
end

-- Passes --------------------------------------------------------------------------------------------------------------

-- Runs coroutines, never one inside another.
local function pass()
  is_scheduled = false
  in_pass = true
  loop.run(now() + PASS)
  waiters.collect()
  in_pass = false
  arm()
end

-- From a callback of libuv, in which Neovim's API may not be used.
local function pass_soon()
  if not schedule then return pass() end
  if is_scheduled then return end
  is_scheduled = true
  schedule(pass)
end

local function look()
  core.pump(0)
  waiters.collect()
  loop.expire()
  if loop.delay() == 0 then pass_soon() end
end

function on_readable(problem)
  assert(not problem, problem)
  look()
end

function on_timer()
  alarm = nil
  look()
  if timer then set_timer() end
end

-- Whoever became ready, or began to wait, outside a pass.
local function stir()
  if in_pass then return end
  if schedule and loop.delay() == 0 then pass_soon() end
  arm()
end

-- An error that nobody took is the program's, as an error in any callback is; the other coroutines go on.
local function raise_later(thread, problem)
  if type(problem) == "string" then problem = debug.traceback(thread, problem) end
  if schedule then
    schedule(function() error(problem, 0) end)
    return
  end
  local once = uv.new_timer()
  once:start(0, 0, function()
    once:close()
    error(type(problem) == "table" and tostring(problem) or problem, 0)
  end)
end

-- The loop ------------------------------------------------------------------------------------------------------------

loop = scheduler {
  stir = stir,
  broken = raise_later,
  stray = function() end, -- it waits for something else of libuv's, which will resume it
}
loop.name = "luv"

--- Whether the code that runs here can wait in this loop; in the main coroutine it blocks.
function loop.can_wait() return current.coroutine() ~= nil end

return loop
