-- The scopes of the service (API.md, "Scopes"): what an app may ask for and what each opens. An array in the order of
-- the consent screen; each is also found by its name.

---@type better_i18n.scope_list
local scopes = {
  { name = "org:read", default = true, opens = "organizations" },
  { name = "projects:read", default = true, opens = "projects and their settings" },
  { name = "keys:read", default = true, opens = "translation keys" },
  { name = "keys:write", default = true, opens = "creating and deleting translation keys" },
  { name = "translations:read", default = true, opens = "translations" },
  { name = "translations:write", default = true, opens = "changing translations" },
  { name = "content:read", default = true, opens = "content models and entries" },
  { name = "content:write", default = true, opens = "changing content" },
  { name = "glossary:read", default = true, opens = "the glossary" },
  { name = "projects:write", default = false, opens = "creating projects, adding languages" },
  { name = "translations:publish", default = false, opens = "publishing translations" },
  { name = "content:publish", default = false, opens = "publishing content" },
  { name = "glossary:write", default = false, opens = "changing the glossary" },
}

for index = 1, #scopes do
  local scope = scopes[index]
  scopes[scope.name] = scope
end

return scopes
