-- :checkhealth better_i18n_nvim. Asks nobody: it looks at the build, the settings and the files.
local build = require "better_i18n_nvim.build"
local config = require "better_i18n_nvim.config"

-- Neovim 0.8 moved it, 0.10 renamed its functions.
local report = vim.health or require "health"
local start, good = report.start or report.report_start, report.ok or report.report_ok
local warn, bad = report.warn or report.report_warn, report.error or report.report_error

local function check_build()
  local better_i18n, problem = build.load()
  if not better_i18n then return bad(problem, { build.command .. " in " .. build.root }) end
  good("better_i18n " .. better_i18n._VERSION .. " is built")
  if not jit then warn "This Neovim has no LuaJIT: every request blocks the editor until it has ended" end
  return true
end

local function check_settings()
  if config.client_id then
    good(("the app's id is set; its redirect URI has to be http://127.0.0.1:%d/callback"):format(config.port))
  else
    bad("no app is configured", { 'require("better_i18n_nvim").setup { client_id = "…" }' })
  end
end

local function check_connection()
  local account = require "better_i18n_nvim.account"
  local grant_id = account.grant_id()
  if not grant_id then return warn("nobody has connected", { ":BetterI18nConnect" }) end
  local ok, client = pcall(account.client)
  if not ok then return bad(tostring(client)) end
  if client:is_revoked() then return bad("the connection was revoked", { "Reconnect: :BetterI18nConnect" }) end
  good("connected with the grant " .. grant_id)
  for scope in config.scope:gmatch "%S+" do
    if client:can(scope) == false then
      warn("the scope is missing: " .. scope, { ":BetterI18nConnect " .. scope })
    end
  end
end

return {
  check = function()
    start "better-i18n"
    local is_built = check_build()
    check_settings()
    if is_built then check_connection() end
  end,
}
