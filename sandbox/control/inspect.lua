-- /_sandbox/counters and /_sandbox/log: what the service was asked. Routed to by main.lua.
local fields = require "control.fields"
local journal = require "state.journal"
local json = require "json"
local reply = require "http.reply"

local control = {}

local hidden = { seen = true, seen_before = true, seen_count = true, in_flight_by_route = true }

local function counters(req)
  local grant
  if req.args.grant then
    local problem
    grant, problem = fields.grant(req.args.grant)
    if not grant then return problem end
  end
  local value = {}
  for name, number in pairs(journal.counters(grant)) do
    if not hidden[name] then value[name] = number end
  end
  return reply.json(200, value)
end

local function log(req)
  local count = tonumber(req.args.last) or 100
  return reply.json(200, { requests = json.array(journal.last(count, req.args.grant)) })
end

local quiet = { control = true }

control.routes = {
  { "GET", "/_sandbox/counters", counters, quiet },
  { "GET", "/_sandbox/log", log, quiet },
}

return control
