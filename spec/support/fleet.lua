-- Several processes that act for one grant through one store: starts them, and adds up how their calls ended.
local process = require "spec.support.process"
local sandbox = require "spec.support.sandbox"

local fleet = {}

--- What a child's code begins with: `store`, and `new(changes)`, which makes a client of the grant with it.
-- @param grant (table) as sandbox.grant gives it; only its first refresh token is handed over
-- @param store (string) a Lua expression
function fleet.head(grant, store)
  return ([[
    package.path = package.path .. ";/usr/share/lua/5.3/?.lua"
    local better_i18n = require "better_i18n"
    local socket = require "socket"
    local store = %s
    local function new(changes)
      local options = { base_url = %q, mcp_url = %q, cdn_url = %q, client_id = %q, client_secret = %q, grant_id = %q,
        refresh_token = %q, store = store, timeout = 20 }
      for name, value in pairs(changes or {}) do options[name] = value or nil end
      return better_i18n.new(options)
    end
  ]]):format(store, sandbox.URL, sandbox.MCP_URL, sandbox.CDN_URL, grant.client_id, grant.client_secret, grant.grant_id,
    grant.refresh_token)
end

-- Calls of both kinds of token, at least so many and at least so long.
local WORK = [[
  local client = new()
  local calls, stop = 0, socket.gettime() + %g
  while calls < %d or socket.gettime() < stop do
    local call = calls %% 2 == 0 and client.list_organizations or client.me
    local ok, err = pcall(call, client)
    if not ok then print("failed", calls, tostring(err)) end
    calls = calls + 1
    if %g > 0 then socket.sleep(%g) end
  end
  client:close()
  print("calls", calls)]]

--- Lets the processes call, all at once, until each has made `calls` calls and `seconds` are over.
-- @param options (table) grant, store (Lua), processes, calls, seconds, pause (seconds between calls)
-- @return number of calls that were answered, list of what went wrong
function fleet.run(options)
  local code = fleet.head(options.grant, options.store)
    .. WORK:format(options.seconds, options.calls, options.pause, options.pause)
  local children, answered, problems = {}, 0, {}
  for index = 1, options.processes do children[index] = process.start(code) end
  for _, child in ipairs(children) do
    local out, err, status = child.wait()
    if err ~= "" or status ~= 0 then problems[#problems + 1] = err .. " status " .. tostring(status) end
    for line in out:gmatch "failed[^\n]*" do problems[#problems + 1] = line end
    answered = answered + (tonumber(out:match "calls\t(%d+)") or 0) - select(2, out:gsub("failed", ""))
  end
  return answered, problems
end

return fleet
