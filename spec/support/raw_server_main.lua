-- The process behind raw_server.lua: serves connections on 127.0.0.1, reads whole HTTP/1.1 requests, and lets the
-- script (a Lua file that returns function(request, connection, log, later)) answer by connection:send, :json, :close,
-- :reset; later(seconds, fn) runs fn then, and connection.closed says that there is nobody left to send to.
local cjson = require "cjson"
local socket = require "socket"

local answer = assert(loadfile(arg[1]))()
local IDLE = tonumber(arg[2]) or 120 -- seconds without a request after which nobody wants it any more

local listener = assert(socket.bind("127.0.0.1", 0, 64))
local connections, log, serial = {}, {}, 0
local alarms = {} -- of `later`: { at, fn }

local Connection = {}
Connection.__index = Connection

-- A close while the peer's bytes are unread would be a reset; here everything was read.
function Connection:close()
  connections[self.socket], self.closed = nil, true
  self.socket:close()
end

function Connection:reset()
  self.socket:setoption("linger", { on = true, timeout = 0 })
  self:close()
end

function Connection:send(bytes)
  self.socket:settimeout(5)
  self.socket:send(bytes)
  self.socket:settimeout(0)
end

function Connection:json(text, status)
  self:send(("HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"):format(
    status or "200 OK", #text, text))
end

-- Takes a whole request off the connection's buffer, or gives nil.
local function take_request(connection)
  local head, behind = connection.buffer:match "^(.-)\r\n\r\n()"
  if not head then return nil end
  local length = tonumber(head:lower():match "\ncontent%-length:%s*(%d+)") or 0
  if #connection.buffer < behind - 1 + length then return nil end
  local body = connection.buffer:sub(behind, behind - 1 + length)
  connection.buffer = connection.buffer:sub(behind + length)
  connection.count = connection.count + 1
  local method, path = head:match "^(%S+) (%S+)"
  return {
    n = connection.count, connection = connection.serial, method = method, path = path, head = head, body = body,
  }
end

local function later(seconds, fn) alarms[#alarms + 1] = { at = socket.gettime() + seconds, fn = fn } end

-- Runs what is due; gives the seconds until the next is.
local function ring()
  local due, rest, now, wait = {}, {}, socket.gettime(), nil
  for _, alarm in ipairs(alarms) do table.insert(alarm.at <= now and due or rest, alarm) end
  alarms = rest
  for _, alarm in ipairs(due) do alarm.fn() end
  for _, alarm in ipairs(alarms) do wait = math.min(wait or IDLE, math.max(0, alarm.at - now)) end
  return wait
end

local orders = {
  quit = function() os.exit(0) end,
  reset = function() log = {} end,
  requests = function(connection)
    connection:send(cjson.encode { requests = log })
  end,
}

local function serve(connection)
  local word = connection.buffer:match "^!(%a+)\n"
  if word then
    orders[word](connection)
    return connection:close()
  end
  local request = take_request(connection)
  while request and connections[connection.socket] do
    log[#log + 1] = request
    answer(request, connection, log, later)
    request = connections[connection.socket] and take_request(connection)
  end
end

local function accept()
  local client = listener:accept()
  if not client then return end
  client:settimeout(0)
  client:setoption("tcp-nodelay", true)
  serial = serial + 1
  connections[client] = setmetatable({ socket = client, buffer = "", count = 0, serial = serial }, Connection)
end

local function read(connection)
  local bytes, reason, part = connection.socket:receive(65536)
  connection.buffer = connection.buffer .. (bytes or part or "")
  if reason == "closed" then return connection:close() end
  serve(connection)
end

io.write(select(2, listener:getsockname()), "\n")
io.flush()
listener:settimeout(0)

while true do
  local sockets = { listener }
  for client in pairs(connections) do sockets[#sockets + 1] = client end
  local wait = ring()
  local ready = socket.select(sockets, nil, wait or IDLE)
  if #ready == 0 and not wait then os.exit(0) end
  for _, client in ipairs(ready) do
    if client == listener then accept() elseif connections[client] then read(connections[client]) end
  end
end
