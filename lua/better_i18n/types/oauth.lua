---@meta _

-- Before there is a grant: consent, callback, exchange, registration. See module.lua.

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
