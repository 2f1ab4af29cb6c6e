-- Gzip without compressing (RFC 1952, one stored block): so that the raw server can spoil it at a known byte on every
-- Lua. Called by spec/faults/kinds.lua.
local gzip = {}

local function xor(a, b)
  local result, bit = 0, 1
  while a > 0 or b > 0 do
    if a % 2 ~= b % 2 then result = result + bit end
    a, b, bit = math.floor(a / 2), math.floor(b / 2), bit * 2
  end
  return result
end

local table_of = {}
for byte = 0, 255 do
  local value = byte
  for _ = 1, 8 do
    value = value % 2 == 1 and xor(0xEDB88320, math.floor(value / 2)) or math.floor(value / 2)
  end
  table_of[byte] = value
end

local function crc32(text)
  local crc = 0xFFFFFFFF
  for index = 1, #text do
    crc = xor(table_of[xor(crc % 256, text:byte(index))], math.floor(crc / 256))
  end
  return 0xFFFFFFFF - crc
end

local function little(value, bytes)
  local parts = {}
  for index = 1, bytes do
    parts[index] = string.char(value % 256)
    value = math.floor(value / 256)
  end
  return table.concat(parts)
end

--- The text (of less than 64 KiB) as a gzip file.
function gzip.store(text)
  return "\31\139\8\0\0\0\0\0\0\3\1" .. little(#text, 2) .. little(65535 - #text, 2) .. text
    .. little(crc32(text), 4) .. little(#text, 4)
end

return gzip
