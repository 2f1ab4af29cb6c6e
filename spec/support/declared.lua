-- The types for editors (lua/better_i18n/types/), read once, and what the specs about them share.
local luals = require "spec.support.luals"
local shell = require "spec.support.shell"

local declared = {}

local texts = {}
for index, path in ipairs(shell.list "lua/better_i18n/types/*.lua") do texts[index] = { path, shell.read(path) } end

--- { path, text } of each file.
declared.texts = texts

--- What they declare, as spec/support/luals.lua gives it.
declared.types = luals.parse(texts)

--- All fields of better_i18n.<name>, inherited ones too: name → { type, optional }.
function declared.fields(name) return luals.fields(declared.types, "better_i18n." .. name) end

--- The class better_i18n.<name>.
function declared.class(name) return declared.types.classes["better_i18n." .. name] end

--- The name of the class that a type is, without "better_i18n."; nil for any other type.
function declared.class_of(type)
  if type.kind == "array" then return nil end
  return type.name and declared.types.classes[type.name] and type.name:match "^better_i18n%.(.*)"
end

--- The source of the Lua layer without comments, the types left out.
function declared.lua_source()
  local parts = {}
  for _, path in ipairs(shell.list "lua/better_i18n/*.lua lua/better_i18n/*/*.lua") do
    if not path:find("/types/", 1, true) then parts[#parts + 1] = shell.read(path) end
  end
  return (table.concat(parts, "\n"):gsub("%-%-[^\n]*", ""))
end

--- The names in a set, sorted.
function declared.sorted(set)
  local names = {}
  for name in pairs(set) do names[#names + 1] = tostring(name) end
  table.sort(names)
  return names
end

return declared
