-- better_i18n.testing: a real client whose requests are answered from a table, for a program's own tests: no server, no
-- network, all rules of the client as they are. Tokens come by themselves.

local core = require "better_i18n.core"

---@type better_i18n.testing
local testing = {}

local GRANT = "grt_testing"
local logs = setmetatable({}, { __mode = "k" }) -- client → requests

local function refuse(message, ...)
  error(core.error { code = "invalid_argument", message = "testing: " .. message:format(...) }, 0)
end

-- Canned answers ------------------------------------------------------------------------------------------------------

local types = { status = "number", headers = "table", body = "string", lost = "string" }
local answer_fields = { "status", "json", "body", "headers", "lost" }

local function check_answer(route, answer)
  if type(answer) ~= "table" then refuse("the answer to %s must be a table, not %s", route, type(answer)) end
  for name, value in pairs(answer) do
    if name ~= "json" and not types[name] then
      refuse("the answer to %s: %s", route, core.unknown("field", name, answer_fields))
    elseif name ~= "json" and type(value) ~= types[name] then
      refuse("the answer to %s: %s must be a %s, not %s", route, name, types[name], type(value))
    end
  end
  local status = answer.status
  if status and (status % 1 ~= 0 or status < 200 or status > 599) then
    refuse("the answer to %s: status must be an integer from 200 to 599", route)
  end
  if answer.json ~= nil and answer.body then
    refuse("the answer to %s has both json and body: give one of them", route)
  end
end

local function encode(route, value)
  local text, problem = core.json_encode(value)
  if not text then refuse("the answer to %s cannot be written as JSON: %s", route, problem) end
  return text
end

-- As the transport gives it to the client; a text alone stands for a connection that failed.
local function prepare(route, answer)
  check_answer(route, answer)
  if answer.lost then return { lost = answer.lost } end
  local headers, body = {}, answer.body
  if answer.json ~= nil then
    headers["content-type"], body = "application/json", encode(route, answer.json)
  end
  for name, value in pairs(answer.headers or {}) do headers[tostring(name):lower()] = value end
  return { status = answer.status or 200, headers = headers, body = body }
end

local function from_function(route, fn)
  return function(request)
    local answer, problem = fn(request)
    if answer == nil then return { lost = tostring(problem or "the function gave no answer") } end
    return prepare(route, answer)
  end
end

