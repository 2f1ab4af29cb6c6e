-- The scopes of API.md. The authorization endpoint and control/grants.lua ask it.
local scopes = {}

scopes.default = {
  "org:read", "projects:read", "keys:read", "keys:write", "translations:read", "translations:write",
  "content:read", "content:write", "glossary:read",
}

scopes.off_by_default = { "projects:write", "translations:publish", "content:publish", "glossary:write" }

-- Not about the service's data: these are the authorization server's own.
local protocol = { offline_access = true, openid = true, profile = true, email = true }

local known = {}
for _, list in ipairs { scopes.default, scopes.off_by_default } do
  for _, name in ipairs(list) do known[name] = true end
end

function scopes.is_known(name)
  return known[name] or protocol[name] or false
end

function scopes.is_protocol(name)
  return protocol[name] or false
end

function scopes.parse(text)
  local list = {}
  for name in (text or ""):gmatch "%S+" do list[#list + 1] = name end
  return list
end

return scopes
