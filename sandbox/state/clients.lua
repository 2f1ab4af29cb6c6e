-- The registered apps: ids, secrets, redirect URIs. The OAuth handlers ask it; service/register.lua and
-- control/clients.lua add to it.
local crypto = require "crypto"

local clients = {}

local by_id = {}

function clients.reset()
  by_id = {}
end

-- A client without a secret is a public one.
function clients.add(client)
  client.id = client.id or crypto.new_id("client_", 8)
  client.disabled = false
  by_id[client.id] = client
  return client
end

function clients.new_secret()
  return crypto.new_id("secret_", 16)
end

function clients.find(id)
  return id and by_id[id]
end

-- Byte for byte, port and trailing slash included.
function clients.has_redirect(client, uri)
  for _, registered in ipairs(client.redirect_uris) do
    if registered == uri then return true end
  end
  return false
end

-- The client that these credentials belong to, or nil.
function clients.authenticate(id, secret)
  local client = clients.find(id)
  if not client or client.disabled then return nil end
  if client.secret and client.secret ~= secret then return nil end
  return client
end

return clients
