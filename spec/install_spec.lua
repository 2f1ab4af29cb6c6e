-- Each way in which README.md has the module installed: LuaRocks, make install, and make env for the build in place.
-- From each a program makes a client and says which version it found, in files of that place and no other's.
local NAME = (os.getenv "BETTER_I18N_LUA" or "lua5.4"):gsub("^.*asan%-([^/]+)/.*$", "%1"):gsub("^.*/", "")
local ABI = NAME:match "%d.%d" or "5.1"

-- Prints the version, and where the Lua files and the module came from.
local PROGRAM = [[
local better_i18n = require "better_i18n"
local client = better_i18n.new { installation_token = "bi_oat_1" }
client:close()
print(better_i18n._VERSION)
print(debug.getinfo(better_i18n.new).source:sub(2))
for line in io.lines "/proc/self/maps" do
  local path = line:match "/.*/better_i18n/core%.so$"
  if path then print(path) break end
end]]

local folder

local function run(command)
  local pipe = io.popen("{ " .. command .. "\n} 2>&1; echo status $?")
  local said = pipe:read "*a"
  pipe:close()
  local text, status = said:match "^(.-)status (%d+)\n$"
  assert.equal("0", status, command .. "\n" .. said)
  return text
end

local function quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local function lines_of(text)
  local lines = {}
  for line in text:gmatch "[^\n]+" do lines[#lines + 1] = line end
  return lines
end

local function succeeds(command) return run("{ " .. command .. " >/dev/null 2>&1 && echo yes; } || true") ~= "" end

local function is_there(program) return succeeds("command -v " .. program) end

local version = require "better_i18n"._VERSION

-- `setting`: shell words that set LUA_PATH and LUA_CPATH.
local function works(lua, setting, lua_folder, c_folder)
  local lines = lines_of(run("cd / && " .. setting .. " " .. lua .. " -e " .. quoted(PROGRAM)))
  assert.same({ version, lua_folder .. "/better_i18n/init.lua", c_folder .. "/better_i18n/core.so" }, lines)
end

local function paths_of(root, abi)
  local share, lib = root .. "/share/lua/" .. abi, root .. "/lib/lua/" .. abi
  return ("export LUA_PATH=%s LUA_CPATH=%s;"):format(quoted(share .. "/?.lua;" .. share .. "/?/init.lua;;"),
    quoted(lib .. "/?.so;;")), share, lib
end

setup(function()
  folder = os.tmpname()
  os.remove(folder)
  run("mkdir " .. folder)
end)
teardown(function() run("rm -rf " .. folder) end)

describe("the rock", function()
  -- A copy: LuaRocks brings compiler flags of its own, and the build in place may be in use.
  local function copy()
    local place = folder .. "/copy"
    if not succeeds("test -d " .. place) then
      run(("mkdir -p %s/spec && cp -r Makefile lua src better-i18n-scm-1.rockspec %s"):format(place, place))
      run(("cp -r spec/tools %s/spec"):format(place))
    end
    return place
  end

  local function installs(abi)
    local tree = folder .. "/rock-" .. abi
    local luarocks = "env -u LUA_PATH -u LUA_CPATH HOME=" .. folder .. " MAKEFLAGS=-j2 luarocks --lua-version " .. abi
    run(("cd %s && %s make --deps-mode none --tree %s"):format(copy(), luarocks, tree))
    return paths_of(tree, abi)
  end

  for _, abi in ipairs { "5.1", "5.3", "5.4" } do
    it("is built by LuaRocks for Lua " .. abi, function()
      if not is_there "luarocks" then return pending "LuaRocks is not here" end
      if not is_there("lua" .. abi) then return pending("Lua " .. abi .. " is not here") end
      local setting, share, lib = installs(abi)
      works("lua" .. abi, setting, share, lib)
      if abi == "5.1" and is_there "luajit" then works("luajit", setting, share, lib) end
    end)
  end
end)

describe("make", function()
  local function make(words) return run("make -s --no-print-directory LUA=" .. NAME .. " " .. words) end

  it("install puts it under DESTDIR and PREFIX, uninstall takes all of it away", function()
    local staged = folder .. "/a stage"
    local where = "DESTDIR=" .. quoted(staged) .. " PREFIX=/opt/i18n"
    local said = make("install " .. where)
    works(NAME, paths_of(staged .. "/opt/i18n", ABI))
    local exports = said:match "(export LUA_PATH=.*)$"
    assert.truthy(exports, "it does not say how Lua finds it: " .. said)
    exports = exports:gsub("/opt", (staged:gsub("%%", "%%%%")) .. "/opt")
    local _, share, lib = paths_of(staged .. "/opt/i18n", ABI)
    works(NAME, exports, share, lib)
    assert.equal(run "find lua -type f | wc -l", run("find " .. quoted(staged) .. " -name '*.lua' | wc -l"))
    make("uninstall " .. where)
    assert.equal(staged .. "/opt/i18n\n", run("find " .. quoted(staged) .. "/opt -mindepth 1"))
  end)

  it("env says when nothing is built", function()
    local place = folder .. "/unbuilt"
    run(("mkdir -p %s/spec && cp -r Makefile lua src %s && cp -r spec/tools %s/spec"):format(place, place, place))
    local said = run(("make -s -C %s env LUA=%s"):format(place, NAME))
    assert.truthy(said:find("The module for " .. NAME .. " is not built yet: make LUA=" .. NAME, 1, true), said)
    assert.is_nil(run(("make -s -C . env LUA=%s"):format(NAME)):find "not built")
  end)

  it("env names the build in place", function()
    local here = run "pwd":gsub("\n$", "")
    local flavour = os.getenv "POLLER" == "poll" and "-poll" or ""
    works(NAME, ('eval "$(make -s -C %s env LUA=%s)";'):format(quoted(here), NAME), here .. "/lua",
      here .. "/build/" .. NAME .. flavour)
  end)
end)
