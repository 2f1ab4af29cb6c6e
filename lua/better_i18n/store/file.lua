-- The store of all processes of one machine: one JSON file with the records of all keys, mode 0600, replaced as a whole
-- so that a crash leaves the old or the new one; beside it `<path>.lock`, for the moment of a change and for leases.
-- Refresh and access tokens only: each process mints installation tokens for itself.
--
-- What blocks: load reads the file; save writes it and waits for the disk (two syncs), and for other processes that do,
-- at most 5 s; lock waits for nobody. The file grows with its keys, all of which every save writes: for thousands of
-- tenants take redis. Called through better_i18n.store.

local core = require "better_i18n.core"
local contract = require "better_i18n.store.contract"
local leases_of = require "better_i18n.store.leases"
local record_of = require "better_i18n.store.record"

local fail = contract.fail

-- What the file says of its own form, so that an older program does not take a newer one's for garbage.
local FORMAT = 1
-- Milliseconds to wait for another process in the middle of a save.
local PATIENCE = 5000

local function must(value, problem) return value or fail(problem) end

-- The records in the text; nil when it is corrupt.
local function parse(text, path)
  local value = core.json_decode(text)
  if type(value) ~= "table" or type(value.format) ~= "number" then return nil end
  if value.format > FORMAT then fail(path .. " was written by a newer version of better_i18n: update this program") end
  if type(value.records) ~= "table" or getmetatable(value.records) then return nil end
  for _, entry in pairs(value.records) do
    if type(entry) ~= "table" or type(entry.version) ~= "string" then return nil end
    if not record_of.is_flat(entry.record) then return nil end
  end
  return value.records
end

-- Where the file itself is; a symbolic link at the path stays what it is.
local function locate(path) return must(core.file_resolve(path)) end

local function read(path)
  local text, problem = core.file_read(path)
  if problem then fail(problem) end
  if not text then return {} end
  return parse(text, path)
end

-- Runs fn(records) while no other process changes the file.
local function alone(path, fn)
  local lock = must(core.file_lock(path .. ".lock"))
  local entered, problem = lock:enter(PATIENCE)
  if not entered then
    lock:close()
    fail(problem or ("another process has held %s.lock for %.0f s; see which one (fuser) and end it"):format(
      path, PATIENCE / 1000))
  end
  local ok, value = pcall(fn, path)
  lock:close()
  if not ok then error(value, 0) end
  return value
end

-- Looks again, now that nobody replaces it meanwhile.
local function set_aside(path)
  local records = read(path)
  if records then return records end
  local aside = must(core.file_set_aside(path))
  fail(("%s was corrupt and was renamed to %s; the store goes on empty; look at what is in it: whose refresh token is "
    .. "lost must connect again"):format(path, aside))
end

local function check_path(path)
  if type(path) ~= "string" or path == "" or path:find "%c" or path:sub(-1) == "/" then
    contract.refuse("file", "path must be the name of a file, without control characters")
  end
  return must(core.file_absolute(path))
end

--- Makes a store in a file. The file need not be there yet, its folder must.
-- @param path (string) of the file; one that group or others may use is refused
-- @return table a store (contract.lua)
-- @raise invalid_argument
return function(path)
  path = check_path(path)

  local function load(key)
    local place = locate(path)
    local records = read(place) or alone(place, set_aside)
    local entry = records[key]
    if entry then return record_of.copy(entry.record), entry.version end
  end

  local function save(key, record, expected_version)
    return alone(locate(path), function(place)
      local records = set_aside(place)
      local entry = records[key]
      if (entry and entry.version) ~= expected_version then return nil end
      local version = core.unique()
      records[key] = { version = version, record = record }
      must(core.file_replace(place, record_of.encode { format = FORMAT, records = records }))
      return version
    end)
  end

  local function lock(key, seconds) return leases_of.take(locate(path) .. ".lock", key, seconds) end

  local store = contract.guard("file", { load = load, save = save, lock = lock })
  store.keeps_installation_tokens = false
  return store
end
