-- {URL}/cdn: what is published, for everybody, without a token. Sees what was published last (state/syncs.lua).
-- Routed to by main.lua.
local company = require "state.company"
local grants = require "state.grants"
local journal = require "state.journal"
local json = require "json"
local keys = require "state.keys"
local reply = require "http.reply"
local settings = require "state.settings"
local syncs = require "state.syncs"

local cdn = {}

local function find(params)
  local organization = company.find_organization("slug", params.org)
  return organization and company.find_project_by_slug(organization.id, params.project)
end

-- A project that belongs to a grant takes its requests into that grant's counters, log and faults.
local function prepare(req, params)
  local project = find(params)
  if not req.grant and project then req.grant = grants.find(project.grant_id) end
end

local function etag_of(text)
  return '"' .. ngx.md5(text) .. '"'
end

-- If-None-Match holds a list; a weak tag is as good as a strong one here.
local function is_known(req, etag)
  local asked = req.headers["if-none-match"]
  for tag in (type(asked) == "string" and asked or ""):gmatch '[^,%s]+' do
    if tag == "*" or tag:gsub("^W/", "") == etag then return true end
  end
  return false
end

local function serve(req, text)
  local etag = etag_of(text)
  local result = reply.new(200, "application/json", text)
  if is_known(req, etag) then result = { status = 304, headers = {} } end
  result.headers.ETag = etag
  result.headers["Cache-Control"] = "public, max-age=60"
  result.body = result.body or ""
  return result
end

-- 200 all the same. The setting is the project's own, or its grant's, or the instance's.
local function miss(req, project)
  local of = project and grants.find(project.grant_id)
  local form = project and project.settings.cdn_miss or settings.of(of, "cdn_miss")
  return serve(req, form == "fallback" and '{"fallback":true}' or "{}")
end

-- Texts of a version are built once.
local function cached(view, name, build)
  if not view.cdn or view.cdn.version ~= view.version then view.cdn = { version = view.version, texts = {} } end
  local text = view.cdn.texts[name]
  if text == nil then
    text = build(view) or false
    view.cdn.texts[name] = text
  end
  return text
end

local function put_nested(messages, name, text)
  local here, rest = messages, name
  while rest:find(".", 1, true) do
    local head, tail = rest:match "^(.-)%.(.*)$"
    if type(here[head]) ~= "table" then here[head] = {} end
    here, rest = here[head], tail
  end
  if type(here[rest]) ~= "table" then here[rest] = text end -- a group of keys wins over a text
end

local function file_of(project, key)
  if project.file_structure == "single" or key.ns == "default" then return "translations" end
  return key.ns
end

local function messages_of(view, language, file)
  local messages, project = {}, view.project
  for _, key in ipairs(keys.all(view)) do
    local value = key.tr[language]
    if value and value.pub and file_of(project, key) == file then
      local name = key.name
      -- One file for all namespaces: they lead the names.
      if project.file_structure == "single" and key.ns ~= "default" then name = key.ns .. "." .. name end
      if project.key_format == "nested" then put_nested(messages, name, value.pub) else messages[name] = value.pub end
    end
  end
  return next(messages) and json.encode(messages) or nil
end

local function languages_of(view)
  local list = json.array { view.project.sourceLanguage, unpack(view.project.targetLanguages) }
  for _, row in ipairs(view.languages) do
    if row.added and not row.pending then list[#list + 1] = row.code end
  end
  return list
end

local function files_of(view)
  local seen, files, namespaces, seen_namespaces = {}, json.array(), json.array(), {}
  for _, key in ipairs(keys.all(view)) do
    local file = file_of(view.project, key)
    if not seen[file] then seen[file], files[#files + 1] = true, file end
    if not seen_namespaces[key.ns] then
      seen_namespaces[key.ns], namespaces[#namespaces + 1] = true, key.ns
    end
  end
  return files, namespaces
end

local function manifest_of(view)
  local project = view.project
  local files, namespaces = files_of(view)
  local languages, locales = languages_of(view), json.array()
  for index, code in ipairs(languages) do
    locales[index] = { code = code, isSource = code == project.sourceLanguage }
  end
  return json.encode {
    version = 1, projectId = project.id, projectSlug = project.slug, sourceLanguage = project.sourceLanguage,
    languages = locales, namespaces = namespaces, files = files, format = "json",
    fileStructure = project.file_structure, keyFormat = project.key_format,
    updatedAt = os.date("!%Y-%m-%dT%H:%M:%SZ", view.published_at),
  }
end

-- Counts what no client of the CDN should send.
local function watch(req)
  if req.authorization or req.cookie then journal.count("cdn_with_credentials", req.grant) end
end

local function manifest(req, params)
  watch(req)
  local project = find(params)
  if not project then return miss(req) end
  return serve(req, cached(syncs.public_view(project), "manifest", manifest_of))
end

local function messages(req, params)
  watch(req)
  local project, file = find(params), params.file:match "^(.+)%.json$"
  if not project or not file then return miss(req, project) end
  local text = cached(syncs.public_view(project), params.locale .. "/" .. file, function(view)
    return messages_of(view, params.locale, file)
  end)
  return text and serve(req, text) or miss(req, project)
end

local options = { prepare = prepare, cookies = true }

cdn.routes = {
  { "GET", "/cdn/{org}/{project}/manifest.json", manifest, options },
  { "GET", "/cdn/{org}/{project}/{locale}/{file}", messages, options },
}

return cdn
