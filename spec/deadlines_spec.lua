-- The heap of deadlines behind the schedulers: whatever comes and goes, the first is the first.
local new_heap = require "better_i18n.loop.deadlines"

local state = 1
local function random(limit) -- Park and Miller's generator: the same numbers on every Lua
  state = state * 16807 % 2147483647
  return state % limit
end

local function earliest(set)
  local least
  for waiter in pairs(set) do
    if not least or waiter.at < least then least = waiter.at end
  end
  return least
end

describe("deadlines", function()
  it("are empty at first", function()
    local heap = new_heap()
    assert.is_nil(heap:first())
    heap:remove { at = 1 }
    assert.is_nil(heap:first())
  end)

  local function check_order(time_of)
    local heap, inside, list = new_heap(), {}, {}
    for step = 1, 3000 do
      if random(5) < 3 then
        local waiter = { at = time_of(step) }
        heap:add(waiter)
        inside[waiter] = true
        list[#list + 1] = waiter
      elseif #list > 0 then
        local waiter = table.remove(list, random(#list) + 1)
        heap:remove(waiter)
        heap:remove(waiter)
        inside[waiter] = nil
      end
      local first = heap:first()
      assert.equal(earliest(inside), first and first.at)
    end
    local last = -1
    while heap:first() do
      local first = heap:first()
      assert.is_true(first.at >= last)
      last = first.at
      heap:remove(first)
    end
  end

  it("come in order, also when some leave before", function()
    check_order(function() return random(1000) end)
  end)

  it("come in order where most are added in that order", function()
    check_order(function(step) return step + random(4) end)
    check_order(function(step) return step % 50 == 0 and random(3000) or step end)
  end)

  it("leave no trace, though the one at the head stays", function()
    local heap, head, last = new_heap(), { at = 0 }, nil
    heap:add(head)
    local function come_and_go(from, to)
      for at = from, to do
        local waiter = { at = at }
        heap:add(waiter)
        if last then heap:remove(last) end
        last = waiter
      end
      collectgarbage()
      collectgarbage()
      return collectgarbage "count"
    end
    local before = come_and_go(1, 1000)
    assert.is_true(come_and_go(1001, 101000) - before < 200)
    assert.equal(head, heap:first())
  end)
end)
