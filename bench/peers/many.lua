-- This client: so many calls of 50 ms at once, in a plain script.
-- Usage: lua many.lua URL ROUNDS AT_ONCE [CA_FILE]
local better_i18n = require "better_i18n"

local at_once = tonumber(arg[3])
local answered = 0
local client = better_i18n.new {
  base_url = arg[1], ca_file = arg[4], grant_id = "grt_bench", access_token = "at_benchmark", max_connections = at_once,
  on_response = function(info) if info.status == 200 then answered = answered + 1 end end,
}

local calls = {}
for index = 1, at_once do calls[index] = function() return client:request("GET", "/slow") end end
calls[1]() -- the connection and the token, as in bench/multi.c
for _ = 1, tonumber(arg[2]) do better_i18n.all(calls, { concurrency = at_once }) end
assert(answered >= at_once * tonumber(arg[2]), "the hook was not called for each answer")
client:close()
