---@meta _

-- Canned answers for a program's own tests. See module.lua.

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
