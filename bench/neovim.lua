-- Two hundred calls of 50 ms in Neovim beside a timer of 5 ms: when the last one ends, and how late the timer ever was.
-- Starts a sandbox of its own, and Neovim five times (make LUA=luajit before).
-- Run from the repository's root: eval "$(make -s env)"; LUA_PATH="$PWD/?.lua;$LUA_PATH" lua5.4 bench/neovim.lua
local sandbox = require "spec.support.sandbox"

local PROGRAM = [[
  local better_i18n = require "better_i18n"
  local uv = vim.uv or vim.loop
  local client = better_i18n.new { base_url = %q, installation_token = "bi_oat_00000001", max_connections = 200 }
  local function now() return uv.hrtime() / 1e6 end
  local function round(number)
    local last, late, ended, start = now(), 0, 0, now()
    local timer = uv.new_timer()
    timer:start(5, 5, function()
      local time = now()
      late, last = math.max(late, time - last - 5), time
    end)
    for _ = 1, 200 do
      better_i18n.async(function()
        client:request("GET", "/_sandbox/slow?ms=50", { token = "none", raw = true })
      end, function(err)
        assert(not err, err)
        ended = ended + 1
        if ended < 200 then return end
        timer:close()
        io.stdout:write(("round %%d: 200 calls in %%.0f ms, timer late by %%.1f ms at most\n"):format(number,
          now() - start, late))
        if number == 3 then vim.cmd "qall!" else vim.defer_fn(function() round(number + 1) end, 50) end
      end)
    end
  end
  vim.defer_fn(function() round(1) end, 100)
]]

sandbox.start()
local path = sandbox.path "bench.lua"
local file = assert(io.open(path, "w"))
file:write(PROGRAM:format(sandbox.URL))
file:close()
for _ = 1, 5 do
  os.execute("LUA_CPATH=\"$PWD/build/luajit/?.so;;\" timeout 20 nvim --headless -u NONE -i NONE -n -c 'luafile " .. path
    .. "' </dev/null 2>&1")
end
sandbox.stop()
