-- call_tool and list_tools over the transport seam: what goes out, what comes back as Lua values, what is refused
-- before anything is sent. The conversation itself is told in spec/unit/mcp_test.c; against a server below.
local better_i18n = require "better_i18n"
local cjson = require "cjson"
local expect = require "spec.support.expect"
local process = require "spec.support.process"
local raw_server = require "spec.support.raw_server"
local sandbox = require "spec.support.sandbox"

local JSON = { ["Content-Type"] = "application/json" }

setup(sandbox.start)
teardown(sandbox.stop)

-- A client whose requests come to `serve(request, message)`, message being the decoded JSON-RPC request.
local function client_of(serve, options)
  local log = {}
  local merged = {
    installation_token = "bi_oat_secret_1", random = function() return 0 end,
    transport = function(request)
      log[#log + 1] = request
      return serve(request, request.body and cjson.decode(request.body))
    end,
  }
  for name, value in pairs(options or {}) do merged[name] = value end
  return better_i18n.new(merged), log
end

local function tell(message, result, extra)
  local answer = { jsonrpc = "2.0", id = message.id, result = result }
  for name, value in pairs(extra or {}) do answer[name] = value end
  return { status = 200, headers = JSON, body = cjson.encode(answer) }
end

local function text_items(...)
  local items = {}
  for index, text in ipairs { ... } do items[index] = { type = "text", text = text } end
  return { content = items }
end

-- A client whose every tool answers with these texts.
local function saying(...)
  local result = text_items(...)
  return client_of(function(_, message) return tell(message, result) end)
end

describe("a tool's call", function()
  it("goes out as JSON-RPC and comes back as the document in its text", function()
    local client, log = saying('{"tot":2,"k":[{"k":"a","ns":0}],"nss":[],"none":null}')
    local data, response = client:call_tool("listKeys", { project = "acme/site", limit = 2 })
    assert.same({ tot = 2, k = { { k = "a", ns = 0 } }, nss = {} }, data)
    assert.equal(200, response.status)
    assert.equal("application/json", response.headers["content-type"])
    assert.same({}, response.notices)
    assert.equal('{"tot":2,"k":[{"k":"a","ns":0}],"nss":[],"none":null}', response.body.content[1].text)
    local request = log[1]
    assert.equal("POST", request.method)
    assert.equal("https://mcp.better-i18n.com/mcp", request.url)
    assert.equal("application/json, text/event-stream", request.headers.Accept)
    assert.equal("application/json", request.headers["Content-Type"])
    assert.equal("Bearer bi_oat_secret_1", request.headers.Authorization)
    assert.is_nil(request.headers["MCP-Protocol-Version"])
    assert.same({
      jsonrpc = "2.0", id = 1, method = "tools/call",
      params = { name = "listKeys", arguments = { project = "acme/site", limit = 2 } },
    }, cjson.decode(request.body))
  end)

  it("sends {} where there are no arguments", function()
    local client, log = saying "[]"
    client:call_tool "listProjects"
    client:call_tool("listProjects", {})
    client:call_tool("listProjects", better_i18n.array {})
    for index = 1, 3 do expect.holds('"arguments":{}', log[index].body) end
  end)

  it("gives a text that is no JSON as it is, and later texts as notices", function()
    local client = saying("done: 3 keys", "a newer version is out", "{}")
    local data, response = client:call_tool "somethingNew"
    assert.equal("done: 3 keys", data)
    assert.same({ "a newer version is out", "{}" }, response.notices)
  end)

  it("takes structuredContent only where there is no text", function()
    local result
    local client = client_of(function(_, message) return tell(message, result) end)
    result = { content = { { type = "image", data = "x" } }, structuredContent = { a = 1 } }
    assert.same({ a = 1 }, (client:call_tool "x"))
    result = text_items '{"b":2}'
    result.structuredContent = { a = 1 }
    assert.same({ b = 2 }, (client:call_tool "x"))
    result = { content = {} }
    assert.is_true((client:call_tool "x"))
  end)

  it("carries text byte for byte both ways", function()
    local texts = {
      "e\204\129 combining", "\216\180\217\131\216\177\216\167 right to left",
      "\240\159\145\169\226\128\141\240\159\154\128",
      "\\ \" / \b\f\n\r\t \127", "\226\128\168 separators", ("x"):rep(100000),
    }
    local client = client_of(function(_, message)
      return tell(message, text_items(cjson.encode(message.params.arguments)))
    end)
    for _, text in ipairs(texts) do assert.equal(text, client:call_tool("echo", { text = text }).text) end
  end)

  it("uses the options of every call", function()
    local client, log = saying "{}"
    client:call_tool("getSync", { syncId = "s" }, { timeout = 40, max_retries = 0, headers = { ["X-Trace"] = "7" } })
    assert.equal("7", log[1].headers["X-Trace"])
    expect.refused("unknown option 'query'", client.call_tool, client, "x", {}, { query = {} })
    expect.refused("timeout", client.call_tool, client, "x", {}, { timeout = "long" })
    expect.refused("too many arguments", client.call_tool, client, "x", {}, {}, {})
    local signal = better_i18n.signal()
    signal:cancel()
    expect.failure("cancelled", client.call_tool, client, "x", {}, { signal = signal })
    assert.equal(1, #log)
  end)

  it("refuses what cannot be sent, with the path of the value", function()
    local client, log = saying "{}"
    local rows = {
      { "name", nil }, { "name must be", 7 }, { "name", "" }, { "name", "a\nb" }, { "name is not valid UTF-8", "\255" },
      { "arguments must be a table", "x", "y" }, { "arguments must be a table", "x", 7 },
      { "with names, not a list", "x", { "a" } },
      { "arguments.k[2].v: a string is not valid UTF-8", "x", { k = { { v = "a" }, { v = "\200x" } } } },
      { "arguments.k[1].t.de: text must not hold NUL", "x", { k = { { t = { de = "a\0b" } } } } },
      { "text must not hold NUL", "x", { ["a\0b"] = 1 } },
      { "arguments.f: a function", "x", { f = print } },
    }
    for _, row in ipairs(rows) do expect.refused(row[1], client.call_tool, client, row[2], row[3]) end
    assert.equal(0, #log)
  end)
end)

describe("what a tool's failure becomes", function()
  local function failing(text, status)
    return client_of(function(_, message)
      if not message then return { status = 200, headers = JSON, body = "{}" } end
      if status then return { status = status, body = text } end
      return tell(message, { content = { { type = "text", text = text } }, isError = true })
    end)
  end

  it("an error object with the tool's own words, in one line, without secrets", function()
    local client = failing "Project acme/site is locked\nby bi_oat_secret_1"
    local err = expect.failure("tool_error", client.call_tool, client, "createKeys", {})
    assert.equal("the tool failed: Project acme/site is locked by [redacted]; correct what it complains about, or try "
      .. "again later", err.message)
    assert.same({ 200, "POST", "/mcp", 1, false }, { err.status, err.method, err.path, err.attempts, err.retryable })
    assert.is_nil(expect.everything(err):find("secret_1", 1, true))
  end)

  it("a scope, a pause, a missing thing, a bad argument", function()
    local rows = {
      { "missing_scope", "Missing scope: translations:publish" }, { "rate_limited", "TOO_MANY_REQUESTS" },
      { "not_found", "Project not found" }, { "invalid_request", "MCP error -32602: Invalid arguments" },
    }
    for _, row in ipairs(rows) do
      local client = failing(row[2])
      local err = expect.failure(row[1], client.call_tool, client, "publishTranslations", {})
      assert.equal(row[1] == "missing_scope" and "translations:publish" or nil, err.required_scope)
      assert.equal(row[1] == "rate_limited" and 30 or nil, err.retry_after)
    end
  end)

  it("a request that is too large: status 413", function()
    local client, log = failing("", 413)
    local err = expect.failure("too_large", client.call_tool, client, "createKeys", {})
    assert.equal(413, err.status)
    assert.equal(1, #log)
  end)

  it("a look at /me with the same token where the tool names no cause", function()
    local client, log = failing "Unable to transform response from server"
    expect.failure("tool_error", client.call_tool, client, "createKeys", {})
    assert.equal(2, #log)
    assert.equal("https://api.better-i18n.com/api/oauth-client/me", log[2].url)
    assert.equal("GET", log[2].method)
    assert.equal("Bearer bi_oat_secret_1", log[2].headers.Authorization)
    assert.is_nil(log[2].body)
  end)

  it("a named error for every answer that is none; a write is not sent again", function()
    local answers = {
      { status = 200, headers = JSON, body = '{"jsonrpc":"2.0","id":99,"result":{"content":[]}}' },
      { status = 200, headers = JSON, body = '{"jsonrpc":' }, { status = 202 },
      { status = 200, headers = { ["Content-Type"] = "text/event-stream" }, body = 'data: {"id":1,"result":{}}\n' },
      { status = 200, headers = { ["Content-Type"] = "text/html" }, body = "<p>" },
    }
    for _, answer in ipairs(answers) do
      local client, log = client_of(function() return answer end)
      local err = expect.failure("outcome_unknown", client.call_tool, client, "createKeys", {})
      assert.is_not_nil(err.cause)
      assert.equal(1, #log)
      expect.failure({ "invalid_response", "server_error" }, client.call_tool, client, "listKeys", {})
      assert.equal(4, #log)
    end
  end)

  it("no more than max_response_bytes is read: of 1 GB not even 64 MiB are kept", function()
    local grant = sandbox.grant()
    sandbox.fault(grant, { kind = "big_body", bytes = 1e9, tool = "listKeys" })
    local client, before = sandbox.installed(grant, { timeout = 120 }), process.memory()
    local err = expect.failure("too_large", client.call_tool, client, "listKeys", { project = sandbox.TOOL_PROJECT })
    assert.same({ 200, 1 }, { err.status, err.attempts })
    collectgarbage()
    assert.is_true(process.memory() - before < 16 * 1024, process.memory() - before .. " KiB stayed")
  end)

  it("no more than max_response_bytes is read", function()
    local client = client_of(function(_, message) return tell(message, text_items(("x"):rep(2000))) end,
      { max_response_bytes = 1000 })
    expect.failure("too_large", client.call_tool, client, "listKeys", {})
  end)
end)

describe("list_tools", function()
  it("follows the cursor", function()
    local client, log = client_of(function(_, message)
      local cursor = message.params.cursor
      if not cursor then return tell(message, { tools = { { name = "a" }, { name = "b" } }, nextCursor = 'p"2' }) end
      return tell(message, { tools = { { name = cursor } } })
    end)
    local tools, response = client:list_tools()
    assert.same({ { name = "a" }, { name = "b" }, { name = 'p"2' } }, tools)
    assert.equal(200, response.status)
    assert.equal("tools/list", cjson.decode(log[1].body).method)
    assert.equal(2, #log)
  end)

  it("does not go round in circles, and needs a list", function()
    local client = client_of(function(_, message) return tell(message, { tools = { {} }, nextCursor = "same" }) end)
    expect.failure("pagination_loop", client.list_tools, client)
    local other = client_of(function(_, message) return tell(message, { a = 1 }) end)
    expect.failure("invalid_response", other.list_tools, other)
    expect.refused("the table of options", client.list_tools, client, "x")
    expect.refused("too many arguments", client.list_tools, client, {}, 1)
  end)
end)

-- A recorded stream: everything that may come before the answer, lines of both ends, the answer over two lines, text of
-- several bytes a character. @ stands for the request's id.
local STREAM = table.concat {
  "\239\187\191id: p1\r\nretry: 1000\r\ndata:\r\n\r\n: alive\n\n",
  'data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1}}\n\n',
  'event: message\nid: p2\ndata: {"jsonrpc":"2.0","id":@,\r\n',
  'data: "result":{"content":[{"type":"text","text":"{\\"v\\":\\"Cafe\204\129 👩‍🚀\\"}"}]}}\r\n\r\n',
}

-- Serves it on request n cut at byte (n - 1) of it: the rest comes later, or (a path with "end") never.
local CUTTER = ([[
  local socket = require "socket"
  local stream, turn = %q, -1
  local head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
  return function(request, connection)
    local body = stream:gsub("@", request.body:match '"id":(%%d+)')
    turn = (turn + 1) %% #body
    connection:send(head .. body:sub(1, turn))
    if not request.path:find "end" then
      socket.sleep(0.001)
      connection:send(body:sub(turn + 1))
    end
    connection:close()
  end
]]):format(STREAM)

describe("a stream on the wire", function()
  local server, bytes

  before_each(function() server, bytes = raw_server.start(CUTTER), expect.times(#STREAM - 1) end)
  after_each(function() server:stop() end)

  local function client_for(path)
    return better_i18n.new {
      base_url = server.url, mcp_url = server.url .. path, installation_token = "bi_oat_x", max_retries = 0,
    }
  end

  it("is read whole wherever it is cut in two", function()
    local client = client_for "/mcp"
    for _ = 1, bytes do assert.same({ v = "Cafe\204\129 👩‍🚀" }, (client:call_tool("listKeys", {}))) end
    assert.equal(bytes, #server:requests())
  end)

  it("that ends at any byte before its answer is no answer; a write is not sent again", function()
    local client = client_for "/end"
    for n = 1, bytes do
      local write = n % 2 == 0
      local err = expect.failure(write and "outcome_unknown" or { "invalid_response", "server_error" },
        client.call_tool, client, write and "createKeys" or "listKeys", {})
      assert.equal(200, err.status)
    end
    assert.equal(bytes, #server:requests())
  end)
end)

local ALL = {
  "org:read", "projects:read", "keys:read", "keys:write", "translations:read", "translations:write",
  "translations:publish",
}

-- A grant with these settings, and a client of it that mints.
local function connect(fields, options)
  local merged = { client_id = sandbox.CLIENT_ID, scopes = ALL }
  for name, value in pairs(fields or {}) do merged[name] = value end
  local grant = sandbox.grant(merged)
  return sandbox.connected(grant, options), grant
end

local function first_page(client) return client:call_tool("listKeys", { project = sandbox.TOOL_PROJECT, limit = 2 }) end

describe("against the sandbox", function()
  local forms = {
    { "JSON", {} },
    { "events", { mcp_answer = "sse" } },
    { "events, primed and commented", { mcp_answer = "sse", sse_prime = true, sse_comments = true, sse_bom = true } },
    { "events behind notifications and requests", {
      mcp_answer = "sse", sse_notification = true, sse_request = true, update_notice = "1.2.3 is out",
    } },
    { "a batch over several lines", { mcp_answer = "sse", sse_batch = true, sse_split = true, sse_line_end = "cr" } },
    { "CRLF", { mcp_answer = "sse", sse_split = true, sse_line_end = "crlf", sse_prime = true } },
    { "JSON with sessions", { mcp_sessions = "required" } },
    { "events with sessions", { mcp_answer = "sse", mcp_sessions = "required", sse_prime = true } },
  }
  for _, form in ipairs(forms) do
    it("answers as " .. form[1], function()
      local client = connect(form[2])
      local plain = connect()
      local data, response = first_page(client)
      assert.equal(2, #data.k)
      assert.same(first_page(plain), data)
      assert.same({ form[2].update_notice }, response.notices)
      assert.is_true(#client:list_tools() == 16)
    end)
  end

  it("begins a session once, and anew when it has ended", function()
    local client, grant = connect { mcp_sessions = "required" }
    for _ = 1, 3 do first_page(client) end
    assert.equal(1, sandbox.counters(grant).rpc.initialize)
    sandbox.control("end_sessions", { grant_id = grant.grant_id })
    for _ = 1, 2 do first_page(client) end
    local counters = sandbox.counters(grant)
    assert.equal(2, counters.rpc.initialize)
    assert.equal(1 + 3 + 1 + 2, counters.tools.listKeys) -- each session cost one refusal
  end)

  it("writes what reads then find", function()
    local client, grant = connect { mcp_answer = "sse" }
    local project = sandbox.project(grant, { languages = { "de", "ar" } })
    local text = "\216\167\217\132\216\179\217\132\216\167\217\133 \"x\"\n\240\159\145\139"
    local key = { n = "hello", v = "Hi", t = { ar = text } }
    local made = client:call_tool("createKeys", { project = project, k = { key } })
    assert.equal(1, made.new)
    local found = client:call_tool("getTranslations", { project = project, languages = { "ar" } })
    assert.equal(text, found.keys[1].tr.ar.t)
  end)

  it("names the missing scope in every form", function()
    local scopes = { "org:read", "keys:read" }
    local forms_of_no = {
      {}, { missing_scope_form = "tool" }, { missing_scope_form = "tool", mcp_answer = "sse" }, { hide_causes = true },
    }
    for _, fields in ipairs(forms_of_no) do
      fields.scopes = scopes
      local client, grant = connect(fields)
      local err = expect.failure("missing_scope", client.call_tool, client, "deleteKeys",
        { project = sandbox.TOOL_PROJECT, keyIds = { "x" } })
      assert.equal("keys:write", err.required_scope)
      for _, line in ipairs(sandbox.lines(grant)) do assert.is_nil(line:find("/me", 1, true)) end
    end
  end)

  it("finds a revocation behind a hidden cause, for good", function()
    local client, grant = connect { hide_causes = true }
    first_page(client)
    sandbox.control("revoke", { grant_id = grant.grant_id })
    local err = expect.failure("grant_revoked", first_page, client)
    assert.is_true(err.revoked)
    assert.is_true(client:is_revoked())
    local total = sandbox.total(grant)
    expect.failure("grant_revoked", first_page, client)
    assert.equal(total, sandbox.total(grant))
  end)

  it("finds an expired token behind a hidden cause, mints, and goes on", function()
    local client, grant = connect { hide_causes = true }
    first_page(client)
    sandbox.control("expire", { grant_id = grant.grant_id, what = "installation" })
    assert.equal(2, #first_page(client).k)
    local counters = sandbox.counters(grant)
    assert.same({ 3, 2 }, { counters.tools.listKeys, counters.mints })
  end)

  it("mints once for a 401 and never loops", function()
    local client, grant = connect { mcp_401 = 1 }
    assert.equal(2, #first_page(client).k)
    assert.equal(2, sandbox.counters(grant).mints)
    client, grant = connect { mcp_401 = 9 }
    local err = expect.failure("invalid_token", first_page, client)
    expect.holds("the new token was refused too", err.message)
    assert.same({ 2, 401 }, { sandbox.counters(grant).mints, err.status })
  end)

  it("reads once more after a stray id or an early end, and writes no second time", function()
    for _, setting in ipairs { "mcp_wrong_id", "mcp_early_end" } do
      for _, form in ipairs { "json", "sse" } do
        if setting == "mcp_wrong_id" or form == "sse" then
          local client, grant = connect { mcp_answer = form, [setting] = 2 }
          assert.equal(2, #first_page(client).k)
          assert.equal(3, sandbox.counters(grant).tools.listKeys)
          client, grant = connect { mcp_answer = form, [setting] = 1 }
          local project = sandbox.project(grant)
          expect.failure("outcome_unknown", client.call_tool, client, "createKeys",
            { project = project, k = { { n = "a", v = "A" } } })
          assert.equal(1, sandbox.counters(grant).tools.createKeys)
        end
      end
    end
  end)

  it("names what is wrong with a call", function()
    for _, status in ipairs { 200, 400 } do
      local client = connect { rpc_error_status = status }
      local rows = {
        { "not_found", "listKeys", { project = "acme/nope" } },
        { "not_found", "noSuchTool", {} },
        { "invalid_request", "listKeys", { project = sandbox.TOOL_PROJECT, limmit = 1 } },
        { "invalid_request", "deleteKeys", { project = sandbox.TOOL_PROJECT, keyIds = 7 } },
      }
      for _, row in ipairs(rows) do
        local err = expect.failure(row[1], client.call_tool, client, row[2], row[3])
        assert.is_false(err.retryable)
      end
    end
  end)

  it("tells the cool-down between two publishings", function()
    local client, grant = connect { publish_cooldown = 30 }
    local project = sandbox.project(grant)
    client:call_tool("createKeys", { project = project, k = { { n = "a", v = "A" } } })
    client:call_tool("publishTranslations", { project = project })
    local err = expect.failure("rate_limited", client.call_tool, client, "publishTranslations", { project = project })
    assert.is_true(err.retryable)
    assert.is_true(err.retry_after > 0 and err.retry_after <= 30)
    first_page(client) -- the pause is that tool's
  end)

  it("waits on the server as long as the call may", function()
    local client, grant = connect { sync_ms = 700 }
    local project = sandbox.project(grant)
    client:call_tool("createKeys", { project = project, k = { { n = "a", v = "A" } } })
    local published = client:call_tool("publishTranslations", { project = project })
    local id = published.syncJobIds[1]
    expect.failure("timeout", client.call_tool, client, "getSync", { syncId = id, waitMs = 5000 },
      { timeout = 0.2, max_retries = 0 })
    assert.equal("completed", client:call_tool("getSync", { syncId = id, waitMs = 5000 }).st)
  end)

  it("tells a request that is too large by its status", function()
    local client, grant = connect()
    local project = sandbox.project(grant)
    local err = expect.failure("too_large", client.call_tool, client, "createKeys",
      { project = project, k = { { n = "a", v = ("x"):rep(4 * 1024 * 1024) } } })
    assert.equal(413, err.status)
    assert.equal(0, client:call_tool("listKeys", { project = project }).tot)
  end)
end)
