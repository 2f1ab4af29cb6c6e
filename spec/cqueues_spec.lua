-- Controllers of cqueues that are dropped, closed, nested, or turned by turns, with calls under way.
local better_i18n = require "better_i18n"
local core = require "better_i18n.core"
local current = require "better_i18n.loop.current"
local sandbox = require "spec.support.sandbox"
local has_cqueues, cqueues = pcall(require, "cqueues")

local client

setup(function()
  sandbox.start()
  client = sandbox.client { installation_token = sandbox.INSTALLATION_TOKEN }
end)

teardown(function()
  client:close()
  sandbox.stop()
end)

local function slow(ms) return client:request("GET", "/_sandbox/slow?ms=" .. ms, { token = "none", raw = true }) end

local function cqueues_it(name, fn)
  it(name, function()
    if not has_cqueues then return pending "cqueues is not installed for this Lua" end
    if not current.can_yield then return pending "on this Lua every call blocks" end
    fn()
  end)
end

-- A controller with so many calls under way; done.count is how many have ended.
local function begin(count, ms)
  local controller, done = cqueues.new(), { count = 0 }
  for _ = 1, count do
    controller:wrap(function()
      slow(ms)
      done.count = done.count + 1
    end)
  end
  return controller, done
end

-- What nobody holds any more is gone, and the client still works.
local function assert_forgotten()
  collectgarbage()
  collectgarbage()
  slow(1)
  assert.equal(0, core.busy())
end

describe("a controller of cqueues", function()
  cqueues_it("may be dropped with calls under way: their connections are free", function()
    local controller = begin(5, 5000)
    controller:step(0.05)
    assert.equal(5, core.busy())
    controller = nil -- luacheck: ignore 311
    assert_forgotten()
  end)

  cqueues_it("may be closed with calls under way, and another goes on", function()
    local controller = begin(5, 5000)
    controller:step(0.05)
    controller:close()
    assert_forgotten()
    local other, done = begin(5, 20)
    assert(other:loop(10))
    assert.equal(5, done.count)
  end)

  cqueues_it("hands an error of one coroutine to the program, and goes on with the others", function()
    local controller, done = begin(3, 100)
    controller:wrap(function()
      slow(10)
      error("of the program", 0)
    end)
    local ok, problem = controller:loop(10)
    assert.falsy(ok)
    assert.equal("of the program", problem)
    assert(controller:loop(10))
    assert.equal(3, done.count)
  end)

  cqueues_it("takes turns with another, whichever is turned when the answers come", function()
    local one, done = begin(5, 50)
    local two, done_too = begin(5, 80)
    local stop = core.now() + 10
    repeat
      one:step(0.002)
      two:step(0.002)
    until done.count + done_too.count == 10 or core.now() > stop
    assert.same({ 5, 5 }, { done.count, done_too.count })
  end)

  cqueues_it("may turn inside another", function()
    local inner, done = begin(5, 50)
    local outer, done_too = begin(1, 30)
    outer:wrap(function() assert(inner:loop(10)) end)
    assert(outer:loop(10))
    assert.same({ 5, 1 }, { done.count, done_too.count })
  end)

  cqueues_it("loses none of its calls to one that blocks beside it", function()
    local controller, done = begin(2, 50)
    controller:step(0.01)
    slow(100)
    assert(controller:loop(10))
    assert.equal(2, done.count)
  end)

  cqueues_it("ends calls whose client is closed meanwhile", function()
    local own = sandbox.client { installation_token = sandbox.INSTALLATION_TOKEN }
    local controller, codes = cqueues.new(), {}
    for i = 1, 3 do
      controller:wrap(function()
        local _, err = better_i18n.try(own.request, own, "GET", "/_sandbox/slow?ms=5000", { token = "none" })
        codes[i] = err and err.code
      end)
    end
    controller:wrap(function()
      cqueues.sleep(0.05)
      own:close()
    end)
    local start = core.now()
    assert(controller:loop(10))
    assert.same({ "cancelled", "cancelled", "cancelled" }, codes)
    assert.is_true(core.now() - start < 4)
  end)
end)
