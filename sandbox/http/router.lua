-- Finds the handler of a request. Each part of the service hands in a table of routes
-- { "METHOD", "/path/{name}", handler, options }; main.lua collects them and asks `find`.
local router = {}

local exact, templates = {}, {}

local function split(path)
  local parts = {}
  for part in path:gmatch "[^/]+" do
    parts[#parts + 1] = { text = part, name = part:match "^{(.+)}$" }
  end
  return parts
end

-- options.control: not part of the service, neither counted nor subject to faults.
-- options.tool: for benchmarks; counted, but not written to the log.
-- options.prepare: function(req, params), finds out what counters, log and faults want to know (req.tools, req.grant).
-- options.cookies: a browser comes here, so cookies are fine.
function router.add(routes)
  for _, entry in ipairs(routes) do
    local method, path, handler, options = unpack(entry)
    local route = { name = method .. " " .. path, method = method, handler = handler }
    route.options = options or {}
    if path:find "{" then
      route.parts = split(path)
      templates[#templates + 1] = route
    else
      exact[route.name] = route
    end
  end
end

local function match(route, req)
  if route.method ~= req.method or #route.parts ~= #req.parts then return nil end
  local params = {}
  for index, part in ipairs(route.parts) do
    if part.name then
      params[part.name] = req.parts[index]
    elseif part.text ~= req.parts[index] then
      return nil
    end
  end
  return params
end

-- The route and the values of its {names}; nil when there is none.
function router.find(req)
  local route = exact[req.method .. " " .. req.path] or exact["ANY " .. req.path]
  if route then return route, {} end
  for _, candidate in ipairs(templates) do
    local params = match(candidate, req)
    if params then return candidate, params end
  end
  return nil
end

return router
