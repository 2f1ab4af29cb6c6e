-- A store's record as JSON text and back, and how long one may live. Knows no store. Called by the stores.

local core = require "better_i18n.core"
local contract = require "better_i18n.store.contract"

local record = {}

-- Seconds that a record lives when its refresh token does not say, and the limits where it does: a clock that is wrong
-- must not make a save delete what it saves.
local DAY = 86400
local TIME_TO_LIVE, SHORTEST, LONGEST = 30 * DAY, 60, 3650 * DAY

function record.copy(fields)
  local copy = {}
  for name, value in pairs(fields) do copy[name] = value end
  return copy
end

--- @return string JSON of what is made of tables, strings, finite numbers and booleans
-- @raise store where there is no JSON encoder
function record.encode(value)
  local text, problem = core.json_encode(value)
  return text or contract.fail("the record cannot be written as JSON: " .. problem)
end

--- Whether it is what a record may be.
function record.is_flat(value)
  if type(value) ~= "table" or getmetatable(value) then return false end -- JSON arrays have a metatable
  for _, field in pairs(value) do
    if type(field) == "table" or type(field) == "userdata" then return false end
  end
  return true
end

--- @param text (string) what a store had
-- @param place (string) where, for the message
-- @return table the record
-- @raise store when it is no flat JSON object
function record.decode(text, place)
  local value = core.json_decode(text)
  if record.is_flat(value) then return value end
  contract.fail(place .. " holds no record of tokens (a flat JSON object): look at it and delete it; whose it is must "
    .. "then connect again, unless the app has the tokens elsewhere")
end

--- Seconds from now until the record's refresh token ends.
function record.time_to_live(fields)
  local ends = fields.refresh_expires_at
  if type(ends) ~= "number" then return TIME_TO_LIVE end
  local _, now = core.now()
  return math.min(math.max(ends - now, SHORTEST), LONGEST)
end

return record
