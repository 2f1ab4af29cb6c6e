-- Brings a project in line with a file of messages: what is new is created, what changed is written, what is gone is
-- deleted. Nothing is published. Stop it whenever you like and start it again: it compares first, so it goes on.
--
--   TOKEN=bi_oat_… lua5.4 examples/sync_keys.lua [--dry-run] org/project messages.json
--
-- The file, JSON or Lua (which returns the table): { "namespace": { "key": { "en": "Text", "de": "Text" } } }. Texts of
-- languages that it does not name stay as they are. Against the sandbox also set BETTER_I18N_BASE_URL and
-- BETTER_I18N_MCP_URL. Exit status: 0 in line, 1 something was refused, 2 wrong usage, 3 it broke off.

local better_i18n = require "better_i18n"

-- So many items between two looks at the progress bar; the client cuts what is too long for a request.
local STEP = 100

-- A write whose answer is lost is looked at again, so often.
local ROUNDS = 5

local function stop(status, message, ...)
  io.stderr:write("sync_keys: ", message:format(...), "\n")
  os.exit(status)
end

-- The file ----------------------------------------------------------------------------------------------------------

local function load_file(path)
  if path:find "%.lua$" then return assert(loadfile(path))() end
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return require("cjson").decode(text)
end

local function wrong(what, ...) error(what:format(...), 0) end

local function fits(value, what) return type(value) == "table" or wrong("%s must be a table", what) end

-- Too long, a surrogate, too large: none of these stands in valid UTF-8.
local NEVER = { "[\192\193\245-\255]", "\224[\128-\159]", "\237[\160-\191]", "\240[\128-\143]", "\244[\144-\191]" }

local function is_utf8(text)
  for _, pattern in ipairs(NEVER) do
    if text:find(pattern) then return false end
  end
  local rest = text:gsub("[\194-\223][\128-\191]", "."):gsub("[\224-\239][\128-\191][\128-\191]", ".")
  return not rest:gsub("[\240-\244][\128-\191][\128-\191][\128-\191]", "."):find "[\128-\255]"
end

-- The client would refuse such a text too, but only when it is its turn, and others were written then.
local function complaint_about(text)
  if type(text) ~= "string" then return "must be a text" end
  if text:find("\0", 1, true) then return "holds a NUL" end
  return not is_utf8(text) and "is not valid UTF-8" or nil
end

-- { language = text }, languages as the service has them.
local function read_texts(texts, name)
  local lowered = {}
  for language, text in pairs(texts) do
    if type(language) ~= "string" then wrong("%s: %s is no language", name, tostring(language)) end
    local code, complaint = language:lower(), complaint_about(text)
    if complaint then wrong("%s: the text in %s %s", name, language, complaint) end
    if lowered[code] then wrong("%s has the language %s twice", name, code) end
    lowered[code] = text
  end
  return lowered
end

