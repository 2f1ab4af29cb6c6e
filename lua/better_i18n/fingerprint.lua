-- A short text that stands for a page of items: two pages that have the same one hold the same. The first and the last
-- item count with their fields, the others where they are no tables: for services give ids. Called by walk.lua.

local next, type, tostring, sort = next, type, tostring, table.sort

local DEPTH = 3 -- of tables in tables
local LONG, KEPT = 200, 80 -- of a longer text both ends and the length count

local function by_text(a, b) return tostring(a) < tostring(b) end

local function sorted_keys(value)
  local keys, count = {}, 0
  for key in next, value do
    count = count + 1
    keys[count] = key
  end
  sort(keys, by_text)
  return keys
end

local function add(parts, value, depth)
  local kind = type(value)
  parts[#parts + 1] = kind
  if kind ~= "table" then
    local text = tostring(value)
    if #text > LONG then text = text:sub(1, KEPT) .. #text .. text:sub(-KEPT) end
    parts[#parts + 1] = text
    return
  end
  if depth == 0 then return end
  for _, key in ipairs(sorted_keys(value)) do
    parts[#parts + 1] = tostring(key)
    add(parts, value[key], depth - 1)
  end
end

--- @param items (table) an array
-- @return string
return function(items)
  local count = #items
  local parts = { tostring(count) }
  for index = 1, count do
    local item = items[index]
    if index == 1 or index == count or type(item) ~= "table" then add(parts, item, DEPTH) end
  end
  return table.concat(parts, "\0")
end
