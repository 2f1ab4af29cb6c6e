-- Messages that once told a user what was not true, or left out what helps: each names what was given and what to do.
local better_i18n = require "better_i18n"
local expect = require "spec.support.expect"
local sandbox = require "spec.support.sandbox"

setup(sandbox.start)
teardown(sandbox.stop)

local function lacks(part, text)
  if text:find(part, 1, true) then error(("%q is in: %s"):format(part, text), 2) end
end

describe("a grant whose store has no record of it", function()
  local function client_of_nothing()
    return sandbox.client { grant_id = "grt_typo", client_id = "app_1", store = better_i18n.store.memory() }
  end

  it("is named, and nobody is told that a token had expired", function()
    local client = client_of_nothing()
    for _ = 1, 2 do -- once from the renewal that looks, once from what it left
      local err = expect.failure("invalid_token", client.list_organizations, client)
      expect.holds("the store has no tokens of the grant grt_typo", err.message)
      lacks("expired", err.message)
      lacks("offline_access", err.message)
    end
  end)

  it("is not told of when the options brought a token that was refused", function()
    local grant = sandbox.grant { installation = false }
    local client = sandbox.minting(grant, { client_id = "app_1", store = better_i18n.store.memory() })
    sandbox.control("expire", { grant_id = grant.grant_id, what = "access" })
    local err = expect.failure("invalid_token", client.me, client)
    lacks("the store", err.message)
  end)

  it("fails token_info without a request that was never made", function()
    local client = client_of_nothing()
    for _ = 1, 2 do
      local err = expect.failure("invalid_token", client.token_info, client)
      assert.same({}, { err.method, err.path })
      lacks("GET", tostring(err))
    end
  end)
end)
