-- POST /api/auth/mcp/register: dynamic client registration (RFC 7591). Routed to by main.lua.
local body = require "service.body"
local clients = require "state.clients"
local json = require "json"
local reply = require "http.reply"

local register = {}

local methods = { none = true, client_secret_post = true, client_secret_basic = true }

local function are_uris(list)
  if type(list) ~= "table" or #list == 0 then return false end
  for _, uri in ipairs(list) do
    if type(uri) ~= "string" or not uri:find "^[%a][%w+.-]*:" or uri:find("#", 1, true) then return false end
  end
  return true
end

local function handle(req)
  local wanted, refusal = body.object(req)
  if not wanted then return refusal end
  local method = wanted.token_endpoint_auth_method or "client_secret_basic"
  if not are_uris(wanted.redirect_uris) then
    return reply.oauth_failure(400, "invalid_redirect_uri", "redirect_uris must be an array of absolute URIs")
  elseif not methods[method] then
    return reply.oauth_failure(400, "invalid_client_metadata", "unknown token_endpoint_auth_method")
  end
  local client = clients.add {
    name = wanted.client_name,
    redirect_uris = wanted.redirect_uris,
    secret = method ~= "none" and clients.new_secret() or nil,
  }
  return reply.json(201, {
    client_id = client.id,
    client_secret = client.secret,
    client_secret_expires_at = client.secret and 0 or nil,
    client_id_issued_at = math.floor(ngx.now()),
    client_name = wanted.client_name,
    redirect_uris = json.array(wanted.redirect_uris),
    token_endpoint_auth_method = method,
    grant_types = { "authorization_code", "refresh_token" },
    response_types = { "code" },
  })
end

register.routes = { { "POST", "/api/auth/mcp/register", handle } }

return register
