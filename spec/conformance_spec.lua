-- One suite for every loop: the cases of spec/conformance/cases.lua give the same results, the same errors and the same
-- requests in each world. A world of its own process (nginx) runs the same cases by name, see spec/resty_spec.lua.
local cases = require "spec.conformance.cases"
local process = require "spec.support.process"
local sandbox = require "spec.support.sandbox"
local worlds = require "spec.support.worlds"

setup(sandbox.start)
teardown(sandbox.stop)

local function prepare(case)
  local fields = { client_id = sandbox.CLIENT_ID, installation = false }
  for name, value in pairs(case.grant or {}) do fields[name] = value end
  local grant = sandbox.grant(fields)
  if case.before then case.before(sandbox, grant) end
  for _, fault in ipairs(case.faults or {}) do sandbox.fault(grant, fault) end
  return grant
end

local function check_counters(case, grant)
  local counters = sandbox.counters(grant)
  local wanted = case.counters
  if wanted[1] then assert.equal(wanted[1], counters.total, "requests") end
  assert.same({ wanted[2], wanted[3] }, { counters.refreshes, counters.mints }, "refreshes and mints")
end

for _, world in ipairs(worlds.list()) do
  describe("in the world " .. world.name, function()
    for _, case in ipairs(cases) do
      it(case.name, function()
        local grant, clients = prepare(case), {}
        local function make(options)
          local client = sandbox.connected(grant, options)
          clients[#clients + 1] = client
          return client
        end
        local result = world.run(function() return case.run(make, world.together) end)
        assert.same(case.result, result)
        check_counters(case, grant)
        for _, client in ipairs(clients) do client:close() end
      end)
    end

    it("leaves no descriptor open", function()
      local function use()
        local grant = sandbox.grant()
        local client = sandbox.connected(grant)
        world.run(function() return world.together { function() return client:me() end } end)
        client:close()
      end
      local function count()
        for _ = 1, 3 do collectgarbage() end -- what finalizers let go is collected by the next round
        return process.descriptors()
      end
      use()
      local before = count()
      for _ = 1, 10 do use() end
      -- One more or less: the pipe that counts them may still be open on our side when it looks.
      assert.is_true(math.abs(count() - before) <= 1, before .. " before, " .. count() .. " after")
    end)
  end)
end
