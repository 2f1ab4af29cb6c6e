-- Calls beside other coroutines of a cqueues program (lua-http's world): one prints a dot each millisecond, and none is
-- late because the others wait for answers. It needs cqueues (Debian: lua-cqueues); on PUC Lua 5.1 calls block all the
-- same.
-- Run it against the sandbox: make sandbox in one terminal, paste the export lines that it prints in another, then
-- lua5.4 examples/cqueues.lua
local cqueues = require "cqueues"
local better_i18n = require "better_i18n"

local token = os.getenv "TOKEN"
if not token then
  io.stderr:write "TOKEN is not set; the head of this file says where to get one\n"
  os.exit(2)
end

local client = better_i18n.new { installation_token = token }
local controller = cqueues.new()
local working, dots, latest = true, 0, 0

controller:wrap(function()
  local before = cqueues.monotime()
  while working do
    io.write "."
    io.flush()
    dots = dots + 1
    cqueues.sleep(0.001)
    local now = cqueues.monotime()
    before, latest = now, math.max(latest, now - before)
  end
end)

local function count_projects(organization)
  local count = 0
  for _ in client:each_project(organization.id, { limit = 5 }) do count = count + 1 end
  return count
end

controller:wrap(function()
  local organizations = client:list_organizations()
  local tasks = {}
  for index, organization in ipairs(organizations) do
    tasks[index] = function() return count_projects(organization) end
  end
  local outcomes = better_i18n.all(tasks, { settle = true })
  print()
  for index, outcome in ipairs(outcomes) do
    -- The list has every organization of the user; a grant is for one of them.
    local is_other = not outcome.ok and outcome.error.code == "wrong_organization"
    print(organizations[index].name, outcome.ok and outcome.value .. " projects"
      or is_other and "not this grant's organization" or tostring(outcome.error))
  end
  working = false
end)

assert(controller:loop())
print(("%d dots meanwhile, the longest time from one to the next was %.0f ms"):format(dots, latest * 1000))
client:close()
