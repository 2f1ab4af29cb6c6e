-- Publishing, syncs and the tools about whole projects, against the sandbox.
local better_i18n = require "better_i18n"
local core = require "better_i18n.core"
local expect = require "spec.support.expect"
local raw_server = require "spec.support.raw_server"
local sandbox = require "spec.support.sandbox"
local worlds = require "spec.support.worlds"

setup(sandbox.start)
teardown(sandbox.stop)

local SCOPES = { "projects:read", "keys:read", "keys:write", "translations:read", "translations:publish" }

local function prepare(settings)
  local fields = { scopes = SCOPES }
  for name, value in pairs(settings or {}) do fields[name] = value end
  local grant = sandbox.grant(fields)
  local project = sandbox.project(grant, {
    languages = { "de", "pt-br" },
    keys = { { n = "title", v = "Hello", t = { de = "Hallo" } }, { n = "old", v = "Old" } },
  })
  return sandbox.installed(grant), project, grant
end

local function tools(grant) return sandbox.counters(grant).tools end

local function change(client, project)
  return client:create_keys { project = project, keys = {
    { key = "new", sourceText = "New", translations = { de = "Neu", ["pt-BR"] = "Novo" } },
  } }
end

local function published(client, project)
  local answer = client:publish { project = project }
  return answer.syncJobIds[1]
end

describe("pending_changes", function()
  it("tells what publishing would change, in long names", function()
    local client, project = prepare()
    assert.same({ translations = 0, deletedKeys = 0, languageChanges = 0, total = 0 },
      client:pending_changes({ project = project }).summary)
    change(client, project)
    local old = client:list_keys({ project = project, search = "old" })[1]
    client:delete_keys { project = project, ids = { old.id } }
    local pending = client:pending_changes { project = project }
    assert.same({
      hasChanges = true, summary = { translations = 3, deletedKeys = 1, languageChanges = 0, total = 4 },
      byLanguage = { en = 1, de = 1, ["pt-br"] = 1 }, publishDestination = "cdn",
      deletedKeys = { { id = old.id, key = "old", namespace = "default" } },
    }, pending)
  end)

  it("raises for a project that is not there, and one that is none", function()
    local client = prepare()
    expect.failure("not_found", client.pending_changes, client, { project = "acme/nope" })
    expect.refused("pending_changes: project must be", client.pending_changes, client, { project = "acme" })
    expect.refused("pending_changes: unknown option 'limit'", client.pending_changes, client,
      { project = "a/b", limit = 1 })
  end)
end)

