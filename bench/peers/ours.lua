-- This client, as a program uses it: a grant whose installation token is minted once, typed errors, a hook.
-- Usage: lua ours.lua small|list|large URL CALLS [CA_FILE]
local better_i18n = require "better_i18n"

local answered = 0
local client = better_i18n.new {
  base_url = arg[2], cdn_url = arg[2], ca_file = arg[4], grant_id = "grt_bench", access_token = "at_benchmark",
  on_response = function(info) if info.status == 200 then answered = answered + 1 end end,
}

local calls = {
  small = function() return client:get_project "prj_000001" end,
  list = function() return client:list_projects "org_000001" end,
  large = function() return client:get_messages("acme/shop", "de") end,
}

local call, count = calls[arg[1]], tonumber(arg[3])
for _ = 1, count do assert(type(call()) == "table") end
assert(answered >= count, "the hook was not called for each answer")
client:close()
