-- Whether bytes are UTF-8 (RFC 3629). service/mcp/endpoint.lua asks it about whole bodies.
local utf8 = {}

local byte = string.byte

-- The range of the second byte, by the first one; other following bytes are always 80 to BF.
local function second_range(first)
  if first == 0xE0 then return 0xA0, 0xBF end
  if first == 0xED then return 0x80, 0x9F end
  if first == 0xF0 then return 0x90, 0xBF end
  if first == 0xF4 then return 0x80, 0x8F end
  return 0x80, 0xBF
end

local function length(first)
  if first < 0x80 then return 1 end
  if first >= 0xC2 and first <= 0xDF then return 2 end
  if first >= 0xE0 and first <= 0xEF then return 3 end
  if first >= 0xF0 and first <= 0xF4 then return 4 end
  return nil
end

local function is_character(text, start, first, count)
  local low, high = second_range(first)
  for index = start + 1, start + count - 1 do
    local value = byte(text, index)
    if not value or value < low or value > high then return false end
    low, high = 0x80, 0xBF
  end
  return true
end

function utf8.is_valid(text)
  local index = text:find "[\128-\255]"
  while index and index <= #text do
    local first = byte(text, index)
    local count = length(first)
    if not count or not is_character(text, index, first, count) then return false end
    index = index + count
  end
  return true
end

return utf8
