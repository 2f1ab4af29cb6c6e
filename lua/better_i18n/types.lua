---@meta _

-- The public API for the Lua language server (LuaLS): types of options, results, errors. For editors only: nothing
-- requires this file. spec/types_spec.lua holds it against the code, both ways.

-- The module --------------------------------------------------------------------------------------------------------

---The client of Better i18n for partner apps. README.md says how to begin.
---@class better_i18n
---@field _VERSION string
---@field null userdata a null inside an array of an answer, or of a body
---@field scopes better_i18n.scope_list
---@field oauth better_i18n.oauth
---@field store better_i18n.stores
---@field loop better_i18n.loops
---@field testing better_i18n.testing
local better_i18n = {}

---Makes a client that acts for one grant. Raises `invalid_argument`.
---@param options better_i18n.options
---@return better_i18n.client client
function better_i18n.new(options) end

---Calls a function: its first result, nil, its other results; or nil and the error object. Other errors go on.
---@generic T
---@param fn fun(...: any): T, any
---@param ... any its arguments
---@return T? data
---@return better_i18n.error? err
---@return any ... of a call: the response
function better_i18n.try(fn, ...) end

---Whether it is one of this module's error objects.
---@param value any
---@return boolean is
function better_i18n.is_error(value) end

---Marks a table as an array, so that an empty one is sent as `[]` where the encoder can.
---@generic T: table
---@param t T without a metatable of its own
---@return T t the same table
function better_i18n.array(t) end

---Runs functions concurrently and waits for them. Raises the first error after those under way have ended.
---@param functions (fun(): any)[]
---@param options? better_i18n.all_options
---@return any[] results in order; with `settle` each is a better_i18n.settled
function better_i18n.all(functions, options) end

---Runs a function in a coroutine of the event loop.
---@param fn fun(): any
---@param on_done? fun(err: any, ...: any) called once, with nil and fn's results, or with what it raised
---@param options? better_i18n.async_options
function better_i18n.async(fn, on_done, options) end

---An object that cancels every call that got it as its option `signal`.
---@return better_i18n.signal signal
function better_i18n.signal() end

---Walks pages that a function fetches: `for item, number, info in better_i18n.pages(fetch) do`.
---@param fetch fun(cursor: string|number|nil, limit: integer?): any[], string|number|nil, table? items, next, info
---@param options? better_i18n.pages_options
---@return fun(): any, integer, table? iterator
function better_i18n.pages(fetch, options) end

-- Options -----------------------------------------------------------------------------------------------------------

---Options of `new`. Either `installation_token` alone, or `grant_id` with `access_token` and/or `refresh_token`, or
---`grant_id` with a `store` that has them.
---@class better_i18n.options: better_i18n.network_options
---@field installation_token? string one that somebody else minted; it cannot be renewed here
---@field grant_id? string `grt_…`: for whom the client acts
---@field access_token? string
---@field refresh_token? string to renew it; needs `client_id`
---@field token_type? string as `exchange` gave it; not used
---@field expires_in? integer seconds that the access token lives from now on
---@field expires_at? number Unix seconds in which it ends; counts before `expires_in`
---@field scope? string the granted scopes with spaces between, as `exchange` gave them
---@field organization_id? string
---@field on_tokens? fun(tokens: better_i18n.tokens) new tokens came: save them
---@field on_revoked? fun(err: better_i18n.error) the grant is over; once
---@field preflight? boolean (true) a call whose scope is known to be missing fails without a request
---@field store? better_i18n.store shares tokens with other processes

