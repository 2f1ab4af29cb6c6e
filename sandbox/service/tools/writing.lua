-- createKeys, updateKeys, setTranslations, deleteKeys. Everything they change is a draft until it is published.
-- service/tools/all.lua collects them.
local arguments = require "service.tools.arguments"
local json = require "json"
local keys = require "state.keys"

-- createKeys --------------------------------------------------------------------------------------------

local function set_texts(result, call, key, wanted)
  local source, written = call.project.sourceLanguage, {}
  local function warn(message)
    table.insert(result.warn, { k = key.name, ns = key.ns, w = message })
  end
  if wanted.v then keys.set_text(key, source, wanted.v) else warn "no source text" end
  for language, text in pairs(wanted.t or {}) do
    if keys.has_language(call.view, language) then
      keys.set_text(key, language, text)
      written[language] = text
    else
      warn("Language not found: " .. language)
    end
  end
  return written
end

-- A key of that name that was deleted and not yet published as such comes back, under its old id.
local function make(result, call, ns, wanted)
  local key = keys.find_by_name(call.view, ns, wanted.n)
  if key then
    key = keys.edit(call.view, key)
    key.deleted, result.ren = false, result.ren + 1
  else
    key, result.new = keys.add(call.view, ns, wanted.n), result.new + 1
  end
  if wanted.nc then call.view.namespaces[ns] = wanted.nc end
  result.cnt = result.cnt + 1
  local written = set_texts(result, call, key, wanted)
  table.insert(result.k, { k = key.name, ns = ns, id = key.id, tr = written })
end

local function create(result, call, wanted)
  local ns = wanted.ns or "default"
  local known = keys.find_by_name(call.view, ns, wanted.n)
  if known and not known.deleted then
    result.dup = result.dup + 1
    table.insert(result.skip, { k = wanted.n, ns = ns, id = known.id, rsn = "exists" })
    return
  end
  local other = not known and keys.collision(call.view, ns, wanted.n)
  if other and not call.args.force then
    table.insert(result.blocked, { k = wanted.n, ns = ns, conf = other, rsn = "is both a text and a group of keys" })
    return
  elseif other then
    table.insert(result.warn, { k = wanted.n, ns = ns, w = "is both a text and a group of keys: " .. other })
  end
  make(result, call, ns, wanted)
end

local function create_keys(call)
  local result = {
    cnt = 0, new = 0, ren = 0, dup = 0, pub = false,
    k = json.array(), skip = json.array(), warn = json.array(), blocked = json.array(),
  }
  for _, wanted in ipairs(call.args.k) do create(result, call, wanted) end
  result.ok = #result.blocked == 0
  return result
end

-- updateKeys, setTranslations ---------------------------------------------------------------------------

local function live_key(view, id)
  local key = keys.find(view, id)
  return key and not key.deleted and key or nil
end

local function refuse_item(result, id, language, message)
  table.insert(result.errors, { id = id, l = language, err = message })
end

-- The key to write to, in the view's own copy; nil when the item is refused.
local function writable(result, view, id, language)
  local key = live_key(view, id)
  if not key then return refuse_item(result, id, language, "Key not found: " .. id) end
  if language and not keys.has_language(view, language) then
    return refuse_item(result, id, language, "Language not found: " .. language)
  end
  return keys.edit(view, key)
end

local function update_keys(call)
  local result = { cnt = 0, upd = json.array(), errors = json.array() }
  for _, wanted in ipairs(call.args.t) do
    local language = wanted.s and call.project.sourceLanguage or wanted.l
    local key = writable(result, call.view, wanted.id, language)
    if key then
      keys.set_text(key, language, wanted.t)
      result.cnt = result.cnt + 1
      table.insert(result.upd, { id = key.id, k = key.name, l = language })
    end
  end
  result.ok = #result.errors == 0
  return result
end

local function sorted_languages(translations)
  local list = {}
  for language in pairs(translations) do list[#list + 1] = language end
  table.sort(list)
  return list
end

local function set_translations(call)
  local result = { cnt = 0, wrote = 0, upd = json.array(), errors = json.array() }
  for _, wanted in ipairs(call.args.t) do
    local written = json.array()
    for _, language in ipairs(sorted_languages(wanted.t)) do
      local key = writable(result, call.view, wanted.id, language)
      if key then
        keys.set_text(key, language, wanted.t[language])
        written[#written + 1] = language
      end
    end
    if #written > 0 then
      result.cnt, result.wrote = result.cnt + 1, result.wrote + #written
      table.insert(result.upd, { id = wanted.id, l = written })
    end
  end
  result.ok = #result.errors == 0
  return result
end

-- deleteKeys --------------------------------------------------------------------------------------------

-- Marked only: whoever reads the keys sees them no more, whoever reads the CDN does until it is published.
local function delete_keys(call)
  local result = { cnt = 0, mk = json.array(), skip = json.array() }
  for _, id in ipairs(call.args.keyIds) do
    local key = live_key(call.view, id)
    if key then
      keys.edit(call.view, key).deleted = true
      result.cnt = result.cnt + 1
      table.insert(result.mk, { id = id, k = key.name, ns = key.ns })
    else
      table.insert(result.skip, { id = id, rsn = "Key not found: " .. id })
    end
  end
  result.ok = #result.skip == 0
  return result
end

local statuses = { draft = true, published = true }

local function items(fields, max)
  return arguments.array { required = true, item = arguments.object { fields = fields }, max = max }
end

return {
  { name = "createKeys", scope = "keys:write", act = create_keys,
    description = "Creates keys with their source texts and translations.",
    arguments = {
      project = arguments.string { required = true }, force = arguments.boolean(),
      k = items {
        n = arguments.string { required = true, filled = true }, ns = arguments.string { filled = true },
        v = arguments.string(), t = arguments.texts(), nc = arguments.any_object(),
      },
    } },
  { name = "updateKeys", scope = "translations:write", act = update_keys,
    description = "Changes single texts.",
    arguments = {
      project = arguments.string { required = true },
      t = items {
        id = arguments.string { required = true }, l = arguments.string { required = true },
        t = arguments.string { required = true }, s = arguments.boolean(),
        st = arguments.string { one_of = statuses },
      },
    } },
  { name = "setTranslations", scope = "translations:write", act = set_translations,
    description = "Sets the translations of up to 500 keys.",
    arguments = {
      project = arguments.string { required = true },
      t = items({
        id = arguments.string { required = true }, t = arguments.texts { required = true },
      }, 500),
    } },
  { name = "deleteKeys", scope = "keys:write", act = delete_keys,
    description = "Marks up to 100 keys; publishing deletes them for good.",
    arguments = {
      project = arguments.string { required = true },
      keyIds = arguments.strings { required = true, max = 100 },
    } },
}
