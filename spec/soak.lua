-- The soak run (make soak N=…): so many calls of several clients at once against a sandbox whose tokens live a few
-- seconds and which fails one request in a hundred, in every way it can. At the end all calls are accounted for, and
-- memory,
-- descriptors and threads are what they were. Usage: lua spec/soak.lua [calls]
local better_i18n = require "better_i18n"
local core = require "better_i18n.core"
local process = require "spec.support.process"
local sandbox = require "spec.support.sandbox"

local CALLS = tonumber(arg[1]) or 1000000
local WORKERS, CLIENTS, WRITERS = 32, 8, 2 -- of the clients those that write do nothing else
local EVERY = 5 -- seconds between two lines
local SAMPLES = 100 -- of memory, descriptors and threads
local SLACK = 2048 -- KiB that the second half may have above the first

local FAULTS = {
  { kind = "delay", ms = 30 }, { kind = "delay", ms = 30, after = true }, { kind = "delay_body", ms = 20 },
  { kind = "drip", ms = 2, bytes = 40 }, { kind = "close" }, { kind = "close", process = true }, { kind = "reset" },
  { kind = "reset", process = true }, { kind = "close_after", bytes = 40 },
  { kind = "close_after", bytes = 240, rst = true }, { kind = "truncate" }, { kind = "truncate_chunked" },
  { kind = "truncate_chunked", inside = true }, { kind = "interim", count = 2 }, { kind = "status", status = 503 },
  { kind = "status", status = 500, process = true }, { kind = "html" }, { kind = "empty" }, { kind = "bad_json" },
  { kind = "rate_limit", form = "none" }, { kind = "rate_limit", retry_after = 1 }, { kind = "expire" },
  { kind = "redirect" }, { kind = "huge_header" }, { kind = "huge_header", bytes = 400000 },
  { kind = "big_body", bytes = 100000 }, { kind = "gzip" }, { kind = "gzip_truncated" },
}

-- Failures after which a real program would ask its user to connect again.
local NEEDS_GRANT = { grant_revoked = true, refresh_outcome_unknown = true, grant_not_found = true }

-- What was seen -------------------------------------------------------------------------------------------------------

local started, ended, succeeded, reconnected = 0, 0, 0, 0
local failed, attempts = {}, 0
local sent, renewals, unanswered = 0, 0, 0 -- requests by the hooks: of calls, of renewals; answers that did not come
local writes = { calls = 0, attempts = 0, refusals = 0 }
local REFUSED = { rate_limited = true, invalid_token = true }

local function is_renewal(path) return path:find "/api/auth/mcp/token$" or path:find "/tokens$" end

local function hooks(is_writer)
  return {
    on_request = function(info)
      if is_renewal(info.path) then renewals = renewals + 1 else sent = sent + 1 end
    end,
    on_response = function(info)
      if not info.status then unanswered = unanswered + 1 end
      if is_writer and REFUSED[info.code] and not is_renewal(info.path) then writes.refusals = writes.refusals + 1 end
    end,
  }
end

-- Clients -------------------------------------------------------------------------------------------------------------

-- In the second kind a lost answer to a refresh is the end of the grant.
local ROTATIONS = { "rotating_keep", "same", "rotating_keep", "rotating" }

