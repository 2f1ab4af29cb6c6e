---@meta _

-- What a program may put in the place of ours: stores, loops, the transport. See module.lua.

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

---@class better_i18n.loops
---@field blocking better_i18n.loop plain scripts
---@field resty better_i18n.loop OpenResty, nginx with its Lua module
---@field luv better_i18n.loop Neovim, luv
---@field cqueues better_i18n.loop cqueues, lua-http

---One of better_i18n.loop; what is in it is the client's own business.
---@class better_i18n.loop
---@field name string

---@class better_i18n.transport_request
---@field method string
---@field url string
---@field headers table<string, string>
---@field body? string

---@class better_i18n.transport_answer
---@field status integer
---@field headers? table<string, string|string[]>
---@field body? string
