-- Endpoints that are not the service: an echo, delays, sizes; for benchmarks and for specs of the bare HTTP
-- layer. They are counted and can be given faults, but are not logged. Routed to by main.lua.
local json = require "json"
local fields = require "control.fields"
local reply = require "http.reply"

local tools = {}

-- The request as it came, Authorization included.
local function echo(req)
  return reply.json(200, {
    method = req.method, path = req.path, query = req.query, args = req.args, headers = req.headers,
    body = req.body, body_length = #req.body, http_version = req.http_version, connection = req.connection,
    connection_requests = req.connection_requests,
  })
end

local function slow(req)
  local ms = tonumber(req.args.ms) or 50
  ngx.sleep(ms / 1000)
  return reply.json(200, { slept_ms = ms })
end

-- n bytes of text, or of one JSON array of small objects with format=json (about n bytes).
local function bytes(req)
  local n = tonumber(req.args.n) or 1024
  if n < 0 or n > 100e6 then return fields.refuse "n must be between 0 and 100000000" end
  if req.args.format ~= "json" then return reply.text(200, ("x"):rep(n)) end
  local item = '{"id":"prj_1","name":"Zürich 東京","count":1}'
  local count = math.max(1, math.floor(n / (#item + 1)))
  return reply.new(200, "application/json", "[" .. (item .. ","):rep(count - 1) .. item .. "]")
end

local small = json.encode { ok = true, name = "small" }

local function static()
  return reply.new(200, "application/json", small)
end

local tool = { tool = true }

tools.routes = {
  { "ANY", "/_sandbox/echo", echo, tool },
  { "GET", "/_sandbox/slow", slow, tool },
  { "GET", "/_sandbox/bytes", bytes, tool },
  { "GET", "/_sandbox/static", static, tool },
}

return tools