describe("publish", function()
  it("publishes everything, and wait_sync sees it done", function()
    local client, project = prepare()
    change(client, project)
    local answer = client:publish { project = project }
    assert.same({ true, 3, 1 }, { answer.success, answer.published, #answer.syncJobIds })
    local sync, response = client:wait_sync(answer.syncJobIds[1])
    assert.same({ "completed", "publish", answer.syncJobIds[1], 200 },
      { sync.status, sync.type, sync.id, response.status })
    assert.same({ "queued", "uploading", "published" },
      { sync.log[1].message, sync.log[2].message, sync.log[3].message })
    assert.equal(3, #sync.affectedKeys)
    assert.equal("new", sync.affectedKeys[1].key)
    assert.is_string(sync.startedAt .. sync.completedAt .. sync.affectedKeys[1].language)
    assert.is_false(client:pending_changes({ project = project }).hasChanges)
  end)

  it("publishes what is named, whatever the case of the language", function()
    local client, project = prepare()
    local id = change(client, project).keys[1].id
    local answer = client:publish { project = project, translations = { { keyId = id, languageCode = "PT-br" } } }
    assert.equal(1, answer.published)
    client:wait_sync(answer.syncJobIds[1])
    assert.equal(2, client:pending_changes({ project = project }).summary.translations)
  end)

  it("with nothing to publish gives no sync", function()
    local client, project = prepare()
    local answer = client:publish { project = project }
    assert.same({ 0, {} }, { answer.published, answer.syncJobIds })
  end)

  it("refuses an empty list: it does not mean everything", function()
    local client, project, grant = prepare()
    change(client, project)
    local refuse = function(text, list)
      expect.refused(text, client.publish, client, { project = project, translations = list })
    end
    refuse("publish: translations is empty", {})
    refuse("translations[1].keyId is missing", { { languageCode = "de" } })
    refuse("translations[1].languageCode must be a language code", { { keyId = "x", languageCode = "?" } })
    refuse("translations must be an array, not \"all\"", "all")
    assert.is_nil(tools(grant).publishTranslations)
  end)

  it("within the cool-down is rate_limited with the pause", function()
    local client, project = prepare()
    change(client, project)
    client:wait_sync(published(client, project))
    client:create_keys { project = project, keys = { { key = "more", sourceText = "More" } } }
    local err = expect.failure("rate_limited", client.publish, client, { project = project }, { timeout = 2 })
    assert.is_true(err.retryable)
    assert.is_true(err.retry_after > 20 and err.retry_after <= 30)
  end)

  it("raises the service's reason where it cannot be published", function()
    local client, project = prepare { publish_destination = "none" }
    change(client, project)
    assert.equal("This project has no publishing destination.",
      client:pending_changes({ project = project }).noPublishReason)
    local err = expect.failure("tool_error", client.publish, client, { project = project })
    assert.equal("This project has no publishing destination.", err.reason)
    expect.holds("publish: cannot be published: This project has no publishing destination; change that", err.message)
  end)

  it("raises a missing scope, an unknown key and project", function()
    local client, project = prepare { scopes = { "keys:read" } }
    assert.equal("translations:publish",
      expect.failure("missing_scope", client.publish, client, { project = project }).required_scope)
    client, project = prepare()
    expect.failure("not_found", client.publish, client, { project = "acme/nope" })
    expect.failure("not_found", client.publish, client,
      { project = project, translations = { { keyId = "nope", languageCode = "de" } } })
  end)

  it("is never sent twice", function()
    local client, project, grant = prepare()
    change(client, project)
    sandbox.fault(grant, { kind = "close", process = true, tool = "publishTranslations" })
    expect.failure("outcome_unknown", client.publish, client, { project = project })
    assert.equal(1, tools(grant).publishTranslations)
    assert.equal(1, #client:list_syncs { project = project })
  end)

  it("takes success = false for a refusal", function()
    local client = better_i18n.new {
      installation_token = "bi_oat_x",
      transport = function(request)
        local id = request.body:match '"id":(%d+)'
        local text = request.body:find "getPendingChanges" and [[{\"no_pub_rsn\":\"No repository\"}]]
          or [[{\"success\":false}]]
        return { status = 200, headers = { ["Content-Type"] = "application/json" },
          body = ('{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"text","text":"%s"}]}}'):format(id, text) }
      end,
    }
    local err = expect.failure("tool_error", client.publish, client, { project = "a/b" })
    assert.equal("No repository", err.reason)
  end)
end)

describe("wait_sync", function()
  it("leaves the waiting to the service", function()
    local client, project, grant = prepare { sync_ms = 600 }
    change(client, project)
    assert.equal("completed", client:wait_sync(published(client, project)).status)
    assert.equal(1, tools(grant).getSync)
  end)

  it("waits longer than the client's own timeout", function()
    local _, project, grant = prepare { sync_ms = 1500 }
    local client = sandbox.installed(grant, { timeout = 0.7 })
    change(client, project)
    assert.equal("completed", client:wait_sync(published(client, project)).status)
  end)

  it("tells each change, and raises what the function raises", function()
    local client, project = prepare { sync_ms = 3000 }
    change(client, project)
    local id, states = published(client, project), {}
    client:wait_sync(id, { on_progress = function(sync) states[#states + 1] = sync.status end })
    assert.same({ "pending", "in_progress", "completed" }, states)
    local ok, problem = pcall(client.wait_sync, client, id, { on_progress = function() error("mine", 0) end })
    assert.same({ false, "mine" }, { ok, problem })
  end)

  it("gives up in time, the sync goes on", function()
    local client, project = prepare { sync_ms = 2500 }
    change(client, project)
    local id = published(client, project)
    local err = expect.failure("timeout", client.wait_sync, client, id, { timeout = 0.3 })
    assert.is_true(err.retryable)
    assert.equal("pending", err.sync.status)
    expect.holds("is still pending after 0.3 seconds", err.message)
    assert.equal("completed", client:wait_sync(id, { timeout = 20 }).status)
  end)

  -- Seconds that fn took; the slack of a whole request is 15, so it need not be exact.
  local function timed(fn)
    local start = core.now()
    fn()
    return core.now() - start
  end

  it("is not held up by a server that stalls: the wait's own timeout counts", function()
    local stalled = raw_server.start [[
      return function(request, connection, log)
        local id = request.body:match '"id":(%d+)'
        local text = '{\\"st\\":\\"in_progress\\"}'
        local sync = '{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"text","text":"%s"}]}}'
        if request.path == "/second" and #log == 1 then connection:json(sync:format(id, text)) end
      end
    ]]
    finally(function() stalled:stop() end)
    for path, seen in pairs { first = false, second = "in_progress" } do
      for _, on_progress in ipairs { false, function() end } do
        stalled:reset()
        local client = better_i18n.new { installation_token = "bi_oat_x", mcp_url = stalled.url .. "/" .. path }
        local err
        local took = timed(function()
          err = expect.failure("timeout", client.wait_sync, client, "s1",
            { timeout = 0.5, on_progress = on_progress or nil })
        end)
        assert.is_true(took >= 0.5 and took < 5, path .. ": " .. took)
        assert.is_true(err.retryable)
        assert.equal("timeout", err.cause.code)
        assert.equal(seen or nil, err.sync and err.sync.status)
        expect.holds(seen and "the last that was seen is in_progress" or "nothing was seen of it", err.message)
        expect.holds("the sync itself goes on: wait for it again with wait_sync", err.message)
      end
    end
  end)

  it("raises when it failed or was cancelled, with the sync", function()
    local client, project = prepare { sync_outcome = "failed" }
    change(client, project)
    local err = expect.failure("sync_failed", client.wait_sync, client, published(client, project))
    assert.same({ "failed", "the upload failed" }, { err.sync.status, err.sync.log[3].message })
    expect.holds("failed: the upload failed", err.message)
    client, project = prepare { sync_ms = 20000 }
    change(client, project)
    local id = published(client, project)
    client:cancel_sync { project = project, id = id }
    err = expect.failure("sync_cancelled", client.wait_sync, client, id)
    expect.holds("was cancelled", err.message)
  end)

  it("does not hurry where the service does not wait", function()
    local count = 0
    local client = better_i18n.new {
      installation_token = "bi_oat_x",
      transport = function(request)
        count = count + 1
        local id = request.body:match '"id":(%d+)'
        return { status = 200, headers = { ["Content-Type"] = "application/json" }, body = ('{"jsonrpc":"2.0","id":%s,'
          .. [["result":{"content":[{"type":"text","text":"{\"st\":\"pending\"}"}]}}]]):format(id) }
      end,
    }
    for _, world in ipairs(worlds.list()) do
      count = 0
      world.run(function() expect.failure("timeout", client.wait_sync, client, "s", { timeout = 1.2 }) return true end)
      assert.is_true(count >= 2 and count <= 6, world.name .. ": " .. count)
    end
  end)

  it("refuses wrong arguments, raises for an unknown sync and a cancelled wait", function()
    local client, _, grant = prepare()
    local rows = {
      { "wait_sync: id is missing", nil }, { "id must not be empty", "" }, { "id must be a string", 7 },
      { "timeout must be a positive number", "s", { timeout = 0 } }, { "timeout must be", "s", { timeout = "x" } },
      { "on_progress must be a function", "s", { on_progress = true } }, { "options must be a table", "s", 7 },
      { "wait_sync: unknown option 'interval'", "s", { interval = 1 } },
    }
    for _, row in ipairs(rows) do expect.refused(row[1], client.wait_sync, client, row[2], row[3]) end
    expect.refused("get_sync: waitMs must be an integer from 0 to 25000", client.get_sync, client, "s",
      { waitMs = 25001 })
    assert.is_nil(tools(grant).getSync)
    expect.failure("not_found", client.wait_sync, client, "sync_nope")
    expect.failure("not_found", client.get_sync, client, "sync_nope")
    local signal = better_i18n.signal()
    signal:cancel()
    expect.failure("cancelled", client.wait_sync, client, "s", { signal = signal })
  end)
end)

describe("syncs", function()
  it("are listed, looked at and cancelled", function()
    local client, project = prepare { sync_ms = 20000 }
    change(client, project)
    local id = published(client, project)
    local list, response = client:list_syncs { project = project, status = "pending", limit = 5, type = "publish" }
    assert.same({ 1, 1, id, "pending", "publish" },
      { #list, response.total, list[1].id, list[1].status, list[1].type })
    assert.equal("pending", client:get_sync(id).status)
    assert.equal("pending", client:get_sync(id, { waitMs = 50, timeout = 5 }).status)
    assert.same({ id = id, cancelled = true, previousStatus = "pending" },
      client:cancel_sync { project = project, id = id })
    assert.same({
      id = id, cancelled = false, previousStatus = "cancelled", reason = "The sync is cancelled already.",
    }, client:cancel_sync { project = project, id = id })
    assert.equal(0, #client:list_syncs { project = project, status = "pending" })
  end)

  it("refuse and raise", function()
    local client, project = prepare()
    expect.refused("list_syncs: status must be one of", client.list_syncs, client, { project = project, status = "x" })
    expect.refused("limit must be an integer from 1 to 50", client.list_syncs, client,
      { project = project, limit = 51 })
    expect.refused("cancel_sync: id is missing", client.cancel_sync, client, { project = project })
    expect.failure("not_found", client.list_syncs, client, { project = "acme/nope" })
    expect.failure("not_found", client.cancel_sync, client, { project = project, id = "nope" })
  end)
end)

describe("the tools about projects", function()
  it("list them", function()
    local client, project = prepare()
    local found
    for _, item in ipairs(client:list_tool_projects()) do found = item.slug == project and item or found end
    assert.same({ "en", { "de", "pt-br" }, "json" }, { found.sourceLanguage, found.targetLanguages, found.cdnFormat })
    client = prepare { scopes = { "keys:read" } }
    expect.failure("missing_scope", client.list_tool_projects, client)
    expect.refused("list_tool_projects: unknown option", client.list_tool_projects, client, { page = 1 })
  end)

  it("give an overview in long names", function()
    local client, project = prepare()
    local overview = client:project_overview { project = project }
    assert.same({ project, "en", 2, { translated = 1, percent = 50 } },
      { overview.project, overview.sourceLanguage, overview.totalKeys, overview.coverage.de })
    assert.same({ name = "default", keyCount = 2 }, overview.namespaces[1])
    assert.same({ "en", "de", "pt-br" }, overview.languages)
    assert.is_string(overview.cdn.manifest .. overview.cdn.pattern .. overview.cdn.example .. overview.cdn.keyFormat)
    expect.failure("not_found", client.project_overview, client, { project = "acme/nope" })
    client, project = prepare { scopes = { "keys:read" } }
    expect.failure("missing_scope", client.project_overview, client, { project = project })
  end)

  it("tell what a translator should know", function()
    local client, project = prepare()
    local about = client:translation_context { project = project, keys = { "old" }, kPerKey = 3, languages = { "DE" } }
    assert.same({ "en", { "de" }, 2 }, { about.sourceLanguage, about.targetLanguages, about.glossaryTotal })
    assert.same({ { key = "title", sourceText = "Hello", translations = { de = "Hallo" } } }, about.context[1].similar)
    assert.is_string(about.instructions .. about.rules[1] .. about.glossary[1].term)
    local many = {}
    for n = 1, 51 do many[n] = "k" .. n end
    expect.refused("keys holds 51 items; the service takes 50 at most", client.translation_context, client,
      { project = project, keys = many })
    expect.failure("not_found", client.translation_context, client, { project = project, keys = { "nope" } })
    client, project = prepare { scopes = { "keys:read" } }
    expect.failure("missing_scope", client.translation_context, client, { project = project })
  end)

  it("propose languages and changes of them", function()
    local client, project = prepare()
    local answer = client:propose_languages { project = project, languages = {
      { languageCode = "ZH-Hans", status = "draft" }, { languageCode = "de" },
    } }
    assert.equal(project, answer.project)
    assert.same({ languageCode = "zh-hans", success = true, status = "draft" }, answer.results[1])
    assert.same({ false, "Language exists: de" }, { answer.results[2].success, answer.results[2].error })
    answer = client:propose_language_edits { project = project, edits = {
      { languageCode = "DE", newStatus = "archived" }, { languageCode = "xx", newStatus = "active" },
    } }
    assert.same({ true, false }, { answer.results[1].success, answer.results[2].success })
    expect.refused("languages is empty", client.propose_languages, client, { project = project, languages = {} })
    expect.refused("edits[1].newStatus is missing", client.propose_language_edits, client,
      { project = project, edits = { { languageCode = "de" } } })
    expect.failure("not_found", client.propose_languages, client,
      { project = "acme/nope", languages = { { languageCode = "de" } } })
    expect.failure("not_found", client.propose_language_edits, client,
      { project = "acme/nope", edits = { { languageCode = "de", newStatus = "draft" } } })
    expect.failure("invalid_request", client.propose_languages, client,
      { project = project, languages = { { languageCode = "fr", status = "odd" } } })
  end)
end)
