-- Tokens in one process: which one goes where, minting and caching, refreshing and rotation, on_tokens, expiry, and
-- that nothing is renewed more often than needed. The counters and the log of the sandbox are the witnesses.
local better_i18n = require "better_i18n"
local expect = require "spec.support.expect"
local sandbox = require "spec.support.sandbox"
local socket = require "socket"

setup(sandbox.start)
teardown(sandbox.stop)

local TOKEN = "POST /api/auth/mcp/token"
local ME = "GET /api/oauth-client/me"
local ORGANIZATIONS = "GET /api/oauth-client/organizations"

local function mint_line(grant)
  return "POST /api/oauth-client/installations/" .. grant.grant_id .. "/tokens"
end

local function expire(grant, what) sandbox.control("expire", { grant_id = grant.grant_id, what = what }) end

-- How many refreshes and mints went through.
local function renewals(grant)
  local counters = sandbox.counters(grant)
  return { counters.refreshes, counters.mints }
end

-- The tokens of the log, in order, as the sandbox labels them.
local function tokens_used(grant)
  local used = {}
  for index, entry in ipairs(sandbox.log(grant)) do
    used[index] = entry.token or (entry.form and entry.form.refresh_token) or "none"
  end
  return used
end

describe("an identity", function()
  it("of an installation token alone uses it for everything it can", function()
    local grant = sandbox.grant()
    local client = sandbox.installed(grant)
    client:me()
    client:list_organizations()
    assert.same({ "installation#1", "installation#1" }, tokens_used(grant))
    expect.refused("grant_id", client.revoke, client)
  end)

  it("of an access token mints on first need, once", function()
    local grant = sandbox.grant { installation = false }
    local client = sandbox.minting(grant)
    for _ = 1, 3 do client:list_organizations() end
    client:list_projects "org_1"
    assert.same({ mint_line(grant), ORGANIZATIONS, ORGANIZATIONS, ORGANIZATIONS,
                  "GET /api/oauth-client/organizations/org_1/projects" }, sandbox.lines(grant))
    assert.same({ 0, 1 }, renewals(grant))
    assert.same({ "access#1", "installation#1", "installation#1", "installation#1", "installation#1" },
      tokens_used(grant))
  end)

  it("of an access token asks who it is without a mint", function()
    local grant = sandbox.grant { installation = false }
    local client = sandbox.minting(grant)
    client:me()
    assert.same({ "access#1" }, tokens_used(grant))
  end)

  it("of a refresh token refreshes, then mints", function()
    local grant = sandbox.grant { installation = false }
    local client = sandbox.refreshing(grant)
    client:list_organizations()
    client:list_organizations()
    client:me()
    assert.same({ TOKEN, mint_line(grant), ORGANIZATIONS, ORGANIZATIONS, ME }, sandbox.lines(grant))
    assert.same({ "refresh#1", "access#2", "installation#1", "installation#1", "access#2" }, tokens_used(grant))
  end)

  it("of both uses the access token while it lives", function()
    local grant = sandbox.grant { installation = false }
    local client = sandbox.connected(grant)
    client:list_organizations()
    assert.same({ 0, 1 }, renewals(grant))
  end)

  it("of a public app refreshes without a secret", function()
    local grant = sandbox.grant { client_id = sandbox.PUBLIC_CLIENT_ID, installation = false }
    local client = sandbox.refreshing(grant, { client_secret = false })
    client:me()
    local form = sandbox.log(grant)[1].form
    assert.is_nil(form.client_secret)
    assert.equal(sandbox.PUBLIC_CLIENT_ID, form.client_id)
    assert.equal("refresh_token", form.grant_type)
  end)

  it("of an expired access token (expires_at in the past) goes for the refresh token at once", function()
    local grant = sandbox.grant { installation = false }
    local client = sandbox.connected(grant, { expires_at = os.time() - 5 })
    client:me()
    assert.same({ "refresh#1", "access#2" }, tokens_used(grant))
  end)

  it("sends the refresh as a form, with its own credentials and no token", function()
    local grant = sandbox.grant()
    sandbox.refreshing(grant):me()
    local entry = sandbox.log(grant)[1]
    assert.equal("none", entry.authorization)
    assert.equal("application/x-www-form-urlencoded", entry.headers["content-type"])
    assert.equal("refresh#1", entry.form.refresh_token)
    assert.equal("(hidden)", entry.form.client_secret)
    assert.is_nil(entry.headers.cookie)
  end)

  it("shares its tokens with the other clients of its grant, and with no other grant's", function()
    local one, two = sandbox.grant { installation = false }, sandbox.grant { installation = false }
    local first, second, third = sandbox.minting(one), sandbox.minting(two), sandbox.minting(one)
    for _ = 1, 2 do
      assert.equal(one.grant_id, first:me().grant_id)
      assert.equal(two.grant_id, second:me().grant_id)
      first:list_organizations()
      second:list_organizations()
      third:list_organizations()
    end
    assert.same({ 0, 1 }, renewals(one))
    assert.same({ 0, 1 }, renewals(two))
    for _, entry in ipairs(sandbox.log(two)) do assert.equal(two.grant_id, entry.grant_id) end
  end)

  it("shares with nobody who cannot show a token of the grant: its id is no proof", function()
    local grant = sandbox.grant { installation = false }
    local first = sandbox.refreshing(grant)
    assert.equal(grant.grant_id, first:me().grant_id)
    local guess = sandbox.refreshing(grant, { refresh_token = "rt_guessed" })
    expect.failure("grant_revoked", guess.me, guess)
    local other = sandbox.refreshing(grant) -- the token was rotated meanwhile, which this one need not know
    assert.equal(grant.grant_id, other:me().grant_id)
    assert.is_false(other:is_revoked())
    assert.equal(1, sandbox.counters(grant).refreshes)
  end)

  it("of another app's token is not asked twice", function()
    local grant = sandbox.grant()
    local client = sandbox.connected(grant, { grant_id = "grt_of_somebody_else" })
    expect.failure("grant_not_found", client.list_organizations, client)
  end)
end)

