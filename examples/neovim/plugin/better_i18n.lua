-- The commands. Nothing else is loaded before one of them is used.
if vim.g.loaded_better_i18n then return end
vim.g.loaded_better_i18n = 1

local function command(name, fn, nargs)
  vim.api.nvim_create_user_command(name, function(given)
    require("better_i18n_nvim")[fn](given.args)
  end, { nargs = nargs })
end

command("BetterI18nConnect", "connect", "*") -- scopes beside the configured ones
command("BetterI18nProjects", "projects", 0)
command("BetterI18nInsertKey", "insert_key", "*") -- what to search for
