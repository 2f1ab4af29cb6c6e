-- The fault matrix (spec/faults/table.lua): every endpoint × every fault × every loop of a script. Under
-- BETTER_I18N_FULL=1 all of it, at every byte; else a sample of it. nginx and Neovim: resty_faults_spec.lua,
-- nvim_faults_spec.lua.
local cell = require "spec.faults.cell"
local expected = require "spec.faults.table"
local process = require "spec.support.process"
local server = require "spec.faults.server"
local socket = require "socket"
local worlds = require "spec.support.worlds"

local target

setup(function() target = server.start() end)
teardown(function() server.stop() end)

local function open_descriptors()
  for _ = 1, 3 do collectgarbage() end -- what finalizers let go is collected by the next round
  return process.descriptors()
end

local count = 0

-- On PUC Lua 5.1 every call blocks, in whichever world: once is enough for all of it.
local can_wait = require "better_i18n.loop.current".can_yield
local list = server.full and not can_wait and { worlds.blocking } or worlds.list()

for number, world in ipairs(list) do
  describe("in the world " .. world.name, function()
    local before

    -- What a process opens once and keeps.
    setup(function()
      target.world = world.name
      world.run(function() return cell.run_all(target, "none", { me = "always" }, 1, world.together) end)
      before = open_descriptors()
    end)

    -- One more or less: the pipe that counts them may still be open on our side when it looks. A lookup that was given
    -- up goes on in the system's resolver for some seconds, with a socket.
    local function check_descriptors()
      local after, stop = open_descriptors(), socket.gettime() + 20
      while after > before + 1 and socket.gettime() < stop do
        socket.sleep(0.2)
        after = open_descriptors()
      end
      assert.is_true(math.abs(after - before) <= 1, before .. " descriptors before, " .. after .. " after")
    end

    for _, fault in ipairs(expected.names) do
      it("every call meets " .. fault, function()
        local names, step = server.choose(fault, number, #list)
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
  assert.is_true(count > (server.full and 40000 or 1000), count .. " cells")
  if os.getenv "BETTER_I18N_COUNT" then io.stderr:write(count, " cells\n") end
end)
