-- The store of several machines: Redis 2.6.12 or newer. A record is a hash `<prefix>record:<key>` with the fields
-- `version` and `record` (JSON) that expires with its refresh token; a lease is `<prefix>lock:<key>`. Each change is
-- one script, and may be sent twice without harm, so that a connection that was kept and has died meanwhile is made
-- anew. Called through better_i18n.store; redis_nginx.lua and redis_script.lua carry its commands.

local core = require "better_i18n.core"
local contract = require "better_i18n.store.contract"
local record_of = require "better_i18n.store.record"

local fail, refuse = contract.fail, contract.refuse

local SAVE = [[
local version = redis.call('HGET', KEYS[1], 'version')
if version == ARGV[2] then return 1 end
if (version or '') ~= ARGV[1] then return 0 end
redis.call('HMSET', KEYS[1], 'version', ARGV[2], 'record', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1]]

local LOCK = [[
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
return redis.call('GET', KEYS[1]) == ARGV[1] and 1 or 0]]

local UNLOCK = [[
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])]]

-- Options -------------------------------------------------------------------------------------------------------------

local known = {
  host = "string", port = "number", unix = "string", password = "string", username = "string", db = "number",
  prefix = "string", timeout = "number", client = "function",
}
local defaults = { host = "127.0.0.1", port = 6379, prefix = "better_i18n:", timeout = 2 }

local function is_count(value, most) return value >= 0 and value <= most and value % 1 == 0 end

local limits = {
  host = { "not be empty", function(value) return value ~= "" end },
  unix = { "not be empty", function(value) return value ~= "" end },
  port = { "be an integer from 1 to 65535", function(value) return value > 0 and is_count(value, 65535) end },
  db = { "be an integer from 0 to 1000000", function(value) return is_count(value, 1e6) end },
  timeout = { "be above 0 and at most 3600 seconds", function(value) return value > 0 and value <= 3600 end },
}

local function check_option(name, value)
  if not known[name] then
    refuse("redis", core.unknown("option", name,
      { "host", "port", "unix", "username", "password", "db", "prefix", "timeout", "client" }))
  end
  if type(value) ~= known[name] then
    refuse("redis", ("%s must be a %s, not %s"):format(name, known[name], type(value)))
  end
  if type(value) == "string" and name ~= "password" and value:find "%c" then
    refuse("redis", name .. " must not hold control characters")
  end
  local limit = limits[name]
  if limit and not limit[2](value) then refuse("redis", ("%s must %s"):format(name, limit[1])) end
end

local function check(options)
  if type(options) ~= "table" then refuse("redis", "the options must be a table, not " .. type(options)) end
  for name, value in pairs(options) do
    check_option(name, value)
  end
  if options.username and not options.password then refuse("redis", "username needs a password with it") end
end

local function complete(options)
  local all = {}
  for name in pairs(known) do
    if options[name] ~= nil then all[name] = options[name] else all[name] = defaults[name] end
  end
  all.place = all.client and "Redis" or "Redis at " .. (all.unix or ("%s:%d"):format(all.host, all.port))
  return all
end

-- Commands ------------------------------------------------------------------------------------------------------------

-- Redis quotes what it does not understand: that may be a record, or a password.
local function clean(problem, options)
  problem = tostring(problem):gsub(",? with args beginning with:.*", ""):gsub("%c", " ")
  local password = options.password
  if password and password ~= "" then
    local from, to = problem:find(password, 1, true)
    while from do
      problem = problem:sub(1, from - 1) .. "[redacted]" .. problem:sub(to + 1)
      from, to = problem:find(password, from + 10, true)
    end
  end
  return problem
end

local function in_nginx() return type(ngx) == "table" and ngx.socket ~= nil end

--- Makes a store in Redis. The first command connects, so that Redis may start later.
-- In nginx: with resty.redis or Debian's lua-nginx-redis, connections go back to the worker's pool, nothing blocks.
-- Elsewhere: with redis-lua and luasocket, one connection that is kept; each function blocks for at most `timeout`, on
-- luv and cqueues too (and for as long as the system's resolver takes when `host` is a name).
-- @param options (table) host ("127.0.0.1"), port (6379) or unix (a path); username, password, db (0);
--   prefix ("better_i18n:"), timeout (2 seconds, in nginx for each step); or client: a function that returns
--   a connected client of resty.redis (in nginx) or of redis-lua, for what these options lack, such as TLS
-- @return table a store (contract.lua)
-- @raise invalid_argument
return function(options)
  options = options == nil and {} or options
  check(options)
  options = complete(options)
  local carry = require("better_i18n.store.redis_" .. (in_nginx() and "nginx" or "script"))(options)

  -- A command's reply.
  local function ask(...)
    local answered, reply, problem = carry(...)
    if answered then return reply end
    problem = clean(problem, options)
    if reply == "refused" then
      fail(("%s refused a command: %s; check its password, rights and version"):format(options.place, problem))
    end
    fail(("%s cannot be reached: %s; see that it runs, and check the store's options"):format(options.place, problem))
  end

  local function record_key(key) return options.prefix .. "record:" .. key end
  local function lock_key(key) return options.prefix .. "lock:" .. key end

  local function load(key)
    local reply = ask("hmget", record_key(key), "version", "record")
    if type(reply) ~= "table" or type(reply[1]) ~= "string" then return nil end
    local text = type(reply[2]) == "string" and reply[2] or ""
    return record_of.decode(text, ("'%s' in %s"):format(record_key(key), options.place)), reply[1]
  end

  local function save(key, record, expected_version)
    local version = core.unique()
    local ms = math.floor(record_of.time_to_live(record) * 1000)
    local saved = ask("eval", SAVE, 1, record_key(key), expected_version or "", version, record_of.encode(record),
      ("%.0f"):format(ms))
    return saved == 1 and version or nil
  end

  local function lock(key, seconds)
    local owner = core.unique()
    local ms = math.max(1, math.floor(seconds * 1000))
    if ask("eval", LOCK, 1, lock_key(key), owner, ("%.0f"):format(ms)) ~= 1 then return nil end
    local held = core.generation()
    return function()
      if held ~= core.generation() then return end -- a forked child's: the lease is the parent's
      held = nil
      -- What cannot be given back ends by itself.
      pcall(ask, "eval", UNLOCK, 1, lock_key(key), owner)
    end
  end

  return contract.guard("redis", { load = load, save = save, lock = lock })
end
