-- The iterator over pages: one item a step, the pages behind it fetched when they are needed or, where the loop has a
-- background, before. Knows neither HTTP nor what a cursor is. Called by pages.lua and each.lua.
-- Pages ahead stand in a queue of jobs in the order of the list. They are guesses: a page counts when the one before
-- it has named its cursor, else the queue is dropped and what is under way ends unheard.

local all = require "better_i18n.all"
local core = require "better_i18n.core"
local current = require "better_i18n.loop.current"
local fingerprint = require "better_i18n.fingerprint"
local new_repeats = require "better_i18n.repeats"

local huge, ceil, min, max = math.huge, math.ceil, math.min, math.max
local running, status = coroutine.running, coroutine.status

-- So many empty pages in a row, each with a cursor that is new, are a list that never ends.
local EMPTY_PAGES = 1000

-- Milliseconds at most until what was begun in the background runs.
local PAUSE = 20

local function fail(walk, code, message, ...)
  error(core.error { code = code, message = walk.name .. ": " .. message:format(...) }, 0)
end

-- What fetch gives --------------------------------------------------------------------------------------------------

local function keep(job, ok, items, next, info)
  job.done, job.ok = true, ok
  if ok then
    job.items, job.next, job.info = items, next, info
  else
    job.problem = items
  end
end

local function perform(walk, job)
  job.started = true
  keep(job, pcall(walk.fetch, job.cursor, walk.limit))
end

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

-- Pages ahead -------------------------------------------------------------------------------------------------------

-- At most so many pages are worth fetching: those that `max` needs for sure.
local function pages_wanted(walk)
  local missing = walk.max - walk.index - (walk.count - walk.position)
  if missing <= 0 or walk.loops then return 0 end
  if walk.size == 0 then return min(walk.prefetch, walk.ahead, 1) end
  return min(walk.prefetch, ceil(missing / walk.size), walk.ahead)
end

-- The cursor of the page that comes at that place of the queue.
local function cursor_at(walk, place)
  if place == 1 then return walk.next end
  return walk.skip(walk.next, place - 1)
end

local function home_of(loop) return loop.home and loop.home() or loop end

local function in_background(walk, job, loop)
  if job.started then return end
  loop.wake(job.beginning)
  perform(walk, job)
  loop.wake(job)
end

local function refuse_stray(walk, job, loop, value)
  keep(job, pcall(fail, walk, "invalid_argument",
    "fetch yielded (a %s) what nobody here can answer; set prefetch = 0, or let it wait in this loop", type(value)))
  loop.wake(job)
end

local function begin(walk, cursor, loop)
  local job = { cursor = cursor, home = home_of(loop), beginning = {} }
  local thread = loop.spawn(in_background, walk, job, loop)
  if loop.strays then loop.strays[thread] = function(value) refuse_stray(walk, job, loop, value) end end
  return job
end

-- Begins what may begin while the items of the page in hand are used. A coroutine does not run before its maker pauses:
-- without that a program that only computes would have nothing under way meanwhile.
local function look_ahead(walk, loop)
  local queue = walk.queue
  if queue[1] and queue[1].cursor ~= walk.next then
    queue = {}
    walk.queue = queue
  end
  if not loop.spawn then return end
  local before = #queue
  for place = before + 1, pages_wanted(walk) do
    local cursor = cursor_at(walk, place)
    if cursor == nil then break end
    queue[place] = begin(walk, cursor, loop)
  end
  if #queue > before then loop.join(queue[#queue].beginning, PAUSE) end
end

-- Where nothing runs in the background, the next pages are fetched at once when one of them is needed. Not for a client
-- whose own loop cannot wait here: in the coroutines of `all` it would wait in that one.
local function can_fetch_together(walk, loop)
  return not loop.spawn and current.can_yield and (walk.loop or loop) == loop
end

local function fetch_together(walk, loop)
  local jobs, functions = {}, {}
  for place = 1, pages_wanted(walk) do
    local cursor = cursor_at(walk, place)
    if cursor == nil then break end
    local job = { cursor = cursor }
    jobs[place], functions[place] = job, function() perform(walk, job) end
  end
  if #jobs < 2 then return end
  for place, result in ipairs(all(functions, { settle = true, concurrency = #jobs, loop = loop })) do
    if not result.ok then keep(jobs[place], false, result.error) end
  end
  walk.queue = jobs
end

-- A job of a loop that does not turn here, or for another page than the list goes on with, is of no use.
local function take_job(walk, loop)
  local job = walk.queue[1]
  if not job then return nil end
  if job.cursor ~= walk.next or not job.done and job.home ~= home_of(loop) then
    walk.queue = {}
    return nil
  end
  table.remove(walk.queue, 1)
  return job
end

-- One whose timer was refused or dropped (nginx does that) is done here.
local function await(walk, job, loop)
  while not job.done do
    loop.join(job, huge)
    if not job.started then perform(walk, job) end
  end
end

local function get_job(walk, loop)
  if not walk.queue[1] and walk.prefetch > 1 and walk.ahead > 1 and can_fetch_together(walk, loop) then
    fetch_together(walk, loop)
  end
  local job = take_job(walk, loop)
  if job then
    await(walk, job, loop)
  else
    job = { cursor = walk.next }
    perform(walk, job)
  end
  if not job.ok then walk.queue = {} end -- whoever goes on asks anew
  return job
end

-- Turning pages -----------------------------------------------------------------------------------------------------

local function turn(walk, loop)
  if walk.loops then
    fail(walk, "pagination_loop", "a cursor came again that was there before, so the list would never end; tell the "
      .. "service's support, or ask page by page")
  end
  accept(walk, get_job(walk, loop))
  look_ahead(walk, loop)
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
--   loop: what the caller was given, or nil
-- @return function iterator() → item, its number from 1, the info of its page; nil at the end. After an error the next
--   call asks for the same page again
return function(options)
  local walk = {
    name = options.name, fetch = options.fetch, skip = options.skip, loop = options.loop, limit = options.limit,
    max = options.max or huge, prefetch = options.prefetch or 1, next = options.cursor,
    items = {}, count = 0, position = 0, index = 0, size = options.limit or 0, ahead = 1, empty = 0,
    is_last = false, loops = false, queue = {}, had_page = new_repeats(), had_cursor = new_repeats(),
  }
  if walk.next ~= nil then walk.had_cursor(walk.next) end
  return function() return step(walk) end
end
