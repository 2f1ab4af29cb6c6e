-- The loop of plain scripts: every call blocks until it is done. Called by driver.lua. Where scripts do several things
-- at once is script.lua.

local core = require "better_i18n.core"

local loaded = package.loaded

return {
  name = "blocking",
  -- Until the engine has something to do, at most `ms` milliseconds. A signal ends it early.
  wait = core.wait,
  -- Waits once by itself, with the clock of the system.
  step_and_wait = core.step_and_wait,
  -- The engine sleeps too: what arrives for others meanwhile is taken in.
  sleep = core.wait,
  -- Coroutines of an event loop may wait for what a blocking call has ended; without one nobody has loaded these.
  wake = function(thing)
    local waiters = loaded["better_i18n.loop.waiters"]
    if waiters then waiters.wake(thing) end
  end,
}
