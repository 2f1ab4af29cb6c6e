-- OAuth 2.0 before there is a grant: sending the user to consent, reading what comes back, exchanging the code
-- (RFC 6749, 4.1, with PKCE always: RFC 7636), registering an app (RFC 7591). No rule lives here, see src/core.

local core = require "better_i18n.core"
local driver = require "better_i18n.driver"
local current = require "better_i18n.loop.current"
local listen = require "better_i18n.loopback"

---@type better_i18n.oauth
local oauth = {}

local function set(names)
  local members = {}
  for name in names:gmatch "%S+" do members[name] = true end
  return members
end

local own_fields = {
  authorize = set "redirect_uri scope offline",
  exchange = set "redirect_uri code code_verifier",
  parse_callback = set "state url code_verifier", -- all that authorize gives
}

-- What `register` does not send, because it is about how to send.
local transport_options = set [[base_url dashboard_url api_url mcp_url cdn_url allow_http timeout connect_timeout
  max_retries max_response_bytes max_connections app_info debug http_version ca_file cert_file key_file proxy
  on_request on_response loop transport clock random]]

-- Beside those, for messages.
local known_options = {
  authorize = set "redirect_uri scope offline client_id client_secret",
  exchange = set "redirect_uri code code_verifier client_id client_secret",
}

-- `first` is the function's first argument.
local function check_dot(where, first)
  if first ~= oauth then return end
  error(core.error {
    code = "invalid_argument", message = ("%s: call it as oauth.%s(…), with a dot, not a colon"):format(where, where),
  }, 0)
end

local function check_table(where, options)
  check_dot(where, options)
  if type(options) ~= "table" then
    error(core.error {
      code = "invalid_argument",
      message = where .. ": the table of options must be a table, not " .. type(options),
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

local function names_of(...)
  local names = {}
  for index = 1, select("#", ...) do
    for name in pairs((select(index, ...))) do names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

-- One of all options may have been meant; named are the function's `own` alone, for those of new are many.
local function complaint(name, own)
  local text = core.unknown("option", name, names_of(own, transport_options))
  if text:find "; did you mean " then return text end
  return core.unknown("option", name, names_of(own)) .. ", and new's options for hosts and network"
end

local function check_names(where, options, own)
  for name in pairs(options) do
    if not own[name] and not transport_options[name] then
      error(core.error { code = "invalid_argument", message = where .. ": " .. complaint(name, own) }, 0)
    end
  end
end

-- A client without an identity (hosts, network, app), and the fields of the call itself.
local function prepare(where, options)
  check_table(where, options)
  local fields, rest = split(options, own_fields[where])
  check_names(where, options, known_options[where])
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

--- Reads the redirect that the user came back with. Sends nothing.
-- @param callback (string) the whole URL, or its query; or (table) the arguments that nginx made of it
--   (ngx.req.get_uri_args()), in which a value may be true or a table of several
-- @param options (table) `state`: the one that `authorize` gave; its `url` and `code_verifier` may be there too:
--   what it gave can be passed as it is
-- @return string the code
-- @raise the server's own error (access_denied, invalid_scope, …), also when it sent no state; state_mismatch when the
--   state is absent, another or comes twice (compared in constant time); invalid_argument for what is no callback, two
--   codes, an empty one
function oauth.parse_callback(callback, options)
  check_dot("parse_callback", callback)
  check_table("parse_callback", options)
  check_names("parse_callback", select(2, split(options, own_fields.parse_callback)), { state = true })
  return core.parse_callback(callback, options.state)
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

--- Listens on 127.0.0.1 for one callback: for programs on a user's machine, which have no server (RFC 8252, 7.3).
-- Give `redirect_uri` to `authorize` and `exchange`, open the URL in a browser, then `wait`:
--   local loopback = oauth.loopback { port = 8976 }
--   local started = oauth.authorize { client_id = …, redirect_uri = loopback.redirect_uri, scope = … }
--   open_in_browser(started.url)
--   local code = loopback:wait { state = started.state }
-- @param options (table) `port` (0: any free one. The service compares redirect URIs byte for byte, so an app that
--   registered one needs its fixed port), `path` ("/callback"), `page` (HTML for the user who connected, sent as it
--   is), `timeout` (300 s: how long `wait` waits), `loop` (as for `new`)
-- @return table `redirect_uri`, wait(options) → code, close()
-- @raise network when the port cannot be listened on; invalid_argument
function oauth.loopback(options)
  if options == nil then options = {} end
  check_table("loopback", options)
  local _, own = split(options, transport_options)
  own.timeout, own.loop = options.timeout, options.loop
  return listen(own)
end

return oauth
