-- A real proxy (tinyproxy) on loopback for one spec file; with `user` and `password` it demands them.
local shell = require "spec.support.shell"
local socket = require "socket"

local proxy = {}

-- Debian keeps it in /usr/bin; without it the specs that need it are pending.
function proxy.is_installed()
  local result = os.execute "command -v tinyproxy >/dev/null 2>&1"
  return result == true or result == 0
end

local function free_port()
  local listener = assert(socket.bind("127.0.0.1", 0))
  local port = select(2, listener:getsockname())
  listener:close()
  return port
end

local function await(port)
  for _ = 1, 100 do
    local connection = socket.connect("127.0.0.1", port)
    if connection then return connection:close() end
    socket.sleep(0.02)
  end
  error "tinyproxy does not start"
end

--- Starts one; base: a path that it may write files beside. Gives { port, url, log(), stop() }.
function proxy.start(base, user, password)
  local port = free_port()
  shell.write(base .. ".conf",
    ("Port %d\nListen 127.0.0.1\nAllow 127.0.0.1\nTimeout 30\nMaxClients 20\nLogLevel Connect\n"):format(port),
    ('LogFile "%s.log"\n'):format(base), user and ("BasicAuth %s %s\n"):format(user, password) or "")
  local pipe = io.popen(("tinyproxy -d -c %s.conf >/dev/null 2>&1 & echo $!"):format(base))
  local pid = pipe:read "*n"
  pipe:close()
  await(port)
  local started = { port = port, url = "http://127.0.0.1:" .. port }
  function started.log() return shell.read_if_there(base .. ".log") end
  function started.stop() os.execute("kill " .. pid) end
  return started
end

return proxy
