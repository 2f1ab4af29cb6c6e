-- With a store, too, no secret is in a trace, a hook's argument, an error or a tostring; on_tokens and the store are
-- the exceptions. Without one see secrets_spec.
local process = require "spec.support.process"
local sandbox = require "spec.support.sandbox"

setup(sandbox.start)
teardown(sandbox.stop)

local PROGRAM = [=[
  local better_i18n = require "better_i18n"
  local function show(value, depth)
    io.stderr:write(tostring(value), "\n")
    if type(value) ~= "table" or depth > 5 then return end
    for name, member in pairs(value) do
      show(name, depth + 1)
      show(member, depth + 1)
    end
  end
  local function look(...)
    for index = 1, select("#", ...) do show((select(index, ...)), 0) end
  end
  local secrets = {}
  local store = better_i18n.store.memory()
  local save, saves = store.save, 0
  function store.save(key, record, version)
    look(key)
    for _, name in ipairs { "refresh_token", "access_token", "installation_token" } do
      if record[name] then secrets[record[name]] = true end
    end
    saves = saves + 1
    if saves == 2 then error("it keeps nothing: " .. record.refresh_token .. " " .. record.access_token, 0) end
    return save(key, record, version)
  end
  local client = better_i18n.new {
    base_url = %q, grant_id = %q, client_id = %q, client_secret = %q, refresh_token = %q, store = store, debug = true,
    on_request = look, on_response = look, on_revoked = look, random = function() return 0 end,
  }
  for _ = 1, 3 do
    local data, err, response = better_i18n.try(client.list_organizations, client)
    look(client, err, response)
  end
  client:revoke()
  look(client, select(2, better_i18n.try(client.me, client)))
  for secret in pairs(secrets) do print(secret) end
]=]

describe("no secret is shown", function()
  it("by a client with a store, whatever the store does", function()
    local grant = sandbox.grant { client_id = sandbox.CLIENT_ID, installation = false }
    local secrets, shown, status = process.run(PROGRAM:format(sandbox.URL, grant.grant_id, grant.client_id,
      grant.client_secret, grant.refresh_token))
    assert.equal(0, status, shown)
    local count = 0
    for secret in (secrets .. grant.client_secret .. "\n"):gmatch "[^\n]+" do
      count = count + 1
      assert.is_nil(shown:find(secret, 1, true), "secret number " .. count .. " is shown")
    end
    assert.is_true(count >= 4, count .. " secrets were there")
    assert.truthy(shown:find("it keeps nothing", 1, true)) -- the store's word came through
    assert.truthy(shown:find("> POST", 1, true)) -- and the trace was on
  end)
end)
