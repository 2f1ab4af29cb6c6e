---@meta _

-- The module itself. The public API for the Lua language server (LuaLS), a file a subject. For editors only: nothing
-- requires these files. spec/types_spec.lua and its neighbours hold them against the code, both ways.

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

---@class better_i18n.settled
---@field ok boolean
---@field value? any
---@field error? any

---@class better_i18n.signal
---@field cancelled boolean
local signal = {}

---Cancels the calls under way with this signal, and those that will be made with it.
function signal:cancel() end
