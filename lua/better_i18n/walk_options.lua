-- The options of everything that walks pages, by type. Called by pages.lua and each.lua.

local core = require "better_i18n.core"

local function is_integer(value) return type(value) == "number" and value % 1 == 0 end

local checks = {
  limit = function(value) return is_integer(value) and value >= 1, "an integer from 1" end,
  max = function(value) return value == math.huge or is_integer(value) and value >= 0, "an integer from 0" end,
  prefetch = function(value) return is_integer(value) and value >= 0, "an integer from 0" end,
  cursor = function(value)
    return type(value) == "string" and value ~= "" or type(value) == "number" and value == value,
      "a cursor: a string or a number"
  end,
  loop = function(value) return type(value) == "table", "a table" end,
}

--- Raises for an option that is not of its type.
-- @param where (string) the public function
-- @param name, value of one option
-- @return boolean whether it is an option of walking pages at all
return function(where, name, value)
  local check = checks[name]
  if not check then return false end
  local fits, wanted = check(value)
  if fits then return true end
  local given = type(value) == "number" and value or type(value)
  error(core.error {
    code = "invalid_argument", message = ("%s: %s must be %s, not %s"):format(where, name, wanted, given),
  }, 0)
end
