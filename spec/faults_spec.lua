-- The fault matrix (spec/faults/table.lua): every endpoint × every fault × every loop of a script. Under
-- BETTER_I18N_FULL=1 all of it, at every byte; else a sample of it. nginx and Neovim: resty_faults_spec.lua,
-- nvim_faults_spec.lua.
local cell = require "spec.faults.cell"
local expected = require "spec.faults.table"
local process = require "spec.support.process"
local server = require "spec.faults.server"
local worlds = require "spec.support.worlds"

local target

setup(function() target = server.start() end)
teardown(function() server.stop() end)

local function open_descriptors()
  for _ = 1, 3 do collectgarbage() end -- what finalizers let go is collected by the next round
  return process.descriptors()
end

local count = 0

for number, world in ipairs(worlds.list()) do
  describe("in the world " .. world.name, function()
    local before

    -- What a process opens once and keeps.
    setup(function()
      target.world = world.name
      world.run(function() return cell.run_all(target, "none", { me = "always" }, 1, world.together) end)
      before = open_descriptors()
    end)

    -- One more or less: the pipe that counts them may still be open on our side when it looks.
    local function check_descriptors()
      local after = open_descriptors()
      assert.is_true(math.abs(after - before) <= 1, before .. " descriptors before, " .. after .. " after")
    end

    for _, fault in ipairs(expected.names) do
      it("every call meets " .. fault, function()
        local names, step = server.choose(fault, number, #worlds.list())
        local result = world.run(function() return cell.run_all(target, fault, names, step, world.together) end)
        assert.same({}, result.problems)
        count = count + result.cells
        if server.full then check_descriptors() end
      end)
    end

    it("no descriptor is left", check_descriptors)
  end)
end

it("what must not arrive did not arrive", function() assert.same({}, server.complaints()) end)

it("cells were run", function()
  assert.is_true(count > (server.full and 50000 or 1000), count .. " cells")
  if os.getenv "BETTER_I18N_COUNT" then io.stderr:write(count, " cells\n") end
end)
