-- A TCP server in a process of its own, for what nginx cannot do. A spec gives it a script (see raw_server_main.lua)
-- that decides, request by request, which bytes go back and how the connection ends.
local cjson = require "cjson"
local shell = require "spec.support.shell"
local socket = require "socket"

local LUA = os.getenv "BETTER_I18N_LUA" or "lua5.4"
local MAIN = "spec/support/raw_server_main.lua"

local raw_server = {}
local Server = {}
Server.__index = Server

local function order(server, word)
  local connection = assert(socket.connect("127.0.0.1", server.port))
  connection:send("!" .. word .. "\n")
  local reply = connection:receive "*a"
  connection:close()
  return reply
end

--- What came in: an array of { n = its number on its connection, connection, method, path, head, body }.
function Server:requests() return cjson.decode(order(self, "requests")).requests end

--- Forgets what came in.
function Server:reset() order(self, "reset") end

function Server:stop()
  order(self, "quit")
  self.pipe:close()
  os.remove(self.script)
end

--- Starts one. It ends by itself after so many seconds (120) without a request.
function raw_server.start(code, idle)
  local server = setmetatable({ script = os.tmpname() }, Server)
  shell.write(server.script, code)
  server.pipe = io.popen(table.concat({ "exec", LUA, MAIN, server.script, idle }, " "))
  server.port = assert(server.pipe:read "*n", "the raw server does not start")
  server.url = "http://127.0.0.1:" .. server.port
  return server
end

return raw_server