---Options for hosts, network and behaviour, which `oauth` takes too.
---@class better_i18n.network_options
---@field client_id? string of the app; or BETTER_I18N_CLIENT_ID
---@field client_secret? string a public app has none; or BETTER_I18N_CLIENT_SECRET
---@field base_url? string sets `dashboard_url` and `api_url`; or BETTER_I18N_BASE_URL
---@field dashboard_url? string
---@field api_url? string
---@field mcp_url? string or BETTER_I18N_MCP_URL
---@field cdn_url? string or BETTER_I18N_CDN_URL
---@field allow_http? boolean (false) plain http to other hosts than this machine
---@field timeout? number (30) seconds for a whole call with its retries
---@field connect_timeout? number (5) seconds
---@field max_retries? integer (2)
---@field max_response_bytes? integer (64 MiB) of the decoded body
---@field max_connections? integer (64) to one host
---@field app_info? string added to the User-Agent
---@field debug? boolean a trace without secrets on standard error; or BETTER_I18N_DEBUG=1
---@field http_version? "auto"|"1.1"|"2"
---@field ca_file? string
---@field cert_file? string
---@field key_file? string
---@field proxy? string "": none, not even the environment's
---@field on_request? fun(info: better_i18n.request_info) before each request; what it raises ends the call
---@field on_response? fun(info: better_i18n.response_info)
---@field loop? better_i18n.loop where the client waits; found by itself otherwise
---@field transport? fun(request: better_i18n.transport_request): better_i18n.transport_answer?, string? for tests
---@field clock? fun(): number, number? the time in Unix seconds, and a steady one; for tests
---@field random? fun(): number from 0 to 1; for tests

---What each call may be given.
---@class better_i18n.call_options: better_i18n.tool_options
---@field query? table<string, better_i18n.query_value>

---What each call over MCP may be given.
---@class better_i18n.tool_options
---@field timeout? number seconds for the whole call
---@field max_retries? integer
---@field headers? table<string, string|number|boolean>
---@field signal? better_i18n.signal

---@alias better_i18n.query_value string|number|boolean|(string|number|boolean)[]

---@class better_i18n.list_options: better_i18n.call_options
---@field limit? integer items on a page
---@field cursor? string `response.next` of the page before

---@class better_i18n.each_options: better_i18n.list_options
---@field max? number items at all
---@field prefetch? integer (1) pages fetched ahead; 0: none

---@class better_i18n.messages_options: better_i18n.call_options
---@field namespace? string ("default")

---@class better_i18n.request_options: better_i18n.call_options
---@field body? table|string a table is sent as JSON, a string as it is
---@field content_type? string of a string body
---@field token? "installation"|"access"|"none" ("installation")
---@field raw? boolean the answer's bytes as a string

---@class better_i18n.get_sync_options: better_i18n.tool_options
---@field waitMs? integer milliseconds, at most 25000, that the service waits for the end

---@class better_i18n.wait_sync_options: better_i18n.tool_options
---@field timeout? number (300) seconds in all, and at most one more for the last answer
---@field on_progress? fun(sync: better_i18n.sync) the first state and each change

---@class better_i18n.all_options: better_i18n.async_options
---@field concurrency? integer (16) functions at a time
---@field settle? boolean runs all of them and collects each outcome

---@class better_i18n.async_options
---@field loop? better_i18n.loop

---@class better_i18n.pages_options: better_i18n.async_options
---@field limit? integer handed on to fetch
---@field max? number items at all
---@field prefetch? integer (1) pages fetched ahead; 0: none
---@field cursor? string|number where to begin

-- What comes back ---------------------------------------------------------------------------------------------------

---A JSON object as the service sent it; its fields are the service's own.
---@alias better_i18n.object table<string, any>

---The second result of every call. `headers` is made when it is first asked for: `pairs` shows it before that from Lua
---5.2 on, `next` (and an encoder that goes by it) does not.
---@class better_i18n.response
---@field status? integer nil where nothing was sent
---@field headers? table<string, string> names without regard to case
---@field request_id? string for the service's support
---@field attempts integer
---@field elapsed number seconds
---@field next? string|integer lists: the cursor of the page behind; nil on the last
---@field ahead? integer lists: how many pages are known to follow
---@field total? integer lists: items at all, where the service says it
---@field body? any lists: the decoded body as it came; tools: the JSON-RPC result
---@field cached? boolean CDN: the file had not changed
---@field notices? string[] tools: the texts behind the first
---@field answer? better_i18n.object lists over MCP: the answer around the list
---@field has_more? boolean get_translations: there are more than these
---@field warning? string exchange: no refresh token came
---@field hook_error? any what a hook that only looks on raised

