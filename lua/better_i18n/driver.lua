-- Serves what a call needs: waiting and sleeping through the loop, hooks and the transport seam by calling them.
-- No rule lives here: what is needed next, and what a failure means, is decided in src/core. Called by client.lua
-- and oauth.lua.

local core = require "better_i18n.core"

local step, finish = core.step, core.finish
local driver = {}

-- One step with the time and the chance of the options `clock` and `random`.
local function step_by_options(task, state)
  local clock, random = state.clock, state.random
  local wall, mono
  if clock then
    wall, mono = clock()
    mono = mono or wall
  end
  return step(task, mono, wall, random and random())
end

-- How a task of the client is stepped, and what a step needs beside the task. `own_step` is the loop's way to make one
-- without those options, if it has one.
local function choose_step(state, own_step)
  if state.clock or state.random then return step_by_options, state end
  return own_step or step
end

-- Hooks that only look on (on_request of a renewal, on_response, on_revoked) cannot disturb what they look at: their
-- error is handed over with the result of a call, as `hook_error`.
local function observe(state, hook, what)
  local ok, value = pcall(state[hook], what)
  if not ok and not state.observer_error then state.observer_error = { value = value } end
end

-- The error of on_tokens is raised by the call that waits for the tokens, before it sends anything, or by the next.
local function tell_tokens(task, state)
  local ok, value = pcall(state.on_tokens, core.tokens(task))
  if not ok and not state.tokens_error then state.tokens_error = { value = value } end
end

local function raise_tokens_error(state)
  local kept = state.tokens_error
  if kept then
    state.tokens_error = nil
    error(kept.value, 0)
  end
end

-- New tokens that could not be saved are an error as one of on_tokens is; anything else that could not be saved is only
-- handed over.
local function save(task, state)
  local is_urgent = core.must_wait(task)
  require("better_i18n.desk").save(task, state, function(problem)
    local kind = is_urgent and "tokens_error" or "observer_error"
    if not state[kind] then state[kind] = { value = problem } end
  end)
end

-- What a renewal asks of a store; most clients have none, so desk.lua is loaded by the first that does.
local function at_desk(name)
  return function(task, state) require("better_i18n.desk")[name](task, state) end
end

local function let_go(grant)
  if grant.unlock then require("better_i18n.desk").let_go(grant) end
end

local function send_through_seam(task, state) core.answer(task, state.transport(core.request(task))) end

-- Needs that calls and flights have in common: function(task, state, loop, milliseconds or what the hook is given).
local serve = {
  after = function(_, state, _, info) observe(state, "on_response", info) end,
  tokens = tell_tokens,
  revoked = function(task, state) observe(state, "on_revoked", core.over(task)) end,
  transport = send_through_seam,
  load = at_desk "load",
  lock = at_desk "lock",
  save = save,
  unlock = at_desk "unlock",
}

-- One flight, at most `limit` seconds, though it is never left while a refresh is on the wire. True when it has ended,
-- or was ended by somebody else: two loops of one program may drive the same one.
local function drive_flight(flight, state, loop, limit)
  local stop = core.now() + limit
  local grant = state.grant
  local advance, options = choose_step(state)
  while grant.flight == flight do
    local need, detail = advance(flight, options)
    if need == "done" then return true end
    if need == "wait" or need == "sleep" then
      local left = (stop - core.now()) * 1000
      if left <= 0 and not core.must_wait(flight) then return false end
      loop[need](flight, left > 0 and math.min(detail, left) or detail)
    elseif need == "before" then -- no hook may stand between an answer and the tokens in it
      observe(state, "on_request", detail)
    else
      serve[need](flight, state, loop, detail)
    end
  end
  return true
end

local function running() return coroutine.running() or "main" end

-- Whether this very coroutine drives a flight of the grant further up: a hook of it that needed a token would wait
-- for itself. The note is weak, so that a drive that was torn down (a dead coroutine, an error from a debug hook) is
-- not taken for one for good.
local function is_driving(grant)
  local drives = grant.drives
  if not drives or not drives[running()] then return false end
  collectgarbage()
  return drives[running()] ~= nil
end

local function refuse_reentry(state)
  if not is_driving(state.grant) then return end
  error(core.error {
    code = "invalid_argument",
    message = "a hook, store or transport calls a client of the grant whose tokens are being renewed for it; use a "
      .. "client of another grant there",
  }, 0)
end

local weak = { __mode = "kv" }

-- The same, safe against an error in the middle (an interrupt, a transport that raises): returns it. In a blocking loop
-- an interrupted flight stays for the next call to drive on, for its answer may hold a rotated token; only one whose
-- request went to the transport function cannot be taken up again. Whoever else drives or awaits the flight looks again
-- afterwards: what he waited for may have been taken in here.
local function run_flight(flight, state, loop, limit)
  local grant = state.grant
  local drives, drive = grant.drives or setmetatable({}, weak), {}
  grant.drives, drives[running()] = drives, drive
  local ok, done = pcall(drive_flight, flight, state, loop, limit)
  drives[running()] = nil
  local lost = not ok and (state.transport or loop.spawn)
  if lost then core.abandon(flight) end
  if (lost or done) and grant.flight == flight then
    grant.flight = nil
    let_go(grant)
  end
  if loop.wake then loop.wake(flight) end
  return ok, done, drive -- named here, so that it lives as long as the drive
