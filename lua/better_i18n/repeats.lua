-- Whether a value has come before in a sequence of any length, in constant memory: the last ones are known exactly, and
-- a longer circle is found by Brent's method, which keeps one value and moves it forward at each power of two. Called
-- by pages.lua.

local RECENT = 64

--- @return function has_been(value): true when it came before; enters it otherwise
return function()
  local recent, ring, place = {}, {}, 0
  local mark, steps, power = nil, 0, 1
  return function(value)
    if recent[value] or value == mark then return true end
    place = place % RECENT + 1
    if ring[place] ~= nil then recent[ring[place]] = nil end
    ring[place], recent[value] = value, true
    steps = steps + 1
    if steps == power then mark, steps, power = value, 0, 2 * power end
    return false
  end
end