---Every failure raises one of these. As text it is one line that says what to do next.
---@class better_i18n.error
---@field code better_i18n.code|string
---@field message string
---@field status? integer
---@field required_scope? better_i18n.scope_name|string authorize again with it
---@field revoked boolean the grant is gone: the user must connect again
---@field retryable boolean the same call may succeed later
---@field retry_after? number seconds
---@field request_id? string
---@field method? string
---@field path? string
---@field attempts? integer
---@field grant_id? string
---@field headers? table<string, string> names without regard to case
---@field body? string the first bytes of the answer, secrets removed
---@field cause? better_i18n.error another request's failure, as a renewal's
---@field hook_error? any what a hook that only looks on raised
---@field delivered? integer iterators: items that came before
---@field next? string|number iterators: the cursor to go on with
---@field done? better_i18n.write_result writes of many items: what was done before
---@field rest? any[] items that surely were not done
---@field doubtful? any[] items of which nobody knows: look before sending them again
---@field sync? better_i18n.sync wait_sync: its last state
---@field reason? string publish: the service's own

---The codes that this client gives, and those of the service that are known.
---@alias better_i18n.code
---| "invalid_argument" # a wrong argument; nothing was sent
---| "closed" # the client was closed
---| "cancelled" # by a signal, or by close()
---| "network" # nothing usable came back; may be sent again
---| "timeout" # likewise
---| "tls" # the certificate, or the client's own, is not accepted
---| "proxy" # the proxy refuses
---| "redirect" # the service answered with another address; never followed
---| "http_error" # another status without a code
---| "server_error" # 5xx without a code, HTML, empty; may be sent again
---| "invalid_response" # not JSON, or not what it promised
---| "too_large" # over `max_response_bytes`, or over the service's limit
---| "outcome_unknown" # a write may have been done: look before sending it again
---| "refresh_outcome_unknown" # the same of a token refresh; tokens that live serve
---| "state_mismatch" # a callback that belongs to another browser
---| "store" # the store failed; tokens that live serve
---| "pagination_loop" # a page or a cursor came again
---| "sync_failed" # what wait_sync waited for
---| "sync_cancelled" # likewise
---| "tool_error" # a tool says no without a code
---| "not_found" # a tool names a missing thing
---| "grant_revoked" # sticky; `revoked` is true
---| "grant_not_found" # sticky
---| "missing_scope" # see `required_scope`
---| "wrong_organization" # the grant is for another one
---| "invalid_token" # refused twice
---| "invalid_client" # the app's own credentials are wrong
---| "invalid_grant" # the code is spent, or does not fit
---| "invalid_request" # a parameter is wrong
---| "rate_limited" # see `retry_after`
---| "access_denied" # the user declined
---| "invalid_scope" # the app may not ask for it

---@alias better_i18n.scope_name
---| "org:read"
---| "projects:read"
---| "keys:read"
---| "keys:write"
---| "translations:read"
---| "translations:write"
---| "content:read"
---| "content:write"
---| "glossary:read"
---| "projects:write"
---| "translations:publish"
---| "content:publish"
---| "glossary:write"

---@class better_i18n.scope
---@field name better_i18n.scope_name
---@field default boolean ticked on the consent screen by itself
---@field opens string

---An array in the order of the consent screen; each is also found by its name.
---@class better_i18n.scope_list
---@field [integer] better_i18n.scope
---@field [better_i18n.scope_name] better_i18n.scope

---What `exchange` returns, `on_tokens` gets, and `new` takes as it is.
---@class better_i18n.tokens
---@field access_token? string
---@field refresh_token? string
---@field grant_id? string
---@field token_type string
---@field expires_in? integer seconds
---@field expires_at? integer Unix seconds
---@field scope? string names with spaces between

---What `token_info` tells; a field is nil while the service has not said it.
---@class better_i18n.token_info
---@field grant_id? string
---@field organization_id? string
---@field project_ids? string[] {}: all projects of the organization
---@field scopes? string[]
---@field expires_in? integer seconds
---@field expires_at? integer Unix seconds

---@class better_i18n.request_info
---@field method string
---@field path string
---@field attempt integer

---@class better_i18n.response_info: better_i18n.request_info
---@field elapsed number seconds
---@field status? integer
---@field request_id? string
---@field code? string of the failure

