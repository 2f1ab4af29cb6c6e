-- OAuth 2.0 before there is a grant: sending the user to consent, reading what comes back, exchanging the code
-- (RFC 6749, 4.1, with PKCE always: RFC 7636), registering an app (RFC 7591). No rule lives here, see src/core.

local core = require "better_i18n.core"
local driver = require "better_i18n.driver"
local current = require "better_i18n.loop.current"

local oauth = {}

local function set(names)
  local members = {}
  for name in names:gmatch "%S+" do members[name] = true end
  return members
end

local own_fields = {
  authorize = set "redirect_uri scope offline",
  exchange = set "redirect_uri code code_verifier",
}

-- What `register` does not send, because it is about how to send.
local transport_options = set [[base_url dashboard_url api_url mcp_url cdn_url allow_http timeout connect_timeout max_retries
  max_response_bytes max_connections app_info debug http_version ca_file cert_file key_file proxy on_request
  on_response loop transport clock random]]

local app_options = setmetatable(set "client_id client_secret", { __index = transport_options })

local function check_table(where, options)
  if type(options) ~= "table" then
    error(core.error {
      code = "invalid_argument",
      message = where .. ": the table of options must be a table, not a " .. type(options),
    }, 0)
  end
end

-- Splits options into those that are in the set and the others.
local function split(options, names)
  local inside, outside = {}, {}
  for key, value in pairs(options) do
    if names[key] then inside[key] = value else outside[key] = value end
  end
  return inside, outside
end

-- A client without an identity (hosts, network, app), and the fields of the call itself.
local function prepare(where, options)
  check_table(where, options)
  local fields, rest = split(options, own_fields[where])
  for name in pairs(rest) do
    if not app_options[name] then
      local own = {}
      for known in pairs(own_fields[where]) do own[#own + 1] = known end
      table.sort(own)
      error(core.error {
        code = "invalid_argument",
        message = ("%s: unknown option '%s'; it takes %s, client_id, client_secret, and new's options for hosts "
          .. "and network"):format(where, tostring(name), table.concat(own, ", ")),
      }, 0)
    end
  end
  return core.bare(rest, where), fields
end

local function close_and_return(client, ok, ...)
  core.close(client)
  if not ok then error(..., 0) end
  return ...
end

local function run(client, start, fields)
  local state = core.state(client)
  return close_and_return(client, pcall(function()
    return driver.run(start(client, fields), state, current.choose(state.loop))
  end))
end

--- Begins an authorization. Sends nothing.
-- @param options (table) `client_id`, `redirect_uri`, `scope` (string, names with spaces between), `offline` (true:
--   adds offline_access, without which no refresh token comes), and the host options of `new`
-- @return table `{ url, state, code_verifier }`: send the user to `url`; keep the other two with the user's session
--   and give them to `parse_callback` and `exchange`
-- @raise invalid_argument
function oauth.authorize(options)
  local client, fields = prepare("authorize", options)
  local started = core.authorize(client, fields)
  core.close(client)
  return started
end

--- Reads the redirect that the user came back with.
-- @param url_or_query (string) the whole URL, or its query
-- @param options (table) `state`: the one that `authorize` gave
-- @return string the code
-- @raise the server's own error (access_denied, invalid_scope, …), also when it sent no state; state_mismatch;
--   invalid_argument
function oauth.parse_callback(url_or_query, options)
  return core.parse_callback(url_or_query, type(options) == "table" and options.state or nil)
end

--- Exchanges a code for tokens. Never repeated: a code can be spent once.
-- @param options (table) `client_id`, `client_secret` (confidential apps), `redirect_uri` (byte for byte the one that
--   was sent), `code`, `code_verifier`, and the options of `new` for hosts, network and time
-- @return table `access_token, refresh_token, token_type, expires_in, expires_at, grant_id, scope`, which `new` takes
--   as they are
-- @return response; its `warning` is set when no refresh token came
-- @raise invalid_grant, invalid_client, invalid_request, outcome_unknown, … (the code is spent after each of them)
function oauth.exchange(options)
  local client, fields = prepare("exchange", options)
  return run(client, core.exchange, fields)
end

--- Registers an app (RFC 7591); by prior arrangement with the service.
-- @param options (table) client metadata, sent as it is (`redirect_uris`, `client_name`, …), beside the options of
--   `new` for hosts, network and time, which are not sent
-- @return table the registration as it came: `client_id`, …
-- @return response
-- @raise invalid_argument, or the service's error
function oauth.register(options)
  check_table("register", options)
  local rest, metadata = split(options, transport_options)
  return run(core.bare(rest, "register"), core.register, metadata)
end

return oauth
