-- The handlers of nginx.conf. No call blocks the worker: while one waits, nginx serves other requests.
local better_i18n = require "better_i18n"
local cjson = require "cjson.safe"

local handler = {}

-- One client for the program, shared by all requests of a worker: they share its connections and its tokens, and one
-- renewal serves all who wait for it. What is not given here is read from the environment.
local client = better_i18n.new {
  grant_id = os.getenv "BETTER_I18N_GRANT_ID",
  refresh_token = os.getenv "BETTER_I18N_REFRESH_TOKEN",
  on_tokens = function(tokens) ngx.log(ngx.NOTICE, "store the new tokens of ", tokens.grant_id) end,
}

local STATUS = { missing_scope = 403, not_found = 404, rate_limited = 503, timeout = 504 }

-- Answers with what a call returns; an error becomes a status that says something to this server's own users.
local function answer(fn, ...)
  local data, err = better_i18n.try(fn, client, ...)
  if data == nil then
    ngx.log(ngx.ERR, tostring(err))
    ngx.status = err.revoked and 410 or STATUS[err.code] or err.status == 404 and 404 or 502
    data = { error = err.code }
  end
  ngx.print(cjson.encode(data))
end

function handler.organizations() answer(client.list_organizations) end

function handler.projects(org_id) answer(client.list_projects, org_id) end

--- In init_worker: calls cannot wait there, but in the timers that it starts they can.
function handler.watch()
  if ngx.worker.id() ~= 0 then return end
  ngx.timer.every(60, function(premature)
    if premature then return end
    local me, err = better_i18n.try(client.me, client)
    ngx.log(ngx.NOTICE, me and "still connected" or tostring(err))
  end)
end

return handler
