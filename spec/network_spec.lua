-- The network around the service: nobody listens, no such name, a host that does not answer, proxies (given, of the
-- environment, refusing), redirects, cookies, connections that are kept.
local better_i18n = require "better_i18n"
local expect = require "spec.support.expect"
local process = require "spec.support.process"
local proxy = require "spec.support.proxy"
local raw_server = require "spec.support.raw_server"
local sandbox = require "spec.support.sandbox"
local socket = require "socket"

setup(sandbox.start)
teardown(sandbox.stop)

local PROJECT = { name = "x", slug = "X", sourceLanguage = "en" }
local grant

before_each(function() grant = sandbox.grant { scopes = { "projects:write", "org:read" } } end)

local function seconds_of(fn, ...)
  local before = socket.gettime()
  local result = fn(...)
  return socket.gettime() - before, result
end

describe("no connection", function()
  it("because nobody listens", function()
    local client = sandbox.installed(grant, { base_url = "http://127.0.0.1:1", max_retries = 0 })
    for _, err in ipairs {
      expect.failure("network", client.me, client), expect.failure("network", client.create_project, client, PROJECT),
    } do
      assert.is_true(err.retryable)
      assert.is_nil(err.status)
      expect.holds("127.0.0.1", err.message)
    end
  end)

  it("because the name does not exist", function()
    local client = sandbox.installed(grant, {
      base_url = "https://nothing.invalid", max_retries = 0, connect_timeout = 2,
    })
    local err = expect.failure("network", client.create_project, client, PROJECT)
    assert.is_true(err.retryable)
  end)

  it("because the host does not answer: connect_timeout, not timeout", function()
    -- A listener whose queue is full answers no more.
    local listener = assert(socket.bind("127.0.0.1", 0, 1))
    local port = select(2, listener:getsockname())
    local fillers = {}
    for index = 1, 8 do
      fillers[index] = socket.tcp()
      fillers[index]:settimeout(0)
      fillers[index]:connect("127.0.0.1", port)
    end
    local client = sandbox.installed(grant, {
      base_url = "http://127.0.0.1:" .. port, max_retries = 0, connect_timeout = 0.3, timeout = 20,
    })
    local seconds, err = seconds_of(expect.failure, "network", client.create_project, client, PROJECT)
    assert.is_true(err.retryable)
    assert.is_true(seconds > 0.25 and seconds < (expect.slow and 10 or 2), seconds .. " s")
    -- The call's own time is shorter: then it is a timeout, and still nothing was sent.
    seconds, err = seconds_of(expect.failure, { "timeout", "network" }, client.create_project, client, PROJECT,
      { timeout = 0.1 })
    assert.is_true(seconds < (expect.slow and 10 or 1), seconds .. " s")
    assert.is_true(err.retryable)
    for _, filler in ipairs(fillers) do filler:close() end
    listener:close()
  end)

  it("by IPv6 when nobody listens there", function()
    local client = sandbox.installed(grant, { base_url = "http://[::1]:1", max_retries = 0 })
    expect.failure("network", client.me, client)
  end)
end)

describe("connections", function()
  it("are kept and shared by clients that agree", function()
    local before = sandbox.counters(grant).connections
    local one, two = sandbox.installed(grant), sandbox.installed(grant)
    for _ = 1, 5 do
      one:me()
      two:me()
    end
    one:close()
    two:me()
    assert.equal(before + 1, sandbox.counters(grant).connections)
  end)

  it("that the server ended in the meantime cost a read nothing", function()
    local server = raw_server.start [[
      return function(request, connection)
        connection:json '{"ok":true}'
        if request.path == "/last" then connection:close() end
      end
    ]]
    finally(function() server:stop() end)
    local client = better_i18n.new { base_url = server.url, installation_token = "bi_oat_0123456789" }
    client:request("GET", "/last")
    socket.sleep(0.05)
    local data, response = client:request("GET", "/next")
    assert.is_true(data.ok)
    assert.equal(1, response.attempts)
    client:request("GET", "/last")
    socket.sleep(0.05)
    assert.is_true(client:request("POST", "/write", { body = { a = 1 } }).ok)
    client:close()
  end)

  it("with Connection: close are not used again", function()
    local server = raw_server.start [[
      return function(request, connection)
        connection:send "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
      end
    ]]
    finally(function() server:stop() end)
    local client = better_i18n.new { base_url = server.url, installation_token = "bi_oat_0123456789" }
    for _ = 1, 3 do client:me() end
    client:close()
    for _, request in ipairs(server:requests()) do assert.equal(1, request.n) end
  end)
end)

