-- The types for editors (lua/better_i18n/types/) against the code: tools' answers, against the table that gives them
-- long names, and against real answers of the sandbox.
local answers = require "better_i18n.tools.answers"
local better_i18n = require "better_i18n"
local declared = require "spec.support.declared"
local sandbox = require "spec.support.sandbox"

local class, class_of, fields, types = declared.class, declared.class_of, declared.fields, declared.types

local answer_of = {
  getProject = "overview", listKeys = "keys_answer", getTranslations = "texts_answer", createKeys = "created",
  updateKeys = "updated", setTranslations = "translated", deleteKeys = "deleted", getPendingChanges = "pending",
  getSyncs = "syncs_answer", getSync = "sync", cancelSync = "cancelled", proposeLanguages = "proposed",
  proposeLanguageEdits = "proposed", getTranslationContext = "context",
}

local renamed = {} -- class.field → true, for fields that the code gives a long name

-- The class of what is in an array or a map of these.
local function inner(type)
  if type.kind == "array" then return inner(type.of) end
  if type.kind == "map" then return inner(type.value) end
  if type.kind == "union" then
    for _, part in ipairs(type) do
      if inner(part) then return inner(part) end
    end
  end
  return class_of(type)
end

local function compare_rows(rows, name)
  for short, row in pairs(rows) do
    local long = type(row) == "table" and row[1] or row
    local entry = fields(name)[long]
    assert.truthy(entry, ("%s has no field %s (%s on the wire)"):format(name, long, short))
    renamed[name .. "." .. long] = true
    local below = type(row) == "table" and (row.list or row.object or row.map)
    if below and inner(entry.type) then compare_rows(below, inner(entry.type)) end
    if below and not inner(entry.type) then error(("%s.%s says nothing of what is in it"):format(name, long), 0) end
  end
end

-- Real answers ------------------------------------------------------------------------------------------------------

local met = {} -- class.field → true, for fields that were seen

local conforms

local basic = {
  any = function() return true end,
  ["nil"] = function(value) return value == nil end,
  integer = function(value) return type(value) == "number" and value % 1 == 0 end,
}

local function conforms_to_class(value, name, path)
  if type(value) ~= "table" then return false, path .. " is no table" end
  local known = fields(name:match "^better_i18n%.(.*)")
  for field, entry in pairs(known) do
    local given = rawget(value, field)
    if given == nil then
      if not entry.optional then return false, ("%s.%s is absent"):format(path, field) end
    else
      local ok, problem = conforms(given, entry.type, path .. "." .. field)
      if not ok then return false, problem end
      met[name:match "^better_i18n%.(.*)" .. "." .. field] = true
    end
  end
  for field in pairs(value) do
    if not known[field] then return false, ("%s.%s is not declared"):format(path, tostring(field)) end
  end
  return true
end

local function conforms_to_any_of(value, union_type, path)
  local problem
  for _, part in ipairs(union_type) do
    local ok, why = conforms(value, part, path)
    if ok then return true end
    if type(value) == "table" then problem = why or problem end
  end
  return false, problem or path .. " has another type: " .. type(value)
end

local function conforms_to_all(value, path, key_type, value_type)
  if type(value) ~= "table" then return false, path .. " is no table" end
  for key, item in pairs(value) do
    local below = ("%s[%s]"):format(path, tostring(key))
    local ok, problem = true, nil
    if key_type then ok, problem = conforms(key, key_type, below) elseif type(key) ~= "number" then ok = false end
    if not ok then return false, problem or below .. " in an array" end
    ok, problem = conforms(item, value_type, below)
    if not ok then return false, problem end
  end
  return true
end

function conforms(value, type_, path)
  if type_.kind == "union" then return conforms_to_any_of(value, type_, path) end
  if type_.kind == "literal" then return value == type_.value, path .. " is " .. tostring(value) end
  if type_.kind == "fun" then return type(value) == "function", path .. " is no function" end
  if type_.kind == "array" then return conforms_to_all(value, path, nil, type_.of) end
  if type_.kind == "map" then return conforms_to_all(value, path, type_.key, type_.value) end
  local name = type_.name
  if types.classes[name] then return conforms_to_class(value, name, path) end
  if types.aliases[name] then return conforms(value, types.aliases[name], path) end
  local ok = (basic[name] or function(given) return type(given) == name end)(value)
  return ok, path .. " is a " .. type(value) .. ", not " .. name
end

local function check(value, name, path)
  assert(conforms(value, { kind = "name", name = "better_i18n." .. name }, path or name))
  return value
end

-- Calls a method and checks what it returns.
local function call(client, name, ...)
  local data, response = client[name](client, ...)
  local returns = class("client").methods[name].returns
  assert(conforms(data, returns[1], name))
  assert(conforms(response, returns[2], name .. "'s response"))
  return data, response
end

