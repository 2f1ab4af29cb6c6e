-- What the service was asked: counters for the instance and for each grant, and a log of the last requests.
-- main.lua writes; the OAuth handlers count their successes; control/inspect.lua reads.
local journal = {}

local LOG_SIZE, BODY_SIZE = 2000, 8192
local SEEN_SIZE = 10000 -- connections that are remembered, twice: of a long run there are very many

local whole, of_grant, log, written

local function new_counters()
  return {
    total = 0, by_route = {}, in_flight = 0, max_concurrent = 0, http2_requests = 0, connections = 0,
    refreshes = 0, refresh_requests = 0, mints = 0, exchanges = 0, authorizations = 0,
    revocations = 0, faults = 0, max_concurrent_by_route = {}, in_flight_by_route = {}, seen = {},
    tools = {}, rpc = {}, cdn_with_credentials = 0,
    seen_before = {}, seen_count = 0,
  }
end

function journal.reset()
  whole, of_grant, log, written = new_counters(), {}, {}, 0
end

function journal.counters(grant)
  if not grant then return whole end
  of_grant[grant.id] = of_grant[grant.id] or new_counters()
  return of_grant[grant.id]
end

-- One more of something, for the instance and for the grant.
function journal.count(name, grant)
  whole[name] = whole[name] + 1
  if grant then
    local counters = journal.counters(grant)
    counters[name] = counters[name] + 1
  end
end

local function count_names(counts, names)
  for _, name in ipairs(names or {}) do counts[name] = (counts[name] or 0) + 1 end
end

-- Whether a connection is met for the first time; those met long ago are forgotten.
local function is_new(counters, connection)
  if counters.seen[connection] then return false end
  if counters.seen_count >= SEEN_SIZE then
    counters.seen_before, counters.seen, counters.seen_count = counters.seen, {}, 0
  end
  counters.seen[connection], counters.seen_count = true, counters.seen_count + 1
  return not counters.seen_before[connection]
end

local function enter(counters, req)
  count_names(counters.tools, req.tools)
  count_names(counters.rpc, req.rpc_methods)
  local route = req.route_name
  counters.total = counters.total + 1
  counters.by_route[route] = (counters.by_route[route] or 0) + 1
  counters.in_flight = counters.in_flight + 1
  counters.max_concurrent = math.max(counters.max_concurrent, counters.in_flight)
  local here = (counters.in_flight_by_route[route] or 0) + 1
  counters.in_flight_by_route[route] = here
  counters.max_concurrent_by_route[route] = math.max(counters.max_concurrent_by_route[route] or 0, here)
  if req.http_version >= 2 then counters.http2_requests = counters.http2_requests + 1 end
  if is_new(counters, req.connection) then counters.connections = counters.connections + 1 end
end

local function leave(counters, route)
  counters.in_flight = counters.in_flight - 1
  counters.in_flight_by_route[route] = counters.in_flight_by_route[route] - 1
end

-- A request arrived. Remembers where it was counted, since a reset may come before its end.
function journal.arrive(req)
  req.counted = { whole }
  if req.grant then req.counted[2] = journal.counters(req.grant) end
  for _, counters in ipairs(req.counted) do enter(counters, req) end
end

function journal.depart(req)
  for _, counters in ipairs(req.counted or {}) do leave(counters, req.route_name) end
  req.counted = nil
end

-- Appends an entry; the oldest falls out.
function journal.write(entry)
  written = written + 1
  entry.n = written
  if entry.body then entry.body = entry.body:sub(1, BODY_SIZE) end
  log[(written - 1) % LOG_SIZE + 1] = entry
  return entry
end

-- The last entries, oldest first, of one grant when it is given.
function journal.last(count, grant_id)
  local found = {}
  for n = written, math.max(1, written - LOG_SIZE + 1), -1 do
    local entry = log[(n - 1) % LOG_SIZE + 1]
    if not grant_id or entry.grant_id == grant_id then table.insert(found, 1, entry) end
    if #found >= count then break end
  end
  return found
end

return journal
