-- getPendingChanges, publishTranslations, getSyncs, getSync, cancelSync. service/tools/all.lua collects them.
local access = require "service.access"
local arguments = require "service.tools.arguments"
local json = require "json"
local keys = require "state.keys"
local refuse = require "service.tools.refuse"
local settings = require "state.settings"
local syncs = require "state.syncs"

local WAIT_SLICE = 0.02

local NO_DESTINATION = "This project has no publishing destination."

local function iso_time(seconds)
  return seconds and os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(seconds)) or nil
end

local function pending_changes(call)
  local pending, by_language, deleted = syncs.pending(call.view), {}, json.array()
  for _, item in ipairs(pending.texts) do by_language[item.language] = (by_language[item.language] or 0) + 1 end
  for index, key in ipairs(pending.deleted) do deleted[index] = { id = key.id, k = key.name, ns = key.ns } end
  local total = #pending.texts + #deleted + #pending.languages
  local destination = settings.of(call.grant, "publish_destination")
  return {
    has_chg = total > 0, by_lng = by_language, del_k = deleted, pub_dst = destination,
    sum = { tr = #pending.texts, del_k = #deleted, lng_chg = #pending.languages, tot = total },
    no_pub_rsn = destination == "none" and NO_DESTINATION or nil,
  }
end

-- publishTranslations -----------------------------------------------------------------------------------

-- The pending texts among those that were named; an unknown key or language is refused.
local function chosen(view, wanted, pending)
  local named = {}
  for _, row in ipairs(wanted) do
    if not keys.find(view, row.keyId) then refuse("Key not found: " .. row.keyId) end
    if not keys.has_language(view, row.languageCode) then refuse("Language not found: " .. row.languageCode) end
    named[row.keyId .. row.languageCode] = true
  end
  local texts = {}
  for _, item in ipairs(pending.texts) do
    if named[item.key.id .. item.language] then texts[#texts + 1] = item end
  end
  return { texts = texts, deleted = {}, languages = {} }
end

local function refuse_while_cooling(call)
  local left = (call.view.cool_at or 0) - ngx.now()
  if left <= 0 then return end
  refuse(("TOO_MANY_REQUESTS: this project was published a moment ago, wait %d seconds"):format(math.ceil(left)))
end

local function publish(call)
  local view, grant = call.view, call.grant
  if settings.of(grant, "publish_destination") == "none" then refuse(NO_DESTINATION) end
  refuse_while_cooling(call)
  local what = syncs.pending(view)
  if call.args.translations then what = chosen(view, call.args.translations, what) end
  local count = #what.texts + #what.deleted + #what.languages
  if count == 0 then
    return { success = true, published = 0, syncJobIds = json.array(), message = "Nothing to publish." }
  end
  local sync = syncs.start(view, grant.id, what, settings.of(grant, "sync_ms") / 1000,
    settings.of(grant, "sync_outcome"))
  view.cool_at = ngx.now() + settings.of(grant, "publish_cooldown")
  return {
    success = true, published = count, syncJobIds = json.array { sync.id }, message = "Publishing has started.",
  }
end

-- Syncs -------------------------------------------------------------------------------------------------

local function summary(sync)
  return {
    id = sync.id, tp = sync.type, st = sync.state, st_at = iso_time(sync.started), cp_at = iso_time(sync.completed),
  }
end

local function get_syncs(call)
  local args, found = call.args, {}
  for _, sync in ipairs(call.view.syncs) do
    if (not args.status or args.status == sync.state) and (not args.type or args.type == sync.type) then
      found[#found + 1] = summary(sync)
    end
  end
  local items = json.array { unpack(found, 1, math.min(#found, args.limit or 10)) }
  return { prj = args.project, tot = #found, sy = items }
end

-- A sync of the grant's own organization and, where it matters, its own view.
local function reachable(grant, id)
  local sync = syncs.find(id)
  local project = sync and sync.view.project
  if not sync or project.organizationId ~= grant.organization_id or not access.may_see(grant, project)
    or sync.grant_id ~= grant.id and not project.shared then
    refuse("Sync not found: " .. id)
  end
  return sync
end

local function affected(sync)
  local list = json.array()
  for _, item in ipairs(sync.what.texts) do
    list[#list + 1] = { id = item.key.id, k = item.key.name, ns = item.key.ns, l = item.language }
  end
  for _, key in ipairs(sync.what.deleted) do
    list[#list + 1] = { id = key.id, k = key.name, ns = key.ns, del = true }
  end
  return list
end

local function get_sync(call)
  local sync = reachable(call.grant, call.args.syncId)
  local ends = ngx.now() + (call.args.waitMs or 0) / 1000
  while not syncs.is_over(sync) and ngx.now() < ends do
    ngx.sleep(math.min(WAIT_SLICE, math.max(0.001, ends - ngx.now())))
    syncs.advance(sync.view)
  end
  local value, log = summary(sync), json.array()
  for index, line in ipairs(sync.log) do log[index] = { at = iso_time(line.at), msg = line.msg } end
  value.log, value.aff_k = log, affected(sync)
  return value
end

local function cancel_sync(call)
  local sync = reachable(call.grant, call.args.syncId)
  if sync.view ~= call.view then refuse("Sync not found: " .. call.args.syncId) end
  local before = sync.state
  if syncs.is_over(sync) then
    return { id = sync.id, can = false, prev = before, rsn = "The sync is " .. before .. " already." }
  end
  syncs.cancel(sync)
  return { id = sync.id, can = true, prev = before }
end

local states = { pending = true, in_progress = true, completed = true, failed = true, cancelled = true }
local project = arguments.string { required = true }
local sync_id = arguments.string { required = true }

return {
  { name = "getPendingChanges", act = pending_changes, arguments = { project = project },
    description = "What publishing would change." },
  { name = "publishTranslations", scope = "translations:publish", act = publish,
    description = "Publishes everything that is pending, or the texts that are named.",
    arguments = {
      project = project,
      translations = arguments.array { item = arguments.object { fields = {
        keyId = arguments.string { required = true }, languageCode = arguments.string { required = true },
      } } },
    } },
  { name = "getSyncs", act = get_syncs, description = "The latest syncs.",
    arguments = {
      project = project, limit = arguments.integer { min = 1, max = 50 },
      status = arguments.string { one_of = states }, type = arguments.string(),
    } },
  { name = "getSync", act = get_sync, description = "One sync; waits for its end when asked to.",
    arguments = { syncId = sync_id, waitMs = arguments.integer { min = 0, max = 25000 } } },
  { name = "cancelSync", act = cancel_sync, description = "Stops a sync that is not over.",
    arguments = { project = project, syncId = sync_id } },
}
