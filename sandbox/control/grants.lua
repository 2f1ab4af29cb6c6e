-- /_sandbox/grant and what can happen to a grant from outside: expiry, revocation, deletion, settings.
-- Routed to by main.lua.
local clients = require "state.clients"
local company = require "state.company"
local fields = require "control.fields"
local grants = require "state.grants"
local installations = require "service.installations"
local reply = require "http.reply"
local scopes = require "state.scopes"
local settings = require "state.settings"

local control = {}

-- Splits a body into the handler's own fields and settings.
local function split_settings(value, own)
  local rest, chosen = {}, {}
  for name, field in pairs(value) do
    if not own[name] and settings.is_name(name) then chosen[name] = field else rest[name] = field end
  end
  return rest, chosen
end

local creation = {
  client_id = "string", scopes = "table", organization_id = "string", project_ids = "table",
  installation = "boolean",
}

local function default_scopes()
  return { "offline_access", unpack(scopes.default) }
end

local function describe(grant, access, with_installation)
  local client = clients.find(grant.client_id)
  local installation = with_installation and grants.issue(grant, "installation")
  local value = installation and installations.describe(grant, installation) or {}
  value.grant_id = grant.id
  value.client_id, value.client_secret = client.id, client.secret
  value.organization_id = grant.organization_id
  value.access_token, value.expires_in = access.token, access.expires_in
  value.installation_expires_in = installation and installation.expires_in or nil
  value.refresh_token = grants.issue(grant, "refresh").token
  return value
end

local function create(req)
  local value, refusal = fields.read(req)
  if not value then return refusal end
  local wanted, chosen = split_settings(value, creation)
  local complaint = fields.complaint(wanted, creation)
  if complaint then return fields.refuse(complaint) end
  local client = clients.find(wanted.client_id or control.default_client)
  local organization = company.find_organization("id", wanted.organization_id or "org_1")
  if not client or not organization then return fields.refuse "no such client or organization" end
  local grant = grants.create {
    client_id = client.id, organization_id = organization.id,
    project_ids = wanted.project_ids, scopes = wanted.scopes or default_scopes(),
  }
  complaint = settings.set(grant, chosen)
  if complaint then return fields.refuse(complaint) end
  return reply.json(201, describe(grant, grants.issue(grant, "access"), wanted.installation ~= false))
end

local whats = { access = true, refresh = true, installation = true, code = true, all = true }

local function expire(req)
  local value, refusal = fields.read(req, { grant_id = "string", what = "string" })
  if not value then return refusal end
  local grant, problem = fields.grant(value.grant_id)
  if not grant then return problem end
  local what = value.what or "all"
  if not whats[what] then return fields.refuse "what must be access, refresh, installation, code or all" end
  grants.expire(grant, what)
  return reply.json(200, { grant_id = grant.id, expired = what })
end

-- A handler that does one thing to the grant in the body.
local function acting(act)
  return function(req)
    local value, refusal = fields.read(req, { grant_id = "string" })
    if not value then return refusal end
    local grant, problem = fields.grant(value.grant_id)
    if not grant then return problem end
    act(grant)
    return reply.json(200, { grant_id = grant.id, revoked = grant.revoked, deleted = grant.deleted })
  end
end

-- Settings of one grant, or of the whole instance when the body names none. /rotation and /lists are the
-- same thing under the name of what they are mostly used for.
local function set(req)
  local value, refusal = fields.read(req)
  if not value then return refusal end
  local grant
  if value.grant_id then
    local problem
    grant, problem = fields.grant(value.grant_id)
    if not grant then return problem end
    value.grant_id = nil
  end
  if value.mode then value.rotation, value.mode = value.mode, nil end
  local complaint = settings.set(grant, value)
  if complaint then return fields.refuse(complaint) end
  return reply.json(200, settings.all(grant))
end

local quiet = { control = true }

control.routes = {
  { "POST", "/_sandbox/grant", create, quiet },
  { "POST", "/_sandbox/expire", expire, quiet },
  { "POST", "/_sandbox/revoke", acting(grants.revoke), quiet },
  { "POST", "/_sandbox/delete_grant", acting(grants.delete), quiet },
  { "POST", "/_sandbox/settings", set, quiet },
  { "POST", "/_sandbox/rotation", set, quiet },
  { "POST", "/_sandbox/lists", set, quiet },
}

return control
