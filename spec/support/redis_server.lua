-- A real redis-server for one spec file, on a unix socket and a free port of its own; nothing of it is kept.
local shell = require "spec.support.shell"
local socket = require "socket"

local server = {}
server.__index = server

-- Debian's redis-lua serves Lua 5.1 to 5.3; it runs on 5.4 as well.
server.LUA_PATH = "/usr/share/lua/5.3/?.lua"
if not package.path:find(server.LUA_PATH, 1, true) then package.path = package.path .. ";" .. server.LUA_PATH end

local function free_port()
  local listener = assert(socket.bind("127.0.0.1", 0))
  local _, port = listener:getsockname()
  listener:close()
  return tonumber(port)
end

local function client_of(self) return require("redis").connect { host = "127.0.0.1", port = self.port } end

--- @param arguments (string) for redis-server, or nil
function server.new(arguments)
  local self = { dir = shell.line "mktemp -d", port = free_port(), arguments = arguments or "" }
  setmetatable(self, server)
  self.unix = self.dir .. "/socket"
  shell.run("chmod 711 " .. self.dir)
  self:start()
  return self
end

--- Starts it, again too. It ends by itself when it is forgotten.
function server:start()
  self.pid = tonumber(shell.line(("timeout 900 redis-server --port %d --bind 127.0.0.1 --unixsocket %s "
    .. "--unixsocketperm 777 --dir %s --save '' --appendonly no %s >%s/log 2>&1 & echo $!"):format(
    self.port, self.unix, self.dir, self.arguments, self.dir)))
  for _ = 1, 250 do
    local probe = socket.connect("127.0.0.1", self.port)
    if probe then
      probe:close()
      return
    end
    socket.sleep(0.02)
  end
  error("redis-server does not start: see " .. self.dir .. "/log")
end

--- Sends one command past the stores.
function server:command(name, ...)
  local client = client_of(self)
  local reply = client[name](client, ...)
  client:quit()
  return reply
end

--- Takes it down; its data are gone.
function server:halt()
  if not self.pid then return end
  shell.run("kill " .. self.pid)
  for _ = 1, 250 do
    local probe = socket.connect("127.0.0.1", self.port)
    if not probe then break end
    probe:close()
    socket.sleep(0.02)
  end
  self.pid = nil
end

function server:stop()
  self:halt()
  shell.run("rm -rf " .. self.dir)
end

return server
