-- What the tools' methods take: each kind is a function(value) → true and the value as it goes on the wire, or false, a
-- complaint and, for a part of the value, its path. Knows no tool. Called by tools/call.lua and the tools' methods.

local core = require "better_i18n.core"

local unpack = unpack or table.unpack
local kinds = {}

local function describe(value)
  if type(value) == "string" then return #value <= 60 and ("%q"):format(value) or "a text" end
  return type(value) == "number" and tostring(value) or type(value)
end

local function wrong(wanted, value) return false, ("must be %s, not %s"):format(wanted, describe(value)) end

local function is_utf8(text) return not text:find "[\128-\255]" or core.json_encode(text) ~= nil end

-- Texts -------------------------------------------------------------------------------------------------------------

--- Any text, also an empty one. It arrives byte for byte, so what would not is refused.
function kinds.text(value)
  if type(value) ~= "string" then return wrong("a string", value) end
  if value:find("\0", 1, true) then return false, "holds a NUL character, which the service cannot keep" end
  if not is_utf8(value) then return false, "is not valid UTF-8" end
  return true, value
end

--- A text that is not empty: names and ids.
function kinds.name(value)
  if value == "" then return false, "must not be empty" end
  return kinds.text(value)
end

--- "org-slug/project-slug", as every tool wants it.
function kinds.project(value)
  if type(value) ~= "string" or not value:find "^[^/%s%c]+/[^/%s%c]+$" then
    return wrong('"org-slug/project-slug"', value)
  end
  return kinds.text(value)
end

--- A language code; lower-cased on the wire (API.md).
function kinds.language(value)
  if type(value) ~= "string" or not value:find "^%a[%w-]*$" then
    return wrong('a language code such as "pt-BR"', value)
  end
  return true, value:lower()
end

--- { language = text }, at least one.
function kinds.texts(value)
  if type(value) ~= "table" then return wrong("a table { language = text }", value) end
  local wire = {}
  for language, text in next, value do
    local ok, code = kinds.language(language)
    if not ok then return false, ("has %s, which is no language code"):format(describe(language)) end
    if wire[code] then return false, ("has the language %s twice"):format(code) end
    local fits, complaint = kinds.text(text)
    if not fits then return false, complaint, "." .. code end
    wire[code] = text
  end
  if next(wire) == nil then return false, "is empty: nothing to send" end
  return true, wire
end

--- What is looked for: a text or an array of texts.
function kinds.search(value)
  if type(value) == "string" then return kinds.text(value) end
  if type(value) ~= "table" then return wrong("a string or an array of strings", value) end
  return kinds.list(kinds.text)(value)
end

-- Others ------------------------------------------------------------------------------------------------------------

function kinds.boolean(value)
  if type(value) ~= "boolean" then return wrong("a boolean", value) end
  return true, value
end

-- In a value that can be encoded, so it ends.
local function has_nul(value)
  if type(value) == "string" then return value:find("\0", 1, true) ~= nil end
  if type(value) ~= "table" then return false end
  for name, field in next, value do
    if has_nul(name) or has_nul(field) then return true end
  end
  return false
end

--- A table that the service understands; goes out as it is.
function kinds.any_table(value)
  if type(value) ~= "table" then return wrong("a table", value) end
  local text, complaint = core.json_encode(value)
  if not text then return false, "cannot be sent: " .. complaint end
  if has_nul(value) then return false, "holds a NUL character, which the service cannot keep" end
  return true, value
end

--- An integer between two limits.
function kinds.integer(least, most)
  local wanted = most and ("an integer from %d to %d"):format(least, most) or ("an integer from %d"):format(least)
  return function(value)
    if type(value) ~= "number" or value % 1 ~= 0 or value < least or value > (most or math.huge) then
      return wrong(wanted, value)
    end
    return true, value
  end
end

--- One of these texts.
function kinds.one_of(...)
  local known, wanted = {}, "one of " .. table.concat({ ... }, ", ")
  for _, name in ipairs { ... } do known[name] = true end
  return function(value)
    if not known[value] then return wrong(wanted, value) end
    return true, value
  end
end

-- The number of items, or nil: not an array, or one with holes.
local function length_of(value)
  local count = 0
  for name in next, value do
    if type(name) ~= "number" then return nil end
    count = count + 1
  end
  return count == #value and count or nil
end

--- An array of a kind; at most so many. An empty one is refused: it may mean all or none.
function kinds.list(kind, most)
  return function(value)
    if type(value) ~= "table" then return wrong("an array", value) end
    local count = length_of(value)
    if not count then return false, "must be an array without holes and names" end
    if count == 0 then return false, "is empty; leave it out, or name what is meant" end
    if most and count > most then return false, ("holds %d items; the service takes %d at most"):format(count, most) end
    local wire = core.array {}
    for index = 1, count do
      local ok, item, path = kind(value[index])
      if not ok then return false, item, ("[%d]%s"):format(index, path or "") end
      wire[index] = item
    end
    return true, wire
  end
end

local function known_names(fields, others)
  local names = { unpack(others or {}) }
  for name in pairs(fields) do names[#names + 1] = name end
  table.sort(names)
  return names
end

--- A table with these fields and no others.
-- @param fields (table) name → { kind, required = boolean, wire = its name on the wire, if that is another }
-- @param others (table) names that the caller takes out before, for messages; or nil
function kinds.object(fields, others)
  return function(value)
    if type(value) ~= "table" then return wrong("a table", value) end
    for name in next, value do
      if not fields[name] then return false, core.unknown("option", name, known_names(fields, others)) end
    end
    local wire = {}
    for name, field in pairs(fields) do
      local given = value[name]
      if given == nil and field.required then return false, "is missing", "." .. name end
      if given ~= nil then
        local ok, item, path = field[1](given)
        if not ok then return false, item, "." .. name .. (path or "") end
        wire[field.wire or name] = item
      end
    end
    return true, wire
  end
end

return kinds