---@class better_i18n.transport_request
---@field method string
---@field url string
---@field headers table<string, string>
---@field body? string

---@class better_i18n.transport_answer
---@field status integer
---@field headers? table<string, string|string[]>
---@field body? string

---@class better_i18n.settled
---@field ok boolean
---@field value? any
---@field error? any

---@class better_i18n.signal
---@field cancelled boolean
local signal = {}

---Cancels the calls under way with this signal, and those that will be made with it.
function signal:cancel() end

-- The client --------------------------------------------------------------------------------------------------------

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

-- Keys and translations ---------------------------------------------------------------------------------------------

---One page of a project's keys. Scope keys:read.
---@param args better_i18n.list_keys_args
---@param options? better_i18n.tool_options
---@return better_i18n.key[] keys
---@return better_i18n.response response with `total`, `next`, `answer`
function client:list_keys(args, options) end

---All keys of a project.
---@param args better_i18n.each_key_args
---@param options? better_i18n.tool_options
---@return fun(): better_i18n.key, integer, better_i18n.response iterator
function client:each_key(args, options) end

---Keys with their texts, as many as the service gives at once. Scope translations:read.
---@param args better_i18n.get_translations_args
---@param options? better_i18n.tool_options
---@return better_i18n.key_texts[] keys
---@return better_i18n.response response with `total`, `has_more`, `answer`
function client:get_translations(args, options) end

---All keys with their texts.
---@param args better_i18n.each_translation_args
---@param options? better_i18n.tool_options
---@return fun(): better_i18n.key_texts, integer, better_i18n.response iterator
function client:each_translation(args, options) end

---Makes any number of keys. Scope keys:write.
---@param args better_i18n.create_keys_args
---@param options? better_i18n.tool_options
---@return better_i18n.created result
---@return better_i18n.response response of the last request
function client:create_keys(args, options) end

---Sets texts of any number of keys. Scope translations:write.
---@param args better_i18n.set_translations_args
---@param options? better_i18n.tool_options
---@return better_i18n.translated result
---@return better_i18n.response response of the last request
function client:set_translations(args, options) end

---Changes any number of texts. Scope translations:write.
---@param args better_i18n.update_keys_args
---@param options? better_i18n.tool_options
---@return better_i18n.updated result
---@return better_i18n.response response of the last request
function client:update_keys(args, options) end

---Marks any number of keys as deleted; publishing deletes them for good. Scope keys:write.
---@param args better_i18n.delete_keys_args
---@param options? better_i18n.tool_options
---@return better_i18n.deleted result
---@return better_i18n.response response of the last request
function client:delete_keys(args, options) end

---@class better_i18n.project_args
---@field project string "org-slug/project-slug"

---@class better_i18n.each_key_args: better_i18n.project_args
---@field search? string|string[]
---@field namespaces? string[]
---@field missingLanguage? string
---@field fields? ("id"|"sourceText"|"translations"|"translatedLanguages"|"translatedLanguageCount")[]
---@field limit? integer 1 to 100: keys on a page
---@field max? number keys at all
---@field prefetch? integer (1) pages fetched ahead; 0: none
---@field cursor? integer the page to begin with

---@class better_i18n.list_keys_args: better_i18n.project_args
---@field search? string|string[]
---@field namespaces? string[]
---@field missingLanguage? string
---@field fields? ("id"|"sourceText"|"translations"|"translatedLanguages"|"translatedLanguageCount")[]
---@field limit? integer 1 to 100 (20)
---@field page? integer from 1

---@class better_i18n.get_translations_args: better_i18n.project_args
---@field search? string|string[]
---@field namespaces? string[]
---@field keys? string[] names
---@field languages? string[]
---@field status? "missing"|"draft"|"published"|"all" needs `languages`
---@field limit? integer 1 to 200 (100)

---@class better_i18n.each_translation_args: better_i18n.project_args
---@field search? string|string[]
---@field namespaces? string[]
---@field keys? string[] names
---@field languages? string[]
---@field status? "missing"|"draft"|"published"|"all" needs `languages`
---@field limit? integer 1 to 100: keys asked for at a time
---@field max? number keys at all
---@field prefetch? integer (1) pages fetched ahead; 0: none
---@field cursor? integer the page to begin with

