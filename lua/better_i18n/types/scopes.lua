---@meta _

-- The scopes of a grant. See module.lua.

---@alias better_i18n.scope_name
---| "org:read"
---| "projects:read"
---| "keys:read"
---| "keys:write"
---| "translations:read"
---| "translations:write"
---| "content:read"
---| "content:write"
---| "glossary:read"
---| "projects:write"
---| "translations:publish"
---| "content:publish"
---| "glossary:write"

---@class better_i18n.scope
---@field name better_i18n.scope_name
---@field default boolean ticked on the consent screen by itself
---@field opens string

---An array in the order of the consent screen; each is also found by its name.
---@class better_i18n.scope_list
---@field [integer] better_i18n.scope
---@field [better_i18n.scope_name] better_i18n.scope
