-- lua-http on LuaJIT and lua-cjson, on a kept connection (its `request` would open one for each call).
-- Usage: luajit lua_http.lua URL CALLS [CA_FILE]
local cjson = require "cjson"
local client = require "http.client"
local new_headers = require("http.headers").new

local scheme, host, port, path = arg[1]:match "^(%l+)://([^:/]+):(%d+)(/.*)$"
local secure = scheme == "https"

local function context()
  local made = require("http.tls").new_client_context()
  local store = require("openssl.x509.store").new()
  store:add(arg[3])
  made:setStore(store)
  return made
end

local connection = assert(client.connect {
  host = host, port = tonumber(port), tls = secure, version = secure and 2 or 1.1, sendname = "localhost",
  ctx = secure and context() or nil,
})

for _ = 1, tonumber(arg[2]) do
  local stream = assert(connection:new_stream())
  local headers = new_headers()
  headers:append(":method", "GET")
  headers:append(":scheme", scheme)
  headers:append(":authority", host .. ":" .. port)
  headers:append(":path", path)
  headers:append("accept", "application/json")
  assert(stream:write_headers(headers, true))
  assert(assert(stream:get_headers()):get ":status" == "200")
  assert(type(cjson.decode(assert(stream:get_body_as_string()))) == "table")
  stream:shutdown()
end
connection:close()
