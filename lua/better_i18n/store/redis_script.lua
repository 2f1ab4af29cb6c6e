-- Carries commands to Redis outside nginx: redis-lua over one connection that is kept, and made anew when it broke or
-- in a forked child. It blocks. Called by redis.lua.

local core = require "better_i18n.core"
local contract = require "better_i18n.store.contract"
local log_in = require "better_i18n.store.redis_login"

local now = core.now

local function load_module(name, what)
  local found, module = pcall(require, name)
  if found then return module end
  contract.fail(("the module '%s' was not found: install %s"):format(name, what))
end

-- redis-lua sets no time limit on what it reads, and luasocket's is for one piece: this one is for all until `stop`.
local function new_socket(raw, stop)
  local function limited(method)
    return function(_, ...)
      raw:settimeout(math.max(0.001, stop - now()))
      return raw[method](raw, ...)
    end
  end
  return {
    send = limited "send", receive = limited "receive", connect = limited "connect",
    start = function(time) stop = time end,
    shutdown = function() return raw:shutdown() end,
    close = function() return raw:close() end,
  }
end

local function open(options, stop)
  local raw, problem
  if options.unix then
    local unix = load_module("socket.unix", "luasocket (Debian: lua-socket)")
    raw, problem = (type(unix) == "table" and unix.stream or unix)()
  else
    raw, problem = load_module("socket", "luasocket (Debian: lua-socket)").tcp()
  end
  if not raw then return nil, problem end
  local socket = new_socket(raw, stop)
  local done
  if options.unix then
    done, problem = socket:connect(options.unix)
  else
    done, problem = socket:connect(options.host, options.port)
  end
  if done then return socket end
  raw:close()
  return nil, problem
end

-- A command on a client: true, reply; or false, "refused" or "lost", why. redis-lua raises both.
local function command(client, name, ...)
  local done, reply = pcall(client[name], client, ...)
  if done then return true, reply end
  local refusal = tostring(reply):match "redis error: (.*)$"
  if refusal then return false, "refused", refusal end
  return false, "lost", tostring(reply):match "connection error: (.*)$" or tostring(reply):match "[^:]*$"
end

local function connect_own(options, redis, stop)
  local socket, problem = open(options, stop)
  if not socket then return nil, "lost", problem end
  local client = redis.connect { socket = socket }
  local done, how, why = log_in(command, client, options)
  if done then return { client = client, start = socket.start, close = socket.close } end
  socket.close()
  return nil, how, why
end

local function nothing() end

local function connect_given(options)
  local ok, client = pcall(options.client)
  if ok and client then return { client = client, start = nothing, close = nothing } end
  return nil, "lost", ok and "the option client gave none" or client
end

return function(options)
  local redis = not options.client and load_module("redis", "redis-lua (Debian: lua-redis; LuaRocks: redis-lua)")
  local kept, generation -- a connection while nobody uses it, and the process it belongs to

  local function take(stop)
    local connection = kept
    kept = nil
    if connection and generation == core.generation() then return connection, true end
    if connection then connection.close() end -- the descriptor alone: the connection is the parent's
    generation = core.generation()
    if options.client then return connect_given(options) end
    return connect_own(options, redis, stop)
  end

  local function try(stop, ...)
    local connection, reused, problem = take(stop)
    if not connection then return false, reused, problem end
    connection.start(stop)
    local done, reply, why = command(connection.client, ...)
    if done or reply == "refused" then kept = connection else connection.close() end
    return done, reply, why, reused == true
  end

  return function(...)
    local stop = now() + options.timeout
    local done, reply, why, reused = try(stop, ...)
    if not done and reply == "lost" and reused and why ~= "timeout" then return try(stop, ...) end
    return done, reply, why
  end
end