---@class better_i18n.create_keys_args: better_i18n.project_args
---@field keys better_i18n.new_key[]
---@field force? boolean makes a key that is a text and a group of keys at once

---@class better_i18n.new_key
---@field key string
---@field namespace? string ("default")
---@field sourceText? string
---@field translations? table<string, string> language → text
---@field namespaceContext? table

---@class better_i18n.set_translations_args: better_i18n.project_args
---@field translations better_i18n.new_texts[]

---@class better_i18n.new_texts
---@field id string of the key
---@field translations table<string, string> language → text

---@class better_i18n.update_keys_args: better_i18n.project_args
---@field updates better_i18n.new_text[]

---@class better_i18n.new_text
---@field id string of the key
---@field language string
---@field text string
---@field source? boolean it is the source text
---@field status? string

---@class better_i18n.delete_keys_args: better_i18n.project_args
---@field ids string[]

---@class better_i18n.key
---@field key string
---@field namespace? string
---@field id? string
---@field sourceText? string
---@field translations? table<string, string> language → text
---@field translatedLanguages? string[]
---@field translatedLanguageCount? integer

---`response.answer` of list_keys.
---@class better_i18n.keys_answer
---@field keys better_i18n.key[]
---@field total? integer
---@field returned? integer
---@field page? integer
---@field limit? integer
---@field hasMore? boolean
---@field namespaces? string[]
---@field note? string

---@class better_i18n.key_texts
---@field id string
---@field key string
---@field namespace? string
---@field sourceText? string
---@field translations? table<string, better_i18n.text> by language

---@class better_i18n.text
---@field id? string
---@field text? string
---@field status? string

---`response.answer` of get_translations.
---@class better_i18n.texts_answer
---@field keys better_i18n.key_texts[]
---@field project? string
---@field sourceLanguage? string
---@field returned? integer
---@field total? integer
---@field hasMore? boolean
---@field namespaceDetails? table<string, better_i18n.namespace_details>

---@class better_i18n.namespace_details
---@field description? string
---@field context? string

---What all writes of many items give; lists of several requests are joined, numbers added.
---@class better_i18n.write_result
---@field ok? boolean
---@field count? integer
---@field failed better_i18n.failed[] all that was not done as asked

---@class better_i18n.failed
---@field index? integer the item's place in the given list
---@field item? any
---@field kind "skipped"|"blocked"|"error"
---@field reason? string
---@field key? string
---@field namespace? string
---@field id? string
---@field language? string
---@field conflict? string

---@class better_i18n.created: better_i18n.write_result
---@field created? integer
---@field renewed? integer keys that had been deleted
---@field duplicates? integer
---@field keys? better_i18n.created_key[]
---@field skipped? better_i18n.key_note[]
---@field warnings? better_i18n.key_warning[]
---@field blocked? better_i18n.key_conflict[]
---@field published? boolean

---@class better_i18n.created_key
---@field index? integer
---@field id? string
---@field key? string
---@field namespace? string
---@field translations? any

---@class better_i18n.key_note
---@field index? integer
---@field id? string
---@field key? string
---@field namespace? string
---@field language? string
---@field reason? string
---@field deleted? any

---@class better_i18n.key_warning
---@field index? integer
---@field key? string
---@field namespace? string
---@field warning? string
---@field reason? string

---@class better_i18n.key_conflict
---@field index? integer
---@field key? string
---@field namespace? string
---@field conflict? string
---@field reason? string

---@class better_i18n.translated: better_i18n.write_result
---@field written? integer texts
---@field updated? better_i18n.translated_key[]
---@field errors? better_i18n.key_error[]

---@class better_i18n.translated_key
---@field index? integer
---@field id? string
---@field key? string
---@field languages? string[]

---@class better_i18n.updated: better_i18n.write_result
---@field updated? better_i18n.updated_key[]
---@field errors? better_i18n.key_error[]

---@class better_i18n.updated_key
---@field index? integer
---@field id? string
---@field key? string
---@field language? string

---@class better_i18n.key_error
---@field index? integer
---@field id? string
---@field key? string
---@field language? string
---@field error? string
---@field reason? string

