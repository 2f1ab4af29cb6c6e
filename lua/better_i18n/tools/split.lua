-- Writes of any length: cut into requests that the service takes, sent one after another, merged into one result. Each
-- item is sent once: what was refused as too large (413) is cut in halves, any other failure ends it and says what was
-- done, what was not sent and what nobody knows. Called by keys.lua.

local call = require "better_i18n.tools.call"
local core = require "better_i18n.core"

-- Servers refuse bodies above 4 MiB (API.md); the envelope around the items stays far below the rest.
local MOST_BYTES = 3 * 1024 * 1024

-- Lists in the answers that name items which were not done as asked.
local refusals = { skipped = "skipped", blocked = "blocked", errors = "error" }

-- Merging -----------------------------------------------------------------------------------------------------------

local function key_name(namespace, name) return tostring(namespace) .. "\0" .. tostring(name) end

local function note(index, name, place)
  index[name] = index[name] == nil and place or false -- false: more than one
end

-- Where the items of one request stand in the caller's list, by all that an answer may name them with.
local function places_of(job, first, last)
  local index = {}
  for place = first, last do
    local wire = job.wire[place]
    if type(wire) == "string" then
      note(index, wire, place)
    elseif wire.id then
      note(index, wire.id, place)
      if wire.l then note(index, key_name(wire.id, wire.l), place) end
    else
      note(index, key_name(wire.ns or "default", wire.n), place)
      note(index, wire.n, place)
    end
  end
  return index
end

local function place_of(index, entry)
  if type(entry) ~= "table" then return index[entry] or nil end
  local place
  if entry.id then place = index[key_name(entry.id, entry.language)] end
  if not place and entry.key and entry.namespace then place = index[key_name(entry.namespace, entry.key)] end
  return place or entry.id and index[entry.id] or not entry.namespace and entry.key and index[entry.key] or nil
end

-- Every entry of a list says which item it is about (`index` in the caller's list); refusals are also in `failed`.
local function merge_list(job, name, entries, index)
  local list, failed = job.result[name], job.result.failed
  for _, entry in ipairs(entries) do
    local place = place_of(index, entry)
    if type(entry) == "table" and entry.index == nil then entry.index = place end
    list[#list + 1] = entry
    if refusals[name] then
      local about = type(entry) == "table" and entry or {}
      failed[#failed + 1] = {
        index = place, item = place and job.items[place], kind = refusals[name],
        reason = about.reason or about.error or (type(entry) == "string" and entry) or nil,
        key = about.key, namespace = about.namespace, id = about.id, language = about.language,
        conflict = about.conflict,
      }
    end
  end
end

local function is_list(value) return type(value) == "table" and (value[1] ~= nil or next(value) == nil) end

-- `failed` is ours, whatever the service may one day call so.
local function merge_field(job, name, value, index)
  local result = job.result
  if name == "failed" then return end
  local known = result[name]
  if type(value) == "number" and type(known) == "number" then
    result[name] = known + value
  elseif name == "ok" and type(known) == "boolean" then
    result.ok = known and value == true
  elseif is_list(value) and (known == nil or type(known) == "table") then
    result[name] = known or core.array {}
    merge_list(job, name, value, index)
  else
    result[name] = value
  end
end

local function merge(job, answer, first, last)
  local index = places_of(job, first, last)
  for name, value in pairs(answer) do merge_field(job, name, value, index) end
end

-- Sending -----------------------------------------------------------------------------------------------------------

-- The last item that goes into one request with the first, and the bytes of all.
local function take(job, first)
  local sizes, last = job.sizes, first
  local bytes = sizes[first]
  while last < #sizes and last - first + 1 < job.most and bytes + sizes[last + 1] <= job.bytes do
    last = last + 1
    bytes = bytes + sizes[last]
  end
  return last, bytes
end

local function slice(list, first, last)
  local part = core.array {}
  for place = first, last do part[#part + 1] = list[place] end
  return part
end

local function send(job, first, last)
  job.arguments[job.field] = slice(job.wire, first, last)
  return call.tool(job.where, job.client, job.tool, job.arguments, job.options)
end

-- The request was too large, not the answer to it.
local function is_refused_as_large(problem) return problem.status == 413 end

-- Whether a request that ended in this error may have been carried out. A tool that failed without a code may have
-- done a part of its work; one whose answer was too large to be read has; one that was called off may have been under
-- way.
local function is_doubtful(problem)
  local code = problem.code
  if code == "outcome_unknown" or code == "tool_error" then return true end
  if code == "too_large" then return not is_refused_as_large(problem) end
  return (code == "cancelled" or code == "closed" or code == "timeout") and (problem.attempts or 0) > 0
end

local function annotate(job, problem, first, last)
  if not core.is_error(problem) then return problem end
  local count, doubtful = #job.items, is_doubtful(problem)
  problem.done = job.result
  problem.doubtful = doubtful and slice(job.items, first, last) or core.array {}
  problem.rest = slice(job.items, doubtful and last + 1 or first, count)
  if is_refused_as_large(problem) then
    problem.message = ("%s; it is %s, which is too large even alone: shorten it"):format(problem.message,
      job.describe(first))
  end
  if count > 1 then
    problem.message = ("%s; of %d items %d had been sent before (done), %d have an unknown outcome (doubtful), "
      .. "%d were not done (rest)"):format(tostring(problem.message), count, first - 1, #problem.doubtful,
      #problem.rest)
  end
  return problem
end

--- Sends all items.
-- @param job (table) where: the method's name; client, tool, options; arguments: those beside the list; field: the
--   list's name on the wire; items: the caller's; wire: the same as they go out; sizes: of each, in bytes; most: items
--   in a request; describe(place): an item in words
-- @return the merged result, the last response
-- @raise as call.tool, with `done` (the merged result so far), `doubtful` and `rest` (arrays of the caller's items)
return function(job)
  job.bytes, job.result = MOST_BYTES, { failed = core.array {} }
  local first, response = 1, nil
  while first <= #job.items do
    local last, bytes = take(job, first)
    local ok, answer, about = pcall(send, job, first, last)
    if ok then
      merge(job, answer, first, last)
      first, response = last + 1, about
    elseif core.is_error(answer) and is_refused_as_large(answer) and last > first then
      job.bytes = math.floor(bytes / 2)
    else
      error(annotate(job, answer, first, last), 0)
    end
  end
  return job.result, response
end
