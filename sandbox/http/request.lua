-- Reads the request that nginx holds into one plain table, body and all, so that the rest of the sandbox
-- knows nothing of nginx. Only main.lua calls it.
local request = {}

local function read_body()
  ngx.req.read_body()
  local body = ngx.req.get_body_data()
  if body then return body end
  local name = ngx.req.get_body_file()
  if not name then return "" end
  local file = assert(io.open(name, "rb"))
  body = file:read "*a"
  file:close()
  return body
end

-- Splits before unescaping: an encoded slash stays inside its part.
local function split_path(path)
  local parts = {}
  for part in path:gmatch "[^/]+" do parts[#parts + 1] = ngx.unescape_uri(part) end
  return parts
end

-- A repeated header arrives as a table; the sandbox looks at one value only.
local function single(value)
  return type(value) == "table" and value[1] or value
end

function request.read()
  local body = read_body()
  local path = ngx.var.request_uri:match "^[^?]*"
  local headers = ngx.req.get_headers(0)
  return {
    method = ngx.req.get_method(),
    path = path,
    parts = split_path(path),
    query = ngx.var.args or "",
    args = ngx.req.get_uri_args(0),
    headers = headers,
    body = body,
    content_type = (single(headers["content-type"]) or ""):match "^%s*([^;%s]*)":lower(),
    authorization = single(headers.authorization),
    bearer = (single(headers.authorization) or ""):match "^Bearer (.+)$",
    cookie = headers.cookie ~= nil,
    http_version = ngx.req.http_version(),
    connection = tonumber(ngx.var.connection),
    connection_requests = tonumber(ngx.var.connection_requests),
    base_url = ngx.var.scheme .. "://" .. (ngx.var.http_host or "127.0.0.1:" .. ngx.var.server_port),
  }
end

-- The fields of a form body, decoded; nil when the request is not a form. Read once.
function request.form(req)
  if req.content_type ~= "application/x-www-form-urlencoded" then return nil end
  if not req.form then
    req.form = ngx.decode_args(req.body, 0) or {}
    for name, value in pairs(req.form) do req.form[name] = value == true and "" or single(value) end
  end
  return req.form
end

return request
