-- The code flow from authorize to tokens with PKCE, against the sandbox: what is sent, what comes back, each way in
-- which it fails, and that an exchange is never repeated. Parameters and codes are literals of API.md.
local better_i18n = require "better_i18n"
local expect = require "spec.support.expect"
local http = require "socket.http"
local sandbox = require "spec.support.sandbox"
local url = require "socket.url"

local oauth = better_i18n.oauth

setup(sandbox.start)
teardown(sandbox.stop)

local function merge(base, changes)
  local merged = {}
  for name, value in pairs(base) do merged[name] = value end
  for name, value in pairs(changes or {}) do
    if value == false and name ~= "offline" then merged[name] = nil else merged[name] = value end
  end
  return merged
end

local function start(changes)
  return oauth.authorize(merge({
    base_url = sandbox.URL, client_id = sandbox.CLIENT_ID, redirect_uri = sandbox.REDIRECT_URI,
    scope = "org:read projects:read",
  }, changes))
end

-- What the user's browser does: asks for the URL, is redirected to the app.
local function consent(started)
  local _, status, headers = http.request { url = started.url, redirect = false, sink = function() return 1 end }
  assert.equal(302, status)
  return headers.location
end

local function exchange(started, code, changes)
  return oauth.exchange(merge({
    base_url = sandbox.URL, client_id = sandbox.CLIENT_ID, client_secret = sandbox.CLIENT_SECRET,
    redirect_uri = sandbox.REDIRECT_URI, code = code, code_verifier = started.code_verifier,
  }, changes))
end

-- The parameters of a URL; a name that comes twice is an error.
local function parameters(text)
  local found = {}
  for name, value in text:match "%?(.*)$":gmatch "([^&=]+)=([^&]*)" do
    assert.is_nil(found[name], name .. " comes twice")
    found[name] = url.unescape(value)
  end
  return found
end

local function exchanges() return sandbox.counters().by_route["POST /api/auth/mcp/token"] or 0 end

