-- Ends the instance when nobody is left to end it: its owner is gone (a killed test run), or its own nginx
-- master was killed. main.lua starts it in the worker.
local ffi = require "ffi"

ffi.cdef [[
int kill(int pid, int signal);
int getppid(void);
int getpid(void);
]]

local watch = {}

local SIGTERM = 15
local PERIOD = 1

-- kill with signal 0 asks only; anything but "no such process" means it lives.
local function is_alive(pid)
  return ffi.C.kill(pid, 0) == 0 or ffi.errno() ~= 3
end

-- owner: a process id, or nil when the instance stays until it is stopped.
function watch.start(owner)
  local master = ffi.C.getppid()
  assert(ngx.timer.every(PERIOD, function()
    if ffi.C.getppid() ~= master then
      ffi.C.kill(ffi.C.getpid(), SIGTERM)
    elseif owner and not is_alive(owner) then
      ffi.C.kill(master, SIGTERM)
    end
  end))
end

return watch
