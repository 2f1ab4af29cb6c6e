-- Keys and translations: the tools listKeys, getTranslations, createKeys, updateKeys, setTranslations, deleteKeys as
-- methods. client.lua loads it when the first of them is called.
-- Names: arguments and answers have the service's own long names (`missingLanguage`, `sourceText`); where the service
-- abbreviates, tools/answers.lua and the tables below have the long form. Every method takes the options of a call
-- (`timeout, max_retries, headers, signal`) in a second table; they hold for each request that it makes.

local call = require "better_i18n.tools.call"
local core = require "better_i18n.core"
local is_option = require "better_i18n.walk_options"
local kinds = require "better_i18n.tools.kinds"
local new_walk = require "better_i18n.walk"
local split = require "better_i18n.tools.split"

local keys = {}

local PAGE, TRANSLATIONS_MOST = 100, 200

local project = { kinds.project, required = true }
local names = { kinds.list(kinds.name) }

local function with(fields, more)
  local all = {}
  for name, field in pairs(fields) do all[name] = field end
  for name, field in pairs(more) do all[name] = field end
  return all
end

-- Reading: one page -------------------------------------------------------------------------------------------------

local key_filters = {
  project = project, search = { kinds.search }, namespaces = names, missingLanguage = { kinds.language },
  fields = { kinds.list(kinds.one_of("id", "sourceText", "translations", "translatedLanguages",
    "translatedLanguageCount")) },
}
local text_filters = {
  project = project, search = { kinds.search }, namespaces = names, keys = names,
  languages = { kinds.list(kinds.language) }, status = { kinds.one_of("missing", "draft", "published", "all") },
}

local key_page = kinds.object(with(key_filters, {
  page = { kinds.integer(1) }, limit = { kinds.integer(1, PAGE) },
}))
local text_page = kinds.object(with(text_filters, { limit = { kinds.integer(1, TRANSLATIONS_MOST) } }))

local function fetch_keys(where, client, wire, options)
  local answer, response = call.tool(where, client, "listKeys", wire, options)
  local items = call.listed(where, "listKeys", answer, response, "keys")
  local page, limit, total = wire.page or 1, answer.limit or wire.limit or 20, answer.total
  local more = answer.hasMore
  if more == nil then more = type(total) == "number" and page * limit < total end
  if more then
    response.next = page + 1
    if type(total) == "number" then response.ahead = math.max(1, math.ceil(total / limit) - page) end
  end
  return items, response
end

local function fetch_texts(where, client, wire, options)
  local answer, response = call.tool(where, client, "getTranslations", wire, options)
  local items = call.listed(where, "getTranslations", answer, response, "keys")
  response.has_more = answer.hasMore == true
  return items, response
end

local function check_status(where, wire)
  if wire.status and wire.status ~= "all" and not wire.languages then
    call.refuse(where, "status needs languages: name those that are meant")
  end
end

--- One page of a project's keys.
-- @param args (table) project ("org/project"); search: a text or texts; namespaces; missingLanguage; fields: of id,
--   sourceText, translations, translatedLanguages, translatedLanguageCount; page: from 1; limit: 1 to 100 (20)
-- @return array of { key, namespace, id, sourceText, translatedLanguages, translatedLanguageCount, translations =
--   { language = text } }; the response, with `total`, `next` (the page to ask for, nil on the last) and `answer`
-- @raise as call_tool
function keys.list_keys(client, args, options)
  call.check_client("list_keys", client)
  return fetch_keys("list_keys", client, call.arguments("list_keys", key_page, args), options)
end

--- A project's keys with their texts, as many as the service gives at once; all: each_translation.
-- @param args (table) project; search; languages; namespaces; keys: names; status: missing, draft, published (these
--   need languages) or all; limit: 1 to 200 (100)
-- @return array of { id, key, namespace, sourceText, translations = { language = { id, text, status } } }; the
--   response, with `total`, `has_more` (there are more than these; the service has no next page) and `answer`
-- @raise as call_tool
function keys.get_translations(client, args, options)
  local where = "get_translations"
  call.check_client(where, client)
  local wire = call.arguments(where, text_page, args)
  check_status(where, wire)
  return fetch_texts(where, client, wire, options)
