-- Sends a reply, the ordinary way or in the way a fault asked for (reply.send). Only main.lua calls it;
-- faults/kinds.lua chooses among the ways.
local raw = require "http.raw"

local writer = {}

local function send_head(reply)
  ngx.status = reply.status
  for name, value in pairs(reply.headers) do ngx.header[name] = value end
  if reply.body and reply.status ~= 204 then ngx.header["Content-Length"] = #reply.body end
end

local function send_whole(reply)
  send_head(reply)
  if not reply.stream then return ngx.print(reply.body) end
  for piece in reply.stream do
    ngx.print(piece)
    if not ngx.flush(true) then return end
  end
end

-- nginx closes with a TCP reset on 444 (reset_timedout_connection), on HTTP/2 too.
local function send_reset()
  return ngx.exit(444)
end

-- Taking the raw socket and leaving it makes nginx close the connection without a byte.
local function send_nothing()
  if not raw.socket() then return ngx.exit(444) end
end

-- HTTP/2 has no bytes of its own to cut: a part of the body, then the stream is reset.
local function send_cut_stream(reply)
  send_head(reply)
  local promised = reply.headers["Content-Length"]
  if promised then ngx.header["Content-Length"] = promised end
  ngx.print(reply.body:sub(1, reply.cut))
  ngx.flush(true)
  if reply.hold then ngx.sleep(reply.hold) end
  return ngx.exit(444)
end

-- The first bytes of the response as they are, a pause perhaps, then the end.
local function send_cut(reply)
  local socket = raw.socket()
  if not socket then return send_cut_stream(reply) end
  socket:send((reply.wire or raw.bytes(reply)):sub(1, reply.cut))
  if reply.hold then ngx.sleep(reply.hold) end
  if reply.reset then return ngx.exit(444) end
end

local function send_dripping(reply)
  send_head(reply)
  ngx.send_headers()
  for start = 1, #reply.body, reply.drip_bytes do
    if not ngx.flush(true) then return end
    ngx.sleep(reply.drip)
    ngx.print(reply.body:sub(start, start + reply.drip_bytes - 1))
  end
end

local ways = { reset = send_reset, nothing = send_nothing, cut = send_cut, drip = send_dripping }

function writer.send(reply)
  return (ways[reply.send] or send_whole)(reply)
end

return writer
