-- A background job: looks now and then whether each connection still stands. In a timer calls wait as in a request.
local better_i18n = require "better_i18n"
local tenants = require "tenants"

local job = {}
local SECONDS = tonumber(os.getenv "BETTER_I18N_JOB_SECONDS") or 300

local function check(grant_id)
  local organizations, err = better_i18n.try(function() return tenants.get(grant_id):list_organizations() end)
  if organizations then return ngx.shared.grants:set(grant_id, "checked") end
  if err.revoked then
    tenants.remove(grant_id)
    return ngx.shared.grants:set(grant_id, "revoked")
  end
  ngx.log(ngx.WARN, tostring(err)) -- trouble on the way is no revocation: the next look may succeed
end

local function look(premature)
  if premature then return end
  for _, grant_id in ipairs(ngx.shared.grants:get_keys(0)) do
    if ngx.shared.grants:get(grant_id) ~= "revoked" then check(grant_id) end
  end
  assert(ngx.timer.at(SECONDS, look)) -- after the last one has ended: looks never overlap
end

--- In init_worker: one worker does it for all.
function job.start()
  if ngx.worker.id() == 0 then assert(ngx.timer.at(SECONDS, look)) end
end

return job
