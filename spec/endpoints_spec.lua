-- What each method sends (method, percent-encoded path, token, headers, body) and gives back; request() in all its
-- forms; lists in every envelope and paging style. Paths and names are literals of API.md.
local better_i18n = require "better_i18n"
local cjson = require "cjson"
local expect = require "spec.support.expect"
local sandbox = require "spec.support.sandbox"

setup(sandbox.start)
teardown(sandbox.stop)

local ALL = {
  "org:read", "projects:read", "projects:write", "content:read", "offline_access",
}

-- Checks what the last request of the grant was.
local function check_sent(grant, fields)
  local entry = sandbox.last(grant)
  for name, value in pairs(fields) do assert.equal(value, entry[name], name) end
  return entry
end

describe("a method", function()
  local grant, client

  before_each(function()
    grant = sandbox.grant { scopes = ALL }
    client = sandbox.connected(grant)
  end)
  after_each(function() client:close() end)

  it("me sends the access token", function()
    local data, response = client:me()
    check_sent(grant, { method = "GET", path = "/api/oauth-client/me", authorization = "access", query = nil })
    assert.equal("Zoë Müller", data.user.name)
    assert.equal(grant.grant_id, data.grant_id)
    assert.equal(200, response.status)
  end)

  it("list_organizations", function()
    local list, response = client:list_organizations()
    check_sent(grant, { method = "GET", path = "/api/oauth-client/organizations", authorization = "installation" })
    assert.equal(4, #list)
    assert.same({ id = "org_2", slug = "tokyo-tea", name = "東京ティー株式会社" }, list[2])
    assert.equal("مكتبة العربية", list[3].name)
    assert.equal("Paper Plane ✈️ Łódź", list[4].name)
    assert.same(list, response.body.organizations)
    assert.is_nil(response.next)
  end)

  it("list_projects", function()
    local list, response = client:list_projects("org_1", { limit = 5 })
    check_sent(grant, {
      method = "GET", path = "/api/oauth-client/organizations/org_1/projects", query = "limit=5",
      authorization = "installation",
    })
    assert.equal(5, #list)
    assert.equal("Website Zürich – Europa", list[1].name)
    assert.same({ "de", "fr", "it", "es", "pt-pt" }, list[1].targetLanguages)
    assert.is_string(response.next)
  end)

  it("list_models", function()
    local list = client:list_models("acme", "website-eu")
    check_sent(grant, {
      method = "GET", path = "/api/oauth-client/organizations/acme/projects/website-eu/models",
      authorization = "installation",
    })
    assert.equal(3, #list)
    assert.equal("よくある質問", list[2].name)
  end)

  -- In another organization, for the lists below are counted.
  local function elsewhere()
    grant = sandbox.grant { scopes = ALL, organization_id = "org_2" }
    client = sandbox.connected(grant)
  end

  it("create_project", function()
    elsewhere()
    local payload = { name = "Site – 東京 \"quoted\" \\ / \0 end", slug = "endpoint-site", sourceLanguage = "pt-br" }
    local data, response = client:create_project(payload)
    local entry = check_sent(grant, {
      method = "POST", path = "/api/oauth-client/v1/projects", authorization = "installation",
    })
    assert.same(payload, cjson.decode(entry.body))
    assert.equal("application/json", entry.headers["content-type"])
    assert.equal(201, response.status)
    assert.equal(payload.name, data.name)
    assert.same({}, data.targetLanguages)
    assert.equal(data.id, client:get_project(data.id).id)
  end)

  it("create_project passes further fields on, and leaves the table alone", function()
    elsewhere()
    local payload = { name = "A", slug = "endpoint-more", sourceLanguage = "en", tags = { "x", "y" }, n = 3, f = 1.5 }
    client:create_project(payload, { headers = { ["X-Mine"] = "1" } })
    local entry = sandbox.last(grant)
    assert.same(payload, cjson.decode(entry.body))
    assert.equal("1", entry.headers["x-mine"])
    assert.same({ name = "A", slug = "endpoint-more", sourceLanguage = "en", tags = { "x", "y" }, n = 3, f = 1.5 },
      payload)
  end)

  it("get_project", function()
    local data = client:get_project "prj_3"
    check_sent(grant, { method = "GET", path = "/api/oauth-client/v1/projects/prj_3", authorization = "installation" })
    assert.equal("App 📱 – Europa", data.name)
  end)

  it("add_language lower-cases the code", function()
    local data, response = client:add_language("prj_5", "Zh-HANS")
    local entry = check_sent(grant, {
      method = "POST", path = "/api/oauth-client/v1/projects/prj_5/languages", authorization = "installation",
    })
    assert.equal('{"code":"zh-hans"}', entry.body)
    assert.equal("zh-hans", data.code)
    assert.equal(201, response.status)
  end)

  it("revoke", function()
    assert.is_true((client:revoke()))
    check_sent(grant, {
      method = "DELETE", path = "/api/oauth-client/installations/" .. grant.grant_id, authorization = "access",
    })
  end)

  it("encodes the parts of its path one by one", function()
    for id, path in pairs {
      ["a/b"] = "a%2Fb", ["a b"] = "a%20b", ["a?x=1#y"] = "a%3Fx%3D1%23y", ["%2e%2e"] = "%252e%252e", ["é"] = "%C3%A9",
      ["a&b+c"] = "a%26b%2Bc", ["..."] = "...", ["a;b:c@d"] = "a%3Bb%3Ac%40d", ["~-_."] = "~-_.",
      ["\255"] = "%FF",
    } do
      pcall(client.get_project, client, id)
      -- The sandbox's log has the path as nginx decoded it; the error has it as it was sent.
      local err = expect.failure({ "project_not_found", "http_error" }, client.get_project, client, id)
      assert.equal("/api/oauth-client/v1/projects/" .. path, err.path)
    end
  end)

  it("says who asks", function()
    local named = sandbox.connected(grant, { app_info = "my-app/1.2" })
    named:me()
    local headers = sandbox.last(grant).headers
    local ours = ("better-i18n-lua/" .. better_i18n._VERSION .. " (Lua"):gsub("%p", "%%%0")
    assert.truthy(headers["user-agent"]:find("^" .. ours .. ".*%) my%-app/1%.2$"), headers["user-agent"])
    assert.equal("application/json", headers.accept)
    assert.is_nil(headers.expect)
    assert.is_nil(headers.cookie)
  end)

  it("gives a response with all its fields", function()
    local data, response, more = client:me()
    assert.is_table(data)
    assert.is_nil(more)
    assert.equal(200, response.status)
    assert.equal(1, response.attempts)
    assert.is_number(response.elapsed)
    assert.is_true(response.elapsed >= 0 and response.elapsed < 10)
    assert.truthy(response.request_id:find "^req_")
    for _, name in ipairs { "x-request-id", "X-Request-Id", "X-REQUEST-ID" } do
      assert.equal(response.request_id, response.headers[name])
    end
    assert.equal("application/json", response.headers["Content-Type"])
    assert.is_nil(response.headers["X-None"])
  end)

  local function seen_by(iterate, response)
    local fields = {}
    for name, value in iterate(response) do fields[name] = value end
    return fields
  end

  it("shows the headers to pairs where this Lua lets a table do so, and to next once they were asked for", function()
    local probe = setmetatable({ 1 }, { __pairs = function() return next, {} end })
    local can_show = next(seen_by(pairs, probe)) == nil
    local _, response = client:me()
    local fields = seen_by(pairs, response)
    assert.equal(can_show, fields.headers ~= nil)
    assert.same({ 200, response.request_id }, { fields.status, fields.request_id })
    _, response = client:me()
    local function raw(table_) return next, table_ end
    assert.is_nil(seen_by(raw, response).headers)
    assert.equal("application/json", response.headers["Content-Type"])
    assert.equal(response.headers, seen_by(raw, response).headers)
    assert.same(seen_by(raw, response), seen_by(pairs, response))
  end)

  it("makes the headers when they are asked for, also long after the call", function()
    local responses = {}
    for i = 1, 3 do responses[i] = select(2, client:me()) end
    collectgarbage()
    collectgarbage()
    for i = 1, 3 do
      local headers = responses[i].headers
      assert.equal(headers, responses[i].headers)
      assert.equal(headers, rawget(responses[i], "headers"))
      local names = {}
      for name in pairs(headers) do names[name] = true end
      assert.is_true(names["content-type"] and names["x-request-id"])
      assert.equal(responses[i].request_id, headers["X-Request-Id"])
      assert.is_nil(responses[i].header)
      assert.is_nil(responses[i][1])
    end
    responses[1].headers = nil
    assert.is_nil(responses[1].headers)
  end)

  it("takes query, headers and limits of its own", function()
    client:me {
      query = { a = "1 2", list = { "x", "y&z" }, yes = true, n = 3, f = 0.5 }, headers = { ["X-Number"] = 7 },
    }
    local entry = sandbox.last(grant)
    local pairs_of = {}
    for pair in entry.query:gmatch "[^&]+" do pairs_of[#pairs_of + 1] = pair end
    table.sort(pairs_of)
    assert.same({ "a=1%202", "f=0.5", "list=x", "list=y%26z", "n=3", "yes=true" }, pairs_of)
    assert.equal("7", entry.headers["x-number"])
  end)
end)

describe("request", function()
  local grant, client
  setup(function()
    grant = sandbox.grant { scopes = ALL }
    client = sandbox.connected(grant)
  end)

  local function echo(method, options, query)
    return client:request(method, "/_sandbox/echo" .. (query or ""), options)
  end

  it("sends each method", function()
    for _, method in ipairs { "GET", "DELETE", "POST", "PUT", "PATCH", "OPTIONS" } do
      assert.equal(method, echo(method).method)
      assert.equal(method, echo(method:lower()).method)
    end
    local data, response = echo "HEAD"
    assert.is_true(data)
    assert.equal(200, response.status)
  end)

  it("sends a body of JSON, of bytes, or none", function()
    local sent = echo("POST", { body = { a = { 1, "ü" }, t = true } })
    assert.same({ a = { 1, "ü" }, t = true }, cjson.decode(sent.body))
    assert.equal("application/json", sent.headers["content-type"])
    local bytes = {}
    for byte = 0, 127 do bytes[#bytes + 1] = string.char(byte) end
    local text = table.concat(bytes)
    sent = echo("PUT", { body = text, content_type = "application/x-own" })
    assert.equal(text, sent.body)
    assert.equal("application/x-own", sent.headers["content-type"])
    sent = echo("PATCH", { body = "<a/>", headers = { ["Content-Type"] = "text/xml" } })
    assert.equal("text/xml", sent.headers["content-type"])
    sent = echo("DELETE", { body = { why = "x" } })
    assert.equal('{"why":"x"}', sent.body)
    sent = echo("POST", { body = "", content_type = "text/plain" })
    assert.equal("", sent.body)
    assert.equal("0", sent.headers["content-length"])
  end)

  it("says of a write without a body that it has none", function()
    for _, method in ipairs { "POST", "PUT", "PATCH" } do
      local sent = echo(method)
      assert.equal("", sent.body)
      assert.is_nil(sent.headers["content-type"])
      -- RFC 9110, 8.6: else some servers answer 411.
      assert.equal("0", sent.headers["content-length"], method)
    end
  end)

  it("sends and gets a megabyte unchanged", function()
    local text = ("0123456789abcdef"):rep(65536)
    assert.equal(#text, echo("POST", { body = text, content_type = "text/plain" }).body_length)
    local bytes = client:request("GET", "/_sandbox/bytes?n=1000000", { raw = true })
    assert.equal(("x"):rep(1000000), bytes)
  end)

  it("adds to a query that the path has", function()
    assert.equal("a=1&b=2", echo("GET", { query = { b = "2" } }, "?a=1").query)
  end)

  it("returns bytes as they came when raw", function()
    local data, response = client:request("GET", "/_sandbox/static", { raw = true })
    assert.is_string(data)
    assert.is_table(cjson.decode(data))
    assert.equal(200, response.status)
    sandbox.fault(grant, { kind = "html", status = 200 })
    data = client:request("GET", "/api/oauth-client/me", { raw = true, token = "access" })
    expect.holds("<html>", data)
    sandbox.fault(grant, { kind = "empty" })
    assert.equal("", (client:request("GET", "/api/oauth-client/me", { raw = true, token = "access" })))
  end)

  it("raises for a failure also when raw", function()
    sandbox.fault(grant, { kind = "status", status = 404, body = { error = "nothing_here" } })
    expect.failure("nothing_here", client.request, client, "GET", "/api/oauth-client/me", { raw = true })
  end)

  it("reads any JSON document", function()
    local own = sandbox.installed(grant)
    for text, value in pairs { ["17"] = 17, ['"x"'] = "x", ["true"] = true, ["[1,2]"] = { 1, 2 }, ["false"] = false } do
      sandbox.fault(grant, { kind = "status", status = 200, body = text })
      assert.same(value, (own:me()))
    end
    sandbox.fault(grant, { kind = "status", status = 200, body = "null" })
    local data = own:me()
    assert.is_true(data == nil or data == better_i18n.null)
    local text = '{"a":null,"l":[null],"e":[],"big":9007199254740993}'
    sandbox.fault(grant, { kind = "status", status = 200, body = text })
    data = own:me()
    assert.is_nil(data.a)
    assert.equal(better_i18n.null, data.l[1])
    assert.same({}, data.e)
    assert.equal(getmetatable(better_i18n.array {}), getmetatable(data.e))
    if math.type then assert.equal(9007199254740993, data.big) end
  end)

  it("goes below the path of the host option", function()
    local below = sandbox.connected(grant, { base_url = sandbox.URL .. "/_sandbox/" })
    assert.equal("/_sandbox/echo", below:request("GET", "/echo", { token = "none" }).path)
  end)

  it("uses api_url and dashboard_url for their own", function()
    local split = sandbox.refreshing(grant, {
      base_url = "http://127.0.0.1:1", api_url = sandbox.URL, dashboard_url = sandbox.URL,
    })
    assert.equal(grant.grant_id, split:me().grant_id)
  end)
end)

-- Lists ---------------------------------------------------------------------------------------------------

-- All ids of the organization's projects, page by page; how many pages it took.
local function walk(client, limit)
  local ids, pages, options = {}, 0, { limit = limit }
  repeat
    local list, response = client:list_projects("org_1", options)
    pages = pages + 1
    assert.is_true(pages < 50, "it does not end")
    assert.is_table(response.body)
    for _, project in ipairs(list) do ids[#ids + 1] = project.id end
    options = { limit = limit, cursor = response.next }
  until not response.next
  return ids, pages
end

local expected = {}
for index = 1, 40 do expected[index] = "prj_" .. index end

describe("a list", function()
  for _, envelope in ipairs { "named", "array", "data", "items", "organizations", "projects" } do
    for _, paging in ipairs { "nextCursor", "next_cursor", "link", "page", "page_total", "page_has_more", "none" } do
      it("of any shape gives every item once, in order: " .. envelope .. ", " .. paging, function()
        local grant = sandbox.grant { envelope = envelope, paging = paging, page_size = 7 }
        local client = sandbox.installed(grant)
        local ids, pages = walk(client)
        assert.same(expected, ids)
        assert.equal(paging == "none" and 1 or 6, pages)
        if paging ~= "none" then
          local with_limit, more = walk(client, 13)
          assert.same(expected, with_limit)
          assert.equal(4, more)
        end
      end)
    end
  end

  for _, paging in ipairs { "nextCursor", "next_cursor", "link" } do
    it("with empty pages in between goes on: " .. paging, function()
      local grant = sandbox.grant { paging = paging, page_size = 15, empty_pages = true }
      local ids, pages = walk(sandbox.installed(grant))
      assert.same(expected, ids)
      assert.equal(6, pages)
    end)
  end

  it("whose last page says null ends there", function()
    assert.same(expected, (walk(sandbox.installed(sandbox.grant { null_cursor = true, page_size = 15 }))))
  end)

  it("of exactly whole pages ends with the last", function()
    for _, paging in ipairs { "page_total", "page_has_more", "nextCursor", "link" } do
      local ids, pages = walk(sandbox.installed(sandbox.grant { paging = paging, page_size = 20 }))
      assert.same(expected, ids)
      assert.equal(2, pages, paging)
    end
  end)

  it("says its total when the service does", function()
    local _, response = sandbox.installed(sandbox.grant { paging = "page_total" }):list_projects "org_1"
    assert.equal(40, response.total)
    assert.equal(40, response.body.total)
    _, response = sandbox.installed(sandbox.grant()):list_projects "org_1"
    assert.is_nil(response.total)
  end)

  it("that is empty is an empty array", function()
    local grant = sandbox.grant { scopes = ALL }
    sandbox.fault(grant, { kind = "status", status = 200, body = '{"projects":[]}' })
    local list, response = sandbox.installed(grant):list_projects "org_1"
    assert.same({}, list)
    assert.is_nil(response.next)
    assert.equal(getmetatable(better_i18n.array {}), getmetatable(list))
  end)

  it("whose Link leads to another host is not followed", function()
    local grant = sandbox.grant { paging = "link", page_size = 15, link_base = "http://evil.example" }
    local client = sandbox.installed(grant)
    local _, response = client:list_projects "org_1"
    expect.refused("another host", client.list_projects, client, "org_1", { cursor = response.next })
    assert.equal(1, sandbox.total(grant))
  end)

  it("keeps the caller's own query on each page", function()
    local grant = sandbox.grant { paging = "page", page_size = 30 }
    local client = sandbox.installed(grant)
    local _, response = client:list_projects("org_1", { query = { search = "a b" } })
    client:list_projects("org_1", { query = { search = "a b" }, cursor = response.next })
    expect.holds("search=a%20b", sandbox.last(grant).query)
    expect.holds("page=2", sandbox.last(grant).query)
  end)

  it("without items is invalid_response, with what came", function()
    local grant = sandbox.grant()
    local client = sandbox.installed(grant)
    for _, body in ipairs { '{"other":[]}', '{"projects":{"a":1}}', "17", '"x"', '{"projects":"x"}' } do
      sandbox.fault(grant, { kind = "status", status = 200, body = body })
      local err = expect.failure("invalid_response", client.list_projects, client, "org_1")
      assert.equal(200, err.status)
      expect.holds(body:sub(1, 5), err.message)
    end
  end)
end)
