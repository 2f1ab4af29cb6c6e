-- Publishing: what is pending, publishing it, and the syncs that carry it to where it is served. client.lua loads it
-- when the first of its methods is called. Names as in keys.lua. Every method takes the options of a call (`timeout,
-- max_retries, headers, signal`) in its last table.

local call = require "better_i18n.tools.call"
local core = require "better_i18n.core"
local current = require "better_i18n.loop.current"
local kinds = require "better_i18n.tools.kinds"
local waiters = require "better_i18n.loop.waiters"

local publish = {}

-- Milliseconds that the service waits at most (API.md); that it waits where somebody wants to see progress; and our own
-- pause where it did not wait at all.
local WAIT_MOST, WAIT_STEP, PAUSE = 25000, 2000, 500

-- Seconds: until wait_sync gives up by itself; for the way there and back of a request that waits; and of the last one,
-- whose answer is no more than the last word: a wait that is over shall not be held up for it.
local PATIENCE, SLACK, LAST_WORD = 300, 15, 1

local project = { kinds.project, required = true }
local id = { kinds.name, required = true, wire = "syncId" }
local status = kinds.one_of("pending", "in_progress", "completed", "failed", "cancelled")

local project_alone = kinds.object { project = project }
local publishing = kinds.object {
  project = project,
  translations = { kinds.list(kinds.object {
    keyId = { kinds.name, required = true }, languageCode = { kinds.language, required = true },
  }) },
}
local listing = kinds.object {
  project = project, limit = { kinds.integer(1, 50) }, status = { status }, type = { kinds.name },
}
local cancelling = kinds.object { project = project, id = id }
local waiting = kinds.object { id = id, waitMs = { kinds.integer(0, WAIT_MOST) } }

--- What publishing would change.
-- @param args (table) project
-- @return { hasChanges, summary = { translations, deletedKeys, languageChanges, total }, byLanguage, deletedKeys,
--   publishDestination ("github", "cdn", "none"), noPublishReason (nil when it can be published) }, response
-- @raise as call_tool
function publish.pending_changes(client, args, options)
  local where = "pending_changes"
  call.check_client(where, client)
  return call.tool(where, client, "getPendingChanges", call.arguments(where, project_alone, args), options)
end

-- Why the project cannot be published, in the service's words, or nil. Asked only when a publishing was refused.
local function reason_of(client, wire, options)
  local ok, pending = pcall(call.tool, "publish", client, "getPendingChanges", { project = wire.project }, options)
  local reason = ok and pending.noPublishReason
  return type(reason) == "string" and reason ~= "" and reason or nil
end

local function refuse_publishing(client, wire, options, problem)
  local reason = reason_of(client, wire, options)
  if reason then
    local why = reason:gsub("%.$", "")
    problem.reason = reason
    problem.message = ("publish: cannot be published: %s; change that, then publish again"):format(why)
  end
  error(problem, 0)
end

--- Publishes what is pending. Never sent twice; one request, however long the list: the service lets a project be
-- published once in 30 seconds.
-- @param args (table) project; translations: { { keyId, languageCode }, … }, nil for everything that is pending (an
--   empty list is refused: it is not everything). Publishing everything deletes the deleted keys for good
-- @return { success, published (how many), syncJobIds (for wait_sync; empty when nothing was pending), message }; the
--   response
-- @raise as call_tool; missing_scope (translations:publish); rate_limited with `retry_after` within the 30 seconds;
--   tool_error with the service's own `reason` when the project cannot be published
function publish.publish(client, args, options)
  local where = "publish"
  call.check_client(where, client)
  local wire = call.arguments(where, publishing, args)
  local ok, answer, response = pcall(call.tool, where, client, "publishTranslations", wire, options)
  if not ok then
    if core.is_error(answer) and answer.code == "tool_error" then refuse_publishing(client, wire, options, answer) end
    error(answer, 0)
  end
  if answer.success == false then
    refuse_publishing(client, wire, options, core.error {
      code = "tool_error", status = response.status,
      message = "publish: the service refused" .. (type(answer.message) == "string" and ": " .. answer.message or "")
        .. "; look at pending_changes",
    })
  end
  return answer, response
