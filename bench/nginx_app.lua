-- The handlers of bench/nginx.conf: one call each, with the client and with the plainest cosocket GET and cjson.
local better_i18n = require "better_i18n"
local cjson = require "cjson"

local app = {}
local client, port
local project_client, project_port -- of bench/table's server, where there is one
local RAW = { token = "none" }

local function init_project(url)
  local answered = 0
  project_port = tonumber(url:match ":(%d+)$")
  project_client = better_i18n.new {
    base_url = url, grant_id = "grt_bench", access_token = "at_benchmark", max_connections = 500,
    loop = better_i18n.loop.resty,
    on_response = function(info) if info.status == 200 then answered = answered + 1 end end,
  }
end

function app.init()
  if os.getenv "BENCH_URL" then init_project(os.getenv "BENCH_URL") end
  local url = os.getenv "BETTER_I18N_SANDBOX_URL"
  port = tonumber(url:match ":(%d+)$")
  client = better_i18n.new {
    base_url = url, installation_token = "bit_x", max_connections = 500, loop = better_i18n.loop.resty,
  }
end

function app.client_small()
  local data = client:request("GET", "/_sandbox/static", RAW)
  ngx.print(data and "ok\n")
end

function app.client_project()
  local data = project_client:get_project "prj_000001"
  ngx.print(data and "ok\n")
end

function app.client_slow()
  client:request("GET", "/_sandbox/slow?ms=" .. ngx.var.arg_ms, RAW)
  ngx.print "ok\n"
end

-- What an application would write without a library, with a kept connection.
function app.cosocket(path, of_project)
  local socket = ngx.socket.tcp()
  assert(socket:connect("127.0.0.1", of_project and project_port or port, { pool_size = 500 }))
  assert(socket:send("GET " .. path .. " HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n\r\n"))
  local length
  assert(assert(socket:receive "*l"):find "^HTTP/1.1 200")
  repeat
    local line = assert(socket:receive "*l")
    local name, value = line:match "^([^:]+):%s*(.*)$"
    if name and name:lower() == "content-length" then length = tonumber(value) end
  until line == ""
  local data = cjson.decode(assert(socket:receive(length)))
  socket:setkeepalive(60000, 500)
  ngx.print(data and "ok\n")
end

return app
