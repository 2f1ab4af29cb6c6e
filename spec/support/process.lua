-- Child processes: the same Lua with the same module, in an environment of its own; and what /proc knows.
local shell = require "spec.support.shell"

local process = {}

local LUA = os.getenv "BETTER_I18N_LUA" or "lua5.4"

-- Name=value words for env(1), sorted; false takes a variable away.
local function environment(variables)
  local unset, set = {}, {}
  for name, value in pairs(variables or {}) do
    if value then set[#set + 1] = name .. "=" .. shell.quote(value) else unset[#unset + 1] = "-u " .. name end
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
  shell.write(base .. ".lua", code)
  -- The shell's own background job, so that it can say how it ended. Lua installs a handler for SIGINT itself.
  local pipe = io.popen(("exec 2>/dev/null; env %s %s %s.lua >%s.out 2>%s.err & pid=$!; echo $pid; wait $pid; echo $?")
    :format(environment(variables), LUA, base, base, base))
  local child = { pid = pipe:read "*n" }
  function child.wait()
    local status = pipe:read "*n"
    pipe:close()
    local out, err = shell.read_if_there(base .. ".out"), shell.read_if_there(base .. ".err")
    for _, suffix in ipairs { ".lua", ".out", ".err" } do os.remove(base .. suffix) end
    return out, err, status
  end
  function child.signal(name) os.execute("kill -" .. name .. " " .. child.pid) end
  return child
end

--- Runs the code to its end: stdout, stderr, exit status.
function process.run(code, variables) return process.start(code, variables).wait() end

--- The number of open descriptors of this process. The child that counts may be faster than popen here, which has one
-- more until it has closed the child's end of the pipe: the least of some counts is right.
function process.descriptors()
  local pid = shell.read_if_there "/proc/self/stat":match "^%d+"
  local least = math.huge
  for _ = 1, 4 do least = math.min(least, tonumber(shell.line("ls /proc/" .. pid .. "/fd | wc -l"))) end
  return least
end

--- Resident memory of this process in KiB (pages of 4 KiB).
function process.memory() return tonumber(shell.read_if_there "/proc/self/statm":match "^%d+ (%d+)") * 4 end

return process
