-- Answers that end, or go wrong, at every byte: each gives a clean error or a clean retry, never a hang, a crash or
-- a half-filled table. Over http (FIN and RST), https and HTTP/2; then framing, compression and sizes.
local better_i18n = require "better_i18n"
local expect = require "spec.support.expect"
local raw_server = require "spec.support.raw_server"
local sandbox = require "spec.support.sandbox"
local socket = require "socket"

setup(sandbox.start)
teardown(sandbox.stop)

local BODY = '{"name":"Z\\u00fcrich","list":[1,2,{"a":null}],"x":true}'
local HEAD = "HTTP/1.1 200 OK\r\nX-Request-Id: req_1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
local RESPONSE = HEAD:format(#BODY) .. BODY
local DATA = { name = "Zürich", list = { 1, 2, {} }, x = true }

-- Every n under ordinary circumstances, some where all is slow.
local STEP = expect.slow and 17 or 1

-- "/cut/<n>/<how>" answers with the first n bytes of `response`, then ends the connection; "/cut/<n>/once…" does so
-- for the first request of that path only.
local CUTTER = [[
  local response = %q
  local seen = {}
  return function(request, connection)
    local n, how = request.path:match "^/cut/(%%d+)/(%%a+)"
    local again = seen[request.path]
    seen[request.path] = true
    if how == "once" and again then return connection:send(response) end
    connection:send(response:sub(1, tonumber(n)))
    if how == "reset" then connection:reset() else connection:close() end
  end
]]

-- What must hold of a call that met the end after byte n.
local function check_end(n, head_length, whole, ok, result, response)
  local where = "after byte " .. n
  if n >= whole then
    assert.is_true(ok, where .. ": " .. tostring(result))
    assert.same(DATA, result, where)
    return
  end
  assert.is_false(ok, where)
  assert.is_true(better_i18n.is_error(result), where .. ": " .. tostring(result))
  assert.is_nil(response)
  assert.equal(n < head_length and "network" or "invalid_response", result.code, where .. ": " .. tostring(result))
  assert.equal(n >= head_length and 200 or nil, result.status, where)
  assert.equal(n >= head_length and "req_1" or nil, result.request_id, where)
  assert.equal(1, result.attempts, where)
end

describe("a connection that ends after byte n of the answer", function()
  local server, client
  local serial = 10
  local head_length = #RESPONSE - #BODY

  setup(function()
    server = raw_server.start(CUTTER:format(RESPONSE))
  end)
  teardown(function() server:stop() end)

  -- Connections of its own for each test: one that the server just ended costs a read a try, and takes a write with
  -- it that never arrives.
  before_each(function()
    serial = serial + 1
    client = better_i18n.new {
      base_url = server.url, installation_token = "bi_oat_0123456789", timeout = 10, max_connections = serial,
      random = function() return 0 end,
    }
  end)
  after_each(function() client:close() end)

  it("gives the data or the right error, for every n (FIN)", function()
    for n = 0, #RESPONSE, STEP do
      local path = "/cut/" .. n .. "/fin"
      check_end(n, head_length, #RESPONSE, pcall(client.request, client, "GET", path, { max_retries = 0 }))
    end
  end)

  it("gives the data or a clean error, for every n (RST)", function()
    for n = 0, #RESPONSE, STEP do
      local ok, result = pcall(client.request, client, "GET", "/cut/" .. n .. "/reset", { max_retries = 0 })
      -- A reset may overtake the bytes before it; what arrived then is less than n.
      if ok then
        assert.equal(#RESPONSE, n)
        assert.same(DATA, result)
      else
        assert.truthy(({ network = true, invalid_response = n >= head_length })[result.code], tostring(result))
      end
    end
  end)

  it("lets a write end as outcome_unknown, for every n", function()
    for n = 0, #RESPONSE - 1, STEP * 3 do
      local err = expect.failure("outcome_unknown", client.request, client, "POST", "/cut/" .. n .. "/fin",
        { body = { a = n } })
      assert.equal(n < head_length and "network" or "invalid_response", err.cause.code)
    end
    local arrived = {}
    for _, request in ipairs(server:requests()) do
      if request.method == "POST" then arrived[request.path] = (arrived[request.path] or 0) + 1 end
    end
    for n = 0, #RESPONSE - 1, STEP * 3 do assert.equal(1, arrived["/cut/" .. n .. "/fin"], "after byte " .. n) end
  end)

  it("is cured by one retry of a read, for every n", function()
    for n = 0, #RESPONSE - 1, STEP do
      local data, response = client:request("GET", "/cut/" .. n .. "/once")
      assert.same(DATA, data)
      assert.equal(2, response.attempts)
    end
  end)
end)

describe("a connection that ends after byte n over TLS", function()
  -- Over HTTP/1.1 the first n bytes of all, over HTTP/2 of the body (then the stream is reset).
  local function lengths(version, grant, whole_client)
    local _, response = whole_client:me()
    if version == "2" then return tonumber(response.headers["content-length"]) end
    sandbox.fault(grant, { kind = "close_after", bytes = 100000 })
    pcall(whole_client.me, whole_client)
    return sandbox.last(grant).response_bytes
  end

  for _, version in ipairs { "1.1", "2" } do
    it("gives a clean error for every n, never data: HTTP/" .. version, function()
      local grant = sandbox.grant()
      local options = { base_url = sandbox.TLS_URL, ca_file = sandbox.CA_FILE, http_version = version, max_retries = 0 }
      local client = sandbox.installed(grant, options)
      local length = lengths(version, grant, sandbox.installed(grant, options))
      assert.is_true(length > 200)
      pcall(client.me, client) -- whatever connection is left over is gone after this
      for n = 0, length - 1, STEP * 3 do
        sandbox.fault(grant, { kind = "close_after", bytes = n, rst = n % 2 == 0 })
        local err = expect.failure({ "network", "invalid_response" }, client.me, client)
        assert.equal(err.code == "invalid_response" and 200 or nil, err.status)
      end
      assert.equal(grant.grant_id, client:me().grant_id)
    end)
  end
end)

describe("an answer", function()
  local grant, client

  before_each(function()
    grant = sandbox.grant()
    client = sandbox.installed(grant)
  end)
  after_each(function() client:close() end)

  local function fault(fields)
    fields.times = fields.times or "always"
    return sandbox.fault(grant, fields)
  end

  for name, fields in pairs {
    ["of less than its promised length"] = { kind = "truncate" },
    ["without its last chunk"] = { kind = "truncate_chunked" },
    ["that ends inside a chunk"] = { kind = "truncate_chunked", inside = true },
  } do
    it(name .. " is repeated, then invalid_response with what came", function()
      fault(fields)
      local err = expect.failure("invalid_response", client.me, client)
      assert.equal(3, err.attempts)
      assert.equal(200, err.status)
      assert.equal("application/json", err.headers["Content-Type"])
      assert.truthy(err.request_id)
      expect.holds("it begins: {", err.message)
      sandbox.clear_faults(grant)
      fault { kind = fields.kind, inside = fields.inside, times = 1 }
      local data, response = client:me()
      assert.equal(grant.grant_id, data.grant_id)
      assert.equal(2, response.attempts)
    end)
  end

  for name, body in pairs {
    ["is no JSON"] = "{]", ["has something behind it"] = '{"a":1} x', ["is cut"] = '{"a":', ["is a number cut"] = "-",
    ["is not UTF-8 but JSON would need it"] = '{"a":"\\ud8',
  } do
    it("whose body " .. name .. " is invalid_response with its first bytes", function()
      fault { kind = "bad_json", body = body }
      local err = expect.failure("invalid_response", client.me, client)
      assert.equal(200, err.status)
      assert.equal(1, err.attempts)
      assert.is_false(err.retryable)
      expect.holds(body, err.message)
    end)
  end

  it("of HTML with status 200 is a server_error that says so", function()
    fault { kind = "html", status = 200 }
    local err = expect.failure("server_error", client.me, client, { max_retries = 0 })
    expect.holds("web page", err.message)
  end)

  it("that is empty is true", function()
    fault { kind = "empty" }
    assert.is_true((client:me()))
    fault { kind = "empty", status = 204 }
    assert.is_true((client:me()))
  end)

  it("that is empty where a list is due is invalid_response", function()
    fault { kind = "empty" }
    expect.failure("invalid_response", client.list_organizations, client)
  end)

  it("compressed is read", function()
    fault { kind = "gzip" }
    assert.equal(grant.grant_id, client:me().grant_id)
  end)

  it("compressed and cut is invalid_response or lost, never half", function()
    fault { kind = "gzip_truncated" }
    local err = expect.failure({ "invalid_response", "network" }, client.me, client)
    assert.equal(200, err.status)
  end)

  -- libcurl takes the end of the answer for that of the gzip file: half a file would be half the bytes, as a success.
  it("asked for as bytes comes uncompressed: half of a gzip file is never all of it", function()
    local server = raw_server.start [[
      return function(request, connection)
        if request.head:lower():find "\naccept%-encoding: identity" then return connection:json '{"whole":true}' end
        local half = "\31\139\8\0\0\0\0\0\0\3\1\100\0\155\255" .. '{"whole":' -- 9 of 100 bytes (RFC 1952)
        connection:send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: " .. #half .. "\r\n\r\n" .. half)
      end
    ]]
    finally(function() server:stop() end)
    local raw = better_i18n.new { base_url = server.url, installation_token = "bi_oat_0123456789" }
    expect.failure("invalid_response", raw.me, raw)
    assert.equal('{"whole":true}', (raw:request("GET", "/file", { raw = true })))
    -- Who wants it compressed says so.
    local headers = { ["Accept-Encoding"] = "gzip" }
    assert.equal('{"whole":', (raw:request("GET", "/file", { raw = true, headers = headers })))
    raw:close()
  end)

  it("that blows up when unpacked stops at the limit, soon", function()
    fault { kind = "gzip_bomb", bytes = 50000000 }
    local before = socket.gettime()
    local limited = sandbox.installed(grant, { max_response_bytes = 100000 })
    local err = expect.failure("too_large", limited.me, limited)
    assert.equal(1, err.attempts)
    assert.is_false(err.retryable)
    assert.equal(200, err.status)
    expect.holds("max_response_bytes", err.message)
    assert.is_true(socket.gettime() - before < (expect.slow and 60 or 5))
  end)

  it("of the limit passes, of one byte more does not", function()
    local size = #'{"padding":""}' + 1000
    fault { kind = "big_body", bytes = 1000 }
    local fits = sandbox.installed(grant, { max_response_bytes = size })
    assert.equal(1000, #fits:me().padding)
    local narrow = sandbox.installed(grant, { max_response_bytes = size - 1 })
    expect.failure("too_large", narrow.me, narrow)
  end)

  it("whose promised length is over the limit is refused without reading all of it", function()
    local narrow = sandbox.installed(grant, { max_response_bytes = 1000 })
    expect.failure("too_large", narrow.request, narrow, "GET", "/_sandbox/bytes?n=5000000")
  end)

  it("with a huge header is too_large", function()
    fault { kind = "huge_header" }
    local err = expect.failure("too_large", client.me, client)
    assert.equal(1, err.attempts)
  end)

  it("with an ordinary long header is read", function()
    fault { kind = "huge_header", bytes = 30000 }
    local _, response = client:me()
    assert.equal(30000, #response.headers["x-huge"])
  end)

  it("behind 1xx answers is the one that counts", function()
    fault { kind = "interim", status = 103, count = 3 }
    local data, response = client:me()
    assert.equal(grant.grant_id, data.grant_id)
    assert.equal(200, response.status)
    assert.is_nil(response.headers.link)
  end)

  it("that drips is put together", function()
    fault { kind = "drip", ms = 1, bytes = 7 }
    assert.equal(grant.grant_id, client:me().grant_id)
  end)
end)

describe("bytes that are not HTTP", function()
  local cases = {
    ["garbage"] = { "not http at all\r\n\r\n", "invalid_response" },
    ["an empty line"] = { "\r\n\r\n", { "invalid_response", "network" } },
    ["a binary greeting"] = { "\0\1\2\3\255", { "invalid_response", "network" } },
    ["a bad chunk length"] = {
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "invalid_response" },
    ["two lengths that differ"] = {
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 9\r\n\r\n{}", { "invalid_response", "network" } },
    ["a negative length"] = {
      "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}", { "invalid_response", "network" } },
    ["an unknown coding"] = {
      "HTTP/1.1 200 OK\r\nContent-Encoding: zip\r\nContent-Length: 2\r\n\r\n{}", "invalid_response" },
    ["a status of its own"] = { "HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n", "server_error" },
    ["only a 1xx"] = { "HTTP/1.1 103 Early Hints\r\n\r\n", "network" },
  }
  for name, case in pairs(cases) do
    it("are told as what they are: " .. name, function()
      local server = raw_server.start(("return function(_, connection) connection:send(%q) connection:close() end")
        :format(case[1]))
      finally(function() server:stop() end)
      local client = better_i18n.new {
        base_url = server.url, installation_token = "bi_oat_0123456789", max_retries = 0, timeout = 5,
      }
      expect.failure(case[2], client.me, client)
      client:close()
    end)
  end
end)
