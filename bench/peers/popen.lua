-- The curl program by io.popen, and lua-cjson.
-- Usage: lua5.4 popen.lua URL CALLS
local cjson = require "cjson"

for _ = 1, tonumber(arg[2]) do
  local pipe = assert(io.popen("curl --silent --fail -H 'Accept: application/json' '" .. arg[1] .. "'"))
  assert(type(cjson.decode(pipe:read "*a")) == "table")
  assert(pipe:close())
end