describe("what really comes back is declared:", function()
  local grant, project, client
  local infos = {}

  setup(function()
    sandbox.start()
    grant = sandbox.grant {
      client_id = sandbox.CLIENT_ID, sync_ms = 50, publish_cooldown = 0, scopes = {
        "org:read", "projects:read", "projects:write", "keys:read", "keys:write", "translations:read",
        "translations:write", "translations:publish", "content:read",
      },
    }
    project = sandbox.project(grant, {
      languages = { "de" }, keys = { { n = "title", v = "Hello", t = { de = "Hallo" } }, { n = "old", v = "Old" } },
    })
    client = sandbox.connected(grant, {
      on_request = function(info) infos[#infos + 1] = check(info, "request_info") end,
      on_response = function(info) infos[#infos + 1] = check(info, "response_info") end,
      on_tokens = function(tokens) infos[#infos + 1] = check(tokens, "tokens") end,
    })
  end)
  teardown(function()
    client:close()
    sandbox.stop()
  end)

  it("the partner API and the CDN", function()
    call(client, "me")
    call(client, "list_organizations", { limit = 1 })
    call(client, "list_projects", sandbox.ORGANIZATION_ID)
    call(client, "list_models", sandbox.ORGANIZATION_SLUG, sandbox.PROJECT_SLUG)
    call(client, "get_project", sandbox.PROJECT_ID)
    local made = call(client, "create_project", { name = "Types", slug = "types", sourceLanguage = "en" })
    call(client, "add_language", made.id, "de")
    call(client, "token_info")
    call(client, "get_manifest", sandbox.TOOL_PROJECT)
    call(client, "get_manifest", sandbox.TOOL_PROJECT)
    call(client, "get_messages", sandbox.TOOL_PROJECT, "de")
    call(client, "request", "GET", "/api/oauth-client/me", { token = "access" })
    assert.is_true(#infos > 10)
  end)

  it("keys and translations", function()
    call(client, "list_tools")
    call(client, "call_tool", "listProjects")
    local keys, about = call(client, "list_keys", {
      project = project, fields = { "id", "sourceText", "translations", "translatedLanguages",
        "translatedLanguageCount" },
    })
    check(about.answer, "keys_answer")
    check(select(2, call(client, "get_translations", { project = project })).answer, "texts_answer")
    local id = keys[1].id
    call(client, "create_keys", { project = project, keys = {
      { key = "new", sourceText = "New", translations = { de = "Neu" } }, { key = "old", sourceText = "Old" },
      { key = "title.below", sourceText = "x" }, { key = "strange", sourceText = "x", translations = { xx = "x" } },
    } })
    call(client, "set_translations", { project = project, translations = {
      { id = id, translations = { de = "Hallo!" } }, { id = "none", translations = { de = "x" } },
    } })
    call(client, "update_keys", { project = project, updates = {
      { id = id, language = "de", text = "Hallo?" }, { id = "none", language = "de", text = "x" },
    } })
    call(client, "delete_keys", { project = project, ids = { keys[2].id, "none" } })
  end)

  it("publishing and projects", function()
    call(client, "pending_changes", { project = project })
    local result = call(client, "publish", { project = project })
    call(client, "wait_sync", result.syncJobIds[1])
    call(client, "get_sync", result.syncJobIds[1])
    check(select(2, call(client, "list_syncs", { project = project })).answer, "syncs_answer")
    call(client, "cancel_sync", { project = project, id = result.syncJobIds[1] })
    call(client, "list_tool_projects")
    call(client, "project_overview", { project = project })
    call(client, "translation_context", { project = sandbox.TOOL_PROJECT })
    call(client, "propose_languages", { project = project, languages = { { languageCode = "fr" } } })
    call(client, "propose_language_edits", {
      project = project, edits = { { languageCode = "fr", newStatus = "active" } },
    })
  end)

  it("errors", function()
    local _, missing = better_i18n.try(client.get_project, client, "prj_none")
    check(missing, "error")
    local failing = sandbox.grant { client_id = sandbox.CLIENT_ID }
    sandbox.fault(failing, { kind = "rate_limit", retry_after = 999 })
    local _, limited = better_i18n.try(client.me, sandbox.connected(failing))
    check(limited, "error")
    assert.equal(999, limited.retry_after)
    check(better_i18n.oauth.authorize {
      client_id = "a", redirect_uri = sandbox.REDIRECT_URI, base_url = sandbox.URL,
    }, "authorization")
  end)

  it("and what is declared of the tools' answers, comes", function()
    for tool, rows in pairs(answers.rows) do
      assert.truthy(answer_of[tool], tool .. " has no class in answer_of")
      compare_rows(rows, answer_of[tool])
    end
    local function look(name, of)
      for field, entry in pairs(fields(name)) do
        local id = name .. "." .. field
        local known = renamed[id] or met[id] or id == "keys_answer.note" -- in API.md alone
        for class_name in pairs(types.classes) do -- an inherited field was seen under its own class's heirs
          known = known or met[class_name:match "%.(.*)$" and class_name:match "%.(.*)$" .. "." .. field]
        end
        assert.truthy(known, id .. " never comes")
        if inner(entry.type) and not of[inner(entry.type)] then
          of[inner(entry.type)] = true
          look(inner(entry.type), of)
        end
      end
    end
    for _, name in pairs(answer_of) do look(name, {}) end
    for _, name in ipairs { "tool_project", "published", "token_info", "request_info", "response_info" } do
      look(name, {})
    end
  end)
end)
