-- POST /api/auth/mcp/token: the code exchange and the refresh with its rotation modes, status codes as the
-- authorization server's software has them. Routed to by main.lua.
local clients = require "state.clients"
local crypto = require "crypto"
local grants = require "state.grants"
local journal = require "state.journal"
local reply = require "http.reply"
local request = require "http.request"
local settings = require "state.settings"

local token = {}

local function missing(name)
  return reply.oauth_failure(400, "invalid_request", name .. " is required")
end

local function invalid_client()
  return reply.oauth_failure(401, "invalid_client", "the client's credentials are not valid")
end

local function token_reply(fields)
  local result = reply.json(200, fields)
  result.headers["Cache-Control"] = "no-store"
  result.headers["Set-Cookie"] = "better-auth.session_token=sandbox; Path=/; HttpOnly"
  return result
end

local function scope_text(grant)
  local list = { unpack(grant.scopes) }
  if grant.offline then list[#list + 1] = "offline_access" end
  return table.concat(list, " ")
end

-- Client id and secret, from the body or from HTTP Basic; nil when both are there, which is refused.
local function credentials(req, form)
  local encoded = (req.authorization or ""):match "^Basic%s+(.+)$"
  if not encoded then return form.client_id, form.client_secret end
  if form.client_id then return nil end
  local id, secret = (ngx.decode_base64(encoded) or ""):match "^([^:]*):(.*)$"
  return id and ngx.unescape_uri(id), secret and ngx.unescape_uri(secret)
end

-- What is wrong with an exchange, the code being spent already; nil when nothing is.
local function refuse_exchange(req, form, code)
  local id, secret = credentials(req, form)
  local client = clients.authenticate(id, secret)
  if not client or client.id ~= code.client_id then return invalid_client() end
  if not form.redirect_uri then return missing "redirect_uri" end
  if form.redirect_uri ~= code.redirect_uri then return invalid_client() end
  if not code.challenge then
    if not form.code_verifier then return nil end
    return reply.oauth_failure(401, "invalid_request", "code_verifier without a code_challenge")
  end
  if not form.code_verifier then return missing "code_verifier" end
  if crypto.s256(form.code_verifier) ~= code.challenge then
    return reply.oauth_failure(401, "invalid_request", "code verification failed")
  end
  return nil
end

local function exchange(req, form)
  if not form.code then return missing "code" end
  local code = grants.lookup(form.code)
  if not code or code.kind ~= "code" or not grants.is_live(code) then
    return reply.oauth_failure(401, "invalid_grant", "the code is expired, spent or unknown")
  end
  grants.spend(code)
  local refusal = refuse_exchange(req, form, code)
  if refusal then return refusal end
  local grant = code.grant
  local access = grants.issue(grant, "access")
  journal.count("exchanges", grant)
  return token_reply {
    access_token = access.token,
    token_type = "Bearer",
    expires_in = access.expires_in,
    refresh_token = grant.offline and grants.issue(grant, "refresh").token or nil,
    scope = scope_text(grant),
    grant_id = not settings.of(grant, "omit_grant_id") and grant.id or nil,
  }
end

-- The refresh token of the reply, by the rotation mode; nil when the reply has none.
local function rotate(old)
  local mode = settings.of(old.grant, "rotation")
  if mode == "same" then return old.token end
  if mode == "omit" then return nil end
  if mode ~= "rotating_keep" then
    grants.spend(old)
    old.replaced = true
  end
  return grants.issue(old.grant, "refresh").token
end

local function dead_refresh_token(old)
  if old and old.replaced and settings.of(old.grant, "rotation") == "reuse_detection" then
    grants.revoke(old.grant)
  end
  return reply.oauth_failure(settings.of(old and old.grant, "invalid_grant_status"), "invalid_grant",
    "the refresh token is dead or unknown")
end

local function refresh(req, form)
  if not form.refresh_token then return missing "refresh_token" end
  local old = grants.lookup(form.refresh_token)
  journal.count("refresh_requests", old and old.grant)
  local client = clients.authenticate(credentials(req, form))
  if not client then return invalid_client() end
  if not old or old.kind ~= "refresh" or not grants.is_live(old) then return dead_refresh_token(old) end
  if client.id ~= old.grant.client_id then return invalid_client() end
  local access = grants.issue(old.grant, "access")
  local rotated = rotate(old)
  journal.count("refreshes", old.grant)
  return token_reply {
    access_token = access.token,
    token_type = "bearer",
    expires_in = access.expires_in,
    refresh_token = rotated,
    scope = scope_text(old.grant),
  }
end

local grant_types = { authorization_code = exchange, refresh_token = refresh }

local function handle(req)
  local form = request.form(req)
  if not form then
    return reply.framework_failure(415, "UNSUPPORTED_MEDIA_TYPE", "Unsupported Content-Type")
  end
  if not form.grant_type then return missing "grant_type" end
  local act = grant_types[form.grant_type]
  if not act then
    return reply.oauth_failure(400, "unsupported_grant_type", "unsupported grant_type")
  end
  return act(req, form)
end

token.routes = { { "POST", "/api/auth/mcp/token", handle } }

return token
