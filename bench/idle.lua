-- What an idle client costs: 10,000 of them, each with a grant of its own, in bytes of resident memory.
-- Usage: lua bench/idle.lua [number of clients] [store]: "memory" gives all of them one store.
local better_i18n = require "better_i18n"

local count = tonumber((...)) or 10000
local store = select(2, ...) == "memory" and better_i18n.store.memory() or nil

local function resident()
  collectgarbage()
  collectgarbage()
  return tonumber(io.open("/proc/self/statm"):read "*a":match "^%d+ (%d+)") * 4096
end

local function make(index)
  return better_i18n.new {
    base_url = "http://127.0.0.1:1", grant_id = "grt_" .. index, client_id = "app", client_secret = "secret-0123456789",
    access_token = "at_" .. index .. ("a"):rep(40), refresh_token = "rt_" .. index .. ("r"):rep(40), store = store,
  }
end

local clients = { make(0) }
local before = resident()
for index = 1, count do clients[index + 1] = make(index) end
local bytes = math.floor((resident() - before) / count)
print(("%d idle clients: %d bytes each"):format(#clients - 1, bytes))
