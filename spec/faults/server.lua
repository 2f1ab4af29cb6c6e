-- What the fault matrix talks to: the raw server with its faults, another host that redirects lead to, and a sandbox
-- for the certificates. A spec calls start in its setup, check and stop in its teardown.
local endpoints = require "spec.faults.endpoints"
local expected = require "spec.faults.table"
local raw_server = require "spec.support.raw_server"
local sandbox = require "spec.support.sandbox"

local server = {}

--- Whether every cell is to be run (make test-full), or a sample.
server.full = os.getenv "BETTER_I18N_FULL" == "1"

-- Where others than root can read it: nginx's workers.
local function copy_for_all(path)
  local copy = os.tmpname()
  os.execute(("cp %s %s && chmod 644 %s"):format(path, copy, copy))
  return copy
end

local IDLE = 3600 -- the whole matrix takes its time, and hosts where nothing may arrive are asked at its end

local elsewhere, raw

--- @return the table that spec/faults/cell.lua takes; plain, so that it can be sent to another process
function server.start()
  sandbox.start()
  elsewhere = raw_server.start('return function(_, connection) connection:json "{}" end', IDLE)
  raw = raw_server.start(('return require("spec.faults.service")(%q)'):format(elsewhere.url), IDLE)
  server.before = sandbox.counters().total
  server.ca_file = copy_for_all(sandbox.CA_FILE)
  return {
    url = raw.url, ca_file = server.ca_file, proxy = "http://user:canary-password@127.0.0.1:" .. raw.port,
    bad = {
      TLS_EXPIRED_URL = sandbox.TLS_EXPIRED_URL, TLS_WRONG_HOST_URL = sandbox.TLS_WRONG_HOST_URL,
      TLS_SELF_SIGNED_URL = sandbox.TLS_SELF_SIGNED_URL, TLS_URL = sandbox.TLS_URL,
      DNS_URL = "https://nothing.invalid", REFUSED_URL = "http://127.0.0.1:1",
    },
  }
end

--- What holds of all cells together: nothing arrived where nothing may.
-- @return an array of texts
function server.complaints()
  local texts = {}
  for _, request in ipairs(elsewhere:requests()) do texts[#texts + 1] = "a redirect was followed: " .. request.head end
  for _, request in ipairs(raw:requests()) do
    if request.head:find("canary_", 1, true) then texts[#texts + 1] = "a proxy was shown a token: " .. request.head end
  end
  if sandbox.counters().total ~= server.before then texts[#texts + 1] = "a request passed a bad certificate" end
  return texts
end

function server.stop()
  raw:stop()
  elsewhere:stop()
  os.remove(server.ca_file)
  sandbox.stop()
end

-- The sample of make test ---------------------------------------------------------------------------------------------
-- Fixed: each pair of a fault and an endpoint is run in one of the worlds and in one of the modes; faults at a byte at
-- every 199th; those that take their time only with a few endpoints in one of the worlds.
local STEP = 199
local FEW = { ["me"] = "always", ["create_project"] = "always", ["create_keys, as events"] = "always" }

local function place_of(fault)
  for index, name in ipairs(expected.names) do
    if name == fault then return index end
  end
end

--- Which endpoints meet the fault in the world of that number (name → mode; nil: all), and at which step.
function server.choose(fault, number, worlds)
  if server.full then return nil, 1 end
  local place, names = place_of(fault), {}
  if expected.rows[fault].slow then return (place + number) % worlds == 0 and FEW or {}, STEP end
  for index, endpoint in ipairs(endpoints.list) do
    local turn = place + index + number
    if turn % worlds == 0 then names[endpoint.name] = (turn / worlds) % 2 == 0 and "always" or "once" end
  end
  return fault == "dns" and { me = "always" } or names, STEP
end

return server
