-- The exact bytes of an HTTP/1.1 response, and the connection to write them on, beneath nginx.
-- Only http/writer.lua calls it. A connection used so is closed afterwards.
local raw = {}

local reasons = {
  [100] = "Continue", [103] = "Early Hints",
  [200] = "OK", [201] = "Created", [204] = "No Content", [301] = "Moved Permanently", [302] = "Found",
  [400] = "Bad Request", [401] = "Unauthorized", [403] = "Forbidden", [404] = "Not Found", [410] = "Gone",
  [429] = "Too Many Requests", [500] = "Internal Server Error", [502] = "Bad Gateway",
  [503] = "Service Unavailable", [504] = "Gateway Timeout",
}

function raw.head(status, headers)
  local lines, names = { string.format("HTTP/1.1 %d %s", status, reasons[status] or "Status") }, {}
  for name in pairs(headers) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local values = headers[name]
    for _, value in ipairs(type(values) == "table" and values or { values }) do
      lines[#lines + 1] = name .. ": " .. value
    end
  end
  return table.concat(lines, "\r\n") .. "\r\n\r\n"
end

-- Head and body as they would go over the wire. Framing headers that a fault set stay as they are.
function raw.bytes(reply)
  local headers = reply.headers
  if not headers["Content-Length"] and not headers["Transfer-Encoding"] and reply.status ~= 204 then
    headers["Content-Length"] = #reply.body
  end
  return raw.head(reply.status, headers) .. reply.body
end

function raw.chunk(text)
  return string.format("%x\r\n%s\r\n", #text, text)
end

-- The connection itself; nil for HTTP/2, whose connection carries other requests too.
function raw.socket()
  if ngx.req.http_version() >= 2 then return nil end
  return assert(ngx.req.socket(true))
end

return raw
