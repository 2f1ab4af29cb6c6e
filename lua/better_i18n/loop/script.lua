-- Several calls at once in a plain script: coroutines over the engine, which waits in its own poller. Nothing happens
-- in one of these but while its maker turns it: better_i18n.all, until all its coroutines have ended, or a walk, until
-- a page is there. Called by all.lua and walk_ahead.lua.

local core = require "better_i18n.core"
local scheduler = require "better_i18n.loop.scheduler"
local waiters = require "better_i18n.loop.waiters"

local function nothing() end

--- Makes one.
-- @return table a loop for driver.lua, with turn() and strays: coroutine → what is called when it yielded something
--   that nobody here can answer, with that and the coroutine
return function()
  local loop
  loop = scheduler {
    stir = nothing,
    stray = function(thread, value)
      loop.give_up(thread)
      local tell = loop.strays[thread]
      if not tell then
        error("better_i18n: a hook, store or transport yielded what nobody in a plain script can answer; let it wait "
          .. "in calls of this module only", 0)
      end
      tell(value, thread)
    end,
    broken = function(_, problem) error(problem, 0) end,
  }
  loop.name = "script"
  loop.strays = setmetatable({}, { __mode = "k" })

  --- Until every coroutine has ended, renewals in the background too: their answers must not be lost.
  -- @param is_enough (function) ends it earlier, or nil
  function loop.turn(is_enough)
    loop.run()
    while loop.alive() > 0 and not (is_enough and is_enough()) do
      waiters.collect()
      local delay = loop.delay()
      if not delay and core.busy() == 0 then error("better_i18n: coroutines wait for each other forever", 0) end
      if delay ~= 0 then core.pump(delay) end
      waiters.collect()
      loop.expire()
      loop.run()
    end
  end

  return loop
end
