-- A binary heap of waiters by the time at which they want to be woken (their field `at`, seconds of the monotonic
-- clock). Each knows its place (`place`), so that one who is woken earlier leaves at once. Called by scheduler.lua.

local methods = {}
methods.__index = methods

local function put(heap, place, waiter)
  heap[place] = waiter
  waiter.place = place
end

local function rise(heap, waiter, place)
  while place > 1 do
    local parent = (place - place % 2) / 2
    if heap[parent].at <= waiter.at then break end
    put(heap, place, heap[parent])
    place = parent
  end
  put(heap, place, waiter)
end

local function sink(heap, waiter, place, size)
  while 2 * place <= size do
    local child = 2 * place
    if child < size and heap[child + 1].at < heap[child].at then child = child + 1 end
    if waiter.at <= heap[child].at then break end
    put(heap, place, heap[child])
    place = child
  end
  put(heap, place, waiter)
end

function methods:add(waiter) rise(self, waiter, #self + 1) end

--- No effect when it is not in.
function methods:remove(waiter)
  local place, size = waiter.place, #self
  if not place then return end
  waiter.place = nil
  local last = self[size]
  self[size] = nil
  if last == waiter then return end
  if place > 1 and last.at < self[(place - place % 2) / 2].at then
    rise(self, last, place)
  else
    sink(self, last, place, size - 1)
  end
end

--- The waiter whose time comes first, or nil.
function methods:first() return self[1] end

return function() return setmetatable({}, methods) end
