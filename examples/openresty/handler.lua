-- What the locations of nginx.conf answer. No call blocks the worker: while one waits, nginx serves other requests.
local better_i18n = require "better_i18n"
local cjson = require "cjson.safe"
local log = require "log"
local session = require "session"
local tenants = require "tenants"

local handler = {}

-- Beyond these: the status that the service gave, where it says something to this server's own users.
local STATUS = {
  access_denied = 403, state_mismatch = 400, invalid_argument = 400, missing_scope = 403, not_found = 404,
  rate_limited = 503, timeout = 504,
}

local function print_json(status, data)
  ngx.status = status
  ngx.print(cjson.encode(data))
end

-- An error as JSON: a missing scope by name, a revocation with the way back.
local function print_error(err)
  log(ngx.WARN, tostring(err))
  local status = err.revoked and 410 or STATUS[err.code] or err.status == 404 and 404 or 502
  print_json(status, {
    error = err.code, required_scope = err.required_scope, reconnect = err.revoked and "/connect" or nil,
  })
end

--- Sends the user to the consent page. ?scope=… asks for more.
function handler.connect()
  local more = ngx.var.arg_scope and " " .. ngx.unescape_uri(ngx.var.arg_scope) or ""
  local started, err = better_i18n.try(better_i18n.oauth.authorize, {
    client_id = tenants.app.client_id, redirect_uri = tenants.app.redirect_uri,
    scope = "org:read projects:read" .. more,
  })
  if not started then return print_error(err) end
  session.begin(started)
  return ngx.redirect(started.url)
end

-- The state is the one that this very browser was sent away with; the code is spent once.
local function finish(started)
  local code = better_i18n.oauth.parse_callback(ngx.req.get_uri_args(), { state = started.state })
  local tokens = better_i18n.oauth.exchange {
    client_id = tenants.app.client_id, client_secret = tenants.app.client_secret,
    redirect_uri = tenants.app.redirect_uri, code = code, code_verifier = started.code_verifier,
  }
  tenants.add(tokens)
  return tokens.grant_id
end

--- Where the consent page sends the user back to.
function handler.callback()
  local started = session.take()
  if not started then return print_json(400, { error = "not_started", reconnect = "/connect" }) end
  local grant_id, err = better_i18n.try(finish, started)
  if not grant_id then return print_error(err) end
  session.connect(grant_id)
  return ngx.redirect "/organizations"
end

-- Answers with what fn(client) gives for the user of this request. Making the client may fail too.
local function answer(fn)
  local grant_id = session.grant_id()
  if not grant_id then return print_json(401, { error = "not_connected", reconnect = "/connect" }) end
  local data, err = better_i18n.try(function() return fn(tenants.get(grant_id)) end)
  if data ~= nil then return print_json(200, data) end
  if err.revoked then tenants.remove(grant_id) end
  print_error(err)
end

function handler.organizations()
  answer(function(client) return client:list_organizations() end)
end

--- All pages of them.
function handler.projects(organization_id)
  answer(function(client)
    local names = better_i18n.array {}
    for project in client:each_project(organization_id) do names[#names + 1] = project.slug end
    return { projects = names }
  end)
end

--- What the background job last found out about the user's connection.
function handler.status()
  local grant_id = session.grant_id()
  print_json(200, { connection = grant_id and ngx.shared.grants:get(grant_id) or "none" })
end

return handler
