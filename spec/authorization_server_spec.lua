-- API.md, "What the authorization server's software does", line by line: what the sandbox does when it is asked with
-- nothing of the client in between, and how the client lives with it.
local better_i18n = require "better_i18n"
local cjson = require "cjson"
local expect = require "spec.support.expect"
local http = require "socket.http"
local ltn12 = require "ltn12"
local mime = require "mime"
local sandbox = require "spec.support.sandbox"
local url = require "socket.url"

local oauth = better_i18n.oauth
local TOKEN = "/api/auth/mcp/token"

setup(sandbox.start)
teardown(sandbox.stop)
before_each(function() sandbox.clear_faults() end)

-- Status, body and headers of a bare request.
local function ask(method, path, body, headers)
  local parts = {}
  local all = { ["content-length"] = body and #body or 0 }
  for name, value in pairs(headers or {}) do all[name] = value end
  local _, status, got = http.request {
    url = sandbox.URL .. path, method = method, headers = all, redirect = false,
    source = body and ltn12.source.string(body), sink = ltn12.sink.table(parts),
  }
  return status, table.concat(parts), got
end

local function form(fields, headers)
  local parts = {}
  for name, value in pairs(fields) do parts[#parts + 1] = name .. "=" .. url.escape(value) end
  local all = { ["content-type"] = "application/x-www-form-urlencoded" }
  for name, value in pairs(headers or {}) do all[name] = value end
  local status, body = ask("POST", TOKEN, table.concat(parts, "&"), all)
  local ok, value = pcall(cjson.decode, body)
  return status, ok and value or body
end

local function app(changes)
  local options = {
    base_url = sandbox.URL, client_id = sandbox.CLIENT_ID, redirect_uri = sandbox.REDIRECT_URI, scope = "org:read",
  }
  for name, value in pairs(changes or {}) do options[name] = value end
  return options
end

local function consent(address)
  local status, _, headers = ask("GET", address:match "^http://[^/]+(.*)$")
  assert.equal(302, status)
  return headers.location
end

-- An authorization up to the code.
local function fresh(changes)
  local started = oauth.authorize(app(changes))
  return oauth.parse_callback(consent(started.url), started), started
end

local function exchange(code, started, changes)
  local options = app { client_secret = sandbox.CLIENT_SECRET, code = code, code_verifier = started.code_verifier }
  options.scope = nil
  for name, value in pairs(changes or {}) do options[name] = value end
  return oauth.exchange(options)
end

-- The fields of an exchange, for bare requests.
local function fields(code, changes)
  local all = {
    grant_type = "authorization_code", code = code, redirect_uri = sandbox.REDIRECT_URI,
    client_id = sandbox.CLIENT_ID, client_secret = sandbox.CLIENT_SECRET,
  }
  for name, value in pairs(changes or {}) do all[name] = value or nil end
  return all
end

describe("the authorization server", function()
  it("gives a refresh token only for offline_access: authorize adds it, and its lack is a warning", function()
    local tokens, response = exchange(fresh())
    assert.is_string(tokens.refresh_token)
    assert.is_nil(response.warning)
    tokens, response = exchange(fresh { offline = false })
    assert.is_nil(tokens.refresh_token)
    expect.holds("offline_access", response.warning)
  end)

  it("needs the verifier once a challenge was sent, even with the right secret", function()
    local status, body = form(fields((fresh())))
    assert.equal(400, status)
    assert.equal("invalid_request", body.error)
    local code, started = fresh()
    assert.equal(200, (form(fields(code, { code_verifier = started.code_verifier }))))
    assert.is_string(exchange(fresh()).access_token)
  end)

  it("refuses a verifier where no challenge was sent", function()
    local _, started = fresh()
    local address = started.url:gsub("&code_challenge=[^&]*", ""):gsub("&code_challenge_method=[^&]*", "")
    local code = oauth.parse_callback(consent(address), started)
    expect.failure("invalid_request", exchange, code, started)
  end)

  it("refuses HTTP Basic together with client_id in the body: credentials go in the form", function()
    local basic = { authorization = "Basic " .. mime.b64(sandbox.CLIENT_ID .. ":" .. sandbox.CLIENT_SECRET) }
    local code, started = fresh()
    local verifier = { code_verifier = started.code_verifier }
    local status, body = form(fields(code, verifier), basic)
    assert.equal(401, status)
    assert.equal("invalid_client", body.error)
    local tokens = exchange(fresh())
    local entry = sandbox.last(tokens)
    assert.equal("none", entry.authorization)
    assert.equal("application/x-www-form-urlencoded", entry.headers["content-type"])
  end)

  it("answers 415 to JSON and to no content type", function()
    for _, headers in ipairs { { ["content-type"] = "application/json" }, {} } do
      local status, body = ask("POST", TOKEN, "{}", headers)
      assert.equal(415, status)
      assert.is_nil(cjson.decode(body).error)
    end
  end)

  for name, case in pairs {
    ["a wrong verifier 401 invalid_request"] = { "invalid_request", { code_verifier = ("x"):rep(43) } },
    ["a wrong redirect_uri 401 invalid_client"] = { "invalid_client", { redirect_uri = "http://127.0.0.1:1/other" } },
    ["a wrong secret 401 invalid_client"] = { "invalid_client", { client_secret = "wrong" } },
  } do
    it("answers " .. name .. ", and has spent the code", function()
      local code, started = fresh()
      local err = expect.failure(case[1], exchange, code, started, case[2])
      assert.equal(401, err.status)
      assert.is_false(err.revoked)
      expect.holds("the code is spent", err.message)
      err = expect.failure("invalid_grant", exchange, code, started)
      assert.equal(401, err.status)
      expect.holds("start the authorization again", err.message)
    end)
  end

  it("gives a new refresh token with every refresh, while the old one lives on or dies", function()
    for _, mode in ipairs { "rotating_keep", "rotating" } do
      local grant = sandbox.grant { client_id = sandbox.CLIENT_ID, rotation = mode, installation = false }
      local saved
      local client = sandbox.refreshing(grant, { on_tokens = function(tokens) saved = tokens end })
      client:me()
      assert.is_string(saved.refresh_token)
      assert.is_true(saved.refresh_token ~= grant.refresh_token)
      client:close()
      local status = form { grant_type = "refresh_token", refresh_token = grant.refresh_token,
        client_id = grant.client_id, client_secret = grant.client_secret }
      assert.equal(mode == "rotating" and 401 or 200, status)
    end
  end)

  it("says that a grant may be gone by invalid_grant on a refresh alone", function()
    local grant = sandbox.grant { client_id = sandbox.CLIENT_ID, installation = false }
    local wrong = sandbox.refreshing(grant, { client_secret = "wrong" })
    assert.is_false(expect.failure("invalid_client", wrong.me, wrong).revoked)
    assert.is_false(wrong:is_revoked())
    local own = sandbox.control("client", {})
    local disabled_grant = sandbox.grant { client_id = own.client_id, installation = false }
    sandbox.control("disable_client", { client_id = own.client_id, disabled = true })
    local disabled = sandbox.refreshing(disabled_grant)
    assert.is_false(expect.failure("invalid_client", disabled.me, disabled).revoked)
    sandbox.control("expire", { grant_id = grant.grant_id, what = "refresh" })
    local dead = sandbox.refreshing(grant)
    assert.is_true(expect.failure("grant_revoked", dead.me, dead).revoked)
  end)

  it("may answer a mint after a revocation with 401: then the refresh decides", function()
    local grant = sandbox.grant { client_id = sandbox.CLIENT_ID, installation = false, revoked_mint_status = 401 }
    sandbox.control("revoke", { grant_id = grant.grant_id })
    local client = sandbox.connected(grant)
    assert.is_true(expect.failure("grant_revoked", client.list_organizations, client).revoked)
  end)

  it("redirects with an error without the state, with raw spaces, and refuses an unknown scope wholly", function()
    local started = oauth.authorize(app { scope = "org:read nonsense" })
    local location = consent(started.url)
    assert.is_nil(location:find("state=", 1, true))
    expect.holds(" ", location)
    expect.holds("nonsense", expect.failure("invalid_scope", oauth.parse_callback, location, started).message)
    expect.failure("state_mismatch", oauth.parse_callback, "code=c1", started)
  end)

  it("has a limiter that answers as plain text with X-Retry-After alone", function()
    local grant = sandbox.grant()
    sandbox.fault(grant, { kind = "rate_limit", form = "x", retry_after = 9 })
    local client = sandbox.installed(grant, { max_retries = 0 })
    local err = expect.failure("rate_limited", client.list_organizations, client)
    assert.equal(429, err.status)
    assert.equal(9, err.retry_after)
  end)

  it("answers 403 to a cookie: the client keeps none, though it is given some", function()
    local status, body = form({ grant_type = "refresh_token" }, { cookie = "better-auth.session_token=x" })
    assert.equal(403, status)
    assert.is_nil(body.error)
    local code, started = fresh()
    local tokens = exchange(code, started)
    local client = sandbox.client { grant_id = tokens.grant_id, refresh_token = tokens.refresh_token,
      client_id = sandbox.CLIENT_ID, client_secret = sandbox.CLIENT_SECRET }
    client:list_organizations()
    local seen = 0
    for _, entry in ipairs(sandbox.log(tokens)) do
      seen = seen + 1
      assert.is_nil(entry.headers.cookie)
    end
    assert.is_true(seen >= 4)
  end)

  for _, path in ipairs { "/api/auth/mcp/jwks", "/api/auth/mcp/userinfo", "/api/auth/mcp/revoke" } do
    it("advertises " .. path .. ", which answers 404 without an error code", function()
      local client = sandbox.installed(sandbox.grant())
      local err = expect.failure("http_error", client.request, client, "GET", path, { token = "none" })
      assert.equal(404, err.status)
    end)
  end
end)
