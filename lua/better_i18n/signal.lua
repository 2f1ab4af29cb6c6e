-- What better_i18n.signal() makes: one object that cancels every call that got it as its option `signal`. driver.lua
-- enters the calls under way; ending one is the core's.

local core = require "better_i18n.core"

local Signal = core.signal_class
Signal.__index = Signal
Signal.__name = "better_i18n.signal"

--- Cancels the calls under way with this signal, and those that will be made with it. Again: no effect.
-- @raise invalid_argument
function Signal:cancel()
  if getmetatable(self) ~= Signal then
    error(core.error {
      code = "invalid_argument", message = "cancel: the signal is missing; call it as signal:cancel(), with a colon",
    }, 0)
  end
  if self.cancelled then return end
  self.cancelled = true
  local tasks = self.tasks
  self.tasks = nil
  for task, loop in pairs(tasks or {}) do
    core.cancel(task)
    if loop.wake then loop.wake(task) end
  end
end

--- @return table a signal; its field `cancelled` says whether cancel() was called
return function() return setmetatable({ cancelled = false }, Signal) end
