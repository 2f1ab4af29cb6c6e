-- Bad input: each wrong argument is an invalid_argument at once, which names it, and nothing is sent. The counters of
-- the sandbox say at the end that it saw none of it.
local better_i18n = require "better_i18n"
local expect = require "spec.support.expect"
local process = require "spec.support.process"
local sandbox = require "spec.support.sandbox"

local grant, client, connected

setup(function()
  sandbox.start()
  grant = sandbox.grant { scopes = { "org:read", "projects:read", "projects:write", "content:read" } }
  client = sandbox.installed(grant)
  connected = sandbox.connected(grant)
end)

teardown(function()
  local total = sandbox.total()
  sandbox.stop()
  assert.equal(0, total, "requests arrived")
end)

local PROJECT = { name = "Site", slug = "site", sourceLanguage = "en" }
local nan, infinite = 0 / 0, 1 / 0

-- A value that is nobody's idea of a string, for the tables below; "missing" stands for nil.
local MISSING = {}

local function call(method, ...)
  local arguments = { ... }
  local count = select("#", ...)
  for index = 1, count do
    if arguments[index] == MISSING then arguments[index] = nil end
  end
  return client[method](client, (table.unpack or unpack)(arguments, 1, count))
end

local bad_ids = {
  ["missing"] = MISSING, ["a number"] = 5, ["a boolean"] = true, ["a table"] = {}, ["empty"] = "", ["a dot"] = ".",
  ["two dots"] = "..", ["a line feed"] = "a\nb", ["a carriage return"] = "a\r", ["NUL"] = "a\0b", ["DEL"] = "\127",
  ["a tab"] = "\t", ["1,025 bytes"] = ("x"):rep(1025), ["a million bytes"] = ("x"):rep(1000000),
}

