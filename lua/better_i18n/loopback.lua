-- What better_i18n.oauth.loopback makes: a listener on 127.0.0.1 that takes one callback, for programs on a user's
-- machine (RFC 8252, 7.3). No rule lives here: what counts as the callback is decided in src/core. Called by oauth.lua.

local core = require "better_i18n.core"
local current = require "better_i18n.loop.current"

local TIMEOUT = 300 -- seconds: a person reads a consent page
-- Milliseconds between looks in an event loop, which does not know these sockets: less than a person notices.
local SLICE = 20

local Loopback = {}
Loopback.__index = Loopback
Loopback.__name = "better_i18n.loopback"
Loopback.__tostring = function(loopback) return "better_i18n.loopback (" .. loopback.redirect_uri .. ")" end

-- What the box of each holds; not a field, so that nobody walks into it.
local boxes = setmetatable({}, { __mode = "k" })

local function fail(code, message, retryable)
  error(core.error { code = code, message = "loopback: " .. message, retryable = retryable }, 0)
end

local function check_loop(loop)
  if type(loop) == "table" and type(loop.wait) ~= "function" then
    fail("invalid_argument", "loop must be one of better_i18n.loop")
  end
end

-- In a plain script the wait is in C, and a signal ends it.
local function pause(loopback, loop, ms)
  if not loop.join then return core.loopback_step(boxes[loopback], ms) end
  loop.join(loopback, math.min(ms, SLICE))
  return core.loopback_step(boxes[loopback], 0)
end

local function wait(loopback, loop, stop, signal)
  local code = core.loopback_step(boxes[loopback], 0)
  while not code do
    if signal and signal.cancelled then fail("cancelled", "the wait was cancelled; call wait again to go on") end
    local left = stop - core.now()
    if left <= 0 then
      fail("timeout", "no callback came in time: call wait again, or open the URL once more" .. (
        core.loopback_stranger(boxes[loopback])
        and "; one came whose state is not the one that was sent" or ""), true)
    end
    code = pause(loopback, loop, left * 1000)
  end
  return code
end

--- Waits for the callback, once. It ends with a code that comes with the right state, or with an error of the server's;
-- whatever else arrives is answered (400, 404, 405, 413) and the wait goes on: also for a code with another state, else
-- any page in the browser could end it. In an event loop nothing else stands still meanwhile.
-- @param options (table) `state`: the one that `authorize` gave; `timeout` (seconds; loopback's, else 300); `signal`;
--   `loop` (as for `new`). `url` and `code_verifier` may be there too, so that what `authorize` gave can be passed
-- @return string the code, for `exchange`; the listener is closed
-- @raise the server's own error (access_denied, …), and the listener is closed; timeout, cancelled: it goes on
--   listening and may be waited for again; closed; invalid_argument
function Loopback:wait(options)
  if not boxes[self] then fail("invalid_argument", "call wait as loopback:wait { … }, with a colon") end
  local given = {}
  for name, value in pairs(type(options) == "table" and options or {}) do
    if name ~= "url" and name ~= "code_verifier" then given[name] = value end
  end
  if self.waiting then
    fail("invalid_argument", "another coroutine waits for this callback already: wait in one alone")
  end
  core.loopback_expect(boxes[self], type(options) == "table" and given or options)
  check_loop(given.loop)
  local loop = current.choose(given.loop or self.loop)
  if loop.check then loop.check() end
  self.waiting = true
  local ok, code = pcall(wait, self, loop, core.now() + (given.timeout or self.timeout or TIMEOUT), given.signal)
  self.waiting = nil
  if ok then
    self:close()
    return code
  end
  local problem = code
  if core.is_error(problem) and problem.code ~= "timeout" and problem.code ~= "cancelled" then self:close() end
  error(problem, 0)
end

--- Stops listening; a wait that is under way ends with `closed`. Again: no effect. Also when it is collected.
function Loopback:close() core.loopback_close(boxes[self]) end

Loopback.__close = Loopback.close

return function(options)
  check_loop(options.loop)
  local box, uri = core.loopback(options)
  local loopback = setmetatable({ redirect_uri = uri, timeout = options.timeout, loop = options.loop }, Loopback)
  boxes[loopback] = box
  return loopback
end
