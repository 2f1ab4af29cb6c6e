-- The instance as a whole: what `sandbox start` handed over, the ready-made identity, the seeds of the state,
-- and the file `env` whose appearance says "ready". main.lua starts and resets it.
local clients = require "state.clients"
local company = require "state.company"
local control_clients = require "control.clients"
local control_grants = require "control.grants"
local crypto = require "crypto"
local grants = require "state.grants"
local journal = require "state.journal"
local keys = require "state.keys"
local authorize = require "service.authorize"
local rules = require "faults.rules"
local scopes = require "state.scopes"
local sessions = require "service.mcp.sessions"
local settings = require "state.settings"
local syncs = require "state.syncs"

local instance = {}

-- With a port that was free when the instance started.
local redirect_uris

-- Made once and kept over a reset, so that DIR/env stays true.
local identity

local function new_identity()
  return {
    secret = clients.new_secret(),
    other_secret = clients.new_secret(),
    grant_id = crypto.new_id("grt_", 8),
    access = crypto.new_id "at_",
    refresh = crypto.new_id "rt_",
    installation = crypto.new_id "bi_oat_",
  }
end

local function seed()
  clients.add { id = "demo_client", secret = identity.secret, redirect_uris = redirect_uris }
  clients.add { id = "other_client", secret = identity.other_secret, redirect_uris = redirect_uris }
  clients.add { id = "public_client", redirect_uris = redirect_uris }
  local grant = grants.create {
    id = identity.grant_id, client_id = "demo_client", organization_id = "org_1",
    scopes = { "offline_access", unpack(scopes.default) },
  }
  for _, kind in ipairs { "access", "refresh", "installation" } do
    grants.issue(grant, kind, identity[kind])
  end
end

function instance.reset()
  local parts = { settings, clients, grants, company, keys, syncs, sessions, journal, rules, authorize }
  for _, part in ipairs(parts) do part.reset() end
  seed()
end

-- key=value lines that sandbox/sandbox wrote: ports, the directory, whom to outlive not.
local function read_start_file()
  local values = {}
  for line in io.lines(ngx.config.prefix() .. "start") do
    local key, value = line:match "^([%w_]+)=(.*)$"
    if key then values[key] = value end
  end
  return values
end

local function environment(start)
  local dir = start.dir .. "/"
  local https = "https://localhost:"
  return {
    { "URL", "http://127.0.0.1:" .. start.http },
    { "MCP_URL", "http://127.0.0.1:" .. start.http .. "/mcp" },
    { "CDN_URL", "http://127.0.0.1:" .. start.http .. "/cdn" },
    { "TLS_URL", https .. start.tls },
    { "TLS_EXPIRED_URL", https .. start.expired },
    { "TLS_WRONG_HOST_URL", https .. start.wrong_host },
    { "TLS_SELF_SIGNED_URL", https .. start.self_signed },
    { "TLS_CLIENT_CERT_URL", https .. start.client_cert },
    { "CA_FILE", dir .. "ca.pem" },
    { "CLIENT_CERT_FILE", dir .. "client.pem" },
    { "CLIENT_KEY_FILE", dir .. "client.key" },
    { "CLIENT_ID", "demo_client" },
    { "CLIENT_SECRET", identity.secret },
    { "OTHER_CLIENT_ID", "other_client" },
    { "OTHER_CLIENT_SECRET", identity.other_secret },
    { "PUBLIC_CLIENT_ID", "public_client" },
    { "REDIRECT_URI", redirect_uris[1] },
    { "GRANT_ID", identity.grant_id },
    { "ACCESS_TOKEN", identity.access },
    { "REFRESH_TOKEN", identity.refresh },
    { "INSTALLATION_TOKEN", identity.installation },
    { "ORGANIZATION_ID", "org_1" },
    { "ORGANIZATION_SLUG", "acme" },
    { "OTHER_ORGANIZATION_ID", "org_2" },
    { "PROJECT_ID", "prj_1" },
    { "PROJECT_SLUG", "website-eu" },
    { "TOOL_PROJECT", "acme/website-eu" },
    { "BIG_PROJECT", "acme/big" },
    { "DIR", start.dir },
  }
end

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

-- What programs read, the examples too, in an order to be read by people.
local function exports(start)
  local url, browser = "http://127.0.0.1:" .. start.http, start.here .. "/consent"
  if browser:find "[^%w/._-]" then browser = quote(browser) end -- the variable is a command line
  return {
    { "BETTER_I18N_BASE_URL", url },
    { "BETTER_I18N_MCP_URL", url .. "/mcp" },
    { "BETTER_I18N_CDN_URL", url .. "/cdn" },
    { "BETTER_I18N_CLIENT_ID", "demo_client" },
    { "BETTER_I18N_CLIENT_SECRET", identity.secret },
    { "BETTER_I18N_REDIRECT_URI", redirect_uris[1] },
    { "BETTER_I18N_BROWSER", browser .. " --follow" },
    { "TOKEN", identity.installation },
  }
end

-- Written aside and renamed: whoever sees the file sees all of it.
local function write_file(start, name, lines)
  local path = start.dir .. "/" .. name
  local file = assert(io.open(path .. ".new", "w"))
  file:write(table.concat(lines))
  file:close()
  assert(os.rename(path .. ".new", path))
end

local function write_exports(start)
  local lines = { ". " .. quote(start.dir .. "/env") .. "\n" }
  for _, entry in ipairs(exports(start)) do
    local value = entry[2]:find "[^%w/:._-]" and quote(entry[2]) or entry[2]
    lines[#lines + 1] = "export " .. entry[1] .. "=" .. value .. "\n"
  end
  write_file(start, "exports", lines)
end

local function write_environment(start)
  local lines = {}
  for index, entry in ipairs(environment(start)) do
    lines[index] = "export BETTER_I18N_SANDBOX_" .. entry[1] .. "=" .. quote(entry[2]) .. "\n"
  end
  write_file(start, "env", lines)
end

-- Returns what `sandbox start` handed over.
function instance.start()
  local start = read_start_file()
  identity = new_identity()
  local path = ":" .. start.redirect .. "/callback"
  redirect_uris = { "http://127.0.0.1" .. path, "http://localhost" .. path }
  control_grants.default_client, control_clients.default_redirect = "demo_client", redirect_uris[1]
  instance.reset()
  write_exports(start)
  write_environment(start) -- the last: it says "ready"
  return start
end

return instance
