-- What each fault does to a good answer, byte for byte: name → function(connection, answer, n, tools). Runs in the raw
-- server's process, called by spec/faults/service.lua; which outcome is right for each stands in table.lua.
-- answer: status, headers (an array of lines), body, chunked (its framing), request (the one it answers).
local gzip = require "spec.faults.gzip"

local kinds = {}

local function chunk(text) return ("%x\r\n%s\r\n"):format(#text, text) end

local function head(answer, framing)
  local lines = { "HTTP/1.1 " .. answer.status, "X-Request-Id: req_1" }
  for _, line in ipairs(answer.headers) do lines[#lines + 1] = line end
  lines[#lines + 1] = framing
  return table.concat(lines, "\r\n") .. "\r\n\r\n"
end

--- Head and body as they go over the wire.
function kinds.bytes(answer)
  if answer.chunked then
    local half = math.floor(#answer.body / 2)
    return head(answer, "Transfer-Encoding: chunked"),
      chunk(answer.body:sub(1, half)) .. chunk(answer.body:sub(half + 1)) .. "0\r\n\r\n"
  end
  return head(answer, "Content-Length: " .. #answer.body), answer.body
end

local function whole(answer)
  local first, second = kinds.bytes(answer)
  return first .. second
end

local function send(connection, answer) connection:send(whole(answer)) end

local function fields_of(answer, fields)
  local copy = {}
  for name, value in pairs(answer) do copy[name] = value end
  for name, value in pairs(fields) do copy[name] = value end
  return copy
end

local function with_header(answer, ...)
  local headers = {}
  for _, line in ipairs(answer.headers) do headers[#headers + 1] = line end
  for _, line in ipairs { ... } do headers[#headers + 1] = line end
  return fields_of(answer, { headers = headers })
end

-- With one member more in front; `escaped` as it stands inside of a string.
local function with_member(answer, member)
  return fields_of(answer, { body = (answer.body:gsub("{", function() return "{" .. member .. "," end, 1)) })
end

local function define(name, change)
  kinds[name] = function(connection, answer) send(connection, change(answer)) end
end

define("none", function(answer) return answer end)

-- The connection ----------------------------------------------------------------------------------------------------

function kinds.fin(connection, answer, n)
  connection:send(whole(answer):sub(1, n))
  connection:close()
end

function kinds.rst(connection, answer, n)
  connection:send(whole(answer):sub(1, n))
  connection:reset()
end

-- A byte every n milliseconds.
local function drip(connection, answer, n, tools)
  local bytes, at = whole(answer), 0
  local function go_on()
    at = at + 1
    if connection.closed or at > #bytes then return end
    connection:send(bytes:sub(at, at))
    tools.later(n / 1000, go_on)
  end
  go_on()
end
kinds.drip_within, kinds.drip_beyond = drip, drip

-- Half of the body, and then nothing for as long as anybody waits.
function kinds.stall(connection, answer)
  local first, second = kinds.bytes(answer)
  connection:send(first .. second:sub(1, math.floor(#second / 2)))
end

-- Lengths -----------------------------------------------------------------------------------------------------------

local function plain(answer) return fields_of(answer, { chunked = false }) end

local function of_length(answer, length) return head(answer, "Content-Length: " .. length) .. answer.body end

function kinds.cut_length(connection, answer)
  connection:send(head(answer, "Content-Length: " .. #answer.body) .. answer.body:sub(1, math.floor(#answer.body / 2)))
  connection:close()
end

local function cut_chunked(bytes_of_second)
  return function(connection, answer)
    local half = math.floor(#answer.body / 2)
    local second = chunk(answer.body:sub(half + 1))
    connection:send(head(answer, "Transfer-Encoding: chunked") .. chunk(answer.body:sub(1, half))
      .. second:sub(1, bytes_of_second or #second))
    connection:close()
  end
end
kinds.cut_chunked, kinds.cut_in_chunk = cut_chunked(), cut_chunked(8)

function kinds.bad_chunk(connection, answer)
  connection:send(head(answer, "Transfer-Encoding: chunked") .. "zz\r\n" .. answer.body .. "\r\n0\r\n\r\n")
  connection:close()
end

function kinds.length_longer(connection, answer) connection:send(of_length(answer, #answer.body + 10)) end

function kinds.length_shorter(connection, answer) connection:send(of_length(answer, #answer.body - 5)) end

-- Bytes that nobody promised, behind a whole answer: they must not become the next one.
function kinds.bytes_behind(connection, answer)
  connection:send(whole(answer) .. 'HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{"marker":"evil"}')
end

-- Compression -------------------------------------------------------------------------------------------------------

-- For who takes it: "Accept-Encoding: identity" is honoured.
local function compressed(spoil)
  return function(answer)
    if answer.request.head:lower():find "\naccept%-encoding: identity" then return answer end
    return with_header(fields_of(plain(answer), { body = spoil(gzip.store(answer.body)) }), "Content-Encoding: gzip")
  end
end

local function flip(bytes, at) return bytes:sub(1, at - 1) .. string.char(255 - bytes:byte(at)) .. bytes:sub(at + 1) end

define("gzip", compressed(function(bytes) return bytes end))
define("gzip_cut", compressed(function(bytes) return bytes:sub(1, math.floor(#bytes / 2)) end))
define("gzip_cut_in_trailer", compressed(function(bytes) return bytes:sub(1, -4) end))
define("gzip_corrupt", compressed(function(bytes) return flip(bytes, 13) end)) -- a length that contradicts itself
define("gzip_bad_sum", compressed(function(bytes) return flip(bytes, #bytes - 7) end))

-- Heads -------------------------------------------------------------------------------------------------------------

function kinds.interim_100(connection, answer) connection:send("HTTP/1.1 100 Continue\r\n\r\n" .. whole(answer)) end

function kinds.interim_103(connection, answer)
  connection:send(("HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n"):rep(3) .. whole(answer))
end

function kinds.interim_only(connection)
  connection:send "HTTP/1.1 103 Early Hints\r\n\r\n"
  connection:close()
end

define("header_300k", function(answer) return with_header(answer, "X-Huge: " .. ("h"):rep(300 * 1024)) end)

local function many_headers(size)
  return function(answer)
    local lines = {}
    for index = 1, 1000 do lines[index] = ("X-Many-%d: %s"):format(index, ("h"):rep(size)) end
    return with_header(answer, (table.unpack or unpack)(lines)) -- luacheck: ignore 143
  end
end
define("headers_1000", many_headers(20))
define("headers_1000_large", many_headers(300))

local function redirect(status)
  return function(answer, _, tools)
    return { status = status, body = "", headers = { "Location: " .. tools.elsewhere .. "/stolen" }, request =
      answer.request }
  end
end
for name, status in pairs { redirect_302 = "302 Found", redirect_307 = "307 Temporary Redirect",
                            redirect_308 = "308 Permanent Redirect" } do
  local change = redirect(status)
  kinds[name] = function(connection, answer, n, tools) send(connection, change(answer, n, tools)) end
end

define("proxy_407", function()
  return {
    status = "407 Proxy Authentication Required", body = "", headers = { 'Proxy-Authenticate: Basic realm="x"' },
  }
end)

-- Bodies ------------------------------------------------------------------------------------------------------------

-- A page that shows what was sent, as some gateways do: nothing of that may come out of the client.
define("html_502", function(answer)
  return {
    status = "502 Bad Gateway", headers = { "Content-Type: text/html" },
    body = ("<html><body><h1>502</h1><pre>%s\n%s</pre></body></html>"):format(answer.request.head, answer.request.body),
  }
end)

define("empty_200", function(answer) return fields_of(answer, { body = "", chunked = false }) end)

define("bad_json", function(answer)
  return fields_of(answer, { body = (answer.body:gsub("}([^}]*)$", ",]%1", 1)) })
end)

local DEEP = '"deep":' .. ("["):rep(10000) .. ("]"):rep(10000)
local members = {
  deep = DEEP, nul_raw = '"nul":"a\0b"', nul_escaped = '"nul":"a\\u0000b"', invalid_utf8 = '"bytes":"a\255\254b"',
}
for name, member in pairs(members) do
  define(name, function(answer) return with_member(answer, member) end)
end

-- Each member that is there once more: the same again, so that whichever counts is right.
define("duplicate_keys", function(answer)
  local members_of = answer.body:match "{(.*)}"
  return with_member(answer, members_of)
end)

-- The same faults in the text of a tool's answer, which is a document of its own: `text` changes it.
kinds.in_text = {
  bad_json_in_text = function(text) return (text:gsub("}$", ",]")) end,
  deep_in_text = function(text) return (text:gsub("^{", function() return "{" .. DEEP .. "," end)) end,
  nul_in_text = function(text) return (text:gsub("^{", '{"nul":"a\\u0000b",')) end,
}
for name in pairs(kinds.in_text) do kinds[name] = kinds.none end

return kinds
