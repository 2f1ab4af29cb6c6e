-- Calls beside other coroutines of a cqueues program (lua-http's world). As for examples/concurrent.lua:
--   BETTER_I18N_BASE_URL=… TOKEN=bi_oat_… lua5.4 examples/cqueues.lua
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
    tasks[index] = function() return #client:list_projects(organization.id) end
  end
  for index, outcome in ipairs(better_i18n.all(tasks, { settle = true })) do
    print(organizations[index].name, outcome.ok and outcome.value or outcome.error.code)
  end
  working = false
end)

assert(controller:loop())
client:close()
