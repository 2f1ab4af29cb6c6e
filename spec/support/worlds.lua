-- The worlds that calls are made in: blocking, better_i18n.all in a script, luv, cqueues; and what further ones a file
-- spec/support/world_<name>.lua adds. A world: name; run(fn): runs fn there, gives its results or raises what it
-- raised; together(functions): what they return, run at once where the world can.
local better_i18n = require "better_i18n"

local worlds = {}

local function one_by_one(functions)
  local results = {}
  for index, fn in ipairs(functions) do results[index] = fn() end
  return results
end

local function at_once(functions) return better_i18n.all(functions, { concurrency = math.max(1, #functions) }) end

local function give(ok, ...)
  if not ok then error(..., 0) end
  return ...
end

local function pack(...) return { n = select("#", ...), ... } end

local function available(name) return (pcall(require, name)) end

worlds.blocking = { name = "blocking", run = function(fn) return fn() end, together = one_by_one }

worlds.script = { name = "script", run = function(fn) return better_i18n.all({ fn })[1] end, together = at_once }

if available "luv" then
  local uv = require "luv"
  worlds.luv = {
    name = "luv", together = at_once,
    run = function(fn)
      local outcome
      better_i18n.async(fn, function(problem, ...) outcome = pack(problem == nil, problem or ..., select(2, ...)) end,
        { loop = better_i18n.loop.luv })
      uv.run()
      assert(outcome, "uv.run ended before the function did")
      uv.walk(function(handle) error("a handle is left: " .. tostring(handle)) end)
      return give((table.unpack or unpack)(outcome, 1, outcome.n)) -- luacheck: ignore 143
    end,
  }
end

if available "cqueues" then
  local cqueues = require "cqueues"
  worlds.cqueues = {
    name = "cqueues", together = at_once,
    run = function(fn)
      local controller, outcome = cqueues.new(), nil
      controller:wrap(function()
        better_i18n.async(fn, function(problem, value) outcome = { problem == nil, problem or value } end)
      end)
      assert(controller:loop())
      assert(outcome, "the controller ended before the function did")
      return give(outcome[1], outcome[2])
    end,
  }
end

--- All that this Lua has, in a fixed order.
function worlds.list()
  local list = {}
  for _, name in ipairs { "blocking", "script", "luv", "cqueues" } do list[#list + 1] = worlds[name] end
  return list
end

return worlds
