-- /_sandbox/fault: adds, lists and removes faults. Routed to by main.lua.
local fields = require "control.fields"
local json = require "json"
local kinds = require "faults.kinds"
local reply = require "http.reply"
local rules = require "faults.rules"

local control = {}

local matching = {
  kind = "string", method = "string", path = "string", pattern = "string", grant_id = "string",
  client_id = "string", grant_type = "string", tool = "string", rpc_method = "string",
  on_connection_request = "number", chance = "number", skip = "number", times = "any",
}

local function allowed_fields(kind)
  local allowed = {}
  for name, wanted in pairs(matching) do allowed[name] = wanted end
  for name, wanted in pairs(kinds.fields[kind]) do allowed[name] = wanted end
  return allowed
end

local function known_kinds()
  local names = {}
  for name in pairs(kinds.fields) do names[#names + 1] = name end
  table.sort(names)
  return table.concat(names, ", ")
end

local function add(req)
  local rule, refusal = fields.read(req)
  if not rule then return refusal end
  if not kinds.fields[rule.kind] then
    return fields.refuse("kind must be one of " .. known_kinds())
  end
  if rule.grant_id then
    local grant, problem = fields.grant(rule.grant_id)
    if not grant then return problem end
  end
  local complaint = fields.complaint(rule, allowed_fields(rule.kind))
  if not complaint and rule.times and type(rule.times) ~= "number" and rule.times ~= "always" then
    complaint = 'times must be a number or "always"'
  end
  if not complaint and rule.pattern and not pcall(string.find, "", rule.pattern) then
    complaint = "pattern is not a Lua pattern"
  end
  if complaint then return fields.refuse(complaint) end
  return reply.json(201, rules.add(rule))
end

local function list()
  return reply.json(200, { faults = json.array(rules.list()) })
end

local function clear(req)
  local value, refusal = fields.read(req, { grant_id = "string", id = "number" })
  if not value then return refusal end
  rules.clear(value.grant_id, value.id)
  return list()
end

local quiet = { control = true }

control.routes = {
  { "POST", "/_sandbox/fault", add, quiet },
  { "GET", "/_sandbox/fault", list, quiet },
  { "DELETE", "/_sandbox/fault", clear, quiet },
  { "POST", "/_sandbox/clear_faults", clear, quiet },
}

return control
