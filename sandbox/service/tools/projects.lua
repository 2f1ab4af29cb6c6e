-- listProjects, getProject. service/tools/all.lua collects them.
local access = require "service.access"
local arguments = require "service.tools.arguments"
local company = require "state.company"
local json = require "json"
local keys = require "state.keys"

local function list_projects(call)
  local organization = company.find_organization("id", call.grant.organization_id)
  local projects = json.array()
  for _, project in ipairs(company.projects_of(organization.id)) do
    if access.may_see(call.grant, project) then
      projects[#projects + 1] = {
        id = project.id, slug = organization.slug .. "/" .. project.slug, name = project.name,
        organizationName = organization.name, sourceLanguage = project.sourceLanguage,
        targetLanguages = json.array { unpack(keys.targets(keys.view(project, call.grant))) },
        cdnFormat = "json", fileStructure = project.file_structure, keyFormat = project.key_format,
      }
    end
  end
  return { projects = projects }
end

local function namespaces(view, list)
  local counts, found = {}, json.array()
  for _, key in ipairs(list) do
    if not counts[key.ns] then
      local about = view.namespaces[key.ns] or {}
      counts[key.ns] = { nm = key.ns, kc = 0, desc = about.description, ctx = about.context }
      found[#found + 1] = counts[key.ns]
    end
    counts[key.ns].kc = counts[key.ns].kc + 1
  end
  return found
end

local function coverage(view, list)
  local result = {}
  for _, language in ipairs(keys.targets(view)) do
    local count = 0
    for _, key in ipairs(list) do
      if key.tr[language] then count = count + 1 end
    end
    result[language] = { tr = count, pct = #list == 0 and 0 or math.floor(count * 100 / #list) }
  end
  return result
end

local function get_project(call)
  local project, view = call.project, call.view
  local list = keys.list(view)
  local base = "/cdn/" .. call.args.project
  return {
    prj = call.args.project, sl = project.sourceLanguage, nss = namespaces(view, list),
    lng = json.array { project.sourceLanguage, unpack(keys.targets(view)) },
    tk = #list, cov = coverage(view, list),
    cdn = {
      base = base, mfst = base .. "/manifest.json", pat = base .. "/{locale}/{file}.json",
      ex = base .. "/" .. project.sourceLanguage .. "/translations.json",
      fs = project.file_structure, kf = project.key_format,
    },
  }
end

return {
  { name = "listProjects", scope = "projects:read", arguments = {}, act = list_projects,
    description = "The projects that this connection can reach." },
  { name = "getProject", scope = "projects:read", act = get_project,
    arguments = { project = arguments.string { required = true } },
    description = "Languages, namespaces, coverage and CDN of one project." },
}
