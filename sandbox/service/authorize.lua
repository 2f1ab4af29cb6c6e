-- GET /api/auth/mcp/authorize: a consent screen that consents by itself. What it answers can be set
-- beforehand through `next_consent` (control/clients.lua). Routed to by main.lua.
local clients = require "state.clients"
local grants = require "state.grants"
local journal = require "state.journal"
local scopes = require "state.scopes"
local reply = require "http.reply"

local authorize = {}

-- client id (or "*") → array of consents to give, used up one by one.
local consents = {}

function authorize.reset()
  consents = {}
end

-- consent: deny, cut (array of scopes), organization_id, settings.
function authorize.next_consent(client_id, consent)
  consents[client_id] = consents[client_id] or {}
  table.insert(consents[client_id], consent)
end

local function take_consent(client_id)
  local queue = consents[client_id] or consents["*"]
  return queue and table.remove(queue, 1) or {}
end

local function with_query(uri, fields)
  return uri .. (uri:find("?", 1, true) and "&" or "?") .. table.concat(fields, "&")
end

-- As the service does it: without the state, and with raw spaces.
local function error_redirect(uri, code, description)
  return reply.redirect(with_query(uri, { "error=" .. code, "error_description=" .. description }))
end

-- Only an app without a secret has to send a challenge.
local function refuse(client, args, wanted)
  local uri = args.redirect_uri
  if args.response_type ~= "code" then
    return error_redirect(uri, "unsupported_response_type", "unsupported response type")
  end
  local unknown = {}
  for _, name in ipairs(wanted) do
    if not scopes.is_known(name) then unknown[#unknown + 1] = name end
  end
  if #unknown > 0 then
    local list = table.concat(unknown, ", ")
    return error_redirect(uri, "invalid_scope", "The following scopes are invalid: " .. list)
  elseif not args.code_challenge then
    return not client.secret and error_redirect(uri, "invalid_request", "pkce is required")
  elseif args.code_challenge == "" or args.code_challenge_method ~= "S256" then
    return error_redirect(uri, "invalid_request", "invalid code_challenge method")
  end
  return nil
end

local function without(list, cut)
  local dropped, kept = {}, {}
  for _, name in ipairs(cut or {}) do dropped[name] = true end
  for _, name in ipairs(list) do
    if not dropped[name] then kept[#kept + 1] = name end
  end
  return kept
end

local function grant_code(client, args, wanted, consent)
  local grant = grants.create {
    client_id = client.id,
    organization_id = consent.organization_id or "org_1",
    scopes = without(wanted, consent.cut),
    settings = consent.settings,
  }
  local code = grants.issue(grant, "code")
  code.client_id, code.redirect_uri, code.challenge = client.id, args.redirect_uri, args.code_challenge
  journal.count("authorizations", grant)
  return code.token
end

local function handle(req)
  local args = req.args
  local client = clients.find(args.client_id)
  if not client or client.disabled then
    return reply.oauth_failure(400, "invalid_client", "no such client")
  elseif not clients.has_redirect(client, args.redirect_uri) then
    return reply.oauth_failure(400, "invalid_request", "redirect_uri is not registered, byte for byte")
  end
  local wanted = scopes.parse(args.scope)
  if #wanted == 0 then wanted = scopes.default end
  local refusal = refuse(client, args, wanted)
  if refusal then return refusal end
  local consent = take_consent(client.id)
  if consent.deny then return error_redirect(args.redirect_uri, "access_denied", "the user said no") end
  local fields = { "code=" .. grant_code(client, args, wanted, consent) }
  if args.state then fields[2] = "state=" .. ngx.escape_uri(args.state) end
  local result = reply.redirect(with_query(args.redirect_uri, fields))
  result.headers["Set-Cookie"] = "better-auth.session_token=sandbox; Path=/; HttpOnly"
  return result
end

authorize.routes = { { "GET", "/api/auth/mcp/authorize", handle, { cookies = true } } }

return authorize
