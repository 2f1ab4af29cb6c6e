-- The entry points that service.conf and nginx.conf name: the worker's start, a request, its end.
-- Collects the routes of all parts and leads each request through them. Only nginx calls it.
local crypto = require "crypto"
local identity = require "service.identity"
local instance = require "instance"
local journal = require "state.journal"
local kinds = require "faults.kinds"
local reply = require "http.reply"
local request = require "http.request"
local router = require "http.router"
local rules = require "faults.rules"
local watch = require "watch"
local writer = require "http.writer"

local main = {}

-- A new part of the service is one more name here.
local parts = {
  "service.authorize", "service.token", "service.register", "service.installations", "service.partner",
  "service.mcp.endpoint", "service.cdn",
  "control.grants", "control.clients", "control.faults", "control.inspect", "control.tools",
  "control.projects",
}

local function reset_route()
  instance.reset()
  return reply.json(200, { ok = true })
end

local request_prefix, request_count

function main.start()
  for _, name in ipairs(parts) do router.add(require(name).routes) end
  router.add { { "POST", "/_sandbox/reset", reset_route, { control = true } } }
  request_prefix, request_count = crypto.new_id("req_", 3), 0
  watch.start(tonumber(instance.start().owner))
end

local unknown = { options = {}, handler = function()
  return reply.framework_failure(404, "NOT_FOUND", "Not Found")
end }

-- The real answer. An error in the sandbox says so, instead of looking like a fault that was asked for.
local function answer(route, req, params)
  if req.cookie and not route.options.cookies and not route.options.tool then
    return reply.framework_failure(403, "INVALID_ORIGIN", "Invalid origin")
  end
  local ok, result = xpcall(route.handler, debug.traceback, req, params)
  if ok then return result end
  ngx.log(ngx.ERR, result)
  return reply.json(500, { error = "sandbox_bug", message = result })
end

local function answer_with_fault(rule, req, real_answer)
  req.fault = rule.kind
  journal.count("faults", req.grant)
  return kinds.act[rule.kind](rule, real_answer)
end

-- Every reply has a request id; one whose connection ends without a byte has no headers.
local function stamp(result)
  if result.headers and not result.headers["X-Request-Id"] then
    request_count = request_count + 1
    result.headers["X-Request-Id"] = string.format("%s%06x", request_prefix, request_count)
  end
  return result
end

-- A request to the service or to a tool: counted, logged, and subject to faults.
local function serve_counted(route, req, params)
  req.route_name = route.name or req.method .. " (unknown)"
  req.is_tool = route.options.tool
  identity.find(req, params)
  if route.options.prepare then route.options.prepare(req, params) end
  journal.arrive(req)
  local entry = not req.is_tool and journal.write(identity.entry(req))
  local function real_answer()
    return stamp(answer(route, req, params))
  end
  local rule = rules.take(req)
  local result = rule and answer_with_fault(rule, req, real_answer) or real_answer()
  stamp(result)
  if entry then
    entry.fault, entry.status, entry.response_bytes = req.fault, result.status, result.wire and #result.wire
  end
  return result
end

function main.serve()
  local req = request.read()
  ngx.ctx.sandbox_request = req
  local route, params = router.find(req)
  if route and route.options.control then return writer.send(answer(route, req, params)) end
  return writer.send(serve_counted(route or unknown, req, params or {}))
end

-- The log phase: runs however the request ended.
function main.finish()
  local req = ngx.ctx.sandbox_request
  if req then journal.depart(req) end
end

return main
