-- The sixteen tools as API.md has them, for the specs of the tools: every literal is from there. A row: tool; scope, if
-- one is documented; writes; method: of the client; args(c): what it takes; wire(c): what the tool takes; fields: of
-- the answer on the wire, items: of the first thing in a list of it; long(data, c, response): checks the method's
-- answer; wrong: { the complaint, what the method refuses }; beyond: arguments that the service refuses, too many or
-- too large; changed, published: what the project needs before. c: project, id and title (of its two keys), sync.
local function number(value) assert(type(value) == "number", tostring(value)) end

local function text(value) assert(type(value) == "string", tostring(value)) end

local function same(wanted, value)
  assert(wanted == value, ("%s instead of %s"):format(tostring(value), tostring(wanted)))
end

local function many(count, make)
  local list = {}
  for n = 1, count do list[n] = make(n) end
  return list
end

local function names(count) return many(count, function(n) return "name" .. n end) end

-- The project alone, and more.
local function with_project(c, more)
  local args = { project = c.project }
  for name, value in pairs(more or {}) do args[name] = value end
  return args
end

local function simple(make)
  return function(c) return with_project(c, make and make(c)) end
end

local rows = {
  {
    tool = "listProjects", scope = "projects:read", method = "list_tool_projects",
    fields = { "projects" },
    items = { "projects", {
      "id", "slug", "name", "organizationName", "sourceLanguage", "targetLanguages", "cdnFormat", "fileStructure",
      "keyFormat",
    } },
    long = function(data, c)
      local found
      for _, item in ipairs(data) do found = found or item.slug == c.project end
      assert(found, "the project is not in the list")
    end,
    wrong = { "unknown option", { page = 1 } },
  },
  {
    tool = "getProject", scope = "projects:read", method = "project_overview", args = simple(), wire = simple(),
    fields = { "prj", "sl", "nss", "lng", "tk", "cov", "cdn" }, items = { "nss", { "nm", "kc" } },
    long = function(data, c)
      same(c.project, data.project)
      same("en", data.sourceLanguage)
      same(2, data.totalKeys)
      same(2, data.namespaces[1].keyCount)
      number(data.coverage.de.translated)
      number(data.coverage.de.percent)
      text(data.cdn.base .. data.cdn.manifest .. data.cdn.pattern .. data.cdn.example .. data.cdn.fileStructure)
    end,
    wrong = { "project must be", { project = "acme" } },
  },
  {
    tool = "listKeys", scope = "keys:read", method = "list_keys",
    args = simple(function() return { limit = 1, page = 2, search = { "t", "d" } } end),
    wire = simple(function() return { limit = 1, page = 2, search = { "t", "d" } } end),
    fields = { "tot", "ret", "pg", "lim", "has_more", "nss", "k" }, items = { "k", { "k", "ns", "id", "src" } },
    long = function(data, c, response)
      same("old", data[1].key)
      same("default", data[1].namespace)
      same(c.id, data[1].id)
      same("Old", data[1].sourceText)
      same(2, response.total)
    end,
    wrong = { "fields[1] must be one of", { project = "a/b", fields = { "text" } } }, beyond = { { limit = 101 },
      { page = 0 } },
  },
  {
    tool = "getTranslations", scope = "translations:read", method = "get_translations",
    args = simple(function() return { languages = { "DE" }, keys = { "title" }, status = "all" } end),
    wire = simple(function() return { languages = { "de" }, keys = { "title" }, status = "all" } end),
    fields = { "prj", "sl", "ret", "tot", "has_more", "keys" }, items = { "keys", { "id", "k", "src", "tr" } },
    long = function(data, c)
      same(c.title, data[1].id)
      same("Hallo", data[1].translations.de.text)
      text(data[1].translations.de.id .. data[1].translations.de.status)
    end,
    wrong = { "status needs languages", { project = "a/b", status = "draft" } }, beyond = { { limit = 201 } },
  },
  {
    tool = "createKeys", scope = "keys:write", writes = true, method = "create_keys",
    args = simple(function()
      return { keys = { { key = "new", sourceText = "New", translations = { DE = "Neu" } } }, force = false }
    end),
    wire = simple(function() return { k = { { n = "new", ns = "default", v = "New", t = { de = "Neu" } } } } end),
    fields = { "ok", "cnt", "new", "ren", "dup", "k", "skip", "warn", "blocked", "pub" },
    items = { "k", { "k", "id", "tr" } },
    long = function(data)
      same(1, data.created)
      same("Neu", data.keys[1].translations.de)
    end,
    wrong = { "keys[1].key must not be empty", { project = "a/b", keys = { { key = "" } } } },
    beyond = { { k = { { n = "" } } }, { k = {} } },
  },
  {
    tool = "updateKeys", scope = "translations:write", writes = true, method = "update_keys",
    args = simple(function(c) return { updates = { { id = c.title, language = "DE", text = "Servus" } } } end),
    wire = simple(function(c) return { t = { { id = c.title, l = "de", t = "Servus" } } } end),
    fields = { "ok", "cnt", "upd", "errors" }, items = { "upd", { "id" } },
    long = function(data, c)
      same(1, data.count)
      same(c.title, data.updated[1].id)
    end,
    wrong = { "text is missing", { project = "a/b", updates = { { id = "x", language = "de" } } } },
    beyond = { { t = {} } },
  },
  {
    tool = "setTranslations", scope = "translations:write", writes = true, method = "set_translations",
    args = simple(function(c) return { translations = { { id = c.title, translations = { DE = "Servus" } } } } end),
    wire = simple(function(c) return { t = { { id = c.title, t = { de = "Servus" } } } } end),
    fields = { "ok", "cnt", "wrote", "upd", "errors" }, items = { "upd", { "id" } },
    long = function(data) same(1, data.written) end,
    wrong = { "translations is empty", { project = "a/b", translations = { { id = "x", translations = {} } } } },
    beyond = { { t = many(501, function(n) return { id = "k" .. n, t = { de = "x" } } end) } },
  },
  {
    tool = "deleteKeys", scope = "keys:write", writes = true, method = "delete_keys",
    args = simple(function(c) return { ids = { c.id } } end),
    wire = simple(function(c) return { keyIds = { c.id } } end),
    fields = { "ok", "cnt", "mk", "skip" }, items = { "mk", { "id" } },
    long = function(data, c) same(c.id, data.marked[1].id) end,
    wrong = { "ids is empty", { project = "a/b", ids = {} } }, beyond = { { keyIds = names(101) } },
  },
  {
    tool = "getPendingChanges", method = "pending_changes", args = simple(), wire = simple(), changed = true,
    fields = { "has_chg", "sum", "by_lng", "del_k", "pub_dst" },
    long = function(data)
      same(true, data.hasChanges)
      same(1, data.summary.translations)
      same("cdn", data.publishDestination)
    end,
    wrong = { "unknown option 'limit'", { project = "a/b", limit = 1 } },
  },
  {
    tool = "publishTranslations", scope = "translations:publish", writes = true, method = "publish", changed = true,
    args = simple(function(c) return { translations = { { keyId = c.title, languageCode = "DE" } } } end),
    wire = simple(function(c) return { translations = { { keyId = c.title, languageCode = "de" } } } end),
    fields = { "success", "published", "syncJobIds", "message" },
    long = function(data)
      same(1, data.published)
      text(data.syncJobIds[1])
    end,
    wrong = { "translations is empty", { project = "a/b", translations = {} } },
  },
  {
    tool = "getSyncs", method = "list_syncs", published = true,
    args = simple(function() return { limit = 5, status = "pending", type = "publish" } end),
    wire = simple(function() return { limit = 5, status = "pending", type = "publish" } end),
    fields = { "prj", "tot", "sy" }, items = { "sy", { "id", "tp", "st", "st_at" } },
    long = function(data, c)
      same(c.sync, data[1].id)
      same("pending", data[1].status)
    end,
    wrong = { "limit must be an integer from 1 to 50", { project = "a/b", limit = 51 } }, beyond = { { limit = 51 } },
  },
  {
    tool = "getSync", method = "get_sync", published = true, by_id = true,
    args = function(c) return c.sync end, wire = function(c) return { syncId = c.sync, waitMs = 0 } end,
    fields = { "id", "tp", "st", "log", "aff_k" },
    long = function(data, c)
      same(c.sync, data.id)
      same("publish", data.type)
      text(data.affectedKeys[1].key)
    end,
    wrong = { "id must not be empty", "" }, beyond = { { waitMs = 25001 } },
  },
  {
    tool = "cancelSync", writes = true, method = "cancel_sync", published = true, by_id = true,
    args = simple(function(c) return { id = c.sync } end), wire = simple(function(c) return { syncId = c.sync } end),
    fields = { "id", "can", "prev" },
    long = function(data)
      same(true, data.cancelled)
      same("pending", data.previousStatus)
    end,
    wrong = { "id is missing", { project = "a/b" } },
  },
  {
    tool = "proposeLanguages", writes = true, method = "propose_languages",
    args = simple(function() return { languages = { { languageCode = "ZH-Hans", status = "draft" } } } end),
    wire = simple(function() return { languages = { { languageCode = "zh-hans", status = "draft" } } } end),
    fields = { "results" }, items = { "results", { "languageCode" } },
    long = function(data) same("zh-hans", data.results[1].languageCode) end,
    wrong = { "languages is empty", { project = "a/b", languages = {} } }, beyond = { { languages = {} } },
  },
  {
    tool = "proposeLanguageEdits", writes = true, method = "propose_language_edits",
    args = simple(function() return { edits = { { languageCode = "DE", newStatus = "archived" } } } end),
    wire = simple(function() return { edits = { { languageCode = "de", newStatus = "archived" } } } end),
    fields = { "results" }, items = { "results", { "languageCode" } },
    long = function(data) same("de", data.results[1].languageCode) end,
    wrong = { "newStatus is missing", { project = "a/b", edits = { { languageCode = "de" } } } },
    beyond = { { edits = {} } },
  },
  {
    tool = "getTranslationContext", scope = "projects:read", method = "translation_context",
    args = simple(function() return { keys = { "title" }, kPerKey = 3, languages = { "DE" } } end),
    wire = simple(function() return { keys = { "title" }, kPerKey = 3, languages = { "de" } } end),
    fields = { "prj", "src", "tgt", "inst", "ctx", "gl", "glt", "rules" },
    long = function(data)
      same("en", data.sourceLanguage)
      same("de", data.targetLanguages[1])
      text(data.instructions .. data.rules[1])
    end,
    wrong = { "kPerKey must be an integer from 1 to 20", { project = "a/b", kPerKey = 21 } },
    beyond = { { keys = names(51) }, { kPerKey = 21 } },
  },
}

return rows
