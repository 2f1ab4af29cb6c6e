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

  it("come in order, also when some leave before", function()
    local heap, inside, list = new_heap(), {}, {}
    for _ = 1, 3000 do
      if random(5) < 3 then
        local waiter = { at = random(1000) }
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
  end)
end)