local function connect(slot)
  local grant = sandbox.grant {
    client_id = sandbox.CLIENT_ID, rotation = ROTATIONS[slot.number % #ROTATIONS + 1], installation = false,
    access_ttl = 20, installation_ttl = 4,
    scopes = {
      "org:read", "projects:read", "content:read", "keys:read", "translations:read", "translations:write", "keys:write",
    },
  }
  local options = hooks(slot.writes)
  options.timeout, options.random = 10, function() return 0.05 * math.random() end
  slot.client = sandbox.connected(grant, options)
end

local function new_slots()
  local slots = {}
  for number = 1, CLIENTS do
    slots[number] = { number = number, writes = number <= WRITERS }
    connect(slots[number])
  end
  return slots
end

local site, key_ids = nil, {}

local reads = {
  function(client) return client:me() end,
  function(client) return client:list_organizations() end,
  function(client) return client:list_projects "org_1" end,
  function(client) return client:get_project "prj_1" end,
  function(client) return client:list_models("acme", "website-eu") end,
  function(client) return client:list_keys { project = site, limit = 3 } end,
  function(client) return client:get_translations { project = site, limit = 3 } end,
  function(client) return client:project_overview { project = site } end,
  function(client) return client:get_manifest "acme/website-eu" end,
  function(client) return client:get_messages("acme/website-eu", "de") end,
}

local function write(client, serial)
  local id = key_ids[serial % #key_ids + 1]
  return client:set_translations {
    project = site, translations = { { id = id, translations = { de = "soak " .. serial } } },
  }
end

local function note(ok, result, response)
  ended = ended + 1
  if ok then
    succeeded = succeeded + 1
    return response.attempts
  end
  if not better_i18n.is_error(result) then error(result, 0) end
  failed[result.code] = (failed[result.code] or 0) + 1
  return result.attempts or 0
end

-- One at a time for each slot: several workers may have met the same end.
local function reconnect(slot, client)
  if slot.client ~= client then return end
  reconnected = reconnected + 1
  connect(slot)
end

local function one_call(slot, serial)
  local client = slot.client
  local function fn() return (slot.writes and write or reads[serial % #reads + 1])(client, serial) end
  local ok, result, response = pcall(fn)
  local tries = note(ok, result, response)
  attempts = attempts + tries
  if slot.writes then writes.calls, writes.attempts = writes.calls + 1, writes.attempts + tries end
  if not ok and NEEDS_GRANT[result.code] then reconnect(slot, client) end
end

-- The process ---------------------------------------------------------------------------------------------------------

local samples = {}

local function read_status(name)
  for line in io.lines "/proc/self/status" do
    local value = line:match("^" .. name .. ":%s*(%d+)")
    if value then return tonumber(value) end
  end
end

local begun, told = 0, 0

local function look()
  local now = core.now()
  local sample = {
    calls = ended, memory = process.memory(), descriptors = process.descriptors(), threads = read_status "Threads",
  }
  samples[#samples + 1] = sample
  if now - told < EVERY and ended < CALLS then return end
  told = now
  local failures = ended - succeeded
  print(("%9d calls  %6.0f/s  %6d failed  %7d KiB  %3d descriptors  %d threads  %d reconnected"):format(ended,
    ended / math.max(now - begun, 0.001), failures, sample.memory, sample.descriptors, sample.threads, reconnected))
  io.flush()
end

local function worker(slots, number)
  return function()
    local index = number
    while started < CALLS do
      started = started + 1
      index = index % #slots + 1
      one_call(slots[index], started)
      if ended % math.max(1, math.floor(CALLS / SAMPLES)) == 0 then look() end
    end
  end
end

-- The most of a field in one half of the run.
local function most(field, from, to)
  local value = 0
  for _, sample in ipairs(samples) do
    if sample.calls >= from and sample.calls <= to then value = math.max(value, sample[field]) end
  end
  return value
end

-- The end -------------------------------------------------------------------------------------------------------------

local bad = 0

local function check(holds, text, ...)
  print((holds and "ok      " or "FAILED  ") .. text:format(...))
  if not holds then bad = bad + 1 end
end

local function check_calls(counters)
  local sum = succeeded
  local codes = {}
  for code, count in pairs(failed) do
    sum, codes[#codes + 1] = sum + count, code
  end
  table.sort(codes, function(a, b) return failed[a] > failed[b] end)
  for _, code in ipairs(codes) do print(("        %-24s %d"):format(code, failed[code])) end
  local lost = sum - succeeded
  check(started == CALLS and sum == started, "%d started = %d succeeded + %d failed", started, succeeded, lost)
  check(sent == attempts, "%d requests of calls = %d attempts told", sent, attempts)
  local all = sent + renewals
  check(counters.total <= all and all - counters.total <= unanswered,
    "%d requests sent, %d of them renewals; the server saw %d (%d were not answered)", all, renewals, counters.total,
    unanswered)
  check(counters.in_flight == 0, "the server has none under way")
end

local function check_writes(counters)
  local seen = counters.tools.setTranslations or 0
  check(seen <= writes.attempts and seen - writes.calls <= writes.refusals,
    "%d writes, %d attempts, %d of them refused; the server saw %d: none again that was not refused",
    writes.calls, writes.attempts, writes.refusals, seen)
end

local function check_process()
  local half = CALLS / 2
  local first, second = most("memory", 0, half), most("memory", half, CALLS)
  check(second <= first + SLACK, "resident: at most %d KiB in the first half, %d KiB in the second", first, second)
  for _, field in ipairs { "descriptors", "threads" } do
    first, second = most(field, 0, half), most(field, half, CALLS)
    check(second <= first + (field == "threads" and 0 or 8), "%s: %d, then %d", field, first, second)
  end
end

local function run()
  sandbox.start()
  site = sandbox.TOOL_PROJECT
  local slots = new_slots()
  for index, key in ipairs((slots[CLIENTS].client:list_keys { project = site, limit = 100 })) do
    key_ids[index] = key.id
  end
  attempts = attempts + 1
  for _, fault in ipairs(FAULTS) do
    fault.chance, fault.times = 0.01 / #FAULTS, "always"
    sandbox.fault(nil, fault)
  end
  begun = core.now()
  look()
  local workers = {}
  for number = 1, WORKERS do workers[number] = worker(slots, number) end
  better_i18n.all(workers, { concurrency = WORKERS })
  for _, slot in ipairs(slots) do slot.client:close() end
  look()
  local counters = sandbox.counters()
  print(("\n%d calls in %.0f s; %d faults met, %d refreshes, %d mints, %d reconnected"):format(CALLS,
    core.now() - begun, counters.faults, counters.refreshes, counters.mints, reconnected))
  check_calls(counters)
  check_writes(counters)
  check_process()
end

local ok, problem = xpcall(run, debug.traceback)
sandbox.stop()
if not ok then
  print(problem)
  bad = bad + 1
end
os.exit(bad == 0 and 0 or 1)
