-- Why the C module better_i18n.core cannot be loaded, in words for the one who installs. Loaded only when it cannot.

local NAME = "better_i18n.core"

-- What a dynamic linker, or Lua itself, says of a module that was built against another Lua's header files.
local of_another = { "symbol: luaL?_", "symbol not found.*_luaL?_", "[Ss]ymbol not found: _luaL?_", "version mismatch" }

local function is_of_another(problem)
  for _, pattern in ipairs(of_another) do
    if problem:find(pattern) then return true end
  end
  return false
end

-- Of the places where it was looked for those of C modules.
local function places(problem)
  local lines = {}
  for line in problem:gmatch "[^\n]+" do
    if line:find "^%s+no file" and not line:find "%.lua'$" then lines[#lines + 1] = line end
  end
  return table.concat(lines, "\n")
end

--- @param problem (string) what `require` said
-- @return string one line, and the loader's own text below it
return function(problem)
  package.loaded[NAME] = nil -- Lua 5.1 leaves a mark there
  problem = tostring(problem)
  local lua = jit and jit.version or _VERSION
  local make = "make LUA=" .. (jit and "luajit" or _VERSION:match "%d+%.%d+")
  local text, detail = "cannot be loaded by this Lua (%s); install what is named below, or build it again: %s", problem
  if problem:find("module '" .. NAME .. "' not found", 1, true) then
    text, detail = "is not built for this Lua (%s), or not where it looks; run: %s", places(problem)
  elseif is_of_another(problem) then
    text = "was built for another Lua, not for this one (%s); run: %s"
  end
  return ("better_i18n: its C module %s %s\n%s"):format(NAME, text:format(lua, make), detail)
end
