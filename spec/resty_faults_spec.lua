-- The fault matrix (spec/faults/table.lua) in a real nginx: under BETTER_I18N_FULL=1 all of it, else a sample.
local cjson = require "cjson"
local endpoints = require "spec.faults.endpoints"
local expected = require "spec.faults.table"
local host = require "spec.support.nginx_host"
local server = require "spec.faults.server"
local shell = require "spec.support.shell"
local url = require "socket.url"

local SHARE = 3 -- the sample: of so many worlds this is one

local nginx, worker, port, before

local function run(fault, names, step)
  local _, body = nginx:get(("/content/faults?fault=%s&step=%d%s"):format(fault, step,
    names and "&names=" .. url.escape(cjson.encode(names)) or ""))
  local ok, answer = pcall(cjson.decode, body)
  assert(ok and answer.ok, body)
  assert.same({}, answer.value.problems)
  return answer.value.cells
end

-- Without the connections that are kept for the next call of a client of the same options: nginx_app's own lives on.
local function descriptors() return host.descriptors(worker) - host.connections(worker, port) end

setup(function()
  assert(shell.run "make -s LUA=luajit >/dev/null 2>&1", "the module for LuaJIT does not build")
  local target = server.start()
  local client = { base_url = target.url, installation_token = "bi_oat_1234" }
  nginx = host.start { app = { faults = target, client = client } }
  run("none", { me = "always" }, 1)
  worker, port = nginx:workers()[1], tonumber(target.url:match ":(%d+)$")
  nginx:get "/content/collect"
  -- What the dispatcher holds while calls are under way goes with it.
  host.await(function() return host.threads(worker) == 1 end, 3)
  before = descriptors()
end)

teardown(function()
  assert.equal("", nginx:complaints())
  nginx:stop()
  server.stop()
end)

local cells = 0

for _, fault in ipairs(expected.names) do
  it("every call in nginx meets " .. fault, function()
    local names, step = server.choose(fault, 1, SHARE)
    if names or not expected.rows[fault].head then
      cells = cells + run(fault, names, step)
      return
    end
    for _, endpoint in ipairs(endpoints.list) do -- a request each: there are many bytes
      cells = cells + run(fault, { [endpoint.name] = "always" }, step)
      cells = cells + run(fault, { [endpoint.name] = "once" }, step)
    end
  end)
end

it("nothing is left in nginx, and nothing arrived where nothing may", function()
  nginx:get "/content/collect"
  local function is_as_before() return host.threads(worker) == 1 and descriptors() <= before + 1 end
  assert(host.await(is_as_before, 5), before .. " descriptors before, " .. descriptors() .. " after")
  assert.equal(worker, nginx:workers()[1])
  assert.same({}, server.complaints())
  assert.is_true(cells > (server.full and 20000 or 300), cells .. " cells")
end)