describe("a refresh token", function()
  for mode, labels in pairs {
    same = { "refresh#1", "refresh#1", "refresh#1" },
    omit = { "refresh#1", "refresh#1", "refresh#1" },
    rotating = { "refresh#1", "refresh#2", "refresh#3" },
    rotating_keep = { "refresh#1", "refresh#2", "refresh#3" },
    reuse_detection = { "refresh#1", "refresh#2", "refresh#3" },
  } do
    it("is used as the service hands it out: " .. mode, function()
      local grant = sandbox.grant { rotation = mode }
      local client = sandbox.refreshing(grant)
      local refreshes = {}
      for _ = 1, 3 do
        client:me()
        expire(grant, "access")
      end
      for _, entry in ipairs(sandbox.log(grant)) do
        if entry.form then refreshes[#refreshes + 1] = entry.form.refresh_token end
      end
      assert.same(labels, refreshes)
    end)
  end

  it("is given to on_tokens with the rest, before it is used", function()
    local grant, told = sandbox.grant { installation = false }, {}
    local client = sandbox.refreshing(grant, {
      on_tokens = function(tokens)
        tokens.seen = sandbox.lines(grant)
        told[#told + 1] = tokens
      end,
    })
    client:list_organizations()
    assert.equal(1, #told)
    local tokens = told[1]
    assert.same({ TOKEN }, tokens.seen) -- nothing was asked with the new tokens yet
    assert.equal(grant.grant_id, tokens.grant_id)
    assert.truthy(tokens.refresh_token:find "^rt_")
    assert.are_not.equal(grant.refresh_token, tokens.refresh_token)
    assert.truthy(tokens.access_token:find "^at_")
    assert.equal("Bearer", tokens.token_type)
    assert.is_true(tokens.expires_in > 1700 and tokens.expires_in <= 1800)
    assert.is_true(math.abs(tokens.expires_at - os.time() - 1800) <= 2)
  end)

  it("in what on_tokens got makes a client that goes on", function()
    local grant, kept = sandbox.grant { rotation = "reuse_detection" }, nil
    local options = { on_tokens = function(tokens) kept = tokens end }
    sandbox.refreshing(grant, options):me()
    for _ = 1, 3 do
      kept.base_url, kept.client_id, kept.client_secret = sandbox.URL, grant.client_id, grant.client_secret
      kept.on_tokens = options.on_tokens
      local client = better_i18n.new(kept)
      assert.equal(grant.grant_id, client:me().grant_id)
      expire(grant, "access")
      client:me()
      client:close()
    end
    assert.equal(4, sandbox.counters(grant).refreshes)
  end)

  it("that stays the same is told with the old one", function()
    local grant, told = sandbox.grant { rotation = "omit" }, nil
    sandbox.refreshing(grant, { on_tokens = function(tokens) told = tokens end }):me()
    assert.equal(grant.refresh_token, told.refresh_token)
  end)

  it("survives an on_tokens that raises: the error surfaces, the tokens are kept", function()
    local grant, calls, failing = sandbox.grant { rotation = "reuse_detection" }, 0, true
    local problem = { "disk full" }
    local client = sandbox.refreshing(grant, {
      on_tokens = function()
        calls = calls + 1
        if failing then error(problem) end
      end,
    })
    local ok, err = pcall(client.list_organizations, client)
    assert.is_false(ok)
    assert.equal(problem, err)
    failing = false
    assert.is_table((client:list_organizations()))
    assert.equal(1, calls)
    assert.equal(1, sandbox.counters(grant).refresh_requests)
    assert.equal(0, sandbox.counters(grant).by_route[ORGANIZATIONS] - 1)
    expire(grant, "all")
    -- All is dead now, and the client says so instead of showing the old token again.
    expect.failure("grant_revoked", client.list_organizations, client)
  end)

  it("is not lost when the reply to the call behind it is", function()
    local grant, told = sandbox.grant { installation = false }, 0
    local client = sandbox.refreshing(grant, { on_tokens = function() told = told + 1 end })
    sandbox.fault(grant, { kind = "close", path = "/api/oauth-client/installations/", times = "always" })
    expect.failure("network", client.list_organizations, client)
    assert.equal(1, told)
    sandbox.clear_faults(grant)
    client:list_organizations()
    assert.same({ 1, 1 }, renewals(grant))
  end)

  it("of a call whose time is over is kept all the same", function()
    local grant = sandbox.grant { rotation = "reuse_detection" }
    sandbox.fault(grant, { kind = "delay", ms = 400, grant_type = "refresh_token" })
    local told = 0
    local client = sandbox.refreshing(grant, { on_tokens = function() told = told + 1 end })
    local ok, err = pcall(client.list_organizations, client, { timeout = 0.15 })
    assert.is_true(ok or err.code == "timeout", tostring(err))
    assert.equal(1, told)
    client:list_organizations()
    assert.equal(1, sandbox.counters(grant).refresh_requests)
  end)

  it("may be named by numbers in texts and in another case of the type", function()
    local grant = sandbox.grant()
    sandbox.fault(grant, { kind = "status", status = 200, grant_type = "refresh_token", body = {
      access_token = grant.access_token, token_type = "BEARER", expires_in = "1800",
    } })
    assert.equal(grant.grant_id, sandbox.refreshing(grant):me().grant_id)
  end)

  for name, body in pairs {
    ["without an access token"] = { token_type = "Bearer", expires_in = 1800 },
    ["with an access token that no header may carry"] = { access_token = "a\r\nX-Evil: 1", token_type = "Bearer" },
    ["with an access token that is a number"] = { access_token = 17, token_type = "Bearer" },
    ["with another type of token"] = { access_token = "at_1", token_type = "mac" },
    ["that is no JSON"] = "{",
    ["that is empty"] = "",
    ["that is an array"] = "[]",
  } do
    it("answered " .. name .. " is an error that revokes nothing", function()
      local grant = sandbox.grant { rotation = "same" }
      sandbox.fault(grant, { kind = "status", status = 200, grant_type = "refresh_token", body = body })
      local client = sandbox.refreshing(grant)
      expect.failure("invalid_response", client.me, client)
      assert.is_false(client:is_revoked())
      assert.equal(grant.grant_id, client:me().grant_id)
    end)
  end
end)

describe("an expired token", function()
  it("of both kinds costs one refresh, one mint, one repetition", function()
    local grant = sandbox.grant { installation = false }
    local client = sandbox.connected(grant)
    client:list_organizations()
    expire(grant, "access")
    expire(grant, "installation")
    local before = #sandbox.log(grant)
    local _, response = client:list_organizations()
    local lines = sandbox.lines(grant)
    local new = {}
    for index = before + 1, #lines do new[#new + 1] = lines[index] end
    -- The access token is dead too, which only its refusal tells.
    assert.same({ ORGANIZATIONS, mint_line(grant), TOKEN, mint_line(grant), ORGANIZATIONS }, new)
    assert.same({ 1, 2 }, renewals(grant))
    assert.equal(2, response.attempts)
  end)

  it("of both kinds is renewed for a call that may use either", function()
    local grant = sandbox.grant { installation = false }
    local client = sandbox.connected(grant)
    client:list_organizations()
    expire(grant, "access")
    expire(grant, "installation")
    local _, response = client:me()
    assert.same({ 1, 1 }, renewals(grant))
    assert.equal(3, response.attempts)
  end)

  it("of installation alone costs one mint and one repetition", function()
    local grant = sandbox.grant { installation = false }
    local client = sandbox.connected(grant)
    client:list_organizations()
    expire(grant, "installation")
    client:list_organizations()
    assert.same({ mint_line(grant), ORGANIZATIONS, ORGANIZATIONS, mint_line(grant), ORGANIZATIONS },
      sandbox.lines(grant))
    assert.same({ 0, 2 }, renewals(grant))
  end)

  it("of access alone costs one refresh and one repetition", function()
    local grant = sandbox.grant()
    local client = sandbox.connected(grant)
    client:me()
    expire(grant, "access")
    client:me()
    assert.same({ ME, ME, TOKEN, ME }, sandbox.lines(grant))
  end)

  it("lets a write through once it is renewed", function()
    local grant = sandbox.grant { scopes = { "projects:write" } }
    local client = sandbox.connected(grant)
    client:token_info()
    expire(grant, "installation")
    client:create_project { name = "Late", slug = "late-token", sourceLanguage = "en" }
    assert.equal(2, sandbox.counters(grant).by_route["POST /api/oauth-client/v1/projects"])
  end)

  it("that is refused again and again does not loop", function()
    local grant = sandbox.grant()
    sandbox.fault(grant, { kind = "expire", path = "/api/oauth-client/organizations", times = "always" })
    local client = sandbox.connected(grant)
    local err = expect.failure("invalid_token", client.list_organizations, client)
    assert.equal(401, err.status)
    assert.equal(2, err.attempts)
    assert.equal(2, sandbox.counters(grant).by_route[ORGANIZATIONS])
    assert.is_true(sandbox.counters(grant).mints <= 2)
    assert.is_false(client:is_revoked())
  end)

  it("that the mint refuses although it was just refreshed does not loop", function()
    local grant = sandbox.grant { installation = false }
    sandbox.fault(grant, { kind = "expire", path = "/api/oauth-client/installations/", times = "always" })
    local client = sandbox.connected(grant)
    expect.failure("invalid_token", client.list_organizations, client)
    assert.is_true(sandbox.counters(grant).refreshes <= 1)
    assert.is_true(sandbox.total(grant) <= 3)
    assert.is_false(client:is_revoked())
  end)

  it("without a refresh token asks to reconnect", function()
    local grant = sandbox.grant { installation = false }
    local client = sandbox.minting(grant)
    expire(grant, "access")
    local err = expect.failure("invalid_token", client.me, client)
    assert.is_false(client:is_revoked())
    assert.is_false(err.retryable)
    err = expect.failure("invalid_token", client.me, client)
    expect.holds("offline_access", err.message)
    assert.equal(1, sandbox.total(grant))
  end)
end)

describe("a token about to expire", function()
  -- A clock of our own: seconds, on both clocks.
  local function clock()
    local now = { time = 1000 }
    return now, function() return 1.7e9 + now.time, now.time end
  end

  it("is renewed early, in the call that finds it stale, once", function()
    local grant = sandbox.grant { installation = false }
    local now, read = clock()
    local client = sandbox.connected(grant, { clock = read, expires_in = 1800 })
    client:list_organizations()
    now.time = now.time + 3600 - 301
    client:list_organizations()
    assert.equal(1, sandbox.counters(grant).mints)
    now.time = now.time + 2 -- under 300 s of 3600 left: stale
    client:list_organizations()
    assert.equal(2, sandbox.counters(grant).mints)
    client:list_organizations()
    assert.equal(2, sandbox.counters(grant).mints)
    assert.equal("installation#2", sandbox.last(grant).token)
  end)

  it("still serves when its renewal fails", function()
    local grant = sandbox.grant { installation = false }
    local now, read = clock()
    local client = sandbox.minting(grant, { clock = read })
    client:list_organizations()
    sandbox.fault(grant, { kind = "html", status = 503, path = "/api/oauth-client/installations/", times = "always" })
    now.time = now.time + 3600 - 200
    assert.is_table((client:list_organizations()))
    assert.equal("installation#1", sandbox.last(grant).token)
    -- and does not try with every call
    local before = sandbox.counters(grant).by_route["POST /api/oauth-client/installations/{grant_id}/tokens"]
    for _ = 1, 5 do client:list_organizations() end
    assert.equal(before, sandbox.counters(grant).by_route["POST /api/oauth-client/installations/{grant_id}/tokens"])
  end)

  it("that expired while the service is down gives the service's trouble", function()
    local grant = sandbox.grant { installation = false }
    local now, read = clock()
    local client = sandbox.minting(grant, { clock = read })
    client:list_organizations()
    sandbox.fault(grant, { kind = "html", status = 503, path = "/api/oauth-client/installations/", times = "always" })
    now.time = now.time + 3601
    expect.failure("server_error", client.list_organizations, client)
    assert.equal("POST", sandbox.last(grant).method)
  end)

  it("that lives two seconds is renewed as often as that, and no call fails", function()
    local grant = sandbox.grant { installation = false, access_ttl = 2, installation_ttl = 1 }
    local client = sandbox.refreshing(grant)
    local stop, calls = socket.gettime() + 2.6, 0
    while socket.gettime() < stop do
      client:list_organizations()
      calls = calls + 1
      socket.sleep(0.02)
    end
    local counters = sandbox.counters(grant)
    assert.is_true(counters.mints >= 2 and counters.mints <= 6, counters.mints .. " mints")
    assert.is_true(counters.refreshes >= 1 and counters.refreshes <= 4, counters.refreshes .. " refreshes")
    assert.is_true(calls > counters.mints * 3)
  end)

  it("that was issued dead does not make a loop", function()
    local grant = sandbox.grant { installation = false, access_ttl = 0, installation_ttl = 0 }
    local client = sandbox.refreshing(grant)
    expect.failure({ "invalid_token", "grant_revoked" }, client.list_organizations, client)
    assert.is_true(sandbox.total(grant) <= 8, sandbox.total(grant) .. " requests")
    assert.is_false(client:is_revoked())
  end)
end)

describe("token_info", function()
  it("mints when it has to and says what the service said, without secrets", function()
    local grant = sandbox.grant { installation = false, scopes = { "org:read", "keys:read" } }
    local client = sandbox.minting(grant)
    local info = client:token_info()
    assert.equal(1, sandbox.counters(grant).mints)
    assert.equal(grant.grant_id, info.grant_id)
    assert.equal("org_1", info.organization_id)
    assert.same({ "org:read", "keys:read" }, info.scopes)
    assert.same({}, info.project_ids)
    assert.is_true(info.expires_in > 3500 and info.expires_in <= 3600)
    client:token_info()
    assert.same({ mint_line(grant) }, sandbox.lines(grant))
    assert.is_nil(expect.everything(info):find "bi_oat_")
  end)

  it("tells all projects from some", function()
    local some = sandbox.grant { installation = false, project_ids = { "prj_1", "prj_2" } }
    assert.same({ "prj_1", "prj_2" }, sandbox.minting(some):token_info().project_ids)
    local all = sandbox.minting(sandbox.grant { installation = false }):token_info().project_ids
    assert.same({}, all)
    assert.is_not_nil(all)
  end)

  it("knows nothing of a bare installation token and asks nobody", function()
    local grant = sandbox.grant()
    local info = sandbox.installed(grant):token_info()
    for _, name in ipairs { "scopes", "project_ids", "expires_in", "expires_at" } do assert.is_nil(info[name]) end
    assert.equal(0, sandbox.total(grant))
  end)
end)

describe("request", function()
  it("takes the token that is asked for", function()
    local grant = sandbox.grant { installation = false }
    local client = sandbox.connected(grant)
    local function authorization(kind)
      return client:request("GET", "/_sandbox/echo", { token = kind }).headers.authorization
    end
    assert.equal("Bearer " .. grant.access_token, authorization "access")
    assert.truthy(authorization "installation":find "^Bearer bi_oat_")
    assert.equal(authorization "installation", authorization())
    assert.is_nil(authorization "none")
  end)

  it("without a token needs none", function()
    local grant = sandbox.grant { installation = false }
    local client = sandbox.refreshing(grant)
    client:request("GET", "/_sandbox/echo", { token = "none" })
    assert.equal(0, sandbox.total(grant))
  end)

  it("with an access token that is not there says so", function()
    local client = sandbox.installed(sandbox.grant())
    expect.failure({ "invalid_token", "invalid_argument" }, client.request, client, "GET", "/x", { token = "access" })
  end)
end)