---@class better_i18n.deleted: better_i18n.write_result
---@field marked? better_i18n.key_note[]
---@field skipped? better_i18n.key_note[]

-- Publishing --------------------------------------------------------------------------------------------------------

---What publishing would change.
---@param args better_i18n.project_args
---@param options? better_i18n.tool_options
---@return better_i18n.pending pending
---@return better_i18n.response response
function client:pending_changes(args, options) end

---Publishes what is pending, or the named texts. Scope translations:publish. Never sent twice.
---@param args better_i18n.publish_args
---@param options? better_i18n.tool_options
---@return better_i18n.published result
---@return better_i18n.response response
function client:publish(args, options) end

---The latest syncs, the newest first.
---@param args better_i18n.list_syncs_args
---@param options? better_i18n.tool_options
---@return better_i18n.sync[] syncs
---@return better_i18n.response response with `total`, `answer`
function client:list_syncs(args, options) end

---One sync as it is now.
---@param sync_id string
---@param options? better_i18n.get_sync_options
---@return better_i18n.sync sync
---@return better_i18n.response response
function client:get_sync(sync_id, options) end

---Waits until a sync is completed. Raises `sync_failed`, `sync_cancelled`, `timeout`, each with `sync`.
---@param sync_id string
---@param options? better_i18n.wait_sync_options
---@return better_i18n.sync sync
---@return better_i18n.response response
function client:wait_sync(sync_id, options) end

---Stops a sync that is not over.
---@param args better_i18n.cancel_sync_args
---@param options? better_i18n.tool_options
---@return better_i18n.cancelled result
---@return better_i18n.response response
function client:cancel_sync(args, options) end

---@class better_i18n.publish_args: better_i18n.project_args
---@field translations? better_i18n.publish_text[] nil: everything that is pending

---@class better_i18n.publish_text
---@field keyId string
---@field languageCode string

---@class better_i18n.list_syncs_args: better_i18n.project_args
---@field limit? integer 1 to 50
---@field status? better_i18n.sync_status
---@field type? string

---@class better_i18n.cancel_sync_args: better_i18n.project_args
---@field id string

---@alias better_i18n.sync_status "pending"|"in_progress"|"completed"|"failed"|"cancelled"

---@class better_i18n.pending
---@field hasChanges? boolean
---@field summary? better_i18n.pending_summary
---@field byLanguage? any
---@field deletedKeys? better_i18n.key_note[]
---@field publishDestination? "github"|"cdn"|"none"
---@field noPublishReason? string nil when it can be published

---@class better_i18n.pending_summary
---@field translations? integer
---@field deletedKeys? integer
---@field languageChanges? integer
---@field total? integer

---@class better_i18n.published
---@field success? boolean
---@field published? integer
---@field syncJobIds? string[] for wait_sync
---@field message? string

---@class better_i18n.sync
---@field id string
---@field type? string
---@field status better_i18n.sync_status
---@field startedAt? string
---@field completedAt? string
---@field log? (string|better_i18n.sync_line)[]
---@field affectedKeys? better_i18n.key_note[]

---@class better_i18n.sync_line
---@field message? string
---@field at? string

---`response.answer` of list_syncs.
---@class better_i18n.syncs_answer
---@field project? string
---@field total? integer
---@field syncs better_i18n.sync[]

---@class better_i18n.cancelled
---@field id? string
---@field cancelled? boolean false: it was too late
---@field previousStatus? string
---@field reason? string

-- Projects over MCP -------------------------------------------------------------------------------------------------

---The projects that the tools can reach.
---@param options? better_i18n.tool_options
---@return better_i18n.tool_project[] projects
---@return better_i18n.response response
function client:list_tool_projects(options) end

---One project: languages, namespaces, coverage.
---@param args better_i18n.project_args
---@param options? better_i18n.tool_options
---@return better_i18n.overview overview
---@return better_i18n.response response
function client:project_overview(args, options) end

---What a translator should know.
---@param args better_i18n.context_args
---@param options? better_i18n.tool_options
---@return better_i18n.context context
---@return better_i18n.response response
function client:translation_context(args, options) end

