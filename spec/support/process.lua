-- Child processes: the same Lua with the same module, in an environment of its own; and what /proc knows.
local process = {}

local LUA = os.getenv "BETTER_I18N_LUA" or "lua5.4"

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local function write(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

local function read(path)
  local file = io.open(path)
  if not file then return "" end
  local text = file:read "*a"
  file:close()
  return text
end

-- Name=value words for env(1), sorted; false takes a variable away.
local function environment(variables)
  local unset, set = {}, {}
  for name, value in pairs(variables or {}) do
    if value then set[#set + 1] = name .. "=" .. quote(value) else unset[#unset + 1] = "-u " .. name end
  end
  return table.concat(unset, " ") .. " " .. table.concat(set, " ")
end

local function temporary()
  local name = os.tmpname()
  os.remove(name)
  return name
end

--- Starts Lua with the code; gives an object with `pid` and wait() → stdout, stderr, exit status.
function process.start(code, variables)
  local base = temporary()
  write(base .. ".lua", code)
  -- The shell's own background job, so that it can say how it ended. Lua installs a handler for SIGINT itself.
  local pipe = io.popen(("exec 2>/dev/null; env %s %s %s.lua >%s.out 2>%s.err & pid=$!; echo $pid; wait $pid; echo $?")
    :format(environment(variables), LUA, base, base, base))
  local child = { pid = pipe:read "*n" }
  function child.wait()
    local status = pipe:read "*n"
    pipe:close()
    local out, err = read(base .. ".out"), read(base .. ".err")
    for _, suffix in ipairs { ".lua", ".out", ".err" } do os.remove(base .. suffix) end
    return out, err, status
  end
  function child.signal(name) os.execute("kill -" .. name .. " " .. child.pid) end
  return child
end

--- Runs the code to its end: stdout, stderr, exit status.
function process.run(code, variables) return process.start(code, variables).wait() end

--- The number of open descriptors of this process.
function process.descriptors()
  local pid = read "/proc/self/stat":match "^%d+"
  local pipe = io.popen("ls /proc/" .. pid .. "/fd | wc -l")
  local count = pipe:read "*n"
  pipe:close()
  return count
end

--- Resident memory of this process in KiB (pages of 4 KiB).
function process.memory() return tonumber(read "/proc/self/statm":match "^%d+ (%d+)") * 4 end

return process
