-- What every store must do, as plain functions: run by store_spec.lua in scripts and by nginx_stores.lua inside nginx.
-- A case: name, run(make, key, pause): make() gives another store over the same data, pause(seconds) waits.
local better_i18n = require "better_i18n"

local cases = {}

local function add(name, run) cases[#cases + 1] = { name = name, run = run } end

local function describe(value)
  if type(value) ~= "table" then return type(value) .. " " .. tostring(value) end
  local parts = {}
  for name, field in pairs(value) do parts[#parts + 1] = name .. " = " .. describe(field) end
  table.sort(parts)
  return "{ " .. table.concat(parts, ", ") .. " }"
end

local function same(wanted, found)
  if describe(wanted) ~= describe(found) then
    error(("expected %s, found %s"):format(describe(wanted), describe(found)), 2)
  end
end

local function full_record()
  return {
    grant_id = "g/1:%", refresh_token = 'rt_"\\/\1é', access_token = ("a"):rep(4000), empty = "",
    access_expires_at = 1764053059.123, refresh_expires_at = 4102444800.5, negative = -1, zero = 0,
    scopes = "org:read projects:write", revoked = false, rotated = true,
  }
end

add("has nothing at first", function(make, key)
  same(0, select("#", make().load(key)) - select("#", make().load(key)))
  same(nil, (make().load(key)))
end)

add("gives back every field, byte for byte", function(make, key)
  local store = make()
  local version = store.save(key, full_record(), nil)
  same(true, version ~= nil)
  for _, one in ipairs { store, make() } do
    local record, loaded = one.load(key)
    for name, value in pairs(full_record()) do
      if record[name] ~= value then error(name .. " came back as " .. describe(record[name])) end
    end
    same(version, loaded)
  end
end)

add("takes an empty record", function(make, key)
  same(true, make().save(key, {}, nil) ~= nil)
  same({}, (make().load(key)))
end)

add("swaps only the version that is there", function(make, key)
  local one, other = make(), make()
  local first = one.save(key, { n = 1 }, nil)
  same(nil, other.save(key, { n = 2 }, nil))
  local second = other.save(key, { n = 2 }, first)
  same(true, second ~= nil and second ~= first)
  same(nil, one.save(key, { n = 3 }, first))
  same({ n = 2 }, (one.load(key)))
  same(true, one.save(key, { n = 3 }, second) ~= nil)
  same({ n = 3 }, (other.load(key)))
end)

add("knows no version of a record that is not there", function(make, key)
  local version = make().save(key .. "-other", { n = 1 }, nil)
  same(nil, make().save(key, { n = 1 }, version))
  same(nil, (make().load(key)))
end)

add("goes through many versions", function(make, key)
  local store, version, seen = make(), nil, {}
  for n = 1, 40 do
    version = store.save(key, { n = n, text = ("x"):rep(n * 7 % 50) }, version)
    same(nil, seen[version])
    seen[version] = true
    same(n, store.load(key).n)
  end
end)

add("gives copies", function(make, key)
  local store, record = make(), { refresh_token = "kept" }
  local version = store.save(key, record, nil)
  record.refresh_token = "changed"
  local loaded = store.load(key)
  same("kept", loaded.refresh_token)
  loaded.refresh_token = "changed"
  same("kept", store.load(key).refresh_token)
  same(true, store.save(key, loaded, version) ~= nil)
end)

add("keeps keys apart", function(make, key)
  local store, versions = make(), {}
  local suffixes = { "", "/", ":", "%", ":lock", "*", "1", " ", "ü", ("k"):rep(400) }
  for n, suffix in ipairs(suffixes) do versions[n] = store.save(key .. suffix, { n = n }, nil) end
  local unlock = store.lock(key, 5)
  for n, suffix in ipairs(suffixes) do
    same({ n = n }, (store.load(key .. suffix)))
    same(true, store.save(key .. suffix, { n = n }, versions[n]) ~= nil)
    if n > 1 then
      local other = store.lock(key .. suffix, 5)
      same("function", type(other))
      other()
    end
  end
  unlock()
end)

add("locks a key for one, until he gives it back", function(make, key)
  local one, other = make(), make()
  local unlock = one.lock(key, 5)
  same("function", type(unlock))
  same(nil, other.lock(key, 5))
  same(nil, one.lock(key, 5))
  unlock()
  local again = other.lock(key, 5)
  same("function", type(again))
  unlock() -- the first one's, which is over
  same(nil, one.lock(key, 5))
  again()
  one.lock(key, 5)()
end)

add("saves under a lock and without one", function(make, key)
  local one, other = make(), make()
  local unlock = one.lock(key, 5)
  local version = one.save(key, { n = 1 }, nil)
  version = other.save(key, { n = 2 }, version)
  same({ n = 2 }, (one.load(key)))
  unlock()
  same(true, one.save(key, { n = 3 }, version) ~= nil)
end)

add("ends a lock by itself", function(make, key, pause)
  local one, other = make(), make()
  local unlock = one.lock(key, 0.3)
  same(nil, other.lock(key, 5))
  pause(0.4)
  local again = other.lock(key, 5)
  same("function", type(again))
  unlock() -- too late: it is another's
  same(nil, one.lock(key, 5))
  again()
end)

add("refuses wrong arguments", function(make, key)
  local store = make()
  local function refused(name, ...)
    local ok, err = pcall(store[name], ...)
    same(false, ok)
    same(true, better_i18n.is_error(err))
    same("invalid_argument", err.code)
  end
  for _, wrong in ipairs { 7, "", "a\nb", "a\0", {}, false } do
    refused("load", wrong)
    refused("save", wrong, {}, nil)
    refused("lock", wrong, 1)
  end
  refused("load")
  for _, wrong in ipairs { 7, "x", { {} }, { a = {} }, { a = print }, { a = 0 / 0 }, { a = math.huge }, { "list" } } do
    refused("save", key, wrong, nil)
  end
  for _, wrong in ipairs { 0, -1, "1", math.huge, 0 / 0, false } do refused("lock", key, wrong) end
  same(nil, (store.load(key)))
end)

return cases
