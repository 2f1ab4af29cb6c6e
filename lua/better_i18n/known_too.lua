-- A complaint of the core about an option, where a function of the Lua layer takes some more of its own.

local core = require "better_i18n.core"

--- @param message (string) of an invalid_argument
-- @param own (table) array of the names that the core does not know
-- @return string the message, with those among the names that are known or may have been meant
return function(message, own)
  return (message:gsub("unknown option '(.-)'; known are: (.*)$", function(name, list)
    local names = {}
    for known in list:gmatch "[^, ]+" do names[#names + 1] = known end
    for _, known in ipairs(own) do names[#names + 1] = known end
    return core.unknown("option", name, names)
  end))
end
