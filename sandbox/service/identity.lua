-- Whom a request is about: the grant its tokens, code or path name; and the same request without secrets,
-- for the log. main.lua calls it before anything is decided.
local grants = require "state.grants"
local request = require "http.request"

local identity = {}

local token_fields = { "refresh_token", "code" }
local hidden_fields = { client_secret = true, code_verifier = true }

-- Sets req.token (what the bearer token is, if ours), req.grant and req.client_id.
function identity.find(req, params)
  local form = request.form(req) or {}
  req.token = grants.lookup(req.bearer)
  local record = req.token
  for _, name in ipairs(token_fields) do
    record = record or grants.lookup(form[name])
  end
  req.grant = record and record.grant or grants.find(params.grant_id)
  req.client_id = form.client_id or req.args.client_id or (req.grant and req.grant.client_id)
end

local function authorization_kind(req)
  if not req.authorization then return "none" end
  if req.bearer then return req.token and req.token.kind or "unknown" end
  return (req.authorization:match "^%S+" or ""):lower()
end

local function visible_headers(req)
  local headers = {}
  for name, value in pairs(req.headers) do headers[name] = value end
  headers.authorization = nil
  if headers.cookie then headers.cookie = "(hidden)" end
  return headers
end

local function visible_form(form)
  local fields = {}
  for name, value in pairs(form) do
    local record = grants.lookup(value)
    if record then
      fields[name] = record.label
    elseif hidden_fields[name] or name == "refresh_token" or name == "code" then
      fields[name] = "(hidden)"
    else
      fields[name] = value
    end
  end
  return fields
end

-- The log entry of a request: tokens appear as their kind and label only.
function identity.entry(req)
  local form = request.form(req)
  return {
    at = ngx.now(),
    method = req.method,
    path = req.path,
    query = req.query,
    route = req.route_name,
    headers = visible_headers(req),
    authorization = authorization_kind(req),
    token = req.token and req.token.label,
    grant_id = req.grant and req.grant.id,
    tools = req.tools,
    form = form and visible_form(form),
    body = not form and req.body or nil,
    http_version = req.http_version,
    connection = req.connection,
    connection_requests = req.connection_requests,
  }
end

return identity