-- An array of { key, namespace, texts }, in a steady order.
local function read_messages(path)
  local list = {}
  local messages = load_file(path)
  fits(messages, "the file")
  for namespace, keys in pairs(messages) do
    fits(keys, namespace)
    if namespace == "" then wrong "a namespace has no name" end
    for key, texts in pairs(keys) do
      local name = namespace .. "." .. key
      if key == "" then wrong("%s has a key without a name", namespace) end
      fits(texts, name)
      list[#list + 1] = { key = key, namespace = namespace, texts = read_texts(texts, name) }
    end
  end
  table.sort(list, function(a, b)
    if a.namespace ~= b.namespace then return a.namespace < b.namespace end
    return a.key < b.key
  end)
  return list
end

-- Progress: a bar on a terminal, plain lines elsewhere ----------------------------------------------------------------

local ended = os.execute "test -t 2"
local on_terminal = ended == true or ended == 0

local function show(what, done, total)
  if on_terminal then
    local width = math.floor(done / total * 30)
    io.stderr:write(("\r%-12s [%s%s] %d/%d"):format(what, ("#"):rep(width), (" "):rep(30 - width), done, total))
    if done == total then io.stderr:write "\n" end
  elseif done == total or done % (10 * STEP) == 0 then
    io.stderr:write(("%s: %d of %d\n"):format(what, done, total))
  end
end

-- Comparing -----------------------------------------------------------------------------------------------------------

local function name_of(item) return item.namespace .. "\0" .. item.key end

local function keys_of_project(client, project)
  local found, count = {}, 0
  local fields = { "id", "sourceText", "translations" }
  for key, _, response in client:each_key({ project = project, fields = fields, prefetch = 8 }) do
    found[name_of(key)], count = key, count + 1
    if count % STEP == 0 or count == response.total then show("reading", count, response.total) end
  end
  return found
end

local function add_new(plan, wanted, source, known)
  local translations, any = {}, false
  for language, text in pairs(wanted.texts) do
    if language ~= source and known[language] then translations[language], any = text, true end
  end
  table.insert(plan.new, {
    key = wanted.key, namespace = wanted.namespace, sourceText = wanted.texts[source],
    translations = any and translations or nil,
  })
end

local function add_changes(plan, wanted, key, source, known)
  local translations = {}
  for language, text in pairs(wanted.texts) do
    if language == source then
      if text ~= key.sourceText then
        table.insert(plan.changed, { id = key.id, language = source, text = text, source = true })
      end
    elseif known[language] and text ~= (key.translations or {})[language] then
      translations[language] = text
    end
  end
  if next(translations) then table.insert(plan.translated, { id = key.id, translations = translations }) end
end

-- What is to be done, and the languages of the file that the project does not have.
local function compare(client, project, messages)
  local overview = client:project_overview { project = project }
  local source, known, unknown = overview.sourceLanguage, {}, {}
  for _, language in ipairs(overview.languages) do known[language] = true end
  local there, plan = keys_of_project(client, project), { new = {}, changed = {}, translated = {}, gone = {} }
  for _, wanted in ipairs(messages) do
    for language in pairs(wanted.texts) do
      if language ~= source and not known[language] then unknown[language] = true end
    end
    local key = there[name_of(wanted)]
    if key then add_changes(plan, wanted, key, source, known) else add_new(plan, wanted, source, known) end
    there[name_of(wanted)] = nil
  end
  for _, key in pairs(there) do table.insert(plan.gone, key.id) end
  table.sort(plan.gone)
  return plan, unknown
end

local function is_done(plan) return #plan.new + #plan.changed + #plan.translated + #plan.gone == 0 end

-- Writing -------------------------------------------------------------------------------------------------------------

local function slice(list, first)
  local part = {}
  for place = first, math.min(first + STEP - 1, #list) do part[#part + 1] = list[place] end
  return part
end

local function write_all(what, list, refused, write)
  for first = 1, #list, STEP do
    local result = write(slice(list, first))
    for _, failure in ipairs(result.failed) do table.insert(refused, failure) end
    show(what, math.min(first + STEP - 1, #list), #list)
  end
end

-- Deleted first. A key that becomes a group of keys may still be refused until its deletion was published: then publish
-- and start again.
local function carry_out(client, project, plan, refused)
  write_all("deleting", plan.gone, refused, function(ids)
    return client:delete_keys { project = project, ids = ids }
  end)
  write_all("creating", plan.new, refused, function(keys)
    return client:create_keys { project = project, keys = keys }
  end)
  write_all("updating", plan.changed, refused, function(updates)
    return client:update_keys { project = project, updates = updates }
  end)
  write_all("translating", plan.translated, refused, function(translations)
    return client:set_translations { project = project, translations = translations }
  end)
end

-- The program ---------------------------------------------------------------------------------------------------------

local function read_arguments()
  local dry_run, rest = false, {}
  for _, word in ipairs(arg) do
    if word == "--dry-run" then dry_run = true else rest[#rest + 1] = word end
  end
  if #rest ~= 2 then stop(2, "usage: sync_keys.lua [--dry-run] org/project messages.json") end
  return rest[1], rest[2], dry_run
end

local function print_plan(plan)
  print(("%d new, %d with another source text, %d with other translations, %d gone"):format(#plan.new, #plan.changed,
    #plan.translated, #plan.gone))
end

local function print_refused(refused, unknown)
  for _, failure in ipairs(refused) do
    local about = failure.key and tostring(failure.namespace) .. "." .. failure.key or failure.id
    print(("refused (%s): %s: %s"):format(failure.kind, tostring(about), tostring(failure.reason)))
  end
  for language in pairs(unknown) do print("not a language of the project, left out: " .. language) end
end

-- A lost answer may have been carried out or not: compare again and do what is left.
local function bring_in_line(client, project, messages)
  for round = 1, ROUNDS do
    local plan, unknown = compare(client, project, messages)
    print_plan(plan)
    local refused = {}
    if is_done(plan) then return refused, unknown end
    local _, err = better_i18n.try(carry_out, client, project, plan, refused)
    if not err then return refused, unknown end
    if err.code ~= "outcome_unknown" or round == ROUNDS then error(err, 0) end
    io.stderr:write("an answer was lost, looking what became of it\n")
  end
end

local project, path, dry_run = read_arguments()
local ok, messages = pcall(read_messages, path)
if not ok then stop(2, "%s: %s", path, tostring(messages)) end

local client = better_i18n.new { installation_token = os.getenv "TOKEN" or stop(2, "TOKEN is not set") }

local function run()
  if dry_run then
    local plan, unknown = compare(client, project, messages)
    print_plan(plan)
    return {}, unknown
  end
  return bring_in_line(client, project, messages)
end

-- A token that is dead is still dead the next time.
local function what_next(problem)
  local dead = { grant_revoked = true, grant_not_found = true, invalid_token = true }
  local is_dead = better_i18n.is_error(problem) and not problem.retryable and (problem.revoked or dead[problem.code])
  return is_dead and "" or "; start it again and it goes on"
end

local done, refused, unknown = pcall(run)
client:close()
if not done then stop(3, "%s%s", tostring(refused), what_next(refused)) end
print_refused(refused, unknown)
print(dry_run and "Nothing was changed." or #refused == 0 and "The project is in line with the file."
  or ("%d items were refused."):format(#refused))
os.exit(#refused == 0 and 0 or 1)
