-- The difference of two callgrind files: instructions a call by library, and by function of ours with what it calls.
-- Run by bench/profile only.
-- Usage: lua5.4 bench/profile.lua NAME SHORT_FILE SHORT_CALLS LONG_FILE LONG_CALLS FUNCTIONS

local libraries = {
  { "^libcurl", "libcurl" }, { "^libc%.", "libc" }, { "cjson", "lua-cjson" }, { "lua", "Lua" },
  { "^core%.so", "core.so" },
}

local function library(object)
  local file = object:match "[^/]*$"
  for _, row in ipairs(libraries) do
    if file:find(row[1]) then return row[2] end
  end
  return "others"
end

-- "(3) name" gives a name its number, "(3)" means it from then on.
local function named(names, text)
  local number, name = text:match "^(%(%d+%)) ?(.*)$"
  if not number then return text end
  if name ~= "" then names[number] = name end
  return names[number]
end

local function add(to, key, cost) to[key] = (to[key] or 0) + cost end

-- The file's own costs by library, and the costs of the functions of core.so with those of what they call.
local function read(path)
  local objects, functions, own, whole = {}, {}, {}, {}
  local object, current, is_call
  for line in io.lines(path) do
    local key, value = line:match "^(%l+)=(.*)$"
    if key == "ob" then object = library(named(objects, value))
    elseif key == "fn" then current = named(functions, value)
    elseif key == "cob" then named(objects, value)
    elseif key == "cfn" then named(functions, value)
    elseif key == "calls" then is_call = true
    else
      local cost = not key and line:match "^[%d+*-]%S* (%d+)$"
      if cost then
        if not is_call then add(own, object, tonumber(cost)) end
        if object == "core.so" then add(whole, current, tonumber(cost)) end
        is_call = false
      end
    end
  end
  return own, whole
end

local function difference(short, long, calls)
  local list = {}
  for name, cost in pairs(long) do list[#list + 1] = { name = name, cost = (cost - (short[name] or 0)) / calls } end
  table.sort(list, function(a, b) return a.cost > b.cost end)
  return list
end

local name, short_file, short_calls, long_file, long_calls, functions = table.unpack(arg)
local short_own, short_whole = read(short_file)
local long_own, long_whole = read(long_file)
local calls = long_calls - short_calls

local total, parts = 0, {}
for _, row in ipairs(difference(short_own, long_own, calls)) do
  total = total + row.cost
  if row.cost >= 1 then parts[#parts + 1] = ("%s %.0f"):format(row.name, row.cost) end
end
print(("%-28s %7.0f   %s"):format(name, total, table.concat(parts, ", ")))
for place, row in ipairs(difference(short_whole, long_whole, calls)) do
  if place > tonumber(functions) or row.cost < 1 then break end
  print(("    %7.0f %s"):format(row.cost, row.name))
end