end

-- Syncs -------------------------------------------------------------------------------------------------------------

--- The latest syncs, the newest first.
-- @param args (table) project; limit: 1 to 50; status: pending, in_progress, completed, failed, cancelled; type
-- @return array of { id, type, status, startedAt, completedAt, … }; the response, with `total` and `answer`
-- @raise as call_tool
function publish.list_syncs(client, args, options)
  local where = "list_syncs"
  call.check_client(where, client)
  local wire = call.arguments(where, listing, args)
  local answer, response = call.tool(where, client, "getSyncs", wire, options)
  return call.listed(where, "getSyncs", answer, response, "syncs")
end

local function take_options(where, options)
  if options ~= nil and type(options) ~= "table" then
    call.refuse(where, "the options must be a table, not %s", type(options))
  end
  local copy = {}
  for name, value in pairs(options or {}) do copy[name] = value end
  return copy
end

--- One sync as it is now, or as it is after the service has waited for its end.
-- @param sync_id (string)
-- @param options (table) waitMs: milliseconds, 0 to 25000, that the service waits at most for the end; and those of a
--   call (`timeout` is made longer than waitMs by itself)
-- @return { id, type, status, log, affectedKeys, … }, response
-- @raise as call_tool; not_found
function publish.get_sync(client, sync_id, options)
  local where = "get_sync"
  call.check_client(where, client)
  local own = take_options(where, options)
  local wire = call.arguments(where, waiting, { id = sync_id, waitMs = own.waitMs })
  own.waitMs = nil
  call.check(where, client, "getSync", wire, own, "waitMs")
  -- In JSON nothing arrives until the tool ends.
  own.timeout = own.timeout or (wire.waitMs or 0) > 0 and wire.waitMs / 1000 + SLACK or nil
  return call.tool(where, client, "getSync", wire, own)
end

-- In the client's own loop where there is one, so that nothing else stands still.
local function pause(client, ms)
  local loop = current.choose(core.state(client).loop)
  if loop.join then return loop.join({}, ms) end
  local stop = core.now() + ms / 1000
  while core.now() < stop do
    core.pump(math.max(1, math.ceil((stop - core.now()) * 1000)))
    waiters.collect()
  end
end

local is_over = { completed = true, failed = true, cancelled = true }