---Adds target languages.
---@param args better_i18n.propose_languages_args
---@param options? better_i18n.tool_options
---@return better_i18n.proposed result
---@return better_i18n.response response
function client:propose_languages(args, options) end

---Changes the status of target languages.
---@param args better_i18n.propose_language_edits_args
---@param options? better_i18n.tool_options
---@return better_i18n.proposed result
---@return better_i18n.response response
function client:propose_language_edits(args, options) end

---@class better_i18n.context_args: better_i18n.project_args
---@field keys? string[] at most 50
---@field kPerKey? integer 1 to 20
---@field languages? string[]

---@class better_i18n.propose_languages_args: better_i18n.project_args
---@field languages better_i18n.new_language[]

---@class better_i18n.new_language
---@field languageCode string
---@field status? string

---@class better_i18n.propose_language_edits_args: better_i18n.project_args
---@field edits better_i18n.language_edit[]

---@class better_i18n.language_edit
---@field languageCode string
---@field newStatus string

---@class better_i18n.tool_project
---@field id? string
---@field slug string "org/project": what the other methods take
---@field name? string
---@field organizationName? string
---@field sourceLanguage? string
---@field targetLanguages? string[]
---@field cdnFormat? string
---@field fileStructure? string
---@field keyFormat? string

---@class better_i18n.overview
---@field project? string
---@field sourceLanguage? string
---@field namespaces? better_i18n.namespace_overview[]
---@field languages? string[]
---@field totalKeys? integer
---@field coverage? table<string, better_i18n.coverage> by language
---@field cdn? better_i18n.cdn_overview

---@class better_i18n.namespace_overview
---@field name? string
---@field keyCount? integer
---@field description? string
---@field context? string

---@class better_i18n.coverage
---@field translated? integer
---@field percent? number

---@class better_i18n.cdn_overview
---@field base? string
---@field manifest? string
---@field pattern? string
---@field example? string
---@field fileStructure? string
---@field keyFormat? string

---@class better_i18n.context
---@field project? string
---@field sourceLanguage? string
---@field targetLanguages? string[]
---@field instructions? any
---@field context? better_i18n.key_context[]
---@field glossary? any[]
---@field glossaryTotal? integer
---@field rules? any[]

---@class better_i18n.key_context
---@field key? string
---@field namespace? string
---@field description? string
---@field similar? better_i18n.similar_key[]

---@class better_i18n.similar_key
---@field key? string
---@field sourceText? string
---@field translations? any

---@class better_i18n.proposed
---@field project? string
---@field results? better_i18n.object[] for each language

-- OAuth -------------------------------------------------------------------------------------------------------------

---Before there is a grant: consent, callback, exchange.
---@class better_i18n.oauth
local oauth = {}

---Begins an authorization. Sends nothing.
---@param options better_i18n.authorize_options
---@return better_i18n.authorization started
function oauth.authorize(options) end

---Reads the redirect that the user came back with. Raises the server's error, or `state_mismatch`.
---@param callback string|table<string, any> a URL, its query, or ngx.req.get_uri_args()
---@param options better_i18n.parse_callback_options
---@return string code
function oauth.parse_callback(callback, options) end

---Exchanges a code for tokens. Never repeated.
---@param options better_i18n.exchange_options
---@return better_i18n.tokens tokens
---@return better_i18n.response response
function oauth.exchange(options) end

---Registers an app (RFC 7591); client metadata is sent as it is, options for hosts and network are not.
---@param options better_i18n.network_options|table<string, any>
---@return better_i18n.object registration
---@return better_i18n.response response
function oauth.register(options) end

---Listens on 127.0.0.1 for one callback: for programs on a user's machine.
---@param options? better_i18n.loopback_options
---@return better_i18n.loopback loopback
function oauth.loopback(options) end

---@class better_i18n.authorize_options: better_i18n.network_options
---@field redirect_uri string as registered, byte for byte
---@field scope? string names with spaces between
---@field offline? boolean (true) adds offline_access, without which no refresh token comes

---@class better_i18n.authorization
---@field url string send the browser there
---@field state string keep it with the user's session, for `parse_callback`
---@field code_verifier string likewise, for `exchange`

