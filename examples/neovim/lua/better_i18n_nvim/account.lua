-- The user's connection: the consent in the browser, the tokens in a file, one client. May be called in a coroutine of
-- better_i18n.async alone, where waiting does not block; `forget`, `grant_id` and `close` anywhere.
local config = require "better_i18n_nvim.config"

local account = {}
local client -- while one is open
local listener -- while a consent is awaited

-- Tokens are the store's (mode 0600, renewed by any Neovim for all others); which grant is ours is no secret.
local function folder()
  local path = vim.fn.stdpath "data" .. "/better_i18n"
  vim.fn.mkdir(path, "p", 448) -- 0700
  return path
end

--- @return string the grant of the last connection, or nil
function account.grant_id()
  local path = folder() .. "/grant"
  return vim.fn.filereadable(path) == 1 and vim.fn.readfile(path)[1] or nil
end

-- The options of new: the app, hosts where they are others than the service's, and where tokens are kept.
local function options_with(more)
  local options = vim.tbl_extend("force", {
    client_id = config.client_id, client_secret = config.client_secret,
    store = require("better_i18n").store.file(folder() .. "/tokens.json"),
  }, config.hosts or {})
  return vim.tbl_extend("force", options, more)
end

--- @return userdata the client; nil when nobody has connected
function account.client()
  if config.client then return config.client end
  local grant_id = not client and account.grant_id()
  if grant_id then client = require("better_i18n").new(options_with { grant_id = grant_id }) end
  return client
end

function account.close()
  if client then client:close() end
  client = nil
end

-- A second :BetterI18nConnect takes the port over from the first, whose wait ends.
local function listen()
  if listener then listener:close() end
  listener = require("better_i18n").oauth.loopback { port = config.port, timeout = config.timeout }
  return listener
end

local function with_hosts(fields) return vim.tbl_extend("force", config.hosts or {}, fields) end

local function authorize(scope)
  local oauth, loopback = require("better_i18n").oauth, listen()
  local started = oauth.authorize(with_hosts {
    client_id = config.client_id, redirect_uri = loopback.redirect_uri, scope = scope,
  })
  config.open(started.url)
  return oauth.exchange(with_hosts {
    client_id = config.client_id, client_secret = config.client_secret, redirect_uri = loopback.redirect_uri,
    code = loopback:wait(started), code_verifier = started.code_verifier,
  })
end

--- Sends the user through the browser and keeps the tokens that come of it.
-- @param scope (string) what to ask for
-- @return table who connected
function account.connect(scope)
  local tokens = authorize(scope)
  account.close()
  -- The refresh token alone: then the first call renews, and what comes of a renewal is saved at once.
  client = require("better_i18n").new(options_with { grant_id = tokens.grant_id, refresh_token = tokens.refresh_token })
  client:token_info()
  local path = folder() .. "/grant"
  vim.fn.writefile({ tokens.grant_id }, path)
  vim.fn.setfperm(path, "rw-------")
  return client:me()
end

return account
