-- The data of a small company: organizations, projects, content models. Fresh in every instance.
-- service/partner.lua reads it and adds projects and languages to it.
local company = {}

local organizations, projects, projects_by_id, next_id

local organization_rows = {
  { "org_1", "acme", "Acme Zürich AG" },
  { "org_2", "tokyo-tea", "東京ティー株式会社" },
  { "org_3", "maktaba", "مكتبة العربية" },
  { "org_4", "paper-plane", "Paper Plane ✈️ Łódź" },
}

local products = {
  { "website", "Website Zürich" }, { "shop", "Shop 東京" }, { "app", "App 📱" }, { "help", "مركز المساعدة" },
  { "newsletter", "Newsletter für Käufer" }, { "checkout", "Checkout ✅" }, { "docs", "Dokumentation" },
  { "brand", "Marca España" }, { "press", "Presse & Médias" }, { "jobs", "Työpaikat" },
}

local editions = {
  { "eu", "Europa", { "de", "fr", "it", "es", "pt-pt" } },
  { "asia", "アジア", { "ja", "ko", "zh-hans", "zh-hant" } },
  { "mena", "الشرق الأوسط", { "ar", "he", "fa" } },
  { "americas", "Américas", { "es-mx", "pt-br", "fr-ca" } },
}

local model_rows = {
  { "blog-post", "Blogbeitrag" }, { "faq", "よくある質問" }, { "landing-page", "Page d'accueil" },
}

-- More fields of a project, for keys and the CDN: `shared` (one set of keys for all grants), `unlisted` (REST lists
-- leave it out), `grant_id` (only this grant sees it), `born_with` (state/keys.lua), `settings`, `file_structure`
-- (`namespaced`, `single`), `key_format` (`flat`, `nested`).
function company.add_project(organization_id, slug, name, source_language, target_languages)
  local project = {
    id = string.format("prj_%d", next_id),
    organizationId = organization_id,
    slug = slug,
    name = name,
    sourceLanguage = source_language,
    targetLanguages = target_languages,
    settings = {},
    shared = true,
    born_with = 0,
    file_structure = "namespaced",
    key_format = "flat",
  }
  next_id = next_id + 1
  projects[#projects + 1] = project
  projects_by_id[project.id] = project
  return project
end

function company.reset()
  organizations, projects, projects_by_id, next_id = {}, {}, {}, 1
  for index, row in ipairs(organization_rows) do
    organizations[index] = { id = row[1], slug = row[2], name = row[3] }
  end
  for _, edition in ipairs(editions) do
    for _, product in ipairs(products) do
      local slug, name = product[1] .. "-" .. edition[1], product[2] .. " – " .. edition[2]
      company.add_project("org_1", slug, name, "en", { unpack(edition[3]) })
    end
  end
  company.add_project("org_2", "tea", "お茶", "ja", { "en", "zh-hant" })
  company.add_project("org_2", "catalogue", "カタログ", "ja", { "en" })
  company.add_project("org_3", "library", "المكتبة", "ar", { "en", "fr" })
  local big = company.add_project("org_1", "big", "Ten thousand keys", "en", { "de", "fr", "ja", "ar", "pt-br" })
  -- What the instance is born with, each grant changes for itself.
  for _, project in ipairs(projects) do
    project.shared, project.born_with = false, nil
    if project.slug:find "^shop" then project.file_structure = "single" end
    if project.slug:find "^help" then project.key_format = "nested" end
  end
  big.born_with, big.unlisted = 10000, true
end

function company.organizations()
  return organizations
end

function company.find_organization(field, value)
  for _, organization in ipairs(organizations) do
    if organization[field] == value then return organization end
  end
  return nil
end

function company.projects_of(organization_id)
  local list = {}
  for _, project in ipairs(projects) do
    if project.organizationId == organization_id then list[#list + 1] = project end
  end
  return list
end

function company.find_project(id)
  return projects_by_id[id]
end

function company.find_project_by_slug(organization_id, slug)
  for _, project in ipairs(projects) do
    if project.organizationId == organization_id and project.slug == slug then return project end
  end
  return nil
end

function company.models_of(project)
  local list = {}
  for index, row in ipairs(model_rows) do
    local id = project.id .. "_mdl_" .. index
    list[index] = { id = id, slug = row[1], name = row[2], projectId = project.id }
  end
  return list
end

return company
