-- Every code of LUA_API.md's error table, reached for real, with all its fields; what tostring says; try and
-- is_error; the revocation that sticks. Every number and code here is a literal of API.md or LUA_API.md.
local better_i18n = require "better_i18n"
local expect = require "spec.support.expect"
local sandbox = require "spec.support.sandbox"

setup(sandbox.start)
teardown(sandbox.stop)

local ME = "/api/oauth-client/me"
local TOKEN = "/api/auth/mcp/token"
local PROJECT = { name = "Site", slug = "site", sourceLanguage = "en" }

-- Checks the fields; NONE means that the field must be absent.
local NONE = {}
local function check(err, fields)
  for name, value in pairs(fields) do
    if value == NONE then value = nil end
    assert.equal(value, err[name], name .. " of " .. tostring(err))
  end
end

-- What happened first: the failure of a renewal is the cause of the call's that waited for it.
local function origin(err)
  while err.cause do err = err.cause end
  return err
end

-- One line, without the stack, that begins with the code, holds the words and says what to do next.
local function check_text(err, words)
  local text = tostring(err)
  assert.is_true(expect.says_what_to_do(text), "it does not say what to do next: " .. text)
  assert.is_nil(text:find "[%c]", text)
  assert.equal("better_i18n: " .. err.code .. ": ", text:sub(1, #err.code + 15))
  if words then expect.holds(words, text) end
  if err.request_id then expect.holds(err.request_id, text) end
end

describe("the service's own codes:", function()
  it("missing_scope names the scope to ask for and is not repeated", function()
    local grant = sandbox.grant { scopes = { "org:read" } }
    local client = sandbox.installed(grant)
    local err = expect.failure("missing_scope", client.create_project, client, PROJECT)
    check(err, {
      status = 403, required_scope = "projects:write", revoked = false, retryable = false, attempts = 1,
      method = "POST", path = "/api/oauth-client/v1/projects", grant_id = NONE, cause = NONE, retry_after = NONE,
    })
    assert.truthy(err.request_id:find "^req_")
    assert.equal(err.request_id, err.headers["X-Request-Id"])
    assert.equal("application/json", err.headers["content-type"])
    check_text(err, "projects:write")
    expect.holds("authorize again", tostring(err))
    assert.equal(1, sandbox.total(grant))
    assert.is_false(client:is_revoked())
  end)

  it("missing_scope without `required` takes the scope of the endpoint", function()
    local grant = sandbox.grant()
    local client = sandbox.installed(grant)
    sandbox.fault(grant, { kind = "status", status = 403, body = { error = "missing_scope" } })
    local err = expect.failure("missing_scope", client.get_project, client, "prj_1")
    assert.equal("projects:read", err.required_scope)
  end)

  it("wrong_organization", function()
    local grant = sandbox.grant()
    local client = sandbox.installed(grant)
    local err = expect.failure("wrong_organization", client.list_projects, client, "org_2")
    check(err, { status = 403, required_scope = NONE, revoked = false, retryable = false, attempts = 1 })
    check_text(err, "organization")
  end)

  it("invalid_request, with the service's own words", function()
    local grant = sandbox.grant { scopes = { "projects:write" } }
    local client = sandbox.installed(grant)
    local err = expect.failure("invalid_request", client.create_project, client,
      { name = "x", slug = "Not A Slug", sourceLanguage = "en" })
    check(err, { status = 400, retryable = false, attempts = 1, method = "POST" })
    check_text(err, "lower-case letters")
  end)

  it("a code that this client does not know", function()
    local grant = sandbox.grant()
    local client = sandbox.installed(grant)
    local err = expect.failure("project_not_found", client.get_project, client, "prj_none")
    check(err, { status = 404, revoked = false, retryable = false, path = "/api/oauth-client/v1/projects/prj_none" })
    assert.is_false(client:is_revoked())
    check_text(err, "no such project")
  end)

  it("invalid_token, when there is nothing to renew it with", function()
    local grant = sandbox.grant()
    local client = sandbox.installed(grant)
    sandbox.control("expire", { grant_id = grant.grant_id, what = "installation" })
    local err = expect.failure("invalid_token", client.me, client)
    check(err, { status = 401, revoked = false, retryable = false })
    check_text(err)
    assert.equal(1, sandbox.total(grant))
    assert.is_false(client:is_revoked())
  end)

  it("invalid_client on a refresh is no revocation", function()
    local grant = sandbox.grant()
    local told = 0
    local client = sandbox.refreshing(grant, {
      client_secret = "wrong-secret-0001", on_revoked = function() told = told + 1 end,
    })
    local err = expect.failure("invalid_client", client.me, client)
    check(err, { revoked = false, retryable = false, grant_id = grant.grant_id, method = "GET", path = ME })
    check(origin(err), { code = "invalid_client", status = 401, method = "POST", path = TOKEN, attempts = 1 })
    assert.truthy(origin(err).request_id)
    check_text(err, "client_secret")
    assert.is_false(client:is_revoked())
    assert.equal(0, told)
  end)

  it("invalid_grant on an exchange", function()
    local err = expect.failure("invalid_grant", better_i18n.oauth.exchange, {
      base_url = sandbox.URL, client_id = sandbox.CLIENT_ID, client_secret = sandbox.CLIENT_SECRET,
      redirect_uri = sandbox.REDIRECT_URI, code = "code_never_issued", code_verifier = ("v"):rep(43),
    })
    check(err, { status = 401, revoked = false, retryable = false, attempts = 1, method = "POST", path = TOKEN })
    check_text(err, "again")
  end)

  it("rate_limited is the only one that may be tried later", function()
    local grant = sandbox.grant { rate_limit = 1, rate_window = 60 }
    local client = sandbox.installed(grant)
    client:me()
    local err = expect.failure("rate_limited", client.me, client, { timeout = 2 })
    check(err, { status = 429, revoked = false, retryable = true, attempts = 1 })
    assert.is_true(err.retry_after > 50 and err.retry_after <= 60)
    check_text(err, "try again")
  end)

  it("a code in the answer of a 5xx keeps its name", function()
    local grant = sandbox.grant()
    local client = sandbox.installed(grant)
    sandbox.fault(grant, { kind = "status", status = 503, times = "always", body = { error = "maintenance" } })
    check(expect.failure("maintenance", client.me, client), { status = 503, revoked = false })
  end)

  it("a Bearer challenge counts where there is no body", function()
    local grant = sandbox.grant()
    local client = sandbox.installed(grant)
    sandbox.fault(grant, {
      kind = "status", status = 401, body = "", headers = { ["WWW-Authenticate"] = 'Bearer error="invalid_token"' },
    })
    check(expect.failure("invalid_token", client.me, client), { status = 401 })
  end)

  it("the status alone decides nothing", function()
    local grant = sandbox.grant()
    local client = sandbox.connected(grant, { access_token = false, installation_token = false })
    client:me()
    for _, status in ipairs { 410, 404, 403, 400, 418 } do
      sandbox.fault(grant,
        { kind = "status", status = status, body = { message = "Nothing here", code = "NOT_FOUND" } })
      local err = expect.failure("http_error", client.me, client)
      check(err, { status = status, revoked = false, retryable = false })
      assert.is_false(client:is_revoked())
    end
  end)

  it("401 without a code is a refused token: renewed once, repeated once", function()
    local grant = sandbox.grant()
    local client = sandbox.refreshing(grant)
    client:me()
    sandbox.fault(grant, { kind = "status", status = 401, body = "", path = ME, times = "always" })
    local err = expect.failure({ "http_error", "invalid_token" }, client.me, client)
    check(err, { status = 401, revoked = false, retryable = false })
    assert.equal(2, sandbox.counters(grant).refreshes)
    assert.equal(3, sandbox.counters(grant).by_route["GET " .. ME])
    assert.is_false(client:is_revoked())
  end)
end)

describe("a grant that is over:", function()
  it("grant_revoked sticks, asks nobody again, and is told once", function()
    local grant, told = sandbox.grant(), {}
    local client = sandbox.connected(grant, { on_revoked = function(err) told[#told + 1] = err end })
    client:list_organizations()
    sandbox.control("revoke", { grant_id = grant.grant_id })
    local before = sandbox.total(grant)
    local err = expect.failure("grant_revoked", client.list_organizations, client)
    check(err, {
      status = 410, revoked = true, retryable = false, attempts = 1, grant_id = grant.grant_id, method = "GET",
      path = "/api/oauth-client/organizations",
    })
    check_text(err, "reconnect")
    assert.equal(before + 1, sandbox.total(grant))
    assert.is_true(client:is_revoked())
    local calls = {
      client.me, client.list_organizations, client.token_info,
      function() return client:create_project(PROJECT) end,
      function() return client:request("GET", ME, { token = "none" }) end,
    }
    for _, call in ipairs(calls) do
      local again = expect.failure("grant_revoked", call, client)
      check(again, { revoked = true, retryable = false, attempts = 0 })
    end
    assert.equal(before + 1, sandbox.total(grant))
    assert.equal(1, #told)
    assert.is_true(better_i18n.is_error(told[1]))
    check(told[1], { code = "grant_revoked", revoked = true, grant_id = grant.grant_id })
  end)

  it("a later failure names its own call", function()
    local grant = sandbox.grant()
    local client = sandbox.installed(grant)
    sandbox.control("revoke", { grant_id = grant.grant_id })
    expect.failure("grant_revoked", client.me, client)
    check(expect.failure("grant_revoked", client.get_project, client, "prj_7"),
      { method = "GET", path = "/api/oauth-client/v1/projects/prj_7" })
  end)

  it("grant_not_found sticks too, but is no revocation", function()
    local grant, told = sandbox.grant(), 0
    local client = sandbox.connected(grant, { on_revoked = function() told = told + 1 end })
    client:me()
    sandbox.control("delete_grant", { grant_id = grant.grant_id })
    check(expect.failure("grant_not_found", client.me, client), { status = 404, revoked = false, retryable = false })
    local before = sandbox.total(grant)
    check(expect.failure("grant_not_found", client.list_organizations, client), { revoked = false })
    assert.equal(before, sandbox.total(grant))
    assert.is_false(client:is_revoked())
    assert.equal(0, told)
  end)

  for _, status in ipairs { 401, 400 } do
    it("a dead refresh token is a revocation, status " .. status, function()
      local grant, told = sandbox.grant { invalid_grant_status = status }, 0
      local client = sandbox.refreshing(grant, { on_revoked = function() told = told + 1 end })
      sandbox.control("expire", { grant_id = grant.grant_id, what = "refresh" })
      local err = expect.failure("grant_revoked", client.me, client)
      check(err, { revoked = true, retryable = false, grant_id = grant.grant_id })
      check(err.cause, { code = "invalid_grant", status = status })
      check_text(err, "reconnect")
      expect.failure("grant_revoked", client.me, client)
      assert.equal(1, sandbox.total(grant))
      assert.equal(1, told)
    end)
  end

  it("a mint that says 401 leaves the word to the refresh", function()
    local grant, told = sandbox.grant { revoked_mint_status = 401 }, 0
    local client = sandbox.connected(grant, { on_revoked = function() told = told + 1 end })
    sandbox.control("revoke", { grant_id = grant.grant_id })
    local err = expect.failure("grant_revoked", client.list_organizations, client)
    assert.is_true(err.revoked)
    assert.equal(1, told)
    assert.same({
      "POST /api/oauth-client/installations/" .. grant.grant_id .. "/tokens", "POST " .. TOKEN,
    }, sandbox.lines(grant))
  end)

  it("an error in on_revoked is handed over with the revocation", function()
    local grant = sandbox.grant()
    local client = sandbox.installed(grant, { on_revoked = function() error("from the hook", 0) end })
    sandbox.control("revoke", { grant_id = grant.grant_id })
    local err = expect.failure("grant_revoked", client.me, client)
    assert.equal("from the hook", err.hook_error)
    assert.is_nil(expect.failure("grant_revoked", client.me, client).hook_error)
    assert.is_true(client:is_revoked())
  end)

  it("revoke() ends it quietly, and again", function()
    local grant, told = sandbox.grant(), 0
    local client = sandbox.connected(grant, { on_revoked = function() told = told + 1 end })
    assert.is_true((client:revoke()))
    assert.equal(1, sandbox.counters(grant).revocations)
    assert.is_true(client:is_revoked())
    local before = sandbox.total(grant)
    assert.is_true((client:revoke()))
    check(expect.failure("grant_revoked", client.me, client), { revoked = true, attempts = 0 })
    assert.equal(before, sandbox.total(grant))
    assert.equal(0, told)
  end)

  it("revoke() of a grant that is gone is a success (410, 404, dead refresh token)", function()
    for _, way in ipairs { "revoke", "delete_grant" } do
      local grant, told = sandbox.grant(), 0
      sandbox.control(way, { grant_id = grant.grant_id })
      local hook = { on_revoked = function() told = told + 1 end }
      assert.is_true((sandbox.connected(grant, hook):revoke()))
      assert.is_true((sandbox.refreshing(grant, hook):revoke()))
      assert.equal(0, told)
    end
  end)

  it("revoke() is repeated after trouble", function()
    local grant = sandbox.grant()
    sandbox.fault(grant, { kind = "close", process = true, method = "DELETE" })
    assert.is_true((sandbox.connected(grant):revoke()))
    assert.equal(2, sandbox.total(grant))
  end)

  it("revoke() that fails for another reason fails", function()
    local grant = sandbox.grant()
    sandbox.fault(grant, { kind = "html", status = 502, times = "always" })
    local client = sandbox.connected(grant)
    expect.failure("server_error", client.revoke, client)
    assert.is_false(client:is_revoked())
  end)
end)

describe("trouble on the way:", function()
  local grant, client
  before_each(function()
    grant = sandbox.grant { scopes = { "projects:write", "projects:read", "org:read" } }
    client = sandbox.installed(grant)
  end)

  local function always(fields)
    fields.times = "always"
    sandbox.fault(grant, fields)
  end

  for name, fields in pairs {
    ["HTML"] = { kind = "html", status = 502 },
    ["nothing"] = { kind = "empty", status = 503 },
    ["JSON without a code"] = { kind = "status", status = 500, body = { message = "Oops" } },
    ["text"] = { kind = "status", status = 504, body = "upstream timed out", content_type = "text/plain" },
  } do
    it("server_error for a 5xx with " .. name, function()
      always(fields)
      local err = expect.failure("server_error", client.me, client)
      check(err, { status = fields.status, retryable = true, revoked = false, attempts = 3, method = "GET", path = ME })
      assert.truthy(err.request_id)
      check_text(err, tostring(fields.status))
    end)
  end

  it("http_error for another status without a code, with the first bytes of the body", function()
    always { kind = "status", status = 418, body = "I am a teapot, short and stout", content_type = "text/plain" }
    local err = expect.failure("http_error", client.me, client)
    check(err, { status = 418, retryable = false, attempts = 1 })
    check_text(err, "I am a teapot")
  end)

  it("redirect for a 3xx, with where it points", function()
    always { kind = "redirect", location = "https://login.example/now" }
    local err = expect.failure("redirect", client.me, client)
    check(err, { status = 302, retryable = false, attempts = 1 })
    assert.equal("https://login.example/now", err.headers.Location)
    check_text(err, "https://login.example/now")
  end)

  it("network when nobody listens", function()
    local nobody = better_i18n.new { base_url = "http://127.0.0.1:1", installation_token = "bi_oat_1",
                                     random = function() return 0 end }
    local err = expect.failure("network", nobody.me, nobody)
    check(err, { retryable = true, revoked = false, attempts = 3, method = "GET", path = ME, status = NONE,
                 headers = NONE, request_id = NONE })
    check_text(err)
    err = expect.failure("network", nobody.create_project, nobody, PROJECT)
    check(err, { retryable = true, attempts = 3 })
  end)

  it("timeout for a read", function()
    always { kind = "delay", ms = 5000 }
    local err = expect.failure("timeout", client.me, client, { timeout = 0.2 })
    check(err, { retryable = true, attempts = 1, status = NONE, method = "GET" })
    check_text(err, "timeout")
  end)

  it("timeout in the middle of a body", function()
    always { kind = "delay_body", ms = 5000 }
    local err = expect.failure("timeout", client.me, client, { timeout = 0.2 })
    check(err, { retryable = true, status = 200 })
  end)

  it("tls", function()
    local strict = sandbox.installed(grant, { base_url = sandbox.TLS_SELF_SIGNED_URL, ca_file = sandbox.CA_FILE })
    local err = expect.failure("tls", strict.me, strict)
    check(err, { retryable = false, attempts = 1, status = NONE })
    check_text(err, "certificate")
  end)

  for name, fields in pairs {
    ["closed"] = { kind = "close" }, ["reset"] = { kind = "reset" }, ["truncated"] = { kind = "truncate" },
    ["HTML 502"] = { kind = "html", status = 502 }, ["empty 500"] = { kind = "empty", status = 500 },
    ["late"] = { kind = "delay", ms = 5000, after = true },
  } do
    it("outcome_unknown for a write: " .. name, function()
      always(fields)
      local err = expect.failure("outcome_unknown", client.create_project, client, PROJECT, { timeout = 0.4 })
      check(err, { retryable = false, revoked = false, attempts = 1, method = "POST",
                   path = "/api/oauth-client/v1/projects" })
      assert.is_true(better_i18n.is_error(err.cause))
      check_text(err, "look before sending it again")
      assert.equal(1, sandbox.total(grant))
    end)
  end

  for status, body in pairs { [201] = "created", [200] = '{"id":' } do
    it("outcome_unknown for a write that was answered " .. status .. " without JSON", function()
      always { kind = "status", status = status, body = body }
      local err = expect.failure("outcome_unknown", client.create_project, client, PROJECT)
      check(err, { retryable = false, status = status, attempts = 1, method = "POST",
                   path = "/api/oauth-client/v1/projects" })
      check(err.cause, { code = "invalid_response", status = status })
      check_text(err, "the service answered " .. status .. ", so it was most likely done")
      check_text(err, "look before sending it again")
      assert.equal(1, sandbox.total(grant))
      err = expect.failure("outcome_unknown", client.request, client, "DELETE", "/api/things/1")
      check_text(err, "most likely done")
    end)
  end

  it("refresh_outcome_unknown, while live tokens go on serving", function()
    sandbox.fault(grant, { kind = "close", grant_type = "refresh_token", times = "always" })
    local fresh = sandbox.refreshing(grant)
    local err = expect.failure("refresh_outcome_unknown", fresh.me, fresh)
    check(err, { retryable = true, revoked = false, grant_id = grant.grant_id })
    check(origin(err), { code = "network", method = "POST", path = TOKEN, attempts = 2 })
    check_text(err)
    local live = sandbox.connected(grant)
    assert.equal(grant.grant_id, live:me().grant_id)
    assert.is_table((live:list_organizations()))
  end)

  it("a refresh that meets a 503 is trouble, not a revocation", function()
    sandbox.fault(grant, { kind = "html", status = 503, grant_type = "refresh_token", times = "always" })
    local fresh = sandbox.refreshing(grant)
    local err = expect.failure("server_error", fresh.me, fresh)
    check(err, { retryable = true, revoked = false })
    check(origin(err), { code = "server_error", status = 503, path = TOKEN })
    sandbox.clear_faults(grant)
    assert.equal(grant.grant_id, fresh:me().grant_id)
  end)

  it("invalid_response", function()
    always { kind = "bad_json" }
    local err = expect.failure("invalid_response", client.me, client)
    check(err, { status = 200, retryable = false, attempts = 1 })
    check_text(err, "JSON")
  end)

  it("too_large", function()
    always { kind = "big_body", bytes = 100000 }
    local small = sandbox.installed(grant, { max_response_bytes = 5000 })
    check(expect.failure("too_large", small.me, small), { status = 200, retryable = false, attempts = 1 })
  end)

  it("closed", function()
    client:close()
    local err = expect.failure("closed", client.me, client)
    check(err, { retryable = false, revoked = false })
    check_text(err, "new()")
  end)

  it("cancelled, when a hook closes the client under the call", function()
    local closing
    closing = sandbox.installed(grant, { on_request = function() closing:close() end })
    local err = expect.failure("cancelled", closing.me, closing)
    check(err, { retryable = false, revoked = false, method = "GET", path = ME })
    check_text(err)
    assert.equal(0, sandbox.total(grant))
  end)

  it("state_mismatch", function()
    local err = expect.failure("state_mismatch", better_i18n.oauth.parse_callback, "code=abc&state=theirs",
      { state = "ours" })
    check(err, { retryable = false, revoked = false })
    check_text(err, "again")
  end)
end)

describe("the error object", function()
  it("is known by is_error, and by nothing else", function()
    local err = expect.failure("invalid_argument", better_i18n.new, nil)
    assert.is_true(better_i18n.is_error(err))
    for _, other in ipairs { "x", 1, true, {}, { code = "network", message = "x" }, setmetatable({}, {}), print } do
      assert.is_false(better_i18n.is_error(other))
    end
    assert.is_false(better_i18n.is_error(nil))
    assert.is_false(better_i18n.is_error())
  end)

  it("keeps header names as they are looked up", function()
    local grant = sandbox.grant()
    sandbox.fault(grant, { kind = "status", status = 400, body = { error = "invalid_request" },
                           headers = { ["X-Odd-Name"] = "v" } })
    local client = sandbox.installed(grant)
    local err = expect.failure("invalid_request", client.me, client)
    for _, name in ipairs { "x-odd-name", "X-Odd-Name", "X-ODD-NAME" } do assert.equal("v", err.headers[name]) end
    assert.is_nil(err.headers["x-other"])
    assert.is_nil(err.headers[1])
  end)

  it("stays one line whatever the service writes", function()
    local grant = sandbox.grant()
    local client = sandbox.installed(grant)
    for _, message in ipairs {
      "a\nb\r\nc\td\0zero", "x\27[31mred", ("long "):rep(1000), "\226\128\168sep", "\255\254",
    } do
      sandbox.fault(grant,
        { kind = "status", status = 400, body = { error = "invalid_request", message = message } })
      local err = expect.failure("invalid_request", client.me, client)
      check_text(err)
      assert.is_true(#tostring(err) < 1000, #tostring(err) .. " bytes")
      assert.is_nil(tostring(err):find("\226\128\168", 1, true))
    end
  end)

  it("never takes a sentence for a code", function()
    local grant = sandbox.grant()
    local client = sandbox.installed(grant)
    for _, value in ipairs { "Not Found", "", ("x"):rep(500), 17, { nested = true } } do
      sandbox.fault(grant, { kind = "status", status = 404, body = { error = value } })
      local _, err = better_i18n.try(client.me, client)
      assert.is_true(#err.code <= 64)
      assert.is_nil(err.code:find "[^%w_.-]", err.code)
    end
  end)

  it("is catchable by try, which passes everything else on", function()
    -- The error has the second place, so that `local data, err = try(…)` reads the same whether it went well or not.
    assert.same({ 1, nil, nil, 3, n = 4 }, (function(...) return { n = select("#", ...), ... } end)(
      better_i18n.try(function(...) return ... end, 1, nil, 3)))
    assert.is_nil(better_i18n.try(function() end))
    local nothing, err = better_i18n.try(better_i18n.new, nil)
    assert.is_nil(nothing)
    assert.equal("invalid_argument", err.code)
    local token = {}
    local ok, raised = pcall(better_i18n.try, function() error(token) end)
    assert.is_false(ok)
    assert.equal(token, raised)
    ok, raised = pcall(better_i18n.try, error, "plain", 0)
    assert.is_false(ok)
    assert.equal("plain", raised)
    ok, raised = pcall(better_i18n.try, error, nil)
    assert.is_false(ok)
    assert.is_nil(raised)
  end)
end)
