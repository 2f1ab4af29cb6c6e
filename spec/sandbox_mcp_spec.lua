-- The sandbox's MCP endpoint, its sixteen tools and its CDN against API.md: every expectation here is a literal from
-- there or from sandbox/README.md, asked with plain HTTP. Starts its own instance; needs luasocket.
local cjson = require "cjson"
local http = require "socket.http"
local ltn12 = require "ltn12"
local shell = require "spec.support.shell"
local socket = require "socket"

local SCRIPT = "sandbox/sandbox"
local HIDDEN = "Unable to transform response from server"
local BOTH = "application/json, text/event-stream"
local SCOPES = {
  "projects:read", "keys:read", "keys:write", "translations:read", "translations:write", "translations:publish",
}

local env, dir, next_id = {}, nil, 0

local run = shell.run

local function call(method, path, headers, body)
  local parts, sent = {}, { ["content-length"] = tostring(#(body or "")) }
  for name, value in pairs(headers or {}) do sent[name] = value end
  local ok, status, reply_headers = http.request {
    url = env.URL .. path, method = method, headers = sent, redirect = false,
    source = body and ltn12.source.string(body), sink = ltn12.sink.table(parts),
  }
  if not ok then return nil, status end
  return status, table.concat(parts), reply_headers
end

local function control(path, fields)
  local status, body = call("POST", "/_sandbox/" .. path, { ["content-type"] = "application/json" },
    cjson.encode(fields))
  assert(status == 200 or status == 201, body)
  return cjson.decode(body)
end

local function grant_with(fields)
  fields = fields or {}
  fields.scopes = fields.scopes or SCOPES
  return control("grant", fields)
end

local function counters(grant)
  local _, body = call("GET", "/_sandbox/counters" .. (grant and "?grant=" .. grant.grant_id or ""))
  return cjson.decode(body)
end

-- A POST of text to /mcp; headers may change any, false leaves one out.
local function post(grant, body, headers)
  local sent = {
    accept = BOTH, ["content-type"] = "application/json", authorization = "Bearer " .. grant.installation_token,
  }
  for name, value in pairs(headers or {}) do sent[name] = value or nil end
  return call("POST", "/mcp", sent, body)
end

-- A request; returns the decoded answer, the status, the headers, the text.
local function rpc(grant, method, params, headers)
  next_id = next_id + 1
  local body = cjson.encode { jsonrpc = "2.0", id = next_id, method = method, params = params }
  local status, text, reply_headers = post(grant, body, headers)
  local ok, value = pcall(cjson.decode, text)
  return ok and value or nil, status, reply_headers, text
end

local function tool_result(grant, name, arguments)
  local answer, status, _, text = rpc(grant, "tools/call", { name = name, arguments = arguments })
  assert.equal(200, status, text)
  assert.equal(next_id, answer.id)
  return assert(answer.result, text)
end

-- The document of a tool that works.
local function tool(grant, name, arguments)
  local result = tool_result(grant, name, arguments)
  assert.is_nil(result.isError, result.content[1].text)
  return cjson.decode(result.content[1].text)
end

-- The message of a tool that refuses.
local function tool_error(grant, name, arguments)
  local result = tool_result(grant, name, arguments)
  assert.is_true(result.isError)
  return result.content[1].text
end

local function own_project(grant, fields)
  fields = fields or {}
  fields.grant_id = grant.grant_id
  return control("project", fields).project
end

local function cdn(path, headers)
  local status, body, reply_headers = call("GET", "/cdn/" .. path, headers)
  return status, body ~= "" and cjson.decode(body) or nil, reply_headers, body
end

setup(function()
  dir = shell.line "mktemp -d"
  assert(run(SCRIPT .. " start " .. dir .. " $PPID"), "the sandbox does not start")
  for line in io.lines(dir .. "/env") do
    local name, value = line:match "^export BETTER_I18N_SANDBOX_([%w_]+)='(.*)'$"
    env[name] = value
  end
end)

teardown(function()
  run(SCRIPT .. " stop " .. dir)
  run("rm -rf " .. dir)
end)

describe("sandbox MCP over HTTP", function()
  local PING = '{"jsonrpc":"2.0","id":7,"method":"ping"}'
  local grant

  before_each(function() grant = grant_with() end)

  it("says where it is", function()
    assert.equal(env.URL .. "/mcp", env.MCP_URL)
    assert.equal(env.URL .. "/cdn", env.CDN_URL)
    assert.equal("acme/website-eu", env.TOOL_PROJECT)
    assert.equal("acme/big", env.BIG_PROJECT)
  end)

  it("refuses an Accept that lacks either type", function()
    for _, accept in ipairs { "application/json", "text/event-stream", "*/*", false } do
      assert.equal(406, (post(grant, PING, { accept = accept })))
    end
    assert.equal(200, (post(grant, PING)))
    assert.equal(415, (post(grant, PING, { ["content-type"] = "text/plain" })))
  end)

  it("takes 4 MiB and no byte more", function()
    local filler = (" "):rep(4 * 1024 * 1024 - #PING)
    assert.equal(200, (post(grant, PING .. filler)))
    assert.equal(413, (post(grant, PING .. filler .. " ")))
  end)

  it("checks tokens as REST does", function()
    local function refusal(headers)
      local value, status = rpc(grant, "ping", nil, headers)
      return status .. " " .. tostring(value.error)
    end
    assert.equal("401 invalid_token", refusal { authorization = false })
    assert.equal("401 invalid_token", refusal { authorization = "Bearer bi_oat_unknown" })
    assert.equal("401 invalid_token", refusal { authorization = "bearer " .. grant.installation_token })
    assert.equal("401 invalid_token", refusal { authorization = "Bearer " .. grant.access_token })
    control("settings", { grant_id = grant.grant_id, rate_limit = 1 })
    assert.equal(200, (post(grant, PING)))
    assert.equal("429 rate_limited", refusal())
    control("revoke", { grant_id = grant.grant_id })
    assert.equal("410 grant_revoked", refusal())
  end)

  it("says which scope is missing, in each form", function()
    local arguments = { name = "listKeys", arguments = { project = "acme/website-eu" } }
    local poor = grant_with { scopes = { "projects:read" } }
    local value, status = rpc(poor, "tools/call", arguments)
    assert.same({ 403, "missing_scope", "keys:read" }, { status, value.error, value.required })
    poor = grant_with { scopes = { "projects:read" }, missing_scope_form = "tool" }
    assert.truthy(tool_error(poor, "listKeys", arguments.arguments):find "missing_scope.*keys:read")
    poor = grant_with { scopes = { "projects:read" }, hide_causes = true }
    assert.equal(HIDDEN, tool_error(poor, "listKeys", arguments.arguments))
    value, status = rpc(grant, "tools/call", { name = "getProject", arguments = { project = "tokyo-tea/tea" } })
    assert.same({ 403, "wrong_organization" }, { status, value.error })
  end)

  it("hides causes as the vendor does", function()
    grant = grant_with { hide_causes = true }
    assert.is_table(tool(grant, "listProjects"))
    control("expire", { grant_id = grant.grant_id, what = "installation" })
    assert.equal(HIDDEN, tool_error(grant, "listProjects"))
    grant = grant_with { hide_causes = true }
    control("revoke", { grant_id = grant.grant_id })
    assert.equal(HIDDEN, tool_error(grant, "listProjects"))
    grant = grant_with { hide_causes = true, rate_limit = 1 }
    tool(grant, "listProjects")
    assert.equal(HIDDEN, tool_error(grant, "listProjects"))
  end)

  it("answers 401 to valid tokens as often as asked", function()
    grant = grant_with { mcp_401 = 1 }
    local value, status = rpc(grant, "tools/list")
    assert.same({ 401, { error = "Invalid session" } }, { status, value })
    assert.is_table(rpc(grant, "tools/list").result.tools)
  end)

  it("knows protocol versions", function()
    assert.equal(200, (post(grant, PING, { ["mcp-protocol-version"] = "2025-06-18" })))
    assert.equal(400, (post(grant, PING, { ["mcp-protocol-version"] = "1999-01-01" })))
  end)

  it("answers notifications with 202 and nothing", function()
    local status, body = post(grant, '{"jsonrpc":"2.0","method":"notifications/initialized"}')
    assert.same({ 202, "" }, { status, body })
  end)

  it("speaks JSON-RPC", function()
    local function code(body)
      local status, text = post(grant, body)
      local value = cjson.decode(text)
      return ("%d %d"):format(status, value.error.code), value.id
    end
    local shown, id = code "{"
    assert.same({ "200 -32700", cjson.null }, { shown, id })
    assert.equal("200 -32700", (code '{"jsonrpc":"2.0","id":1,"method":"\255"}'))
    assert.equal("200 -32600", (code '{"id":1,"method":"ping"}'))
    shown, id = code '{"jsonrpc":"2.0","id":"a","method":"nonsense"}'
    assert.same({ "200 -32601", "a" }, { shown, id })
    assert.equal("200 -32602", (code '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}'))
    assert.equal("200 -32602", (code [[{"jsonrpc":"2.0","id":1,"method":"tools/call",
      "params":{"name":"listKeys","arguments":{"projct":"acme/big"}}}]]))
    control("settings", { grant_id = grant.grant_id, rpc_error_status = 400 })
    shown, id = code '{"jsonrpc":"2.0","id":"a","method":"nonsense"}'
    assert.same({ "400 -32601", cjson.null }, { shown, id })
    assert.equal("400 -32700", (code "{"))
  end)

  it("takes a batch", function()
    local _, text = post(grant, '[' .. PING .. ',{"jsonrpc":"2.0","method":"notifications/x"},' .. PING .. ']')
    assert.equal(2, #cjson.decode(text))
    assert.equal(2, counters(grant).rpc.ping)
  end)

  it("has no stream and no session to end without sessions", function()
    local headers = { authorization = "Bearer " .. grant.installation_token }
    assert.equal(405, (call("GET", "/mcp", headers)))
    assert.equal(405, (call("DELETE", "/mcp", headers)))
  end)

  it("keeps sessions when asked to", function()
    grant = grant_with { mcp_sessions = "required" }
    local start = { protocolVersion = "2025-06-18", capabilities = { x = 1 }, clientInfo = { name = "spec" } }
    assert.equal(400, (select(2, rpc(grant, "tools/list"))))
    local answer, status, headers = rpc(grant, "initialize", start)
    assert.same({ 200, "2025-06-18" }, { status, answer.result.protocolVersion })
    local session = { ["mcp-session-id"] = headers["mcp-session-id"] }
    assert.equal(200, (select(2, rpc(grant, "tools/list", nil, session))))
    assert.equal(404, (select(2, rpc(grant, "tools/list", nil, { ["mcp-session-id"] = "another" }))))
    assert.equal(1, control("end_sessions", { grant_id = grant.grant_id }).ended)
    assert.equal(404, (select(2, rpc(grant, "tools/list", nil, session))))
    headers = select(3, rpc(grant, "initialize", start))
    session = {
      ["mcp-session-id"] = headers["mcp-session-id"], authorization = "Bearer " .. grant.installation_token,
    }
    assert.equal(200, (call("DELETE", "/mcp", session)))
    assert.equal(404, (select(2, rpc(grant, "tools/list", nil, session))))
  end)

  it("lists sixteen tools", function()
    local tools = rpc(grant, "tools/list").result.tools
    assert.equal(16, #tools)
    for _, entry in ipairs(tools) do assert.equal("object", entry.inputSchema.type) end
  end)

  it("counts, logs and faults by tool", function()
    control("fault", { grant_id = grant.grant_id, kind = "html", status = 502, tool = "listProjects" })
    tool(grant, "getProject", { project = "acme/website-eu" })
    assert.equal(502, (select(2, rpc(grant, "tools/call", { name = "listProjects" }))))
    tool(grant, "listProjects")
    local counted = counters(grant)
    assert.same({ getProject = 1, listProjects = 2 }, counted.tools)
    assert.equal(3, counted.by_route["POST /mcp"])
    local _, log = call("GET", "/_sandbox/log?grant=" .. grant.grant_id)
    assert.same({ "getProject" }, cjson.decode(log).requests[1].tools)
    assert.is_nil(log:find(grant.installation_token, 1, true))
  end)

  it("answers with another request's id and with a notice when asked to", function()
    grant = grant_with { mcp_wrong_id = 1, update_notice = "A new version is out." }
    local answer = rpc(grant, "tools/call", { name = "listProjects" })
    assert.not_equal(next_id, answer.id)
    local content = tool_result(grant, "listProjects").content
    assert.same({ type = "text", text = "A new version is out." }, content[2])
  end)
end)

describe("sandbox MCP as events", function()
  -- The data of each event, as the standard reads a stream.
  local function read(text)
    local list, lines = {}, {}
    text = text:gsub("^\239\187\191", ""):gsub("\r\n", "\n"):gsub("\r", "\n")
    for line in text:gmatch "([^\n]*)\n" do
      if line == "" then
        if #lines > 0 then list[#list + 1] = table.concat(lines, "\n") end
        lines = {}
      elseif line:find "^data:" then
        lines[#lines + 1] = line:gsub("^data: ?", "")
      end
    end
    return list
  end

  local function ask(fields)
    fields.mcp_answer = "sse"
    local grant = grant_with(fields)
    local _, status, headers, text = rpc(grant, "tools/call", { name = "listProjects" })
    assert.same({ 200, "text/event-stream" }, { status, headers["content-type"] })
    local list = read(text)
    return list, text
  end

  it("come plain", function()
    local list = ask {}
    assert.equal(1, #list)
    assert.equal(next_id, cjson.decode(list[1]).id)
  end)

  it("come with everything around", function()
    for _, line_end in ipairs { "lf", "crlf", "cr" } do
      local list, text = ask {
        sse_prime = true, sse_comments = true, sse_notification = true, sse_request = true, sse_batch = true,
        sse_split = true, sse_bom = true, sse_line_end = line_end,
      }
      assert.equal("", list[1])
      assert.equal("notifications/message", cjson.decode(list[2]).method)
      assert.equal("ping", cjson.decode(list[3]).method)
      assert.equal(next_id, cjson.decode(list[4])[1].id)
      assert.equal("\239\187\191id", text:sub(1, 5))
      assert.truthy(text:find(": keep-alive", 1, true))
      assert.truthy(text:find("retry: 1000", 1, true))
      assert.truthy(list[4]:find "\n")
      assert.equal(line_end ~= "lf", text:find "\r" ~= nil)
      assert.equal(line_end ~= "cr", text:find "\n" ~= nil)
    end
  end)

  it("tell progress to whoever asked, and survive nonsense", function()
    local grant = grant_with { mcp_answer = "sse", sse_notification = true, sse_request = true }
    local _, _, _, text = rpc(grant, "tools/call", { name = "listProjects", _meta = { progressToken = "t" } })
    assert.equal("t", cjson.decode(read(text)[1]).params.progressToken)
    local status, body = post(grant, "[null]")
    assert.equal(200, status)
    assert.equal(-32600, cjson.decode(read(body)[3]).error.code)
  end)

  it("end before the answer when asked to", function()
    assert.same({}, (ask { mcp_early_end = 1 }))
  end)
end)

describe("sandbox tools", function()
  local grant, project

  before_each(function()
    grant = grant_with { publish_cooldown = 0, sync_ms = 60 }
    project = own_project(grant, { languages = { "de", "ar" }, keys = 3 })
  end)

  local function ids()
    local list = {}
    for index, key in ipairs(tool(grant, "listKeys", { project = project, limit = 100 }).k) do list[index] = key.id end
    return list
  end

  it("list projects and show one", function()
    local found
    for _, row in ipairs(tool(grant, "listProjects").projects) do
      if row.slug == project then found = row end
    end
    assert.same({ "de", "ar" }, found.targetLanguages)
    assert.equal("Acme Zürich AG", found.organizationName)
    local one = tool(grant, "getProject", { project = project })
    assert.same({ project, "en", 3 }, { one.prj, one.sl, one.tk })
    assert.is_number(one.cov.de.pct)
    assert.equal("Project not found: acme/nope", tool_error(grant, "getProject", { project = "acme/nope" }))
    assert.truthy(tool_error(grant, "getProject", { project = "nope" }):find "nope")
  end)

  it("page through ten thousand keys quickly", function()
    local seen, count, page, before = {}, 0, 1, socket.gettime()
    local answer
    repeat
      answer = tool(grant, "listKeys", { project = "acme/big", limit = 100, page = page })
      for _, key in ipairs(answer.k) do
        assert.is_nil(seen[key.id])
        seen[key.id], count = true, count + 1
      end
      page = page + 1
    until not answer.has_more
    assert.same({ 10000, 10000, 101 }, { count, answer.tot, page })
    assert.is_true(socket.gettime() - before < 20)
  end)

  it("have a default and a limit", function()
    local answer = tool(grant, "listKeys", { project = "acme/big" })
    assert.same({ 20, 20, 1 }, { answer.lim, answer.ret, answer.pg })
    assert.truthy(tool_error(grant, "listKeys", { project = "acme/big", limit = 101 }):find "limit")
    assert.equal(100, tool(grant, "getTranslations", { project = "acme/big" }).ret)
    assert.truthy(tool_error(grant, "getTranslations", { project = "acme/big", limit = 201 }):find "limit")
  end)

  it("filter keys", function()
    local answer = tool(grant, "listKeys", {
      project = "acme/website-eu", search = { "GREET", "coffee" }, fields = { "translations" },
    })
    assert.equal(2, answer.tot)
    assert.same({ "default" }, answer.nss)
    assert.equal(0, answer.k[1].ns)
    assert.equal("Ka\204\136ffchen", answer.k[2].tr.de)
    assert.is_nil(answer.k[1].id)
    for _, key in ipairs(tool(grant, "listKeys", { project = "acme/website-mena", missingLanguage = "he",
      fields = { "translatedLanguages" } }).k) do
      assert.is_nil(table.concat(key.tl, " "):find "he")
    end
    assert.equal("Language not found: xx",
      tool_error(grant, "listKeys", { project = "acme/website-eu", missingLanguage = "xx" }))
  end)

  it("create, and say what they did not", function()
    local answer = tool(grant, "createKeys", { project = project, k = {
      { n = "a.b", v = "Ünï 👩‍👧", t = { de = "Straße", ar = "مَرْحَبًا", xx = "?" } },
      { n = "a.b", v = "again" },
      { n = "a.b.c", v = "branch" },
      { n = "other", ns = "home" },
    } })
    assert.same({ 2, 2, 1, 1 }, { answer.cnt, answer.new, answer.dup, #answer.skip })
    assert.is_false(answer.ok)
    assert.same({ "a.b.c", "a.b" }, { answer.blocked[1].k, answer.blocked[1].conf })
    assert.equal(2, #answer.warn) -- the language xx; no source text
    local forced = tool(grant, "createKeys", { project = project, force = true, k = { { n = "a.b.c", v = "branch" } } })
    assert.same({ true, 1, 1 }, { forced.ok, forced.new, #forced.warn })
    local read = tool(grant, "getTranslations", { project = project, keys = { "a.b" } }).keys[1]
    assert.same({ "Ünï 👩‍👧", "Straße", "مَرْحَبًا", "draft" },
      { read.src, read.tr.de.t, read.tr.ar.t, read.tr.de.st })
  end)

  it("write, and report each item that fails", function()
    local id = ids()[1]
    local answer = tool(grant, "setTranslations", { project = project, t = {
      { id = id, t = { de = "neu", xx = "?" } }, { id = "nope", t = { de = "?" } },
    } })
    assert.same({ false, 1, 1, 2 }, { answer.ok, answer.cnt, answer.wrote, #answer.errors })
    answer = tool(grant, "updateKeys", { project = project, t = {
      { id = id, l = "en", t = "source", s = true }, { id = "nope", l = "de", t = "?" }, { id = id, l = "xx", t = "?" },
    } })
    assert.same({ false, 1, 1, 2 }, { answer.ok, answer.cnt, #answer.upd, #answer.errors })
    local read = tool(grant, "getTranslations", { project = project, languages = { "de" }, status = "draft" })
    assert.same({ 1, "source", "neu" }, { read.tot, read.keys[1].src, read.keys[1].tr.de.t })
    assert.truthy(tool_error(grant, "setTranslations", { project = project,
      t = { { id = id, t = { de = "a\0b" } } } }):find "NUL")
  end)

  it("refuse too many at once", function()
    local many, texts = {}, {}
    for index = 1, 101 do many[index] = "id" .. index end
    assert.truthy(tool_error(grant, "deleteKeys", { project = project, keyIds = many }):find "100")
    for index = 1, 501 do texts[index] = { id = "id" .. index, t = { de = "x" } } end
    assert.truthy(tool_error(grant, "setTranslations", { project = project, t = texts }):find "500")
    texts[501] = nil
    assert.equal(500, #tool(grant, "setTranslations", { project = project, t = texts }).errors)
  end)

  it("delete softly, and for good when published", function()
    local id = ids()[2]
    local answer = tool(grant, "deleteKeys", { project = project, keyIds = { id, "nope" } })
    assert.same({ 1, id, 1 }, { answer.cnt, answer.mk[1].id, #answer.skip })
    assert.equal(2, #ids())
    local pending = tool(grant, "getPendingChanges", { project = project })
    assert.same({ true, 1, id, "cdn" }, { pending.has_chg, pending.sum.del_k, pending.del_k[1].id, pending.pub_dst })
    local sync = tool(grant, "publishTranslations", { project = project }).syncJobIds[1]
    assert.equal("completed", tool(grant, "getSync", { syncId = sync, waitMs = 5000 }).st)
    assert.is_false(tool(grant, "getPendingChanges", { project = project }).has_chg)
    assert.equal(1, #tool(grant, "deleteKeys", { project = project, keyIds = { id } }).skip)
  end)

  it("bring a deleted key back under its name", function()
    local key = tool(grant, "listKeys", { project = project }).k[1]
    local ns = tool(grant, "listKeys", { project = project }).nss[key.ns + 1]
    tool(grant, "deleteKeys", { project = project, keyIds = { key.id } })
    local answer = tool(grant, "createKeys", { project = project, k = { { n = key.k, ns = ns, v = "back" } } })
    assert.same({ 1, 0, key.id }, { answer.ren, answer.new, answer.k[1].id })
  end)

  it("keep one grant's changes from another", function()
    local other = grant_with()
    tool(grant, "createKeys", { project = "acme/website-eu", k = { { n = "mine", v = "x" } } })
    assert.equal(1, tool(grant, "listKeys", { project = "acme/website-eu", search = "mine" }).tot)
    assert.equal(0, tool(other, "listKeys", { project = "acme/website-eu", search = "mine" }).tot)
    assert.truthy(tool_error(other, "listKeys", { project = project }):find "^Project not found")
  end)
end)

describe("sandbox publishing", function()
  local function setup_project(settings)
    settings.publish_cooldown = settings.publish_cooldown or 0
    local grant = grant_with(settings)
    local project = own_project(grant, { languages = { "de" }, keys = 1 })
    tool(grant, "createKeys", { project = project, k = { { n = "new", v = "New", t = { de = "Neu" } } } })
    return grant, project
  end

  it("waits on the server's side and reports states", function()
    local grant, project = setup_project { sync_ms = 300 }
    local answer = tool(grant, "publishTranslations", { project = project })
    assert.same({ true, 2 }, { answer.success, answer.published })
    local id, before = answer.syncJobIds[1], socket.gettime()
    assert.equal("pending", tool(grant, "getSync", { syncId = id }).st)
    local sync = tool(grant, "getSync", { syncId = id, waitMs = 25000 })
    assert.is_true(socket.gettime() - before >= 0.25)
    assert.same({ "completed", 2 }, { sync.st, #sync.aff_k })
    assert.is_true(#sync.log >= 2)
    local list = tool(grant, "getSyncs", { project = project })
    assert.same({ 1, id }, { list.tot, list.sy[1].id })
    assert.equal(0, tool(grant, "getSyncs", { project = project, status = "failed" }).tot)
  end)

  it("cools down", function()
    local grant, project = setup_project { publish_cooldown = 30 }
    tool(grant, "publishTranslations", { project = project })
    assert.truthy(tool_error(grant, "publishTranslations", { project = project }):find "TOO_MANY_REQUESTS")
  end)

  it("publishes what is named, and nothing twice", function()
    local grant, project = setup_project { sync_ms = 0 }
    local id = tool(grant, "listKeys", { project = project, search = "new" }).k[1].id
    local wanted = { project = project, translations = { { keyId = id, languageCode = "de" } } }
    assert.equal(1, tool(grant, "publishTranslations", wanted).published)
    assert.same({ en = 1 }, tool(grant, "getPendingChanges", { project = project }).by_lng)
    assert.equal(0, tool(grant, "publishTranslations", wanted).published)
    wanted.translations[1].keyId = "nope"
    assert.equal("Key not found: nope", tool_error(grant, "publishTranslations", wanted))
  end)

  it("fails, has nowhere to go, and can be cancelled", function()
    local grant, project = setup_project { sync_ms = 0, sync_outcome = "failed" }
    local id = tool(grant, "publishTranslations", { project = project }).syncJobIds[1]
    assert.equal("failed", tool(grant, "getSync", { syncId = id }).st)
    local late = tool(grant, "cancelSync", { project = project, syncId = id })
    assert.same({ false, "failed" }, { late.can, late.prev })
    control("settings", { grant_id = grant.grant_id, sync_ms = 60000 })
    id = tool(grant, "publishTranslations", { project = project }).syncJobIds[1]
    assert.is_true(tool(grant, "cancelSync", { project = project, syncId = id }).can)
    assert.equal("cancelled", tool(grant, "getSync", { syncId = id }).st)
    control("settings", { grant_id = grant.grant_id, publish_destination = "none" })
    assert.is_string(tool(grant, "getPendingChanges", { project = project }).no_pub_rsn)
    assert.is_string(tool_error(grant, "publishTranslations", { project = project }))
    assert.equal("Sync not found: nope", tool_error(grant, "getSync", { syncId = "nope" }))
  end)

  it("carries languages", function()
    local grant, project = setup_project { sync_ms = 0 }
    local results = tool(grant, "proposeLanguages", { project = project, languages = {
      { languageCode = "pt-br", status = "active" }, { languageCode = "de" }, { languageCode = "!" },
    } }).results
    assert.same({ true, false, false }, { results[1].success, results[2].success, results[3].success })
    assert.equal(1, tool(grant, "getPendingChanges", { project = project }).sum.lng_chg)
    results = tool(grant, "proposeLanguageEdits", { project = project, edits = {
      { languageCode = "de", newStatus = "archived" }, { languageCode = "xx", newStatus = "active" },
    } }).results
    assert.same({ true, false }, { results[1].success, results[2].success })
  end)

  it("gives context", function()
    local grant, project = setup_project {}
    local context = tool(grant, "getTranslationContext", { project = project, keys = { "new" }, kPerKey = 1 })
    assert.same({ project, "en", { "de" }, "new" }, { context.prj, context.src, context.tgt, context.ctx[1].k })
    assert.equal("Key not found: nope",
      tool_error(grant, "getTranslationContext", { project = project, keys = { "nope" } }))
    assert.truthy(tool_error(grant, "getTranslationContext", { project = project, kPerKey = 21 }):find "kPerKey")
  end)
end)

describe("sandbox CDN", function()
  it("serves what was published, with an ETag", function()
    local grant = grant_with { publish_cooldown = 0, sync_ms = 0 }
    local keys = { { n = "a", v = "A", t = { ["pt-br"] = "Á" } } }
    local project = own_project(grant, { languages = { "pt-br" }, keys = keys })
    local path = project .. "/pt-br/translations.json"
    local status, messages, headers = cdn(path)
    assert.same({ 200, { a = "Á" } }, { status, messages })
    local known = { ["if-none-match"] = headers.etag }
    assert.equal(304, (cdn(path, known)))
    local id = tool(grant, "listKeys", { project = project }).k[1].id
    tool(grant, "setTranslations", { project = project, t = { { id = id, t = { ["pt-br"] = "É" } } } })
    assert.equal(304, (cdn(path, known)))
    tool(grant, "publishTranslations", { project = project })
    status, messages = cdn(path, known)
    assert.same({ 200, { a = "É" } }, { status, messages })
    assert.equal(4, counters(grant).by_route["GET /cdn/{org}/{project}/{locale}/{file}"])
    assert.equal(0, counters(grant).cdn_with_credentials)
  end)

  it("has what a grant published last in a project that the instance was born with", function()
    local project, path = "acme/press-eu", "acme/press-eu/de/translations.json"
    local function publish(text, settings)
      local grant = grant_with(settings)
      tool(grant, "createKeys", { project = project, k = { { n = "mine", v = "Mine", t = { de = text } } } })
      tool(grant, "publishTranslations", { project = project })
      return select(2, cdn(path)).mine
    end
    local before = select(2, cdn "acme/press-eu/de/home.json")
    assert.is_nil(select(2, cdn(path)).mine)
    assert.equal("Meins", publish("Meins", { sync_ms = 0 }))
    assert.equal("Meins", publish("Keins", { sync_ms = 0, sync_outcome = "failed" }))
    assert.equal("Meins", publish("Später", { sync_ms = 60000 }))
    assert.equal("Deins", publish("Deins", { sync_ms = 0 }))
    assert.same(before, (select(2, cdn "acme/press-eu/de/home.json")))
    assert.is_nil(tool(grant_with(), "listKeys", { project = project, search = "mine" }).k[1])
  end)

  it("has a manifest, and a file for each namespace", function()
    local _, manifest = cdn "acme/website-eu/manifest.json"
    assert.same({ "default", "home", "checkout" }, manifest.namespaces)
    assert.equal("en", manifest.languages[1].code)
    assert.equal("Willkommen", select(2, cdn "acme/website-eu/de/home.json").title)
    assert.equal("Jetzt zahlen", select(2, cdn "acme/shop-eu/de/translations.json")["checkout.pay.now"])
    assert.equal("Jetzt zahlen", select(2, cdn "acme/help-eu/de/checkout.json").pay.now)
  end)

  it("answers a miss with 200", function()
    local misses = { "acme/website-eu/xx/home.json", "acme/nope/manifest.json", "acme/website-eu/de/nope.json" }
    for _, path in ipairs(misses) do
      local status, _, _, body = cdn(path)
      assert.same({ 200, "{}" }, { status, body })
    end
    local grant = grant_with { cdn_miss = "fallback" }
    local project = own_project(grant)
    assert.same({ fallback = true }, (select(2, cdn(project .. "/de/translations.json"))))
  end)

  it("counts credentials that it should never see", function()
    local grant = grant_with()
    local project = own_project(grant, { keys = 1 })
    cdn(project .. "/manifest.json", { authorization = "Bearer " .. grant.installation_token })
    assert.equal(200, (cdn(project .. "/manifest.json", { cookie = "a=b" })))
    assert.equal(2, counters(grant).cdn_with_credentials)
  end)
end)
