-- Many grants, and the end of one: what others learn from the store, what a dead one costs, who may take its place.
local better_i18n = require "better_i18n"
local expect = require "spec.support.expect"
local fleet = require "spec.support.fleet"
local process = require "spec.support.process"
local sandbox = require "spec.support.sandbox"

local files = 0

setup(sandbox.start)
teardown(sandbox.stop)

local function new_store()
  files = files + 1
  return ("better_i18n.store.file %q"):format(sandbox.path("tenants-" .. files .. ".json"))
end

local function fresh() return sandbox.grant { client_id = sandbox.CLIENT_ID, installation = false } end

-- What a process says to one call: the length of its list, or the error's code.
local function ask(grant, store, changes)
  local out, err = process.run(fleet.head(grant, store) .. ([[
    local client = new { %s }
    local data, err = better_i18n.try(client.list_organizations, client)
    print(err and err.code or #data)
  ]]):format(changes or ""))
  assert.equal("", err)
  return out:match "[^\n]*"
end

describe("a process with a store", function()
  it("needs no tokens of its own, and learns from the record that the grant is over", function()
    local grant, store = fresh(), new_store()
    assert.equal("4", ask(grant, store))
    assert.equal("4", ask(grant, store, "refresh_token = false"))
    assert.same({ 1, 2 }, { sandbox.counters(grant).refreshes, sandbox.counters(grant).mints })
    sandbox.control("revoke", { grant_id = grant.grant_id })
    assert.equal("grant_revoked", ask(grant, store))
    local before = sandbox.total(grant)
    assert.equal("grant_revoked", ask(grant, store))
    assert.equal("grant_revoked", ask(grant, store, "refresh_token = false"))
    assert.equal(before, sandbox.total(grant))
  end)

  it("takes tokens that the record of a dead grant never saw for a new authorization", function()
    local grant, store = fresh(), new_store()
    assert.equal("4", ask(grant, store))
    sandbox.control("revoke", { grant_id = grant.grant_id })
    assert.equal("grant_revoked", ask(grant, store))
    local before = sandbox.counters().refresh_requests
    assert.equal("grant_revoked", ask(grant, store, 'refresh_token = "rt_of_a_new_authorization"'))
    assert.equal(before + 1, sandbox.counters().refresh_requests) -- it was tried: only the service can say
  end)
end)

describe("a dead tenant among the living", function()
  it("costs one request and stops nobody", function()
    local functions, dead = {}, nil
    for index = 1, 20 do
      local grant = fresh()
      local client = sandbox.refreshing(grant)
      if index == 7 then
        dead = grant
        sandbox.control("revoke", { grant_id = grant.grant_id })
      end
      for _ = 1, 10 do functions[#functions + 1] = function() return #client:list_organizations() end end
    end
    local results, revoked = better_i18n.all(functions, { settle = true, concurrency = 200 }), 0
    for _, result in ipairs(results) do
      if not result.ok then
        revoked = revoked + 1
        assert.equal("grant_revoked", result.error.code)
      end
    end
    assert.equal(10, revoked)
    assert.equal(1, sandbox.total(dead))
  end)
end)

describe("scopes", function()
  it("are told by can(), and what lacks one for sure is not sent", function()
    local grant = sandbox.grant { client_id = sandbox.CLIENT_ID, installation = false, scopes = { "org:read" } }
    local client = sandbox.minting(grant)
    assert.is_nil(client:can "org:read")
    client:list_organizations()
    assert.same({ true, false }, { client:can "org:read", client:can "projects:read" })
    local before = sandbox.total(grant)
    local err = expect.failure("missing_scope", client.list_projects, client, "org_1")
    assert.equal("projects:read", err.required_scope)
    assert.equal(before, sandbox.total(grant))
    expect.refused("scope", client.can, client)
    local asking = better_i18n.new {
      base_url = sandbox.URL, grant_id = grant.grant_id, access_token = grant.access_token, preflight = false,
    }
    assert.equal(403, expect.failure("missing_scope", asking.list_projects, asking, "org_1").status)
    assert.equal(before + 1, sandbox.total(grant))
  end)

  it("are listed with what is on by default", function()
    local scopes = better_i18n.scopes
    assert.equal(13, #scopes)
    assert.same({ true, false }, { scopes["org:read"].default, scopes["translations:publish"].default })
    for _, scope in ipairs(scopes) do assert.equal(scope, scopes[scope.name]) end
  end)
end)

describe("an idle client", function()
  it("costs less than 4 KiB", function()
    local keep = {}
    local function make(count)
      for _ = 1, count do
        local number = #keep + 1
        keep[number] = sandbox.client {
          grant_id = "grt_" .. number, client_id = "app", client_secret = "secret", refresh_token = "rt_" .. number,
          access_token = "at_" .. number, expires_at = os.time() + 1800, on_tokens = print,
        }
      end
      collectgarbage()
      collectgarbage()
      return process.memory()
    end
    local before = make(500)
    local each = (make(4000) - before) / 4000
    assert.is_true(each < 4, each .. " KiB")
  end)
end)
