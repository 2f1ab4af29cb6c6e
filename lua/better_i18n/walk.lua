-- The iterator over pages: one item a step, the pages behind it fetched when they are needed or, by walk_ahead.lua,
-- before. Knows neither HTTP nor what a cursor is. Called by pages.lua, each.lua and keys.lua.

local core = require "better_i18n.core"
local current = require "better_i18n.loop.current"
local fingerprint = require "better_i18n.fingerprint"
local new_repeats = require "better_i18n.repeats"
local queue = require "better_i18n.walk_ahead"

local huge, max = math.huge, math.max
local running, status = coroutine.running, coroutine.status

-- So many empty pages in a row, each with a cursor that is new, are a list that never ends.
local EMPTY_PAGES = 1000

local function fail(walk, code, message, ...)
  error(core.error { code = code, message = walk.name .. ": " .. message:format(...) }, 0)
end

-- What fetch gives --------------------------------------------------------------------------------------------------

-- JSON's null and an empty text are what services write where there is no next page.
local function read_next(walk, next)
  if next == nil or next == core.null or next == "" then return nil end
  local kind = type(next)
  if kind == "string" or kind == "number" and next == next then return next end
  fail(walk, "invalid_argument", "the second result of fetch, the next cursor, must be a string or number, not %s",
    kind == "number" and "NaN" or kind)
end

local function read_ahead(walk, info)
  if info == nil then return 0 end
  if type(info) ~= "table" then
    fail(walk, "invalid_argument", "the third result of fetch must be a table or nil, not %s", type(info))
  end
  local ahead = info.ahead
  if ahead == nil then return 0 end
  if type(ahead) ~= "number" or ahead < 0 or ahead % 1 ~= 0 then
    fail(walk, "invalid_argument", "ahead in the third result of fetch must be an integer from 0")
  end
  return ahead
end

-- Finds out whether the list goes round in circles. A cursor that was there before is told when the page that named it
-- has been delivered, for its items are good.
local function look_for_loops(walk, count, next, items)
  walk.empty = count == 0 and walk.empty + 1 or 0
  if walk.empty > EMPTY_PAGES then
    fail(walk, "pagination_loop", "%d empty pages came one after another, each with a next one; tell the "
      .. "service's support", walk.empty)
  end
  if count > 0 and walk.had_page(fingerprint(items)) then
    fail(walk, "pagination_loop", "a page came again that was there before, so the list would never end; tell the "
      .. "service's support, or ask page by page")
  end
  walk.loops = next ~= nil and walk.had_cursor(next)
end

local function accept(walk, job)
  if not job.ok then error(job.problem, 0) end
  local items, info = job.items, job.info
  if type(items) ~= "table" then
    fail(walk, "invalid_argument", "the first result of fetch must be a table of items, not %s", type(items))
  end
  local next, ahead, count = read_next(walk, job.next), read_ahead(walk, info), #items
  look_for_loops(walk, count, next, items)
  walk.items, walk.count, walk.position, walk.info = items, count, 0, info
  walk.next, walk.is_last, walk.ahead = next, next == nil, next ~= nil and max(ahead, 1) or 0
  walk.size = max(walk.size, count)
end

-- Turning pages -----------------------------------------------------------------------------------------------------

local function turn(walk, loop)
  if walk.loops then
    fail(walk, "pagination_loop", "a cursor came again that was there before, so the list would never end; tell the "
      .. "service's support, or ask page by page")
  end
  accept(walk, queue.get(walk, loop))
  queue.begin(walk, loop)
end

local function is_held(walk)
  local holder = walk.holder
  return holder and not (type(holder) == "thread" and status(holder) == "dead")
end

-- One at a time: several coroutines may take their items from one iterator.
local function lock(walk, loop)
  local me = running() or "main"
  while is_held(walk) do
    if walk.holder == me or not loop.join then
      fail(walk, "invalid_argument", "the iterator was called by the very fetch that it waits for; take items "
        .. "outside of it")
    end
    loop.join(walk, huge)
  end
  walk.holder = me
end

local function unlock(walk, loop)
  walk.holder = nil
  if loop.wake then loop.wake(walk) end
end

-- An error says what came before it, and where to go on: nothing of the failed page was delivered.
local function annotate(walk, problem)
  if not core.is_error(problem) then return problem end
  if walk.index > 0 and not problem.delivered then
    problem.message = ("%s; %d items had been delivered before"):format(tostring(problem.message), walk.index)
  end
  problem.delivered = walk.index
  if problem.code ~= "pagination_loop" then problem.next = walk.next end
  return problem
end

local function turn_page(walk)
  local loop = current.choose(walk.loop)
  if loop.check then loop.check() end
  lock(walk, loop)
  local ok, problem = true, nil
  if walk.position == walk.count and not walk.is_last then ok, problem = pcall(turn, walk, loop) end
  unlock(walk, loop)
  if not ok then error(annotate(walk, problem), 0) end
end

local function drop(walk)
  walk.items, walk.count, walk.position, walk.info, walk.queue, walk.is_last = {}, 0, 0, nil, {}, true
end

local function step(walk)
  while walk.position == walk.count or walk.index >= walk.max do
    if walk.is_last or walk.index >= walk.max then return drop(walk) end
    turn_page(walk)
  end
  local position, index = walk.position + 1, walk.index + 1
  local item = walk.items[position]
  if item == nil then
    error(annotate(walk, core.error {
      code = "invalid_argument",
      message = ("%s: number %d of the items that fetch gave is nil; give an array without holes"):format(
        walk.name, position),
    }), 0)
  end
  walk.position, walk.index = position, index
  return item, index, walk.info
end

--- Makes an iterator.
-- @param options (table) name: of the public function, for messages; fetch(cursor, limit) → items, next, info;
--   skip(next, count): the cursor so many pages behind `next`, or nil; cursor: where it begins; limit, max, prefetch;
--   loop: what the caller was given, or nil; is_call: fetch is a call of this module and waits in no other loop
-- @return function iterator() → item, its number from 1, the info of its page; nil at the end. After an error the next
--   call asks for the same page again
return function(options)
  local walk = {
    name = options.name, fetch = options.fetch, skip = options.skip, loop = options.loop, limit = options.limit,
    is_call = options.is_call,
    max = options.max or huge, prefetch = options.prefetch or 1, next = options.cursor,
    items = {}, count = 0, position = 0, index = 0, size = options.limit or 0, ahead = 1, empty = 0,
    is_last = false, loops = false, queue = {}, pages_aside = 0, had_page = new_repeats(), had_cursor = new_repeats(),
  }
  if walk.next ~= nil then walk.had_cursor(walk.next) end
  return function() return step(walk) end
end