---@class better_i18n.parse_callback_options
---@field state string
---@field url? string of `authorize`; not used
---@field code_verifier? string likewise

---@class better_i18n.exchange_options: better_i18n.network_options
---@field redirect_uri string
---@field code string
---@field code_verifier string

---@class better_i18n.loopback_options
---@field port? integer (0: any free one)
---@field path? string ("/callback")
---@field page? string HTML for the user who connected
---@field timeout? number (300) seconds that `wait` waits
---@field loop? better_i18n.loop

---@class better_i18n.loopback
---@field redirect_uri string
---@field timeout? number
---@field loop? better_i18n.loop
local loopback = {}

---Waits for the callback, once. Raises the server's error, `timeout`, `cancelled`, `closed`.
---@param options better_i18n.loopback_wait_options
---@return string code
function loopback:wait(options) end

---Stops listening.
function loopback:close() end

---@class better_i18n.loopback_wait_options
---@field state string
---@field timeout? number seconds
---@field signal? better_i18n.signal
---@field loop? better_i18n.loop
---@field url? string of `authorize`; not used
---@field code_verifier? string likewise

-- Stores ------------------------------------------------------------------------------------------------------------

---@class better_i18n.stores
local stores = {}

---Shared by the clients of one Lua state.
---@return better_i18n.store store
function stores.memory() end

---Shared by the processes of one machine; mode 0600. Each process mints for itself.
---@param path string
---@return better_i18n.store store
function stores.file(path) end

---Shared by the workers of one nginx.
---@param name string as in the directive lua_shared_dict
---@return better_i18n.store store
function stores.shared_dict(name) end

---Shared by all machines.
---@param options? better_i18n.redis_options
---@return better_i18n.store store
function stores.redis(options) end

---@class better_i18n.redis_options
---@field host? string ("127.0.0.1")
---@field port? integer (6379)
---@field unix? string the path of a socket, instead of host and port
---@field username? string
---@field password? string
---@field db? integer
---@field prefix? string ("better_i18n:")
---@field timeout? number (2) seconds
---@field client? fun(): any a connected client of resty.redis or redis-lua

---What `store` takes; make one of your own with these. Failures are raised.
---@class better_i18n.store
---@field load fun(key: string): better_i18n.record?, any the record and its version, or nil
---@field save fun(key: string, record: better_i18n.record, expected_version: any): any the version, nil when it changed
---@field lock fun(key: string, seconds: number): fun()? what unlocks, or nil while another holds it
---@field keeps_installation_tokens? boolean (true)

---@alias better_i18n.record table<string, string|number|boolean>

-- Loops -------------------------------------------------------------------------------------------------------------

---@class better_i18n.loops
---@field blocking better_i18n.loop plain scripts
---@field resty better_i18n.loop OpenResty, nginx with its Lua module
---@field luv better_i18n.loop Neovim, luv
---@field cqueues better_i18n.loop cqueues, lua-http

---One of better_i18n.loop; what is in it is the client's own business.
---@class better_i18n.loop
---@field name string

-- Testing -----------------------------------------------------------------------------------------------------------

---@class better_i18n.testing
local testing = {}

---A client whose requests are answered from a table.
---@param answers table<string, better_i18n.canned> "METHOD /path" → an answer
---@param options? better_i18n.options
---@return better_i18n.client client
function testing.client(answers, options) end

---What a client of `testing.client` sent, without secrets, the oldest first.
---@param client better_i18n.client
---@return better_i18n.sent_request[] requests
function testing.requests(client) end

---@alias better_i18n.canned better_i18n.canned_answer|better_i18n.canned_answer[]|better_i18n.canned_function

---@alias better_i18n.canned_function fun(request: better_i18n.sent_request): better_i18n.canned_answer?, string?

---@class better_i18n.canned_answer
---@field status? integer (200)
---@field json? any
---@field body? string bytes, instead of `json`
---@field headers? table<string, string>
---@field lost? string why the connection failed, instead of all others

---@class better_i18n.sent_request
---@field method string
---@field path string
---@field query table<string, string>
---@field token "installation"|"access"|"none"
---@field headers table<string, string> names in lower case
---@field body? string
---@field json? any the decoded body
