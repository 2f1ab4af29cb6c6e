-- The types for editors (lua/better_i18n/types/) against the code, both ways: a function, an option, a field or a code
-- that is in one of them alone is found. Here: the files themselves, and functions. Options, fields and answers have
-- specs of their own (types_options_spec.lua, types_fields_spec.lua, types_answers_spec.lua).
local better_i18n = require "better_i18n"
local declared = require "spec.support.declared"
local luals = require "spec.support.luals"
local shell = require "spec.support.shell"

local class, read, sorted, types = declared.class, shell.read, declared.sorted, declared.types

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

  it("puts together a class that goes on in another file, and names the file", function()
    local first = { "a.lua", "---@meta _\n---@class x\nlocal x = {}\n\n---@return y y\nfunction x.f() end" }
    local second = "---@class y\n\n---@class x\nlocal x = {}\n\nfunction x.g() end"
    local together = luals.parse { first, { "b.lua", second } }
    assert.same({ "f", "g" }, declared.sorted(together.classes.x.methods))
    assert.is_false(together.is_meta)
    for text, wanted in pairs {
      ["---@class x\nlocal x = {}\n\nfunction x.f() end"] = "b.lua, line 4: f again",
      ["---@class x: y"] = "b.lua, line 1: the class x again", ["---@class z"] = "a.lua, line 5: the type y is",
      ["function x.h() end"] = "b.lua, line 1: not understood",
    } do
      local ok, problem = pcall(luals.parse, { first, { "b.lua", text } })
      assert.is_false(ok, text)
      assert.truthy(problem:find(wanted, 1, true), problem)
    end
  end)

  it("finds every function described", function()
    for name, entry in pairs(types.classes) do
      for method, about in pairs(entry.methods) do assert.is_true(about.described, name .. "." .. method) end
    end
    assert.is_true(types.is_meta)
    for _, text in ipairs(declared.texts) do assert((loadstring or load)(text[2], text[1])) end
  end)
end)

local function is_optional(name, owner) return owner.fields[name] and owner.fields[name].optional end

describe("each function and each part", function()
  it("of better_i18n", function()
    local real = { null = true }
    for name, value in pairs(better_i18n) do real[name] = value ~= nil or nil end
    for _, path in ipairs(shell.list("lua/better_i18n/*", "-d")) do
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
    for _, path in ipairs(shell.list "lua/better_i18n/store/*.lua") do
      if read(path):find("return contract.guard", 1, true) or path:find "/file.lua$" then
        stores[path:match "([%w_]+)%.lua$"] = true
      end
    end
    assert.same(sorted(stores), sorted(members "better_i18n.stores"))
    for _, path in ipairs(shell.list "lua/better_i18n/loop/*.lua") do
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
    local names = {}
    for index, literal in ipairs(types.aliases["better_i18n.scope_name"]) do names[index] = literal.value end
    assert.same(known, names)
  end)
end)
