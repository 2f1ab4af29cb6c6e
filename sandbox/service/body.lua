-- Reads the JSON object of a POST. The handlers of the service and of the control use it.
local json = require "json"
local reply = require "http.reply"

local body = {}

-- The object, or nil and the reply that says what is wrong. An empty body is an empty object.
function body.object(req)
  if req.body == "" then return {} end
  if req.content_type ~= "application/json" then
    return nil, reply.framework_failure(415, "UNSUPPORTED_MEDIA_TYPE", "Unsupported Content-Type")
  end
  local value = json.decode(req.body)
  if type(value) ~= "table" or not req.body:find "^%s*{" then
    return nil, reply.failure(400, "invalid_request", "The body must be a JSON object.")
  end
  for name, field in pairs(value) do
    if field == json.null then value[name] = nil end
  end
  return value
end

-- The object, when each of the named fields is a string with something in it.
function body.with_strings(req, names)
  local value, refusal = body.object(req)
  if not value then return nil, refusal end
  for _, name in ipairs(names) do
    if type(value[name]) ~= "string" or value[name] == "" then
      local message = name .. " must be a non-empty string."
      return nil, reply.failure(400, "invalid_request", message, { field = name })
    end
  end
  return value
end

return body