describe("authorize", function()
  it("makes the URL that API.md describes", function()
    local started = start()
    assert.equal(sandbox.URL .. "/api/auth/mcp/authorize", started.url:match "^[^?]+")
    local sent = parameters(started.url)
    assert.equal("code", sent.response_type)
    assert.equal(sandbox.CLIENT_ID, sent.client_id)
    assert.equal(sandbox.REDIRECT_URI, sent.redirect_uri)
    assert.equal("org:read projects:read offline_access", sent.scope)
    assert.equal("S256", sent.code_challenge_method)
    assert.equal(43, #sent.code_challenge)
    assert.is_nil(sent.code_challenge:find "[^%w_-]")
    assert.equal(started.state, sent.state)
    assert.is_nil(started.url:find(" ", 1, true))
    assert.is_nil(started.url:find(started.code_verifier, 1, true))
    assert.is_nil(started.url:find "client_secret")
  end)

  it("draws state and verifier anew each time", function()
    local seen = {}
    for _ = 1, 50 do
      local started = start()
      for _, value in ipairs { started.state, started.code_verifier } do
        assert.is_nil(seen[value])
        seen[value] = true
        assert.is_true(#value >= 43 and #value <= 128)
        assert.is_nil(value:find "[^%w._~-]")
      end
    end
  end)

  it("adds offline_access unless told otherwise, and only once", function()
    assert.equal("org:read projects:read", parameters(start({ offline = false }).url).scope)
    assert.equal("offline_access org:read", parameters(start({ scope = "offline_access org:read" }).url).scope)
    assert.equal("not_offline_access offline_access",
      parameters(start({ scope = "not_offline_access" }).url).scope)
    assert.equal("offline_access", parameters(start({ scope = false }).url).scope)
    assert.is_nil(parameters(start({ scope = false, offline = false }).url).scope)
  end)

  it("needs no secret and sends nothing", function()
    local before = sandbox.total()
    start()
    assert.equal(before, sandbox.total())
  end)

  it("goes to the service itself by default", function()
    assert.equal("https://dash.better-i18n.com/api/auth/mcp/authorize", start({ base_url = false }).url:match "^[^?]+")
    assert.equal(sandbox.URL .. "/api/auth/mcp/authorize",
      start({ base_url = false, dashboard_url = sandbox.URL }).url:match "^[^?]+")
  end)

  it("keeps a redirect_uri byte for byte", function()
    local uri = "https://app.example:8443/cb/?a=1&b=%20ü#x"
    assert.equal(uri, parameters(start({ redirect_uri = uri }).url).redirect_uri)
  end)
end)

describe("the code flow", function()
  it("ends in tokens that new takes as they are", function()
    local started = start()
    local code = oauth.parse_callback(consent(started), { state = started.state })
    assert.truthy(code:find "^code_")
    local tokens, response = exchange(started, code)
    assert.truthy(tokens.access_token:find "^at_")
    assert.truthy(tokens.refresh_token:find "^rt_")
    assert.truthy(tokens.grant_id:find "^grt_")
    assert.equal("bearer", tokens.token_type:lower())
    assert.is_true(tokens.expires_in > 1790 and tokens.expires_in <= 1800)
    assert.is_true(math.abs(tokens.expires_at - os.time() - 1800) <= 2)
    assert.equal("org:read projects:read offline_access", tokens.scope)
    assert.equal(200, response.status)
    assert.equal(1, response.attempts)
    assert.is_nil(response.warning)
    tokens.base_url, tokens.client_id, tokens.client_secret = sandbox.URL, sandbox.CLIENT_ID, sandbox.CLIENT_SECRET
    local client = better_i18n.new(tokens)
    assert.equal(tokens.grant_id, client:me().grant_id)
    assert.equal(4, #client:list_organizations())
    sandbox.control("expire", { grant_id = tokens.grant_id, what = "access" })
    assert.equal(tokens.grant_id, client:me().grant_id)
  end)

  it("sends the exchange as a form with everything that the server wants", function()
    local started = start()
    local tokens = exchange(started, oauth.parse_callback(consent(started), { state = started.state }))
    local found
    for _, entry in ipairs(sandbox.log(tokens)) do
      if entry.form then found = entry end
    end
    assert.equal("POST", found.method)
    assert.equal("/api/auth/mcp/token", found.path)
    assert.equal("none", found.authorization)
    assert.equal("application/x-www-form-urlencoded", found.headers["content-type"])
    assert.is_nil(found.headers.cookie)
    local names = {}
    for name in pairs(found.form) do names[#names + 1] = name end
    table.sort(names)
    assert.same({ "client_id", "client_secret", "code", "code_verifier", "grant_type", "redirect_uri" }, names)
    assert.equal("authorization_code", found.form.grant_type)
    assert.equal(sandbox.REDIRECT_URI, found.form.redirect_uri)
  end)

  it("works for a public app, without a secret", function()
    local app = { client_id = sandbox.PUBLIC_CLIENT_ID, client_secret = false }
    local started = start(app)
    local tokens = exchange(started, oauth.parse_callback(consent(started), { state = started.state }), app)
    tokens.base_url, tokens.client_id = sandbox.URL, sandbox.PUBLIC_CLIENT_ID
    local client = better_i18n.new(tokens)
    sandbox.control("expire", { grant_id = tokens.grant_id, what = "access" })
    assert.equal(tokens.grant_id, client:me().grant_id)
  end)

  it("works over TLS", function()
    local hosts = { base_url = sandbox.TLS_URL, ca_file = sandbox.CA_FILE }
    local started = start()
    assert.is_string(exchange(started, oauth.parse_callback(consent(started), { state = started.state }),
      hosts).access_token)
  end)

  it("warns when no refresh token came", function()
    local started = start { offline = false }
    local tokens, response = exchange(started, oauth.parse_callback(consent(started), { state = started.state }))
    assert.is_nil(tokens.refresh_token)
    assert.is_string(tokens.access_token)
    expect.holds("offline_access", response.warning)
  end)

  it("may come without a grant_id, which new then asks for by name", function()
    sandbox.control("consent", { client_id = sandbox.CLIENT_ID, settings = { omit_grant_id = true } })
    local started = start()
    local tokens = exchange(started, oauth.parse_callback(consent(started), { state = started.state }))
    assert.is_nil(tokens.grant_id)
    tokens.base_url, tokens.client_id, tokens.client_secret = sandbox.URL, sandbox.CLIENT_ID, sandbox.CLIENT_SECRET
    expect.refused("grant_id", better_i18n.new, tokens)
  end)
end)

describe("parse_callback", function()
  local function parse(text, state) return oauth.parse_callback(text, { state = state or "the-state" }) end

  it("takes a whole URL, a relative one, or the query alone", function()
    for _, text in ipairs {
      "https://app.example/cb?code=c1&state=the-state", "/cb?code=c1&state=the-state", "code=c1&state=the-state",
      "?code=c1&state=the-state", "state=the-state&code=c1", "https://app.example/cb?x=y&code=c1&state=the-state#frag",
      "code=c1&state=the%2Dstate", "http://127.0.0.1:4000/?code=c1&state=the-state&iss=https%3A%2F%2Fx",
    } do
      assert.equal("c1", parse(text), text)
    end
    assert.equal("a/b+c=", parse "code=a%2Fb%2Bc%3D&state=the-state")
  end)

  it("wants the very state that was sent", function()
    for _, state in ipairs { "the-stat", "the-state2", "The-state", "", "x" } do
      expect.failure("state_mismatch", parse, "code=c1&state=" .. state)
    end
    expect.failure("state_mismatch", parse, "code=c1")
    expect.failure("state_mismatch", parse, "code=c1&state=the-state&state=other")
  end)

  it("reports the server's error even without a state, with raw spaces", function()
    local err = expect.failure("access_denied", parse, "https://app.example/cb?error=access_denied")
    assert.is_false(err.revoked)
    assert.is_false(err.retryable)
    err = expect.failure("invalid_scope", parse,
      "https://app.example/cb?error=invalid_scope&error_description=The following scopes are invalid: nonsense")
    expect.holds("The following scopes are invalid: nonsense", err.message)
    expect.failure("access_denied", parse, "error=access_denied&state=wrong")
    expect.failure("access_denied", parse, "error=access_denied&code=c1&state=the-state")
  end)

  it("does not let the URL write the message", function()
    local err = expect.failure("invalid_request", parse, "error=bad%0Acode%20here&error_description=a%0D%0Ab%1B[31m")
    assert.is_nil(tostring(err):find "%c")
    err = expect.failure("x", parse, "error=x&error_description=" .. ("long"):rep(5000))
    assert.is_true(#tostring(err) < 600)
  end)

  it("takes nginx's argument table, by the same rules", function()
    local good = { code = "a/b+c=", state = "the-state", iss = true, other = { "1", "2" } }
    assert.equal("a/b+c=", parse(good))
    assert.equal("c1", parse { code = { "c1" }, state = { "the-state" } })
    assert.equal("c&1?#", parse { code = "c&1?#", state = "the-state" })
    for code, arguments in pairs {
      state_mismatch = { code = "c1", state = { "the-state", "the-state" } },
      access_denied = { error = "access_denied", error_description = "raw spaces & more" },
      server_error = { error = { "server_error", "other" }, code = "c1", state = "the-state" },
      invalid_request = { error = true },
    } do expect.failure(code, parse, arguments) end
    for _, state in ipairs { "the-stat", "the-state2", "", true, { "other" } } do
      expect.failure("state_mismatch", parse, { code = "c1", state = state })
    end
    expect.failure("state_mismatch", parse, { code = "c1" })
    for text, arguments in pairs {
      ["more than one code"] = { code = { "c1", "c2" }, state = "the-state" },
      ["code is empty"] = { code = "", state = "the-state" },
      ["code is empty or"] = { code = true, state = "the-state" },
      ["neither a code"] = {}, ["code must be a string, not number"] = { code = 7, state = "the-state" },
      ["state must be a string, not boolean"] = { code = "c1", state = false },
      ["code must be a string, not table"] = { code = { "c1", {} }, state = "the-state" },
      ["too long"] = { code = ("c"):rep(70000), state = "the-state" },
    } do expect.refused(text, parse, arguments) end
    expect.holds("raw spaces & more", expect.failure("access_denied", parse,
      { error = "access_denied", error_description = "raw spaces & more" }).message)
  end)

  it("refuses two codes, an empty one, and what is no callback", function()
    for text, query in pairs {
      ["more than one code"] = "code=c1&code=c2&state=the-state", ["code is empty"] = "code=&state=the-state",
      ["neither a code"] = "https://app.example/cb", ["query is broken"] = "code=%zz&state=the-state",
    } do expect.refused(text, parse, query) end
    for _, value in ipairs { 7, true, print } do expect.refused("must be a URL", parse, value) end
  end)

  it("needs the state", function()
    expect.refused("state is missing", oauth.parse_callback, "code=c1&state=", {})
    expect.refused("state must not be empty", oauth.parse_callback, "code=c1&state=", { state = "" })
    expect.refused("state must be a string", oauth.parse_callback, "code=c1", { state = 7 })
    expect.refused("table of options", oauth.parse_callback, "code=c1&state=s", "s")
    expect.refused("table of options", oauth.parse_callback, "code=c1&state=s")
    expect.refused("'sate'", oauth.parse_callback, "code=c1&state=s", { state = "s", sate = "s" })
    local started = start()
    assert.equal("c1", oauth.parse_callback("code=c1&state=" .. started.state, started))
  end)

  it("never shows the code", function()
    local err = expect.failure("state_mismatch", parse, "code=code_canary_0001&state=x")
    assert.is_nil(expect.everything(err):find "canary")
  end)
end)

describe("the user", function()
  it("may say no", function()
    sandbox.control("consent", { client_id = sandbox.CLIENT_ID, deny = true })
    local started = start()
    expect.failure("access_denied", oauth.parse_callback, consent(started), { state = started.state })
  end)

  it("may grant less than was asked for", function()
    sandbox.control("consent", { client_id = sandbox.CLIENT_ID, cut = { "projects:read" } })
    local started = start()
    local tokens = exchange(started, oauth.parse_callback(consent(started), { state = started.state }))
    assert.equal("org:read offline_access", tokens.scope)
  end)

  it("is told of an unknown scope", function()
    local started = start { scope = "org:read nonsense" }
    local err = expect.failure("invalid_scope", oauth.parse_callback, consent(started), { state = started.state })
    expect.holds("nonsense", err.message)
  end)
end)

describe("an exchange", function()
  before_each(function() sandbox.clear_faults() end)

  local function fresh()
    local started = start()
    return started, oauth.parse_callback(consent(started), { state = started.state })
  end

  -- Fails with that code after one request, and has spent the code.
  local function check_refused(code_name, changes)
    local started, code = fresh()
    local before = exchanges()
    local err = expect.failure(code_name, exchange, started, code, changes)
    assert.equal(1, err.attempts)
    assert.is_false(err.revoked)
    assert.is_false(err.retryable)
    assert.equal(before + 1, exchanges())
    expect.failure("invalid_grant", exchange, started, code)
    expect.holds("start the authorization again", err.message)
    assert.equal(401, err.status)
    return err
  end

  it("of a spent code fails", function()
    local started, code = fresh()
    exchange(started, code)
    local before = exchanges()
    local err = expect.failure("invalid_grant", exchange, started, code)
    expect.holds("spent", err.message)
    assert.equal(before + 1, exchanges())
  end)

  it("with a wrong verifier fails", function() check_refused("invalid_request", { code_verifier = ("x"):rep(43) }) end)
  it("with a wrong secret fails", function() check_refused("invalid_client", { client_secret = "wrong-secret" }) end)
  it("with another redirect fails", function()
    check_refused("invalid_client", { redirect_uri = sandbox.REDIRECT_URI .. "/" })
  end)
  it("of another app's code fails", function()
    check_refused("invalid_client",
      { client_id = sandbox.OTHER_CLIENT_ID, client_secret = sandbox.OTHER_CLIENT_SECRET })
  end)

  for name, fields in pairs {
    ["lost"] = { kind = "close", process = true }, ["reset"] = { kind = "reset", process = true },
    ["HTML 502"] = { kind = "html", status = 502, process = true }, ["truncated"] = { kind = "truncate" },
    ["late"] = { kind = "delay", ms = 5000, after = true },
  } do
    it("whose answer is " .. name .. " is not repeated, and its outcome unknown", function()
      local started, code = fresh()
      local before = exchanges()
      fields.grant_type, fields.client_id = "authorization_code", sandbox.CLIENT_ID
      sandbox.control("fault", fields)
      local err = expect.failure("outcome_unknown", exchange, started, code, { timeout = 0.5, max_retries = 5 })
      assert.equal(1, err.attempts)
      assert.equal(before + 1, exchanges())
      assert.is_true(better_i18n.is_error(err.cause))
      expect.holds("again", err.message)
    end)
  end

  it("that meets a 429 is not repeated", function()
    local started, code = fresh()
    local before = exchanges()
    sandbox.control("fault", { kind = "rate_limit", form = "x", grant_type = "authorization_code" })
    local err = expect.failure("rate_limited", exchange, started, code)
    assert.equal(1, err.attempts)
    assert.equal(before + 1, exchanges())
  end)

  for name, body in pairs {
    ["without an access token"] = { token_type = "Bearer" }, ["that is no JSON"] = "{", ["that is empty"] = "",
    ["of another type"] = { access_token = "at_1", token_type = "DPoP" },
  } do
    it("answered " .. name .. " is invalid_response", function()
      local started, code = fresh()
      sandbox.control("fault", { kind = "status", status = 200, body = body, grant_type = "authorization_code" })
      local err = expect.failure("invalid_response", exchange, started, code)
      assert.equal(200, err.status)
      expect.holds("the code may be spent: start the authorization again", err.message)
    end)
  end

  for status, body in pairs {
    [403] = '{"code":"INVALID_ORIGIN","message":"Invalid origin"}', [404] = "",
    [415] = '{"message":"Unsupported","code":"UNSUPPORTED_MEDIA_TYPE"}',
  } do
    it("that fails outside the protocol with " .. status .. " is an http_error", function()
      sandbox.control("fault", { kind = "status", status = status, body = body, grant_type = "authorization_code" })
      local started, code = fresh()
      local err = expect.failure("http_error", exchange, started, code)
      assert.equal(status, err.status)
      assert.is_false(err.retryable)
      expect.holds("the code may be spent", err.message)
    end)
  end

  it("that the limiter stops says when to come back", function()
    sandbox.control("fault", { kind = "rate_limit", form = "x", retry_after = 7, grant_type = "authorization_code" })
    local started, code = fresh()
    local err = expect.failure("rate_limited", exchange, started, code)
    assert.equal(7, err.retry_after)
    assert.is_true(err.retryable)
    assert.equal(200, select(2, exchange(started, code)).status) -- it never reached the server's rules
  end)

  it("takes the token type in any case", function()
    for _, name in ipairs { "bearer", "Bearer", "BEARER" } do
      local started, code = fresh()
      sandbox.control("fault", { kind = "status", status = 200, grant_type = "authorization_code",
        body = { access_token = "at_00000001", token_type = name, expires_in = 60 } })
      local tokens, response = exchange(started, code)
      assert.equal("at_00000001", tokens.access_token)
      expect.holds("offline_access", response.warning)
    end
  end)

  it("never leaves when nobody listens", function()
    local err = expect.failure("network", exchange, { code_verifier = ("v"):rep(43) }, "code_1",
      { base_url = "http://127.0.0.1:1" })
    assert.equal(1, err.attempts)
  end)
end)

describe("register", function()
  it("sends the metadata as it is and gives the registration", function()
    local app, response = oauth.register({
      client_name = "Übersetzer", redirect_uris = { "https://app.example/cb" }, token_endpoint_auth_method = "none",
      base_url = sandbox.URL,
    })
    assert.equal(201, response.status)
    assert.is_string(app.client_id)
    assert.is_nil(app.client_secret)
    assert.equal("Übersetzer", app.client_name)
    local started = start { client_id = app.client_id, redirect_uri = "https://app.example/cb" }
    local tokens = exchange(started, oauth.parse_callback(consent(started), { state = started.state }),
      { client_id = app.client_id, client_secret = false, redirect_uri = "https://app.example/cb" })
    assert.is_string(tokens.access_token)
  end)

  it("raises the service's complaint", function()
    local err = expect.failure("invalid_redirect_uri", oauth.register,
      { redirect_uris = { "nonsense" }, base_url = sandbox.URL })
    assert.equal(400, err.status)
  end)

  it("passes the service's codes on, and shows no secret of an answer that is spoilt", function()
    local metadata = { redirect_uris = { "https://app.example/cb" }, base_url = sandbox.URL }
    expect.failure("invalid_client_metadata", oauth.register,
      merge(metadata, { token_endpoint_auth_method = "nonsense" }))
    local app = oauth.register(metadata)
    assert.truthy(app.client_secret:find "^secret_") -- the user's own: it is what was asked for
    sandbox.control("fault", { kind = "status", status = 201, path = "/api/auth/mcp/register",
      body = '{"client_id":"c","client_secret":"canary-1","registration_access_token":"canary-2","x":' })
    local err = expect.failure("outcome_unknown", oauth.register, metadata)
    assert.is_nil(expect.everything(err):find "canary")
  end)

  it("is a write: not repeated", function()
    sandbox.control("fault", { kind = "close", path = "/api/auth/mcp/register" })
    local before = sandbox.counters().by_route["POST /api/auth/mcp/register"]
    expect.failure("outcome_unknown", oauth.register,
      { redirect_uris = { "https://app.example/cb" }, base_url = sandbox.URL })
    assert.equal(before + 1, sandbox.counters().by_route["POST /api/auth/mcp/register"])
  end)
end)
