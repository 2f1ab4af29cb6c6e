-- The service of the fault matrix: good answers for every endpoint, spoilt on demand. The script of a raw server,
-- called by raw_server_main.lua. A cell of the matrix chooses its fault by the path of its base URL, so that cells side
-- by side do not meet:   /<cell>/<fault>/<which>/<n>/<mode>/…the path of the service
-- which: "token", "mint" or "any" request meets the fault; mode: "always", or the "once" first one.
local cjson = require "cjson"
local kinds = require "spec.faults.kinds"

local MARKER = "Zürich ✓"
local rest = {
  user = { name = MARKER }, marker = MARKER, id = "prj_1", code = "de",
  organizations = { { id = "org_1", slug = MARKER } }, projects = { { id = "prj_1", name = MARKER } },
  models = { { name = MARKER } },
}

-- One document that is good for every tool, with the names that the service abbreviates to.
local document = cjson.encode {
  marker = MARKER, prj = "acme/site", tot = 1, ret = 1, has_more = false, ok = true, cnt = 1, success = true,
  projects = { { slug = MARKER } }, k = { { id = "k1", k = MARKER } }, keys = { { id = "k1", k = MARKER } },
  sy = { { id = MARKER, st = "completed" } }, syncJobIds = { MARKER }, id = MARKER, st = "completed", can = true,
  results = { { languageCode = "de", success = true, status = MARKER } },
}

local tokens = {
  token = {
    access_token = "at_canary_new_0001", token_type = "Bearer", expires_in = 1800,
    refresh_token = "rt_canary_new_0001", grant_id = "grt_1",
  },
  mint = {
    installation_token = "bi_oat_canary_new_0001", token_type = "Bearer", expires_in = 3600,
    organization_id = "org_1", scopes = { "org:read" }, project_ids = { "prj_1" },
  },
}

local function json(value, status)
  return {
    status = status or "200 OK", headers = { "Content-Type: application/json" },
    body = type(value) == "string" and value or cjson.encode(value),
  }
end

local function rpc_answer(request, selected)
  local message = cjson.decode(request.body)
  local change = kinds.in_text[selected.fault]
  local text = change and not selected.lifted and change(document) or document
  local result = { content = { { type = "text", text = text } } }
  if message.method == "tools/list" then result = { tools = { { name = MARKER } } } end
  local answer = json { jsonrpc = "2.0", id = message.id, result = result }
  if request.path:find "/events/mcp$" then
    answer.headers, answer.chunked = { "Content-Type: text/event-stream" }, true
    answer.body = "event: message\ndata: " .. answer.body .. "\n\n"
  end
  return answer
end

local function which_of(request)
  if request.path:find "/api/auth/mcp/token$" then return "token" end
  if request.method == "POST" and request.path:find "/installations/[^/]+/tokens$" then return "mint" end
  return "other"
end

local function good_answer(request, selected)
  local which = which_of(request)
  if tokens[which] then return json(tokens[which]) end
  if request.path:find "/mcp$" then return rpc_answer(request, selected) end
  if request.path:find "/register$" then return json({ client_id = MARKER }, "201 Created") end
  if request.path:find "/raw$" then return json('{"first":"half of it is not it","marker":"' .. MARKER .. '"}') end
  if request.path:find "^/cdn/" and request.head:lower():find "\nauthorization:" then return json({}, "400 No") end
  return json(rest)
end

-- What is known of a cell: how many requests met its fault (those that would have, once it is lifted, are not counted).
local cells = {}

local function select_fault(request)
  local path = request.path:gsub("^http://[^/]+", "") -- a proxy is asked for the whole URL
  local cell, fault, which, n, mode, behind = path:match "^/([%w]+)/([%w_]+)/(%a+)/(%d+)/(%a+)(/.*)$"
  if not cell then return nil end
  cells[cell] = cells[cell] or { seen = 0 }
  request.path = behind
  return { cell = cells[cell], fault = fault, which = which, n = tonumber(n), mode = mode, lifted = cells[cell].lifted }
end

-- Ends the fault and tells what the server saw, so that a program in any world can ask.
local function lift(connection, cell)
  connection:json(cjson.encode { seen = cell.seen, head = cell.head, length = cell.length })
  cell.lifted = true
end

local function meets(selected, request)
  local cell = selected.cell
  if selected.lifted or (selected.which ~= "any" and selected.which ~= which_of(request)) then return false end
  cell.seen = cell.seen + 1
  return selected.mode == "always" or cell.seen == 1
end

--- @param elsewhere (string) where redirects lead
return function(elsewhere)
  return function(request, connection, log, later)
    log[#log] = request.method == "CONNECT" and request or nil -- there are very many; the cells count
    if request.method == "CONNECT" then return kinds.proxy_407(connection, { request = request }) end
    local selected = select_fault(request)
    if not selected then return connection:json("{}", "404 Not Found") end
    if request.path == "/lift" then return lift(connection, selected.cell) end
    local answer = good_answer(request, selected)
    answer.request = request
    if not meets(selected, request) then return kinds.none(connection, answer) end
    local first, second = kinds.bytes(answer)
    -- Of chunks nobody misses the very last byte, a line feed.
    selected.cell.head, selected.cell.length = #first, #first + #second - (answer.chunked and 1 or 0)
    local act = assert(kinds[selected.fault], selected.fault)
    act(connection, answer, selected.n, { later = later, elsewhere = elsewhere })
  end
end
