-- /_sandbox/client and /_sandbox/consent: apps of one's own, and what the user clicks on the consent screen.
-- Routed to by main.lua.
local authorize = require "service.authorize"
local clients = require "state.clients"
local fields = require "control.fields"
local json = require "json"
local reply = require "http.reply"
local settings = require "state.settings"

local control = {}

local function describe(client)
  return {
    client_id = client.id, client_secret = client.secret, disabled = client.disabled,
    redirect_uris = json.array(client.redirect_uris),
  }
end

local function create(req)
  local value, refusal = fields.read(req, { public = "boolean", redirect_uris = "table" })
  if not value then return refusal end
  local client = clients.add {
    redirect_uris = value.redirect_uris or { control.default_redirect },
    secret = not value.public and clients.new_secret() or nil,
  }
  return reply.json(201, describe(client))
end

local function disable(req)
  local value, refusal = fields.read(req, { client_id = "string", disabled = "boolean" })
  if not value then return refusal end
  local client = clients.find(value.client_id)
  if not client then return fields.refuse("no such client: " .. tostring(value.client_id)) end
  client.disabled = value.disabled ~= false
  return reply.json(200, describe(client))
end

local consent_fields = {
  client_id = "string", deny = "boolean", cut = "table", organization_id = "string", settings = "table",
  times = "number",
}

local function consent(req)
  local value, refusal = fields.read(req, consent_fields)
  if not value then return refusal end
  local scratch = { settings = {} }
  local complaint = settings.set(scratch, value.settings or {})
  if complaint then return fields.refuse(complaint) end
  for _ = 1, value.times or 1 do
    authorize.next_consent(value.client_id or "*", {
      deny = value.deny, cut = value.cut, organization_id = value.organization_id,
      settings = scratch.settings,
    })
  end
  return reply.json(200, { ok = true })
end

local quiet = { control = true }

control.routes = {
  { "POST", "/_sandbox/client", create, quiet },
  { "POST", "/_sandbox/disable_client", disable, quiet },
  { "POST", "/_sandbox/consent", consent, quiet },
}

return control
