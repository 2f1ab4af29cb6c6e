-- An instance of the sandbox for one spec file, and clients that talk to it. A spec calls start in its setup and
-- stop in its teardown; tests make a grant each, so that their counters, logs and faults are their own.
local better_i18n = require "better_i18n"
local cjson = require "cjson"
local http = require "socket.http"
local ltn12 = require "ltn12"
local shell = require "spec.support.shell"

local SCRIPT = "sandbox/sandbox"

local sandbox = {}
local dir

--- Starts it; afterwards sandbox.URL, sandbox.CA_FILE … are what sandbox/README.md lists. It ends with this process.
function sandbox.start()
  dir = shell.line "mktemp -d"
  assert(shell.run(SCRIPT .. " start " .. dir .. " $PPID"), "the sandbox does not start")
  for line in io.lines(dir .. "/env") do
    local name, value = line:match "^export BETTER_I18N_SANDBOX_([%w_]+)='(.*)'$"
    if name then sandbox[name] = value end
  end
end

function sandbox.stop()
  shell.run(SCRIPT .. " stop " .. dir)
  shell.run("rm -rf " .. dir)
end

--- A file name in the instance's private directory.
function sandbox.path(name) return dir .. "/spec-" .. name end

local function ask(method, path, fields)
  local parts, body = {}, fields and cjson.encode(fields)
  local ok, status = http.request {
    url = sandbox.URL .. path, method = method, source = body and ltn12.source.string(body),
    headers = { ["content-length"] = body and #body or 0, ["content-type"] = body and "application/json" },
    sink = ltn12.sink.table(parts),
  }
  local text = table.concat(parts)
  assert(ok and (status == 200 or status == 201), tostring(status) .. " " .. text)
  return cjson.decode(text)
end

function sandbox.control(path, fields) return ask("POST", "/_sandbox/" .. path, fields) end

--- A fresh grant with its tokens; fields as in sandbox/README.md.
function sandbox.grant(fields) return sandbox.control("grant", fields or { client_id = sandbox.CLIENT_ID }) end

--- A fault for the requests of that grant.
function sandbox.fault(grant, fields)
  local copy = { grant_id = grant and grant.grant_id }
  for name, value in pairs(fields) do copy[name] = value end
  return sandbox.control("fault", copy)
end

--- Takes the faults of the grant away, or all.
function sandbox.clear_faults(grant)
  return sandbox.control("clear_faults", { grant_id = grant and grant.grant_id })
end

--- A project of the grant's own ("org/slug") with that many keys, or those rows; fields as in sandbox/README.md.
function sandbox.project(grant, fields)
  local copy = { grant_id = grant.grant_id }
  for name, value in pairs(fields or {}) do copy[name] = value end
  return sandbox.control("project", copy).project
end

local function query(grant) return grant and "grant=" .. grant.grant_id or "" end

function sandbox.counters(grant) return ask("GET", "/_sandbox/counters?" .. query(grant)) end

--- How many requests came in for the grant, or at all.
function sandbox.total(grant) return sandbox.counters(grant).total end

--- The requests of the grant, oldest first.
function sandbox.log(grant) return ask("GET", "/_sandbox/log?last=2000&" .. query(grant)).requests end

--- The last request of the grant.
function sandbox.last(grant)
  local log = sandbox.log(grant)
  return log[#log]
end

--- The log as "METHOD path" lines.
function sandbox.lines(grant)
  local lines = {}
  for index, entry in ipairs(sandbox.log(grant)) do lines[index] = entry.method .. " " .. entry.path end
  return lines
end

-- Clients -----------------------------------------------------------------------------------------------

local function no_pause() return 0 end

local function merge(...)
  local merged = {}
  for index = 1, select("#", ...) do
    for name, value in pairs((select(index, ...)) or {}) do merged[name] = value end
  end
  return merged
end

--- A client of the instance that retries without a pause; options go to `new`, false leaves one out (but preflight).
function sandbox.client(options)
  local merged = merge({
    base_url = sandbox.URL, mcp_url = sandbox.MCP_URL, cdn_url = sandbox.CDN_URL, random = no_pause,
  }, options)
  for name, value in pairs(merged) do
    if value == false and name ~= "preflight" then merged[name] = nil end
  end
  return better_i18n.new(merged)
end

--- One that has the installation token alone.
function sandbox.installed(grant, options)
  return sandbox.client(merge({ installation_token = grant.installation_token }, options))
end

--- One that has the access token and mints.
function sandbox.minting(grant, options)
  return sandbox.client(merge({ grant_id = grant.grant_id, access_token = grant.access_token }, options))
end

--- One that has access and refresh token.
function sandbox.connected(grant, options)
  return sandbox.client(merge({
    grant_id = grant.grant_id, access_token = grant.access_token, refresh_token = grant.refresh_token,
    client_id = grant.client_id, client_secret = grant.client_secret,
  }, options))
end

--- One that has nothing but the refresh token.
function sandbox.refreshing(grant, options)
  return sandbox.connected(grant, merge({ access_token = false }, options))
end

return sandbox
