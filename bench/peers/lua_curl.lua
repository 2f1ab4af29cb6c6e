-- Debian's lua-curl (on LuaJIT; it has no 5.3 or 5.4) and lua-cjson: a kept easy handle.
-- Usage: luajit lua_curl.lua URL CALLS [CA_FILE]
local curl = require "curl"
local cjson = require "cjson"

local pieces, count
local easy = curl.easy_init()
easy:setopt(curl.OPT_HTTPHEADER, { "Accept: application/json" })
easy:setopt(curl.OPT_WRITEFUNCTION, function(piece)
  count = count + 1
  pieces[count] = piece
  return #piece
end)
easy:setopt(curl.OPT_FAILONERROR, 1) -- this binding cannot ask for the status
if arg[3] then easy:setopt(curl.OPT_CAINFO, arg[3]) end

for _ = 1, tonumber(arg[2]) do
  pieces, count = {}, 0
  easy:setopt(curl.OPT_URL, arg[1])
  assert(easy:perform())
  assert(type(cjson.decode(table.concat(pieces))) == "table")
end