describe("an id in a path", function()
  local methods = {
    { "list_projects", { "org_id" } },
    { "get_project", { "project_id" } },
    { "add_language", { "project_id", "code" }, { project_id = "prj_1", code = "de" } },
    { "list_models", { "org_slug", "project_slug" }, { org_slug = "acme", project_slug = "website-eu" } },
  }
  for _, method in ipairs(methods) do
    local name, parameters, good = (table.unpack or unpack)(method)
    for position, parameter in ipairs(parameters) do
      if parameter ~= "code" then
        for what, value in pairs(bad_ids) do
          it("is refused by " .. name .. " as " .. parameter .. ": " .. what, function()
            local arguments = {}
            for index, other in ipairs(parameters) do arguments[index] = good and good[other] end
            arguments[position] = value
            expect.refused(parameter, call, name, (table.unpack or unpack)(arguments, 1, #parameters))
          end)
        end
      end
    end
  end
end)

describe("a language code", function()
  for what, value in pairs {
    ["missing"] = MISSING, ["a number"] = 5, ["empty"] = "", ["a table"] = {}, ["control characters"] = "d\ne",
    ["NUL"] = "de\0",
  } do
    it("is refused: " .. what, function() expect.refused("code", call, "add_language", "prj_1", value) end)
  end
end)

describe("the payload of create_project", function()
  for what, value in pairs { ["missing"] = MISSING, ["a string"] = "Site", ["a number"] = 5 } do
    it("is refused: " .. what, function() expect.refused("payload", call, "create_project", value) end)
  end
  for _, field in ipairs { "name", "slug", "sourceLanguage" } do
    for what, value in pairs { ["missing"] = MISSING, ["a number"] = 5, ["empty"] = "", ["a table"] = {} } do
      it("is refused: " .. field .. " is " .. what, function()
        local payload = { name = "Site", slug = "site", sourceLanguage = "en" }
        payload[field] = value ~= MISSING and value or nil
        expect.refused(field, call, "create_project", payload)
      end)
    end
  end
end)

describe("a field of create_project that has another name", function()
  it("is named beside the one that is missing", function()
    expect.refused("create_project: sourceLanguage is missing; did you mean it by 'source_language'?", call,
      "create_project", { name = "Site", slug = "site", source_language = "en" })
  end)
end)

describe("a body that JSON cannot hold unchanged is refused with the path of the value:", function()
  local cycle = { inner = {} }
  cycle.inner.back = cycle
  local deep = {}
  for _ = 1, 2000 do deep = { deep } end
  local cases = {
    ["a function"] = { { a = { { b = print } } }, "a[1].b" },
    ["a thread"] = { { co = coroutine.create(function() end) }, "co" },
    ["a userdata"] = { { file = io.stdout }, "file" },
    ["a cycle"] = { { x = cycle }, "x.inner.back" },
    ["NaN"] = { { list = { 1, nan } }, "list[2]" },
    ["infinity"] = { { n = infinite }, "n" },
    ["minus infinity"] = { { n = -infinite }, "n" },
    ["a boolean key"] = { { t = { [true] = 1 } }, "t" },
    ["a mix of keys"] = { { t = { 1, x = 2 } }, "t" },
    ["an array with a hole"] = { { t = { 1, nil, 3 } }, "t" },
    ["too deep a nesting"] = { { t = deep }, "t" },
  }
  for what, case in pairs(cases) do
    it(what, function()
      expect.refused(case[2], call, "request", "POST", "/x", { body = case[1] })
      local payload = { name = "Site", slug = "site", sourceLanguage = "en" }
      for key, value in pairs(case[1]) do payload[key] = value end
      expect.refused(case[2], call, "create_project", payload)
    end)
  end

  it("in the metadata of register", function()
    expect.refused("redirect_uris[1]", better_i18n.oauth.register, { redirect_uris = { print } },
      { base_url = sandbox.URL })
  end)
end)

describe("the options of a call", function()
  local methods = {
    me = {}, list_organizations = {}, token_info = {}, list_projects = { "org_1" }, get_project = { "prj_1" },
    create_project = { PROJECT }, add_language = { "prj_1", "de" }, list_models = { "acme", "website-eu" },
    request = { "GET", "/x" },
  }
  local bad = {
    { "no table", "x", "options" }, { "a number", 5, "options" },
    { "an unknown name", { timeot = 5 }, "timeot" }, { "a key that is no string", { "x" }, "key" },
    { "timeout 0", { timeout = 0 }, "timeout" }, { "a negative timeout", { timeout = -1 }, "timeout" },
    { "timeout NaN", { timeout = nan }, "timeout" }, { "endless timeout", { timeout = infinite }, "timeout" },
    { "timeout as text", { timeout = "5" }, "timeout" }, { "max_retries -1", { max_retries = -1 }, "max_retries" },
    { "max_retries 1.5", { max_retries = 1.5 }, "max_retries" }, { "max_retries as text", { max_retries = "2" },
      "max_retries" },
    { "headers as text", { headers = "X: y" }, "headers" },
    { "a header without a name", { headers = { [""] = "v" } }, "headers['']" },
    { "a header's name with a colon", { headers = { ["X:"] = "v" } }, "headers['X:']" },
    { "a header's name with a space", { headers = { ["X Y"] = "v" } }, "headers['X Y']" },
    { "a header with a line feed", { headers = { X = "a\nEvil: b" } }, "headers['X']" },
    { "a header with CRLF", { headers = { X = "a\r\nEvil: b" } }, "headers['X']" },
    { "a header with NUL", { headers = { X = "a\0b" } }, "headers['X']" },
    { "a header of a table", { headers = { X = {} } }, "headers['X']" },
    { "a header of a megabyte", { headers = { X = ("x"):rep(1000000) } }, "headers['X']" },
    { "a header by number", { headers = { "X: y" } }, "headers" },
    { "Authorization", { headers = { authorization = "Bearer x" } }, "headers['authorization']" },
    { "Cookie", { headers = { Cookie = "a=b" } }, "headers['Cookie']" },
    { "Host", { headers = { Host = "evil" } }, "headers['Host']" },
    { "Content-Length", { headers = { ["Content-Length"] = "1" } }, "headers['Content-Length']" },
    { "Transfer-Encoding", { headers = { ["Transfer-Encoding"] = "chunked" } }, "headers['Transfer-Encoding']" },
    { "query as text", { query = "a=b" }, "query" },
    { "a query of a function", { query = { a = print } }, "query.a" },
    { "a query of a nested table", { query = { a = { {} } } }, "query.a[1]" },
    { "a query by number", { query = { "a" } }, "query" },
  }
  for method, arguments in pairs(methods) do
    for _, case in ipairs(bad) do
      it("are refused by " .. method .. ": " .. case[1], function()
        local all = {}
        for index, value in ipairs(arguments) do all[index] = value end
        all[#all + 1] = case[2]
        expect.refused(case[3], call, method, (table.unpack or unpack)(all))
      end)
    end
    it("are the last thing that " .. method .. " takes", function()
      local all = {}
      for index, value in ipairs(arguments) do all[index] = value end
      all[#all + 1], all[#all + 2] = {}, "more"
      expect.refused("too many", call, method, (table.unpack or unpack)(all))
    end)
  end

  it("are refused by revoke too", function()
    expect.refused("timeot", connected.revoke, connected, { timeot = 1 })
  end)

  for what, options in pairs { ["limit 0"] = { limit = 0 }, ["limit as text"] = { limit = "5" },
                               ["limit 1.5"] = { limit = 1.5 }, ["a limit beyond sense"] = { limit = 1e300 } } do
    it("of a list are refused: " .. what, function() expect.refused("limit", call, "list_organizations", options) end)
  end
  for what, cursor in pairs {
    ["a number"] = 5, ["empty"] = "", ["not a next"] = "abc", ["control characters"] = "cursor:a\nb",
    ["another host"] = "link:https://evil.example/api", ["another host without a scheme"] = "link://evil.example/x",
    ["another port"] = "link:http://127.0.0.1:1/x", ["a user name"] = "link:http://a@127.0.0.1/x",
  } do
    it("of a list are refused: cursor is " .. what, function()
      expect.refused("cursor", call, "list_organizations", { cursor = cursor })
    end)
  end
  it("of what is no list know no limit", function() expect.refused("limit", call, "me", { limit = 5 }) end)
end)

describe("request", function()
  local cases = {
    { "no method", { MISSING, "/x" }, "method" }, { "an empty method", { "", "/x" }, "method" },
    { "a method that is a number", { 5, "/x" }, "method" }, { "an unknown method", { "BREW", "/x" }, "method" },
    { "a method with more", { "GET /y", "/x" }, "method" }, { "CONNECT", { "CONNECT", "/x" }, "method" },
    { "no path", { "GET", MISSING }, "path" }, { "an empty path", { "GET", "" }, "path" },
    { "a relative path", { "GET", "x" }, "path" }, { "two slashes", { "GET", "//evil.example/x" }, "path" },
    { "a whole URL", { "GET", "https://evil.example/x" }, "path" },
    { "an at sign", { "GET", "@evil.example/" }, "path" },
    { "dots", { "GET", "/a/../b" }, "path" }, { "dots at the end", { "GET", "/a/.." }, "path" },
    { "one dot", { "GET", "/./a" }, "path" }, { "escaped dots", { "GET", "/a/%2e%2E/b" }, "path" },
    { "escaped slashes and dots", { "GET", "/a%2f..%2fb" }, "path" }, { "a space", { "GET", "/a b" }, "path" },
    { "a line feed", { "GET", "/a\nb" }, "path" }, { "CRLF", { "GET", "/a HTTP/1.1\r\nEvil: 1\r\n" }, "path" },
    { "NUL", { "GET", "/a\0b" }, "path" }, { "a fragment", { "GET", "/a#b" }, "path" },
    { "a backslash", { "GET", "/a\\b" }, "path" },
    { "an unknown token", { "GET", "/x", { token = "refresh" } }, "token" },
    { "a token of no kind", { "GET", "/x", { token = "bi_oat_secret" } }, "token" },
    { "a body of a GET", { "GET", "/x", { body = {} } }, "body" },
    { "a body of a HEAD", { "HEAD", "/x", { body = "x", content_type = "text/plain" } }, "body" },
    { "a body that is a number", { "POST", "/x", { body = 5 } }, "body" },
    { "a text without its type", { "POST", "/x", { body = "x" } }, "content_type" },
    { "a table with a type", { "POST", "/x", { body = {}, content_type = "text/plain" } }, "content_type" },
    { "a type without a body", { "POST", "/x", { content_type = "text/plain" } }, "content_type" },
    { "a type with a line feed", { "POST", "/x", { body = "x", content_type = "a\nEvil: b" } }, "content_type" },
    { "raw that is no boolean", { "GET", "/x", { raw = 1 } }, "raw" },
  }
  for _, case in ipairs(cases) do
    it("refuses " .. case[1], function()
      expect.refused(case[3], call, "request", (table.unpack or unpack)(case[2]))
    end)
  end
end)

describe("new", function()
  local function make(options)
    local all = { installation_token = "bi_oat_0123456789", base_url = sandbox.URL }
    for name, value in pairs(options) do all[name] = value end
    for name, value in pairs(all) do
      if value == MISSING then all[name] = nil end
    end
    return better_i18n.new(all)
  end

  it("takes one table", function()
    for _, value in ipairs { 5, "x", true, print } do expect.refused("options", better_i18n.new, value) end
    expect.refused("options", better_i18n.new)
  end)

  it("refuses an unknown option, and lists the known ones without its value", function()
    local err = expect.refused("grantid", make, { grantid = "a-secret-by-mistake" })
    expect.holds("grant_id", err.message)
    assert.is_nil(err.message:find("a-secret-by-mistake", 1, true))
    expect.refused("key", make, { "x" })
  end)

  local token_options = { "installation_token", "access_token", "refresh_token", "client_secret" }
  for _, name in ipairs(token_options) do
    for what, value in pairs {
      ["empty"] = "", ["a number"] = 5, ["a table"] = {}, ["a line feed"] = "at_1\n", ["CRLF"] = "a\r\nEvil: 1",
      ["NUL"] = "a\0b", ["a space"] = "a b", ["beyond ASCII"] = "t\195\182ken", ["20,000 bytes"] = ("x"):rep(20000),
      ["a public key"] = "bi_pub_0123456789",
    } do
      it("refuses " .. name .. ": " .. what, function()
        local options = { installation_token = MISSING, grant_id = "grt_1", client_id = "app", access_token = "at_1",
                          refresh_token = "rt_1" }
        if name == "installation_token" then options = {} end
        options[name] = value
        local err = expect.refused(name, make, options)
        if what == "a public key" then
          expect.holds("public content key", err.message)
          assert.is_nil(err.message:find("bi_pub_0123456789", 1, true))
        end
      end)
    end
  end

  local values = {
    grant_id = { 5, "", "a\nb", {} }, client_id = { 5, "", {} }, organization_id = { 5, "" },
    timeout = { 0, -1, "30", nan, infinite, true }, connect_timeout = { 0, "5", nan },
    max_retries = { -1, 1.5, "2", nan, infinite }, max_response_bytes = { 0, -1, 1.5, "1" },
    max_connections = { 0, "1", 1.5 }, app_info = { 5, "", "a\r\nEvil: 1" }, debug = { 1, "yes" },
    allow_http = { 1, "yes" }, http_version = { "3", "", 1.1 }, ca_file = { "", 5 }, cert_file = { "", 5 },
    key_file = { "", 5, "alone.key" },
    proxy = { 5, true, "a\nb", "http://a\0b" }, on_tokens = { "x", {}, true }, on_revoked = { 5 },
    on_request = { {} }, on_response = { {} }, loop = { print, "blocking" }, transport = { {} }, clock = { 5 },
    random = { 0.5 }, expires_in = { -1, "5", nan }, expires_at = { "soon", nan, infinite }, token_type = { 5 },
    scope = { 5 }, base_url = { 5, "", {} }, api_url = { 5, "" }, dashboard_url = { 5, "" },
  }
  for name, list in pairs(values) do
    it("refuses wrong values of " .. name, function()
      for _, value in ipairs(list) do
        expect.refused(name == "key_file" and value == "alone.key" and "cert_file" or name, make, { [name] = value })
      end
    end)
  end

  it("refuses an identity with a part missing, and names the part", function()
    local cases = {
      { {}, "identity" },
      { { grant_id = "grt_1" }, "identity" },
      { { access_token = "at_1" }, "grant_id" },
      { { refresh_token = "rt_1", client_id = "app" }, "grant_id" },
      { { grant_id = "grt_1", refresh_token = "rt_1" }, "client_id" },
      { { installation_token = "bi_oat_1", access_token = "at_1", grant_id = "grt_1" }, "installation_token" },
      { { installation_token = "bi_oat_1", refresh_token = "rt_1", grant_id = "grt_1" }, "installation_token" },
      { { grant_id = "grt_1", access_token = "bi_oat_1" }, "access_token" },
      { { grant_id = "grt_1", refresh_token = "bi_oat_1", client_id = "app" }, "refresh_token" },
    }
    for _, case in ipairs(cases) do
      if not case[1].installation_token then case[1].installation_token = MISSING end
      expect.refused(case[2], make, case[1])
    end
  end)
end)

describe("a host", function()
  local options = { "base_url", "api_url", "dashboard_url" }
  local function make(name, url, allow)
    return better_i18n.new { [name] = url, installation_token = "bi_oat_0123456789", allow_http = allow }
  end

  for what, url in pairs {
    ["plain http far away"] = "http://api.example.com", ["plain http to an address"] = "http://10.0.0.1",
    ["a name that begins as loopback"] = "http://127.0.0.1.evil.test",
    ["localhost in front"] = "http://localhost.evil.test",
    ["localhost as a user"] = "http://localhost@evil.test", ["loopback as a user"] = "http://127.0.0.1:80@evil.test/",
    ["a backslash"] = "http://localhost\\@evil.test", ["localhost in the path"] = "http://evil.test/localhost",
    ["localhost behind a hash"] = "http://evil.test#localhost", ["a name that ends like it"] = "http://evillocalhost",
    ["octal loopback"] = "http://0177.0.0.1", ["loopback as a number"] = "http://2130706433",
    ["loopback as hexadecimal"] = "http://0x7f000001", ["short loopback"] = "http://127.1",
    ["all addresses"] = "http://0.0.0.0", ["IPv6 far away"] = "http://[2001:db8::1]",
    ["an escaped host"] = "http://%6cocalhost", ["the fullwidth dot"] = "http://127。0。0。1",
    ["another scheme"] = "ftp://example.com", ["a file"] = "file:///etc/passwd", ["no scheme"] = "api.example.com",
    ["no host"] = "https://", ["only a port"] = "https://:443", ["a port beyond"] = "https://example.com:70000",
    ["port 0"] = "https://example.com:0", ["a port that is none"] = "https://example.com:x",
    ["a user"] = "https://user:secret@example.com", ["a query"] = "https://example.com/?x=1",
    ["a fragment"] = "https://example.com/#x", ["a space"] = "https://exa mple.com",
    ["NUL"] = "https://example.com\0.evil",
    ["a line feed"] = "https://example.com\n", ["dots in the path"] = "https://example.com/../x",
    ["an empty label"] = "https://example..com",
  } do
    it("is refused: " .. what, function()
      for _, name in ipairs(options) do
        local err = expect.refused(name, make, name, url)
        assert.is_nil(err.message:find("secret", 1, true))
      end
    end)
  end

  it("of this machine may be plain http, in any spelling", function()
    for _, url in ipairs {
      "http://localhost", "http://localhost:5173", "http://LOCALHOST", "http://127.0.0.1:8080/",
      "http://127.1.2.3", "http://[::1]:5173", "http://app.localhost", "HTTP://localhost",
      "https://example.com/base/", "https://[2001:db8::1]",
    } do
      for _, name in ipairs(options) do assert.is_truthy(make(name, url)) end
    end
  end)

  it("far away may be plain http when that is allowed", function()
    assert.is_truthy(make("base_url", "http://api.example.com", true))
    expect.refused("base_url", make, "base_url", "http://api.example.com", false)
    expect.refused("base_url", make, "base_url", "ftp://api.example.com", true)
  end)
end)

describe("oauth", function()
  local good = {
    authorize = { client_id = "app", redirect_uri = "https://app.example/cb" },
    exchange = {
      client_id = "app", redirect_uri = "https://app.example/cb", code = "code_1", code_verifier = ("v"):rep(43),
    },
  }
  local function with(name, changes)
    local options = { base_url = sandbox.URL }
    for key, value in pairs(good[name]) do options[key] = value end
    for key, value in pairs(changes) do
      if value == MISSING then options[key] = nil else options[key] = value end
    end
    return better_i18n.oauth[name](options)
  end

  for _, name in ipairs { "authorize", "exchange" } do
    it(name .. " takes one table", function()
      for _, value in ipairs { 5, "x", print } do expect.refused("table", better_i18n.oauth[name], value) end
      expect.refused("table", better_i18n.oauth[name])
    end)
    for field in pairs(good[name]) do
      it(name .. " refuses a wrong or missing " .. field, function()
        for _, value in ipairs { MISSING, 5, {}, "", "a\nb" } do
          expect.refused(field, with, name, { [field] = value })
        end
      end)
    end
    it(name .. " refuses an unknown option and a far http host", function()
      expect.refused("clientid", with, name, { clientid = "x" })
      expect.refused("base_url", with, name, { base_url = "http://example.com" })
    end)
  end

  it("exchange refuses a verifier that is none", function()
    for _, verifier in ipairs { "short", ("v"):rep(42), ("v"):rep(129), ("v"):rep(42) .. "+", ("v"):rep(42) .. " " } do
      expect.refused("code_verifier", with, "exchange", { code_verifier = verifier })
    end
  end)

  it("authorize refuses a scope that is no list of names", function()
    for _, scope in ipairs { 5, {}, "a\nb", 'a"b', "a\\b", "\195\164" } do
      expect.refused("scope", with, "authorize", { scope = scope })
    end
    expect.refused("offline", with, "authorize", { offline = "yes" })
  end)

  it("parse_callback refuses what it cannot read", function()
    local parse = better_i18n.oauth.parse_callback
    for _, value in ipairs { 5, true } do expect.refused("URL, a query", parse, value, { state = "s" }) end
    expect.refused("URL, a query", parse, nil, { state = "s" })
    expect.refused("table of options", parse, "code=a&state=s")
    expect.refused("state", parse, "code=a&state=s", {})
    expect.refused("state", parse, "code=a&state=", { state = "" })
    expect.refused("state", parse, "code=a&state=5", { state = 5 })
    expect.refused("neither", parse, "", { state = "s" })
    expect.refused("neither", parse, "https://app.example/cb", { state = "s" })
    expect.refused("broken", parse, "code=%zz&state=s", { state = "s" })
    expect.refused("more than one", parse, "code=a&code=b&state=s", { state = "s" })
    expect.refused("code", parse, "code=&state=s", { state = "s" })
    expect.refused("code", parse, "code=a%0Ab&state=s", { state = "s" })
    expect.refused("too long", parse, ("x"):rep(100000), { state = "s" })
  end)

  it("register refuses what is no table", function()
    expect.refused("table", better_i18n.oauth.register, nil)
    expect.refused("table", better_i18n.oauth.register, "x")
    expect.refused("redirect_uris", better_i18n.oauth.register, { redirect_uris = print, base_url = sandbox.URL })
  end)
end)

describe("a client", function()
  it("is missing when a method is called with a dot", function()
    for _, name in ipairs {
      "me", "list_organizations", "list_projects", "create_project", "get_project", "add_language", "list_models",
      "request", "token_info", "revoke", "is_revoked", "close",
    } do
      for _, value in ipairs { "x", {}, io.stdout, 5 } do expect.refused("colon", client[name], value) end
      expect.refused("colon", client[name])
    end
  end)

  it("is closed for good", function()
    local closed = sandbox.installed(grant)
    closed:close()
    for _, name in ipairs { "me", "list_organizations", "token_info", "revoke", "is_revoked" } do
      expect.failure("closed", closed[name], closed)
    end
    expect.failure("closed", closed.get_project, closed, "prj_1")
    expect.failure("closed", closed.request, closed, "GET", "/x")
    closed:close()
  end)

  it("has no other methods, and its metatable is its own", function()
    assert.is_nil(client.list_project)
    assert.is_nil(client[1])
    assert.has_error(function() client.name = "x" end)
    assert.is_false(getmetatable(client))
  end)
end)

describe("array", function()
  it("refuses what is no plain table", function()
    for _, value in ipairs { 5, "x", true, print } do expect.refused("table", better_i18n.array, value) end
    expect.refused("table", better_i18n.array)
    expect.refused("metatable", better_i18n.array, setmetatable({}, {}))
  end)
end)

describe("the environment", function()
  local PROGRAM = [[
    local better_i18n = require "better_i18n"
    local client, err = better_i18n.try(better_i18n.new, { installation_token = "bi_oat_0123456789" })
    io.write(tostring(client or err))
  ]]

  it("fills in what is absent, and is checked as strictly", function()
    expect.holds("at " .. "https://api.better-i18n.com", "at " .. process.run(PROGRAM, {
      BETTER_I18N_BASE_URL = false }):match "%((.*)%)")
    expect.holds("http://localhost:5173", (process.run(PROGRAM, { BETTER_I18N_BASE_URL = "http://localhost:5173" })))
    expect.holds("base_url (from BETTER_I18N_BASE_URL) is refused",
      (process.run(PROGRAM, { BETTER_I18N_BASE_URL = "http://evil.test" })))
    expect.holds("https://api.better-i18n.com", (process.run(PROGRAM, { BETTER_I18N_BASE_URL = "" })))
  end)

  it("names the hosts of MCP and of the CDN, but for an option", function()
    local program = [[
      local better_i18n = require "better_i18n"
      local client = assert(better_i18n.try(better_i18n.new, {
        installation_token = "bi_oat_0123456789", max_retries = 0, mcp_url = os.getenv "OWN_MCP",
        cdn_url = os.getenv "OWN_CDN",
        transport = function(request) io.write(request.url, "\n") return nil, "gone" end,
      }))
      pcall(client.list_tools, client)
      pcall(client.get_manifest, client, "acme/site")
    ]]
    local variables = {
      BETTER_I18N_MCP_URL = "http://127.0.0.1:1/rpc", BETTER_I18N_CDN_URL = "http://127.0.0.1:2/cdn/",
    }
    assert.equal("http://127.0.0.1:1/rpc\nhttp://127.0.0.1:2/cdn/acme/site/manifest.json\n",
      (process.run(program, variables)))
    variables.OWN_MCP, variables.OWN_CDN = "https://mcp.test/x", "https://cdn.test"
    assert.equal("https://mcp.test/x\nhttps://cdn.test/acme/site/manifest.json\n", (process.run(program, variables)))
    for name, option in pairs { BETTER_I18N_MCP_URL = "mcp_url", BETTER_I18N_CDN_URL = "cdn_url" } do
      expect.holds(option .. " (from " .. name .. ") is refused",
        (process.run(PROGRAM, { [name] = "http://evil.test" })))
      expect.holds("https://api.better-i18n.com", (process.run(PROGRAM, { [name] = "" })))
    end
  end)

  it("does not lend the secret of one app to another", function()
    local program = ([[
      local better_i18n = require "better_i18n"
      local body
      local client = better_i18n.new {
        base_url = %q, grant_id = "grt_1", refresh_token = "rt_1", client_id = os.getenv "OWN_ID",
        transport = function(request) body = request.body return nil, "gone" end, max_retries = 0,
      }
      pcall(client.me, client)
      io.write(body)
    ]]):format(sandbox.URL)
    local app = { BETTER_I18N_CLIENT_ID = "app", BETTER_I18N_CLIENT_SECRET = "app-secret-0001" }
    local same = process.run(program, app)
    expect.holds("client_id=app", same)
    expect.holds("client_secret=app-secret-0001", same)
    app.OWN_ID = "another"
    local other = process.run(program, app)
    expect.holds("client_id=another", other)
    assert.is_nil(other:find "secret")
  end)

  it("that holds a secret no header may carry is refused", function()
    local out = process.run([[
      local better_i18n = require "better_i18n"
      local _, err = better_i18n.try(better_i18n.new, { grant_id = "grt_1", refresh_token = "rt_1" })
      io.write(tostring(err))
    ]], { BETTER_I18N_CLIENT_ID = "app", BETTER_I18N_CLIENT_SECRET = "two words" })
    expect.holds("client_secret", out)
    assert.is_nil(out:find "two words")
  end)
end)
