-- Waiters by the time at which they want to be woken (their field `at`, seconds of the monotonic clock). Calls have the
-- same limits, so most come in the order of their times: they stand in a line, entered and left in a few steps however
-- many there are. Whoever comes before the last of the line goes to a binary heap. Each knows its place (in the line
-- `line`, in the heap `place`), so that one who is woken earlier leaves at once. Called by scheduler.lua.

local SPARE = 64 -- places of those who left, before the line closes up

local methods = {}
methods.__index = methods

-- The heap ------------------------------------------------------------------------------------------------------------

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

local function leave_heap(heap, waiter, place)
  local size = #heap
  waiter.place = nil
  local last = heap[size]
  heap[size] = nil
  if last == waiter then return end
  if place > 1 and last.at < heap[(place - place % 2) / 2].at then
    rise(heap, last, place)
  else
    sink(heap, last, place, size - 1)
  end
end

-- The line: from `head` to `tail`, `false` where somebody left -------------------------------------------------------

-- While one waits for long at the head, places would pile up behind him; and high numbers are in no table's array.
local function close_up(self)
  local line, closed, count = self.line, {}, 0
  for place = self.head, self.tail do
    local waiter = line[place]
    if waiter then
      count = count + 1
      closed[count] = waiter
      waiter.line = count
    end
  end
  self.line, self.head, self.tail = closed, 1, count
end

local function leave_line(self, waiter, place)
  local line, head, tail = self.line, self.head, self.tail
  waiter.line = nil
  line[place] = false
  self.count = self.count - 1
  if place == tail then
    while tail >= head and not line[tail] do
      line[tail] = nil
      tail = tail - 1
    end
    self.tail = tail
  elseif place == head then
    while not line[head] do
      line[head] = nil
      head = head + 1
    end
    self.head = head
  end
  if self.count == 0 then
    self.head, self.tail = 1, 0
  elseif self.tail > 2 * self.count + SPARE then
    close_up(self)
  end
end

-- Both ----------------------------------------------------------------------------------------------------------------

function methods:add(waiter)
  local line, tail = self.line, self.tail
  if tail >= self.head and waiter.at < line[tail].at then return rise(self.heap, waiter, #self.heap + 1) end
  tail = tail + 1
  line[tail] = waiter
  waiter.line = tail
  self.tail = tail
  self.count = self.count + 1
end

--- No effect when it is not in.
function methods:remove(waiter)
  local place = waiter.line
  if place then return leave_line(self, waiter, place) end
  place = waiter.place
  if place then leave_heap(self.heap, waiter, place) end
end

--- The waiter whose time comes first, or nil.
function methods:first()
  local first, least = self.line[self.head], self.heap[1]
  if first and not (least and least.at < first.at) then return first end
  return least
end

return function() return setmetatable({ heap = {}, line = {}, head = 1, tail = 0, count = 0 }, methods) end
