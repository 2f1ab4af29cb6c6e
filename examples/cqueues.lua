-- Calls beside other coroutines of a cqueues program (lua-http's world): one prints dots, and none is late because the
-- others wait for answers. It needs cqueues (Debian: lua-cqueues); on PUC Lua 5.1 calls block all the same.
-- Run it against the sandbox: make sandbox in one terminal, paste the export lines that it prints in another, then
-- lua5.4 examples/cqueues.lua
local cqueues = require "cqueues"
local better_i18n = require "better_i18n"

local client = better_i18n.new { installation_token = assert(os.getenv "TOKEN", "TOKEN is not set") }
local controller = cqueues.new()
local working = true

controller:wrap(function()
  while working do
    io.write "."
    io.flush()
    cqueues.sleep(0.01)
  end
end)

controller:wrap(function()
  local organizations = client:list_organizations()
  local tasks = {}
  for index, organization in ipairs(organizations) do
    tasks[index] = function() return #client:list_projects(organization.id, { limit = 100 }) end
  end
  for index, outcome in ipairs(better_i18n.all(tasks, { settle = true })) do
    -- The list has every organization of the user; a grant is for one of them.
    local is_other = not outcome.ok and outcome.error.code == "wrong_organization"
    print(organizations[index].name, outcome.ok and outcome.value .. " projects"
      or is_other and "not this grant's organization" or tostring(outcome.error))
  end
  working = false
end)

assert(controller:loop())
client:close()
