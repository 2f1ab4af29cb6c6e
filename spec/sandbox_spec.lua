-- The sandbox against API.md: every expectation here is a literal from there, written with bare sockets, so
-- that client and sandbox cannot share one misreading. Starts its own instance; needs luasocket and luasec.
local cjson = require "cjson"
local http = require "socket.http"
local ltn12 = require "ltn12"
local mime = require "mime"
local shell = require "spec.support.shell"
local socket = require "socket"
local ssl = require "ssl"
local url = require "socket.url"

local SCRIPT = "sandbox/sandbox"
local VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" -- RFC 7636, appendix B
local CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

local env = {}
local dir

local run = shell.run

local function read_env()
  for line in io.lines(dir .. "/env") do
    local name, value = line:match "^export BETTER_I18N_SANDBOX_([%w_]+)='(.*)'$"
    env[name] = value
  end
end

-- Sends a request; returns status, body, headers. options: token, json, form, body, headers.
local function call(method, path, options)
  options = options or {}
  local headers, body, parts = {}, options.body, {}
  for name, value in pairs(options.headers or {}) do headers[name] = value end
  if options.token then headers.authorization = "Bearer " .. options.token end
  if options.json then
    body, headers["content-type"] = cjson.encode(options.json), "application/json"
  elseif options.form then
    local fields = {}
    for name, value in pairs(options.form) do fields[#fields + 1] = name .. "=" .. url.escape(value) end
    body, headers["content-type"] = table.concat(fields, "&"), "application/x-www-form-urlencoded"
  end
  headers["content-length"] = body and tostring(#body) or "0"
  local ok, status, reply_headers = http.request {
    url = env.URL .. path, method = method, headers = headers, redirect = false,
    source = body and ltn12.source.string(body), sink = ltn12.sink.table(parts),
  }
  if not ok then return nil, status end
  return status, table.concat(parts), reply_headers
end

-- The same, with the body decoded.
local function call_json(method, path, options)
  local status, body, headers = call(method, path, options)
  return status, cjson.decode(body), headers
end

local function control(path, fields)
  local status, value = call_json("POST", "/_sandbox/" .. path, { json = fields })
  assert(status == 200 or status == 201, value.message)
  return value
end

local function counters(grant)
  local _, value = call_json("GET", "/_sandbox/counters?grant=" .. grant.grant_id)
  return value
end

local function check_error(status, code, actual_status, body)
  assert.equal(code, body.error)
  assert.equal(status, actual_status)
end

local function query_of(location)
  local fields = {}
  for name, value in location:match "%?(.*)$":gmatch "([^&=]+)=([^&]*)" do
    fields[name] = url.unescape(value)
  end
  return fields
end

-- Asks for consent; returns the fields of the redirect, and the redirect itself. A field set to false is
-- left out.
local function authorize(changes)
  local fields = {
    response_type = "code", client_id = env.CLIENT_ID, redirect_uri = env.REDIRECT_URI, state = "the state",
    scope = "org:read projects:read offline_access",
    code_challenge = CHALLENGE, code_challenge_method = "S256",
  }
  for name, value in pairs(changes or {}) do fields[name] = value or nil end
  local parts = {}
  for name, value in pairs(fields) do parts[#parts + 1] = name .. "=" .. url.escape(value) end
  local status, body, headers = call("GET", "/api/auth/mcp/authorize?" .. table.concat(parts, "&"))
  if status ~= 302 then return nil, status, cjson.decode(body) end
  return query_of(headers.location), headers.location
end

-- Exchanges the code. A field set to false is left out.
local function exchange(code, changes)
  local form = {
    grant_type = "authorization_code", code = code, redirect_uri = env.REDIRECT_URI,
    client_id = env.CLIENT_ID, client_secret = env.CLIENT_SECRET, code_verifier = VERIFIER,
  }
  for name, value in pairs(changes or {}) do form[name] = value or nil end
  return call_json("POST", "/api/auth/mcp/token", { form = form })
end

local function refresh(token)
  return call_json("POST", "/api/auth/mcp/token", { form = {
    grant_type = "refresh_token", refresh_token = token,
    client_id = env.CLIENT_ID, client_secret = env.CLIENT_SECRET,
  } })
end

local function mint(grant)
  return call_json("POST", "/api/oauth-client/installations/" .. grant.grant_id .. "/tokens",
    { token = grant.access_token })
end

-- Everything that a raw GET brings, and how it ended: "closed", "timeout" …
local function raw_get(path, token, count)
  local connection = assert(socket.connect("127.0.0.1", tonumber(env.URL:match ":(%d+)$")))
  connection:settimeout(0.5)
  local request = "GET %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n"
  request = request:format(path, token)
  connection:send(request:rep(count or 1))
  local bytes, reason, rest = connection:receive "*a"
  if bytes then reason = "closed" end
  connection:close()
  return bytes or rest, reason
end

local ME = "/api/oauth-client/me"

setup(function()
  dir = shell.line "mktemp -d"
  assert(run(SCRIPT .. " start " .. dir .. " $PPID"), "the sandbox does not start")
  read_env()
end)

teardown(function()
  run(SCRIPT .. " stop " .. dir)
  run("rm -rf " .. dir)
end)

describe("sandbox OAuth", function()
  it("answers the code flow with API.md's fields", function()
    local redirect = authorize()
    assert.equal("the state", redirect.state)
    local status, tokens = exchange(redirect.code)
    assert.equal(200, status)
    assert.equal(1800, tokens.expires_in)
    assert.equal("bearer", tokens.token_type:lower())
    for _, name in ipairs { "access_token", "refresh_token" } do assert.is_string(tokens[name]) end
    assert.truthy(tokens.grant_id:find "^grt_")
    local minted_status, minted, headers = mint(tokens)
    assert.equal(200, minted_status)
    assert.truthy(minted.installation_token:find "^bi_oat_")
    assert.equal(3600, minted.expires_in)
    assert.truthy(minted.expires_at:find "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d")
    assert.same({ "org:read", "projects:read" }, minted.scopes)
    assert.truthy(headers["x-request-id"])
  end)

  it("writes all projects as an empty array", function()
    local grant = control("grant", {})
    local _, body = call("POST", "/api/oauth-client/installations/" .. grant.grant_id .. "/tokens",
      { token = grant.access_token })
    assert.truthy(body:find('"project_ids":[]', 1, true))
  end)

  it("gives a refresh token for offline_access only", function()
    local _, tokens = exchange(authorize({ scope = "org:read" }).code)
    assert.is_nil(tokens.refresh_token)
  end)

  it("spends the code whatever comes with it", function()
    local wrong = {
      { { code_verifier = ("x"):rep(43) }, 401, "invalid_request" },
      { { redirect_uri = env.REDIRECT_URI .. "/" }, 401, "invalid_client" },
      { { client_secret = "wrong" }, 401, "invalid_client" },
      { { code_verifier = false }, 400, "invalid_request" },
    }
    for _, case in ipairs(wrong) do
      local code = authorize().code
      local status, body = exchange(code, case[1])
      check_error(case[2], case[3], status, body)
      check_error(401, "invalid_grant", exchange(code))
    end
  end)

  it("takes an app without a secret", function()
    local code = authorize({ client_id = env.PUBLIC_CLIENT_ID }).code
    assert.equal(200, (exchange(code, { client_id = env.PUBLIC_CLIENT_ID, client_secret = false })))
  end)

  it("compares the redirect byte for byte", function()
    local _, status = authorize { redirect_uri = env.REDIRECT_URI .. "/" }
    assert.equal(400, status)
  end)

  it("refuses an unknown scope without the state and with raw spaces", function()
    local redirect, location = authorize { scope = "org:read nonsense" }
    assert.equal("invalid_scope", redirect.error)
    assert.is_nil(redirect.state)
    assert.truthy(location:find " ")
  end)

  it("demands PKCE with S256, of an app without a secret", function()
    assert.equal("invalid_request", authorize({ client_id = env.PUBLIC_CLIENT_ID, code_challenge = false }).error)
    assert.equal("invalid_request", authorize({ code_challenge_method = "plain" }).error)
    assert.equal("unsupported_response_type", authorize({ response_type = "token" }).error)
  end)

  it("refuses a verifier where no challenge was sent", function()
    local plain = { code_challenge = false, code_challenge_method = false }
    local status, body = exchange(authorize(plain).code)
    check_error(401, "invalid_request", status, body)
    assert.equal(200, (exchange(authorize(plain).code, { code_verifier = false })))
  end)

  it("lets the user say no, and tick less", function()
    local client = control("client", { public = true, redirect_uris = { "https://app.example/cb" } })
    local as_client = { client_id = client.client_id, redirect_uri = "https://app.example/cb" }
    control("consent", { client_id = client.client_id, deny = true })
    assert.equal("access_denied", authorize(as_client).error)
    control("consent", { client_id = client.client_id, cut = { "projects:read" } })
    local _, tokens = exchange(authorize(as_client).code,
      { client_id = client.client_id, client_secret = false, redirect_uri = "https://app.example/cb" })
    local _, minted = mint(tokens)
    assert.same({ "org:read" }, minted.scopes)
  end)

  it("answers outside the protocol as the framework does", function()
    local status, body = call_json("POST", "/api/auth/mcp/token", { json = { grant_type = "refresh_token" } })
    assert.equal(415, status)
    assert.is_nil(body.error)
    assert.is_string(body.message)
    status, body = call_json("POST", "/api/auth/mcp/token",
      { form = { grant_type = "refresh_token" }, headers = { cookie = "a=b" } })
    assert.equal(403, status)
    assert.is_nil(body.error)
  end)

  it("refuses HTTP Basic together with client_id in the body", function()
    local grant = control("grant", {})
    local status, body = call_json("POST", "/api/auth/mcp/token", {
      headers = { authorization = "Basic " .. mime.b64(env.CLIENT_ID .. ":" .. env.CLIENT_SECRET) },
      form = { grant_type = "refresh_token", refresh_token = grant.refresh_token, client_id = env.CLIENT_ID },
    })
    check_error(401, "invalid_client", status, body)
  end)

  it("registers an app", function()
    local status, client = call_json("POST", "/api/auth/mcp/register",
      { json = { redirect_uris = { "https://app.example/cb" }, token_endpoint_auth_method = "none" } })
    assert.equal(201, status)
    assert.is_string(client.client_id)
    assert.is_nil(client.client_secret)
    local redirect = authorize { client_id = client.client_id, redirect_uri = "https://app.example/cb" }
    assert.is_string(redirect.code)
  end)
end)

describe("sandbox rotation", function()
  local function rotated(mode)
    local grant = control("grant", { rotation = mode })
    local status, tokens = refresh(grant.refresh_token)
    assert.equal(200, status)
    assert.is_string(tokens.access_token)
    return grant, tokens
  end

  it("same: the same token, which lives on", function()
    local grant, tokens = rotated "same"
    assert.equal(grant.refresh_token, tokens.refresh_token)
    assert.equal(200, (refresh(grant.refresh_token)))
  end)

  it("rotating: a new one, the old one is dead", function()
    local grant, tokens = rotated "rotating"
    assert.not_equal(grant.refresh_token, tokens.refresh_token)
    check_error(401, "invalid_grant", refresh(grant.refresh_token))
    assert.equal(200, (refresh(tokens.refresh_token)))
  end)

  it("rotating_keep: a new one, the old one lives on", function()
    local grant, tokens = rotated "rotating_keep"
    assert.not_equal(grant.refresh_token, tokens.refresh_token)
    assert.equal(200, (refresh(grant.refresh_token)))
  end)

  it("reuse_detection: the old one kills the grant", function()
    local grant, tokens = rotated "reuse_detection"
    check_error(401, "invalid_grant", refresh(grant.refresh_token))
    check_error(401, "invalid_grant", refresh(tokens.refresh_token))
    check_error(410, "grant_revoked", mint(tokens.grant_id and tokens or grant))
  end)

  it("omit: none in the reply, the old one lives on", function()
    local grant, tokens = rotated "omit"
    assert.is_nil(tokens.refresh_token)
    assert.equal(200, (refresh(grant.refresh_token)))
    assert.equal(2, counters(grant).refreshes)
  end)
end)

describe("sandbox partner endpoints", function()
  it("tell the kinds of token apart", function()
    local grant = control("grant", {})
    local organizations = "/api/oauth-client/organizations"
    assert.equal(200, (call_json("GET", organizations, { token = grant.installation_token })))
    check_error(401, "invalid_token", call_json("GET", organizations, { token = grant.access_token }))
    check_error(401, "invalid_token", call_json("GET", organizations))
    check_error(401, "invalid_token",
      mint { grant_id = grant.grant_id, access_token = grant.installation_token })
    assert.equal(200, (call_json("GET", ME, { token = grant.access_token })))
    assert.equal(200, (call_json("GET", ME, { token = grant.installation_token })))
  end)

  it("name the missing scope", function()
    local grant = control("grant", {})
    local status, body = call_json("POST", "/api/oauth-client/v1/projects",
      { token = grant.installation_token, json = { name = "Site", slug = "site", sourceLanguage = "en" } })
    check_error(403, "missing_scope", status, body)
    assert.equal("projects:write", body.required)
  end)

  it("create a project and add a language", function()
    local grant = control("grant", { scopes = { "projects:write", "projects:read" } })
    local function post(path, json)
      local options = { token = grant.installation_token, json = json }
      return call_json("POST", "/api/oauth-client/v1/projects" .. path, options)
    end
    local wanted = { name = "Zürich 東京 العربية 🎈", slug = "site", sourceLanguage = "en" }
    local status, project = post("", wanted)
    assert.equal(201, status)
    check_error(400, "invalid_request", post("", wanted))
    check_error(400, "invalid_request", post("", { name = "x" }))
    assert.equal(201, (post("/" .. project.id .. "/languages", { code = "pt-br" })))
    check_error(400, "invalid_request", post("/" .. project.id .. "/languages", { code = "pt-BR" }))
    local _, read = call_json("GET", "/api/oauth-client/v1/projects/" .. project.id,
      { token = grant.installation_token })
    assert.equal(wanted.name, read.name)
    assert.same({ "pt-br" }, read.targetLanguages)
  end)

  it("keep organizations apart and say what is missing", function()
    local grant = control("grant", {})
    local function get(path)
      return call_json("GET", "/api/oauth-client/" .. path, { token = grant.installation_token })
    end
    check_error(403, "wrong_organization", get "organizations/org_2/projects")
    check_error(404, "project_not_found", get "v1/projects/prj_0")
    assert.equal(200, (get "organizations/acme/projects/website-eu/models"))
  end)

  it("know what happened to a grant", function()
    local grant = control("grant", {})
    control("expire", { grant_id = grant.grant_id, what = "installation" })
    check_error(401, "invalid_token", call_json("GET", ME, { token = grant.installation_token }))
    assert.equal(200, (call("DELETE", "/api/oauth-client/installations/" .. grant.grant_id,
      { token = grant.access_token })))
    check_error(410, "grant_revoked", mint(grant))
    check_error(401, "invalid_grant", refresh(grant.refresh_token))
    local deleted = control("grant", {})
    control("delete_grant", { grant_id = deleted.grant_id })
    check_error(404, "grant_not_found", mint(deleted))
  end)

  it("limit the rate when asked to", function()
    local grant = control("grant", { rate_limit = 2 })
    for _ = 1, 2 do assert.equal(200, (call("GET", ME, { token = grant.access_token }))) end
    local status, body, headers = call_json("GET", ME, { token = grant.access_token })
    check_error(429, "rate_limited", status, body)
    assert.truthy(tonumber(headers["retry-after"]))
  end)
end)

describe("sandbox lists", function()
  local PROJECTS = "/api/oauth-client/organizations/org_1/projects"

  local function items_of(body)
    return body.projects or body.data or body.items or body
  end

  -- Where the next page is: a path, or nil.
  local next_page = {
    none = function() end,
    link = function(_, headers)
      local target = headers.link:match '<([^>]+)>; rel="next"'
      return target and target:sub(#env.URL + 1)
    end,
    page = function(body)
      return body.hasMore and ("%s?limit=15&page=%d"):format(PROJECTS, body.page + 1)
    end,
  }
  for _, field in ipairs { "nextCursor", "next_cursor" } do
    next_page[field] = function(body)
      local cursor = body[field]
      return cursor and cursor ~= cjson.null and PROJECTS .. "?limit=15&cursor=" .. url.escape(cursor)
    end
  end

  local function count_all(paging, token)
    local count, pages, path = 0, 0, PROJECTS .. "?limit=15"
    while path do
      local status, body, headers = call_json("GET", path, { token = token })
      assert.equal(200, status)
      count, pages = count + #items_of(body), pages + 1
      path = next_page[paging](body, headers)
    end
    return count, pages
  end

  it("page in every style", function()
    for paging in pairs(next_page) do
      local grant = control("grant", { paging = paging, null_cursor = true })
      local count, pages = count_all(paging, grant.installation_token)
      assert.is_true(count >= 40, paging)
      assert.equal(paging == "none" and 1 or math.ceil(count / 15), pages, paging)
    end
  end)

  it("come in every envelope", function()
    for _, envelope in ipairs { "array", "named", "data", "items" } do
      local grant = control("grant", { envelope = envelope, paging = "none" })
      local _, body = call_json("GET", PROJECTS, { token = grant.installation_token })
      local items = envelope == "array" and body or body[envelope == "named" and "projects" or envelope]
      assert.equal("prj_1", items[1].id)
    end
  end)
end)

describe("sandbox faults", function()
  local grant

  before_each(function()
    grant = control("grant", {})
  end)

  local function fault(fields)
    fields.grant_id = grant.grant_id
    return control("fault", fields)
  end

  local function get()
    return call("GET", ME, { token = grant.access_token })
  end

  it("close and reset without a byte", function()
    fault { kind = "close" }
    local bytes, reason = raw_get(ME, grant.access_token)
    assert.equal("", bytes)
    assert.equal("closed", reason)
    fault { kind = "reset" }
    assert.is_nil((get()))
    assert.equal(200, (get()))
    assert.equal(3, counters(grant).by_route["GET " .. ME])
  end)

  it("do the work and lose the reply", function()
    fault { kind = "close", process = true, path = "/api/oauth-client/installations/" }
    local status = call("POST", "/api/oauth-client/installations/" .. grant.grant_id .. "/tokens",
      { token = grant.access_token })
    assert.is_nil(status)
    assert.equal(1, counters(grant).mints)
  end)

  it("cut the response after any byte", function()
    fault { kind = "close_after", bytes = 100000 }
    local whole, reason = raw_get(ME, grant.access_token)
    assert.equal("closed", reason)
    for _, count in ipairs { 0, 1, 30, #whole - 1 } do
      fault { kind = "close_after", bytes = count }
      assert.equal(count, #raw_get(ME, grant.access_token))
    end
    local _, log = call_json("GET", "/_sandbox/log?grant=" .. grant.grant_id)
    assert.equal(#whole, log.requests[1].response_bytes)
  end)

  it("close after the second request on a connection", function()
    fault { kind = "close", on_connection_request = 2 }
    local bytes, reason = raw_get(ME, grant.access_token, 2)
    assert.equal("closed", reason)
    assert.equal(1, select(2, bytes:gsub("HTTP/1.1 200", "")))
    assert.equal(2, counters(grant).total)
    assert.equal(1, counters(grant).connections)
  end)

  it("truncate against the promised length", function()
    fault { kind = "truncate" }
    local bytes, reason = raw_get(ME, grant.access_token)
    local promised, body = bytes:match "Content%-Length: (%d+).-\r\n\r\n(.*)$"
    assert.equal("closed", reason)
    assert.is_true(#body < tonumber(promised))
    fault { kind = "truncate_chunked" }
    bytes = raw_get(ME, grant.access_token)
    assert.truthy(bytes:find "Transfer%-Encoding: chunked")
    assert.is_nil(bytes:find("\r\n0\r\n", 1, true))
  end)

  it("answer something else", function()
    fault { kind = "html", status = 502 }
    local status, body, headers = get()
    assert.equal(502, status)
    assert.truthy(headers["content-type"]:find "^text/html")
    assert.truthy(body:find "<html>")
    fault { kind = "empty", status = 503 }
    status, body = get()
    assert.equal(503, status)
    assert.equal("", body)
    fault { kind = "bad_json" }
    status, body = get()
    assert.equal(200, status)
    assert.is_false((pcall(cjson.decode, body)))
    fault { kind = "expire" }
    check_error(401, "invalid_token", call_json("GET", ME, { token = grant.access_token }))
    fault { kind = "status", status = 418, body = "tea", headers = { ["X-Pot"] = "1" } }
    status, body, headers = get()
    assert.same({ 418, "tea", "1" }, { status, body, headers["x-pot"] })
  end)

  it("answer 429 in each form", function()
    fault { kind = "rate_limit", retry_after = 7 }
    local _, _, headers = get()
    assert.equal("7", headers["retry-after"])
    fault { kind = "rate_limit", form = "date" }
    _, _, headers = get()
    assert.truthy(headers["retry-after"]:find "^%a%a%a, %d%d %a%a%a %d%d%d%d %d%d:%d%d:%d%d GMT$")
    fault { kind = "rate_limit", form = "x", retry_after = 3 }
    local status, _, limited = get()
    assert.equal(429, status)
    assert.equal("3", limited["x-retry-after"])
    assert.is_nil(limited["retry-after"])
    assert.truthy(limited["content-type"]:find "^text/plain")
  end)

  it("take their time", function()
    for _, kind in ipairs { "delay", "delay_body" } do
      fault { kind = kind, ms = 60 }
      local before = socket.gettime()
      assert.equal(200, (get()))
      assert.is_true(socket.gettime() - before >= 0.055, kind)
    end
  end)

  it("hit as often and as late as asked", function()
    fault { kind = "empty", status = 500, skip = 1, times = 2 }
    local statuses = {}
    for index = 1, 4 do statuses[index] = get() end
    assert.same({ 200, 500, 500, 200 }, statuses)
  end)

  it("refuse a misspelt field", function()
    local status, body = call_json("POST", "/_sandbox/fault", { json = { kind = "delay", miliseconds = 5 } })
    assert.equal(400, status)
    assert.truthy(body.message:find "miliseconds")
  end)
end)

describe("sandbox itself", function()
  it("shows tokens in its log by their name only", function()
    local grant = control("grant", {})
    refresh(grant.refresh_token)
    call("GET", ME, { token = grant.installation_token })
    local _, body = call("GET", "/_sandbox/log?grant=" .. grant.grant_id)
    local requests = cjson.decode(body).requests
    assert.equal("refresh#1", requests[1].form.refresh_token)
    assert.equal("installation", requests[2].authorization)
    for _, secret in ipairs { grant.refresh_token, grant.installation_token, env.CLIENT_SECRET } do
      assert.is_nil(body:find(secret, 1, true))
    end
  end)

  it("has a good certificate and three bad ones", function()
    local function handshake(server)
      local connection = socket.connect("127.0.0.1", tonumber(env[server]:match ":(%d+)$"))
      connection = assert(ssl.wrap(connection, {
        mode = "client", protocol = "tlsv1_2", verify = "peer", cafile = env.CA_FILE, options = "all",
      }))
      local ok, problem = connection:dohandshake()
      connection:close()
      return ok, problem
    end
    assert.is_true((handshake "TLS_URL"))
    assert.is_true((handshake "TLS_WRONG_HOST_URL")) -- luasec leaves the name to its caller
    assert.is_falsy((handshake "TLS_EXPIRED_URL"))
    assert.is_falsy((handshake "TLS_SELF_SIGNED_URL"))
  end)

  it("runs side by side with another and stops without a trace", function()
    local second = dir .. "/second"
    assert.is_true(run(SCRIPT .. " start " .. second))
    local file = io.open(second .. "/nginx.pid")
    local pid = file:read "*n"
    file:close()
    assert.equal(200, (call("GET", "/_sandbox/static")))
    assert.is_true(run(SCRIPT .. " stop " .. second))
    assert.is_false(run("kill -0 " .. pid .. " 2>/dev/null"))
    assert.is_nil(io.open(second .. "/env"))
    assert.is_nil(io.open(second .. "/exports"))
    assert.is_true(run(SCRIPT .. " stop " .. second))
  end)

  it("says that there is nothing to stop where none was started", function()
    local function stop(folder) return shell.output(SCRIPT .. " stop " .. folder .. " 2>&1; echo $?") end
    assert.truthy(stop "/nope":find "no directory /nope\n1\n")
    run("mkdir " .. dir .. "/stranger")
    assert.truthy(stop(dir .. "/stranger"):find "no sandbox was started .*\n1\n")
  end)
end)
