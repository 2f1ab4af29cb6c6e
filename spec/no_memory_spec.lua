-- Too little memory: the n-th allocation of a client's life fails, for every n, in C and in Lua (spec/tools/no_memory.c
-- says what has to hold). BETTER_I18N_FULL=1 takes every n, with the sanitizer's build; else each 61st in C and each
-- 7th in Lua. BETTER_I18N_COUNT=1 says how many there were.
local sandbox = require "spec.support.sandbox"

local LUA = os.getenv "BETTER_I18N_LUA" or "lua5.4"
local is_full = os.getenv "BETTER_I18N_FULL" == "1"
local is_asan = is_full or LUA:find("build/asan-", 1, true) ~= nil
local name = LUA:match "asan%-([^/]+)/" or LUA:match "[^/]+$"
local program = (is_asan and "build/asan-" or "build/") .. name .. "/no_memory"
local FIRST, STRIDE = "1", is_full and { c = "1", lua = "1" } or { c = "61", lua = "7" }

local grant

setup(function()
  sandbox.start()
  grant = sandbox.grant { client_id = sandbox.CLIENT_ID, rotation = "same", mcp_answer = "sse" }
  assert(os.execute(("make -s LUA=%s %s >&2"):format(name, program)), "the program does not build")
end)
teardown(sandbox.stop)

local function quoted(text) return "'" .. text .. "'" end

local function run(whose, how)
  local fields = {
    GRANT = grant.grant_id, REFRESH = grant.refresh_token, ID = grant.client_id, SECRET = grant.client_secret,
    URL = sandbox.URL, PROJECT = sandbox.PROJECT_ID, TOOL = sandbox.TOOL_PROJECT,
    ORGANIZATION = sandbox.ORGANIZATION_ID,
  }
  -- ASan would take the one signal that the program handles itself.
  local parts = { 'ASAN_OPTIONS="$ASAN_OPTIONS:handle_sigfpe=1"' }
  for field, value in pairs(fields) do parts[#parts + 1] = field .. "=" .. quoted(value) end
  local command = { table.concat(parts, " "), program, "spec/tools/no_memory.lua", whose, how, FIRST, STRIDE[whose] }
  local pipe = io.popen(table.concat(command, " ") .. " 2>&1; echo status $?")
  local said = pipe:read "*a"
  pipe:close()
  assert(said:find("\nstatus 0\n", 1, true), said)
  assert(tonumber(said:match "(%d+) of them failed") > 5, said)
  if os.getenv "BETTER_I18N_COUNT" then io.stderr:write(whose, " ", how, ": ", (said:match "%d+ allocations.-\n")) end
end

describe("a client with too little memory", function()
  for _, whose in ipairs { "c", "lua" } do
    for _, how in ipairs { "once", "on" } do
      it(("for one allocation of %s (%s)"):format(whose, how), function() run(whose, how) end)
    end
  end
end)
