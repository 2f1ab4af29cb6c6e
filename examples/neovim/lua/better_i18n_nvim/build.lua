-- Finds the C module, which a plugin manager builds in the clone (make LUA=luajit), and says so where it is missing.
-- Every other file gets the client from here.
local build = {}

-- The clone: this file is examples/neovim/lua/better_i18n_nvim/build.lua in it.
build.root = vim.fn.fnamemodify(debug.getinfo(1, "S").source:sub(2), ":p:h:h:h:h:h")

--- What to type there.
build.command = "make LUA=" .. (jit and "luajit" or "5.1")

-- Before what is installed elsewhere: Lua files and C module have to be of one version.
local function add_paths()
  local module = ("%s/build/%s/?.so"):format(build.root, jit and "luajit" or "lua5.1")
  if package.cpath:find(module, 1, true) or vim.fn.isdirectory(build.root .. "/lua/better_i18n") == 0 then return end
  package.path = ("%s/lua/?.lua;%s/lua/?/init.lua;%s"):format(build.root, build.root, package.path)
  package.cpath = module .. ";" .. package.cpath
end

--- @return the module better_i18n; or nil and what to do, for people
function build.load()
  add_paths()
  local ok, problem = pcall(require, "better_i18n.core")
  if ok then return require "better_i18n" end
  if tostring(problem):find("module 'better_i18n.core' not found", 1, true) then
    return nil, ("better-i18n is not built: run `%s` in %s (a plugin manager does it with its build option), "
      .. "then start Neovim again"):format(build.command, build.root)
  end
  return nil, ("better-i18n is built, but cannot be loaded: %s. Run `make clean` and `%s` in %s"):format(
    tostring(problem), build.command, build.root)
end

return build