local function one_after_another(route, list)
  local answers, used = {}, 0
  for index, answer in ipairs(list) do
    answers[index] = type(answer) == "function" and from_function(route, answer) or prepare(route, answer)
  end
  return function(request)
    used = used + 1
    local answer = answers[used]
    if not answer then
      refuse("request number %d for %s, which has %d answers: give more, or a function", used, route, #answers)
    end
    return type(answer) == "function" and answer(request) or answer
  end
end

local function compile_answer(route, answer)
  if type(answer) == "function" then return from_function(route, answer) end
  if type(answer) == "table" and answer[1] ~= nil then return one_after_another(route, answer) end
  local prepared = prepare(route, answer)
  return function() return prepared end
end

local function compile(answers)
  if type(answers) ~= "table" then refuse("the answers must be a table, not %s", type(answers)) end
  local routes = {}
  for route, answer in pairs(answers) do
    if type(route) ~= "string" or not route:find "^%u+ /" then
      refuse('%s is no request: write it as "GET /path"', tostring(route))
    end
    routes[route] = compile_answer(route, answer)
  end
  return routes
end

-- Requests, as they are shown -----------------------------------------------------------------------------------------

local secret_fields = { client_secret = true, refresh_token = true, code = true, code_verifier = true }

local function redact_form(body)
  return (body:gsub("([^&=]+)=([^&]*)", function(name, value)
    return name .. "=" .. (secret_fields[name] and "[redacted]" or value)
  end))
end

local function decode_query(text)
  local query = {}
  for name, value in text:gmatch "([^&=]+)=?([^&]*)" do
    local function plain(part)
      return (part:gsub("%+", " "):gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
    end
    query[plain(name)] = plain(value)
  end
  return query
end

local function kind_of(authorization)
  if not authorization then return "none" end
  return authorization:find "^Bearer bi_oat_" and "installation" or "access"
end

local function describe(raw)
  local path, query = raw.url:match "^%a+://[^/?]+([^?]*)%??(.*)$"
  local headers = {}
  for name, value in pairs(raw.headers) do headers[name:lower()] = value end
  local request = {
    method = raw.method, path = path, query = decode_query(query), token = kind_of(headers.authorization),
    headers = headers, body = raw.body,
  }
  if headers.authorization then headers.authorization = "Bearer [redacted]" end
  local content_type = headers["content-type"] or ""
  if raw.body and content_type:find "^application/json" then request.json = core.json_decode(raw.body) end
  if raw.body and content_type:find "urlencoded" then request.body = redact_form(raw.body) end
  return request, query ~= "" and path .. "?" .. query or path
end

-- Tokens --------------------------------------------------------------------------------------------------------------

local JSON = { ["content-type"] = "application/json" }

-- Written by hand, for not every JSON encoder can write an empty array: all projects of the organization.
local MINTED = '{"installation_token":"bi_oat_of_testing_%d","token_type":"Bearer","expires_in":3600,'
  .. '"organization_id":"org_testing","project_ids":[]}'
local REFRESHED = '{"access_token":"access_of_testing_%d","token_type":"Bearer","expires_in":1800,'
  .. '"refresh_token":"refresh_of_testing_%d"}'

local function new_tokens()
  local count = 0
  return function(request)
    if request.method ~= "POST" then return nil end
    count = count + 1
    if request.path:find "/api/oauth%-client/installations/[^/]+/tokens$" then
      return { status = 200, headers = JSON, body = MINTED:format(count) }
    elseif request.path:find "/api/auth/mcp/token$" then
      return { status = 200, headers = JSON, body = REFRESHED:format(count, count) }
    end
  end
end

-- The transport -------------------------------------------------------------------------------------------------------

local function known(routes)
  local names = {}
  for name in pairs(routes) do names[#names + 1] = name end
  table.sort(names)
  return #names == 0 and "there are no answers at all" or "there are answers for: " .. table.concat(names, ", ")
end

local function new_transport(answers)
  local routes, tokens, log = compile(answers), new_tokens(), {}
  return function(raw)
    local request, target = describe(raw)
    local answer = routes[request.method .. " " .. target] or routes[request.method .. " " .. request.path]
    local given = not answer and tokens(request)
    if given then return given end
    log[#log + 1] = request
    if not answer then refuse("no answer for %s %s; %s", request.method, target, known(routes)) end
    local result = answer(request)
    if result.lost then return nil, result.lost end
    return result
  end, log
end

--- A client that sends nothing: its requests are answered from a table.
-- @param answers (table) "METHOD /path" → an answer. The path may have a query, which then has to be the same; without
--   one it answers whatever the query is. An answer is { status (200), json = value or body = bytes, headers }, or
--   { lost = "why" } for a connection that fails; a list of answers, which are used one after another; or a function
--   that gets the request (as `requests` shows it) and returns an answer, or nil and why the connection failed.
--   Tokens are minted and renewed without being asked about, unless the table has their requests too
-- @param options (table) of better_i18n.new, beside or instead of the ones that make it work here
-- @return userdata the client
-- @raise invalid_argument; a request without an answer raises it out of the call that made it, and names it
function testing.client(answers, options)
  if options ~= nil and type(options) ~= "table" then
    refuse("the table of options must be a table, not %s", type(options))
  end
  local transport, log = new_transport(answers)
  local all = {
    grant_id = GRANT, access_token = "access_of_testing", refresh_token = "refresh_of_testing",
    client_id = "app_testing", client_secret = "secret_of_testing", base_url = "https://api.testing.invalid",
    mcp_url = "https://mcp.testing.invalid/mcp", cdn_url = "https://cdn.testing.invalid",
    random = function() return 0 end, -- the pause before a repetition is none
  }
  for name, value in pairs(options or {}) do all[name] = value end
  all.transport = transport
  local client = require "better_i18n".new(all)
  logs[client] = log
  return client
end

--- What a client of `testing.client` sent, without secrets.
-- @param client (userdata)
-- @return table an array of { method, path, query (a table), token ("installation", "access", "none"), headers (their
--   names in lower case), body, json (the decoded body) }, oldest first; requests for tokens that nobody had to answer
--   are not in it
-- @raise invalid_argument
function testing.requests(client)
  return logs[client] or refuse "requests: it is no client that testing.client made"
end

return testing
