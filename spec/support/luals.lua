-- Reads annotations of the Lua language server (LuaLS), strictly: a line that is not understood, a type that nobody
-- declared, a parameter without a type is an error that names the line. For lua/better_i18n/types/.
local luals = {}

local builtin = {}
for name in ("any nil boolean string number integer table function userdata thread true false"):gmatch "%S+" do
  builtin[name] = true
end

-- Types -----------------------------------------------------------------------------------------------------------
-- A type is { kind = "name", name }, { kind = "literal", value }, { kind = "array", of }, { kind = "map", key, value },
-- { kind = "fun", params, returns } or { kind = "union", … }.

local reader = {}
reader.__index = reader

function reader:fail(wanted)
  error(("line %d: %s expected at: %s"):format(self.line, wanted, self.text:sub(self.at)), 0)
end

function reader:skip() self.at = self.text:find("%S", self.at) or #self.text + 1 end

-- Takes what the pattern matches here, or nothing.
function reader:take(pattern)
  local from, to, captured = self.text:find("^" .. pattern, self.at)
  if not from then return nil end
  self.at = to + 1
  return captured or self.text:sub(from, to)
end

-- A type that has to be declared somewhere.
function reader:note(name) self.names[#self.names + 1] = { name = name, line = self.line, path = self.path } end

function reader:need(pattern, what) return self:take(pattern) or self:fail(what or pattern) end

local read_type

local function read_list(self, read)
  local list = {}
  repeat
    self:skip()
    list[#list + 1] = read(self)
  until not self:take "%s*,"
  return list
end

local function read_fun_param(self)
  local name = self:take "%.%.%." or self:need("[%a_][%w_]*", "a parameter")
  local optional = self:take "%?" ~= nil
  self:need("%s*:%s*", "a colon")
  return { name = name, optional = optional, type = read_type(self) }
end

local function read_fun(self)
  local fun = { kind = "fun", params = {}, returns = {} }
  if not self:take "%)" then
    fun.params = read_list(self, read_fun_param)
    self:need("%)", "a parenthesis")
  end
  if self:take ":%s+" then fun.returns = read_list(self, read_type) end
  return fun
end

local function read_primary(self)
  if self:take "fun%(" then return read_fun(self) end
  if self:take "%(" then
    local inner = read_type(self)
    self:need("%)", "a parenthesis")
    return inner
  end
  local literal = self:take '"([^"]*)"'
  if literal then return { kind = "literal", value = literal } end
  local name = self:need("[%a_][%w_.]*", "a type")
  if name == "table" and self:take "<" then
    local key = read_type(self)
    self:need(",%s*", "a comma")
    local map = { kind = "map", key = key, value = read_type(self) }
    self:need(">", "a bracket")
    return map
  end
  if not self.generics[name] then self:note(name) end
  return { kind = "name", name = name }
end

local NIL = { kind = "name", name = "nil" }

local function read_postfix(self)
  local type = read_primary(self)
  while true do
    if self:take "%[%]" then
      type = { kind = "array", of = type }
    elseif self:take "%?" then
      type = { kind = "union", type, NIL }
    else
      return type
    end
  end
end

function read_type(self)
  local union = { kind = "union", read_postfix(self) }
  while self:take "|" do union[#union + 1] = read_postfix(self) end
  return union[2] and union or union[1]
end

-- What stands behind a type is a description, or nothing.
function reader:finish()
  if self.at <= #self.text and not self:take "%s+%S.*" then self:fail "a blank and a description" end
end

-- Lines -----------------------------------------------------------------------------------------------------------

local tags = {}

function tags.meta(self, file)
  self:need("_$", "an underscore")
  file.is_meta = true
end

-- A class may go on in another file, as the server has it: then its parent stands in the first.
function tags.class(self, file)
  local name = self:need("[%a_][%w_.]*", "the name of a class")
  local class = file.classes[name] or { name = name, fields = {}, order = {}, indexed = {}, methods = {} }
  if class.text == file.text or class.text and self.at <= #self.text then
    error(("line %d: the class %s again"):format(self.line, name), 0)
  end
  class.text = file.text
  if self:take ":%s*" then
    class.parent = self:need("[%a_][%w_.]*", "the name of a class")
    self:note(class.parent)
  end
  self:finish()
  file.classes[name], file.class, file.open = class, class, class
end

function tags.field(self, file)
  local class = file.open or self:fail "a class before its field"
  if self:take "%[" then
    class.indexed[#class.indexed + 1] = { key = read_type(self) }
    self:need("%]%s+", "a bracket")
    class.indexed[#class.indexed].value = read_type(self)
    return self:finish()
  end
  local name = self:need("[%a_][%w_]*", "the name of a field")
  local optional = self:take "%?" ~= nil
  self:need("%s+", "a blank")
  if class.fields[name] then error(("line %d: the field %s again"):format(self.line, name), 0) end
  class.fields[name] = { type = read_type(self), optional = optional, line = self.line }
  class.order[#class.order + 1] = name
  self:finish()
end

function tags.alias(self, file)
  local name = self:need("[%a_][%w_.]*", "the name of an alias")
  if file.aliases[name] then error(("line %d: the alias %s again"):format(self.line, name), 0) end
  file.open = nil
  if self.at > #self.text then
    file.aliases[name] = { kind = "union" }
    file.choices = file.aliases[name]
    return
  end
  self:need("%s+", "a blank")
  file.aliases[name] = read_type(self)
  self:finish()
end

function tags.param(self, file)
  local name = self:take "%.%.%." or self:need("[%a_][%w_]*", "the name of a parameter")
  local optional = self:take "%?" ~= nil
  self:need("%s+", "a blank")
  table.insert(file.params, { name = name, optional = optional, type = read_type(self) })
  self:finish()
end

tags["return"] = function(self, file)
  table.insert(file.returns, read_type(self))
  self:finish()
end

function tags.generic(self, file)
  local name = self:need("%u", "a capital letter")
  file.generics[name] = true
  if self:take ":%s*" then read_type(self) end
  self:finish()
end

local function choice(self, file)
  local choices = file.choices or self:fail "an alias before its choices"
  choices[#choices + 1] = read_type(self)
  if self.at <= #self.text then self:need(" # %S.*$", "a number sign and a description") end
end

-- `function client:me(options) end`, which belongs to the class that stands before `local client = {}`.
local function take_function(file, line, text)
  local owner, separator, name, arguments = text:match "^function ([%a_][%w_]*)([.:])([%a_][%w_]*)%(([^()]*)%) end$"
  local class = owner and file.locals[owner]
  if not class then error(("line %d: not understood: %s"):format(line, text), 0) end
  local index = 0
  for argument in arguments:gmatch "[^,%s]+" do
    index = index + 1
    local param = file.params[index]
    if not param or param.name ~= argument then
      error(("line %d: %s has no @param in its place"):format(line, argument), 0)
    end
  end
  if #file.params > index then error(("line %d: a @param too many"):format(line), 0) end
  if class.methods[name] then error(("line %d: %s again"):format(line, name), 0) end
  class.methods[name] = {
    line = line, colon = separator == ":", params = file.params, returns = file.returns, described = file.described,
  }
  file.params, file.returns, file.generics, file.described = {}, {}, {}, false
end

local function take_line(file, line, text)
  local function on(rest)
    return setmetatable({
      line = line, text = rest, at = 1, names = file.names, generics = file.generics, path = file.path,
    }, reader)
  end
  local tag, rest = text:match "^%-%-%-@(%a+)%s*(.*)$"
  if tag then
    if not tags[tag] then error(("line %d: the tag @%s is not known"):format(line, tag), 0) end
    if tag ~= "field" and tag ~= "class" then file.open = tag == "alias" and file.open or nil end
    if tag ~= "alias" then file.choices = nil end
    return tags[tag](on(rest), file)
  end
  if text:find "^%-%-%-| " then return choice(on(text:sub(6)), file) end
  if text:find "^%-%-%-%S" then
    file.described = true
    return
  end
  if text == "" or text:find "^%-%- " then
    file.open, file.choices = nil, nil
    if #file.params + #file.returns > 0 then error(("line %d: annotations of nothing"):format(line), 0) end
    file.described = false
    return
  end
  local owner = text:match "^local ([%a_][%w_]*) = {}$"
  if owner then
    file.locals[owner] = file.open or error(("line %d: no class stands before it"):format(line), 0)
    return
  end
  take_function(file, line, text)
end

local function check_names(file)
  for _, used in ipairs(file.names) do
    local name = used.name
    if not (builtin[name] or file.classes[name] or file.aliases[name]) then
      error(("%sline %d: the type %s is declared nowhere"):format(used.path, used.line, name), 0)
    end
  end
end

local function take_text(file, text)
  file.text, file.locals = text, {}
  file.class, file.open, file.choices, file.params, file.returns = nil, nil, nil, {}, {}
  file.generics, file.described, file.is_meta = {}, false, false
  local line = 0
  for content in (text .. "\n"):gmatch "(.-)\n" do
    line = line + 1
    take_line(file, line, content)
  end
end

--- Reads a text, or several that belong together.
-- @param texts (string) or an array of { path, text }
-- @return table classes: name → { name, parent, fields: name → { type, optional }, indexed, methods: name → { colon,
--   params: { name, optional, type }, returns, described } }; aliases: name → type; is_meta: each of the texts is
function luals.parse(texts)
  local file, is_meta = { classes = {}, aliases = {}, names = {} }, true
  for _, part in ipairs(type(texts) == "table" and texts or { { "", texts } }) do
    file.path = part[1] == "" and "" or part[1] .. ", "
    local ok, problem = pcall(take_text, file, part[2])
    if not ok then error(file.path .. tostring(problem), 0) end
    is_meta = is_meta and file.is_meta
  end
  file.is_meta = is_meta
  check_names(file)
  return file
end

--- All fields of a class, with those that it inherits.
function luals.fields(file, name)
  local all, class = {}, file.classes[name]
  while class do
    for field, entry in pairs(class.fields) do all[field] = all[field] or entry end
    class = class.parent and file.classes[class.parent]
  end
  return all
end

return luals
