-- Checks the bodies of control requests strictly: a typing error in a spec must not pass as "no such option".
-- The control handlers use it.
local body = require "service.body"
local reply = require "http.reply"
local grants = require "state.grants"

local fields = {}

function fields.refuse(message)
  return reply.json(400, { error = "sandbox_usage", message = message })
end

-- A complaint about the first field that is unknown or of the wrong type, or nil. `any` fits everything.
function fields.complaint(value, allowed)
  for name, field in pairs(value) do
    local wanted = allowed[name]
    if not wanted then return "unknown field: " .. tostring(name) end
    if wanted ~= "any" and type(field) ~= wanted then return name .. " must be a " .. wanted end
  end
  return nil
end

-- The body, or nil and the reply. Without `allowed` the fields are the caller's to check.
function fields.read(req, allowed)
  if req.content_type ~= "application/json" then
    req.content_type = "application/json" -- plain `curl -d` is good enough here
  end
  local value, refusal = body.object(req)
  if not value then return nil, refusal end
  local complaint = allowed and fields.complaint(value, allowed)
  if complaint then return nil, fields.refuse(complaint) end
  return value
end

-- The grant that a body or a query names, or nil and the reply.
function fields.grant(id)
  local grant = grants.find(id)
  if not grant then return nil, fields.refuse("no such grant: " .. tostring(id)) end
  return grant
end

return fields
