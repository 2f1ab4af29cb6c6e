-- The partner REST endpoints: who connected, organizations, projects, models, languages.
-- Routed to by main.lua; the data are state/company.lua's.
local access = require "service.access"
local body = require "service.body"
local company = require "state.company"
local json = require "json"
local paging = require "service.paging"
local reply = require "http.reply"

local partner = {}

local function not_found(what)
  return reply.failure(404, what .. "_not_found", "There is no such " .. what .. ".")
end

local public_fields = { "id", "organizationId", "slug", "name", "sourceLanguage" }

local function describe(project)
  local copy = { targetLanguages = json.array(project.targetLanguages) }
  for _, name in ipairs(public_fields) do copy[name] = project[name] end
  return copy
end

local function me(req)
  local grant, refusal = access.authenticate(req, { access = true, installation = true })
  if not grant then return refusal end
  return reply.json(200, {
    user = { id = "usr_1", name = "Zoë Müller", email = "zoe@example.com" },
    client_id = grant.client_id,
    grant_id = grant.id,
    organization_id = grant.organization_id,
    scopes = json.array(grant.scopes),
  })
end

local function list_organizations(req)
  local grant, refusal = access.authorize(req, "org:read")
  if not grant then return refusal end
  return paging.reply(req, grant, "organizations", company.organizations())
end

-- Field and value name the organization in the path: it must exist and be the grant's.
local function organization(grant, field, value)
  local found = company.find_organization(field, value)
  if not found then return nil, not_found "organization" end
  local refusal = access.other_organization(grant, found.id)
  if refusal then return nil, refusal end
  return found
end

local function list_projects(req, params)
  local grant, refusal = access.authorize(req, "projects:read")
  if not grant then return refusal end
  local found, problem = organization(grant, "id", params.org_id)
  if not found then return problem end
  local visible = {}
  for _, project in ipairs(company.projects_of(found.id)) do
    if access.may_see(grant, project) and not project.unlisted then visible[#visible + 1] = describe(project) end
  end
  return paging.reply(req, grant, "projects", visible)
end

local function list_models(req, params)
  local grant, refusal = access.authorize(req, "content:read")
  if not grant then return refusal end
  local found, problem = organization(grant, "slug", params.org_slug)
  if not found then return problem end
  local project = company.find_project_by_slug(found.id, params.project_slug)
  if not project or not access.may_see(grant, project) then return not_found "project" end
  -- API.md names no envelope for models; `data` is the neutral one of its list.
  return paging.reply(req, grant, "data", company.models_of(project))
end

-- Lower-cased BCP 47, as on the wire.
local function is_language(code)
  return code:find "^%l%l%l?$" or code:find "^%l%l%l?%-[%l%d-]*[%l%d]$"
end

local function invalid(field, message)
  return reply.failure(400, "invalid_request", message, { field = field })
end

local function create_project(req)
  local grant, refusal = access.authorize(req, "projects:write")
  if not grant then return refusal end
  local wanted, problem = body.with_strings(req, { "name", "slug", "sourceLanguage" })
  if not wanted then return problem end
  if not wanted.slug:find "^[%l%d][%l%d-]*$" then
    return invalid("slug", "slug may hold lower-case letters, digits and dashes.")
  elseif not is_language(wanted.sourceLanguage) then
    return invalid("sourceLanguage", "sourceLanguage is not a language code.")
  elseif company.find_project_by_slug(grant.organization_id, wanted.slug) then
    return invalid("slug", "A project with this slug exists.")
  end
  local source = wanted.sourceLanguage
  local project = company.add_project(grant.organization_id, wanted.slug, wanted.name, source, {})
  return reply.json(201, describe(project))
end

-- The project in the path, when the grant reaches it.
local function addressed_project(grant, params)
  local project = company.find_project(params.project_id)
  if not project then return nil, not_found "project" end
  local refusal = access.other_organization(grant, project.organizationId)
  if refusal then return nil, refusal end
  if not access.may_see(grant, project) then return nil, not_found "project" end
  return project
end

local function get_project(req, params)
  local grant, refusal = access.authorize(req, "projects:read")
  if not grant then return refusal end
  local project, problem = addressed_project(grant, params)
  if not project then return problem end
  return reply.json(200, describe(project))
end

local function add_language(req, params)
  local grant, refusal = access.authorize(req, "projects:write")
  if not grant then return refusal end
  local project, problem = addressed_project(grant, params)
  if not project then return problem end
  local wanted, complaint = body.with_strings(req, { "code" })
  if not wanted then return complaint end
  if not is_language(wanted.code) then return invalid("code", "code is not a language code.") end
  for _, code in ipairs({ project.sourceLanguage, unpack(project.targetLanguages) }) do
    if code == wanted.code then return invalid("code", "The project has this language.") end
  end
  table.insert(project.targetLanguages, wanted.code)
  return reply.json(201, { code = wanted.code, projectId = project.id })
end

partner.routes = {
  { "GET", "/api/oauth-client/me", me },
  { "GET", "/api/oauth-client/organizations", list_organizations },
  { "GET", "/api/oauth-client/organizations/{org_id}/projects", list_projects },
  { "GET", "/api/oauth-client/organizations/{org_slug}/projects/{project_slug}/models", list_models },
  { "POST", "/api/oauth-client/v1/projects", create_project },
  { "GET", "/api/oauth-client/v1/projects/{project_id}", get_project },
  { "POST", "/api/oauth-client/v1/projects/{project_id}/languages", add_language },
}

return partner
