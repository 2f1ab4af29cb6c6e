-- A canary in every token, secret and code: none of it shows in an error, a hook's argument, the trace or a tostring,
-- also when the service writes it into its answers, whole or cut off. on_tokens is the one exception.
local better_i18n = require "better_i18n"
local expect = require "spec.support.expect"
local process = require "spec.support.process"
local raw_server = require "spec.support.raw_server"
local sandbox = require "spec.support.sandbox"

setup(sandbox.start)
teardown(sandbox.stop)

local CANARIES = {
  installation_token = "Canary+Installation/0123456789=", access_token = "Canary+Access/0123456789=",
  refresh_token = "Canary+Refresh/0123456789=", client_secret = "Canary+Secret/0123456789=",
}

-- "Canary" in any case, also when the rest was encoded.
local function check_clean(text, where)
  local found = text:lower():find("canary", 1, true)
  if found then
    error(("a canary in %s: …%s…"):format(where, text:sub(math.max(1, found - 60), found + 60)), 2)
  end
end

-- The ways in which a server may say a secret back.
local function forms(secret)
  local escaped = secret:gsub("[+/=]", function(c) return ("%%%02X"):format(c:byte()) end)
  return {
    secret, escaped, (secret:gsub("/", "\\/")), "Bearer " .. secret,
    (secret:gsub("[+=]", { ["+"] = "&#43;", ["="] = "&#61;" })),
    (secret:gsub("[+/=]", function(c) return ("\\u%04x"):format(c:byte()) end)),
  }
end

