-- The types for editors (lua/better_i18n/types.lua) against the code, both ways: a function, an option, a field or a
-- code that is in one of them alone is found. What the code accepts is asked of the code itself, by what it refuses;
-- what it gives is read from its source and seen in real answers of the sandbox.
local answers = require "better_i18n.tools.answers"
local better_i18n = require "better_i18n"
local core = require "better_i18n.core"
local luals = require "spec.support.luals"
local sandbox = require "spec.support.sandbox"

local unpack = unpack or table.unpack

local function read(path)
  local file = assert(io.open(path))
  local text = file:read "*a"
  file:close()
  return text
end

local function files(pattern)
  local list, pipe = {}, io.popen("ls " .. pattern)
  for path in pipe:lines() do list[#list + 1] = path end
  pipe:close()
  return list
end

local function sorted(set)
  local names = {}
  for name in pairs(set) do names[#names + 1] = tostring(name) end
  table.sort(names)
  return names
end

local function set_of(names)
  local set = {}
  for _, name in ipairs(names) do set[name] = true end
  return set
end

local PATH = "lua/better_i18n/types.lua"
local types = luals.parse(read(PATH))

local function class(name) return types.classes["better_i18n." .. name] end
local function fields(name) return luals.fields(types, "better_i18n." .. name) end

local function members(name)
  local all = {}
  for method in pairs(types.classes[name].methods) do all[method] = true end
  for field in pairs(types.classes[name].fields) do all[field] = true end
  return all
end

describe("the reader of types", function()
  local function refused(text, wanted)
    local ok, problem = pcall(luals.parse, text)
    assert.is_false(ok, text)
    assert.truthy(problem:find(wanted, 1, true), problem)
  end

  it("refuses what the language server would not understand", function()
    refused("---@clas x", "@clas is not known")
    refused("---@class x\n---@field y strin", "the type strin is declared nowhere")
    refused("---@class x\n---@field y string|", "a type expected")
    refused("---@class x\n---@field y (string", "a parenthesis expected")
    refused("---@class x\n---@field y table<string, any", "a bracket expected")
    refused("---@class x\n---@field y string, integer", "a blank and a description")
    refused("---@class x\n---@field y string\n---@field y string", "the field y again")
    refused("---@class x\nlocal x = {}\n\n---@param b string\nfunction x.f(a) end", "a has no @param")
    refused("---@class x\nlocal x = {}\n\n---@param a string\nfunction x.f() end", "a @param too many")
    refused("---@class x\nlocal x = {}\n\n---@param a string\n\nfunction x.f(a) end", "annotations of nothing")
    refused("---@class x\nlocal x = {}\nx.y = 1", "not understood")
    refused("---@field y string", "a class before its field")
    refused('---@alias x\n---| "y" why', "a number sign")
    refused("---@class x\n\n---@field y string", "a class before its field")
  end)

  it("finds every function described", function()
    for name, entry in pairs(types.classes) do
      for method, about in pairs(entry.methods) do assert.is_true(about.described, name .. "." .. method) end
    end
    assert.is_true(types.is_meta)
    assert((loadstring or load)(read(PATH)))
  end)
end)

-- Functions ---------------------------------------------------------------------------------------------------------

local function is_optional(name, owner) return owner.fields[name] and owner.fields[name].optional end

describe("each function and each part", function()
  it("of better_i18n", function()
    local real = { null = true }
    for name, value in pairs(better_i18n) do real[name] = value ~= nil or nil end
    for _, path in ipairs(files "-d lua/better_i18n/*") do
      local name = path:match "^lua/better_i18n/([%w_]+)"
      if name ~= "init" and better_i18n[name] ~= nil then real[name] = true end
    end
    assert.same(sorted(real), sorted(members "better_i18n"))
    for name in pairs(types.classes.better_i18n.methods) do assert.equal("function", type(better_i18n[name]), name) end
    local homes = { better_i18n = "init", scope_list = "scopes", stores = "store/init", loops = "loop/init",
      oauth = "oauth", testing = "testing" }
    for name, path in pairs(homes) do -- so that the editor knows what `require` gives
      local tag = "---@type " .. (name == "better_i18n" and "" or "better_i18n.") .. name
      assert.truthy(read("lua/better_i18n/" .. path .. ".lua"):find(tag .. "%f[^%w_.]"), path)
    end
  end)

  it("of a client", function()
    local real = {}
    for name in pairs(require "better_i18n.client") do real[name] = true end
    assert.same(sorted(real), sorted(members "better_i18n.client"))
    for name, method in pairs(class("client").methods) do assert.is_true(method.colon, name) end
  end)

  it("of oauth and testing", function()
    assert.same(sorted(better_i18n.oauth), sorted(members "better_i18n.oauth"))
    assert.same(sorted(better_i18n.testing), sorted(members "better_i18n.testing"))
  end)

  it("of a signal and a loopback", function()
    local function public(object)
      local names = {}
      for name in pairs(object) do names[name] = true end
      for name in pairs(getmetatable(object).__index) do
        if not name:find "^__" then names[name] = true end
      end
      return names
    end
    local signal = better_i18n.signal()
    assert.same(sorted(public(signal)), sorted(members "better_i18n.signal"))
    local loopback = better_i18n.oauth.loopback { timeout = 1, loop = better_i18n.loop.blocking }
    assert.same(sorted(public(loopback)), sorted(members "better_i18n.loopback"))
    loopback:close()
  end)

  it("of the stores and the loops", function()
    local stores, loops = {}, {}
    for _, path in ipairs(files "lua/better_i18n/store/*.lua") do
      if read(path):find("return contract.guard", 1, true) or path:find "/file.lua$" then
        stores[path:match "([%w_]+)%.lua$"] = true
      end
    end
    assert.same(sorted(stores), sorted(members "better_i18n.stores"))
    for _, path in ipairs(files "lua/better_i18n/loop/*.lua") do
      local name = path:match "([%w_]+)%.lua$"
      if read(path):find('name = "' .. name .. '"', 1, true) and name ~= "script" then loops[name] = true end
    end
    assert.same(sorted(loops), sorted(members "better_i18n.loops"))
    local store = members "better_i18n.store"
    for name in pairs(better_i18n.store.file "build/none.json") do assert.is_true(store[name], name) end
    for name in pairs(store) do
      local own = better_i18n.store.memory()
      own[name] = 1
      local ok, err = pcall(better_i18n.new, { grant_id = "g", access_token = "a", store = own })
      assert.is_false(ok)
      assert.truthy(err.message:find("store." .. name .. " must be", 1, true), err.message)
      own[name] = nil
      local is_needed = not pcall(better_i18n.new, { grant_id = "g", access_token = "a", store = own })
      assert.equal(is_needed, not is_optional(name, class "store"), name)
    end
  end)

  it("of the scopes", function()
    local known = {}
    for index, scope in ipairs(better_i18n.scopes) do
      known[index] = scope.name
      for field in pairs(scope) do assert.truthy(class("scope").fields[field], field) end
    end
    local declared = {}
    for index, literal in ipairs(types.aliases["better_i18n.scope_name"]) do declared[index] = literal.value end
    assert.same(known, declared)
  end)
end)

-- Options -----------------------------------------------------------------------------------------------------------
-- A table with a name that cannot be one is refused with the names that can; one with a value of another type is
-- refused for that. So what is declared is held against what is accepted.

local samples = {
  string = "text", number = 7, boolean = true, table = {}, ["function"] = function() end,
}

-- The Lua types that a declared type admits, as a set.
local function lua_types(type)
  local set = {}
  if type.kind == "union" then
    for _, part in ipairs(type) do
      for name in pairs(lua_types(part)) do set[name] = true end
    end
  elseif type.kind == "fun" then set["function"] = true
  elseif type.kind == "literal" then set.string = true
  elseif type.kind == "array" or type.kind == "map" then set.table = true
  elseif type.name == "any" then set = set_of(sorted(samples))
  elseif type.name == "integer" then set.number = true
  elseif types.classes[type.name] then set.table = true
  elseif types.aliases[type.name] then return lua_types(types.aliases[type.name])
  else set[type.name] = true end
  return set
end

local function has_type(type, name)
  if type.kind ~= "union" then return type.name == name end
  for _, part in ipairs(type) do
    if has_type(part, name) then return true end
  end
  return false
end

local UNKNOWN = "zz_unknown"

local function message_of(call, options)
  local ok, err = pcall(call, options)
  if ok then return nil end
  assert.is_true(better_i18n.is_error(err), tostring(err))
  return err.code == "invalid_argument" and err.message or nil
end

local function known_names(call)
  local message = message_of(call, { [UNKNOWN] = true })
  assert.truthy(message and message:find(UNKNOWN, 1, true), tostring(message))
  local list = message:match "known %a+: (.*)$" or message:match "it takes (.*)$"
  assert.truthy(list, message)
  local names = {}
  for name in list:gmatch "[%w_]+" do names[name] = true end
  return names, list
end

local function is_about(message, name)
  return message ~= nil and message:find("%f[%w_]" .. name .. "%f[^%w_].* must be ") ~= nil
end

-- Whether it is the type that is refused; a value may be for other reasons.
local function is_wrong_type(message, name, type)
  return is_about(message, name) and message:find("not a? ?" .. type .. "$") ~= nil
end

-- Names and types of one class against what a function accepts in that place.
local function compare(name, call, known)
  local declared = fields(name)
  known = known or known_names(call)
  assert.same(sorted(known), sorted(declared), name)
  for field, entry in pairs(declared) do
    local admitted = lua_types(entry.type)
    for type, value in pairs(samples) do
      local message = message_of(call, { [field] = value })
      local fits = admitted[type] and not is_wrong_type(message, field, type)
        or not admitted[type] and is_about(message, field)
      assert.is_true(fits, ("%s.%s given a %s: %s"):format(name, field, type, tostring(message)))
    end
  end
end

local function integers_of(name, call)
  for field, entry in pairs(fields(name)) do
    if lua_types(entry.type).number then
      local message = message_of(call, { [field] = 1.5 })
      local refused = message ~= nil and message:find(field .. " must be an integer", 1, true) ~= nil
      assert.equal(has_type(entry.type, "integer"), refused, ("%s.%s: %s"):format(name, field, tostring(message)))
    end
  end
end

local texts = {
  project = "o/p", code = "de", method = "POST", path = "/", name = "listKeys", locale = "de", language = "de",
  languageCode = "de",
}

-- A value as it is declared, with what is required and nothing else.
local function sample(name, type)
  if type.kind == "array" then return { sample(name, type.of) } end
  if type.kind == "map" then return { de = "text" } end
  if type.kind == "literal" or type.kind == "union" or type.name == "string" then return texts[name] or "text" end
  local value = {}
  for field, entry in pairs(luals.fields(types, type.name)) do
    if not entry.optional then value[field] = sample(field, entry.type) end
  end
  return value
end

-- The method of a client that sends nothing, called with the table in the place of that parameter.
local function place(client, name, index)
  return function(options)
    local list, params = {}, class("client").methods[name].params
    for position, param in ipairs(params) do list[position] = sample(param.name, param.type) end
    list[index] = options
    return client[name](client, unpack(list, 1, index))
  end
end

local function class_of(type)
  if type.kind == "array" then return nil end
  return type.name and types.classes[type.name] and type.name:match "^better_i18n%.(.*)"
end

describe("each option", function()
  it("of new", function()
    local function new(options) return core.new(options, "new") end
    compare("options", new)
    integers_of("options", new)
  end)

  it("of oauth", function()
    local oauth = better_i18n.oauth
    local shared = fields "network_options"
    for _, name in ipairs { "authorize", "exchange" } do
      local known = known_names(oauth[name])
      for word in ("and new's options for hosts network"):gmatch "%a+" do known[word] = nil end
      for field in pairs(shared) do known[field] = true end
      assert.same(sorted(known), sorted(fields(name .. "_options")))
      for field in pairs(fields "options") do
        local message = message_of(oauth[name], { [field] = true })
        local unknown = message ~= nil and message:find("unknown option '" .. field .. "'", 1, true) ~= nil
        assert.equal(fields(name .. "_options")[field] == nil, unknown, name .. ": " .. field)
      end
    end
    for field in pairs(fields "parse_callback_options") do
      local message = message_of(function(options) return oauth.parse_callback("?", options) end, { [field] = "x" })
      assert.falsy(message and message:find("unknown option", 1, true), field)
    end
    compare("loopback_options", oauth.loopback)
    integers_of("loopback_options", oauth.loopback)
    local loopback = oauth.loopback()
    local function wait(options) return loopback:wait(options) end
    local known = known_names(wait)
    known.url, known.code_verifier = true, true
    assert.same(sorted(known), sorted(fields "loopback_wait_options"))
    loopback:close()
  end)

  it("of all, async, pages, redis", function()
    compare("all_options", function(options) return better_i18n.all({}, options) end)
    compare("pages_options", function(options) return better_i18n.pages(function() return {} end, options) end)
    assert.same({ "loop" }, sorted(fields "async_options"))
    local message = message_of(function() better_i18n.async(function() end, nil, { x = 1 }) end)
    assert.truthy(message:find("known is: loop", 1, true))
    local known = known_names(better_i18n.store.redis)
    assert.same(sorted(known), sorted(fields "redis_options"))
  end)

  it("of testing", function()
    compare("canned_answer", function(answer) better_i18n.testing.client { ["GET /"] = answer } end)
  end)

  local function seen(client, name, index, found)
    local param = class("client").methods[name].params[index]
    local of = class_of(param.type)
    if not of then return end
    found[name .. "." .. param.name] = true
    local call = place(client, name, index)
    if of == "new_project" then -- any field goes out; these must be there
      for field in pairs(fields(of)) do
        local without = {}
        for other, value in pairs(sample("payload", param.type)) do
          without[other] = other ~= field and value or nil
        end
        assert.equal("create_project: " .. field .. " is missing", message_of(call, without))
      end
      return
    end
    local known = known_names(call)
    assert.same(sorted(known), sorted(fields(of)), name .. "." .. param.name)
    if param.name == "options" and of ~= "wait_sync_options" then compare(of, call, known) end
    for field, entry in pairs(fields(of)) do -- items of a list, which are tables of their own
      local item = entry.type.kind == "array" and class_of(entry.type.of)
      if item then
        local function with(value) return call { project = "o/p", [field] = { value } } end
        assert.same(sorted(known_names(with)), sorted(fields(item)), name .. "." .. field)
      end
    end
  end

  it("of a client's methods", function()
    local client = better_i18n.testing.client {}
    local found = {}
    for name, method in pairs(class("client").methods) do
      for index in ipairs(method.params) do seen(client, name, index, found) end
    end
    for name in pairs(class("client").methods) do
      local takes_options = name ~= "can" and name ~= "is_revoked" and name ~= "close"
      assert.equal(takes_options, found[name .. ".options"] == true, name)
    end
  end)

  it("is one of a class that is used", function()
    local text = read(PATH)
    for name in pairs(types.classes) do
      local uses = select(2, text:gsub(name:gsub("%.", "%%.") .. "%f[^%w_.]", ""))
      local is_answer = name:find "_answer$" -- in response.answer, whose type depends on the method
      assert.is_true(uses >= 2 or is_answer ~= nil or name == "better_i18n", name .. " is used nowhere")
    end
  end)
end)

-- What comes back ---------------------------------------------------------------------------------------------------

-- The fields that a C file sets, in these functions or anywhere.
local function c_fields(path, ...)
  local text = read("src/binding/" .. path)
  local names, parts = {}, {}
  for index = 1, select("#", ...) do
    local name = select(index, ...)
    parts[index] = text:match("\n[^\n]*%f[%w_]" .. name .. "%([^;]-%)%s*{\n.-\n}\n")
    assert(parts[index], path .. " has no function " .. name)
  end
  local source = select("#", ...) == 0 and text or table.concat(parts)
  for name in source:gmatch 'set_%w+%(%s*L,%s*"([%w_]+)"' do names[name] = true end
  for name in source:gmatch 'lua_setfield%(L, [%w-]+, "([%w_]+)"%)' do names[name] = true end
  return names
end

local function union(...)
  local all = {}
  for index = 1, select("#", ...) do
    for name in pairs((select(index, ...))) do all[name] = true end
  end
  return all
end

local lua_text = {}
for _, path in ipairs(files "lua/better_i18n/*.lua lua/better_i18n/*/*.lua") do
  if path ~= PATH then lua_text[#lua_text + 1] = read(path) end
end
lua_text = table.concat(lua_text, "\n"):gsub("%-%-[^\n]*", "")

-- The fields that the Lua layer reads or writes of a variable.
local function lua_fields(variable)
  local names = {}
  for name in lua_text:gmatch("%f[%w_.]" .. variable .. "%.([%a_][%w_]*)") do names[name] = true end
  return names
end

-- The fields that core.error { … } gets.
local function constructed()
  local names = {}
  for block in lua_text:gsub('"[^"\n]*"', '""'):gmatch "core[()]*%.error ?(%b{})" do
    for name in block:gmatch "%f[%w_]([%a_]+) = " do names[name] = true end
  end
  return names
end

describe("each field", function()
  it("of an error", function()
    local real = union(c_fields("error_lua.c", "push_one"), lua_fields "problem", constructed(), { cause = true })
    if lua_text:find "data%.hook_error" then real.hook_error = true end
    if lua_text:find "sync%.sync = " then real.sync = true end
    assert.same(sorted(real), sorted(fields "error"))
  end)

  it("of a response", function()
    local real = union(
      c_fields("answer_lua.c", "push_response", "set_request_id", "set_position"),
      c_fields("mcp_lua.c", "bi_mcp_add_details"), lua_fields "response",
      { warning = true, headers = read("src/binding/fields_lua.c"):find '"headers"' and true }) -- made when asked for
    assert.same(sorted(real), sorted(fields "response"))
  end)

  it("of tokens, infos and what a transport gets", function()
    local file = "answer_lua.c"
    local tokens = c_fields(file, "push_tokens", "push_exchanged", "set_expiry")
    tokens.scope = true -- set_joined
    assert.same(sorted(tokens), sorted(fields "tokens"))
    local info = union(c_fields(file, "push_account", "set_expiry"), { project_ids = true, scopes = true }) -- set_names
    assert.same(sorted(info), sorted(fields "token_info"))
    assert.same(sorted(c_fields(file, "bi_lua_info", "set_request_id")), sorted(fields "response_info"))
    assert.same(sorted(c_fields("task_lua.c", "bi_lua_request")), sorted(fields "transport_request"))
    assert.same(sorted(c_fields("oauth_lua.c", "bi_lua_authorize")), sorted(fields "authorization"))
    local named = union(fields "response", fields "tokens", fields "token_info", fields "response_info")
    for name in pairs(c_fields(file)) do assert.truthy(named[name], name .. " in " .. file) end
  end)

  it("that an error's code may have", function()
    local given, sources = {}, {}
    for line in read("src/core/failure.h"):gmatch "[^\n]+" do
      local code = line:match '^#define BI_CODE_%w+ "([%w_]+)"'
      if code and code ~= "memory" then given[code] = true end
    end
    for code in lua_text:gmatch 'code = "([%w_]+)"' do
      if code:sub(-1) ~= "_" then given[code] = true end
    end
    for code in lua_text:gmatch 'fail%([%w_]*,? ?"([%w]+_[%w_]+)"' do given[code] = true end
    for _, path in ipairs(files "src/*/*.c src/*/*.h sandbox/service/*.lua sandbox/service/*/*.lua") do
      sources[#sources + 1] = read(path)
    end
    local text = table.concat(sources)
    local declared = {}
    for _, literal in ipairs(types.aliases["better_i18n.code"]) do declared[literal.value] = true end
    for code in pairs(given) do assert.is_true(declared[code], code .. " is not declared") end
    for code in pairs(declared) do
      local ours = given[code] or code:find "^sync_" and lua_text:find('"sync_" .. ', 1, true)
      assert.truthy(ours or text:find('"' .. code .. '"', 1, true), code .. " is given by nobody")
    end
  end)
end)

-- Answers of tools --------------------------------------------------------------------------------------------------

local answer_of = {
  getProject = "overview", listKeys = "keys_answer", getTranslations = "texts_answer", createKeys = "created",
  updateKeys = "updated", setTranslations = "translated", deleteKeys = "deleted", getPendingChanges = "pending",
  getSyncs = "syncs_answer", getSync = "sync", cancelSync = "cancelled", proposeLanguages = "proposed",
  proposeLanguageEdits = "proposed", getTranslationContext = "context",
}

local renamed = {} -- class.field → true, for fields that the code gives a long name

-- The class of what is in an array or a map of these.
local function inner(type)
  if type.kind == "array" then return inner(type.of) end
  if type.kind == "map" then return inner(type.value) end
  if type.kind == "union" then
    for _, part in ipairs(type) do
      if inner(part) then return inner(part) end
    end
  end
  return class_of(type)
end

local function compare_rows(rows, name)
  for short, row in pairs(rows) do
    local long = type(row) == "table" and row[1] or row
    local entry = fields(name)[long]
    assert.truthy(entry, ("%s has no field %s (%s on the wire)"):format(name, long, short))
    renamed[name .. "." .. long] = true
    local below = type(row) == "table" and (row.list or row.object or row.map)
    if below and inner(entry.type) then compare_rows(below, inner(entry.type)) end
    if below and not inner(entry.type) then error(("%s.%s says nothing of what is in it"):format(name, long), 0) end
  end
end

-- Real answers ------------------------------------------------------------------------------------------------------

local met = {} -- class.field → true, for fields that were seen

local conforms

local basic = {
  any = function() return true end,
  ["nil"] = function(value) return value == nil end,
  integer = function(value) return type(value) == "number" and value % 1 == 0 end,
}

local function conforms_to_class(value, name, path)
  if type(value) ~= "table" then return false, path .. " is no table" end
  local declared = fields(name:match "^better_i18n%.(.*)")
  for field, entry in pairs(declared) do
    local given = rawget(value, field)
    if given == nil then
      if not entry.optional then return false, ("%s.%s is absent"):format(path, field) end
    else
      local ok, problem = conforms(given, entry.type, path .. "." .. field)
      if not ok then return false, problem end
      met[name:match "^better_i18n%.(.*)" .. "." .. field] = true
    end
  end
  for field in pairs(value) do
    if not declared[field] then return false, ("%s.%s is not declared"):format(path, tostring(field)) end
  end
  return true
end

local function conforms_to_any_of(value, union_type, path)
  local problem
  for _, part in ipairs(union_type) do
    local ok, why = conforms(value, part, path)
    if ok then return true end
    if type(value) == "table" then problem = why or problem end
  end
  return false, problem or path .. " has another type: " .. type(value)
end

local function conforms_to_all(value, path, key_type, value_type)
  if type(value) ~= "table" then return false, path .. " is no table" end
  for key, item in pairs(value) do
    local below = ("%s[%s]"):format(path, tostring(key))
    local ok, problem = true, nil
    if key_type then ok, problem = conforms(key, key_type, below) elseif type(key) ~= "number" then ok = false end
    if not ok then return false, problem or below .. " in an array" end
    ok, problem = conforms(item, value_type, below)
    if not ok then return false, problem end
  end
  return true
end

function conforms(value, type_, path)
  if type_.kind == "union" then return conforms_to_any_of(value, type_, path) end
  if type_.kind == "literal" then return value == type_.value, path .. " is " .. tostring(value) end
  if type_.kind == "fun" then return type(value) == "function", path .. " is no function" end
  if type_.kind == "array" then return conforms_to_all(value, path, nil, type_.of) end
  if type_.kind == "map" then return conforms_to_all(value, path, type_.key, type_.value) end
  local name = type_.name
  if types.classes[name] then return conforms_to_class(value, name, path) end
  if types.aliases[name] then return conforms(value, types.aliases[name], path) end
  local ok = (basic[name] or function(given) return type(given) == name end)(value)
  return ok, path .. " is a " .. type(value) .. ", not " .. name
end

local function check(value, name, path)
  assert(conforms(value, { kind = "name", name = "better_i18n." .. name }, path or name))
  return value
end

-- Calls a method and checks what it returns.
local function call(client, name, ...)
  local data, response = client[name](client, ...)
  local returns = class("client").methods[name].returns
  assert(conforms(data, returns[1], name))
  assert(conforms(response, returns[2], name .. "'s response"))
  return data, response
end

describe("what really comes back is declared:", function()
  local grant, project, client
  local infos = {}

  setup(function()
    sandbox.start()
    grant = sandbox.grant {
      client_id = sandbox.CLIENT_ID, sync_ms = 50, publish_cooldown = 0, scopes = {
        "org:read", "projects:read", "projects:write", "keys:read", "keys:write", "translations:read",
        "translations:write", "translations:publish", "content:read",
      },
    }
    project = sandbox.project(grant, {
      languages = { "de" }, keys = { { n = "title", v = "Hello", t = { de = "Hallo" } }, { n = "old", v = "Old" } },
    })
    client = sandbox.connected(grant, {
      on_request = function(info) infos[#infos + 1] = check(info, "request_info") end,
      on_response = function(info) infos[#infos + 1] = check(info, "response_info") end,
      on_tokens = function(tokens) infos[#infos + 1] = check(tokens, "tokens") end,
    })
  end)
  teardown(function()
    client:close()
    sandbox.stop()
  end)

  it("the partner API and the CDN", function()
    call(client, "me")
    call(client, "list_organizations", { limit = 1 })
    call(client, "list_projects", sandbox.ORGANIZATION_ID)
    call(client, "list_models", sandbox.ORGANIZATION_SLUG, sandbox.PROJECT_SLUG)
    call(client, "get_project", sandbox.PROJECT_ID)
    local made = call(client, "create_project", { name = "Types", slug = "types", sourceLanguage = "en" })
    call(client, "add_language", made.id, "de")
    call(client, "token_info")
    call(client, "get_manifest", sandbox.TOOL_PROJECT)
    call(client, "get_manifest", sandbox.TOOL_PROJECT)
    call(client, "get_messages", sandbox.TOOL_PROJECT, "de")
    call(client, "request", "GET", "/api/oauth-client/me", { token = "access" })
    assert.is_true(#infos > 10)
  end)

  it("keys and translations", function()
    call(client, "list_tools")
    call(client, "call_tool", "listProjects")
    local keys, about = call(client, "list_keys", {
      project = project, fields = { "id", "sourceText", "translations", "translatedLanguages",
        "translatedLanguageCount" },
    })
    check(about.answer, "keys_answer")
    check(select(2, call(client, "get_translations", { project = project })).answer, "texts_answer")
    local id = keys[1].id
    call(client, "create_keys", { project = project, keys = {
      { key = "new", sourceText = "New", translations = { de = "Neu" } }, { key = "old", sourceText = "Old" },
      { key = "title.below", sourceText = "x" }, { key = "strange", sourceText = "x", translations = { xx = "x" } },
    } })
    call(client, "set_translations", { project = project, translations = {
      { id = id, translations = { de = "Hallo!" } }, { id = "none", translations = { de = "x" } },
    } })
    call(client, "update_keys", { project = project, updates = {
      { id = id, language = "de", text = "Hallo?" }, { id = "none", language = "de", text = "x" },
    } })
    call(client, "delete_keys", { project = project, ids = { keys[2].id, "none" } })
  end)

  it("publishing and projects", function()
    call(client, "pending_changes", { project = project })
    local result = call(client, "publish", { project = project })
    call(client, "wait_sync", result.syncJobIds[1])
    call(client, "get_sync", result.syncJobIds[1])
    check(select(2, call(client, "list_syncs", { project = project })).answer, "syncs_answer")
    call(client, "cancel_sync", { project = project, id = result.syncJobIds[1] })
    call(client, "list_tool_projects")
    call(client, "project_overview", { project = project })
    call(client, "translation_context", { project = sandbox.TOOL_PROJECT })
    call(client, "propose_languages", { project = project, languages = { { languageCode = "fr" } } })
    call(client, "propose_language_edits", {
      project = project, edits = { { languageCode = "fr", newStatus = "active" } },
    })
  end)

  it("errors", function()
    local _, missing = better_i18n.try(client.get_project, client, "prj_none")
    check(missing, "error")
    local failing = sandbox.grant { client_id = sandbox.CLIENT_ID }
    sandbox.fault(failing, { kind = "rate_limit", retry_after = 999 })
    local _, limited = better_i18n.try(client.me, sandbox.connected(failing))
    check(limited, "error")
    assert.equal(999, limited.retry_after)
    check(better_i18n.oauth.authorize {
      client_id = "a", redirect_uri = sandbox.REDIRECT_URI, base_url = sandbox.URL,
    }, "authorization")
  end)

  it("and what is declared of the tools' answers, comes", function()
    for tool, rows in pairs(answers.rows) do
      assert.truthy(answer_of[tool], tool .. " has no class in answer_of")
      compare_rows(rows, answer_of[tool])
    end
    local function look(name, of)
      for field, entry in pairs(fields(name)) do
        local id = name .. "." .. field
        local known = renamed[id] or met[id] or id == "keys_answer.note" -- in API.md alone
        for class_name in pairs(types.classes) do -- an inherited field was seen under its own class's heirs
          known = known or met[class_name:match "%.(.*)$" and class_name:match "%.(.*)$" .. "." .. field]
        end
        assert.truthy(known, id .. " never comes")
        if inner(entry.type) and not of[inner(entry.type)] then
          of[inner(entry.type)] = true
          look(inner(entry.type), of)
        end
      end
    end
    for _, name in pairs(answer_of) do look(name, {}) end
    for _, name in ipairs { "tool_project", "published", "token_info", "request_info", "response_info" } do
      look(name, {})
    end
  end)
end)
