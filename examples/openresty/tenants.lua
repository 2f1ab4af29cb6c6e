-- A client for each customer (grant), kept by the worker that made it: its requests share connections. All workers
-- share the tokens through the dictionary `tokens`: one of them renews, for all.
local better_i18n = require "better_i18n"
local log = require "log"

local tenants = {}
local clients = {} -- grant → client
local store

-- The dictionary may be full or lost with the machine: keep the tokens with your customer's record too. Each renewal
-- brings a new refresh token, and the old one may be dead by then.
local function save(tokens) log(ngx.NOTICE, "save the new tokens of ", tokens.grant_id, " in your database") end

local function new_client(tokens)
  store = store or better_i18n.store.shared_dict "tokens"
  return better_i18n.new {
    client_id = tenants.app.client_id, client_secret = tenants.app.client_secret,
    grant_id = tokens.grant_id, access_token = tokens.access_token, expires_at = tokens.expires_at,
    refresh_token = tokens.refresh_token,
    store = store, on_tokens = save,
  }
end

--- The app's credentials, as it was registered.
tenants.app = {
  client_id = os.getenv "BETTER_I18N_CLIENT_ID", client_secret = os.getenv "BETTER_I18N_CLIENT_SECRET",
  redirect_uri = os.getenv "BETTER_I18N_REDIRECT_URI" or "http://127.0.0.1:8080/callback",
}

--- Takes in who has just connected. With the first installation token the tokens go to the store, for all workers.
function tenants.add(tokens)
  save(tokens)
  clients[tokens.grant_id] = new_client(tokens)
  clients[tokens.grant_id]:token_info()
  assert(ngx.shared.grants:set(tokens.grant_id, "connected"))
end

--- @return userdata the client of a grant, which any worker may have added
function tenants.get(grant_id)
  clients[grant_id] = clients[grant_id] or new_client { grant_id = grant_id }
  return clients[grant_id]
end

--- After a revocation, which a client remembers: the next one looks whether the user has connected again.
function tenants.remove(grant_id) clients[grant_id] = nil end

return tenants
