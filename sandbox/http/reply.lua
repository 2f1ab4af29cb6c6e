-- The replies that handlers return: plain tables { status, headers, body }, not yet sent.
-- Every handler uses it; http/writer.lua sends what it makes.
local json = require "json"

local reply = {}

function reply.new(status, content_type, body)
  return { status = status, headers = { ["Content-Type"] = content_type }, body = body or "" }
end

function reply.json(status, value)
  return reply.new(status, "application/json", json.encode(value))
end

function reply.text(status, text)
  return reply.new(status, "text/plain", text)
end

-- A failure as the service words it: `error` is what clients classify by.
function reply.failure(status, code, message, extra)
  local value = { error = code, message = message }
  for key, field in pairs(extra or {}) do value[key] = field end
  local result = reply.json(status, value)
  if code == "invalid_token" then
    result.headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
  end
  return result
end

-- A failure of the OAuth endpoints (RFC 6749 names its text error_description).
function reply.oauth_failure(status, code, description)
  return reply.json(status, { error = code, error_description = description })
end

-- A failure of the framework outside the protocol: it has no `error`.
function reply.framework_failure(status, code, message)
  return reply.json(status, { code = code, message = message })
end

function reply.redirect(location, status)
  local result = reply.new(status or 302, "text/plain", "")
  result.headers.Location = location
  return result
end

return reply
