-- The pages that a walk fetches before they are needed: a queue of jobs in the order of the list. They are guesses: a
-- page counts when the one before it has named its cursor, else the queue is dropped and what is under way ends
-- unheard. Where a loop turns they run in its background. A plain script has none: there the requests are sent before
-- the items of the page in hand are used, and their answers taken in when the next page is needed. Called by walk.lua.

local core = require "better_i18n.core"
local current = require "better_i18n.loop.current"
local new_script = require "better_i18n.loop.script"

local huge, ceil, min = math.huge, math.ceil, math.min

-- Milliseconds at most until what was begun in the background runs.
local PAUSE = 20

local ahead = {}

-- One page ----------------------------------------------------------------------------------------------------------

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

local function home_of(loop) return loop.home and loop.home() or loop end

-- How many of the coroutines in the script's own loop are pages; what other loops have begun may never end.
local function count(walk, loop, change)
  if loop == walk.aside then walk.pages_aside = walk.pages_aside + change end
end

local function in_background(walk, job, loop)
  if job.started then return end
  loop.wake(job.beginning)
  perform(walk, job)
  count(walk, loop, -1)
  loop.wake(job)
end

local function refuse_stray(walk, job, loop, value)
  keep(job, pcall(error, core.error {
    code = "invalid_argument",
    message = ("%s: fetch yielded (a %s) what nobody here can answer; set prefetch = 0, or let it wait in this loop")
      :format(walk.name, type(value)),
  }, 0))
  count(walk, loop, -1)
  loop.wake(job)
end

local function begin(walk, cursor, loop)
  local job = { cursor = cursor, home = home_of(loop), beginning = {} }
  count(walk, loop, 1)
  local thread = loop.spawn(in_background, walk, job, loop)
  if loop.strays then loop.strays[thread] = function(value) refuse_stray(walk, job, loop, value) end end
  return job
end

-- Where they run ----------------------------------------------------------------------------------------------------

-- A plain script's own little loop. Not in a coroutine, unless side by side was asked for: what a user's hook or store
-- yields there is for whoever resumes it. Nor for a client whose own loop cannot wait here.
local function aside(walk, loop)
  if not current.can_yield or (walk.loop or loop) ~= loop then return nil end
  local is_plain = walk.is_call and not current.coroutine()
  if not is_plain and not (walk.ahead > 1 and walk.prefetch > 1) then return nil end
  walk.aside = walk.aside or new_script()
  return walk.aside
end

local function ground_of(walk, loop) return loop.spawn and loop or aside(walk, loop) end

-- Turns the script's loop until the job is that far. A renewal that a page began ends too before the script goes on:
-- nobody turns the loop then, and the program may end.
local function turn_aside(walk, job, is_far)
  local script = walk.aside
  script.turn(function() return job[is_far] and script.alive() <= walk.pages_aside end)
end

-- Ahead -------------------------------------------------------------------------------------------------------------

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

--- Begins what may begin while the items of the page in hand are used. A coroutine does not run before its maker
-- pauses: without that a program that only computes would have nothing under way meanwhile.
function ahead.begin(walk, loop)
  local queue = walk.queue
  if queue[1] and queue[1].cursor ~= walk.next then
    queue = {}
    walk.queue = queue
  end
  local wanted, before = pages_wanted(walk), #queue
  local ground = before < wanted and ground_of(walk, loop)
  if not ground then return end
  for place = before + 1, wanted do
    local cursor = cursor_at(walk, place)
    if cursor == nil then break end
    queue[place] = begin(walk, cursor, ground)
  end
  if #queue == before then return end
  local last = queue[#queue]
  if ground == walk.aside then turn_aside(walk, last, "started") else loop.join(last.beginning, PAUSE) end
end

-- A job of a loop that does not turn here, or for another page than the list goes on with, is of no use.
local function take_job(walk, ground)
  local job = walk.queue[1]
  if not job then return nil end
  if job.cursor ~= walk.next or not job.done and not (ground and job.home == home_of(ground)) then
    walk.queue = {}
    return nil
  end
  table.remove(walk.queue, 1)
  return job
end

-- What lay in the socket while the script did something else is taken in before anybody looks at a deadline.
local function await_aside(walk, job)
  core.pump(0)
  turn_aside(walk, job, "done")
  local problem = job.problem
  if not job.ok and core.is_error(problem) and problem.code == "timeout" then perform(walk, job) end
end

-- One whose timer was refused or dropped (nginx does that) is done here.
local function await(walk, job, loop)
  while not job.done do
    loop.join(job, huge)
    if not job.started then perform(walk, job) end
  end
end

--- The page that the walk goes on with, awaited.
-- @return table cursor; ok and items, next, info, or not ok and problem
function ahead.get(walk, loop)
  local ground = walk.queue[1] and ground_of(walk, loop)
  local job = take_job(walk, ground)
  if not job then
    job = { cursor = walk.next }
    perform(walk, job)
  elseif ground and ground == walk.aside then
    await_aside(walk, job)
  else
    await(walk, job, loop)
  end
  if not job.ok then walk.queue = {} end -- whoever goes on asks anew
  return job
end

return ahead
