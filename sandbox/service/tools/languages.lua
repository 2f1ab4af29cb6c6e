-- proposeLanguages, proposeLanguageEdits, getTranslationContext. service/tools/all.lua collects them.
local arguments = require "service.tools.arguments"
local json = require "json"
local keys = require "state.keys"
local refuse = require "service.tools.refuse"

local statuses = { active = true, draft = true, archived = true }

-- Lower-cased BCP 47, as on the wire.
local function is_language(code)
  return code:find "^%l%l%l?$" or code:find "^%l%l%l?%-[%l%d-]*[%l%d]$"
end

-- Notes a change of a language in the view; it is pending until it is published.
local function note(view, code, status, is_new)
  for _, row in ipairs(view.languages) do
    if row.code == code then
      row.status, row.pending = status, true
      return keys.touch(view)
    end
  end
  table.insert(view.languages, { code = code, status = status, added = is_new, pending = true })
  return keys.touch(view)
end

local function collect(call, list, status_field, complaint)
  local results = json.array()
  for _, wanted in ipairs(list) do
    local code, status = wanted.languageCode, wanted[status_field] or "active"
    local problem = complaint(call.view, code)
    if not problem then note(call.view, code, status, status_field == "status") end
    results[#results + 1] = {
      languageCode = code, success = not problem, status = not problem and status or nil, error = problem,
    }
  end
  return { prj = call.args.project, results = results }
end

local function propose(call)
  return collect(call, call.args.languages, "status", function(view, code)
    if not is_language(code) then return "Invalid language code: " .. code end
    return keys.has_language(view, code) and "Language exists: " .. code or nil
  end)
end

local function propose_edits(call)
  return collect(call, call.args.edits, "newStatus", function(view, code)
    if code == view.project.sourceLanguage then return "The source language cannot be changed: " .. code end
    return not keys.has_language(view, code) and "Language not found: " .. code or nil
  end)
end

-- getTranslationContext ---------------------------------------------------------------------------------

local glossary = {
  { term = "Better i18n", translatable = false },
  { term = "checkout", translatable = true, note = "the last step of a purchase" },
}

local function find_key(view, wanted)
  local key = keys.find(view, wanted)
  if key and not key.deleted then return key end
  for _, candidate in ipairs(keys.list(view)) do
    if candidate.name == wanted then return candidate end
  end
  return refuse("Key not found: " .. wanted)
end

-- Translated neighbours: keys of the same namespace.
local function examples(call, key, languages)
  local list, source = json.array(), call.project.sourceLanguage
  for _, other in ipairs(keys.list(call.view)) do
    if #list == (call.args.kPerKey or 5) then break end
    if other.ns == key.ns and other.id ~= key.id then
      local translations = {}
      for _, language in ipairs(languages) do
        translations[language] = other.tr[language] and other.tr[language].t
      end
      list[#list + 1] = { k = other.name, src = other.tr[source] and other.tr[source].t, tr = translations }
    end
  end
  return list
end

local function translation_context(call)
  local targets = call.args.languages or keys.targets(call.view)
  for _, language in ipairs(targets) do
    if not keys.has_language(call.view, language) then refuse("Language not found: " .. language) end
  end
  local context = json.array()
  for _, wanted in ipairs(call.args.keys or {}) do
    local key = find_key(call.view, wanted)
    local about = call.view.namespaces[key.ns]
    context[#context + 1] = {
      id = key.id, k = key.name, ns = key.ns, desc = about and about.description,
      sim = examples(call, key, targets),
    }
  end
  return {
    prj = call.args.project, src = call.project.sourceLanguage, tgt = json.array { unpack(targets) },
    inst = "Keep placeholders such as {name} as they are.", ctx = context, gl = glossary, glt = #glossary,
    rules = { "Address the reader informally.", "Keep it as short as the source text." },
  }
end

local project = arguments.string { required = true }

local function changes(status_field)
  return arguments.array { required = true, item = arguments.object { fields = {
    languageCode = arguments.string { required = true },
    [status_field] = arguments.string { one_of = statuses, required = status_field == "newStatus" },
  } } }
end

return {
  { name = "proposeLanguages", act = propose, description = "Adds target languages.",
    arguments = { project = project, languages = changes "status" } },
  { name = "proposeLanguageEdits", act = propose_edits, description = "Changes the status of target languages.",
    arguments = { project = project, edits = changes "newStatus" } },
  { name = "getTranslationContext", scope = "projects:read", act = translation_context,
    description = "What a translator should know.",
    arguments = {
      project = project, keys = arguments.strings { max = 50 }, kPerKey = arguments.integer { min = 1, max = 20 },
      languages = arguments.strings(),
    } },
}
