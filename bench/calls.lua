-- One small call after the other on a kept connection: CPU per call and resident memory on the way. Its system calls
-- are what `strace -f -c` counts around it. Usage, with a sandbox's env and `make env` sourced:
--   lua5.4 bench/calls.lua [calls] [path]

local better_i18n = require "better_i18n"

local calls, path = tonumber(arg[1] or 1000), arg[2] or "/_sandbox/static"
local sandbox = function(name) return os.getenv("BETTER_I18N_SANDBOX_" .. name) end
local client = better_i18n.new { base_url = sandbox "URL", installation_token = sandbox "INSTALLATION_TOKEN" }

local function resident()
  for line in io.lines "/proc/self/status" do
    local size = line:match "VmRSS:%s+(%d+)"
    if size then return size end
  end
end

local started = os.clock()
for i = 1, calls do
  client:request("GET", path)
  if i == 1000 or i % 20000 == 0 then print(("%7d calls   %s kB resident"):format(i, resident())) end
end
print(("%.1f µs of CPU a call"):format((os.clock() - started) / calls * 1e6))
client:close()
