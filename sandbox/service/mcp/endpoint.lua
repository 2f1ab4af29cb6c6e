-- {URL}/mcp: Streamable HTTP around service/mcp/rpc.lua: what HTTP refuses, sessions, and the two forms of an
-- answer. Routed to by main.lua.
local access = require "service.access"
local events = require "service.mcp.events"
local json = require "json"
local reply = require "http.reply"
local rpc = require "service.mcp.rpc"
local sessions = require "service.mcp.sessions"
local settings = require "state.settings"
local utf8 = require "utf8"

local endpoint = {}

local MAX_BODY = 4 * 1024 * 1024

local function refuse(status, code, message)
  return reply.json(status, rpc.failure(json.null, code, message))
end

local function names_of(messages)
  local methods, tools = {}, {}
  for _, message in ipairs(messages) do
    if type(message) == "table" and type(message.method) == "string" then
      methods[#methods + 1] = message.method
      local params = message.params
      if message.method == "tools/call" and type(params) == "table" and type(params.name) == "string" then
        tools[#tools + 1] = params.name
      end
    end
  end
  return methods, tools
end

-- Sets req.messages (nil: not JSON), req.is_batch, req.rpc_methods and req.tools.
local function prepare(req)
  req.messages, req.rpc_methods, req.tools = nil, {}, json.array()
  if req.method ~= "POST" or #req.body > MAX_BODY or not utf8.is_valid(req.body) then return end
  local value = json.decode(req.body)
  if value == nil then return end
  req.is_batch = req.body:find "^%s*%[" ~= nil
  req.messages = req.is_batch and value or { value }
  req.rpc_methods, req.tools = names_of(req.messages)
  json.array(req.tools)
end

local function header(req, name)
  local value = req.headers[name]
  return type(value) == "table" and value[1] or value
end

-- What HTTP refuses before anybody looks into the message, or nil.
local function refuse_form(req)
  local accept = (header(req, "accept") or ""):lower()
  if not accept:find("application/json", 1, true) or not accept:find("text/event-stream", 1, true) then
    return refuse(406, -32000, "Not Acceptable: Client must accept both application/json and text/event-stream")
  elseif req.content_type ~= "application/json" then
    return refuse(415, -32000, "Unsupported Media Type: Content-Type must be application/json")
  end
  return nil
end

local function starts_session(req)
  return req.rpc_methods[1] == "initialize"
end

local function refuse_version(req)
  local version = header(req, "mcp-protocol-version")
  if not version or starts_session(req) or rpc.versions[version] then return nil end
  return refuse(400, -32000, "Bad Request: Unsupported protocol version: " .. version)
end

local function needs_session(grant)
  return settings.of(grant, "mcp_sessions") == "required"
end

local function refuse_session(req, grant)
  if not needs_session(grant) or starts_session(req) then return nil end
  local id = header(req, "mcp-session-id")
  if not id then return refuse(400, -32000, "Bad Request: Server not initialized") end
  if not sessions.is_open(grant, id) then return refuse(404, -32001, "Session not found") end
  return nil
end

local function invalid_session(grant)
  if not settings.take(grant, "mcp_401") then return nil end
  return reply.json(401, { error = "Invalid session" })
end

-- The grant, or nil and the reply. The third value: a tool's answer hides that reply.
local function admit(req)
  local grant, refusal = access.authenticate(req, { installation = true })
  if not grant then
    local hidden = refuse_form(req) == nil and req.tools[1] and rpc.hides(req.grant, refusal)
    return nil, refusal, hidden
  end
  return grant, invalid_session(grant)
end

local function as_events(req, grant, answers)
  local result = reply.new(200, "text/event-stream", events.body(grant, req.messages[1], answers))
  result.headers["Cache-Control"] = "no-cache"
  return result
end

local function as_json(req, grant, answers)
  local first = answers[1]
  if req.is_batch then return reply.json(200, json.array(answers)) end
  local status = first.error and settings.of(grant, "rpc_error_status") or 200
  if status ~= 200 then first.id = json.null end
  return reply.json(status, first)
end

-- A refusal by HTTP goes out as such for a single request; in a batch it is that request's error.
local function answer_all(req, grant, hidden)
  local answers = {}
  for _, message in ipairs(req.messages) do
    local answer, refusal = rpc.answer(req, grant, message, hidden)
    if refusal and not req.is_batch then return refusal end
    if refusal then answer = rpc.failure(message.id, -32000, refusal.body) end
    answers[#answers + 1] = answer
  end
  if #answers == 0 then return { status = 202, headers = {}, body = "" } end
  for _, answer in ipairs(answers) do
    if settings.take(grant, "mcp_wrong_id") then
      answer.id = type(answer.id) == "number" and answer.id + 1000 or tostring(answer.id) .. "-other"
    end
  end
  local plain_error = not req.is_batch and answers[1].error and settings.of(grant, "rpc_error_status") ~= 200
  local form = settings.of(grant, "mcp_answer") == "sse" and not plain_error and as_events or as_json
  return form(req, grant, answers)
end

local function refuse_message(req, grant)
  local status = settings.of(grant, "rpc_error_status")
  if not req.messages then return refuse(status, -32700, "Parse error") end
  if #req.messages == 0 then return refuse(status, -32600, "Invalid Request") end
  return refuse_version(req) or refuse_session(req, grant)
end

local function post(req)
  if #req.body > MAX_BODY then return refuse(413, -32000, "Payload Too Large") end
  local grant, refusal, hidden = admit(req)
  if hidden then return answer_all(req, req.grant, true) end
  refusal = refusal or refuse_form(req) or refuse_message(req, grant)
  if refusal then return refusal end
  local result = answer_all(req, grant)
  if needs_session(grant) and starts_session(req) and result.status == 200 then
    result.headers["Mcp-Session-Id"] = sessions.open(grant)
  end
  return result
end

-- The sandbox sends nothing on its own, so there is no stream to open.
local function get()
  local result = refuse(405, -32000, "Method not allowed.")
  result.headers.Allow = "POST, DELETE"
  return result
end

local function delete(req)
  local grant, refusal = access.authenticate(req, { installation = true })
  if not grant then return refusal end
  if not needs_session(grant) then return get() end
  refusal = refuse_session(req, grant)
  if refusal then return refusal end
  sessions.close(header(req, "mcp-session-id"))
  return { status = 200, headers = {}, body = "" }
end

local options = { prepare = prepare }

endpoint.routes = {
  { "POST", "/mcp", post, options },
  { "GET", "/mcp", get, options },
  { "DELETE", "/mcp", delete, options },
}

return endpoint