-- Everything that a client shows while it fails: hooks' arguments, the error, its tostring.
local function watch(options)
  local shown = {}
  local function note(info) shown[#shown + 1] = expect.everything(info) end
  options.on_request, options.on_response, options.on_revoked = note, note, note
  options.random = function() return 0 end
  return shown
end

local function check_error(err, shown, where)
  assert.is_true(better_i18n.is_error(err), where .. ": " .. tostring(err))
  check_clean(expect.everything(err), "the error of " .. where)
  check_clean(table.concat(shown, "\n"), "a hook's argument of " .. where)
end

describe("a service that echoes secrets", function()
  -- The response to come stands in the path: "/say/<hex>"; for the token endpoint the last one said counts.
  local server
  local ECHO = [[
    local said = "{}"
    return function(request, connection)
      local hex = request.path:match "^/say/(%x*)"
      if hex then
        said = hex:gsub("%x%x", function(digits) return string.char(tonumber(digits, 16)) end)
        return connection:json "{}"
      end
      connection:send(said)
      connection:close()
    end
  ]]

  setup(function() server = raw_server.start(ECHO) end)
  teardown(function() server:stop() end)

  local plain
  local function say(response)
    plain = plain or better_i18n.new { base_url = server.url, installation_token = "bi_oat_speaker" }
    plain:request("POST", "/say/" .. response:gsub(".", function(c) return ("%02x"):format(c:byte()) end),
      { token = "none" })
  end

  local function response(status, body, head, promised)
    return ("HTTP/1.1 %s\r\nContent-Length: %d\r\n%s\r\n%s"):format(status, promised or #body, head or "", body)
  end

  -- A call that carries the secret.
  local calls = {
    installation_token = function(options, secret)
      options.installation_token = secret
      local client = better_i18n.new(options)
      return client.create_project, client, { name = "x", slug = "x", sourceLanguage = "en" }
    end,
    access_token = function(options, secret)
      options.access_token, options.grant_id = secret, "grt_1"
      local client = better_i18n.new(options)
      return client.list_organizations, client
    end,
    refresh_token = function(options, secret)
      options.refresh_token, options.grant_id, options.client_id = secret, "grt_1", "app"
      local client = better_i18n.new(options)
      return client.me, client
    end,
    client_secret = function(options, secret)
      options.refresh_token, options.grant_id, options.client_id = "rt_1", "grt_1", "app"
      options.client_secret = secret
      local client = better_i18n.new(options)
      return client.me, client
    end,
    code = function(options, secret)
      options.client_id, options.redirect_uri, options.code = "app", "https://app.example/cb", secret
      options.code_verifier = ("v"):rep(43)
      return better_i18n.oauth.exchange, options
    end,
    code_verifier = function(options, secret)
      options.client_id, options.redirect_uri, options.code = "app", "https://app.example/cb", "code-1"
      options.code_verifier = secret
      return better_i18n.oauth.exchange, options
    end,
  }

  -- Where a secret may come back: in the body, or in the head.
  local function in_body(form)
    return {
      ["an error's message"] = response("400 Bad Request",
        ('{"error":"invalid_request","message":"bad token %s here"}'):format(form)),
      ["an error's description"] = response("400 Bad Request",
        ('{"error":"invalid_request","error_description":"%s"}'):format(form)),
      ["the required scope"] = response("403 Forbidden", ('{"error":"missing_scope","required":"%s"}'):format(form)),
      ["the code itself"] = response("400 Bad Request", ('{"error":"%s"}'):format(form)),
      ["a page"] = response("502 Bad Gateway", "<html>" .. form .. "</html>", "Content-Type: text/html\r\n"),
      ["a text"] = response("418 Teapot", "it was " .. form .. " indeed"),
      ["bad JSON"] = response("200 OK", '{"token":"' .. form .. '",]'),
      ["a truncated answer"] = response("200 OK", '{"x":"' .. form, nil, 1000),
      ["no HTTP at all"] = form .. "\r\n\r\n",
    }
  end

  local function in_head(form)
    return {
      ["a header"] = response("400 Bad Request", "{}", "X-Echo: " .. form .. "\r\n"),
      ["the request id"] = response("400 Bad Request", "{}", "X-Request-Id: " .. form .. "\r\n"),
      ["a redirect"] = response("302 Found", "", "Location: https://x.example/?t=" .. form .. "\r\n"),
      ["a challenge"] = response("401 Unauthorized", "", 'WWW-Authenticate: Bearer error="' .. form .. '"\r\n'),
      ["the status line"] = "HTTP/1.1 400 " .. form .. "\r\nContent-Length: 0\r\n\r\n",
    }
  end

  local function check_field(answers, where, field, secret)
    for _, form in ipairs(forms(secret)) do
      say(answers(form)[where])
      local options = { base_url = server.url, max_retries = 0 }
      local shown = watch(options)
      local ok, err = pcall(calls[field](options, secret))
      assert.is_false(ok)
      check_error(err, shown, ("%s (%s as %s)"):format(where, field, form))
    end
  end

  local tokens = { "installation_token", "access_token", "refresh_token", "client_secret", "code" }

  local function check_place(answers, where)
    for _, field in ipairs(tokens) do
      -- One with characters that encodings change, one that could pass for an error code.
      check_field(answers, where, field, "Canary+Value/0123456789=")
      check_field(answers, where, field, "CanaryValue_0123456789")
    end
  end

  for place, answers in pairs { body = in_body, head = in_head } do
    for where in pairs(answers "") do
      it(("does not get them into an error: by %s, in the %s"):format(where, place), function()
        check_place(answers, where)
      end)
    end
  end

  it("does not get the verifier into an error, wherever it is", function()
    for _, answers in ipairs { in_body, in_head } do
      for where in pairs(answers "") do
        check_field(answers, where, "code_verifier", "Canary-Verifier_~." .. ("v"):rep(43))
      end
    end
  end)
end)

describe("an answer of the token endpoint", function()
  -- The first of it, cut off anywhere, must not show what nobody knows yet.
  it("that is cut off shows no token that was in it, for every byte", function()
    local body = '{"token_type":"Bearer","access_token":"Canary+New/Access0123","expires_in":1800,'
      .. '"refresh_token":"Canary+New/Refresh0123","grant_id":"grt_1"}'
    local server = raw_server.start(([[
      local body = %q
      local count = 0
      return function(request, connection)
        count = count + 1
        connection:send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " .. #body .. "\r\n\r\n"
          .. body:sub(1, count))
        connection:close()
      end
    ]]):format(body))
    finally(function() server:stop() end)
    for _ = 1, expect.slow and 10 or #body - 1 do
      local options = {
        base_url = server.url, grant_id = "grt_1", refresh_token = "rt_1", client_id = "app", max_retries = 0,
      }
      local shown = watch(options)
      local client = better_i18n.new(options)
      local ok, err = pcall(client.me, client)
      if not ok then check_error(err, shown, "a truncated refresh") end
      client:close()
    end
  end)

  it("that cannot be used shows none either", function()
    local grant = sandbox.grant { rotation = "same" }
    for _, body in ipairs {
      '{"access_token":"Canary0123456789"', '{"access_token":"Canary 0123 456789"}',
      '{"token_type":"mac","access_token":"Canary0123456789"}', '{"refresh_token":"Canary0123456789"}',
      '[{"access_token":"Canary0123456789"}]', '{"access_token":["Canary0123456789"]}',
      '{"data":{"access_token":"Canary0123456789"}}', '{"expires_in":"x","accessToken":"Canary0123456789"}',
    } do
      sandbox.fault(grant, { kind = "status", status = 200, grant_type = "refresh_token", body = body })
      local options = {}
      local shown = watch(options)
      local client = sandbox.refreshing(grant, options)
      local err = expect.failure("invalid_response", client.me, client)
      check_error(err, shown, body)
    end
  end)

  it("of a mint that cannot be used shows none either", function()
    local grant = sandbox.grant { installation = false }
    for _, body in ipairs {
      '{"installation_token":"Canary0123456789"', '{"installation_token":"Canary 0123"}',
      '{"token":"Canary0123456789"}',
    } do
      sandbox.fault(grant, { kind = "status", status = 200, path = "/api/oauth-client/installations/", body = body })
      local options = {}
      local shown = watch(options)
      local client = sandbox.minting(grant, options)
      check_error(expect.failure("invalid_response", client.list_organizations, client), shown, body)
    end
  end)
end)

describe("what a client shows of itself", function()
  it("has no secret in it", function()
    local client = better_i18n.new {
      grant_id = "grt_1", access_token = CANARIES.access_token, refresh_token = CANARIES.refresh_token,
      client_id = "app", client_secret = CANARIES.client_secret,
    }
    check_clean(tostring(client), "tostring")
    expect.holds("grt_1", tostring(client))
    client:close()
    check_clean(tostring(client), "tostring")
    for _, options in ipairs {
      { installation_token = "Canary\n" }, { access_token = "Canary\0" }, { client_secret = "bi_pub_Canary" },
      { installation_token = CANARIES.installation_token, acces_token = CANARIES.access_token },
      { installation_token = "Canary" .. ("x"):rep(20000) },
      { grant_id = "g", access_token = "bi_oat_Canary" },
      { installation_token = CANARIES.installation_token, access_token = CANARIES.access_token },
      { installation_token = "bi_oat_1", base_url = "https://user:Canary@example.com" },
      { installation_token = "bi_oat_1", base_url = "https://example.com/?t=Canary" },
    } do
      local err = expect.failure("invalid_argument", better_i18n.new, options)
      check_clean(expect.everything(err), "the error of new")
    end
  end)

  it("has no secret in the errors of arguments", function()
    local client = better_i18n.new { installation_token = CANARIES.installation_token }
    for _, call in ipairs {
      function() client:request("GET", "/x", { headers = { Authorization = "Bearer Canary" } }) end,
      function() client:request("GET", "/x", { headers = { Cookie = "Canary" } }) end,
      function() client:request("GET", "/x", { token = "Canary" }) end,
      function() client:request("GET", "Canary /x") end,
      function() client:get_project "Canary\n" end,
      function() better_i18n.oauth.exchange { client_id = "app", redirect_uri = "https://a.example", code = "Canary\n",
                                              code_verifier = ("v"):rep(43) } end,
      function() better_i18n.oauth.exchange { client_id = "app", redirect_uri = "https://a.example", code = "c",
                                              code_verifier = "Canary" } end,
      function() better_i18n.oauth.parse_callback("code=Canary&code=Canary&state=s", { state = "s" }) end,
      function() better_i18n.oauth.parse_callback("code=Canary&state=Canary", { state = "s" }) end,
    } do
      local err = expect.failure({ "invalid_argument", "state_mismatch" }, call)
      check_clean(expect.everything(err), "the error of an argument")
    end
  end)
end)

describe("hooks", function()
  it("see what happens, and no secret", function()
    local grant, seen = sandbox.grant { installation = false }, {}
    local function note(info) seen[#seen + 1] = info end
    local client = sandbox.refreshing(grant, { on_request = note, on_response = note })
    client:list_organizations { query = { token = "query-canary-1" } }
    assert.equal(6, #seen)
    local lines = {}
    for index, info in ipairs(seen) do
      lines[index] = ("%s %s %d %s"):format(info.method, info.path, info.attempt, tostring(info.status))
      check_clean(expect.everything(info), "a hook's argument")
    end
    local mint = "POST /api/oauth-client/installations/" .. grant.grant_id .. "/tokens 1 "
    assert.same({
      "POST /api/auth/mcp/token 1 nil", "POST /api/auth/mcp/token 1 200", mint .. "nil", mint .. "200",
      "GET /api/oauth-client/organizations 1 nil", "GET /api/oauth-client/organizations 1 200",
    }, lines)
    assert.truthy(seen[6].request_id:find "^req_")
    assert.is_number(seen[6].elapsed)
    for _, token in ipairs { grant.access_token, grant.refresh_token, grant.client_secret } do
      for _, info in ipairs(seen) do assert.is_nil(expect.everything(info):find(token, 1, true)) end
    end
  end)

  it("see the code of what failed", function()
    local grant, codes = sandbox.grant(), {}
    sandbox.fault(grant, { kind = "html", status = 502 })
    sandbox.fault(grant, { kind = "close" })
    local client = sandbox.installed(grant, {
      on_response = function(info) codes[#codes + 1] = tostring(info.code) end,
    })
    client:me()
    assert.same({ "server_error", "network", "nil" }, codes)
  end)
end)

describe("the trace", function()
  local PROGRAM = [[
    local better_i18n = require "better_i18n"
    local options = {
      base_url = %q, grant_id = %q, refresh_token = %q, client_id = %q, client_secret = %q,
      preflight = false, random = function() return 0 end,
    }
    local client = better_i18n.new(options)
    client:list_organizations { query = { secret = "query-canary" }, headers = { ["X-Key"] = "header-canary" } }
    pcall(client.create_project, client, { name = "body-canary", slug = "x", sourceLanguage = "en" })
    pcall(better_i18n.oauth.exchange, {
      base_url = options.base_url, client_id = "app", redirect_uri = "https://app.example/cb", code = "canary-code-1",
      code_verifier = ("canary"):rep(10),
    })
    client:revoke()
  ]]

  it("tells each request and answer, and no secret, by option or environment", function()
    for _, way in ipairs { "option", "environment" } do
      local grant = sandbox.grant { installation = false }
      local program = PROGRAM:format(sandbox.URL, grant.grant_id, grant.refresh_token, grant.client_id,
        grant.client_secret)
      if way == "option" then program = program:gsub("random =", "debug = true, random =") end
      local _, trace, status = process.run(program, { BETTER_I18N_DEBUG = way == "environment" and "1" or false })
      assert.equal(0, status, trace)
      for _, words in ipairs {
        "> POST " .. sandbox.URL .. "/api/auth/mcp/token (try 1", "< 200 for POST /api/auth/mcp/token",
        "> GET " .. sandbox.URL .. "/api/oauth-client/organizations (try 1", "< 403 for POST",
        "> DELETE " .. sandbox.URL .. "/api/oauth-client/installations/" .. grant.grant_id, "request id req_",
      } do
        expect.holds(words, trace)
      end
      if way == "option" then assert.is_nil(trace:find("canary-code", 1, true)) end
      check_clean(trace, "the trace")
      for _, secret in ipairs { grant.refresh_token, grant.access_token, grant.client_secret, "bi_oat_" } do
        assert.is_nil(trace:find(secret, 1, true), trace)
      end
      for line in trace:gmatch "[^\n]+" do assert.truthy(line:find "^better_i18n: [<>] ", line) end
    end
  end)

  it("is off unless asked for", function()
    local grant = sandbox.grant()
    for _, value in ipairs { "0", "", "true" } do
      local _, trace = process.run(([[
        local client = require "better_i18n".new { base_url = %q, installation_token = %q }
        client:me()
      ]]):format(sandbox.URL, grant.installation_token), { BETTER_I18N_DEBUG = value })
      assert.equal("", trace)
    end
  end)
end)
