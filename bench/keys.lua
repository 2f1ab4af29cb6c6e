-- All keys of the sandbox's big project (10,000 in 5 languages) through each_key, every answer late by `latency`: time,
-- and memory on the way, in a coroutine of better_i18n.all or in a plain script. Usage, with a sandbox's env and
-- `make env` sourced:
--   lua5.4 bench/keys.lua [page size] [prefetch] [latency in ms] [plain]

local better_i18n = require "better_i18n"
local core = require "better_i18n.core"

local size, prefetch, latency = tonumber(arg[1] or 100), tonumber(arg[2] or 8), tonumber(arg[3] or 20)
local function sandbox(name) return os.getenv("BETTER_I18N_SANDBOX_" .. name) end

local client = better_i18n.new {
  base_url = sandbox "URL", mcp_url = sandbox "MCP_URL", installation_token = sandbox "INSTALLATION_TOKEN",
}
local fault = { token = "none", body = {
  grant_id = sandbox "GRANT_ID", kind = "delay", ms = latency, tool = "listKeys", times = "always",
} }
if latency > 0 then client:request("POST", "/_sandbox/fault", fault) end

local function walk()
  local started, most, count = core.now(), 0, 0
  for _, number in client:each_key { project = sandbox "BIG_PROJECT", limit = size, prefetch = prefetch } do
    count = number
    if number % 1000 == 0 then most = math.max(most, collectgarbage "count") end
  end
  print(("%d keys in %.3f s, at most %.0f KiB in Lua"):format(count, core.now() - started, most))
end

client:list_keys { project = sandbox "BIG_PROJECT" } -- the sandbox makes the keys when they are first asked for
if arg[4] == "plain" then walk() else better_i18n.all { walk } end
if latency > 0 then
  client:request("DELETE", "/_sandbox/fault", { token = "none", query = { grant_id = sandbox "GRANT_ID" } })
end
client:close()
