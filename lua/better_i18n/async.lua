-- better_i18n.async: a function in a coroutine of its own on an event loop, its outcome in a callback.

local core = require "better_i18n.core"
local current = require "better_i18n.loop.current"

local function refuse(message)
  error(core.error { code = "invalid_argument", message = "async: " .. message }, 0)
end

local function check_options(options)
  if options == nil then return end
  if type(options) ~= "table" then refuse("the table of options must be a table, not " .. type(options)) end
  for name in pairs(options) do
    if name ~= "loop" then refuse(core.unknown("option", name, { "loop" })) end
  end
  local loop = options.loop
  if loop == nil then return end
  if type(loop) ~= "table" then refuse("loop must be a table, not " .. type(loop)) end
  if not loop.spawn then
    refuse("loop: nothing runs in the background of a loop that blocks; give luv, cqueues or resty")
  end
  return loop
end

-- The event loop that runs here, or that the program has loaded.
local function find_loop()
  local loop = current.loop()
  if loop then return loop end
  if rawget(_G, "vim") then return require "better_i18n.loop.luv" end
  local cqueues = package.loaded.cqueues
  if cqueues and cqueues.running() then return require "better_i18n.loop.cqueues" end
  if package.loaded.luv then return require "better_i18n.loop.luv" end
  refuse "no event loop runs here: give one with the option loop, or use better_i18n.all in a plain script"
end

local function finish(on_done, ok, ...)
  if ok and on_done then return on_done(nil, ...) end
  if not ok and not on_done then error(..., 0) end
  if not ok then return on_done((...)) end
end

--- Runs a function in the background of the event loop. Its calls wait without blocking.
-- @param fn (function)
-- @param on_done (function) called once: on_done(nil, fn's results …), or on_done(problem) with what fn raised; never
--   before async returns. Without it an error goes where the loop's own uncaught errors go
-- @param options (table) loop: better_i18n.loop.luv (Neovim's too), cqueues or resty; found by itself otherwise
-- @raise invalid_argument
return function(fn, on_done, options)
  if type(fn) ~= "function" then refuse("the first argument must be a function, not " .. type(fn)) end
  if on_done ~= nil and type(on_done) ~= "function" then
    refuse("the second argument must be a function, not " .. type(on_done))
  end
  local loop = check_options(options) or find_loop()
  loop.spawn(function() finish(on_done, pcall(fn)) end)
end
