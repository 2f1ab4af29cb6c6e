-- :BetterI18nProjects [organization] lists projects in a new buffer; the cursor never stands still meanwhile, and a
-- second call ends the first. For Neovim 0.7 and newer, built with make LUA=luajit:
--   TOKEN=bi_oat_… nvim -c 'luafile examples/neovim.lua'
local better_i18n = require "better_i18n"

local client = better_i18n.new { installation_token = assert(os.getenv "TOKEN", "TOKEN is not set") }
local signal = better_i18n.signal()

local function show(err, lines)
  if err then
    if err.code ~= "cancelled" then vim.notify(tostring(err), vim.log.levels.ERROR) end
    return
  end
  vim.cmd "new"
  vim.api.nvim_buf_set_lines(0, 0, -1, true, lines)
end

local function projects(organization_id, options)
  local lines = {}
  for index, project in ipairs(client:list_projects(organization_id, options)) do
    lines[index] = project.slug .. "\t" .. project.name
  end
  return lines
end

vim.api.nvim_create_user_command("BetterI18nProjects", function(command)
  signal:cancel()
  signal = better_i18n.signal()
  local options = { signal = signal }
  better_i18n.async(function()
    local id = command.args ~= "" and command.args or client:list_organizations(options)[1].id
    return projects(id, options)
  end, show)
end, { nargs = "?" })

vim.api.nvim_create_autocmd("VimLeavePre", { callback = function() client:close() end })