local function last_words(sync)
  local line = type(sync.log) == "table" and sync.log[#sync.log]
  local words = type(line) == "table" and line.message or line
  return type(words) == "string" and ": " .. words or ""
end

local function finish(sync, sync_id, response)
  if sync.status == "completed" then return sync, response end
  error(core.error {
    code = "sync_" .. sync.status, sync = sync, status = response.status,
    message = ("wait_sync: the sync %s %s%s; look at pending_changes, then publish again"):format(sync_id,
      sync.status == "failed" and "failed" or "was cancelled", last_words(sync)),
  }, 0)
end

local GOES_ON = "; the sync itself goes on: wait for it again with wait_sync"

local function give_up(sync, sync_id, seconds)
  error(core.error {
    code = "timeout", retryable = true, sync = sync,
    message = ("wait_sync: the sync %s is still %s after %s seconds%s"):format(sync_id, tostring(sync.status), seconds,
      GOES_ON),
  }, 0)
end

-- The service did not answer the request that was under way, which lost nothing: it only looks.
local function give_up_unanswered(sync, sync_id, since, cause)
  error(core.error {
    code = "timeout", retryable = true, sync = sync, cause = cause, attempts = cause.attempts,
    message = ("wait_sync: no answer about the sync %s came in %.3g seconds; %s%s"):format(sync_id, core.now() - since,
      sync and "the last that was seen is " .. tostring(sync.status) or "nothing was seen of it", GOES_ON),
  }, 0)
end

local function check_waiting(where, own)
  local timeout, on_progress = own.timeout, own.on_progress
  if timeout == nil then timeout = PATIENCE end
  if type(timeout) ~= "number" or timeout ~= timeout or timeout <= 0 or timeout == math.huge then
    call.refuse(where, "timeout must be a positive number of seconds")
  end
  if on_progress ~= nil and type(on_progress) ~= "function" then
    call.refuse(where, "on_progress must be a function, not %s", type(on_progress))
  end
  own.timeout, own.on_progress = nil, nil
  return timeout, on_progress
end

local function fingerprint(sync)
  return tostring(sync.status) .. " " .. (type(sync.log) == "table" and #sync.log or 0)
end

-- One request, which may take what is left of the wait, and not more than a service needs that holds it up to the most.
-- An error in the middle has what was seen of the sync before.
local function look(client, wire, own, stop, last)
  local asked = core.now()
  own.timeout = math.min(WAIT_MOST / 1000 + SLACK, math.max(0, stop - asked) + LAST_WORD)
  local ok, sync, response = pcall(call.tool, "wait_sync", client, "getSync", wire, own)
  if not ok then
    if core.is_error(sync) then
      if sync.code == "timeout" then give_up_unanswered(last, wire.syncId, asked, sync) end
      sync.sync = last
    end
    error(sync, 0)
  end
  if type(sync.status) == "string" then return sync, response end
  error(core.error {
    code = "invalid_response", status = response.status,
    message = "wait_sync: the service gave a sync without a status; look at it with get_sync",
  }, 0)
end

--- Waits until a sync is completed. The service does the waiting, 25 seconds a request; with on_progress 2 seconds, so
-- that there is something to tell.
-- @param sync_id (string) one of publish's syncJobIds
-- @param options (table) timeout: seconds in all (300), and one more for the last answer; on_progress: function(sync),
--   called with the first state and whenever the status or the log has changed; what it raises is raised here;
--   `max_retries, headers, signal` for each request
-- @return the completed sync, response
-- @raise as call_tool; sync_failed or sync_cancelled when that is how it ended; timeout (retryable: the sync itself
--   goes on), with a `cause` where no answer came. Each has `sync`, the last state that was seen, if any was
function publish.wait_sync(client, sync_id, options)
  local where = "wait_sync"
  call.check_client(where, client)
  local own = take_options(where, options)
  local seconds, on_progress = check_waiting(where, own)
  local wire = call.arguments(where, waiting, { id = sync_id, waitMs = on_progress and 0 or nil })
  call.check(where, client, "getSync", wire, own, "on_progress")
  local stop, step = core.now() + seconds, on_progress and WAIT_STEP or WAIT_MOST
  local sync, seen
  if not on_progress then wire.waitMs = math.min(step, math.ceil(seconds * 1000)) end
  while true do
    local asked = core.now()
    local response
    sync, response = look(client, wire, own, stop, sync)
    local state = fingerprint(sync)
    if state ~= seen and on_progress then on_progress(sync) end
    if is_over[sync.status] then return finish(sync, sync_id, response) end
    local now = core.now()
    if now >= stop then give_up(sync, sync_id, seconds) end
    if state == seen and (now - asked) * 1000 < wire.waitMs / 2 then
      pause(client, math.min(PAUSE, math.ceil((stop - now) * 1000)))
    end
    seen, wire.waitMs = state, math.max(0, math.min(step, math.ceil((stop - core.now()) * 1000)))
  end
end

--- Stops a sync that is not over.
-- @param args (table) project, id
-- @return { id, cancelled (false: it was too late), previousStatus, reason (why it could not be) }, response
-- @raise as call_tool; not_found
function publish.cancel_sync(client, args, options)
  local where = "cancel_sync"
  call.check_client(where, client)
  return call.tool(where, client, "cancelSync", call.arguments(where, cancelling, args), options)
end

return publish
