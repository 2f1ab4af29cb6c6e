-- Grants (one consent for one app in one organization) and every token and code that belongs to them.
-- The handlers of the service and of the control go through it; nothing else writes to a grant.
local crypto = require "crypto"
local settings = require "state.settings"
local scopes = require "state.scopes"

local grants = {}

local by_id, tokens = {}, {}

local prefixes = { access = "at_", refresh = "rt_", installation = "bi_oat_", code = "code_" }

function grants.reset()
  by_id, tokens = {}, {}
end

-- wanted: client_id, organization_id, scopes (array), and optionally id, project_ids, settings.
function grants.create(wanted)
  local grant = {
    id = wanted.id or crypto.new_id("grt_", 8),
    client_id = wanted.client_id,
    organization_id = wanted.organization_id,
    project_ids = wanted.project_ids or {},
    scopes = {},
    offline = false,
    settings = wanted.settings or {},
    serials = {},
    newest = {},
    revoked = false,
    deleted = false,
  }
  for _, name in ipairs(wanted.scopes) do
    grant.offline = grant.offline or name == "offline_access"
    if not scopes.is_protocol(name) then grant.scopes[#grant.scopes + 1] = name end
  end
  by_id[grant.id] = grant
  return grant
end

function grants.find(id)
  return id and by_id[id]
end

function grants.has_scope(grant, scope)
  for _, name in ipairs(grant.scopes) do
    if name == scope then return true end
  end
  return false
end

-- A new token of the kind. Its label (`refresh#2`) names it in the log without showing it.
function grants.issue(grant, kind, fixed)
  local serial = (grant.serials[kind] or 0) + 1
  grant.serials[kind] = serial
  local record = {
    token = fixed or crypto.new_id(prefixes[kind]),
    kind = kind,
    label = kind .. "#" .. serial,
    grant = grant,
    expires_in = settings.of(grant, kind .. "_ttl"),
    dead = false,
  }
  record.expires_at = ngx.now() + record.expires_in
  tokens[record.token] = record
  grant.newest[kind] = record
  return record
end

-- What is known of a token, dead ones included; nil for a foreign one.
function grants.lookup(token)
  return token and tokens[token]
end

function grants.is_live(record)
  return not record.dead and record.expires_at > ngx.now()
end

function grants.spend(record)
  record.dead = true
end

local function each_token(grant, kind, act)
  for _, record in pairs(tokens) do
    if record.grant == grant and (kind == "all" or record.kind == kind) then act(record) end
  end
end

-- what: access, refresh, installation, code or all. The tokens die, the grant lives.
function grants.expire(grant, what)
  each_token(grant, what, function(record) record.expires_at = 0 end)
end

function grants.revoke(grant)
  grant.revoked = true
  each_token(grant, "refresh", grants.spend)
end

function grants.delete(grant)
  grant.deleted = true
  each_token(grant, "refresh", grants.spend)
end

return grants
