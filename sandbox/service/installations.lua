-- Minting and revoking installations with an access token. Routed to by main.lua.
local access = require "service.access"
local grants = require "state.grants"
local journal = require "state.journal"
local json = require "json"
local reply = require "http.reply"
local settings = require "state.settings"

local installations = {}

local function iso_time(seconds)
  return os.date("!%Y-%m-%dT%H:%M:%S", math.floor(seconds)) .. string.format(".%03dZ", seconds % 1 * 1000)
end

-- The grant in the path, when the access token is this grant's; else nil and the reply.
local function addressed_grant(req, params, gone_status)
  local grant, refusal = access.authenticate(req, { access = true }, gone_status)
  if not grant then return nil, refusal end
  if params.grant_id ~= grant.id then
    return nil, reply.failure(404, "grant_not_found", "There is no such grant.")
  end
  return grant
end

-- What a mint answers; control/grants.lua makes its ready-made tokens with it too.
function installations.describe(grant, record)
  return {
    installation_token = record.token,
    token_type = "Bearer",
    expires_at = iso_time(record.expires_at),
    expires_in = record.expires_in,
    organization_id = grant.organization_id,
    project_ids = json.array(grant.project_ids),
    scopes = json.array(grant.scopes),
  }
end

local function mint(req, params)
  local named = grants.find(params.grant_id)
  local grant, refusal = addressed_grant(req, params, settings.of(named, "revoked_mint_status"))
  if not grant then return refusal end
  journal.count("mints", grant)
  return reply.json(200, installations.describe(grant, grants.issue(grant, "installation")))
end

local function revoke(req, params)
  local grant, refusal = addressed_grant(req, params)
  if not grant then return refusal end
  grants.revoke(grant)
  journal.count("revocations", grant)
  return reply.json(200, { revoked = true, grant_id = grant.id })
end

installations.routes = {
  { "POST", "/api/oauth-client/installations/{grant_id}/tokens", mint },
  { "DELETE", "/api/oauth-client/installations/{grant_id}", revoke },
}

return installations
