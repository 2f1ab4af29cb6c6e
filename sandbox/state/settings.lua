-- What can be switched, for the whole instance and for a single grant; the grant's word goes first.
-- Handlers read with `of`; control/settings.lua writes.
local settings = {}

local defaults = {
  access_ttl = 1800, -- the lifetimes of API.md, in seconds
  refresh_ttl = 30 * 24 * 3600,
  installation_ttl = 3600,
  code_ttl = 600,
  rotation = "rotating",
  invalid_grant_status = 401,
  revoked_mint_status = 410, -- 401: the access token goes with the grant
  omit_grant_id = false, -- an exchange that does not name the grant
  rate_limit = 0, -- requests per window and grant; 0: no limit, so that benchmarks run
  rate_window = 60,
  envelope = "named",
  paging = "nextCursor",
  page_size = 20,
  null_cursor = false, -- the last page says "nextCursor": null
  repeat_cursor = false, -- every page points to itself
  empty_pages = false, -- an empty page before each full one
  link_base = "", -- where Link points; empty: to the same host
  mcp_answer = "json",
  mcp_sessions = "none", -- required: 400 until initialize, 404 for an unknown session
  rpc_error_status = 200, -- another: JSON-RPC errors come with that status and `id: null`
  hide_causes = false, -- 401, 403, 410 and 429 of a tool arrive as its own obscure error
  missing_scope_form = "http", -- tool: a tool error that names missing_scope
  mcp_401 = 0, -- so many valid tokens are answered 401 "Invalid session"
  mcp_wrong_id = 0, -- so many answers carry another request's id
  mcp_early_end = 0, -- so many SSE streams end before the answer
  update_notice = "", -- a later text item of each tool's answer
  sse_prime = false,
  sse_comments = false,
  sse_notification = false,
  sse_request = false,
  sse_batch = false,
  sse_split = false,
  sse_line_end = "lf",
  sse_bom = false,
  sync_ms = 200,
  sync_outcome = "completed",
  publish_cooldown = 30, -- seconds
  publish_destination = "cdn",
  cdn_miss = "empty",
}

local choices = {
  rotation = { same = true, rotating = true, rotating_keep = true, reuse_detection = true, omit = true },
  envelope = { array = true, named = true, data = true, items = true, organizations = true, projects = true },
  paging = {
    none = true, link = true, nextCursor = true, next_cursor = true,
    page = true, page_total = true, page_has_more = true,
  },
  mcp_answer = { json = true, sse = true },
  mcp_sessions = { none = true, required = true },
  missing_scope_form = { http = true, tool = true },
  sse_line_end = { lf = true, crlf = true, cr = true },
  sync_outcome = { completed = true, failed = true },
  publish_destination = { github = true, cdn = true, none = true },
  cdn_miss = { empty = true, fallback = true },
}

local global = {}

function settings.reset()
  global = {}
end

function settings.of(grant, name)
  local own = grant and grant.settings[name]
  if own ~= nil then return own end
  if global[name] ~= nil then return global[name] end
  return defaults[name]
end

-- Says what is wrong with a value, or nil.
local function complaint(name, value)
  if defaults[name] == nil then return "unknown setting: " .. name end
  if type(value) ~= type(defaults[name]) then
    return name .. " must be a " .. type(defaults[name])
  end
  if choices[name] and not choices[name][value] then
    return name .. " cannot be " .. value
  end
  return nil
end

function settings.is_name(name)
  return defaults[name] ~= nil
end

-- Sets for the grant, or for the instance when grant is nil. All or nothing; returns a complaint or nil.
function settings.set(grant, values)
  for name, value in pairs(values) do
    local problem = complaint(name, value)
    if problem then return problem end
  end
  local target = grant and grant.settings or global
  for name, value in pairs(values) do target[name] = value end
  return nil
end

-- For a setting that says how many times: whether this is one of them. Counts down.
function settings.take(grant, name)
  local left = settings.of(grant, name)
  if left <= 0 then return false end
  local target = grant and grant.settings or global
  target[name] = left - 1
  return true
end

function settings.all(grant)
  local values = {}
  for name in pairs(defaults) do values[name] = settings.of(grant, name) end
  return values
end

return settings
