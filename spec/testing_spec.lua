-- better_i18n.testing: what a program's own tests write, and that a mistake in them is named.
local better_i18n = require "better_i18n"
local cjson = require "cjson"
local expect = require "spec.support.expect"
local worlds = require "spec.support.worlds"

local testing = better_i18n.testing

local ME = "GET /api/oauth-client/me"
local ORGANIZATIONS = "GET /api/oauth-client/organizations"
local CREATE = "POST /api/oauth-client/v1/projects"
local MINT = "POST /api/oauth-client/installations/grt_testing/tokens"
local SITE = { name = "Site", slug = "site", sourceLanguage = "en" }

describe("testing.client", function()
  it("is a real client", function()
    local client = testing.client { [ME] = { status = 200, json = { user = { name = "Zoë" } } } }
    assert.equal("userdata", type(client))
    local data, response = client:me()
    assert.equal("Zoë", data.user.name)
    assert.equal(200, response.status)
    assert.equal("application/json", response.headers["Content-Type"])
    assert.equal("Zoë", client:me().user.name)
    client:close()
    expect.failure("closed", client.me, client)
  end)

  it("answers in every world", function()
    for _, world in ipairs(worlds.list()) do
      assert.same({ 1, 1 }, world.run(function()
        local client = testing.client { [ORGANIZATIONS] = { json = { { id = "org_1" } } } }
        local function count() return #client:list_organizations() end
        return world.together { count, count }
      end))
    end
  end)

  it("makes the service's errors easy", function()
    local client = testing.client {
      [CREATE] = { status = 403, json = { error = "missing_scope", required = "projects:write" } },
      [ORGANIZATIONS] = { status = 429, json = { error = "rate_limited" }, headers = { ["Retry-After"] = "999" } },
    }
    local err = expect.failure("missing_scope", client.create_project, client, SITE)
    assert.equal("projects:write", err.required_scope)
    assert.equal(999, expect.failure("rate_limited", client.list_organizations, client).retry_after)
    local gone = testing.client { [ME] = { status = 410, json = { error = "grant_revoked" } } }
    assert.is_true(expect.failure("grant_revoked", gone.me, gone).revoked)
    assert.is_true(gone:is_revoked())
  end)

  it("gives bytes, headers, and any status", function()
    local client = testing.client {
      [ME] = { body = "<html>", headers = { ["Content-Type"] = "text/html" }, status = 502 },
      [ORGANIZATIONS] = { body = "[]", headers = { Link = "<https://api.testing.invalid/x>; rel=next", X = "y" } },
      ["DELETE /v2/thing"] = { status = 204 },
    }
    expect.failure("server_error", client.me, client)
    local list, response = client:list_organizations()
    assert.same({}, list)
    assert.equal("y", response.headers.x)
    assert.is_string(response.next)
    assert.is_true((client:request("DELETE", "/v2/thing")))
  end)

  it("uses a list of answers one after another", function()
    local client = testing.client {
      [ORGANIZATIONS] = { { status = 503 }, { lost = "the wire is cut" }, { json = { { id = "org_1" } } } },
    }
    local list, response = client:list_organizations()
    assert.equal("org_1", list[1].id)
    assert.equal(3, response.attempts)
    local used_up = "request number 4 for " .. ORGANIZATIONS .. ", which has 3 answers"
    expect.refused(used_up, client.list_organizations, client)
  end)

  it("asks a function, with the request", function()
    local asked
    local client = testing.client {
      [CREATE] = function(request)
        asked = request
        return { status = 201, json = { id = "prj_1", name = request.json.name } }
      end,
      [ME] = function() return nil, "no route" end,
    }
    assert.equal("Site", client:create_project(SITE, { query = { dry = "a b&c" } }).name)
    assert.equal("POST", asked.method)
    assert.equal("/api/oauth-client/v1/projects", asked.path)
    assert.same({ dry = "a b&c" }, asked.query)
    assert.equal("installation", asked.token)
    assert.same(SITE, cjson.decode(asked.body))
    local err = expect.failure("network", client.me, client)
    expect.holds("no route", err.message)
  end)

  it("goes by the query where the table has one", function()
    local client = testing.client {
      [ORGANIZATIONS] = { json = { items = { { id = 1 } }, nextCursor = "b c" } },
      [ORGANIZATIONS .. "?cursor=b%20c"] = { json = { items = { { id = 2 } } } },
    }
    local ids = {}
    for organization in client:each_organization() do ids[#ids + 1] = organization.id end
    assert.same({ 1, 2 }, ids)
  end)

  it("names a request that has no answer", function()
    local client = testing.client { [ME] = { json = { user = {} } } }
    local err = expect.refused("no answer for GET /api/oauth-client/organizations/a%2Fb/projects?limit=3; "
      .. "there are answers for: " .. ME, client.list_projects, client, "a/b", { limit = 3 })
    assert.is_false(err.retryable)
    expect.refused("there are no answers at all", (function()
      local empty = testing.client {}
      return empty.me, empty
    end)())
    assert.is_table(client:me().user)
  end)

  it("takes the options of new", function()
    local tokens
    local client = testing.client({ [ME] = { json = { ok = true } } }, {
      access_token = nil, expires_in = 0, on_tokens = function(given) tokens = given end,
    })
    client:me()
    assert.equal("access_of_testing_1", tokens.access_token)
    local alone = testing.client({ [ORGANIZATIONS] = { json = { { id = 1 } } } }, { max_retries = 0 })
    assert.equal(1, #alone:list_organizations())
    expect.refused("unknown option", testing.client, {}, { maxretries = 1 })
  end)

  it("lets a test answer for the tokens too", function()
    local client = testing.client {
      [ORGANIZATIONS] = { json = { { id = 1 } } },
      [MINT] = {
        json = { installation_token = "bi_oat_own", expires_in = 3600, scopes = { "org:read" } },
      },
    }
    client:list_organizations()
    assert.same({ "org:read" }, client:token_info().scopes)
    local gone = testing.client {
      [MINT] = { status = 410, json = { error = "grant_revoked" } },
    }
    assert.is_true(expect.failure("grant_revoked", gone.list_organizations, gone).revoked)
  end)

  it("reaches the CDN's paths", function()
    local client = testing.client { ["GET /acme/site/de/translations.json"] = { json = { hello = "Hallo" } } }
    assert.equal("Hallo", client:get_messages("acme/site", "de").hello)
    assert.equal("none", testing.requests(client)[1].token)
  end)

  it("refuses a table that is wrong, before any request", function()
    for text, answers in pairs {
      ["the answers must be a table, not string"] = "x",
      ["me is no request"] = { me = {} },
      ["get /x is no request"] = { ["get /x"] = {} },
      ["1 is no request"] = { {} },
      ["the answer to GET /x must be a table, not number"] = { ["GET /x"] = 5 },
      ["the answer to GET /x: unknown field 'Status'"] = { ["GET /x"] = { Status = 200 } },
      ["the answer to GET /x: status must be a number, not string"] = { ["GET /x"] = { status = "200" } },
      ["the answer to GET /x: status must be an integer"] = { ["GET /x"] = { status = 99 } },
      ["the answer to GET /x: headers must be a table"] = { ["GET /x"] = { headers = "x" } },
      ["the answer to GET /x: body must be a string"] = { ["GET /x"] = { body = {} } },
      ["the answer to GET /x has both json and body"] = { ["GET /x"] = { body = "", json = 1 } },
      ["the answer to GET /x cannot be written as JSON"] = { ["GET /x"] = { json = { f = print } } },
      ["the answer to GET /x must be a table, not boolean"] = { ["GET /x"] = { {}, true } },
    } do expect.refused(text, testing.client, answers) end
    expect.refused("the table of options must be a table", testing.client, {}, 5)
    local client = testing.client { [ME] = function() return { stat = 1 } end }
    expect.refused("unknown field 'stat'", client.me, client)
  end)
end)

describe("testing.requests", function()
  it("shows what was sent, without the tokens that came by themselves", function()
    local client = testing.client { [ME] = { json = { ok = true } }, [CREATE] = { json = { id = "prj_1" } } }
    assert.same({}, testing.requests(client))
    client:create_project(SITE, { headers = { ["X-Mine"] = "1" } })
    client:me()
    local requests = testing.requests(client)
    assert.equal(2, #requests)
    assert.same(SITE, requests[1].json)
    assert.equal("1", requests[1].headers["x-mine"])
    assert.equal("installation", requests[1].token)
    assert.equal("access", requests[2].token)
    assert.equal("/api/oauth-client/me", requests[2].path)
  end)

  it("shows no secrets", function()
    local client = testing.client({
      [ORGANIZATIONS] = { json = { { id = 1 } } },
      ["POST /api/auth/mcp/token"] = {
        json = { access_token = "at_secret", expires_in = 9, refresh_token = "rt_secret" },
      },
      [MINT] = {
        json = { installation_token = "bi_oat_secret", expires_in = 3600 },
      },
    }, { expires_in = 0, client_secret = "cs_secret", refresh_token = "rt_secret_0" })
    client:list_organizations()
    local all = expect.everything(testing.requests(client))
    assert.is_nil(all:find "secret_0")
    assert.is_nil(all:find "[tsc][ts]_secret")
    assert.is_nil(all:find "bi_oat")
    expect.holds("grant_type=refresh_token", all)
    expect.holds("client_secret=[redacted]", all)
  end)

  it("refuses another client", function()
    expect.refused("no client that testing.client made", testing.requests, better_i18n.new { installation_token = "x" })
    expect.refused("no client that testing.client made", testing.requests, nil)
  end)
end)