describe("a redirect", function()
  for _, status in ipairs { 301, 302, 303, 307, 308 } do
    it("is not followed: " .. status, function()
      local there = sandbox.URL .. "/_sandbox/echo"
      sandbox.fault(grant, { kind = "redirect", location = there, status = status, times = "always" })
      local before = sandbox.total()
      local client = sandbox.installed(grant)
      local err = expect.failure("redirect", client.me, client)
      assert.equal(status, err.status)
      assert.equal(there, err.headers.location)
      expect.holds(there, err.message)
      expect.failure("redirect", client.create_project, client, PROJECT)
      expect.failure("redirect", client.request, client, "GET", "/api/oauth-client/me", { token = "installation" })
      assert.equal(before + 3, sandbox.total())
    end)
  end

  it("of the token endpoint is not followed, and revokes nothing", function()
    sandbox.fault(grant, { kind = "redirect", location = "http://127.0.0.1:1/", grant_type = "refresh_token" })
    local client = sandbox.refreshing(grant)
    expect.failure("redirect", client.me, client)
    assert.is_false(client:is_revoked())
    assert.equal(grant.grant_id, client:me().grant_id)
  end)

  it("304 is no success either", function()
    sandbox.fault(grant, { kind = "status", status = 304, body = "" })
    local client = sandbox.installed(grant)
    expect.failure("redirect", client.me, client)
  end)
end)

describe("cookies", function()
  it("are never sent back", function()
    local server = raw_server.start [[
      return function(request, connection)
        connection:send "HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 2\r\n\r\n{}"
      end
    ]]
    finally(function() server:stop() end)
    local client = better_i18n.new { base_url = server.url, installation_token = "bi_oat_0123456789" }
    for _ = 1, 3 do client:me() end
    client:close()
    for _, request in ipairs(server:requests()) do assert.is_nil(request.head:lower():find "\ncookie:") end
    -- The sandbox sets one with each refresh and refuses whoever sends it.
    local refreshing = sandbox.refreshing(grant)
    for _ = 1, 2 do
      refreshing:me()
      sandbox.control("expire", { grant_id = grant.grant_id, what = "access" })
    end
    refreshing:me()
    for _, entry in ipairs(sandbox.log(grant)) do assert.is_nil(entry.headers.cookie) end
  end)
end)

local it_proxied = proxy.is_installed() and it or pending