end

-- Reading: all of it ------------------------------------------------------------------------------------------------

local function skip_pages(next, count) return type(next) == "number" and next + count or nil end

-- The walk's own options; what is left are the tool's arguments.
local function split_walk(where, args)
  if type(args) ~= "table" then call.refuse(where, "the arguments must be a table, not %s", type(args)) end
  if args.page ~= nil then call.refuse(where, "unknown option 'page'; begin at one with cursor") end
  local walk, rest = {}, {}
  for name, value in next, args do
    if name ~= "loop" and is_option(where, name, value) then walk[name] = value else rest[name] = value end
  end
  if walk.limit and walk.limit > PAGE then call.refuse(where, "limit must be an integer from 1 to %d", PAGE) end
  if walk.cursor and (type(walk.cursor) ~= "number" or walk.cursor < 1 or walk.cursor % 1 ~= 0) then
    call.refuse(where, "cursor must be a page: an integer from 1")
  end
  return walk, rest
end

local function begin_walk(where, client, walk, fetch)
  walk.name, walk.fetch, walk.skip, walk.loop, walk.is_call = where, fetch, skip_pages, core.state(client).loop, true
  return new_walk(walk)
end

local walk_options = { "limit", "max", "prefetch", "cursor" }
local all_keys = kinds.object(key_filters, walk_options)
local all_texts = kinds.object(text_filters, walk_options)

--- All keys of a project: `for key in client:each_key { project = "org/project" } do`. The service counts its keys, so
-- with prefetch pages come side by side. It numbers them too: a walk during which keys are made or deleted may meet one
-- twice or not at all.
-- @param args (table) as for list_keys, without page; limit: keys on a page (100); max: keys at all; prefetch (1):
--   pages fetched ahead, 0: none; cursor: the page to begin with
-- @return function for `for key, number, response in …`
-- @raise invalid_argument at once; while iterating as list_keys, with `delivered` and `next` (the cursor to go on with)
function keys.each_key(client, args, options)
  local where = "each_key"
  call.check_client(where, client)
  local walk, rest = split_walk(where, args)
  local wire = call.arguments(where, all_keys, rest)
  wire.limit = walk.limit or PAGE
  call.check(where, client, "listKeys", wire, options)
  return begin_walk(where, client, walk, function(cursor)
    local items, response = fetch_keys(where, client, with(wire, { page = cursor or 1 }), options)
    return items, response.next, response
  end)
end

