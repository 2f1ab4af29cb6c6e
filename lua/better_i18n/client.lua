-- The client's methods: one for each row of the core's endpoint table, and those that are no endpoint. Called by
-- init.lua; the methods become the metatable of the client userdata.

local core = require "better_i18n.core"
local driver = require "better_i18n.driver"
local current = require "better_i18n.loop.current"

local methods = core.methods
local call = core.call
local choose = current.choose

-- The client is an argument until the call has ended: one that nobody else holds must not be collected under it.
local function results(_, data, response) return data, response end

local function run(client, task, signal, state)
  return results(client, driver.run(task, state, choose(state.loop), signal))
end

-- me(), list_organizations(), list_projects(org_id), create_project{ name, slug, sourceLanguage },
-- get_project(project_id), add_language(project_id, code), list_models(org_slug, project_slug), revoke(), see docs.
-- token_info() gets a token first when there is none, then tells what is known of it: grant_id, organization_id,
-- project_ids ({} means all), scopes, expires_in, expires_at, each nil while the service has not said it.
-- Lists have an iterator too: each_organization(options), each_project(org_id, options), each_model(org_slug,
-- project_slug, options), see each.lua.
for row, name in ipairs(core.endpoints()) do
  methods[name] = function(client, ...) return run(client, call(client, row, ...)) end
  local item = name:match "^list_(.+)s$"
  if item then
    local each = "each_" .. item
    methods[each] = function(client, ...) return require "better_i18n.each"(each, name, row, client, ...) end
  end
end

--- Any endpoint, also one that this client does not know yet.
-- @param method (string) GET, HEAD, OPTIONS, DELETE (which may be repeated), POST, PUT or PATCH
-- @param path (string) below the API's host, beginning with "/", its parts percent-encoded; may hold a query
-- @param options (table) `query, body, token, headers, raw, content_type, timeout, max_retries`: a table `body` is
--   sent as JSON, a string as it is with its `content_type`; `token` is "installation" (default), "access" or
--   "none"; `raw = true` returns the bytes
-- @return data, response
-- @raise as every call
function methods.request(client, ...) return run(client, core.custom(client, ...)) end

--- Calls a tool of the MCP server; its answer comes as it is.
-- @param name (string) the tool's own name, e.g. "listKeys" (list_tools has them all); one that this client does not
--   know is taken for a write: never sent twice
-- @param arguments (table) by the service's names; nil or {} for none. Text is UTF-8 without NUL
-- @param options (table) `timeout` in seconds (a tool that waits on the server, as getSync with waitMs, needs more
--   than it waits), `max_retries, headers, signal`
-- @return data: the JSON document in the tool's first text, or that text where it is no JSON; and response, with
--   `notices` (the texts behind the first) and `body` (the JSON-RPC result as it came)
-- @raise as every call, and missing_scope, rate_limited, not_found, invalid_request or tool_error where the tool
--   itself refuses; too_large with status 413 where the request is too large for the server
function methods.call_tool(client, ...) return run(client, core.tool(client, ...)) end

--- The tools that the MCP server has.
-- @param options (table) `timeout, max_retries, headers, signal`, for each page
-- @return an array of tools as the server describes them (`name, description, inputSchema, …`); the response of the
--   last page
-- @raise as every call
function methods.list_tools(client, ...) return require "better_i18n.list_tools"(run, client, ...) end

-- Methods over the tools; their files say what each takes and gives, and are loaded when one of them is called.
local over_tools = {
  keys = {
    "list_keys", "each_key", "get_translations", "each_translation", "create_keys", "set_translations", "update_keys",
    "delete_keys",
  },
  publish = { "pending_changes", "publish", "list_syncs", "get_sync", "wait_sync", "cancel_sync" },
  tool_projects = {
    "list_tool_projects", "project_overview", "translation_context", "propose_languages", "propose_language_edits",
  },
}

for part, names in pairs(over_tools) do
  for _, name in ipairs(names) do
    methods[name] = function(...) return require("better_i18n." .. part)[name](...) end
  end
end

--- Whether this client knows that its grant was revoked. Asks nobody.
-- @return boolean
methods.is_revoked = core.is_revoked

--- Whether the grant has a scope. Asks nobody.
-- @param scope (string) a name of better_i18n.scopes
-- @return boolean, or nil while the service has not said which scopes there are
-- @raise invalid_argument
methods.can = core.can

--- Ends the client: connections close, secrets are wiped, a refresh that is on the wire is awaited. Calls that other
-- coroutines have under way raise `cancelled`. Again: no effect.
function methods.close(client)
  local state = core.state(client)
  driver.settle(state, choose(state.loop))
  core.close(client)
  driver.cancel(state)
end

return methods
