-- A steady 200 requests a second for so many seconds, each sent when it is due, whether those before were answered or
-- not; prints median, p99 and the worst in milliseconds.
-- Usage: nginx_ticker.lua PORT PATH SECONDS
local socket = require "socket"

local RATE = 200
local port, path, seconds = tonumber(arg[1]), arg[2], tonumber(arg[3])
local request = "GET " .. path .. " HTTP/1.1\r\nHost: localhost\r\n\r\n"
local idle, busy, due_of, took = {}, {}, {}, {}

local function connect()
  local connection = assert(socket.connect("127.0.0.1", port))
  connection:setoption("tcp-nodelay", true)
  return connection
end

local function send(due)
  local connection = table.remove(idle) or connect()
  assert(connection:send(request))
  busy[#busy + 1] = connection
  due_of[connection] = due
end

-- The answer is small: once its first byte is there, all of it is.
local function receive(connection)
  local length
  repeat
    local line = assert(connection:receive "*l")
    length = tonumber(line:match "^[Cc]ontent%-[Ll]ength: (%d+)") or length
  until line == ""
  assert(connection:receive(length))
  took[#took + 1] = (socket.gettime() - due_of[connection]) * 1000
  idle[#idle + 1] = connection
end

local function receive_until(time)
  repeat
    local ready = socket.select(busy, nil, math.max(0, time - socket.gettime()))
    for _, connection in ipairs(ready) do
      receive(connection)
      for i = 1, #busy do
        if busy[i] == connection then table.remove(busy, i) break end
      end
    end
  until socket.gettime() >= time
end

-- nginx accepts one connection in a turn: that is not what is measured.
for i = 1, 100 do idle[i] = connect() end
for _ = 1, #idle do send(socket.gettime()) end
while #busy > 0 do receive_until(socket.gettime() + 0.01) end
took = {}

local start = socket.gettime()
for i = 1, seconds * RATE do
  receive_until(start + i / RATE)
  send(start + i / RATE)
end
while #busy > 0 do receive_until(socket.gettime() + 0.01) end
table.sort(took)
print(("%.2f %.2f %.2f"):format(took[math.ceil(#took / 2)], took[math.ceil(#took * 0.99)], took[#took]))
