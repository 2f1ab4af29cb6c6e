-- JSON-RPC 2.0: one message in, one answer out; the methods of MCP and how a tool's refusal is worded.
-- service/mcp/endpoint.lua calls it; the tools are service/tools/*.lua.
local access = require "service.access"
local arguments = require "service.tools.arguments"
local json = require "json"
local settings = require "state.settings"
local tools = require "service.tools.all"

local rpc = {}

local LATEST = "2025-11-25"

rpc.versions = { ["2024-11-05"] = true, ["2025-03-26"] = true, ["2025-06-18"] = true, [LATEST] = true }

local HIDDEN = "Unable to transform response from server"
local hidden_statuses = { [401] = true, [403] = true, [410] = true, [429] = true }

function rpc.failure(id, code, message)
  return { jsonrpc = "2.0", id = id, error = { code = code, message = message } }
end

local function success(id, result)
  return { jsonrpc = "2.0", id = id, result = result }
end

local function tool_error(id, message)
  return success(id, { content = json.array { { type = "text", text = message } }, isError = true })
end

-- Whether the vendor's way of hiding causes takes this reply.
function rpc.hides(grant, refusal)
  return settings.of(grant, "hide_causes") and hidden_statuses[refusal.status] or false
end

local function initialize(id, params)
  if type(params.protocolVersion) ~= "string" then return rpc.failure(id, -32602, "protocolVersion is required") end
  return success(id, {
    protocolVersion = rpc.versions[params.protocolVersion] and params.protocolVersion or LATEST,
    capabilities = { tools = {} },
    serverInfo = { name = "better-i18n-sandbox", version = "1.0.0" },
  })
end

local function list(id)
  local items = json.array()
  for _, tool in ipairs(tools.list) do
    items[#items + 1] = {
      name = tool.name, description = tool.description, inputSchema = arguments.schema(tool.arguments),
    }
  end
  return success(id, { tools = items })
end

local function tool_answer(id, grant, value)
  local content = json.array { { type = "text", text = json.encode(value) } }
  local notice = settings.of(grant, "update_notice")
  if notice ~= "" then content[2] = { type = "text", text = notice } end
  return success(id, { content = content })
end

-- A reply by HTTP, or what the settings make of it.
local function refused(id, grant, refusal)
  if rpc.hides(grant, refusal) then return tool_error(id, HIDDEN) end
  return nil, refusal
end

local function without_scope(id, grant, tool)
  local refusal = tool.scope and access.without_scope(grant, tool.scope)
  if not refusal then return nil end
  if settings.of(grant, "missing_scope_form") == "tool" then
    return tool_error(id, "missing_scope: this tool requires the scope " .. tool.scope)
  end
  return refused(id, grant, refusal)
end

-- A tool refuses by raising a table, { message } or { reply }; anything else is a bug of the sandbox.
local function traced(problem)
  return type(problem) == "table" and problem or debug.traceback(problem)
end

local function run(id, grant, tool, args)
  local ok, value = xpcall(tools.run, traced, grant, tool, args)
  if ok then return tool_answer(id, grant, value) end
  if type(value) ~= "table" then error(value, 0) end
  if value.reply then return refused(id, grant, value.reply) end
  return tool_error(id, value.message)
end

local function call(id, params, grant)
  local tool = type(params.name) == "string" and tools.find(params.name)
  if not tool then return rpc.failure(id, -32602, "Tool " .. tostring(params.name) .. " not found") end
  local args = params.arguments or {}
  if type(args) ~= "table" then return rpc.failure(id, -32602, "arguments must be an object") end
  local complaint, is_range = arguments.complaint(tool.arguments, args)
  if complaint and not is_range then
    return rpc.failure(id, -32602, "Invalid arguments for tool " .. tool.name .. ": " .. complaint)
  end
  local answer, refusal = without_scope(id, grant, tool)
  if answer or refusal then return answer, refusal end
  if complaint then return tool_error(id, complaint) end
  return run(id, grant, tool, args)
end

local methods = {
  initialize = initialize,
  ping = function(id) return success(id, {}) end,
  ["tools/list"] = list,
  ["tools/call"] = call,
}

local function is_request(message)
  return type(message) == "table" and message.jsonrpc == "2.0" and type(message.method) == "string"
    and (type(message.id) == "string" or type(message.id) == "number")
end

-- Notifications, and answers to requests of ours.
local function is_silent(message)
  return type(message) == "table" and message.jsonrpc == "2.0"
    and (message.method ~= nil and message.id == nil or message.method == nil and (message.result or message.error))
end

-- The answer to a message; nil for a notification; nil and a reply when HTTP refuses it. hidden: the token was
-- refused already, and every tool fails obscurely.
function rpc.answer(_, grant, message, hidden)
  if is_silent(message) then return nil end
  if not is_request(message) then return rpc.failure(json.null, -32600, "Invalid Request") end
  local id, params = message.id, message.params == nil and {} or message.params
  if type(params) ~= "table" then return rpc.failure(id, -32602, "params must be an object") end
  if hidden then return tool_error(id, HIDDEN) end
  local method = methods[message.method]
  if not method then return rpc.failure(id, -32601, "Method not found") end
  return method(id, params, grant)
end

return rpc
