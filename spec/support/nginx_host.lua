-- Starts a real nginx around spec/support/nginx_app.lua, and looks at its processes from outside.
local sandbox = require "spec.support.nginx_sandbox"
local shell = require "spec.support.shell"
local socket = require "socket"

local host = {}
host.__index = host
local running = {}

local CONF = [[
$modules
$user
worker_processes $workers;
worker_rlimit_nofile 16384;
daemon on;
pid nginx.pid;
error_log error.log warn;
events { worker_connections 8192; }
http {
    access_log off;
    client_body_temp_path tmp;
    proxy_temp_path tmp;
    fastcgi_temp_path tmp;
    uwsgi_temp_path tmp;
    scgi_temp_path tmp;
    keepalive_requests 1000000;
    lua_package_path "$root/lua/?.lua;$root/lua/?/init.lua;$root/spec/support/?.lua;$root/?.lua;;";
    lua_package_cpath "$root/build/luajit/?.so;;";
    lua_shared_dict seen 1m;
    lua_code_cache $cache;
    $http
    init_by_lua_block { require("nginx_app").init(require "cjson.safe".decode([==[$options]==])) }
    init_worker_by_lua_block { require("nginx_app").note_refusal "init_worker" }
    upstream balanced {
        server 0.0.0.1;
        balancer_by_lua_block {
            require("nginx_app").note_refusal "balancer"
            require("ngx.balancer").set_current_peer("127.0.0.1", $port)
        }
    }
    server {
        listen 127.0.0.1:$port backlog=4096 $listen;
        location = /static { return 200 "static\n"; }
        location /content/ { content_by_lua_block { require("nginx_app").serve() } }
        location /abortable/ {
            lua_check_client_abort on;
            content_by_lua_block { require("nginx_app").serve() }
        }
        location /rewrite/ { rewrite_by_lua_block { require("nginx_app").serve() } }
        location /access/ { access_by_lua_block { require("nginx_app").serve() } }
        location /timer/ { content_by_lua_block { require("nginx_app").serve_in_timer() } }
        location = /seen { content_by_lua_block { ngx.say(ngx.shared.seen:get(ngx.var.arg_name)) } }
        location = /filters {
            set_by_lua_block $$set { require("nginx_app").note_refusal "set"; return "" }
            header_filter_by_lua_block { require("nginx_app").note_refusal "header_filter" }
            body_filter_by_lua_block { require("nginx_app").note_refusal "body_filter" }
            log_by_lua_block { require("nginx_app").note_refusal "log" }
            proxy_pass http://balanced/static;
        }
        $server
    }
}
]]

local function find_modules()
  for _, folder in ipairs { "/usr/lib/nginx/modules", "/usr/lib64/nginx/modules" } do
    local file = io.open(folder .. "/ngx_http_lua_module.so")
    if file then
      file:close()
      return ("load_module %s/ndk_http_module.so;\nload_module %s/ngx_http_lua_module.so;"):format(folder, folder)
    end
  end
  return ""
end

-- Workers of another user than the master's, as everywhere in production.
local function find_user() return shell.line "id -u" == "0" and "user nobody nogroup;" or "" end

local function free_port()
  local listener = assert(socket.bind("127.0.0.1", 0))
  local _, port = listener:getsockname()
  listener:close()
  return port
end

