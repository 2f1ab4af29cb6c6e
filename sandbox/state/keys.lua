-- The translation keys of every project. What a project is born with is built once; what a grant changes is kept
-- apart (a view: copies of the changed keys and the new ones), so that tests in one instance do not meet. Projects
-- that were made during the run have one view for all. service/tools/*.lua, service/cdn.lua and state/syncs.lua use it.
--
-- A key: { id, ns, name, tr = { language = { t = text, pub = published text or nil } }, deleted }.
local crypto = require "crypto"
local texts = require "state.texts"

local keys = {}

local bases, views

function keys.reset()
  bases, views = {}, {}
end

local function full_name(ns, name)
  return ns .. "\0" .. name
end

-- act(branch) for "a" and "a.b" of "a.b.c".
local function each_branch(ns, name, act)
  local stop = name:find(".", 1, true)
  while stop do
    act(full_name(ns, name:sub(1, stop - 1)))
    stop = name:find(".", stop + 1, true)
  end
end

-- Bases -------------------------------------------------------------------------------------------------

local function put(base, project, ns, name, translations)
  local index = #base.list + 1
  local key = {
    id = string.format("%08x-0000-4000-8000-%012x", tonumber(project.id:match "%d+"), index),
    ns = ns, name = name, tr = {},
  }
  for language, text in pairs(translations) do key.tr[language] = { t = text, pub = text } end
  base.list[index], base.by_id[key.id], base.by_name[full_name(ns, name)] = key, key, key.id
  each_branch(ns, name, function(branch) base.branches[branch] = (base.branches[branch] or 0) + 1 end)
end

local function all_languages(project)
  return { project.sourceLanguage, unpack(project.targetLanguages) }
end

local function put_phrases(base, project)
  for _, row in ipairs(texts.phrases) do
    local translations = {}
    for _, language in ipairs(all_languages(project)) do translations[language] = row[3][language] end
    translations[project.sourceLanguage] = translations[project.sourceLanguage] or row[3].en
    put(base, project, row[1], row[2], translations)
  end
end

local function put_generated(base, project, count)
  local languages = all_languages(project)
  for n = 1, count do
    local ns, name = texts.generated(n)
    local translations = {}
    for index, language in ipairs(languages) do
      translations[language] = texts.generated_text(n, language, index == 1)
    end
    put(base, project, ns, name, translations)
  end
end

-- project.born_with: a number of generated keys; a list of { n, ns, v, t }; nil for the few real texts.
local function build(project)
  local base = { list = {}, by_id = {}, by_name = {}, branches = {} }
  local born_with = project.born_with
  if not born_with then
    put_phrases(base, project)
  elseif type(born_with) == "number" then
    put_generated(base, project, born_with)
  else
    for _, row in ipairs(born_with) do
      local translations = { [project.sourceLanguage] = row.v }
      for language, text in pairs(row.t or {}) do translations[language] = text end
      put(base, project, row.ns or "default", row.n, translations)
    end
  end
  return base
end

-- Views -------------------------------------------------------------------------------------------------

-- The grant's view of a project; without a grant, or for a project that all share, the public one.
function keys.view(project, grant)
  bases[project.id] = bases[project.id] or build(project)
  local name = project.id
  if grant and not project.shared then name = grant.id .. " " .. name end
  local view = views[name]
  if not view then
    view = {
      project = project, base = bases[project.id], own = {}, added = {}, names = {}, branches = {},
      languages = {}, namespaces = {}, version = 0, published_at = math.floor(ngx.now()), syncs = {},
    }
    views[name] = view
  end
  return view
end

-- Something changed: cached lists are stale.
function keys.touch(view)
  view.version, view.current = view.version + 1, nil
end

local function is_there(view, id)
  local own = view.own[id]
  if own ~= nil then return own end
  return view.base.by_id[id]
end

-- Every key, also those that are deleted but not yet published as such.
function keys.all(view)
  if view.version == 0 then return view.base.list end
  local list = {}
  for _, group in ipairs { view.base.list, view.added } do
    for _, key in ipairs(group) do
      local now = is_there(view, key.id)
      if now then list[#list + 1] = now end
    end
  end
  return list
end

-- The keys that a user sees, in a steady order. Not to be changed.
function keys.list(view)
  if not view.current then
    view.current = {}
    for _, key in ipairs(keys.all(view)) do
      if not key.deleted then view.current[#view.current + 1] = key end
    end
  end
  return view.current
end

function keys.find(view, id)
  return type(id) == "string" and is_there(view, id) or nil
end

-- Also one that is deleted but not yet published as such.
function keys.find_by_name(view, ns, name)
  local full = full_name(ns, name)
  local id = view.names[full]
  if id == nil then id = view.base.by_name[full] end
  return id and keys.find(view, id)
end

-- The view's own copy of a key, to be changed.
function keys.edit(view, key)
  keys.touch(view)
  local own = view.own[key.id]
  if own then return own end
  own = { id = key.id, ns = key.ns, name = key.name, deleted = key.deleted, tr = {} }
  for language, value in pairs(key.tr) do own.tr[language] = { t = value.t, pub = value.pub } end
  view.own[key.id] = own
  return own
end

local function count_branches(view, ns, name, by)
  each_branch(ns, name, function(branch) view.branches[branch] = (view.branches[branch] or 0) + by end)
end

local function new_uuid()
  local digits = crypto.new_id ""
  return string.format("%s-%s-4%s-8%s-%s", digits:sub(1, 8), digits:sub(9, 12), digits:sub(14, 16),
    digits:sub(18, 20), digits:sub(21, 32))
end

function keys.add(view, ns, name)
  keys.touch(view)
  local key = { id = new_uuid(), ns = ns, name = name, tr = {} }
  view.added[#view.added + 1], view.own[key.id], view.names[full_name(ns, name)] = key, key, key.id
  count_branches(view, ns, name, 1)
  return key
end

-- For good.
function keys.remove(view, key)
  keys.touch(view)
  view.own[key.id], view.names[full_name(key.ns, key.name)] = false, false
  count_branches(view, key.ns, key.name, -1)
end

-- The name that makes a new one impossible in a nested file (`a.b` beside `a.b.c`), or nil.
function keys.collision(view, ns, name)
  local full = full_name(ns, name)
  if (view.base.branches[full] or 0) + (view.branches[full] or 0) > 0 then return name .. ".*" end
  local found
  each_branch(ns, name, function(branch)
    local leaf = branch:sub(#ns + 2)
    if not found and keys.find_by_name(view, ns, leaf) then found = leaf end
  end)
  return found
end

function keys.set_text(key, language, text)
  key.tr[language] = { t = text, pub = key.tr[language] and key.tr[language].pub }
end

-- Keys that this view has changed or made, in no particular order.
function keys.each_own(view, act)
  for _, key in pairs(view.own) do
    if key then act(key) end
  end
end

-- Languages ---------------------------------------------------------------------------------------------

-- The target languages: the project's and those proposed in this view.
function keys.targets(view)
  local list = { unpack(view.project.targetLanguages) }
  for _, row in ipairs(view.languages) do
    if row.added then list[#list + 1] = row.code end
  end
  return list
end

function keys.has_language(view, code)
  if code == view.project.sourceLanguage then return true end
  for _, target in ipairs(keys.targets(view)) do
    if target == code then return true end
  end
  return false
end

return keys
