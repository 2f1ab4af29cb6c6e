-- An MCP answer as a stream of server-sent events, with whatever the grant's settings put around it.
-- service/mcp/endpoint.lua calls it.
local json = require "json"
local settings = require "state.settings"

local events = {}

local line_ends = { lf = "\n", crlf = "\r\n", cr = "\r" }

-- Cuts JSON text after structural commas, where a line break changes nothing; at most three times.
local function split(text)
  local lines, start, position, inside = {}, 1, 1, false
  while #lines < 3 do
    local at, _, char = text:find('([",\\])', position)
    if not at then break end
    if char == "\\" then
      at = at + 1
    elseif char == '"' then
      inside = not inside
    elseif not inside then
      lines[#lines + 1], start = text:sub(start, at), at + 1
    end
    position = at + 1
  end
  lines[#lines + 1] = text:sub(start)
  return lines
end

local function data(message, in_lines)
  local text = json.encode(message)
  local lines = { "event: message" }
  for _, line in ipairs(in_lines and split(text) or { text }) do lines[#lines + 1] = "data: " .. line end
  return lines
end

local function member(value, name)
  return type(value) == "table" and value[name] or nil
end

local function notification(request)
  local token = member(member(member(request, "params"), "_meta"), "progressToken")
  if token then
    return { jsonrpc = "2.0", method = "notifications/progress",
      params = { progressToken = token, progress = 1, total = 2 } }
  end
  return { jsonrpc = "2.0", method = "notifications/message", params = { level = "info", data = "working" } }
end

-- What comes before the answer. The server's request has the client's own id: the two sides count separately.
local function preludes(grant, request)
  local list = {}
  local function add(name, lines)
    if settings.of(grant, name) then list[#list + 1] = lines end
  end
  add("sse_prime", { "id: 1", "retry: 1000", "data:" })
  add("sse_comments", { ": keep-alive" })
  add("sse_notification", data(notification(request)))
  add("sse_request", data { jsonrpc = "2.0", id = member(request, "id") or 1, method = "ping" })
  add("sse_comments", { ": still here" })
  return list
end

-- request: the first message of the body, whatever it is; answers: the responses, in order.
function events.body(grant, request, answers)
  local list = preludes(grant, request)
  if settings.take(grant, "mcp_early_end") then
    answers = {}
  elseif settings.of(grant, "sse_batch") then
    answers = { json.array(answers) }
  end
  for _, answer in ipairs(answers) do list[#list + 1] = data(answer, settings.of(grant, "sse_split")) end
  local line_end = line_ends[settings.of(grant, "sse_line_end")]
  local parts = { settings.of(grant, "sse_bom") and "\239\187\191" or "" }
  for _, lines in ipairs(list) do
    parts[#parts + 1] = table.concat(lines, line_end) .. line_end .. line_end
  end
  return table.concat(parts)
end

return events
