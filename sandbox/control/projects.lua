-- /_sandbox/project and /_sandbox/end_sessions: a project of a test's own, and the end of MCP sessions.
-- Routed to by main.lua.
local company = require "state.company"
local crypto = require "crypto"
local fields = require "control.fields"
local reply = require "http.reply"
local sessions = require "service.mcp.sessions"

local control = {}

local creation = {
  grant_id = "string", organization_id = "string", slug = "string", name = "string", source_language = "string",
  languages = "table", keys = "any", file_structure = "string", key_format = "string", cdn_miss = "string",
}

local choices = {
  file_structure = { namespaced = true, single = true },
  key_format = { flat = true, nested = true },
  cdn_miss = { empty = true, fallback = true },
}

local MAX_KEYS = 200000

local function is_row(row)
  if type(row) ~= "table" or type(row.n) ~= "string" or type(row.t or {}) ~= "table" then return false end
  for _, text in pairs(row.t or {}) do
    if type(text) ~= "string" then return false end
  end
  return type(row.v or "") == "string" and type(row.ns or "") == "string"
end

local function rows_complaint(rows)
  for index, row in ipairs(rows) do
    if not is_row(row) then
      return "keys[" .. index .. "] must be { n, v, ns, t }"
    end
  end
  return nil
end

local function complaint_about(value)
  for name, allowed in pairs(choices) do
    if value[name] and not allowed[value[name]] then return name .. " cannot be " .. value[name] end
  end
  for _, code in ipairs(value.languages or {}) do
    if type(code) ~= "string" then return "languages must be an array of strings" end
  end
  if value.slug and not value.slug:find "^[%l%d][%l%d-]*$" then return "slug cannot be " .. value.slug end
  local keys = value.keys
  if type(keys) == "table" then return rows_complaint(keys) end
  if keys ~= nil and (type(keys) ~= "number" or keys < 0 or keys > MAX_KEYS) then
    return "keys must be a number up to " .. MAX_KEYS .. " or an array"
  end
  return nil
end

local function add(organization, value)
  local slug = value.slug or crypto.new_id("test-", 6)
  if company.find_project_by_slug(organization.id, slug) then return nil, "this slug exists: " .. slug end
  local project = company.add_project(organization.id, slug, value.name or slug, value.source_language or "en",
    value.languages or { "de", "fr" })
  project.grant_id, project.unlisted, project.born_with = value.grant_id, value.grant_id == nil, value.keys or 0
  project.file_structure = value.file_structure or project.file_structure
  project.key_format = value.key_format or project.key_format
  project.settings.cdn_miss = value.cdn_miss
  return project
end

local function create(req)
  local value, refusal = fields.read(req, creation)
  if not value then return refusal end
  local grant, problem
  if value.grant_id then
    grant, problem = fields.grant(value.grant_id)
    if not grant then return problem end
  end
  local organization_id = value.organization_id or grant and grant.organization_id or "org_1"
  local organization = company.find_organization("id", organization_id)
  if not organization then return fields.refuse("no such organization: " .. organization_id) end
  local project, complaint = nil, complaint_about(value)
  if not complaint then project, complaint = add(organization, value) end
  if not project then return fields.refuse(complaint) end
  return reply.json(201, {
    project = organization.slug .. "/" .. project.slug, project_id = project.id, slug = project.slug,
    organization_id = organization.id, organization_slug = organization.slug,
  })
end

local function end_sessions(req)
  local value, refusal = fields.read(req, { grant_id = "string" })
  if not value then return refusal end
  return reply.json(200, { ended = sessions.close_all(value.grant_id) })
end

local quiet = { control = true }

control.routes = {
  { "POST", "/_sandbox/project", create, quiet },
  { "POST", "/_sandbox/end_sessions", end_sessions, quiet },
}

return control
