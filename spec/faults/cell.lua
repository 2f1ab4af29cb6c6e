-- One cell of the fault matrix: an endpoint meets a fault in the world where this runs; what must hold of it is said by
-- table.lua, and what must hold of every cell here. Needs nothing but the module: it runs in every world.
local better_i18n = require "better_i18n"
local core = require "better_i18n.core"
local endpoints = require "spec.faults.endpoints"
local expect = require "spec.support.expect"
local expected = require "spec.faults.table"

local cell = {}

local BUSY = expect.slow and 60 or 8 -- seconds that a busy machine may add
local serial = 0

local tokens = {
  none = {},
  installed = { installation_token = "bi_oat_canary_0001" },
  access = { grant_id = "grt_1", access_token = "at_canary_0001" },
  refreshing = {
    grant_id = "grt_1", refresh_token = "rt_canary_0001", client_id = "app", client_secret = "secret_canary_1",
  },
}

local function no_pause() return 0 end

-- The hosts of a client whose requests meet the fault that `selected` says.
local function hosts_of(server, endpoint, selected)
  serial = serial + 1
  local base = ("%s/%s%d/%s/%s/%d/%s"):format(server.url, server.world, serial, selected.fault, endpoint.which,
    selected.n or 0, selected.mode)
  return { base_url = base, mcp_url = base .. (endpoint.events and "/events/mcp" or "/mcp"), cdn_url = base .. "/cdn" }
end

local function hosts_at(base) return { base_url = base, mcp_url = base .. "/mcp", cdn_url = base .. "/cdn" } end

local function options_of(server, row, ...)
  local options = {
    random = no_pause, timeout = row.timeout or 20, loop = server.loop,
    ca_file = row.bad_host and server.ca_file or nil, proxy = row.proxied and server.proxy or nil,
    -- Connections of its own where the server ends them: a dead one costs whoever takes it next a try.
    max_connections = row.head and 10 + serial or nil,
  }
  for index = 1, select("#", ...) do
    for name, value in pairs((select(index, ...))) do options[name] = value end
  end
  return options
end

-- The outcome as table.lua writes it.
local function describe(ok, value, seen)
  if ok then return ("works, %d requests"):format(seen) end
  return ("%s, %s, %d requests"):format(value.code, value.retryable and "retryable" or "final", seen)
end

local function text_of(outcome)
  if outcome.code == "works" then return ("works, %d requests"):format(outcome.requests) end
  return ("%s, %s, %d requests"):format(outcome.code, outcome.retryable and "retryable" or "final", outcome.requests)
end

-- Where the server would have been asked again and the fault is over by then, it works.
local function for_mode(outcome, mode)
  if mode == "once" and outcome.requests > 1 then return { code = "works", requests = 2 } end
  return outcome
end

local function check_outcome(report, outcomes, mode, ok, value, seen)
  local got, wanted = describe(ok, value, seen), {}
  for index, outcome in ipairs(outcomes) do
    wanted[index] = text_of(for_mode(outcome, mode))
    if wanted[index] == got then return end
  end
  report("expected: %s; got: %s%s", table.concat(wanted, "; or "), got, ok and "" or ": " .. tostring(value))
end

local function check_error(report, err)
  local all = expect.everything(err)
  if all:find("canary", 1, true) then report("a secret is in the error: %s", all) end
  if err.revoked then report("a fault is told as a revocation") end
end

-- Ends the fault and asks what the server has seen of it: with the call's own client, or where that has a host that is
-- no good, or has ended its grant, with one that shares its connections.
local function lift(server, endpoint, row, client, hosts)
  local other
  if row.bad_host then hosts = hosts_of(server, endpoint, { fault = "none", mode = "always" }) end
  if row.bad_host or not client or endpoint.class == "revoke" then
    other = better_i18n.new(options_of(server, row, hosts, tokens.installed, { timeout = 20 }))
  end
  local told = (other or client):request("GET", "/lift", { token = "none", timeout = 20 })
  if other then other:close() end
  return told
end

-- Which outcome counts where the fault is at byte n: before the end of the head, of the body, or behind it all.
local function at_byte(row, told, n)
  if not row.head then return row end
  return n < told.head and row.head or n < told.length and row.body or row.behind
end

local function run_call(endpoint, client, options)
  local copy = {}
  for name, value in pairs(options) do copy[name] = value end
  return pcall(endpoint.run, client, copy)
end

