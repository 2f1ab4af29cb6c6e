-- examples/openresty in a real nginx with its four workers, against the sandbox: the very nginx.conf, with another port
-- and with the paths of this tree.
local cjson = require "cjson"
local expect = require "spec.support.expect"
local host = require "spec.support.nginx_host"
local sandbox = require "spec.support.nginx_sandbox"
local shell = require "spec.support.shell"
local socket = require "socket"

local service, nginx

local function replace(text, old, new)
  local from, to = text:find(old, 1, true)
  assert(from, "nginx.conf has no longer the line " .. old)
  return text:sub(1, from - 1) .. new .. text:sub(to + 1)
end

-- What a system's package and an installation would give, in front and in the paths.
local function configuration()
  local text = shell.read "examples/openresty/nginx.conf"
  text = replace(text, "error_log stderr notice", "error_log error.log notice")
  text = replace(text, "listen 127.0.0.1:8080", "listen 127.0.0.1:$port")
  text = replace(text, 'lua_package_path "$prefix/?.lua;;";', [[access_log off;
    client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;
    lua_package_path "$root/examples/openresty/?.lua;$root/lua/?.lua;$root/lua/?/init.lua;;";
    lua_package_cpath "$root/build/luajit/?.so;;";]])
  return "$modules\n$user\n" .. text
end

setup(function()
  assert(shell.run "make -s LUA=luajit >/dev/null 2>&1", "the module for LuaJIT does not build")
  service = sandbox.start()
  nginx = host.start {
    conf = configuration(), port = service.REDIRECT_URI:match ":(%d+)/",
    env = ("LUA_PATH=';;' LUA_CPATH=';;' BETTER_I18N_CLIENT_ID='%s' BETTER_I18N_CLIENT_SECRET='%s' "
      .. "BETTER_I18N_REDIRECT_URI='%s' BETTER_I18N_BASE_URL='%s' BETTER_I18N_JOB_SECONDS=0.2"):format(
      service.CLIENT_ID, service.CLIENT_SECRET, service.REDIRECT_URI, service.URL),
  }
end)

teardown(function()
  host.stop_all()
  service:stop()
end)

-- A browser: it goes where it is told, with the cookie that it got from there.
local function browser()
  local self = {}
  function self.get(url)
    if url:sub(1, 1) == "/" then url = nginx.url .. url end
    local ours = url:find(nginx.url, 1, true) == 1
    url = url:gsub(" ", "%%20")
    local status, body, headers = sandbox.fetch("GET", url, nil, { cookie = ours and self.cookie or nil })
    local cookie = ours and headers["set-cookie"]
    if cookie then self.cookie = cookie:match "^[^;]+" end
    return status, body, headers.location
  end
  function self.json(url)
    local status, body = self.get(url)
    local ok, value = pcall(cjson.decode, body)
    return status, ok and value or body
  end
  function self.consent(path)
    local _, _, page = self.get(path or "/connect")
    return select(3, self.get(page))
  end
  function self.connect(path)
    local status, body, location = self.get(self.consent(path))
    assert.equal(302, status, body)
    expect.holds("/organizations", location)
  end
  return self
end

-- The grant of the last mint, from the sandbox's log.
local function last_grant()
  local _, body = sandbox.fetch("GET", service.URL .. "/_sandbox/log?last=2000")
  local grant
  for _, entry in ipairs(cjson.decode(body).requests) do
    grant = entry.path:match "^/api/oauth%-client/installations/([^/]+)/tokens$" or grant
  end
  return grant
end

describe("the OpenResty example", function()
  it("connects a user, and lists for him in every worker with one mint", function()
    local user = browser()
    assert.same({ 401, { error = "not_connected", reconnect = "/connect" } }, { user.json "/organizations" })
    user.connect()
    local grant = last_grant()
    for _ = 1, 40 do
      local status, organizations = user.json "/organizations"
      assert.equal(200, status)
      assert.equal("table", type(organizations[1]))
    end
    assert.equal(4, #nginx:workers())
    local status, answer = user.json("/organizations/" .. service.ORGANIZATION_ID .. "/projects")
    assert.equal(200, status)
    assert.is_true(#answer.projects > 0)
    assert.equal(1, service:counters(grant).mints)
    assert.equal(0, service:counters(grant).refreshes)
  end)

  it("keeps users apart, and a callback to the browser that began", function()
    local user, other = browser(), browser()
    local back = user.consent()
    assert.same({ 400, { error = "not_started", reconnect = "/connect" } }, { other.json(back) })
    other.consent()
    assert.same({ 400, { error = "state_mismatch" } }, { other.json(back) })
    assert.equal(302, (user.get(back)))
    assert.same({ 400, { error = "not_started", reconnect = "/connect" } }, { user.json(back) })
    assert.equal(401, (other.get "/organizations"))
  end)

  it("says that the user declined", function()
    service:control("consent", { deny = true, times = 1 })
    local user = browser()
    assert.same({ 403, { error = "access_denied" } }, { user.json(user.consent()) })
  end)

  it("names the scope that is missing, and asks for it", function()
    service:control("consent", { cut = { "projects:read" }, times = 1 })
    local user = browser()
    local projects = "/organizations/" .. service.ORGANIZATION_ID .. "/projects"
    user.connect()
    assert.same({ 403, { error = "missing_scope", required_scope = "projects:read" } }, { user.json(projects) })
    user.connect "/connect?scope=glossary:read"
    assert.equal(200, (user.get(projects)))
  end)

  it("looks in the background, sees a revocation, and lets the user connect again", function()
    local user = browser()
    user.connect()
    local function state()
      local _, answer = user.json "/status"
      return answer.connection
    end
    assert.truthy(host.await(function() return state() == "checked" end, 5), state())
    service:control("revoke", { grant_id = last_grant() })
    assert.truthy(host.await(function() return state() == "revoked" end, 5), state())
    assert.same({ 410, { error = "grant_revoked", reconnect = "/connect" } }, { user.json "/organizations" })
    user.connect()
    assert.equal(200, (user.get "/organizations"))
  end)

  it("serves all workers with one renewal", function()
    local user = browser()
    user.connect()
    local grant = last_grant()
    local before = service:counters(grant)
    service:control("expire", { grant_id = grant, what = "access" })
    service:control("expire", { grant_id = grant, what = "installation" }) -- now the job may come first as well
    local connections = {}
    for i = 1, 40 do
      connections[i] = assert(socket.connect("127.0.0.1", nginx.port))
      connections[i]:send("GET /organizations HTTP/1.0\r\nHost: x\r\nCookie: " .. user.cookie .. "\r\n\r\n")
    end
    for i = 1, 40 do
      connections[i]:settimeout(20)
      local text = connections[i]:receive "*a"
      expect.holds(" 200 OK", text)
      connections[i]:close()
    end
    local after = service:counters(grant)
    assert.equal(1, after.refreshes - before.refreshes)
  end)

  it("neither complains nor tells a secret", function()
    assert.equal("", nginx:complaints())
    for line in io.lines(nginx.dir .. "/error.log") do
      for _, secret in ipairs { "bi_oat_", "%f[%w]rt_", "code=", service.CLIENT_SECRET } do
        assert(not line:find(secret), "a secret is in the log: " .. secret)
      end
    end
  end)
end)
