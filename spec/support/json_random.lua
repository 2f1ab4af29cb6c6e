-- Random JSON texts for json_spec.lua, the same ones on every Lua: random_json(seed):text().
-- They hold nothing in which lua-cjson is known to differ beyond what the spec evens out.

local methods = {}
methods.__index = methods

-- Park and Miller's generator: its products stay below 2^53, so doubles do.
function methods:next(limit)
  self.state = self.state * 16807 % 2147483647
  return self.state % limit
end

function methods:pick(list) return list[self:next(#list) + 1] end

function methods:space() return self:pick { "", "", "", "", " ", "\n", "\t ", "\r\n" } end

local pieces = {
  "a", "key", "name", "0", " ", "Übersetzung", "翻译", "😀", "\\n", "\\t", '\\"', "\\\\", "\\/", "/", "\\u00e9",
  "\\u0000", "\\u20ac", "\\ud83d\\ude00", "sixteen bytes at", "'", "{", "]", "\127",
}

function methods:string()
  local parts = {}
  for i = 1, self:next(6) do parts[i] = self:pick(pieces) end
  return '"' .. table.concat(parts) .. '"'
end

function methods:digits(most)
  local digits = { self:next(9) + 1 }
  for i = 2, self:next(most) + 1 do digits[i] = self:next(10) end
  return table.concat(digits)
end

function methods:number()
  local sign, form = self:pick { "", "", "-" }, self:next(5)
  if form == 0 then return sign .. self:digits(13) end
  if form == 1 then return sign .. "0." .. self:digits(13) end
  if form == 2 then return sign .. self:digits(6) .. "." .. self:digits(6) end
  if form == 3 then return sign .. self:digits(5) .. self:pick { "e", "E", "e+", "e-" } .. self:next(300) end
  return self:pick { "0", "1", "10", "0.0", "0.5" }
end

-- Names end in their number, so that none stands twice: duplicates are a case of their own.
function methods:list(open, close, depth, named)
  local parts = {}
  for i = 1, self:next(5) do
    local name = named and (self:string():sub(1, -2) .. i .. '"' .. self:space() .. ":" .. self:space()) or ""
    parts[i] = self:space() .. name .. self:value(depth + 1) .. self:space()
  end
  return open .. (#parts == 0 and self:space() or table.concat(parts, ",")) .. close
end

function methods:value(depth)
  local kind = self:next(depth > 5 and 6 or 11)
  if kind < 2 then return self:string() end
  if kind < 4 then return self:number() end
  if kind == 4 then return self:pick { "true", "false" } end
  if kind == 5 then return "null" end
  if kind < 9 then return self:list("{", "}", depth, true) end
  return self:list("[", "]", depth, false)
end

-- Always an array or object: lua-cjson's oldest versions take nothing else.
function methods:text()
  local inner = self:next(2) == 0 and self:list("{", "}", 0, true) or self:list("[", "]", 0, false)
  return self:space() .. inner .. self:space()
end

return function(seed) return setmetatable({ state = seed }, methods) end
