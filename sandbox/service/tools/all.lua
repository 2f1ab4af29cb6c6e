-- The sixteen tools of API.md by name, and what they have in common: finding the project, refusing.
-- service/mcp/rpc.lua calls it.
local access = require "service.access"
local company = require "state.company"
local keys = require "state.keys"
local refuse = require "service.tools.refuse"
local syncs = require "state.syncs"

local tools = { list = {} }

local by_name = {}

for _, group in ipairs { "projects", "reading", "writing", "publishing", "languages" } do
  for _, tool in ipairs(require("service.tools." .. group)) do
    tools.list[#tools.list + 1], by_name[tool.name] = tool, tool
  end
end

function tools.find(name)
  return by_name[name]
end

local function find_project(grant, name)
  local organization_slug, slug = name:match "^([^/]+)/([^/]+)$"
  if not slug then refuse("Invalid project: " .. name .. ' (expected "org-slug/project-slug")') end
  local organization = company.find_organization("slug", organization_slug)
  local project = organization and company.find_project_by_slug(organization.id, slug)
  local elsewhere = organization and access.other_organization(grant, organization.id)
  if elsewhere then refuse(elsewhere) end
  if not project or not access.may_see(grant, project) then refuse("Project not found: " .. name) end
  return project
end

-- What a tool gets: grant, args and, where it takes one, project and view.
function tools.run(grant, tool, args)
  local call = { grant = grant, args = args }
  if tool.arguments.project then
    call.project = find_project(grant, args.project)
    call.view = keys.view(call.project, grant)
    syncs.advance(call.view)
  end
  return tool.act(call)
end

return tools
