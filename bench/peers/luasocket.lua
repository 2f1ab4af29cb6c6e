-- LuaSocket's http and lua-cjson, as its manual shows it: a connection for each call.
-- Usage: lua5.4 luasocket.lua URL CALLS
local http = require "socket.http"
local cjson = require "cjson"

for _ = 1, tonumber(arg[2]) do
  local body, status = http.request(arg[1])
  assert(body and status == 200, status)
  assert(type(cjson.decode(body)) == "table")
end
