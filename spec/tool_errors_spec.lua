-- Every tool of API.md by its method and by call_tool, once with each error that API.md names for it or for all. What
-- is refused for its arguments is in spec/tools_spec.lua. Luas do not differ in any of this: one tests it for all.
local better_i18n = require "better_i18n"
local cjson = require "cjson"
local expect = require "spec.support.expect"
local sandbox = require "spec.support.sandbox"
local tools = require "spec.support.tools"

setup(sandbox.start)
teardown(sandbox.stop)

local ways, asked = tools.ways, tools.asked

local function without(list, gone)
  local rest = {}
  for _, item in ipairs(list) do
    if item ~= gone then rest[#rest + 1] = item end
  end
  return rest
end

-- A grant that lacks the tool's scope.
local function poor(row, settings)
  local fields = { scopes = without(tools.SCOPES, row.scope) }
  for name, value in pairs(settings or {}) do fields[name] = value end
  return tools.grant(fields)
end

local function looked(grant)
  local count = 0
  for _, line in ipairs(sandbox.lines(grant)) do count = count + (line:find("/me", 1, true) and 1 or 0) end
  return count
end

-- An error: name; applies(row): whether the tool can have it; test(row).

local errors = {}

-- Runs the tool in both ways; it must fail with the code. make() gives a grant of its own, a client, what the call is
-- about and its options; check(err, grant, client) looks on.
local function both(row, code, make, check)
  for _, way in pairs(ways) do
    local grant, client, c, options = make()
    local err = expect.failure(code, way, client, row, c or tools.SOMETHING, options)
    check(err, grant, client)
  end
end

local function add(name, applies, test) errors[#errors + 1] = { name = name, applies = applies, test = test } end

local function always() return true end

local function has_scope(row) return row.scope ~= nil end

local function has_project(row) return row.wire ~= nil and row.tool ~= "getSync" end

-- A tool that writes is never sent twice, and what may have been done is said so.
local function code_of(row, code) return row.writes and "outcome_unknown" or code end

local function tries(row) return row.writes and 1 or 3 end

-- A fault that stays; the client tries three times where it may.
local function with_fault(row, fault, settings)
  return function()
    local grant = tools.grant(settings)
    local rule = { tool = row.tool, times = "always" }
    for name, value in pairs(fault) do rule[name] = value end
    sandbox.fault(grant, rule)
    return grant, sandbox.installed(grant)
  end
end

for form, settings in pairs { ["HTTP 403"] = {}, ["the tool's words"] = { missing_scope_form = "tool" } } do
  add("a missing scope, by " .. form, has_scope, function(row)
    both(row, "missing_scope", function()
      local grant = poor(row, settings)
      return grant, sandbox.installed(grant)
    end, function(err, grant)
      assert.same({ row.scope, 1, 0 }, { err.required_scope, asked(grant, row), looked(grant) })
      assert.is_false(err.retryable)
    end)
  end)
end

add("a missing scope, hidden, the granted ones being known", has_scope, function(row)
  both(row, "missing_scope", function()
    local grant = poor(row, { hide_causes = true })
    return grant, sandbox.connected(grant, { preflight = false })
  end, function(err, grant)
    assert.same({ row.scope, 1, 0 }, { err.required_scope, asked(grant, row), looked(grant) })
  end)
end)

add("a missing scope, hidden, found out at /me", has_scope, function(row)
  both(row, "missing_scope", function()
    local grant = poor(row, { hide_causes = true })
    return grant, sandbox.installed(grant)
  end, function(err, grant)
    assert.same({ row.scope, 1, 1 }, { err.required_scope, asked(grant, row), looked(grant) })
  end)
end)

add("a missing scope that is known: nothing is sent", has_scope, function(row)
  both(row, "missing_scope", function()
    local grant = poor(row)
    local client = sandbox.connected(grant)
    client:token_info() -- it has to mint for that
    return grant, client
  end, function(err, grant) assert.same({ row.scope, 0 }, { err.required_scope, asked(grant, row) }) end)
end)

add("a missing scope, in the service's word where none is documented", function(row) return not row.scope end,
  function(row)
    both(row, "missing_scope", with_fault(row, {
      kind = "status", status = 403, body = { error = "missing_scope", required = "translations:publish" },
    }), function(err, grant)
      assert.same({ "translations:publish", 1 }, { err.required_scope, asked(grant, row) })
    end)
  end)

for form, settings in pairs { ["HTTP 410"] = {}, hidden = { hide_causes = true } } do
  add("a revocation, by " .. form, always, function(row)
    both(row, "grant_revoked", function()
      local grant = tools.grant(settings)
      sandbox.control("revoke", { grant_id = grant.grant_id })
      return grant, sandbox.installed(grant)
    end, function(err, grant, client)
      assert.same({ true, 1, form == "hidden" and 1 or 0 }, { err.revoked, asked(grant, row), looked(grant) })
      local total = sandbox.total(grant)
      expect.failure("grant_revoked", ways.call_tool, client, row, tools.SOMETHING)
      assert.equal(total, sandbox.total(grant))
    end)
  end)

  add("a token that expired, by " .. (form == "hidden" and form or "HTTP 401"), always, function(row)
    both(row, "invalid_token", function()
      local grant = tools.grant(settings)
      sandbox.control("expire", { grant_id = grant.grant_id, what = "installation" })
      return grant, sandbox.installed(grant)
    end, function(err, grant)
      assert.is_false(err.revoked)
      assert.equal(1, asked(grant, row))
    end)
  end)
end

add("a grant that is gone", always, function(row)
  both(row, "grant_not_found", function()
    local grant = tools.grant()
    sandbox.control("delete_grant", { grant_id = grant.grant_id })
    return grant, sandbox.installed(grant)
  end, function(err) assert.is_false(err.revoked) end)
end)

add("a session that the worker does not know, whatever the token", always, function(row)
  both(row, "invalid_token", function()
    local grant = tools.grant { mcp_401 = 9 }
    return grant, sandbox.connected(grant)
  end, function(err, grant)
    assert.same({ 2, 2 }, { asked(grant, row), sandbox.counters(grant).mints })
    expect.holds("the new token was refused too", err.message)
  end)
end)

for _, form in ipairs { "seconds", "x" } do
  add("too many requests, " .. form, always, function(row)
    both(row, "rate_limited", function()
      local grant, client = with_fault(row, { kind = "rate_limit", retry_after = 7, form = form })()
      return grant, client, nil, { timeout = 2 }
    end, function(err, grant)
      assert.same({ true, 1 }, { err.retryable, asked(grant, row) })
      assert.is_true(err.retry_after > 4 and err.retry_after <= 8, tostring(err.retry_after))
    end)
  end)
end

add("too many requests, hidden", always, function(row)
  both(row, "rate_limited", function()
    local grant = tools.grant { hide_causes = true, rate_limit = 1 }
    local client = sandbox.installed(grant)
    client:me()
    return grant, client, nil, { timeout = 2 }
  end, function(err, grant)
    assert.is_true(err.retryable)
    assert.equal(1, asked(grant, row))
  end)
end)

add("another organization's project", has_project, function(row)
  both(row, "wrong_organization", function()
    local grant = tools.grant()
    return grant, sandbox.installed(grant), { project = "tokyo-tea/tea", id = "x", title = "x", sync = "sync_x" }
  end, function(_, grant) assert.equal(1, asked(grant, row)) end)
end)

add("a project that is not there", has_project, function(row)
  both(row, "not_found", function()
    local grant = tools.grant()
    return grant, sandbox.installed(grant), { project = "acme/nope", id = "x", title = "x", sync = "sync_x" }
  end, function(err, grant)
    assert.equal(1, asked(grant, row))
    assert.is_false(err.retryable)
  end)
end)

add("a sync that is not there", function(row) return row.by_id end, function(row)
  both(row, "not_found", function()
    local grant = tools.grant()
    return grant, sandbox.installed(grant)
  end, function(_, grant) assert.equal(1, asked(grant, row)) end)
end)

add("a body that is too large", always, function(row)
  both(row, "too_large", with_fault(row, { kind = "status", status = 413, body = "too large" }),
    function(err, grant) assert.same({ 413, 1 }, { err.status, asked(grant, row) }) end)
end)

for _, form in ipairs { "json", "sse" } do
  add("another request's id, " .. form, always, function(row)
    both(row, code_of(row, "invalid_response"), function()
      local grant = tools.grant { mcp_wrong_id = 9, mcp_answer = form }
      return grant, sandbox.installed(grant)
    end, function(_, grant) assert.equal(tries(row), asked(grant, row)) end)
  end)
end

add("a stream that ends early", always, function(row)
  both(row, code_of(row, "invalid_response"), function()
    local grant = tools.grant { mcp_early_end = 9, mcp_answer = "sse" }
    return grant, sandbox.installed(grant)
  end, function(_, grant) assert.equal(tries(row), asked(grant, row)) end)
end)

for kind, code in pairs {
  close = "network", reset = "network", truncate = "invalid_response", bad_json = "invalid_response",
  empty = "invalid_response",
} do
  add("an answer that is none: " .. kind, always, function(row)
    both(row, code_of(row, code), with_fault(row, { kind = kind, process = kind == "close" or nil }),
      function(_, grant) assert.equal(tries(row), asked(grant, row)) end)
  end)
end

for _, status in ipairs { 200, 502 } do
  add("a web page, HTTP " .. status, always, function(row)
    both(row, code_of(row, "server_error"), with_fault(row, { kind = "html", status = status }),
      function(err, grant) assert.same({ status, tries(row) }, { err.status, asked(grant, row) }) end)
  end)
end

add("an answer that goes on for ever", always, function(row)
  both(row, "too_large", function()
    local grant = with_fault(row, { kind = "big_body", bytes = 1e9 })()
    return grant, sandbox.installed(grant, { max_response_bytes = 100000 })
  end, function(err, grant)
    assert.equal(1, asked(grant, row))
    if row.writes then expect.holds("may or may not have been done", err.message) end
  end)
end)

-- What no server of ours says: JSON-RPC errors beside -32602, and a tool's plain words.
local function saying(answer)
  return better_i18n.new {
    installation_token = "bi_oat_x", random = function() return 0 end, max_retries = 0,
    transport = function(request)
      local message = request.body and cjson.decode(request.body)
      if not message then return { status = 200, headers = { ["Content-Type"] = "application/json" }, body = "{}" } end
      local reply = { jsonrpc = "2.0", id = message.id }
      for name, value in pairs(answer) do reply[name] = value end
      return { status = 200, headers = { ["Content-Type"] = "application/json" }, body = cjson.encode(reply) }
    end,
  }
end

local function tool_says(words)
  return { result = { content = { { type = "text", text = words } }, isError = true } }
end

for name, answer in pairs {
  ["-32603"] = { "tool_error", { error = { code = -32603, message = "Internal error" } } },
  ["-32601"] = { "not_found", { error = { code = -32601, message = "Method not found" } } },
  ["-32600"] = { "invalid_request", { error = { code = -32600, message = "Invalid Request" } } },
  ["a tool that is locked"] = { "tool_error", tool_says "The project is locked by Zoe" },
  ["a tool in words that say nothing"] = { "tool_error", tool_says "Something went wrong" },
  ["a scope in a tool's words"] = { "missing_scope", tool_says "This needs the scope content:publish" },
} do
  add("JSON-RPC: " .. name, always, function(row)
    both(row, answer[1], function() return nil, saying(answer[2]) end, function(err)
      assert.equal(answer[1] == "missing_scope" and "content:publish" or nil, err.required_scope)
    end)
  end)
end

for _, row in ipairs(tools.rows) do
  describe(row.tool, function()
    for _, one in ipairs(errors) do
      if one.applies(row) then it(one.name, function() one.test(row) end) end
    end
  end)
end

describe("publishTranslations", function()
  it("tells its cool-down by both ways", function()
    local grant = tools.grant()
    local client, project = sandbox.installed(grant), sandbox.project(grant, {})
    client:create_keys { project = project, keys = { { key = "a", sourceText = "A" } } }
    client:publish { project = project }
    for _, publish in ipairs {
      function() client:publish({ project = project }, { timeout = 2 }) end,
      function() client:call_tool("publishTranslations", { project = project }, { timeout = 2 }) end,
    } do
      local err = expect.failure("rate_limited", publish)
      assert.is_true(err.retryable)
      assert.is_true(err.retry_after > 20 and err.retry_after <= 30)
    end
  end)
end)
