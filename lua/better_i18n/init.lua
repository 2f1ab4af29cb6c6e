-- better_i18n: the module that programs require. Loads the rest when it is first used, so that `require` itself costs
-- next to nothing.

---@type better_i18n
local better_i18n = { _VERSION = "0.1.0" }

local function core()
  local loaded = package.loaded["better_i18n.core"]
  if loaded then return loaded end
  local ok, value = pcall(require, "better_i18n.core")
  if ok then return value end
  error(require "better_i18n.unbuilt"(value), 0)
end

local function check_loop(loop)
  if not loop or type(loop) ~= "table" then return end -- another type is refused with the other options
  if type(loop.wait) == "function" and type(loop.sleep) == "function" then return end
  error(core().error { code = "invalid_argument", message = "new: loop must be one of better_i18n.loop" }, 0)
end

--- Makes a client that acts for one grant.
-- @param options (table) see docs/calls.md; an unknown name, a wrong type or a missing part is an error at once
-- @return userdata the client
-- @raise invalid_argument
function better_i18n.new(options)
  if options == better_i18n then
    error(core().error {
      code = "invalid_argument", message = "new: call it as better_i18n.new { … }, with a dot, not a colon",
    }, 0)
  end
  core() -- it tells better than `require` why it is not there
  require "better_i18n.client"
  check_loop(type(options) == "table" and options.loop)
  local store = type(options) == "table" and options.store
  if type(store) == "table" then require("better_i18n.store.contract").check("new", store) end
  local clock = type(options) == "table" and options.clock
  if type(clock) ~= "function" then return core().new(options, "new") end
  local wall, mono = clock()
  return core().new(options, "new", mono or wall, wall)
end

local function pass_or_raise(ok, first, ...)
  if ok then return first, nil, ... end
  local err = first
  if better_i18n.is_error(err) then return nil, err end
  error(err, 0)
end

local function is_callable(value)
  if type(value) == "function" then return true end
  local meta = getmetatable(value)
  return type(meta) == "table" and meta.__call ~= nil
end

--- Calls a function and turns this module's errors into a return value.
-- @param fn (function), … its arguments
-- @return fn's first result, nil, and its other results (data, nil, response of a call); or nil and the error object
-- @raise whatever else fn raises, unchanged; invalid_argument when fn cannot be called
function better_i18n.try(fn, ...)
  if not is_callable(fn) then
    error(core().error {
      code = "invalid_argument",
      message = ("try: the first argument must be a function, not %s; write it as try(client.me, client), for it "
        .. "makes the call itself"):format(type(fn)),
    }, 0)
  end
  return pass_or_raise(pcall(fn, ...))
end

--- @param value any value
-- @return boolean whether it is one of this module's error objects
function better_i18n.is_error(value) return core().is_error(value) end

--- Marks a table as an array, so that an empty one can be sent as `[]` by an encoder that can.
-- @param t (table) without a metatable of its own
-- @return the same table
-- @raise invalid_argument
function better_i18n.array(t) return core().array(t) end

-- Modules of their own; the last four are functions.
local parts = {
  oauth = true, loop = true, scopes = true, store = true, testing = true,
  all = true, async = true, signal = true, pages = true,
}

return setmetatable(better_i18n, {
  __index = function(module, name)
    local value
    if name == "null" then
      value = core().null
    elseif parts[name] then
      if name ~= "scopes" then core() end
      value = require("better_i18n." .. name)
    end
    rawset(module, name, value)
    return value
  end,
})
