-- MCP sessions, for grants whose setting `mcp_sessions` asks for them. service/mcp/endpoint.lua opens, checks and
-- ends them; control/projects.lua ends all.
local crypto = require "crypto"

local sessions = {}

local grant_of = {}

function sessions.reset()
  grant_of = {}
end

function sessions.open(grant)
  local id = crypto.new_id "mcp-session-"
  grant_of[id] = grant.id
  return id
end

function sessions.is_open(grant, id)
  return grant_of[id] == grant.id
end

function sessions.close(id)
  grant_of[id] = nil
end

-- Those of one grant, or of all; returns how many.
function sessions.close_all(grant_id)
  local count = 0
  for id, owner in pairs(grant_of) do
    if not grant_id or owner == grant_id then
      grant_of[id], count = nil, count + 1
    end
  end
  return count
end

return sessions
