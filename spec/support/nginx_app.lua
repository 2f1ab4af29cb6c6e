-- What runs inside the nginx of spec/resty_spec.lua: handlers that use the client, each answering JSON.
local better_i18n = require "better_i18n"
local cjson = require "cjson.safe"

local app = { actions = {} }
local options

local function new_client(changes)
  local all = { loop = better_i18n.loop.resty }
  for name, value in pairs(options.client) do all[name] = value end
  for name, value in pairs(changes or {}) do
    if value or name == "preflight" then all[name] = value else all[name] = nil end
  end
  return better_i18n.new(all)
end

--- In init_by_lua, before the fork: makes the client that all workers inherit.
function app.init(given)
  options = given
  app.client = new_client()
  app.init_error = select(2, better_i18n.try(app.client.me, app.client))
end

local function describe(err)
  if not better_i18n.is_error(err) then return { raised = tostring(err) } end
  return { code = err.code, status = err.status, message = err.message, required_scope = err.required_scope }
end

--- Tries a call where none can be made, and keeps how that ended in a shared dictionary.
function app.note_refusal(phase)
  local ok, err = pcall(app.client.me, app.client)
  ngx.shared.seen:set(phase, ok and "worked" or better_i18n.is_error(err) and err.code .. ": " .. err.message
    or "raised " .. tostring(err))
end

local function run_action()
  local name = ngx.var.uri:match "[^/]+$"
  local ok, value = pcall(app.actions[name], ngx.req.get_uri_args())
  return cjson.encode { ok = ok, value = ok and value or nil, err = not ok and describe(value) or nil,
    pid = ngx.worker.pid() }
end

function app.serve()
  ngx.print(run_action())
  ngx.exit(200)
end

function app.serve_in_timer()
  local sem = require("ngx.semaphore").new()
  local uri, args, result = ngx.var.uri, ngx.req.get_uri_args(), nil
  assert(ngx.timer.at(0, function()
    local ok, value = pcall(app.actions[uri:match "[^/]+$"], args)
    result = cjson.encode { ok = ok, value = ok and value or nil, err = not ok and describe(value) or nil }
    sem:post(1)
  end))
  sem:wait(10)
  ngx.print(result)
end

local actions = app.actions

function actions.me() return app.client:me().user.email end

function actions.projects()
  local names = {}
  local data = app.client:list_projects(options.organization_id)
  for _, project in ipairs(data) do names[#names + 1] = project.name end
  return names
end

-- A call from inside a coroutine of the program's own.
function actions.coroutine()
  local co = coroutine.wrap(function() coroutine.yield(app.client:me().user.email) end)
  return co()
end

function actions.missing() return (app.client:get_project "no_such_project") end
function actions.bad_argument() return (app.client:get_project(7)) end
function actions.init_error() return describe(app.init_error) end

function actions.get(args)
  local data, response = app.client:request("GET", args.path, { raw = true, token = "none",
    timeout = tonumber(args.timeout), max_retries = tonumber(args.max_retries) })
  return { bytes = type(data) == "string" and #data, attempts = response.attempts }
end

function actions.twice(args)
  actions.get(args)
  return actions.get(args).bytes
end

-- So many calls at once in one request.
function actions.many(args)
  local threads, good = {}, 0
  for i = 1, tonumber(args.n) do threads[i] = ngx.thread.spawn(actions.get, args) end
  for i = 1, #threads do
    if ngx.thread.wait(threads[i]) then good = good + 1 end
  end
  return good
end

local function store_of(args)
  if args.store == "shared_dict" then return better_i18n.store.shared_dict "seen" end
  if args.store == "redis" then return better_i18n.store.redis { port = tonumber(args.port) } end
end

-- One client for each grant of the spec's, shared by all requests of this worker; so many calls at once with it.
local clients = {}

function actions.grant(args)
  local client = clients[args.id]
  if not client then
    client = new_client { grant_id = args.id, refresh_token = args.refresh, access_token = false,
      store = store_of(args) }
    clients[args.id] = client
  end
  local threads, good = {}, 0
  for i = 1, tonumber(args.n or 1) do
    threads[i] = ngx.thread.spawn(better_i18n.try, client.list_projects, client, options.organization_id)
  end
  for i = 1, #threads do
    local _, data, err = ngx.thread.wait(threads[i])
    if not data then error(err, 0) end
    good = good + 1
  end
  return good
end

-- A case of the suite that all loops share.
function actions.case(args)
  local case = require("spec.conformance.cases")[tonumber(args.number)]
  local function make(changes)
    local all = { grant_id = args.id, access_token = args.access, refresh_token = args.refresh }
    for name, value in pairs(changes or {}) do all[name] = value end
    return new_client(all)
  end
  return case.run(make, function(functions) return better_i18n.all(functions, { concurrency = #functions }) end)
end

-- Cells of the fault matrix.
function actions.faults(args)
  local target = { world = "nginx", loop = better_i18n.loop.resty }
  for name, value in pairs(options.faults) do target[name] = value end
  return require("spec.faults.cell").run_all(target, args.fault, args.names and cjson.decode(args.names),
    tonumber(args.step), function(functions) better_i18n.all(functions, { concurrency = math.max(1, #functions) }) end)
end

-- What nobody holds any more is let go; the next round collects what finalizers let go.
function actions.collect()
  for _ = 1, 3 do collectgarbage() end
  return true
end

-- Takes the one timer that a spec allows, for so many seconds.
function actions.hold_timer(args)
  return ngx.timer.at(0, function() ngx.sleep(tonumber(args.seconds)) end)
end

-- A client that is made, used and closed in the request.
function actions.own_client()
  local client = new_client()
  client:me()
  client:close()
  local _, err = better_i18n.try(client.me, client)
  return err.code
end

function actions.close_under_way(args)
  local client = new_client()
  local thread = ngx.thread.spawn(function()
    return better_i18n.try(client.request, client, "GET", args.path, { token = "none", raw = true })
  end)
  ngx.sleep(0.05)
  client:close()
  local _, _, err = ngx.thread.wait(thread)
  return describe(err).code
end

-- A loopback listener beside a call: the callback is sent only when that has ended.
function actions.loopback()
  local loopback = better_i18n.oauth.loopback { timeout = 10 }
  local thread = ngx.thread.spawn(function()
    app.client:me()
    local socket = ngx.socket.tcp()
    assert(socket:connect("127.0.0.1", tonumber(loopback.redirect_uri:match ":(%d+)/")))
    socket:send "GET /callback?code=spl_1&state=state_0123456789 HTTP/1.1\r\nHost: x\r\n\r\n"
    local page = socket:receive "*a"
    return page:match "<h1>(.-)</h1>"
  end)
  local code = loopback:wait { state = "state_0123456789" }
  return code .. " " .. select(2, ngx.thread.wait(thread))
end

function actions.state()
  local core = require "better_i18n.core"
  return { busy = core.busy(), timers = ngx.timer.running_count(), pending = ngx.timer.pending_count() }
end

return app
