-- The store of all workers of one nginx: a lua_shared_dict. It is a cache: what it evicts under pressure, or loses with
-- a restart, must be persisted in on_tokens. Entries are added with safe_add and safe_set, which evict nobody else's.
-- Nothing blocks. Called through better_i18n.store.
--
-- The dictionary has no compare-and-swap, but safe_add fails where a key is there. So each version is a key of its own:
-- saving version n + 1 is adding its key, which one of many can. The head says where to begin to look; a worker that is
-- killed before it moved the head leaves a version ahead of it, which is found by looking one further. The version
-- before is replaced by an empty mark that stays for a while: so a worker that slept in the middle cannot add that
-- number again, and if it slept longer, it sees that the head has passed by.
--
-- The steps of a save are several, and what one worker leaves half done another must not build on: so they are taken
-- one worker at a time. Nothing in them waits, so a turn lasts microseconds; a killed worker's ends by itself.

local core = require "better_i18n.core"
local contract = require "better_i18n.store.contract"
local record_of = require "better_i18n.store.record"

local fail = contract.fail

local PREFIX = "better_i18n:"
-- Seconds that a replaced version's mark stays.
local MARK = 60
-- Seconds after which a save that a killed worker was in the middle of holds up nobody.
local TURN = 2
-- Tries to get a turn, with a pause between them where the phase allows one.
local TRIES, PAUSE = 5000, 0.001
-- Looks at a head that others move meanwhile.
local LOOKS = 20
-- Seconds before its end in which a lease is left to expire: it may be another's by the time it is deleted.
local MARGIN = 0.05

local function version_key(key, version) return ("%srecord:%.0f:%s"):format(PREFIX, version, key) end
local function head_key(key) return PREFIX .. "head:" .. key end

local function find(name)
  if type(name) ~= "string" or name == "" then
    contract.refuse("shared_dict", "name must be the name of a dictionary (lua_shared_dict <name> 10m;)")
  end
  if type(ngx) ~= "table" or not ngx.shared then
    contract.refuse("shared_dict", "this store works in nginx alone; elsewhere use better_i18n.store.file or redis")
  end
  return ngx.shared[name] or contract.refuse("shared_dict", ("nginx has no dictionary '%s': write "
    .. "`lua_shared_dict %s 10m;` in the http block"):format(name, name))
end

--- Makes a store over a shared dictionary.
-- @param name (string) as in the directive lua_shared_dict
-- @return table a store (contract.lua)
-- @raise invalid_argument
return function(name)
  local dict = find(name)

  local function check(done, problem, what)
    if done or problem == "exists" then return done end
    if problem == "no memory" then
      fail(("the dictionary '%s' has no memory left for %s: make it larger (lua_shared_dict %s …;)"):format(
        name, what, name))
    end
    fail(("the dictionary '%s' does not take %s: %s; make it larger"):format(name, what, tostring(problem)))
  end

  -- The newest version's number and text; nil text: there is no record; nil number: there never was one.
  local function look(key)
    local version = dict:get(head_key(key))
    if type(version) ~= "number" then return nil end
    while dict:get(version_key(key, version + 1)) do version = version + 1 end
    local text = dict:get(version_key(key, version))
    return version, text ~= "" and text or nil
  end

  -- Again while others move on between the two looks.
  local function newest(key)
    local version, text = look(key)
    for _ = 1, LOOKS do
      if text or not version then break end
      local before = version
      version, text = look(key)
      if version == before then break end
    end
    return version, text
  end

  local function load(key)
    local version, text = newest(key)
    if text then return record_of.decode(text, ("'%s' in the dictionary '%s'"):format(key, name)), version end
  end

  -- Where the numbers of a key begin: with the time, so that they go on upwards after an eviction.
  local function begin(key, seconds)
    local _, now = core.now()
    local done, problem = dict:safe_add(head_key(key), math.floor(now * 1000), seconds)
    check(done, problem, "a record")
    return (newest(key))
  end

  local function move_head(key, version, seconds)
    local head = dict:get(head_key(key))
    if type(head) == "number" and head > version then return end
    dict:safe_set(head_key(key), version, seconds)
  end

  -- Whether what was just added had been there and gone before. Who overtakes a version marks it before he moves the
  -- head, so one that still stands behind the head was never the newest.
  local function was_late(key, version, text)
    local head = dict:get(head_key(key))
    if type(head) ~= "number" or head <= version or dict:get(version_key(key, version)) ~= text then return false end
    dict:delete(version_key(key, version))
    return true
  end

  local function swap(key, text, seconds, expected_version)
    local version, there = newest(key)
    if (there and version) ~= expected_version then return nil end
    version = version or begin(key, seconds + MARK)
    if not version then fail(("the dictionary '%s' evicts what was just added: make it larger"):format(name)) end
    local done, problem = dict:safe_add(version_key(key, version + 1), text, seconds)
    if not check(done, problem, "a record") or was_late(key, version + 1, text) then return nil end
    if there then dict:safe_set(version_key(key, version), "", MARK) end
    move_head(key, version + 1, seconds + MARK)
    return version + 1
  end

  -- Returns what ends the turn.
  local function take_turn(key)
    local turn, owner = PREFIX .. "turn:" .. key, core.unique()
    for _ = 1, TRIES do
      local done, problem = dict:safe_add(turn, owner, TURN)
      if check(done, problem, "a save") then
        return function()
          if dict:get(turn) == owner then dict:delete(turn) end
        end
      end
      pcall(ngx.sleep, PAUSE)
    end
    fail(("the dictionary '%s' is held by another worker's save; try again"):format(name))
  end

  local function give_back(done, ok, ...)
    done()
    if not ok then error(..., 0) end
    return ...
  end

  local function save(key, record, expected_version)
    local seconds, text = record_of.time_to_live(record), record_of.encode(record)
    return give_back(take_turn(key), pcall(swap, key, text, seconds, expected_version))
  end

  local function lock(key, seconds)
    local lease, owner = PREFIX .. "lock:" .. key, core.unique()
    local done, problem = dict:safe_add(lease, owner, seconds)
    if not check(done, problem, "a lock") then return nil end
    local ends = core.now() + seconds
    return function()
      if core.now() < ends - MARGIN and dict:get(lease) == owner then dict:delete(lease) end
    end
  end

  return contract.guard("shared_dict", { load = load, save = save, lock = lock })
end
