-- TLS and HTTP/2: which certificates are believed and which are not, client certificates, the authorities of the
-- environment, and files that cannot be read, named.
local expect = require "spec.support.expect"
local process = require "spec.support.process"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"

setup(sandbox.start)
teardown(sandbox.stop)

local grant

before_each(function() grant = sandbox.grant { scopes = { "projects:write", "org:read", "projects:read" } } end)

local function secure(options)
  local all = { base_url = sandbox.TLS_URL, ca_file = sandbox.CA_FILE }
  for name, value in pairs(options or {}) do all[name] = value end
  return sandbox.installed(grant, all)
end

local function write(name, text) return shell.write(sandbox.path(name), text) end

describe("https", function()
  it("speaks HTTP/2 where the server does", function()
    local client = secure()
    for _ = 1, 3 do assert.equal(grant.grant_id, client:me().grant_id) end
    local counters = sandbox.counters(grant)
    assert.equal(3, counters.http2_requests)
    assert.equal(1, counters.connections)
  end)

  it("speaks HTTP/1.1 when told to", function()
    local client = secure { http_version = "1.1" }
    client:me()
    client:me()
    local counters = sandbox.counters(grant)
    assert.equal(0, counters.http2_requests)
    assert.equal(1, counters.connections)
  end)

  it("speaks HTTP/2 when told to", function()
    secure({ http_version = "2" }):me()
    assert.equal(1, sandbox.counters(grant).http2_requests)
  end)

  it("carries every kind of call over HTTP/2", function()
    local fresh = sandbox.grant { installation = false, scopes = { "projects:write", "projects:read", "org:read" },
                                  organization_id = "org_2" }
    local client = sandbox.refreshing(fresh, { base_url = sandbox.TLS_URL, ca_file = sandbox.CA_FILE })
    assert.equal(4, #client:list_organizations())
    local project = client:create_project { name = "Über TLS", slug = "tls-site", sourceLanguage = "de" }
    assert.equal("Über TLS", project.name)
    assert.is_true((client:revoke()))
    local counters = sandbox.counters(fresh)
    assert.equal(counters.total, counters.http2_requests)
  end)

  it("lets a write over HTTP/2 end as outcome_unknown when its stream is reset, once", function()
    local client = secure()
    client:me()
    sandbox.fault(grant, { kind = "reset", method = "POST", times = "always" })
    expect.failure("outcome_unknown", client.create_project, client, { name = "x", slug = "X", sourceLanguage = "en" })
    assert.equal(2, sandbox.total(grant))
  end)

  it("repeats a read over HTTP/2 when its stream is reset", function()
    local client = secure()
    client:me()
    sandbox.fault(grant, { kind = "reset" })
    local _, response = client:me()
    assert.equal(2, response.attempts)
    assert.equal(3, sandbox.total(grant))
  end)

  it("takes a certificate for the address too", function()
    local port = sandbox.TLS_URL:match ":(%d+)$"
    for _, host in ipairs { "127.0.0.1", "localhost" } do
      assert.equal(grant.grant_id, secure({ base_url = "https://" .. host .. ":" .. port }):me().grant_id)
    end
  end)
end)

describe("a certificate that is not good", function()
  for name, variable in pairs {
    ["expired"] = "TLS_EXPIRED_URL", ["for another host"] = "TLS_WRONG_HOST_URL",
    ["signed by itself"] = "TLS_SELF_SIGNED_URL",
  } do
    it("is told with what helps: " .. name, function()
      local client = secure { base_url = sandbox[variable] }
      local message = expect.failure("tls", client.me, client).message
      local helps = {
        TLS_EXPIRED_URL = "check this machine's clock", TLS_WRONG_HOST_URL = "check the host in the URL",
        TLS_SELF_SIGNED_URL = "ca_file",
      }
      for other, advice in pairs(helps) do
        assert.equal(other == variable, message:find(advice, 1, true) ~= nil, message)
      end
    end)

    it("ends as tls, at once, and nothing is sent: " .. name, function()
      for _, version in ipairs { "1.1", "2" } do
        local client = secure { base_url = sandbox[variable], http_version = version }
        local err = expect.failure("tls", client.me, client)
        assert.equal(1, err.attempts)
        assert.is_false(err.retryable)
        assert.is_nil(err.status)
        err = expect.failure("tls", client.create_project, client, { name = "x", slug = "x", sourceLanguage = "en" })
        assert.equal(1, err.attempts)
        local refreshing = sandbox.refreshing(grant, { base_url = sandbox[variable], ca_file = sandbox.CA_FILE })
        expect.failure("tls", refreshing.me, refreshing)
        assert.is_false(refreshing:is_revoked())
      end
      assert.equal(0, sandbox.total(grant))
    end)
  end

  it("is one that nobody vouches for, when no ca_file is given", function()
    local client = sandbox.installed(grant, { base_url = sandbox.TLS_URL })
    expect.holds("in ca_file", expect.failure("tls", client.me, client).message)
  end)

  it("stays so after a good connection", function()
    secure():me()
    local client = secure { base_url = sandbox.TLS_SELF_SIGNED_URL }
    expect.failure("tls", client.me, client)
    local distrusting = sandbox.installed(grant, { base_url = sandbox.TLS_URL })
    expect.failure("tls", distrusting.me, distrusting)
  end)

  it("is none: a server that speaks plain http", function()
    local client = secure { base_url = (sandbox.URL:gsub("^http:", "https:")) }
    local err = expect.failure("tls", client.me, client)
    expect.holds("is it a plain http one?", err.message)
    assert.is_nil(err.message:find("ca_file", 1, true))
  end)

  it("is not asked for: plain http to a port of https", function()
    local client = sandbox.installed(grant, { base_url = (sandbox.TLS_URL:gsub("^https:", "http:")) })
    expect.holds("the port speaks https", expect.failure("http_error", client.me, client).message)
  end)
end)

describe("a client certificate", function()
  it("is shown when asked for", function()
    local client = secure {
      base_url = sandbox.TLS_CLIENT_CERT_URL, cert_file = sandbox.CLIENT_CERT_FILE, key_file = sandbox.CLIENT_KEY_FILE,
    }
    assert.equal(grant.grant_id, client:me().grant_id)
  end)

  it("that is missing is the server's refusal", function()
    local client = secure { base_url = sandbox.TLS_CLIENT_CERT_URL }
    local err = expect.failure({ "http_error", "tls" }, client.me, client)
    expect.holds("cert_file and key_file", err.message)
    assert.equal(1, err.attempts)
    assert.equal(0, sandbox.total(grant))
  end)

  it("is not lent to a client that has none", function()
    secure({
      base_url = sandbox.TLS_CLIENT_CERT_URL, cert_file = sandbox.CLIENT_CERT_FILE, key_file = sandbox.CLIENT_KEY_FILE,
    }):me()
    local other = secure { base_url = sandbox.TLS_CLIENT_CERT_URL }
    expect.failure({ "http_error", "tls" }, other.me, other)
  end)
end)

describe("a file that cannot be used", function()
  it("is named: ca_file", function()
    for _, path in ipairs { "/nowhere/ca.pem", write("broken.pem", "not a certificate\n") } do
      local client = secure { ca_file = path }
      local err = expect.refused("ca_file", client.me, client)
      expect.holds(path, err.message)
    end
    assert.equal(0, sandbox.total(grant))
  end)

  it("is named: cert_file, key_file", function()
    for _, files in ipairs {
      { "/nowhere/c.pem", sandbox.CLIENT_KEY_FILE }, { sandbox.CLIENT_CERT_FILE, "/nowhere/k.pem" },
      { write("broken-cert.pem", "nonsense\n"), sandbox.CLIENT_KEY_FILE },
    } do
      local client = secure { base_url = sandbox.TLS_CLIENT_CERT_URL, cert_file = files[1], key_file = files[2] }
      local err = expect.refused("cert_file", client.me, client)
      expect.holds(files[1], err.message)
      expect.holds(files[2], err.message)
    end
  end)
end)

describe("the environment", function()
  local function ask(variables, options)
    local program = ([[
      local better_i18n = require "better_i18n"
      local client = better_i18n.new { base_url = %q, installation_token = %q, ca_file = %s }
      local ok, err = pcall(client.me, client)
      io.write(ok and "ok" or err.code)
    ]]):format(sandbox.TLS_URL, grant.installation_token, options or "nil")
    return (process.run(program, variables))
  end

  it("names authorities in SSL_CERT_FILE", function()
    assert.equal("tls", ask { SSL_CERT_FILE = false })
    assert.equal("ok", ask { SSL_CERT_FILE = sandbox.CA_FILE })
  end)

  it("counts for nothing beside ca_file", function()
    assert.equal("ok", ask({ SSL_CERT_FILE = "/nowhere/ca.pem" }, ("%q"):format(sandbox.CA_FILE)))
  end)

  it("cannot switch checking off", function()
    assert.equal("tls", ask { SSL_CERT_FILE = false, CURL_INSECURE = "1", SSL_CERT_DIR = "/nowhere" })
  end)
end)
