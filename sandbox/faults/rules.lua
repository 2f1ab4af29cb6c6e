-- Which request meets which fault. control/faults.lua adds rules, main.lua asks `take` once per request.
local rules = {}

local list, next_id = {}, 1

function rules.reset()
  list = {}
end

-- rule: kind, and optionally method, path (prefix), pattern (Lua pattern), grant_id, client_id, tool and rpc_method
-- (of an MCP request), on_connection_request, chance (0 to 1: of such requests so many meet it), skip, times (number or
-- "always"), and the kind's own fields.
function rules.add(rule)
  rule.id, next_id = next_id, next_id + 1
  rule.skip, rule.times, rule.hits = rule.skip or 0, rule.times or 1, 0
  list[#list + 1] = rule
  return rule
end

function rules.list()
  return list
end

-- Removes the rules of one grant, or the one with that id, or all.
function rules.clear(grant_id, id)
  local kept = {}
  for _, rule in ipairs(list) do
    local chosen = (not grant_id or rule.grant_id == grant_id) and (not id or rule.id == id)
    if not chosen then kept[#kept + 1] = rule end
  end
  list = kept
end

local function path_matches(rule, req)
  if rule.path and req.path:sub(1, #rule.path) ~= rule.path then return false end
  if rule.pattern and not req.path:find(rule.pattern) then return false end
  -- A rule that names no path is meant for the service, not for the sandbox's own benchmarks.
  return rule.path or rule.pattern or not req.is_tool
end

local function holds(names, value)
  for _, item in ipairs(names or {}) do
    if item == value then return true end
  end
  return false
end

local function matches(rule, req)
  if rule.tool and not holds(req.tools, rule.tool) then return false end
  if rule.rpc_method and not holds(req.rpc_methods, rule.rpc_method) then return false end
  if rule.method and rule.method ~= req.method then return false end
  if rule.grant_id and (not req.grant or req.grant.id ~= rule.grant_id) then return false end
  if rule.client_id and req.client_id ~= rule.client_id then return false end
  if rule.grant_type and (not req.form or req.form.grant_type ~= rule.grant_type) then return false end
  local turn = rule.on_connection_request
  if turn and req.connection_requests ~= turn then return false end
  return path_matches(rule, req)
end

local function is_live(rule)
  return rule.times == "always" or rule.hits < rule.times
end

-- The first live rule that the request meets; rules that still skip count down.
function rules.take(req)
  for _, rule in ipairs(list) do
    if is_live(rule) and matches(rule, req) and (not rule.chance or math.random() < rule.chance) then
      if rule.skip == 0 then
        rule.hits = rule.hits + 1
        return rule
      end
      rule.skip = rule.skip - 1
    end
  end
  return nil
end

return rules
