-- Child processes that act for a grant of the sandbox with a store, and answer in one line.
local process = require "spec.support.process"
local redis_server = require "spec.support.redis_server"
local sandbox = require "spec.support.sandbox"

local child = {}

--- The beginning of a child's program: better_i18n, socket, store and options for the grant; take_tokens() adds the
--- grant's refresh token to them, else the store has to have one.
function child.prelude(grant, store)
  return ([[
    package.path = package.path .. ";" .. %q
    local better_i18n, socket = require "better_i18n", require "socket"
    local store = %s
    local options = {
      base_url = %q, grant_id = %q, client_id = %q, client_secret = %q, store = store, random = function() return 0 end,
    }
    local function take_tokens() options.refresh_token = %q end
  ]]):format(redis_server.LUA_PATH, store, sandbox.URL, grant.grant_id, grant.client_id, grant.client_secret,
    grant.refresh_token)
end

function child.file_store(path) return ("better_i18n.store.file %q"):format(path) end

--- Runs the code behind the prelude: the first line that it prints, its exit status, its errors.
function child.ask(grant, store, code, variables)
  local out, err, status = process.run(child.prelude(grant, store) .. code, variables)
  return out:match "[^\n]*", status, err
end

--- Code that makes one call and prints the length of its list, or the error's code.
child.CALL = [[
  local client = better_i18n.new(options)
  local data, err = better_i18n.try(client.list_organizations, client)
  print(err and err.code or #data)
]]

return child
