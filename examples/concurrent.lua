-- Everything of an account at once, in a plain script: the projects of all organizations, then the content models of
-- all those projects, eight requests at a time. Run it against the sandbox: make sandbox in one terminal, paste the
-- export lines that it prints in another, then: lua5.4 examples/concurrent.lua
local better_i18n = require "better_i18n"

local token = os.getenv "TOKEN"
if not token then
  io.stderr:write "TOKEN is not set; the head of this file says where to get one\n"
  os.exit(2)
end

local client = better_i18n.new { installation_token = token }

-- fn(item) for each, at once; the results in order.
local function all_of(items, fn, options)
  local tasks = {}
  for index, item in ipairs(items) do
    tasks[index] = function() return fn(item) end
  end
  return better_i18n.all(tasks, options)
end

local function projects_of(organization)
  local projects = {}
  for project in client:each_project(organization.id) do projects[#projects + 1] = project end
  return projects
end

local function count_models(organization, projects)
  local function models_of(project) return #client:list_models(organization.slug, project.slug, { limit = 100 }) end
  local sum = 0
  for _, count in ipairs(all_of(projects, models_of, { concurrency = 8 })) do sum = sum + count end
  return sum
end

-- settle: one organization that fails does not hide the others. All but one are expected to: the list has every
-- organization of the user, a grant is for one of them, and each of the others takes a grant (and a client) of its own.
local organizations = client:list_organizations()
for index, outcome in ipairs(all_of(organizations, projects_of, { concurrency = 8, settle = true })) do
  local organization = organizations[index]
  if outcome.ok then
    print(("%s: %d projects"):format(organization.name, #outcome.value))
    print(("  %d content models in them"):format(count_models(organization, outcome.value)))
  elseif outcome.error.code == "wrong_organization" then
    print(organization.name .. ": not this grant's organization")
  else
    print(organization.name .. ": " .. tostring(outcome.error))
  end
end

client:close()
