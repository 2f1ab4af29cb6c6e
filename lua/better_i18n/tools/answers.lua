-- The tools' answers with long field names: the service abbreviates them (API.md). What is not in these tables, passes
-- as it came. Called by tools/call.lua.
-- A row: name on the wire = long name, or { long name, list = rows | object = rows | map = rows } for what is below it.

local key = { k = "key", ns = "namespace", l = "language", rsn = "reason", del = "deleted" }
local sync = {
  tp = "type", st = "status", st_at = "startedAt", cp_at = "completedAt",
  log = { "log", list = { msg = "message" } }, aff_k = { "affectedKeys", list = key },
}
local about = { desc = "description", ctx = "context" }
local counts = { tr = "translated", pct = "percent" }
local refusal = { id = "id", k = "key", l = "language", err = "error", rsn = "reason" }

local rows = {
  getProject = {
    prj = "project", sl = "sourceLanguage", lng = "languages", tk = "totalKeys", cov = { "coverage", map = counts },
    nss = { "namespaces", list = { nm = "name", kc = "keyCount", desc = "description", ctx = "context" } },
    cdn = { "cdn", object = {
      mfst = "manifest", pat = "pattern", ex = "example", fs = "fileStructure", kf = "keyFormat",
    } },
  },
  listKeys = {
    tot = "total", ret = "returned", pg = "page", lim = "limit", has_more = "hasMore", nss = "namespaces",
    k = { "keys", list = {
      k = "key", ns = "namespace", src = "sourceText", tr = "translations", tl = "translatedLanguages",
      tlc = "translatedLanguageCount",
    } },
  },
  getTranslations = {
    prj = "project", sl = "sourceLanguage", tot = "total", ret = "returned", has_more = "hasMore",
    nsd = { "namespaceDetails", map = about },
    keys = { "keys", list = {
      k = "key", ns = "namespace", src = "sourceText", tr = { "translations", map = { t = "text", st = "status" } },
    } },
  },
  createKeys = {
    cnt = "count", new = "created", ren = "renewed", dup = "duplicates", pub = "published",
    k = { "keys", list = { k = "key", ns = "namespace", tr = "translations" } }, skip = { "skipped", list = key },
    warn = { "warnings", list = { k = "key", ns = "namespace", w = "warning", rsn = "reason" } },
    blocked = { "blocked", list = { k = "key", ns = "namespace", conf = "conflict", rsn = "reason" } },
  },
  updateKeys = {
    cnt = "count", errors = { "errors", list = refusal },
    upd = { "updated", list = { k = "key", l = "language" } },
  },
  setTranslations = {
    cnt = "count", wrote = "written", errors = { "errors", list = refusal },
    upd = { "updated", list = { k = "key", l = "languages" } },
  },
  deleteKeys = { cnt = "count", mk = { "marked", list = key }, skip = { "skipped", list = key } },
  getPendingChanges = {
    has_chg = "hasChanges", by_lng = "byLanguage", pub_dst = "publishDestination", no_pub_rsn = "noPublishReason",
    sum = { "summary", object = {
      tr = "translations", del_k = "deletedKeys", lng_chg = "languageChanges", tot = "total",
    } },
    del_k = { "deletedKeys", list = key },
  },
  getSyncs = { prj = "project", tot = "total", sy = { "syncs", list = sync } },
  getSync = sync,
  cancelSync = { can = "cancelled", prev = "previousStatus", rsn = "reason" },
  proposeLanguages = { prj = "project" },
  proposeLanguageEdits = { prj = "project" },
  getTranslationContext = {
    prj = "project", src = "sourceLanguage", tgt = "targetLanguages", inst = "instructions", gl = "glossary",
    glt = "glossaryTotal",
    ctx = { "context", list = {
      k = "key", ns = "namespace", desc = "description",
      sim = { "similar", list = { k = "key", src = "sourceText", tr = "translations" } },
    } },
  },
}

local answers = {
  rows = rows,
  --- The tools that change something.
  writes = {
    createKeys = true, updateKeys = true, setTranslations = true, deleteKeys = true, publishTranslations = true,
    cancelSync = true, proposeLanguages = true, proposeLanguageEdits = true,
  },
}

local rename

local function each(values, below)
  for _, value in next, values do rename(value, below) end
end

-- In place: the table was made for this answer alone. A field that has the long name already stays, and so does then
-- its short one.
function rename(value, names)
  if type(value) ~= "table" then return end
  for short, row in pairs(names) do
    local field = value[short]
    if type(row) == "table" then
      if type(field) == "table" then
        if row.object then rename(field, row.object) else each(field, row.list or row.map) end
      end
      row = row[1]
    end
    if field ~= nil and value[row] == nil then value[short], value[row] = nil, field end
  end
end

-- A key's namespace is a name, an index (from 0) into the list of them, or left out for the default one.
local function resolve_namespaces(answer)
  local names = type(answer.namespaces) == "table" and answer.namespaces or {}
  for _, item in ipairs(type(answer.keys) == "table" and answer.keys or {}) do
    if type(item) == "table" then
      local namespace = item.namespace
      if type(namespace) == "number" then namespace = names[namespace + 1] end
      if namespace == nil and item.namespace ~= nil then return "a key's namespace is not in its list of namespaces" end
      item.namespace = namespace == nil and "default" or namespace
    end
  end
  return nil
end

--- Gives an answer's fields their long names, in place.
-- @param tool (string) its own name
-- @param data the tool's document
-- @return data; or nil and what is wrong with it
function answers.expand(tool, data)
  if type(data) ~= "table" then return nil, "not with a JSON object" end
  if tool == "listProjects" and data.projects == nil and (data[1] or next(data) == nil) then
    return { projects = data }
  end
  rename(data, rows[tool] or {})
  if tool ~= "listKeys" and tool ~= "getTranslations" then return data end
  local problem = resolve_namespaces(data)
  if problem then return nil, problem end
  return data
end

return answers
