-- What each kind of fault does: kind → function(rule, answer), where `answer` does the real work and returns
-- the real reply. main.lua calls the one that faults/rules.lua chose; control/faults.lua asks for the fields.
local gzip = require "gzip"
local json = require "json"
local raw = require "http.raw"
local reply = require "http.reply"

local kinds = { act = {}, fields = {} }

-- Common to the kinds that answer something else: with `process` the work is done first, then hidden.
local function instead(rule, answer, other)
  if rule.process then answer() end
  return other
end

local function define(name, fields, act)
  kinds.fields[name], kinds.act[name] = fields, act
end

-- Time ------------------------------------------------------------------------------------------------

define("delay", { ms = "number", after = "boolean" }, function(rule, answer)
  local done = rule.after and answer()
  ngx.sleep((rule.ms or 0) / 1000)
  return done or answer()
end)

define("delay_body", { ms = "number" }, function(rule, answer)
  local result = answer()
  result.send, result.drip, result.drip_bytes = "drip", (rule.ms or 0) / 1000, math.max(1, #result.body)
  return result
end)

define("drip", { ms = "number", bytes = "number" }, function(rule, answer)
  local result = answer()
  result.send, result.drip, result.drip_bytes = "drip", (rule.ms or 10) / 1000, rule.bytes or 1
  return result
end)

-- The connection --------------------------------------------------------------------------------------

define("close", { process = "boolean" }, function(rule, answer)
  return instead(rule, answer, { send = "nothing" })
end)

define("reset", { process = "boolean" }, function(rule, answer)
  return instead(rule, answer, { send = "reset" })
end)

define("close_after", { bytes = "number", rst = "boolean", hold_ms = "number" }, function(rule, answer)
  local result = answer()
  result.wire = raw.bytes(result)
  result.send, result.cut, result.reset = "cut", rule.bytes or 0, rule.rst
  result.hold = rule.hold_ms and rule.hold_ms / 1000
  return result
end)

define("truncate", { bytes = "number" }, function(rule, answer)
  local result = answer()
  result.headers["Content-Length"] = #result.body
  result.body = result.body:sub(1, rule.bytes or math.floor(#result.body / 2))
  result.send = "cut"
  return result
end)

define("truncate_chunked", { inside = "boolean" }, function(rule, answer)
  local result = answer()
  local half = math.floor(#result.body / 2)
  local second = raw.chunk(result.body:sub(half + 1))
  result.headers["Transfer-Encoding"] = "chunked"
  result.body = raw.chunk(result.body:sub(1, half)) .. (rule.inside and second:sub(1, 8) or second)
  result.send = "cut"
  return result
end)

define("interim", { status = "number", count = "number" }, function(rule, answer)
  local result = answer()
  local head = raw.head(rule.status or 103, { Link = "</style.css>; rel=preload" })
  result.wire = head:rep(rule.count or 1) .. raw.bytes(result)
  result.send = "cut"
  return result
end)

-- The answer ------------------------------------------------------------------------------------------

local function with_headers(result, headers)
  for name, value in pairs(headers or {}) do result.headers[name] = value end
  return result
end

local status_fields = {
  status = "number", body = "any", headers = "table", content_type = "string", process = "boolean",
}

define("status", status_fields, function(rule, answer)
  local text = rule.body
  if type(text) == "table" then text = json.encode(text) end
  local result = reply.new(rule.status or 500, rule.content_type or "application/json", text)
  return instead(rule, answer, with_headers(result, rule.headers))
end)

define("html", { status = "number", process = "boolean" }, function(rule, answer)
  local status = rule.status or 502
  local page = "<html>\r\n<head><title>%d</title></head>\r\n<body><h1>%d</h1></body>\r\n</html>\r\n"
  return instead(rule, answer, reply.new(status, "text/html; charset=utf-8", page:format(status, status)))
end)

define("empty", { status = "number", process = "boolean" }, function(rule, answer)
  return instead(rule, answer, { status = rule.status or 200, headers = {}, body = "" })
end)

define("bad_json", { body = "string" }, function(rule, answer)
  local result = answer()
  result.body = rule.body or result.body:sub(1, -2) .. ",]"
  return result
end)

define("rate_limit", { retry_after = "number", form = "string", process = "boolean" }, function(rule, answer)
  local seconds, form = rule.retry_after or 1, rule.form or "seconds"
  if form == "x" then
    local result = reply.text(429, "Too many requests. Please try again later.")
    result.headers["X-Retry-After"] = seconds
    return instead(rule, answer, result)
  end
  local result = reply.failure(429, "rate_limited", "Too many requests for this installation.")
  if form == "seconds" then result.headers["Retry-After"] = seconds end
  if form == "date" then result.headers["Retry-After"] = ngx.http_time(math.ceil(ngx.now() + seconds)) end
  return instead(rule, answer, result)
end)

define("expire", {}, function()
  return reply.failure(401, "invalid_token", "The token has expired.")
end)

define("redirect", { location = "string", status = "number" }, function(rule)
  return reply.redirect(rule.location or "/", rule.status or 302)
end)

define("huge_header", { bytes = "number" }, function(rule, answer)
  return with_headers(answer(), { ["X-Huge"] = ("h"):rep(rule.bytes or 200000) })
end)

-- Size and coding -------------------------------------------------------------------------------------

-- {"padding":"xxxx…"} of about that many bytes, piece by piece.
local function padding(bytes)
  local piece, left, stage = ("x"):rep(65536), bytes, "open"
  return function()
    if stage == "open" then
      stage = "middle"
      return '{"padding":"'
    elseif stage == "middle" and left > 0 then
      local now = piece:sub(1, math.min(left, #piece))
      left = left - #now
      return now
    elseif stage ~= "end" then
      stage = "end"
      return '"}'
    end
    return nil
  end
end

define("big_body", { bytes = "number" }, function(rule)
  local result = reply.new(200, "application/json")
  result.body, result.stream = nil, padding(rule.bytes or 1000000)
  return result
end)

local function gzipped(result, bytes)
  result.headers["Content-Encoding"] = "gzip"
  result.body = bytes
  return result
end

define("gzip", {}, function(_, answer)
  local result = answer()
  return gzipped(result, gzip.compress(result.body))
end)

define("gzip_truncated", { bytes = "number" }, function(rule, answer)
  local result = answer()
  local bytes = gzip.compress(result.body)
  return gzipped(result, bytes:sub(1, rule.bytes or math.floor(#bytes / 2)))
end)

define("gzip_bomb", { bytes = "number" }, function(rule)
  return gzipped(reply.new(200, "application/json"), gzip.compress_all(padding(rule.bytes or 200000000)))
end)

return kinds
