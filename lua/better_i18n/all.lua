-- better_i18n.all: functions run as coroutines, so many at a time, on the loop of the caller; in a plain script on one
-- that is made for it. On PUC Lua 5.1 one after another.

local core = require "better_i18n.core"
local current = require "better_i18n.loop.current"
local new_script = require "better_i18n.loop.script"

local CONCURRENCY = 16

local function refuse(message, ...)
  error(core.error { code = "invalid_argument", message = "all: " .. message:format(...) }, 0)
end

local checks = {
  concurrency = function(value)
    return type(value) == "number" and value >= 1 and value % 1 == 0, "an integer from 1"
  end,
  settle = function(value) return type(value) == "boolean", "true or false" end,
  loop = function(value) return type(value) == "table", "a table" end,
}

local function check_options(options)
  if type(options) ~= "table" then refuse("the table of options must be a table, not %s", type(options)) end
  for name, value in pairs(options) do
    local check = checks[name]
    if not check then
      refuse("%s", core.unknown("option", name, { "concurrency", "settle", "loop" }))
    end
    local fits, wanted = check(value)
    if not fits then refuse("%s must be %s", name, wanted) end
  end
end

-- The list as it is now: a function that changes it later changes nothing.
local function copy(functions)
  if type(functions) ~= "table" then refuse("the functions must be a table, not %s", type(functions)) end
  local list = {}
  for index = 1, #functions do
    if type(functions[index]) ~= "function" then
      refuse("number %d of the functions must be a function, not %s", index, type(functions[index]))
    end
    list[index] = functions[index]
  end
  return list
end

local function note(group, index, ok, value)
  group.live = group.live - 1
  if group.settle then
    group.results[index] = ok and { ok = true, value = value } or { ok = false, error = value }
  elseif ok then
    group.results[index] = value
  elseif not group.problem then
    group.problem = { value = value }
  end
end

local function next_index(group)
  local index = group.started + 1
  if index > #group.functions or group.problem or group.live >= group.concurrency then return nil end
  group.started, group.live = index, group.live + 1
  return index
end

local start

-- Begins what may begin; tells the caller when nothing is left.
local function go_on(group)
  start(group)
  if group.live == 0 then group.loop.wake(group) end
end

local function body(group, index)
  note(group, index, pcall(group.functions[index]))
  local threads = group.threads
  if threads then threads[index] = false end
  go_on(group)
end

local function index_of(thread, threads)
  for index, other in pairs(threads) do
    if other == thread then return index end
  end
end

local function refuse_stray(group, thread, value)
  local index = index_of(thread, group.threads)
  group.threads[index] = false
  note(group, index, false, core.error {
    code = "invalid_argument",
    message = ("all: number %d of the functions yielded (a %s) what nobody here can answer; in a plain script only "
      .. "calls of this module may wait in it"):format(index, type(value)),
  })
  go_on(group)
end

function start(group)
  local spawn, strays, threads = group.loop.spawn, group.loop.strays, group.threads
  for index in next_index, group do
    local thread = spawn(body, group, index)
    if threads then
      threads[index] = thread
      strays[thread] = group.refuse_stray
    end
  end
end

local function one_by_one(group)
  for index in next_index, group do note(group, index, pcall(group.functions[index])) end
end

-- Where a coroutine that yields to nobody is told of, the group knows which function is whose.
local function begin(group, loop)
  group.loop = loop
  if loop.strays then
    group.threads = {}
    function group.refuse_stray(value, thread) refuse_stray(group, thread, value) end
  end
  start(group)
end

-- Blocks the program, but not the functions among each other.
local function in_script(group)
  local loop = new_script()
  begin(group, loop)
  loop.turn()
end

local function in_loop(group, loop)
  begin(group, loop)
  while group.live > 0 do loop.join(group, math.huge) end
end

--- Runs functions concurrently and waits for them.
-- @param functions (table) an array of functions without arguments
-- @param options (table) concurrency (16): how many at a time; settle: run all whatever happens; loop
-- @return table what each returned (its first result), in order; with `settle` { ok = true, value } or
--   { ok = false, error }
-- @raise the first error, after those under way have ended; no further function starts then. invalid_argument
return function(functions, options)
  options = options or {}
  check_options(options)
  local group = {
    functions = copy(functions), concurrency = options.concurrency or CONCURRENCY, settle = options.settle,
    results = {}, started = 0, live = 0,
  }
  local loop = current.choose(options.loop)
  if not current.can_yield then
    one_by_one(group)
  elseif loop.spawn then
    in_loop(group, loop)
  else
    in_script(group)
  end
  if group.problem then error(group.problem.value, 0) end
  return group.results
end
