---@meta _

-- What comes back from calls, and to hooks; tools' answers are in keys.lua, publish.lua, projects.lua. See module.lua.

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