-- getTranslations says that there is more, and has no way to ask for it. So: all at once where it fits; else the keys
-- are walked with listKeys, and the texts of each page are asked for by name. A name may stand in several namespaces:
-- where an answer is still cut, half the names are asked for at a time, and of one name half the namespaces.
local function halves(list)
  local left, right = core.array {}, core.array {}
  for index, item in ipairs(list) do table.insert(index <= #list / 2 and left or right, item) end
  return left, right
end

local function collect_named(texts, wanted, namespaces, found)
  local wire = with(texts.wire, { keys = wanted, namespaces = namespaces, limit = TRANSLATIONS_MOST })
  local items, response = fetch_texts(texts.where, texts.client, wire, texts.options)
  if not response.has_more then
    for _, item in ipairs(items) do found[#found + 1] = item end
    return response
  end
  if #wanted > 1 then
    local left, right = halves(wanted)
    collect_named(texts, left, namespaces, found)
    return collect_named(texts, right, namespaces, found)
  end
  if not namespaces or #namespaces < 2 then
    error(core.error {
      code = "invalid_response",
      message = ("%s: the key %q is in more namespaces than the service gives at once; name some of them"):format(
        texts.where, wanted[1]),
    }, 0)
  end
  local left, right = halves(namespaces)
  collect_named(texts, wanted, left, found)
  return collect_named(texts, wanted, right, found)
end

local function distinct(items, field)
  local list, seen = core.array {}, {}
  for _, item in ipairs(items) do
    local value = item[field]
    if not seen[value] then list[#list + 1], seen[value] = value, true end
  end
  return list
end

local function name_of(item) return tostring(item.namespace) .. "\0" .. tostring(item.key) end

-- The texts of one page of keys, in its order; keys that the filters leave out are left out.
local function fetch_page_of_texts(texts, page)
  local listing = { project = texts.wire.project, namespaces = texts.wire.namespaces, fields = core.array { "id" } }
  local listed, response = fetch_keys(texts.where, texts.client,
    with(listing, { page = page, limit = texts.limit }), texts.options)
  local next, ahead, found, by_name, items = response.next, response.ahead, {}, {}, {}
  if #listed > 0 then
    response = collect_named(texts, distinct(listed, "key"), distinct(listed, "namespace"), found)
  end
  for _, item in ipairs(found) do by_name[name_of(item)] = item end
  for _, item in ipairs(listed) do items[#items + 1] = by_name[name_of(item)] end
  response.ahead = ahead
  return items, next, response
end

-- The texts of keys that the program has named, so many names at a time.
local function fetch_named(texts, page)
  local all, found, wanted = texts.names, {}, core.array {}
  for place = (page - 1) * texts.limit + 1, math.min(page * texts.limit, #all) do wanted[#wanted + 1] = all[place] end
  local response = collect_named(texts, wanted, texts.wire.namespaces, found)
  local ahead = math.ceil(#all / texts.limit) - page
  response.ahead = ahead
  return found, ahead > 0 and page + 1 or nil, response
end

local function fetch_first(texts)
  local items, response = fetch_texts(texts.where, texts.client,
    with(texts.wire, { limit = TRANSLATIONS_MOST }), texts.options)
  if response.has_more then return fetch_page_of_texts(texts, 1) end
  return items, nil, response
end

local function without_repeats(list)
  if not list then return nil end
  local items = {}
  for index, name in ipairs(list) do items[index] = { name = name } end
  return distinct(items, "name")
end

--- All keys with their texts. The tool behind it has no pages (API.md): what does not fit into one answer is walked by
-- listKeys, and the texts of each page are asked for by their keys: two requests a page. Nothing is left out, whatever
-- the filters; where they leave out whole pages, those are asked for all the same.
-- @param args (table) as for get_translations, with any number of keys; limit: keys asked for at a time (100); max,
--   prefetch, cursor as for each_key
-- @return function for `for key, number, response in …`, items as from get_translations
-- @raise as each_key; needs the scopes translations:read and, unless it fits into one answer, keys:read
function keys.each_translation(client, args, options)
  local where = "each_translation"
  call.check_client(where, client)
  local walk, rest = split_walk(where, args)
  local wire = call.arguments(where, all_texts, rest)
  check_status(where, wire)
  call.check(where, client, "getTranslations", wire, options)
  local texts = {
    where = where, client = client, wire = wire, options = options, limit = walk.limit or PAGE,
    names = without_repeats(wire.keys),
  }
  wire.keys = nil
  return begin_walk(where, client, walk, function(cursor)
    if texts.names then return fetch_named(texts, cursor or 1) end
    if cursor then return fetch_page_of_texts(texts, cursor) end
    return fetch_first(texts)
  end)
end

-- Writing -----------------------------------------------------------------------------------------------------------
-- A row: tool, list: the argument with the items; field: its name on the wire; kind of an item; most: in one request
-- (the service's limit, or where it has none a number that keeps a request short); also: other arguments; name(item).

local writes = {
  create_keys = {
    tool = "createKeys", list = "keys", field = "k", most = 100, also = { force = { kinds.boolean } },
    kind = kinds.object {
      key = { kinds.name, required = true, wire = "n" }, namespace = { kinds.name, wire = "ns" },
      sourceText = { kinds.text, wire = "v" }, translations = { kinds.texts, wire = "t" },
      namespaceContext = { kinds.any_table, wire = "nc" },
    },
    name = function(item) return item.key end,
  },
  set_translations = {
    tool = "setTranslations", list = "translations", field = "t", most = 500,
    kind = kinds.object {
      id = { kinds.name, required = true }, translations = { kinds.texts, required = true, wire = "t" },
    },
    name = function(item) return item.id end,
  },
  update_keys = {
    tool = "updateKeys", list = "updates", field = "t", most = 500,
    kind = kinds.object {
      id = { kinds.name, required = true }, language = { kinds.language, required = true, wire = "l" },
      text = { kinds.text, required = true, wire = "t" }, source = { kinds.boolean, wire = "s" },
      status = { kinds.name, wire = "st" },
    },
    name = function(item) return item.id end,
  },
  delete_keys = {
    tool = "deleteKeys", list = "ids", field = "keyIds", most = 100, kind = kinds.name,
    name = function(item) return item end,
  },
}

local function describe_item(row, item, place)
  local name = (type(item) == "table" or row.list == "ids") and row.name(item)
  if type(name) ~= "string" or #name > 200 or not kinds.name(name) then return ("%s[%d]"):format(row.list, place) end
  return ("%s[%d] (%q)"):format(row.list, place, name)
end

-- All items are looked at before the first is sent.
local function prepare_items(where, row, items)
  local wire, sizes = {}, {}
  for place = 1, #items do
    local ok, item, path = row.kind(items[place])
    if not ok then call.refuse_part(where, describe_item(row, items[place], place) .. (path or ""), item) end
    wire[place], sizes[place] = item, #core.json_encode(item) + 1
  end
  return wire, sizes
end

local function check_items(where, row, items)
  if type(items) ~= "table" then call.refuse(where, "%s must be an array, not %s", row.list, type(items)) end
  local count = 0
  for place in next, items do
    if type(place) ~= "number" then
      call.refuse(where, "%s must be an array; it has a field %s", row.list, tostring(place))
    end
    count = count + 1
  end
  if count == 0 then call.refuse(where, "%s is empty: nothing to send", row.list) end
  if count ~= #items then call.refuse(where, "%s must be an array without holes", row.list) end
end

--- create_keys{ project, keys = { { key, namespace ("default"), sourceText, translations = { language = text },
--   namespaceContext } }, force }: force creates a key that is a text and a group of keys at once
-- set_translations{ project, translations = { { id, translations = { language = text } } } }
-- update_keys{ project, updates = { { id, language, text, source, status } } }: source = true: it is the source text
-- delete_keys{ project, ids }: marked only; publishing deletes them for good
-- Any number of items, in requests of at most 100, 500, 500 and 100, and of 3 MiB; one after another, in order. Text
-- arrives byte for byte; NUL and what is not UTF-8 are refused, and so is an empty list.
-- @param options (table) those of a call; `timeout` is for each request
-- @return the service's answers as one: numbers added, lists joined: { ok, count, … } and keys, skipped, blocked,
--   warnings (create_keys), updated, errors (set_translations, update_keys), marked, skipped (delete_keys); each entry
--   has `index`, the item's place in the given list. failed: all that was not done as asked: { index, item, kind
--   ("skipped": it was there, or was not; "blocked": leaf and branch at once; "error"), reason, key, namespace, id,
--   language, conflict }. And the response of the last request
-- @raise as call_tool; an error after which items are left has `done` (such a result of what was done), `doubtful` (the
--   items of which nobody knows: look before sending them again) and `rest` (those that surely were not done).
--   too_large names the item that the server does not take even alone. What on_tokens raises passes as it is
for where, row in pairs(writes) do
  local others = kinds.object(with({ project = project, [row.list] = { function(value) return true, value end } },
    row.also or {}))
  keys[where] = function(client, args, options)
    call.check_client(where, client)
    local arguments = call.arguments(where, others, args)
    local items = arguments[row.list]
    arguments[row.list] = nil
    check_items(where, row, items)
    local wire, sizes = prepare_items(where, row, items)
    call.check(where, client, row.tool, arguments, options)
    return split {
      where = where, client = client, tool = row.tool, options = options, arguments = arguments, field = row.field,
      items = items, wire = wire, sizes = sizes, most = row.most,
      describe = function(place) return describe_item(row, items[place], place) end,
    }
  end
end

return keys
