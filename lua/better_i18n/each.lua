-- The client's each_* methods: an iterator over all pages of one of its lists. Called by client.lua.

local core = require "better_i18n.core"
local is_option = require "better_i18n.walk_options"
local known_too = require "better_i18n.known_too"
local new_walk = require "better_i18n.walk"

local unpack = unpack or table.unpack

-- The options of the walk, and those that go with every call.
local function split_options(where, options)
  local walk, call = {}, {}
  for name, value in next, options do
    if type(name) == "string" and name ~= "loop" and is_option(where, name, value) then walk[name] = value end
    if name ~= "max" and name ~= "prefetch" then call[name] = value end
  end
  return walk, call
end

-- Arguments are checked as the list's own call checks them, before anything is sent.
local function check(each, list, client, row, ...)
  local ok, problem = pcall(core.call, client, row, ...)
  if ok then return end
  if core.is_error(problem) then
    local message = problem.message:gsub("%f[%w_]" .. list .. "%f[^%w_]", each)
    problem.message = known_too(message, { "max", "prefetch" })
  end
  error(problem, 0)
end

--- Makes an iterator over a list: `for project in client:each_project(org_id, options)`.
-- @param each, list (string) names of the two methods; row (integer) the list's in the endpoint table
-- @param client (userdata), … the list's own arguments; the last may be a table of options: limit (items on a page),
--   max (items at all), prefetch (1; pages fetched ahead, those of a list that counts its items side by side; 0: none),
--   cursor (where to begin), and the options of a call, which hold for each page
-- @return function for `for item, number, response in …`
-- @raise invalid_argument at once; while iterating what the list's call raises, then with `delivered` (how many items
--   came before) and `next` (the cursor to go on with); pagination_loop
return function(each, list, row, client, ...)
  local count, arguments = select("#", ...), { ... }
  while count > 0 and arguments[count] == nil do count = count - 1 end
  local walk, options = {}, {}
  if type(arguments[count]) == "table" then
    walk, options = split_options(each, arguments[count])
    arguments[count] = options
    check(each, list, client, row, unpack(arguments, 1, count))
  else
    check(each, list, client, row, unpack(arguments, 1, count))
    count = count + 1
    arguments[count] = options
  end
  local method = core.methods[list]
  walk.name, walk.skip, walk.loop, walk.is_call = each, core.page_skip, core.state(client).loop, true
  function walk.fetch(cursor)
    options.cursor = cursor
    local items, response = method(client, unpack(arguments, 1, count))
    return items, response.next, response
  end
  return new_walk(walk)
end
