-- What the specs of the tools share: the rows of spec/support/tool_rows.lua, the two ways to a tool, grants and counts.
local rows = require "spec.support.tool_rows"
local sandbox = require "spec.support.sandbox"

local tools = { rows = rows }

tools.SCOPES = {
  "org:read", "projects:read", "keys:read", "keys:write", "translations:read", "translations:write",
  "translations:publish",
}

--- What a refused call is about: nothing of it is looked at.
tools.SOMETHING = { project = "acme/website-eu", id = "key_1", title = "key_2", sync = "sync_1" }

--- The two ways to a tool: function(client, row, c, options).
tools.ways = {
  method = function(client, row, c, options)
    if not row.args then return client[row.method](client, options) end
    return client[row.method](client, row.args(c), options)
  end,
  call_tool = function(client, row, c, options)
    return client:call_tool(row.tool, row.wire and row.wire(c) or nil, options)
  end,
}

--- A grant with all scopes and these settings.
function tools.grant(settings)
  local fields = { client_id = sandbox.CLIENT_ID, scopes = tools.SCOPES }
  for name, value in pairs(settings or {}) do fields[name] = value end
  return sandbox.grant(fields)
end

--- How often the row's tool was asked for that grant.
function tools.asked(grant, row) return sandbox.counters(grant).tools[row.tool] or 0 end

return tools
