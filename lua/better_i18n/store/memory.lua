-- The store of one process and one Lua state: what several of its clients share. Nothing outlives the process, nothing
-- blocks. Called through better_i18n.store.

local core = require "better_i18n.core"
local contract = require "better_i18n.store.contract"
local copy = require("better_i18n.store.record").copy

local saves = 0 -- of all stores: so a version never comes again

--- Makes a store in memory.
-- @return table a store (contract.lua)
return function()
  local entries, leases = {}, {}

  local function load(key)
    local entry = entries[key]
    if entry then return copy(entry.record), entry.version end
  end

  local function save(key, record, expected_version)
    local entry = entries[key]
    if (entry and entry.version) ~= expected_version then return nil end
    saves = saves + 1
    entries[key] = { record = copy(record), version = saves }
    return saves
  end

  local function lock(key, seconds)
    local held, now = leases[key], core.now()
    if held and now < held.ends then return nil end
    local lease = { ends = now + seconds }
    local function unlock()
      if leases[key] == lease then leases[key] = nil end
    end
    leases[key] = lease -- last, so that a lack of memory leaves no lock that nobody can give back
    return unlock
  end

  return contract.guard("memory", { load = load, save = save, lock = lock })
end
