-- listKeys, getTranslations: finding keys and their texts. service/tools/all.lua collects them.
local arguments = require "service.tools.arguments"
local json = require "json"
local keys = require "state.keys"
local refuse = require "service.tools.refuse"

local function set_of(list)
  if not list or #list == 0 then return nil end
  local set = {}
  for _, item in ipairs(list) do set[item] = true end
  return set
end

-- The words looked for, lower-cased; nil for none.
local function words(search)
  local list = {}
  for _, word in ipairs(type(search) == "table" and search or { search }) do
    if word ~= "" then list[#list + 1] = word:lower() end
  end
  return #list > 0 and list or nil
end

-- Whether a name or a source text holds one of the words, whatever their ASCII case.
local function is_found(key, looked_for, source)
  local name = key.name:lower()
  local text = key.tr[source] and key.tr[source].t:lower() or ""
  for _, word in ipairs(looked_for) do
    if name:find(word, 1, true) or text:find(word, 1, true) then return true end
  end
  return false
end

local function check_languages(view, list)
  for _, language in ipairs(list or {}) do
    if not keys.has_language(view, language) then refuse("Language not found: " .. language) end
  end
end

local function filter(list, accepts)
  local found = {}
  for _, key in ipairs(list) do
    if accepts(key) then found[#found + 1] = key end
  end
  return found
end

local function source_text(key, source)
  return key.tr[source] and key.tr[source].t or nil
end

-- listKeys ----------------------------------------------------------------------------------------------

local key_fields = {
  id = true, sourceText = true, translations = true, translatedLanguages = true, translatedLanguageCount = true,
}
local usual_fields = { id = true, sourceText = true, translatedLanguages = true, translatedLanguageCount = true }

local function matching_keys(call)
  local args, source = call.args, call.project.sourceLanguage
  local looked_for, wanted, missing = words(args.search), set_of(args.namespaces), args.missingLanguage
  check_languages(call.view, { missing })
  local list = keys.list(call.view)
  if not looked_for and not wanted and not missing then return list end
  return filter(list, function(key)
    return (not wanted or wanted[key.ns]) and (not missing or not key.tr[missing])
      and (not looked_for or is_found(key, looked_for, source))
  end)
end

local function translated(key, targets)
  local languages, translations = json.array(), {}
  for _, language in ipairs(targets) do
    local value = key.tr[language]
    if value then languages[#languages + 1], translations[language] = language, value.t end
  end
  return languages, translations
end

local function list_keys(call)
  local args = call.args
  local page, limit = args.page or 1, args.limit or 20
  local fields, targets = set_of(args.fields) or usual_fields, keys.targets(call.view)
  local found = matching_keys(call)
  local items, namespaces, index_of = json.array(), json.array(), {}
  local last = math.min(#found, page * limit)
  for index = (page - 1) * limit + 1, last do
    local key = found[index]
    if not index_of[key.ns] then
      namespaces[#namespaces + 1], index_of[key.ns] = key.ns, #namespaces
    end
    local languages, translations = translated(key, targets)
    items[#items + 1] = {
      k = key.name, ns = index_of[key.ns], id = fields.id and key.id or nil,
      src = fields.sourceText and source_text(key, call.project.sourceLanguage) or nil,
      tl = fields.translatedLanguages and languages or nil,
      tlc = fields.translatedLanguageCount and #languages or nil,
      tr = fields.translations and translations or nil,
    }
  end
  local has_more = last < #found
  return {
    tot = #found, ret = #items, pg = page, lim = limit, has_more = has_more, nss = namespaces, k = items,
    note = has_more and ("%d more keys, ask for page %d"):format(#found - last, page + 1) or nil,
  }
end

-- getTranslations ---------------------------------------------------------------------------------------

local statuses = { missing = true, draft = true, published = true, all = true }

local function status_of(value)
  if not value then return "missing" end
  return value.t == value.pub and "published" or "draft"
end

local function has_status(key, languages, status)
  for _, language in ipairs(languages) do
    if status_of(key.tr[language]) == status then return true end
  end
  return false
end

local function matching_translations(call, languages)
  local args, source = call.args, call.project.sourceLanguage
  local looked_for, wanted, named = words(args.search), set_of(args.namespaces), set_of(args.keys)
  local status = args.status ~= "all" and args.status
  return filter(keys.list(call.view), function(key)
    return (not wanted or wanted[key.ns]) and (not named or named[key.name])
      and (not status or has_status(key, languages, status))
      and (not looked_for or is_found(key, looked_for, source))
  end)
end

local function describe(key, languages, source)
  local translations = {}
  for _, language in ipairs(languages) do
    local value = key.tr[language]
    if value then
      translations[language] = { id = key.id .. ":" .. language, t = value.t, st = status_of(value) }
    end
  end
  return {
    id = key.id, k = key.name, ns = key.ns ~= "default" and key.ns or nil, src = source_text(key, source),
    tr = translations,
  }
end

local function get_translations(call)
  local args, source = call.args, call.project.sourceLanguage
  local languages = set_of(args.languages) and args.languages
  if args.status and args.status ~= "all" and not languages then refuse "status needs languages" end
  check_languages(call.view, languages)
  languages = languages or keys.targets(call.view)
  local found = matching_translations(call, languages)
  local items, details = json.array(), {}
  for index = 1, math.min(#found, args.limit or 100) do
    items[index] = describe(found[index], languages, source)
    local about = call.view.namespaces[found[index].ns]
    if about then details[found[index].ns] = { desc = about.description, ctx = about.context } end
  end
  return {
    prj = args.project, sl = source, ret = #items, tot = #found, has_more = #items < #found, keys = items,
    nsd = next(details) and details or nil,
  }
end

return {
  { name = "listKeys", scope = "keys:read", act = list_keys,
    description = "Pages through the keys of a project.",
    arguments = {
      project = arguments.string { required = true }, search = arguments.search(),
      namespaces = arguments.strings(), missingLanguage = arguments.string(),
      fields = arguments.strings { one_of = key_fields },
      page = arguments.integer { min = 1, max = 1000000 }, limit = arguments.integer { min = 1, max = 100 },
    } },
  { name = "getTranslations", scope = "translations:read", act = get_translations,
    description = "Keys with their texts.",
    arguments = {
      project = arguments.string { required = true }, search = arguments.search(),
      languages = arguments.strings(), namespaces = arguments.strings(), keys = arguments.strings(),
      status = arguments.string { one_of = statuses }, limit = arguments.integer { min = 1, max = 200 },
    } },
}
