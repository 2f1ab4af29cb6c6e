---@meta _

-- The client: the partner API, any endpoint, any tool, the CDN, and its own life. See module.lua.

---Acts for one grant; made by `better_i18n.new`. Every call returns data and response, or raises a better_i18n.error.
---@class better_i18n.client
local client = {}

---Who connected.
---@param options? better_i18n.call_options
---@return better_i18n.object data
---@return better_i18n.response response
function client:me(options) end

---One page of the organizations. Scope org:read.
---@param options? better_i18n.list_options
---@return better_i18n.object[] organizations
---@return better_i18n.response response
function client:list_organizations(options) end

---All organizations: `for organization in client:each_organization() do`.
---@param options? better_i18n.each_options
---@return fun(): better_i18n.object, integer, better_i18n.response iterator
function client:each_organization(options) end

---One page of an organization's projects. Scope projects:read.
---@param org_id string
---@param options? better_i18n.list_options
---@return better_i18n.object[] projects
---@return better_i18n.response response
function client:list_projects(org_id, options) end

---All projects of an organization.
---@param org_id string
---@param options? better_i18n.each_options
---@return fun(): better_i18n.object, integer, better_i18n.response iterator
function client:each_project(org_id, options) end

---One page of a project's content models. Scope content:read.
---@param org_slug string
---@param project_slug string
---@param options? better_i18n.list_options
---@return better_i18n.object[] models
---@return better_i18n.response response
function client:list_models(org_slug, project_slug, options) end

---All content models of a project.
---@param org_slug string
---@param project_slug string
---@param options? better_i18n.each_options
---@return fun(): better_i18n.object, integer, better_i18n.response iterator
function client:each_model(org_slug, project_slug, options) end

---Makes a project. Scope projects:write. Never sent twice.
---@param payload better_i18n.new_project
---@param options? better_i18n.call_options
---@return better_i18n.object project
---@return better_i18n.response response
function client:create_project(payload, options) end

---@class better_i18n.new_project
---@field name string
---@field slug string
---@field sourceLanguage string

---One project. Scope projects:read.
---@param project_id string
---@param options? better_i18n.call_options
---@return better_i18n.object project
---@return better_i18n.response response
function client:get_project(project_id, options) end

---Adds a target language. Scope projects:write. Never sent twice.
---@param project_id string
---@param code string a language code; lower-cased on the wire
---@param options? better_i18n.call_options
---@return better_i18n.object language
---@return better_i18n.response response
function client:add_language(project_id, code, options) end

---Any endpoint, also one that this client does not know yet.
---@param method "GET"|"HEAD"|"OPTIONS"|"DELETE"|"POST"|"PUT"|"PATCH"
---@param path string below the API's host, beginning with "/", its parts percent-encoded
---@param options? better_i18n.request_options
---@return any data
---@return better_i18n.response response
function client:request(method, path, options) end

---A tool of the MCP server by its own name and arguments.
---@param name string
---@param arguments? better_i18n.object
---@param options? better_i18n.tool_options
---@return any data the JSON of the tool's first text, or that text
---@return better_i18n.response response
function client:call_tool(name, arguments, options) end

---The tools that the MCP server has.
---@param options? better_i18n.tool_options
---@return better_i18n.object[] tools
---@return better_i18n.response response
function client:list_tools(options) end

---The manifest of a project on the CDN; nil: there is none.
---@param project string "org/project"
---@param options? better_i18n.call_options
---@return better_i18n.object? manifest
---@return better_i18n.response response
function client:get_manifest(project, options) end

---The published texts of a language on the CDN; nil: there is no such file.
---@param project string "org/project"
---@param locale string
---@param options? better_i18n.messages_options
---@return better_i18n.object? messages
---@return better_i18n.response response
function client:get_messages(project, locale, options) end

---What is known of the installation token; gets one first where there is none.
---@param options? better_i18n.call_options
---@return better_i18n.token_info info
---@return better_i18n.response response
function client:token_info(options) end

---Whether the grant has a scope; nil while the service has not said. Asks nobody.
---@param scope better_i18n.scope_name
---@return boolean? can
function client:can(scope) end

---Ends the grant at the service. Again: a success.
---@param options? better_i18n.call_options
---@return true done
---@return better_i18n.response response
function client:revoke(options) end

---Whether this client knows that its grant was revoked. Asks nobody.
---@return boolean revoked
function client:is_revoked() end

---Ends the client; calls under way raise `cancelled`, a refresh on the wire is awaited.
function client:close() end
