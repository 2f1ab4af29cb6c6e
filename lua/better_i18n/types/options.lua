---@meta _

-- The tables of options that functions and methods take; those of OAuth are in oauth.lua. See module.lua.

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
