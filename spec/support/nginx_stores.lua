-- What runs inside the nginx of spec/resty_store_spec.lua: the stores that live there, each action answering JSON.
local better_i18n = require "better_i18n"
local cases = require "spec.support.store_cases"
local cjson = require "cjson.safe"

local stores, actions = {}, {}

local function make(args)
  if args.store == "shared_dict" then return better_i18n.store.shared_dict(args.name or "tokens") end
  return better_i18n.store.redis {
    unix = args.unix, port = tonumber(args.port), password = args.password, timeout = tonumber(args.timeout),
  }
end

function stores.serve()
  local args = ngx.req.get_uri_args()
  local ok, value = pcall(actions[ngx.var.uri:match "[^/]+$"], args)
  local err = nil
  if not ok then
    err = { code = better_i18n.is_error(value) and value.code, message = tostring(value), fields = {} }
  end
  ngx.print(cjson.encode { ok = ok, value = ok and value or nil, err = err, pid = ngx.worker.pid() })
end

--- In a phase that has no cosockets: what a load comes to.
function stores.load_where_nothing_waits(port)
  local ok, err = pcall(better_i18n.store.redis({ port = port }).load, "key")
  ngx.shared.seen:set("redis_in_log", ok and "worked" or better_i18n.is_error(err) and err.code or tostring(err))
end

function actions.case(args)
  cases[tonumber(args.number)].run(function() return make(args) end, args.key, ngx.sleep)
  return true
end

-- Adds by the swap, or under the lock, with a yield where another could get in between.
function actions.add(args)
  local store = make(args)
  for _ = 1, tonumber(args.times) do
    local unlock
    while args.lock and not unlock do
      unlock = store.lock("count", 10)
      if not unlock then ngx.sleep(0.001) end
    end
    local saved
    repeat
      local record, version = store.load "count"
      ngx.sleep(0)
      saved = store.save("count", { n = (record and record.n or 0) + 1 }, version)
      assert(saved or not args.lock, "lost under the lock")
    until saved
    if unlock then unlock() end
  end
  return true
end

function actions.load(args) return (make(args).load(args.key)) end

function actions.save(args)
  local store = make(args)
  local _, version = store.load(args.key)
  return store.save(args.key, { n = tonumber(args.n), refresh_token = args.token, text = args.text }, version) ~= nil
end

function actions.lock(args) return make(args).lock(args.key, 5) ~= nil end

-- Saves until it is killed.
function actions.storm(args)
  local store = make(args)
  local n = 0
  while true do
    local _, version = store.load "storm"
    n = n + 1
    store.save("storm", { n = n, text = tostring(n):rep(200) }, version)
    if n % 20 == 0 then ngx.sleep(0.002) end
  end
end

-- As a worker leaves it that is killed between its steps: the head lags behind.
function actions.tear(args)
  local dict = ngx.shared[args.name]
  dict:set("better_i18n:head:" .. args.key, dict:get("better_i18n:head:" .. args.key) - 1)
  return true
end

-- A save in the middle of which this worker sleeps so long that others save twice and their marks have ended.
function actions.late(args)
  local dict, store = ngx.shared[args.name], make(args)
  local _, version = store.load(args.key)
  local class = getmetatable(dict).__index
  local add = class.safe_add
  class.safe_add = function(...)
    class.safe_add = add
    local second = store.save(args.key, { n = 2 }, version)
    store.save(args.key, { n = 3 }, second)
    for _, key in ipairs(dict:get_keys(0)) do
      if dict:get(key) == "" and key:find(args.key, 1, true) then dict:delete(key) end
    end
    return add(...)
  end
  local saved = store.save(args.key, { n = 7 }, version)
  return { saved = saved or false, n = store.load(args.key).n }
end

-- As after an eviction by others: one of the two keys is gone.
function actions.evict(args)
  local dict = ngx.shared[args.name]
  for _, key in ipairs(dict:get_keys(0)) do
    if key:find(args.what, 1, true) and key:find(args.key, 1, true) then dict:delete(key) end
  end
  return true
end

-- Fills a dictionary with entries of the program's own; says how many there are.
function actions.fill(args)
  local dict, n = ngx.shared[args.name], 0
  while dict:safe_set("own:" .. n, ("x"):rep(tonumber(args.size))) do n = n + 1 end
  return n
end

function actions.count(args)
  local n = 0
  for _, key in ipairs(ngx.shared[args.name]:get_keys(0)) do
    if key:find("^own:") then n = n + 1 end
  end
  return n
end

function actions.free(args)
  ngx.shared[args.name]:flush_all()
  ngx.shared[args.name]:flush_expired()
  return true
end

function actions.lifetime(args)
  make(args).save(args.key, { refresh_expires_at = tonumber(args.ends) }, nil)
  local head = ngx.shared.tokens:get("better_i18n:head:" .. args.key)
  return ngx.shared.tokens:ttl(("better_i18n:record:%.0f:%s"):format(head, args.key))
end

return stores
