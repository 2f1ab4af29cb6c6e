-- Carries commands to Redis in nginx: a cosocket for each, from the worker's pool and back to it. Called by redis.lua.

local contract = require "better_i18n.store.contract"
local log_in = require "better_i18n.store.redis_login"

local null = ngx.null

-- Milliseconds and number of the connections that a worker keeps.
local IDLE, POOL = 60000, 32

local function load_module()
  for _, name in ipairs { "resty.redis", "nginx.redis" } do
    local found, module = pcall(require, name)
    if found then return module end
  end
  contract.fail "neither resty.redis nor nginx.redis was found: install lua-resty-redis (Debian: lua-nginx-redis)"
end

-- A connection that is kept has said who it is and chosen its database: so it serves the same options alone.
local function pool_of(options)
  return ("better_i18n:%s:%d:%s:%d:%s"):format(options.unix or options.host, options.port, options.username or "",
    options.db or 0, options.password and ngx.crc32_short(options.password) or "")
end

-- A command on a client: true, reply; or false, "refused" or "lost", why.
local function command(client, name, ...)
  local reply, problem = client[name](client, ...)
  if reply == nil then return false, "lost", problem end
  if reply == false then return false, "refused", problem end
  if reply == null then reply = nil end
  return true, reply
end

return function(options)
  local module = not options.client and load_module()
  local pool = { pool = pool_of(options) }

  -- A client, whether it had served before; or nil, how, why.
  local function connect()
    if options.client then
      local client = options.client()
      if not client then return nil, "lost", "the option client gave none" end
      return client, (client:get_reused_times() or 0) > 0
    end
    local client = module:new()
    client:set_timeout(options.timeout * 1000)
    local done, problem
    if options.unix then
      done, problem = client:connect("unix:" .. options.unix, pool)
    else
      done, problem = client:connect(options.host, options.port, pool)
    end
    if not done then return nil, "lost", problem end
    if client:get_reused_times() > 0 then return client, true end
    local how
    done, how, problem = log_in(command, client, options)
    if done then return client, false end
    client:close()
    return nil, how, problem
  end

  local function try(...)
    local client, reused, problem = connect()
    if not client then return false, reused, problem end
    local done, reply, why = command(client, ...)
    if done or reply == "refused" then
      client:set_keepalive(IDLE, POOL)
    else
      client:close()
    end
    return done, reply, why, reused == true
  end

  -- Connections that died in the pool are tried one after another, then there is a new one.
  local function carry(...)
    for _ = 1, POOL do
      local done, reply, why, reused = try(...)
      if done or reply == "refused" or not reused then return done, reply, why end
    end
    return try(...)
  end

  -- Where nginx has no cosockets it raises.
  return function(...)
    local ok, done, reply, why = pcall(carry, ...)
    if ok then return done, reply, why end
    return false, "lost", done
  end
end
