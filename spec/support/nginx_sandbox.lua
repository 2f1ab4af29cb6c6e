-- A sandbox of the spec's own, and a plain HTTP client on luasocket to control it and to ask nginx with.
local cjson = require "cjson"
local http = require "socket.http"
local ltn12 = require "ltn12"
local shell = require "spec.support.shell"

local sandbox = {}
sandbox.__index = sandbox

--- @return number status, string body, table headers; or nil and why
function sandbox.fetch(method, url, body, headers)
  local parts, all = {}, { ["content-length"] = body and tostring(#body) or "0" }
  for name, value in pairs(headers or {}) do all[name] = value end
  local ok, status, reply_headers = http.request {
    url = url, method = method, headers = all, redirect = false,
    source = body and ltn12.source.string(body), sink = ltn12.sink.table(parts),
  }
  if not ok then return nil, status end
  return status, table.concat(parts), reply_headers
end

--- Starts an instance; it ends with this process, or with `stop`.
function sandbox.start()
  local self = setmetatable({ dir = shell.line "mktemp -d" }, sandbox)
  assert(shell.run("sandbox/sandbox start " .. self.dir .. " $PPID"), "the sandbox does not start")
  for line in io.lines(self.dir .. "/env") do
    local name, value = line:match "^export BETTER_I18N_SANDBOX_([%w_]+)='(.*)'$"
    self[name] = value
  end
  return self
end

function sandbox:stop()
  shell.run("sandbox/sandbox stop " .. self.dir .. "; rm -rf " .. self.dir)
end

--- A POST to /_sandbox/<path>.
function sandbox:control(path, fields)
  local status, body = sandbox.fetch("POST", self.URL .. "/_sandbox/" .. path, cjson.encode(fields))
  assert(status == 200 or status == 201, body)
  return cjson.decode(body)
end

function sandbox:counters(grant_id)
  local _, body = sandbox.fetch("GET", self.URL .. "/_sandbox/counters?grant=" .. grant_id)
  return cjson.decode(body)
end

return sandbox
