-- What a store is: three functions, and how each is called. Checks a user's own store, and the arguments of ours.
-- Called by better_i18n.new and by the stores.
--
--   load(key) → record, version; nil when there is none
--   save(key, record, expected_version) → version: only when the stored version is the expected one (nil: there is no
--     record yet); nil when another saved meanwhile
--   lock(key, seconds) → unlock, or nil when another holds it; it never waits. unlock() may be called twice; after
--     `seconds` the lock ends by itself
--   keeps_installation_tokens: false where records must not hold them (default true)
--
-- A record is a flat table: names to strings (UTF-8), numbers and booleans. Failures are raised, ours as `store`.

local core = require "better_i18n.core"

local contract = {}

--- Raises an error of a store.
-- @param message (string) what failed and what to do; never a secret
-- @param cause (error object) or nil
-- @raise store
function contract.fail(message, cause) error(core.error { code = "store", message = message, cause = cause }, 0) end

--- Raises for a wrong argument.
-- @raise invalid_argument
function contract.refuse(where, message)
  error(core.error { code = "invalid_argument", message = where .. ": " .. message }, 0)
end

local refuse = contract.refuse

--- Checks the option `store` of `new`.
-- @param where (string) whose option it is
-- @param store any value
-- @return the store
-- @raise invalid_argument
function contract.check(where, store)
  if type(store) ~= "table" then
    refuse(where, "store must be one of better_i18n.store, or a table with load, save and lock, not " .. type(store))
  end
  for _, name in ipairs { "load", "save", "lock" } do
    if type(store[name]) ~= "function" then
      refuse(where, ("store.%s must be a function, not %s (a store is a table with load, save and lock)"):format(
        name, type(store[name])))
    end
  end
  local keeps = store.keeps_installation_tokens
  if keeps ~= nil and type(keeps) ~= "boolean" then
    refuse(where, "store.keeps_installation_tokens must be a boolean, not " .. type(keeps))
  end
  return store
end

local function check_key(where, key)
  if type(key) ~= "string" or key == "" or key:find "%c" then
    refuse(where, "key must be a string that is not empty, without control characters")
  end
end

local function is_finite(number) return number == number and number ~= math.huge and number ~= -math.huge end

local storable = {
  string = function() return true end,
  boolean = function() return true end,
  number = is_finite,
}

local function check_record(where, record)
  if type(record) ~= "table" then refuse(where, "record must be a table, not " .. type(record)) end
  for name, value in pairs(record) do
    local allows = storable[type(value)]
    if type(name) ~= "string" or not allows or not allows(value) then
      refuse(where, ("record.%s: a record holds strings, finite numbers and booleans under names"):format(
        tostring(name):gsub("%c", "?")))
    end
  end
end

local function check_seconds(where, seconds)
  if type(seconds) ~= "number" or not is_finite(seconds) or seconds <= 0 then
    refuse(where, "seconds must be a number above 0")
  end
end

--- Puts checks of the arguments before a store's functions.
-- @param name (string) of the store, for messages
-- @param store (table) load, save, lock; changed and returned
-- @return table
function contract.guard(name, store)
  local load, save, lock = store.load, store.save, store.lock
  function store.load(key)
    check_key(name .. ".load", key)
    return load(key)
  end
  function store.save(key, record, expected_version)
    check_key(name .. ".save", key)
    check_record(name .. ".save", record)
    return save(key, record, expected_version)
  end
  function store.lock(key, seconds)
    check_key(name .. ".lock", key)
    check_seconds(name .. ".lock", seconds)
    return lock(key, seconds)
  end
  return store
end

return contract
