-- The types for editors (lua/better_i18n/types/) against the code: options, and the fields of payloads. What the code
-- accepts is asked of the code itself: a table with a name that cannot be one is refused with the names that can; one
-- with a value of another type is refused for that. So what is declared is held against what is accepted.
local better_i18n = require "better_i18n"
local core = require "better_i18n.core"
local declared = require "spec.support.declared"

local class, class_of, fields = declared.class, declared.class_of, declared.fields
local sorted, types = declared.sorted, declared.types
local unpack = unpack or table.unpack

local samples = {
  string = "text", number = 7, boolean = true, table = {}, ["function"] = function() end,
}

local function all_lua_types()
  local set = {}
  for name in pairs(samples) do set[name] = true end
  return set
end

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
  elseif type.name == "any" then set = all_lua_types()
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
  local listed = fields(name)
  known = known or known_names(call)
  assert.same(sorted(known), sorted(listed), name)
  for field, entry in pairs(listed) do
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
  for field, entry in pairs(fields(type.name:match "^better_i18n%.(.*)")) do
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
    local text = {}
    for index, file in ipairs(declared.texts) do text[index] = file[2] end
    text = table.concat(text, "\n")
    for name in pairs(types.classes) do
      local uses = select(2, text:gsub(name:gsub("%.", "%%.") .. "%f[^%w_.]", ""))
      local is_answer = name:find "_answer$" -- in response.answer, whose type depends on the method
      assert.is_true(uses >= 2 or is_answer ~= nil or name == "better_i18n", name .. " is used nowhere")
    end
  end)
end)
