-- Which loop does a call use that is made here and now? The client's option `loop`; else the loop that began the
-- running coroutine; else nginx's or cqueues' where they turn this very coroutine; else it blocks. A coroutine that
-- somebody else began (a plain generator) never gets our yields. Called by driver.lua's callers, all, async, the loops.

local blocking = require "better_i18n.loop.blocking"

local loaded, running = package.loaded, coroutine.running
local current = {}
-- coroutine → the loop that began it. Weak both ways: where tables are no ephemerons (LuaJIT), a loop that knows its
-- coroutines would else keep them and itself for ever.
local owners = setmetatable({}, { __mode = "kv" })
local has_owners = false -- spares a plain script the look

-- PUC Lua 5.1 cannot yield across pcall, and every call here stands in one sooner or later. LuaJIT can, and is not
-- asked: in nginx a coroutine's end is a yield too, which `require` in a request does not let through.
local probe = coroutine.wrap(function() return pcall(coroutine.yield) end)

--- Whether coroutines can wait on this Lua at all.
current.can_yield = type(jit) == "table" or probe() == nil

--- Notes that a loop began this coroutine and will resume it. The coroutine must hold its loop, for nothing here does.
function current.register(thread, loop)
  owners[thread] = loop
  has_owners = current.can_yield
end

--- Takes the note back.
-- @return boolean whether it was of this loop
function current.forget(thread, loop)
  if owners[thread] ~= loop then return false end
  owners[thread] = nil
  return true
end

--- The running coroutine, or nil in the main one and where waiting in one is impossible.
function current.coroutine()
  local thread, is_main = running()
  return current.can_yield and not is_main and thread or nil
end

local function nginx()
  local resty = require "better_i18n.loop.resty"
  return resty.available() and resty or nil
end

local function controller()
  local loop = require "better_i18n.loop.cqueues"
  return loop.can_wait() and loop or nil
end

--- The loop in which the running coroutine can wait without one being named, or nil.
function current.loop()
  local thread = has_owners and running()
  local owner = thread and owners[thread]
  if owner then return owner end
  if ngx then return nginx() end
  return loaded.cqueues and controller()
end

--- The loop for a call.
-- @param given (table) the option `loop`, or nil. It may have can_wait(): whether the code here can yield to it
-- @return table
function current.choose(given)
  if not given then return current.loop() or blocking end
  if given.can_wait and not given.can_wait() then return blocking end
  return given
end

return current
