-- better_i18n.pages: an iterator over the pages of whatever a program fetches itself.

local core = require "better_i18n.core"
local is_option = require "better_i18n.walk_options"
local new_walk = require "better_i18n.walk"

local function refuse(message, ...)
  error(core.error { code = "invalid_argument", message = "pages: " .. message:format(...) }, 0)
end

local function skip_number(next, count) return type(next) == "number" and next + count or nil end

--- Walks pages that a function fetches.
-- @param fetch (function) fetch(cursor, limit) → items, next, info. `cursor` is nil for the first page (or the option),
--   later what was returned as `next`: a string or number, nil on the last page. `items` is an array. `info`, a table,
--   may be left out; when cursors are page numbers, `info.ahead` says how many pages are known to follow this one
--   (`next` included), and those may be fetched side by side
-- @param options (table) limit: handed on to fetch; max: items at most; prefetch (1): pages fetched ahead, 0: none;
--   cursor: where to begin; loop: one of better_i18n.loop
-- @return function for `for item, number, info in …`: items in order, their number from 1, the info of their page
-- @raise invalid_argument; while iterating what fetch raises (an error object then has `delivered`, the number of items
--   that came before, and `next`, the cursor to go on with), pagination_loop, invalid_argument when fetch gives garbage
return function(fetch, options)
  if type(fetch) ~= "function" then refuse("fetch must be a function, not %s", type(fetch)) end
  if options ~= nil and type(options) ~= "table" then
    refuse("the table of options must be a table, not %s", type(options))
  end
  local all = { name = "pages", fetch = fetch, skip = skip_number }
  for name, value in pairs(options or {}) do
    if not is_option("pages", name, value) then
      refuse("%s", core.unknown("option", name, { "limit", "max", "prefetch", "cursor", "loop" }))
    end
    all[name] = value
  end
  return new_walk(all)
end