--- @param options `workers`, `cache` ("on"), `listen` ("reuseport": each worker gets its share), `app` (a table for
--   nginx_app.init), `http`, `server`: more directives; or `conf`: another configuration, with the same $names; `port`;
--   `env`: variables, as a shell assigns them
function host.start(options)
  local self = setmetatable({ dir = shell.line "mktemp -d", port = options.port or free_port() }, host)
  self.url = "http://127.0.0.1:" .. self.port
  shell.run(("chmod 755 %s && mkdir -m 777 %s/tmp"):format(self.dir, self.dir))
  local values = {
    modules = find_modules(), user = find_user(), workers = options.workers or 1, cache = options.cache or "on",
    listen = options.listen or "", root = shell.line "pwd", port = self.port,
    http = options.http or "", server = options.server or "",
    options = require "cjson".encode(options.app or {}), ["$"] = "$",
  }
  shell.write(self.dir .. "/nginx.conf", ((options.conf or CONF):gsub("%$(%$?%w*)", function(name)
    if name:sub(1, 1) == "$" then return name end
    return values[name] and tostring(values[name])
  end)))
  -- TMPDIR must not be lost: what a doorbell leaves there is looked for.
  assert(shell.run(("%s TMPDIR=%s/tmp nginx -e %s/error.log -p %s/ -c nginx.conf"):format(
    options.env or "", self.dir, self.dir, self.dir)), "nginx does not start")
  self.pid = tonumber(shell.line("cat " .. self.dir .. "/nginx.pid"))
  running[self] = true
  -- The master says who it is before it has workers.
  assert(host.await(function() return #self:workers() >= (options.conf and 1 or values.workers) end, 5), "no workers")
  return self
end

function host:get(path) return sandbox.fetch("GET", self.url .. path) end

--- Opens a connection and sends a request without waiting for the answer.
function host:send(path)
  local connection = assert(socket.connect("127.0.0.1", self.port))
  connection:settimeout(20)
  connection:send(("GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n"):format(path))
  return connection
end

--- @return the body of the answer on such a connection, and its status
function host.receive(connection)
  local bytes, reason, partial = connection:receive "*a"
  connection:close()
  bytes = bytes or partial or ""
  return bytes:match "\r\n\r\n(.*)$" or reason, tonumber(bytes:match "^HTTP/1.%d (%d+)")
end

function host:signal(name) shell.run(("kill -%s %d"):format(name, self.pid)) end

--- @return list of the pids of all workers, also of those that are leaving
function host:workers()
  local pids = {}
  local pipe = io.popen("pgrep -P " .. self.pid)
  for line in pipe:lines() do pids[#pids + 1] = tonumber(line) end
  pipe:close()
  return pids
end

local function count_entries(folder) return tonumber(shell.line("ls " .. folder .. " 2>/dev/null | wc -l")) end

function host.descriptors(pid) return count_entries("/proc/" .. pid .. "/fd") end

-- The sockets of this machine that are connected to a port of it: inode → true.
local function connected_to(port)
  local inodes = {}
  for line in io.lines "/proc/net/tcp" do
    local remote, inode = line:match "^%s*%d+: %x+:%x+ %x+:(%x+) %x+ %x+:%x+ %x+:%x+ %x+%s+%d+%s+%d+ (%d+)"
    if remote and tonumber(remote, 16) == port then inodes[inode] = true end
  end
  return inodes
end

--- How many connections to a port of this machine a process holds: how many are kept depends on how fast it was.
function host.connections(pid, port)
  local inodes, count = connected_to(port), 0
  local pipe = io.popen("ls -l /proc/" .. pid .. "/fd")
  for line in pipe:lines() do
    if inodes[line:match "socket:%[(%d+)%]"] then count = count + 1 end
  end
  pipe:close()
  return count
end

--- Descriptors without the sockets: nginx's master has a pair of these for every worker that it ever had at once.
function host.files(pid)
  return tonumber(shell.line("ls -l /proc/" .. pid .. "/fd 2>/dev/null | grep -c -- '-> [^s]'"))
end

function host.threads(pid) return count_entries("/proc/" .. pid .. "/task") end

--- Resident memory in KiB.
function host.memory(pid)
  for line in io.lines("/proc/" .. pid .. "/status") do
    local size = line:match "^VmRSS:%s+(%d+)"
    if size then return tonumber(size) end
  end
end

--- Waits until `condition()` is true. @return seconds it took, or nil
function host.await(condition, limit)
  local start = socket.gettime()
  repeat
    if condition() then return socket.gettime() - start end
    socket.sleep(0.02)
  until socket.gettime() - start > limit
  return nil
end

-- Not `kill -0`: where nobody reaps, a process that has ended can still be sent signals.
local function is_running(pid)
  local file = io.open("/proc/" .. pid .. "/status")
  if not file then return false end
  local text = file:read "*a" or ""
  file:close()
  return text:match "State:%s+([A-Z])" ~= "Z"
end

--- Waits until nginx has ended. @return seconds it took, or nil
function host:await_end(limit)
  local pid = self.pid
  return host.await(function() return not is_running(pid) end, limit)
end

--- What nginx complained about: lines of the levels error and worse that do not match `expected`.
function host:complaints(expected)
  local lines = {}
  for line in io.lines(self.dir .. "/error.log") do
    if line:match "%[error%]" or line:match "%[crit%]" or line:match "%[alert%]" or line:match "%[emerg%]" then
      if not (expected and line:match(expected)) then lines[#lines + 1] = line end
    end
  end
  return table.concat(lines, "\n")
end

--- Entries that were left in the folder for temporary files.
function host:leftovers() return count_entries("-A " .. self.dir .. "/tmp") end

function host:stop()
  running[self] = nil
  if is_running(self.pid) then
    self:signal "TERM"
    if not self:await_end(5) then self:signal "KILL" end
  end
  shell.run("rm -rf " .. self.dir)
end

--- Those that a failed spec left behind.
function host.stop_all()
  for nginx in pairs(running) do nginx:stop() end
end

return host
