-- The public CDN: what get_manifest and get_messages ask for, that no token ever goes along, what is kept by its ETag,
-- and what a miss is. Paths and misses are literals of API.md.
local better_i18n = require "better_i18n"
local expect = require "spec.support.expect"
local sandbox = require "spec.support.sandbox"
local worlds = require "spec.support.worlds"

setup(sandbox.start)
teardown(sandbox.stop)

-- A CDN behind the transport seam: files by path, each { body, etag }; `log` has the requests.
local function cdn(files, options)
  local log = {}
  local all = {
    installation_token = "bi_oat_secret", cdn_url = "https://cdn.example.com",
    transport = function(request)
      log[#log + 1] = request
      local file = files[request.url:match "^https://cdn%.example%.com([^?]*)"]
      if not file then return { status = 200, body = '{"fallback":true}', headers = { ETag = '"miss"' } } end
      if file.status then return file end
      if file.etag and request.headers["If-None-Match"] == file.etag then
        return { status = 304, headers = { ETag = file.etag } }
      end
      return { status = 200, body = file.body, headers = { ETag = file.etag, ["Content-Type"] = "application/json" } }
    end,
  }
  for name, value in pairs(options or {}) do all[name] = value or nil end
  return better_i18n.new(all), log
end

local GERMAN = "/acme/site/de/translations.json"

describe("the CDN", function()
  it("is asked for a project's manifest and messages", function()
    for path, ask in pairs {
      ["/acme/site/manifest.json"] = function(client) return client:get_manifest "acme/site" end,
      [GERMAN] = function(client) return client:get_messages("acme/site", "de") end,
      ["/acme/site/pt-br/translations.json"] = function(client)
        return client:get_messages("acme/site", "pt-BR", { namespace = "default" })
      end,
      ["/acme/site/zh-hans/common.json"] = function(client)
        return client:get_messages("acme/site", "zh-Hans", { namespace = "common" })
      end,
      ["/a%2Bb/c%3Fd/de/x%2Fy%20z.json"] = function(client)
        return client:get_messages("a+b/c?d", "de", { namespace = "x/y z" })
      end,
    } do
      local client, log = cdn { [path] = { body = '{"hello":"Grüß Gott \\u0001","deep":{"a":["b"]}}' } }
      local data, response = ask(client)
      assert.equal("Grüß Gott \1", data.hello)
      assert.equal("b", data.deep.a[1])
      assert.equal(200, response.status)
      assert.is_nil(response.cached)
      assert.equal("GET", log[1].method)
      assert.equal("https://cdn.example.com" .. path, log[1].url)
    end
  end)

  it("never gets a token, nor a cookie", function()
    for _, identity in ipairs {
      { installation_token = "bi_oat_secret" },
      { installation_token = false, grant_id = "grt_1", access_token = "at_secret", refresh_token = "rt_secret",
        client_id = "app", client_secret = "cs_secret" },
    } do
      local client, log = cdn({ [GERMAN] = { body = '{"a":"b"}', etag = '"1"' } }, identity)
      for _ = 1, 2 do
        client:get_messages("acme/site", "de")
        client:get_manifest "acme/site"
      end
      assert.equal(4, #log)
      for _, request in ipairs(log) do
        assert.is_nil(expect.everything(request):find "secret")
        for name in pairs(request.headers) do
          assert.is_nil(name:lower():find "authorization" or name:lower():find "cookie")
        end
      end
      expect.refused("authorization", client.get_manifest, client, "a/b", { headers = { authorization = "Bearer x" } })
    end
  end)

  it("serves a client whose grant is gone, and does not end one", function()
    local files = { [GERMAN] = { body = '{"a":"b"}' } }
    local client = cdn(files)
    files[GERMAN] = { status = 410, body = '{"error":"grant_revoked"}' }
    expect.failure("grant_revoked", client.get_messages, client, "acme/site", "de")
    assert.is_false(client:is_revoked())
    local revoked = better_i18n.testing.client {
      ["GET /api/oauth-client/me"] = { status = 410, json = { error = "grant_revoked" } },
      ["GET /acme/site/manifest.json"] = { json = { languages = { "de" } } },
    }
    expect.failure("grant_revoked", revoked.me, revoked)
    assert.same({ "de" }, revoked:get_manifest("acme/site").languages)
  end)

  it("says nil for a miss, and keeps none", function()
    local files = { ["/acme/site/manifest.json"] = { body = "{}", etag = '"e"' } }
    local client, log = cdn(files)
    for _ = 1, 2 do
      local data, response = client:get_manifest "acme/site"
      assert.is_nil(data)
      assert.equal(200, response.status)
      data, response = client:get_messages("acme/site", "xx")
      assert.is_nil(data)
      assert.equal(200, response.status)
    end
    for _, request in ipairs(log) do assert.is_nil(request.headers["If-None-Match"]) end
    files[GERMAN] = { body = '{"fallback":true,"reason":"none"}' }
    assert.is_nil((client:get_messages("acme/site", "de")))
    files[GERMAN] = { body = '{"fallback":"Ersatz"}' }
    assert.equal("Ersatz", client:get_messages("acme/site", "de").fallback)
    local data, err, response = better_i18n.try(client.get_messages, client, "acme/site", "xx")
    assert.is_nil(data)
    assert.is_nil(err)
    assert.equal(200, response.status)
  end)

  it("asks whether a file has changed, and gives what it knows", function()
    local files = { [GERMAN] = { body = '{"a":"eins"}', etag = 'W/"1"' } }
    local client, log = cdn(files)
    assert.equal("eins", client:get_messages("acme/site", "de").a)
    local data, response = client:get_messages("acme/site", "DE")
    assert.equal("eins", data.a)
    assert.equal(304, response.status)
    assert.is_true(response.cached)
    assert.equal('W/"1"', log[2].headers["If-None-Match"])
    files[GERMAN] = { body = '{"a":"zwei"}', etag = '"2"' }
    data, response = client:get_messages("acme/site", "de")
    assert.equal("zwei", data.a)
    assert.is_nil(response.cached)
    assert.equal("zwei", client:get_messages("acme/site", "de").a)
    assert.equal('"2"', log[4].headers["If-None-Match"])
    files[GERMAN] = nil
    assert.is_nil((client:get_messages("acme/site", "de")))
    client:get_messages("acme/site", "de")
    assert.is_nil(log[6].headers["If-None-Match"])
  end)

  it("keeps what came, whatever a program does with its table", function()
    local client = cdn { [GERMAN] = { body = '{"a":{"b":"eins"}}', etag = '"1"' } }
    local data = client:get_messages("acme/site", "de")
    data.a.b, data.c = "spoilt", true
    local again, response = client:get_messages("acme/site", "de")
    assert.same({ a = { b = "eins" } }, again)
    again.a = nil
    assert.same({ a = { b = "eins" } }, (client:get_messages("acme/site", "de")))
    assert.is_true(response.cached)
  end)

  it("keeps each client's, project's, language's and file's own", function()
    local function file(text) return { body = '{"a":"' .. text .. '"}', etag = '"same"' } end
    local files = {
      ["/acme/site/de/translations.json"] = file "1", ["/acme/site/fr/translations.json"] = file "2",
      ["/acme/app/de/translations.json"] = file "3", ["/acme/site/de/common.json"] = file "4",
    }
    local client = cdn(files)
    local function all()
      return {
        client:get_messages("acme/site", "de").a, client:get_messages("acme/site", "fr").a,
        client:get_messages("acme/app", "de").a, client:get_messages("acme/site", "de", { namespace = "common" }).a,
      }
    end
    assert.same({ "1", "2", "3", "4" }, all())
    assert.same({ "1", "2", "3", "4" }, all())
    local other, log = cdn(files)
    other:get_messages("acme/site", "de")
    assert.is_nil(log[1].headers["If-None-Match"])
  end)

  it("does not grow without end", function()
    local text = ("x"):rep(100000)
    local known = 0
    local client = cdn({}, {
      transport = function(request)
        if request.headers["If-None-Match"] then known = known + 1 end
        return { status = 200, body = '{"url":"' .. request.url .. '","t":"' .. text .. '"}', headers = { ETag = "1" } }
      end,
    })
    for index = 1, 300 do client:get_messages("acme/site", "l" .. index) end
    assert.equal(0, known)
    for index = 300, 1, -1 do client:get_messages("acme/site", "l" .. index) end
    assert.is_true(known > 40 and known <= 84, known) -- 8 MiB
    assert.equal("https://cdn.example.com/acme/site/l1/translations.json", client:get_messages("acme/site", "l1").url)
  end)

  it("raises for what is neither data nor a miss", function()
    for body, code in pairs {
      [""] = "invalid_response", ["[]"] = "invalid_response", ["[1]"] = "invalid_response", ["17"] = "invalid_response",
      ['{"a":'] = "invalid_response", ["<html>"] = "invalid_response", ['"x"'] = "invalid_response",
    } do
      local client = cdn { [GERMAN] = { body = body, etag = '"1"' } }
      for _ = 1, 2 do
        local err = expect.failure(code, client.get_messages, client, "acme/site", "de")
        assert.equal(GERMAN, err.path)
      end
    end
    local files = { [GERMAN] = { status = 304 } }
    local client = cdn(files, { max_retries = 0 })
    expect.failure("redirect", client.get_messages, client, "acme/site", "de") -- nobody asked whether it has changed
    files[GERMAN] = { status = 404, body = "" }
    expect.failure("http_error", client.get_messages, client, "acme/site", "de")
    files[GERMAN] = { status = 503, body = "" }
    assert.is_true(expect.failure("server_error", client.get_messages, client, "acme/site", "de").retryable)
  end)

  it("lets a caller ask himself", function()
    local client = cdn { [GERMAN] = { body = '{"a":"b"}', etag = '"1"' } }
    local options = { headers = { ["If-None-Match"] = '"1"' } }
    local data, response = client:get_messages("acme/site", "de", options)
    assert.is_nil(data)
    assert.equal(304, response.status)
    assert.is_nil(response.cached)
  end)

  it("takes the options of a call", function()
    local client, log = cdn { [GERMAN] = { body = '{"a":"b"}' } }
    client:get_messages("acme/site", "de", { query = { v = "1 2" }, headers = { ["X-Mine"] = "1" }, timeout = 3 })
    assert.equal("https://cdn.example.com" .. GERMAN .. "?v=1%202", log[1].url)
    assert.equal("1", log[1].headers["X-Mine"])
  end)

  it("refuses wrong arguments, and sends nothing", function()
    local client, log = cdn {}
    for _, project in ipairs {
      "acme", "", "/", "a/", "/b", "a/b/c", "../b", "a/..", "a/.", "a\0/b", "a/b\n", "a b/c", "a/b c", "acme/\255",
    } do
      expect.refused("get_manifest: project", client.get_manifest, client, project)
    end
    for _, project in ipairs { 5, {}, true } do
      expect.refused("get_manifest: project must be a string", client.get_manifest, client, project)
    end
    expect.refused("get_manifest: project is missing", client.get_manifest, client)
    expect.refused("get_manifest: unknown option 'namespace'", client.get_manifest, client, "a/b", { namespace = "x" })
    expect.refused("get_messages: locale is missing", client.get_messages, client, "a/b")
    expect.refused("get_messages: locale", client.get_messages, client, "a/b", { namespace = "x" })
    for _, locale in ipairs { "", "..", "a\nb" } do
      expect.refused("get_messages: locale is refused", client.get_messages, client, "a/b", locale)
    end
    for _, namespace in ipairs { "", "..", "a\nb", 5, {} } do
      expect.refused("get_messages: namespace", client.get_messages, client, "a/b", "de", { namespace = namespace })
    end
    expect.refused("unknown option 'namespaces'", client.get_messages, client, "a/b", "de", { namespaces = "x" })
    expect.refused("the table of options", client.get_messages, client, "a/b", "de", "x")
    expect.refused("too many arguments", client.get_messages, client, "a/b", "de", {}, 1)
    assert.equal(0, #log)
    client:close()
    expect.failure("closed", client.get_manifest, client, "a/b")
  end)

  it("is the same in every world, many at once", function()
    for _, world in ipairs(worlds.list()) do
      local client = cdn { [GERMAN] = { body = '{"a":"b"}', etag = '"1"' } }
      local function ask() return client:get_messages("acme/site", "de").a end
      assert.same({ "b", "b", "b" }, world.run(function() return world.together { ask, ask, ask } end))
    end
  end)
end)

describe("the CDN over the network", function()
  -- A project whose CDN requests are counted for the grant.
  local function project_of(fields)
    local grant = sandbox.grant { scopes = { "projects:read" } }
    local all = { grant_id = grant.grant_id, slug = "cdn-" .. grant.grant_id:gsub("%W", ""):lower() }
    for name, value in pairs(fields or {}) do all[name] = value end
    return grant, sandbox.control("project", all).project
  end

  it("serves what is published, and never sees credentials", function()
    local grant, project = project_of {
      languages = { "pt-BR" }, keys = { { n = "a", v = "A", t = { ["pt-br"] = "São – 東京 😀" } } },
    }
    for _, client in ipairs { sandbox.installed(grant), sandbox.connected(grant) } do
      local messages, response = client:get_messages(project, "pt-BR")
      assert.equal("São – 東京 😀", messages.a)
      assert.equal(200, response.status)
      assert.is_string(response.headers.ETag)
      messages, response = client:get_messages(project, "pt-br", { namespace = "default" })
      assert.equal("São – 東京 😀", messages.a)
      assert.equal(304, response.status)
      assert.is_true(response.cached)
      local manifest = client:get_manifest(project)
      assert.equal("en", manifest.languages[1].code)
      assert.same(manifest, (client:get_manifest(project)))
      client:close()
    end
    local counters = sandbox.counters(grant)
    assert.equal(8, counters.total)
    assert.equal(0, counters.cdn_with_credentials)
    assert.equal(0, counters.mints)
  end)

  it("answers both kinds of miss with nil", function()
    for _, miss in ipairs { "empty", "fallback" } do
      local grant, project = project_of { cdn_miss = miss }
      local client = sandbox.installed(grant)
      for _ = 1, 2 do
        local messages, response = client:get_messages(project, "xx")
        assert.is_nil(messages)
        assert.equal(200, response.status)
      end
      assert.is_nil((client:get_manifest "nobody/nothing"))
    end
  end)

  it("repeats after trouble on the way, and keeps no broken file", function()
    local grant, project = project_of { keys = { { n = "a", v = "A" } } }
    for _, fault in ipairs { { kind = "html", status = 502 }, { kind = "truncate" }, { kind = "reset" } } do
      local client = sandbox.installed(grant) -- each knows nothing yet
      sandbox.fault(grant, fault)
      local messages, response = client:get_messages(project, "en")
      assert.equal("A", messages.a)
      assert.equal(2, response.attempts)
    end
    sandbox.fault(grant, { kind = "bad_json" })
    local other = sandbox.installed(grant)
    expect.failure("invalid_response", other.get_messages, other, project, "en")
    assert.equal(200, select(2, other:get_messages(project, "en")).status)
  end)
end)

describe("a 304", function()
  it("that was asked for is a success of any call", function()
    local client = better_i18n.testing.client { ["GET /x"] = { status = 304 } }
    local data, response = client:request("GET", "/x", { headers = { ["if-none-match"] = '"1"' } })
    assert.is_true(data)
    assert.equal(304, response.status)
    assert.is_nil(response.cached)
    expect.failure("redirect", client.request, client, "GET", "/x")
  end)
end)
