-- What a renewal asks of a store, done: load, lock, save, unlock. The store is the user's, so it may raise, yield, or
-- give back anything; what that means is decided in src/core. Called by driver.lua.
-- A client's state has `store`; its grant (shared with other clients) keeps `version`, of the record that was loaded
-- last, and `unlock`, while the lock is held.

local core = require "better_i18n.core"

local desk = {}

-- The results of a function of the store, or nothing when it raised: the renewal was told then, and `raised` is called
-- with the error object.
local function ask(task, state, name, raised, ...)
  local ok, first, second = pcall(state.store[name], core.store_key(task), ...)
  if ok then return true, first, second end
  local problem = core.store_failed(task, first)
  if problem then raised(problem) end
end

local function ignore() end

-- A store keeps no lock that its holder has lost sight of.
function desk.let_go(grant)
  local unlock = grant.unlock
  grant.unlock = false -- and not nil: the place for the next one is there, whatever memory there is
  if unlock then pcall(unlock) end
end

function desk.load(task, state)
  local ok, record, version = ask(task, state, "load", ignore)
  if not ok then return end
  if record ~= nil and version == nil then
    core.store_failed(task, core.error {
      code = "store", message = "the store's load() must return a version with the record; correct it",
    })
    return
  end
  state.grant.version = version
  core.loaded(task, record)
end

function desk.lock(task, state)
  desk.let_go(state.grant)
  local ok, unlock = ask(task, state, "lock", ignore, core.lock_seconds())
  if not ok then return end
  if unlock and type(unlock) ~= "function" then
    core.store_failed(task, core.error {
      code = "store", message = "the store's lock() must return a function that unlocks, or nil; correct it",
    })
    return
  end
  state.grant.unlock = unlock or false
  core.stored(task, unlock)
end

--- @param raised (function) called with the error object when the save failed: what was to be saved is in memory only
function desk.save(task, state, raised)
  local grant = state.grant
  local ok, version = ask(task, state, "save", raised, core.record(task), grant.version)
  if not ok then return end
  if version ~= nil then grant.version = version end
  core.stored(task, version ~= nil)
end

function desk.unlock(_, state) desk.let_go(state.grant) end

return desk
