-- Publishing: what is pending in a view, and the syncs that carry it to the CDN. A sync moves on when somebody
-- looks (`advance`), so it needs no timer. service/tools/publishing.lua and service/cdn.lua use it.
local crypto = require "crypto"
local keys = require "state.keys"

local syncs = {}

local by_id
local publishers -- project id → views that were ever published, the latest of them, and when that was

function syncs.reset()
  by_id, publishers = {}, {}
end

local function is_pending(value)
  return value.t ~= value.pub
end

-- { texts = { { key, language } … }, deleted = { key … }, languages = { row … } }
function syncs.pending(view)
  local found = { texts = {}, deleted = {}, languages = {} }
  keys.each_own(view, function(key)
    if key.deleted then
      found.deleted[#found.deleted + 1] = key
      return
    end
    for language, value in pairs(key.tr) do
      if is_pending(value) then found.texts[#found.texts + 1] = { key = key, language = language } end
    end
  end)
  for _, row in ipairs(view.languages) do
    if row.pending then found.languages[#found.languages + 1] = row end
  end
  table.sort(found.deleted, function(a, b) return a.id < b.id end)
  table.sort(found.texts, function(a, b) return a.key.id .. a.language < b.key.id .. b.language end)
  return found
end

local function note(sync, at, message)
  sync.log[#sync.log + 1] = { at = at, msg = message }
end

local function publishers_of(project)
  local list = publishers[project.id] or { at = 0 }
  publishers[project.id] = list
  return list
end

-- what: as `pending` returns it. The texts are taken as they are now.
function syncs.start(view, grant_id, what, duration, outcome)
  local now = ngx.now()
  local sync = {
    id = crypto.new_id("sync_", 8), type = "publish", state = "pending", started = now, duration = duration,
    outcome = outcome, grant_id = grant_id, view = view, what = what, log = {},
  }
  for _, item in ipairs(what.texts) do item.text = item.key.tr[item.language].t end
  note(sync, now, "queued")
  if #view.syncs == 0 then table.insert(publishers_of(view.project), view) end
  table.insert(view.syncs, 1, sync)
  by_id[sync.id] = sync
  return sync
end

local function apply(sync)
  local view = sync.view
  for _, item in ipairs(sync.what.texts) do
    local key = keys.find(view, item.key.id)
    local value = key and key.tr[item.language]
    if value then value.pub = item.text end
  end
  for _, deleted in ipairs(sync.what.deleted) do
    local key = keys.find(view, deleted.id)
    if key and key.deleted then keys.remove(view, key) end
  end
  for _, row in ipairs(sync.what.languages) do row.pending = false end
  view.published_at = math.floor(sync.completed)
  local list = publishers_of(view.project)
  if sync.completed >= list.at then list.latest, list.at = view, sync.completed end
  keys.touch(view)
end

local function finish(sync)
  sync.completed = sync.started + sync.duration
  sync.state = sync.outcome
  if sync.outcome == "completed" then apply(sync) end
  note(sync, sync.completed, sync.outcome == "completed" and "published" or "the upload failed")
end

local function advance_one(sync)
  local elapsed = ngx.now() - sync.started
  if sync.state == "pending" and elapsed >= sync.duration / 4 then
    sync.state = "in_progress"
    note(sync, sync.started + sync.duration / 4, "uploading")
  end
  if sync.state == "in_progress" and elapsed >= sync.duration then finish(sync) end
end

-- Brings the syncs of a view to where they are by now, the oldest first.
function syncs.advance(view)
  for index = #view.syncs, 1, -1 do advance_one(view.syncs[index]) end
end

-- What is on the CDN: the view that was published last, which may be a grant's own.
function syncs.public_view(project)
  local list = publishers_of(project)
  for _, view in ipairs(list) do syncs.advance(view) end
  return list.latest or keys.view(project)
end

function syncs.find(id)
  local sync = by_id[id]
  if sync then syncs.advance(sync.view) end
  return sync
end

function syncs.is_over(sync)
  return sync.state ~= "pending" and sync.state ~= "in_progress"
end

function syncs.cancel(sync)
  sync.state, sync.completed = "cancelled", ngx.now()
  note(sync, sync.completed, "cancelled")
end

return syncs
