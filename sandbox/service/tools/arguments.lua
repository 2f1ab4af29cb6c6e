-- What a tool takes: each kind of argument can check a value and describe itself as JSON Schema.
-- service/tools/*.lua declare with it; service/mcp/rpc.lua checks and lists with it.
-- A value of the wrong kind is bad params; one out of range (too many, too large, NUL) is the tool's own refusal.
local json = require "json"

local arguments = {}

local function kind(name, schema, check)
  return function(options)
    local spec = { kind = name, schema = schema, check = check }
    for key, value in pairs(options or {}) do spec[key] = value end
    return spec
  end
end

local function is_array(value)
  if type(value) ~= "table" then return false end
  for key in pairs(value) do
    if type(key) ~= "number" then return false end
  end
  return true
end

local function check_string(_, value, path)
  if type(value) ~= "string" then return path .. " must be a string" end
  if value:find("\0", 1, true) then return path .. " holds a NUL character", true end
  return nil
end

arguments.string = kind("string", { type = "string" }, function(spec, value, path)
  local complaint, is_range = check_string(spec, value, path)
  if complaint then return complaint, is_range end
  if spec.one_of and not spec.one_of[value] then return path .. " cannot be " .. value end
  if spec.filled and value == "" then return path .. " must not be empty", true end
  return nil
end)

arguments.boolean = kind("boolean", { type = "boolean" }, function(_, value, path)
  return type(value) ~= "boolean" and path .. " must be a boolean" or nil
end)

-- Options: min, max.
arguments.integer = kind("integer", { type = "integer" }, function(spec, value, path)
  if type(value) ~= "number" or value ~= math.floor(value) then return path .. " must be an integer" end
  if spec.min and value < spec.min or spec.max and value > spec.max then
    return ("%s must be between %d and %s"):format(path, spec.min, spec.max or "more"), true
  end
  return nil
end)

arguments.any_object = kind("object", { type = "object" }, function(_, value, path)
  return type(value) ~= "table" and path .. " must be an object" or nil
end)

-- { language = text }
arguments.texts = kind("object", { type = "object", additionalProperties = { type = "string" } },
  function(spec, value, path)
    if type(value) ~= "table" then return path .. " must be an object" end
    for language, text in pairs(value) do
      if type(language) ~= "string" then return path .. " must be an object" end
      local complaint, is_range = check_string(spec, text, path .. "." .. language)
      if complaint then return complaint, is_range end
    end
    return nil
  end)

local function check_items(spec, value, path)
  if not is_array(value) then return path .. " must be an array" end
  if #value > (spec.max or math.huge) then
    return ("%s: at most %d items, got %d"):format(path, spec.max, #value), true
  elseif #value == 0 and spec.required then
    return path .. " must not be empty", true
  end
  for index, item in ipairs(value) do
    local complaint, is_range = spec.item:check(item, path .. "[" .. index - 1 .. "]")
    if complaint then return complaint, is_range end
  end
  return nil
end

-- Options: item, max (how many).
arguments.array = kind("array", { type = "array" }, check_items)

function arguments.strings(options)
  local spec = arguments.array(options)
  spec.item, spec.one_of = arguments.string { one_of = spec.one_of }, nil
  return spec
end

-- A string or an array of them.
arguments.search = kind("search", {}, function(_, value, path)
  if type(value) == "string" then return check_string(nil, value, path) end
  return check_items({ item = arguments.string() }, value, path)
end)

local function check_fields(fields, value, prefix)
  for name in pairs(value) do
    if not fields[name] then return "unknown: " .. prefix .. tostring(name) end
  end
  for name, spec in pairs(fields) do
    local field = value[name]
    if field == json.null then value[name], field = nil, nil end
    if field == nil and spec.required then return prefix .. name .. " is required" end
    local complaint, is_range
    if field ~= nil then complaint, is_range = spec:check(field, prefix .. name) end
    if complaint then return complaint, is_range end
  end
  return nil
end

-- Options: fields.
arguments.object = kind("object", { type = "object" }, function(spec, value, path)
  if type(value) ~= "table" then return path .. " must be an object" end
  return check_fields(spec.fields, value, path .. ".")
end)

-- What is wrong with the arguments, and whether it is a matter of range; nil when nothing is.
function arguments.complaint(fields, values)
  return check_fields(fields, values, "")
end

local function describe(spec)
  local schema = {}
  for name, value in pairs(spec.schema) do schema[name] = value end
  if spec.fields then schema = arguments.schema(spec.fields) end
  if spec.item then schema.items, schema.maxItems = describe(spec.item), spec.max end
  if spec.kind == "integer" then schema.minimum, schema.maximum = spec.min, spec.max end
  if spec.kind == "search" then
    schema.anyOf = { { type = "string" }, { type = "array", items = { type = "string" } } }
  end
  if spec.one_of then
    schema.enum = json.array()
    for name in pairs(spec.one_of) do schema.enum[#schema.enum + 1] = name end
    table.sort(schema.enum)
  end
  return schema
end

function arguments.schema(fields)
  local properties, required = {}, json.array()
  for name, spec in pairs(fields) do
    properties[name] = describe(spec)
    if spec.required then required[#required + 1] = name end
  end
  table.sort(required)
  return { type = "object", properties = properties, required = required }
end

return arguments
