-- What a small call costs in system calls on a kept connection (DESIGN.md: five), counted by strace: the difference of
-- two lengths of the same program, so that its start and end do not count.
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"

local LUA = os.getenv "BETTER_I18N_LUA" or "lua5.4"

if not shell.run "strace -o /dev/null true 2>/dev/null" then
  pending "strace is not here, or may not trace"
  return
end

setup(sandbox.start)
teardown(sandbox.stop)

local CALLS = [[
  local client = require("better_i18n").new { base_url = %q, installation_token = "bi_oat_x" }
  for _ = 1, %d do client:request("GET", "/_sandbox/static") end
]]

local function count(calls)
  local program, report = sandbox.path "calls.lua", sandbox.path "strace"
  shell.write(program, CALLS:format(sandbox.URL, calls))
  assert(shell.run(("strace -f -qq -c -o %s %s %s"):format(report, LUA, program)))
  for line in io.lines(report) do
    local total = line:match "^%s*100%.00%s+%S+%s+%d+%s+(%d+).*total$" -- percent, seconds, each, calls
    if total then return tonumber(total) end
  end
  error("strace gave no total")
end

-- On a busy machine an answer comes late now and then, which costs a wait more: the least of some runs counts.
local function least(runs)
  local each = math.huge
  for _ = 1, runs do
    each = math.min(each, (count(300) - count(100)) / 200)
    if each <= 5.1 then break end
  end
  return each
end

describe("a call on a kept connection", function()
  it("takes five system calls at most", function()
    local each = least(8)
    assert.is_true(each > 1 and each <= 5.1, each .. " system calls a call")
  end)
end)
