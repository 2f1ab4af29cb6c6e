-- Every method that asks the service, as the fault matrix calls it. A row: name; its column in table.lua; client:
-- with which tokens ("installed", "access", "refreshing", "none"); which: the request that meets the fault ("any", or
-- "token" or "mint" where others go along); run(client, hosts): makes the call and gives MARKER when the answer is the
-- good one; slack: seconds that it may take beyond its timeout. Needs nothing but the module: it runs in every world.
local better_i18n = require "better_i18n"

local MARKER = "Zürich ✓"
local SITE = { project = "acme/site" }

local function site(fields)
  fields.project = SITE.project
  return fields
end

-- An empty answer is true where any will do.
local function marker(data) return data == true or data.marker end
local function first_slug(list) return list[1].slug end
local function first_name(list) return list[1].name end
local function of_answer(_, response) return response.answer.marker end

-- A method of the client with these arguments.
local function calls(name, pick, ...)
  local arguments, count = { ... }, select("#", ...)
  return function(client)
    return pick(client[name](client, (table.unpack or unpack)(arguments, 1, count))) -- luacheck: ignore 143
  end
end

local function walks(name, pick, ...)
  local arguments = { ... }
  return function(client)
    local found
    for item in client[name](client, (table.unpack or unpack)(arguments)) do -- luacheck: ignore 143
      found = pick(item)
    end
    return found
  end
end

local KEYS = { { key = "title", sourceText = "Title" } }
local TEXTS = { { id = "k1", translations = { de = "Titel" } } }
local UPDATES = { { id = "k1", language = "de", text = "Titel" } }
local LANGUAGES, EDITS = { { languageCode = "de" } }, { { languageCode = "de", newStatus = "active" } }

local rows = {
  { "me", "read", calls("me", marker) },
  { "list_organizations", "list", calls("list_organizations", first_slug) },
  { "each_organization", "list", walks("each_organization", function(item) return item.slug end) },
  { "list_projects", "list", calls("list_projects", first_name, "org_1") },
  { "each_project", "list", walks("each_project", function(item) return item.name end, "org_1") },
  { "create_project", "write", calls("create_project", marker, { name = "S", slug = "s", sourceLanguage = "en" }) },
  { "get_project", "read", calls("get_project", marker, "prj_1") },
  { "add_language", "write", calls("add_language", marker, "prj_1", "de") },
  { "list_models", "list", calls("list_models", first_name, "acme", "site") },
  { "each_model", "list", walks("each_model", function(item) return item.name end, "acme", "site") },
  { "request GET", "read", calls("request", marker, "GET", "/api/new") },
  { "request GET, raw", "raw", calls("request", function(bytes) return bytes:match '"marker":"([^"]*)"[^"]*}$' end,
    "GET", "/api/raw", { raw = true }) },
  { "request DELETE", "delete", calls("request", marker, "DELETE", "/api/new") },
  { "request POST", "write", calls("request", marker, "POST", "/api/new", { body = { a = 1 } }) },
  { "request PUT", "write", calls("request", marker, "PUT", "/api/new", { body = "x", content_type = "text/plain" }) },
  { "request PATCH, empty", "write", calls("request", marker, "PATCH", "/api/new") },

  { "call_tool, reading", "tool", calls("call_tool", marker, "listKeys", SITE) },
  { "call_tool, writing", "tool_write", calls("call_tool", marker, "createKeys", site { k = {} }) },
  { "list_tools", "tool_list", calls("list_tools", first_name) },
  { "list_keys", "tool", calls("list_keys", of_answer, SITE) },
  { "list_keys, as events", "tool", calls("list_keys", of_answer, SITE), events = true },
  { "each_key", "tool", walks("each_key", function() return MARKER end, SITE) },
  { "get_translations", "tool", calls("get_translations", of_answer, SITE) },
  { "each_translation", "tool", walks("each_translation", function() return MARKER end, SITE) },
  { "create_keys", "tool_write", calls("create_keys", marker, site { keys = KEYS }) },
  { "create_keys, as events", "tool_write", calls("create_keys", marker, site { keys = KEYS }), events = true },
  { "set_translations", "tool_write", calls("set_translations", marker, site { translations = TEXTS }) },
  { "update_keys", "tool_write", calls("update_keys", marker, site { updates = UPDATES }) },
  { "delete_keys", "tool_write", calls("delete_keys", marker, site { ids = { "k1" } }) },
  { "pending_changes", "tool", calls("pending_changes", marker, SITE) },
  { "publish", "tool_write", calls("publish", marker, SITE) },
  { "list_syncs", "tool", calls("list_syncs", of_answer, SITE) },
  { "get_sync", "tool", calls("get_sync", marker, "sync_1") },
  -- It has a time of its own, and a second more: between what drips slowly and what drips for too long.
  { "wait_sync", "tool_wait", calls("wait_sync", marker, "sync_1", { timeout = 2 }), slack = 3 },
  { "cancel_sync", "tool_write", calls("cancel_sync", marker, site { id = "sync_1" }) },
  { "list_tool_projects", "tool", calls("list_tool_projects", first_slug) },
  { "project_overview", "tool", calls("project_overview", marker, SITE) },
  { "translation_context", "tool", calls("translation_context", marker, SITE) },
  { "propose_languages", "tool_write", calls("propose_languages", marker, site { languages = LANGUAGES }) },
  { "propose_language_edits", "tool_write", calls("propose_language_edits", marker, site { edits = EDITS }) },

  { "get_manifest", "cdn", calls("get_manifest", marker, "acme/site") },
  { "get_messages", "cdn", calls("get_messages", marker, "acme/site", "de") },

  { "a mint", "mint", calls("list_organizations", first_slug), client = "access", which = "mint" },
  { "token_info", "mint", calls("token_info", function(info) return info.scopes[1] == "org:read" and MARKER end),
    client = "access", which = "mint" },
  -- It outlives the call that began it; where nothing runs in the background, that call waits for it.
  { "a refresh", "refresh", calls("me", marker), client = "refreshing", which = "token", slack = 15 },
  { "revoke", "revoke", calls("revoke", function(done) return done and MARKER end), client = "access" },
  { "oauth.exchange", "exchange", function(_, hosts)
    hosts.client_id, hosts.client_secret, hosts.redirect_uri = "app", "secret_canary_1", "https://app.example/callback"
    hosts.code, hosts.code_verifier = "code_canary_0001", ("canary"):rep(8)
    return better_i18n.oauth.exchange(hosts).access_token == "at_canary_new_0001" and MARKER
  end, client = "none" },
  { "oauth.register", "write", function(_, hosts)
    hosts.redirect_uris = { "https://app.example/callback" }
    local registered = better_i18n.oauth.register(hosts)
    return registered == true or registered.client_id
  end, client = "none" },
}

local endpoints = { MARKER = MARKER, list = {}, named = {} }

for index, row in ipairs(rows) do
  local endpoint = {
    name = row[1], class = row[2], run = row[3], client = row.client or "installed", which = row.which or "any",
    events = row.events, slack = row.slack or 0,
  }
  endpoints.list[index], endpoints.named[endpoint.name] = endpoint, endpoint
end

return endpoints
