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

local function escape(char)
  return escapes[char] or string.format("\\u%04x", char:byte())
end

local function write_string(value)
  return '"' .. value:gsub('[%c"\\]', escape) .. '"'
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

local function write_object(object, out)
  local keys = {}
  for key in pairs(object) do keys[#keys + 1] = key end
  table.sort(keys)
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
