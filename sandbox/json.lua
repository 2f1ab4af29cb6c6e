-- JSON for the sandbox. Reading is lua-cjson's; writing is here, since Debian's lua-cjson cannot write an
-- empty array, and `"project_ids": []` is part of the service. Keys are sorted, so equal answers are equal
-- bytes. Any file of the sandbox may use it.
local cjson = require "cjson.safe"

local json = { null = cjson.null, decode = cjson.decode }

local array_mt = {}

-- Marks a table as an array, so that an empty one is written as [].
function json.array(items)
  return setmetatable(items or {}, array_mt)
end

local escapes = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

for code = 0, 127 do
  local char = string.char(code)
  if char:find "%c" then escapes[char] = escapes[char] or string.format("\\u%04x", code) end
end

local function write_string(value)
  if not value:find '[%c"\\]' then return '"' .. value .. '"' end
  return '"' .. value:gsub('[%c"\\]', escapes) .. '"'
end

local function write_number(value)
  if value == math.floor(value) and math.abs(value) < 1e15 then
    return string.format("%d", value)
  end
  return string.format("%.14g", value)
end

local write

local function write_array(items, out)
  out[#out + 1] = "["
  for index = 1, #items do
    if index > 1 then out[#out + 1] = "," end
    write(items[index], out)
  end
  out[#out + 1] = "]"
end

-- Few keys by insertion, which LuaJIT compiles; many by table.sort.
local function sorted_keys(object)
  local keys, count = {}, 0
  for key in pairs(object) do
    count = count + 1
    keys[count] = key
  end
  if count > 16 then
    table.sort(keys)
    return keys
  end
  for index = 2, count do
    local key, place = keys[index], index - 1
    while place > 0 and keys[place] > key do
      keys[place + 1], place = keys[place], place - 1
    end
    keys[place + 1] = key
  end
  return keys
end

local function write_object(object, out)
  local keys = sorted_keys(object)
  out[#out + 1] = "{"
  for index, key in ipairs(keys) do
    if index > 1 then out[#out + 1] = "," end
    out[#out + 1] = write_string(key) .. ":"
    write(object[key], out)
  end
  out[#out + 1] = "}"
end

function write(value, out)
  local kind = type(value)
  if kind == "string" then
    out[#out + 1] = write_string(value)
  elseif kind == "number" then
    out[#out + 1] = write_number(value)
  elseif kind == "boolean" then
    out[#out + 1] = tostring(value)
  elseif value == cjson.null then
    out[#out + 1] = "null"
  elseif kind ~= "table" then
    error("cannot write a " .. kind .. " as JSON")
  elseif getmetatable(value) == array_mt or #value > 0 then
    write_array(value, out)
  else
    write_object(value, out)
  end
end

function json.encode(value)
  local out = {}
  write(value, out)
  return table.concat(out)
end

return json