end

-- flight → the loop (or the controller of cqueues) whose coroutine drives it in the background. Weak: with a controller
-- that was dropped its coroutine is gone too.
local pilots = setmetatable({}, weak)

-- In the background of an event loop, for all who join it.
local function fly(flight, state, loop)
  local ok, value = run_flight(flight, state, loop, math.huge)
  if not ok and not state.observer_error then state.observer_error = { value = value } end
  pilots[flight] = nil
end

-- A flight may be left over from a blocking call, or be driven by a loop that stands still while this one turns.
local function ensure_pilot(flight, state, loop)
  local home = loop.home and loop.home() or loop
  if pilots[flight] == home then return end
  pilots[flight] = home
  loop.spawn(fly, flight, state, loop)
end

-- A blocking loop has no background: whoever waits for a flight drives it, and what is left when his time is over is
-- driven on by the next call that needs it.
local function join(task, state, loop, ms)
  refuse_reentry(state)
  local flight = core.flight(task)
  local home = core.home(flight) -- of the client that began it: its hooks and its store
  if loop.join then
    ensure_pilot(flight, home, loop)
    loop.join(flight, ms, task)
  else
    local ok, problem = run_flight(flight, home, loop, ms / 1000)
    if not ok then error(problem, 0) end
  end
  raise_tokens_error(state)
end

local function renew(task, state, loop, ms)
  refuse_reentry(state)
  if loop.spawn then
    local flight = core.flight(task)
    ensure_pilot(flight, core.home(flight), loop)
  else
    join(task, state, loop, ms)
  end
end

local serve_call = {
  wait = function(task, _, loop, ms) return loop.wait(task, ms) end,
  sleep = function(task, _, loop, ms) return loop.sleep(task, ms) end,
  before = function(_, state, _, info) state.on_request(info) end,
  renew = renew,
  join = join,
}
for need, handler in pairs(serve) do serve_call[need] = handler end

-- Calls under way are entered where somebody may want to end them: with their client, and with their signal.
local function enter(holder, task, loop)
  local tasks = holder.tasks
  if not tasks then
    tasks = setmetatable({}, { __mode = "k" })
    holder.tasks = tasks
  end
  tasks[task] = loop
end

local function leave(holder, task)
  local tasks = holder.tasks
  if tasks then tasks[task] = nil end
end

local function begin(task, state, loop, signal)
  if loop.spawn then enter(state, task, loop) end
  if not signal then return end
  if signal.cancelled then core.cancel(task) else enter(signal, task, loop) end
end

-- The result, and with it the error of a hook that looked on.
local function finish_observed(task, state)
  local kept = state.observer_error
  state.observer_error = nil
  local ok, data, response = pcall(finish, task)
  if ok then
    response.hook_error = kept.value
    return data, response
  end
  if core.is_error(data) then data.hook_error = kept.value end
  error(data, 0)
end

--- Drives a call to its end.
-- @param task (userdata) from core.call, core.custom, core.exchange or core.register
-- @param state (table) the client's, from core.state
-- @param loop (table) what waiting means here. wait(task, ms): until the task's transfer may have ended, at most so
--   many milliseconds; sleep(task, ms); wake(thing): who waits for that task or flight looks again; check(): raises
--   where nothing can wait. Where coroutines run also spawn(fn, ...): in the background; join(flight, ms, task): until
--   wake(flight) or wake(task), at most so long; home(): what turns the coroutines, if that is not the loop itself.
--   step_and_wait(task): core's, where waiting stops the program anyway
-- @param signal (table) made by better_i18n.signal(), or nil
-- @return data, response as core.finish gives them
-- @raise the call's error object, or what on_tokens or (before anything was sent) on_request raised
function driver.run(task, state, loop, signal)
  if loop.check then loop.check() end
  if state.tokens_error then raise_tokens_error(state) end
  if loop.spawn or signal then begin(task, state, loop, signal) end
  local advance, options = choose_step(state, loop.step_and_wait)
  local need, detail = advance(task, options)
  while need ~= "done" do
    serve_call[need](task, state, loop, detail)
    need, detail = advance(task, options)
  end
  if loop.spawn then leave(state, task) end
  if signal then leave(signal, task) end
  if state.observer_error then return finish_observed(task, state) end
  return finish(task)
end

--- Ends the renewal that a closing client began: an answer with a rotated token must not be lost. Other clients of the
-- grant that wait for it begin another.
-- @param state (table) the client's
-- @param loop (table)
function driver.settle(state, loop)
  local grant = state.grant
  local flight = grant.flight
  if not flight or core.home(flight) ~= state or is_driving(grant) then return end
  if core.must_wait(flight) then run_flight(flight, state, loop, 0) end
  if grant.flight ~= flight then return end
  grant.flight = nil
  core.abandon(flight)
  let_go(grant)
  if loop.wake then loop.wake(flight) end
end

--- Ends the calls that other coroutines have under way; their connections are free when this returns.
-- @param state (table) of the client that was closed
function driver.cancel(state)
  local tasks = state.tasks
  state.tasks = nil
  for task, loop in pairs(tasks or {}) do
    core.cancel(task, true)
    if loop.wake then loop.wake(task) end
  end
end

return driver
