-- Everything of an account at once, in a plain script: all organizations' projects, eight requests at a time.
-- Run it against the sandbox: make sandbox in one terminal, then with what it prints:
--   BETTER_I18N_BASE_URL=… TOKEN=bi_oat_… lua5.4 examples/concurrent.lua
local better_i18n = require "better_i18n"

local client = better_i18n.new { installation_token = assert(os.getenv "TOKEN", "TOKEN is not set") }

local tasks = {}
for _, organization in ipairs(client:list_organizations()) do
  tasks[#tasks + 1] = function()
    local projects = client:list_projects(organization.id)
    return ("%s: %d projects"):format(organization.name, #projects)
  end
end

-- settle: one organization that fails does not hide the others.
for _, outcome in ipairs(better_i18n.all(tasks, { concurrency = 8, settle = true })) do
  print(outcome.ok and outcome.value or tostring(outcome.error))
end

client:close()