describe("a proxy", function()
  local open, closed

  setup(function()
    if not proxy.is_installed() then return end
    open = proxy.start(sandbox.path "open-proxy")
    closed = proxy.start(sandbox.path "closed-proxy", "user", "proxy-password")
  end)
  teardown(function()
    if not open then return end
    open.stop()
    closed.stop()
  end)

  local function hits(text) return select(2, text:gsub("Request %(file descriptor", "")) end

  it_proxied("that was given is used, for loopback too", function()
    local before = hits(open.log())
    local client = sandbox.installed(grant, { proxy = open.url })
    assert.equal(grant.grant_id, client:me().grant_id)
    assert.equal(before + 1, hits(open.log()))
    assert.truthy(sandbox.last(grant).headers.via)
  end)

  it_proxied("is a tunnel for https, where HTTP/2 works too", function()
    local client = sandbox.installed(grant, { base_url = sandbox.TLS_URL, ca_file = sandbox.CA_FILE, proxy = open.url })
    assert.equal(grant.grant_id, client:me().grant_id)
    assert.truthy(open.log():find "Request %(file descriptor %d+%): CONNECT ")
    assert.equal(1, sandbox.counters(grant).http2_requests)
    assert.is_nil(sandbox.last(grant).headers.via)
  end)

  it_proxied("without a scheme is http", function()
    assert.equal(grant.grant_id, sandbox.installed(grant, { proxy = "127.0.0.1:" .. open.port }):me().grant_id)
  end)

  for name, variable in pairs { http = "URL", https = "TLS_URL" } do
    it_proxied("that wants credentials gets them, and without them is `proxy`: " .. name, function()
      local hosts = { base_url = sandbox[variable], ca_file = sandbox.CA_FILE }
      hosts.proxy = "http://user:proxy-password@127.0.0.1:" .. closed.port
      assert.equal(grant.grant_id, sandbox.installed(grant, hosts):me().grant_id)
      -- tinyproxy answers wrong credentials outside of a tunnel as if it were the service: 401.
      for _, credentials in ipairs(name == "https" and { "", "user:wrong-canary-pw@" } or { "" }) do
        hosts.proxy = "http://" .. credentials .. "127.0.0.1:" .. closed.port
        local client = sandbox.installed(grant, hosts)
        local err = expect.failure("proxy", client.me, client)
        assert.is_false(err.retryable)
        assert.equal(1, err.attempts)
        assert.is_nil(expect.everything(err):find("canary", 1, true))
        -- tinyproxy resets the connection before a body is read: then 407 may come without its page.
        expect.failure(name == "https" and "proxy" or { "proxy", "outcome_unknown" }, client.create_project, client,
          PROJECT)
      end
      assert.equal(1, sandbox.total(grant))
    end)
  end

  it("that is not there is a failure that names it, without its password", function()
    for _, base in ipairs { sandbox.URL, sandbox.TLS_URL } do
      local client = sandbox.installed(grant, {
        base_url = base, proxy = "http://user:canary-password@127.0.0.1:1", max_retries = 0,
      })
      local err = expect.failure({ "network", "proxy" }, client.create_project, client, PROJECT)
      assert.is_nil(expect.everything(err):find("canary", 1, true))
    end
    assert.equal(0, sandbox.total(grant))
  end)

  it("of a kind that is none is an invalid_argument", function()
    for _, value in ipairs { "gopher://127.0.0.1:1", "http://user:canary-password@:0", "://" } do
      local client = sandbox.installed(grant, { proxy = value, max_retries = 0 })
      local err = expect.failure({ "invalid_argument", "proxy", "network" }, client.me, client)
      assert.is_nil(expect.everything(err):find("canary", 1, true))
    end
    assert.equal(0, sandbox.total(grant))
  end)

  it("that fails in the tunnel is `proxy`", function()
    for _, answer in ipairs { "403 Forbidden", "502 Bad Gateway", "407 Proxy Authentication Required" } do
      local server = raw_server.start(([[
        return function(request, connection)
          connection:send "HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n"
          connection:close()
        end
      ]]):format(answer))
      local client = sandbox.installed(grant, { base_url = sandbox.TLS_URL, ca_file = sandbox.CA_FILE,
                                                proxy = server.url, max_retries = 0 })
      local ok, err = pcall(client.create_project, client, PROJECT)
      local requests = server:requests()
      server:stop()
      assert.is_false(ok)
      assert.equal("proxy", err.code, answer .. ": " .. tostring(err))
      assert.equal("CONNECT", requests[1].method)
      assert.is_nil(requests[1].head:find("bi_oat_", 1, true))
    end
    assert.equal(0, sandbox.total(grant))
  end)

  -- The environment ---------------------------------------------------------------------------------------

  local function ask(base_url, variables, more)
    local program = ([[
      local better_i18n = require "better_i18n"
      local client = better_i18n.new {
        base_url = %q, installation_token = %q, max_retries = 0, allow_http = true, connect_timeout = 3, %s
      }
      local ok, err = pcall(client.me, client)
      io.write(ok and "ok" or err.code)
    ]]):format(base_url, grant.installation_token, more or "")
    return (process.run(program, variables))
  end

  it("of the environment is honoured, but never for loopback", function()
    local server = raw_server.start [[
      return function(request, connection) connection:json '{"from":"proxy"}' end
    ]]
    finally(function() server:stop() end)
    local variables = { http_proxy = server.url, https_proxy = server.url, all_proxy = server.url, no_proxy = false,
                        NO_PROXY = false, HTTP_PROXY = false }
    assert.equal("ok", ask("http://service.test", variables))
    local requests = server:requests()
    assert.equal(1, #requests)
    assert.equal("http://service.test/api/oauth-client/me", requests[1].path)
    server:reset()
    assert.equal("ok", ask(sandbox.URL, variables))
    assert.equal("ok", ask((sandbox.URL:gsub("127%.0%.0%.1", "localhost")), variables))
    assert.equal("ok", ask(sandbox.TLS_URL, variables, ("ca_file = %q"):format(sandbox.CA_FILE)))
    assert.same({}, server:requests())
    -- an empty `proxy` switches the environment's off, no_proxy does so by name
    assert.equal("network", ask("http://service.test", variables, 'proxy = ""'))
    variables.no_proxy = "service.test"
    assert.equal("network", ask("http://service.test", variables))
    assert.same({}, server:requests())
  end)

  it("of the environment that is not there is a failure", function()
    local code = ask("http://service.test", { http_proxy = "http://127.0.0.1:1", no_proxy = false, NO_PROXY = false })
    assert.truthy(code == "network" or code == "proxy", code)
  end)
end)