-- Bytes come as they are, spoilt ones too; an answer without a body is true.
local function is_good(value, row, endpoint)
  return value == endpoints.MARKER or (row.empty and value == true) or (row.spoils and endpoint.class == "raw")
end

-- A renewal that is under way has 15 seconds of its own: who comes in that time shares its fate, the next one does not.
local function shares_a_fate(endpoint, row, ok, value)
  return not ok and row.timeout and endpoint.which ~= "any" and value.retryable
end

-- After the fault the same call works: with the same client, or where that has too little time, one like it.
local function check_again(report, endpoint, client, options, row)
  if row.bad_host then return end
  local other
  if row.timeout then
    options.timeout = 20
    other = client and better_i18n.new(options)
  end
  local ok, value = run_call(endpoint, other or client, options)
  if shares_a_fate(endpoint, row, ok, value) then ok, value = run_call(endpoint, other or client, options) end
  if not ok or value ~= endpoints.MARKER then report("the next call fails: %s", tostring(value)) end
  if other then other:close() end
end

--- Runs one.
-- @param server (table) as spec/faults/server.lua has it, with world: a word; loop: the option of clients, or nil
-- @param endpoint (table) of endpoints.lua
-- @param selected (table) fault, n, mode
-- @param complain (function) called with each thing that is wrong
-- @return boolean, for a fault at byte n: whether there is a byte n + 1
function cell.run(server, endpoint, selected, complain)
  local row = expected.rows[selected.fault]
  local function report(text, ...)
    complain(("%s × %s (n = %s, %s) in %s: "):format(selected.fault, endpoint.name, tostring(selected.n), selected.mode,
      server.world) .. text:format(...))
  end
  local hosts = row.bad_host and hosts_at(server.bad[row.bad_host])
    or hosts_of(server, endpoint, { fault = selected.fault, n = selected.n or row.n, mode = selected.mode })
  local options = options_of(server, row, hosts, tokens[endpoint.client])
  local client = endpoint.client ~= "none" and better_i18n.new(options) or nil
  local start = core.now()
  local ok, value = run_call(endpoint, client, options)
  local took = core.now() - start
  local told = lift(server, endpoint, row, client, hosts)
  local place = at_byte(row, told, selected.n)
  if not ok and not better_i18n.is_error(value) then error(value, 0) end
  check_outcome(report, expected.outcomes(place, endpoint.class), selected.mode, ok, value,
    told.seen)
  if not ok then check_error(report, value) end
  if ok and not is_good(value, row, endpoint) then report("the answer is not the good one: %s", tostring(value)) end
  if took > options.timeout + endpoint.slack + BUSY then report("it took %.1f s", took) end
  check_again(report, endpoint, client, options, row)
  if client then client:close() end
  return told.length and (selected.n or 0) < told.length
end

--- Whether there is such a cell: some faults are only for some endpoints.
function cell.exists(fault, endpoint)
  local row = expected.rows[fault]
  return not row.only or row.only(endpoint)
end

-- The cells of a fault with an endpoint: in these modes, and at every `step`th byte where it has one.
local function run_bytes(server, endpoint, fault, modes, step, complain)
  local row, count = expected.rows[fault], 0
  for _, mode in ipairs(row.modes or modes) do
    local n, goes_on = row.head and 0 or nil, true
    while goes_on do
      goes_on = cell.run(server, endpoint, { fault = fault, n = n, mode = mode }, complain) and n
      count, n = count + 1, n and n + step
    end
  end
  return count
end

--- Runs the cells of a fault with these endpoints, in the world where this runs.
-- @param server (table) as for run
-- @param fault (string)
-- @param names (table) name → mode ("always" or "once"); nil: all, in both
-- @param step (number) of the bytes
-- @param together (function) runs an array of functions at once, where the world can
-- @return { cells: how many, problems: an array of texts }
function cell.run_all(server, fault, names, step, together)
  local result, functions = { cells = 0, problems = {} }, {}
  local function complain(text) table.insert(result.problems, text) end
  for _, endpoint in ipairs(endpoints.list) do
    local modes = not names and { "always", "once" } or { names[endpoint.name] }
    if cell.exists(fault, endpoint) and modes[1] then
      functions[#functions + 1] = function()
        local ok, count = pcall(run_bytes, server, endpoint, fault, modes, step, complain)
        if not ok then complain(fault .. " × " .. endpoint.name .. ": " .. tostring(count)) end
        result.cells = result.cells + (ok and count or 0)
      end
    end
  end
  together(functions)
  return result
end

return cell
