-- Many tenants in one program, and what a client knows of its grant: scopes, can() and the preflight; a tenant whose
-- grant is dead costs one call and stops nobody else's; an idle client costs little.
local better_i18n = require "better_i18n"
local expect = require "spec.support.expect"
local process = require "spec.support.process"
local sandbox = require "spec.support.sandbox"

setup(sandbox.start)
teardown(sandbox.stop)

describe("scopes", function()
  it("are the service's, by number and by name", function()
    local on = 0
    for index, scope in ipairs(better_i18n.scopes) do
      assert.equal(scope, better_i18n.scopes[scope.name])
      assert.truthy(scope.opens ~= "" and index)
      if scope.default then on = on + 1 end
    end
    assert.equal(9, on)
    assert.is_nil(better_i18n.scopes["no:such"])
  end)

  it("that were granted are what can() knows, once it knows any", function()
    local grant = sandbox.grant { scopes = { "org:read", "projects:read" }, installation = false }
    local client = sandbox.refreshing(grant)
    assert.is_nil(client:can "projects:read")
    client:list_organizations()
    assert.is_true(client:can "projects:read")
    assert.is_false(client:can "projects:write")
    for _, wrong in ipairs { 7, {}, "" } do expect.refused("scope", client.can, client, wrong) end
    expect.refused("scope", client.can, client)
  end)

  it("that lack fail a call without a request", function()
    local grant = sandbox.grant { scopes = { "org:read", "projects:read" }, installation = false }
    local client = sandbox.refreshing(grant)
    client:list_organizations()
    local before = sandbox.total(grant)
    local err = expect.failure("missing_scope", client.create_project, client,
      { name = "P", slug = "p-1", sourceLanguage = "en" })
    assert.equal("projects:write", err.required_scope)
    assert.equal(before, sandbox.total(grant))
  end)

  it("that a mint shows to be missing fail the very call that waited for it", function()
    local grant = sandbox.grant { scopes = { "org:read", "projects:read" }, installation = false }
    local client = sandbox.refreshing(grant)
    local err = expect.failure("missing_scope", client.create_project, client,
      { name = "P", slug = "p-1", sourceLanguage = "en" })
    assert.equal("projects:write", err.required_scope)
    assert.equal(0, err.attempts)
    assert.same({ "POST /api/auth/mcp/token",
      "POST /api/oauth-client/installations/" .. grant.grant_id .. "/tokens" }, sandbox.lines(grant))
  end)

  it("are the service's business with preflight = false", function()
    local grant = sandbox.grant { scopes = { "org:read", "projects:read" }, installation = false }
    local client = sandbox.refreshing(grant, { preflight = false })
    client:list_organizations()
    local before = sandbox.total(grant)
    local err = expect.failure("missing_scope", client.create_project, client,
      { name = "P", slug = "p-1", sourceLanguage = "en" })
    assert.equal(403, err.status)
    assert.equal(before + 1, sandbox.total(grant))
  end)

  it("are in the record, for a process that was told nothing", function()
    local grant = sandbox.grant { scopes = { "org:read", "projects:read" }, installation = false }
    local store = better_i18n.store.memory()
    sandbox.refreshing(grant, { store = store }):list_organizations()
    local other = sandbox.refreshing(grant, { store = store, clock = function() return os.time() end })
    other:list_organizations()
    assert.is_false(other:can "projects:write")
  end)
end)

describe("a dead tenant", function()
  local function tenants(count, store)
    local grants, clients = {}, {}
    for index = 1, count do
      grants[index] = sandbox.grant { client_id = sandbox.CLIENT_ID, installation = false }
      clients[index] = sandbox.refreshing(grants[index], { store = store })
    end
    return grants, clients
  end

  it("among many costs one call and does not stop the batch", function()
    local path = sandbox.path "tenants.json"
    local grants, clients = tenants(10, better_i18n.store.file(path))
    local dead = grants[4]
    sandbox.control("revoke", { grant_id = dead.grant_id })
    local calls = {}
    for round = 0, 4 do
      for index = 1, 10 do
        calls[round * 10 + index] = function() return (clients[index]:list_organizations()) end
      end
    end
    local results = better_i18n.all(calls, { settle = true, concurrency = 10 })
    for index = 1, 50 do
      local result = results[index]
      local is_dead = (index - 1) % 10 + 1 == 4
      assert.equal(not is_dead, result.ok, tostring(result.error))
      if is_dead then
        assert.equal("grant_revoked", result.error.code)
        assert.is_true(result.error.revoked)
      end
    end
    local asked = sandbox.total(dead)
    assert.is_true(asked <= 2, tostring(asked)) -- a refresh, or a refresh and a mint that says 410

    local out, err = process.run(([[
      local better_i18n = require "better_i18n"
      local client = better_i18n.new { base_url = %q, client_id = %q, client_secret = %q, grant_id = %q,
        refresh_token = %q, store = better_i18n.store.file %q }
      local ok, err = pcall(client.me, client)
      print(ok, err.code, err.revoked, client:is_revoked())]]):format(sandbox.URL, dead.client_id, dead.client_secret,
      dead.grant_id, dead.refresh_token, path))
    assert.same({ "false\tgrant_revoked\ttrue\ttrue\n", "" }, { out, err })
    assert.equal(asked, sandbox.total(dead))
  end)
end)

describe("an idle client", function()
  it("costs less than 4 KiB", function()
    if expect.slow then return end -- a sanitizer's memory is not ours
    local out = process.run 'arg = { [0] = "bench/idle.lua" } dofile "bench/idle.lua"'
    local bytes = tonumber(out:match ": (%d+) bytes each")
    assert.is_true(bytes > 500 and bytes < 4096, out)
  end)
end)

describe("a store without a record", function()
  it("is given the tokens that new brought, though nothing had to be renewed", function()
    local grant = sandbox.grant { client_id = sandbox.CLIENT_ID, installation = false }
    local store, kept = better_i18n.store.memory(), nil
    local save = store.save
    store.save = function(key, record, version)
      kept = record
      return save(key, record, version)
    end
    store.keeps_installation_tokens = false
    local client = sandbox.connected(grant, { store = store })
    assert.equal(grant.grant_id, client:me().grant_id)
    assert.same({ grant.refresh_token, grant.access_token }, { kept.refresh_token, kept.access_token })
    assert.same({ 0, 0 }, { sandbox.counters(grant).refreshes, sandbox.counters(grant).mints })
  end)
end)
