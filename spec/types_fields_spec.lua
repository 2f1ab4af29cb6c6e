-- The types for editors (lua/better_i18n/types/) against the code: the fields of what the client itself makes, read
-- from the source that sets them, and the codes of errors.
local declared = require "spec.support.declared"
local shell = require "spec.support.shell"

local fields, read, sorted, types = declared.fields, shell.read, declared.sorted, declared.types
local lua_text = declared.lua_source()

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
    assert.same(sorted(c_fields(file, "bi_info_push", "set_request_id")), sorted(fields "response_info"))
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
    for _, path in ipairs(shell.list "src/*/*.c src/*/*.h sandbox/service/*.lua sandbox/service/*/*.lua") do
      sources[#sources + 1] = read(path)
    end
    local text = table.concat(sources)
    local named = {}
    for _, literal in ipairs(types.aliases["better_i18n.code"]) do named[literal.value] = true end
    for code in pairs(given) do assert.is_true(named[code], code .. " is not declared") end
    for code in pairs(named) do
      local ours = given[code] or code:find "^sync_" and lua_text:find('"sync_" .. ', 1, true)
      assert.truthy(ours or text:find('"' .. code .. '"', 1, true), code .. " is given by nobody")
    end
  end)
end)
