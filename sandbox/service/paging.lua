-- Cuts a list into pages and wraps it, in each style that API.md allows; the styles are settings.
-- service/partner.lua calls it for every list.
local json = require "json"
local reply = require "http.reply"
local settings = require "state.settings"

local paging = {}

local MAX_LIMIT = 100

-- Cursors hold characters that a client must percent-encode.
local function cursor_of(offset, filler)
  return ngx.encode_base64((filler and "f" or "o") .. "~~?" .. offset .. ">>")
end

local function read_cursor(cursor)
  local filler, offset = (ngx.decode_base64(cursor) or ""):match "^([of])~~%?(%d+)>>$"
  return tonumber(offset), filler == "f"
end

local function whole_number(text, default)
  if text == nil then return default end
  local number = tostring(text):match "^%d+$" and tonumber(text)
  return number and number >= 1 and number or nil
end

local function invalid(name)
  return nil, reply.failure(400, "invalid_request", name .. " is not valid.", { field = name })
end

-- Where the asked page starts and how long it is; or nil and the reply.
local function window(req, style, default_limit)
  local limit = whole_number(req.args.limit, default_limit)
  if not limit or limit > MAX_LIMIT then return invalid "limit" end
  local page = whole_number(req.args.page, 1)
  if not page then return invalid "page" end
  local asked = { limit = limit, page = page, offset = (page - 1) * limit }
  if req.args.cursor and not style:find "^page" then
    asked.offset, asked.filler = read_cursor(req.args.cursor)
    asked.cursor = req.args.cursor
    if not asked.offset then return invalid "cursor" end
  end
  return asked
end

local function slice(items, asked)
  local part = json.array()
  for index = asked.offset + 1, math.min(#items, asked.offset + asked.limit) do
    part[#part + 1] = items[index]
  end
  return part
end

-- The items of this page and the cursor of the next (nil on the last).
local function cursor_page(items, asked, grant)
  if settings.of(grant, "empty_pages") and not asked.filler and asked.offset < #items then
    return json.array(), cursor_of(asked.offset, true)
  end
  local next_offset = asked.offset + asked.limit
  local cursor = next_offset < #items and cursor_of(next_offset) or nil
  if settings.of(grant, "repeat_cursor") then cursor = asked.cursor or cursor_of(0) end
  return slice(items, asked), cursor
end

local function wrap(part, name, grant)
  local envelope = settings.of(grant, "envelope")
  if envelope == "array" then return part end
  return { [envelope == "named" and name or envelope] = part }
end

local styles = {}

function styles.none(items, _, name, grant)
  return reply.json(200, wrap(json.array(items), name, grant))
end

function styles.link(items, asked, name, grant, req)
  local part, cursor = cursor_page(items, asked, grant)
  local result = reply.json(200, wrap(part, name, grant))
  local base = settings.of(grant, "link_base")
  if base == "" then base = req.base_url end
  local path = base .. req.path .. "?limit=" .. asked.limit
  local links = { '<' .. path .. '>; rel="first"' }
  if cursor then links[2] = '<' .. path .. "&cursor=" .. ngx.escape_uri(cursor) .. '>; rel="next"' end
  result.headers.Link = table.concat(links, ", ")
  return result
end

local function cursor_style(field)
  return function(items, asked, name, grant)
    local part, cursor = cursor_page(items, asked, grant)
    local value = wrap(part, name, grant)
    if not cursor and settings.of(grant, "null_cursor") then cursor = json.null end
    value[field] = cursor
    return reply.json(200, value)
  end
end

local function page_style(with_total, with_has_more)
  return function(items, asked, name, grant)
    local value = wrap(slice(items, asked), name, grant)
    value.page, value.limit = asked.page, asked.limit
    if with_total then value.total = #items end
    if with_has_more then value.hasMore = asked.offset + asked.limit < #items end
    return reply.json(200, value)
  end
end

styles.nextCursor = cursor_style "nextCursor"
styles.next_cursor = cursor_style "next_cursor"
styles.page = page_style(true, true)
styles.page_total = page_style(true, false)
styles.page_has_more = page_style(false, true)

-- name: the list's own name, for the envelope `named`. A bare array has no room for a cursor in the body,
-- so it falls back to Link.
function paging.reply(req, grant, name, items)
  local style = settings.of(grant, "paging")
  if settings.of(grant, "envelope") == "array" and style ~= "none" then style = "link" end
  local asked, refusal = window(req, style, settings.of(grant, "page_size"))
  if not asked then return refusal end
  return styles[style](items, asked, name, grant, req)
end

return paging
