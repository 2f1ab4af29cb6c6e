-- Who may: the checks that stand before every partner endpoint, with API.md's errors in one place.
-- service/installations.lua, service/partner.lua and service/mcp/rpc.lua call it first.
local grants = require "state.grants"
local settings = require "state.settings"
local reply = require "http.reply"

local access = {}

local function over_limit(grant)
  local limit, now = settings.of(grant, "rate_limit"), ngx.now()
  if limit == 0 then return nil end
  if not grant.window or grant.window.ends <= now then
    grant.window = { ends = now + settings.of(grant, "rate_window"), count = 0 }
  end
  grant.window.count = grant.window.count + 1
  if grant.window.count <= limit then return nil end
  local result = reply.failure(429, "rate_limited", "Too many requests for this installation.")
  result.headers["Retry-After"] = math.max(1, math.ceil(grant.window.ends - now))
  return result
end

-- A bearer token of one of the kinds: its grant, or nil and the reply. `gone_status` is what a revoked
-- grant answers when it is not 410.
function access.authenticate(req, kinds, gone_status)
  local record = req.token
  if not record or not kinds[record.kind] then
    return nil, reply.failure(401, "invalid_token", "This endpoint needs another kind of token.")
  end
  local grant = record.grant
  if grant.deleted then
    return nil, reply.failure(404, "grant_not_found", "There is no such grant.")
  elseif record.expires_at <= ngx.now() then
    return nil, reply.failure(401, "invalid_token", "The token has expired.")
  elseif grant.revoked then
    if gone_status == 401 then return nil, reply.failure(401, "invalid_token", "The token is not valid.") end
    return nil, reply.failure(410, "grant_revoked", "The grant was revoked.")
  end
  local refusal = over_limit(grant)
  if refusal then return nil, refusal end
  return grant
end

-- An installation token whose grant holds the scope: its grant, or nil and the reply.
function access.authorize(req, scope)
  local grant, refusal = access.authenticate(req, { installation = true })
  if not grant then return nil, refusal end
  refusal = access.without_scope(grant, scope)
  if refusal then return nil, refusal end
  return grant
end

-- The reply to a grant that lacks the scope, or nil.
function access.without_scope(grant, scope)
  if grants.has_scope(grant, scope) then return nil end
  local message = "The grant lacks the scope " .. scope .. "."
  return reply.failure(403, "missing_scope", message, { required = scope })
end

-- Whether a project of the grant's organization is among its projects.
function access.may_see(grant, project)
  if project.grant_id and project.grant_id ~= grant.id then return false end
  if #grant.project_ids == 0 or project.grant_id then return true end
  for _, id in ipairs(grant.project_ids) do
    if id == project.id then return true end
  end
  return false
end

-- The reply to a grant that reaches into another organization, or nil.
function access.other_organization(grant, organization_id)
  if grant.organization_id == organization_id then return nil end
  return reply.failure(403, "wrong_organization", "The grant is for another organization.")
end

return access
