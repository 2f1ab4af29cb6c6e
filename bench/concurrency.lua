-- Numbers for calls that run at once in a plain script. Starts a sandbox of its own.
-- Run from the repository's root: eval "$(make -s env)"; LUA_PATH="$PWD/?.lua;$LUA_PATH" lua5.4 bench/concurrency.lua
local better_i18n = require "better_i18n"
local core = require "better_i18n.core"
local sandbox = require "spec.support.sandbox"

local function median(list)
  table.sort(list)
  return list[math.ceil(#list / 2)]
end

local function measure(rounds, fn)
  local list = {}
  for round = 1, rounds do
    local start = core.now()
    fn(round)
    list[round] = core.now() - start
  end
  return median(list), math.max(table.unpack(list))
end

local function repeated(count, fn)
  local list = {}
  for index = 1, count do list[index] = fn end
  return list
end

local function report(text, ...) print(text:format(...)) end

sandbox.start()
local grant = sandbox.grant { client_id = sandbox.CLIENT_ID, installation = false }

local function slow(client)
  return function() return client:request("GET", "/_sandbox/slow?ms=50", { token = "none", raw = true }) end
end

local client = sandbox.connected(grant, { max_connections = 100 })
report("HTTP/1.1: 1,000 calls of 50 ms, 100 at once: median %.3f s, most %.3f s (5 rounds)", measure(5, function()
  better_i18n.all(repeated(1000, slow(client)), { concurrency = 100 })
end))
client:close()

local secure = sandbox.connected(grant, { base_url = sandbox.TLS_URL, ca_file = sandbox.CA_FILE, http_version = "2" })
report("HTTP/2: 1,000 calls of 50 ms, 100 at once: median %.3f s, most %.3f s (5 rounds)", measure(5, function()
  better_i18n.all(repeated(1000, slow(secure)), { concurrency = 100 })
end))
better_i18n.all(repeated(1000, function() return secure:list_organizations() end), { concurrency = 100 })
local shared = sandbox.counters(grant)
report("HTTP/2: %d requests over %d connection(s)", shared.http2_requests, shared.connections)
secure:close()

local own = sandbox.grant { client_id = sandbox.CLIENT_ID, installation = false }
local refreshing = sandbox.refreshing(own, { max_connections = 100 })
report("1,000 coroutines without a token: %.3f s", (measure(1, function()
  better_i18n.all(repeated(1000, function() return refreshing:list_organizations() end), { concurrency = 1000 })
end)))
local counters = sandbox.counters(own)
report("  refreshes %d, mints %d, requests %d", counters.refreshes, counters.mints, counters.total)
sandbox.stop()
