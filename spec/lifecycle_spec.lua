-- Clients from birth to death: closing, collecting, ending Lua with clients alive, errors and calls inside hooks,
-- Ctrl-C; and that neither descriptors nor memory are lost, however many clients and calls there were.
local better_i18n = require "better_i18n"
local expect = require "spec.support.expect"
local process = require "spec.support.process"
local sandbox = require "spec.support.sandbox"
local socket = require "socket"

setup(sandbox.start)
teardown(sandbox.stop)

local grant

before_each(function() grant = sandbox.grant() end)

local function collect()
  for _ = 1, 3 do collectgarbage() end
end

describe("close", function()
  it("is idempotent, and so is collecting afterwards", function()
    local client = sandbox.installed(grant)
    client:me()
    for _ = 1, 3 do client:close() end
    expect.holds("closed", tostring(client))
    collect()
    expect.failure("closed", client.me, client)
  end)

  it("of one client does not touch another", function()
    local one, two = sandbox.installed(grant), sandbox.installed(grant)
    one:me()
    two:me()
    one:close()
    assert.equal(grant.grant_id, two:me().grant_id)
  end)

  it("is what a to-be-closed variable does", function()
    local chunk = (loadstring or load)([[
      local make = ...
      local kept
      do
        local client <close> = make()
        kept = client
        client:me()
      end
      return kept
    ]])
    if not chunk then return pending "this Lua has no to-be-closed variables" end
    local kept = chunk(function() return sandbox.installed(grant) end)
    expect.failure("closed", kept.me, kept)
  end)

  it("awaits the refresh that is on the wire, so that a rotated token is not lost", function()
    local rotating = sandbox.grant { rotation = "reuse_detection" }
    local told
    local client = sandbox.refreshing(rotating, { on_tokens = function(tokens) told = tokens end })
    sandbox.fault(rotating, { kind = "delay", ms = 250, grant_type = "refresh_token" })
    pcall(client.list_organizations, client, { timeout = 0.1 })
    client:close()
    assert.is_table(told)
    assert.are_not.equal(rotating.refresh_token, told.refresh_token)
  end)

  it("wants no refresh that nobody asked for", function()
    local client = sandbox.refreshing(grant)
    client:close()
    assert.equal(0, sandbox.total(grant))
  end)
end)

describe("the first call of a client", function()
  -- The stack of the call was once cleared of a nil too many when another client had been there before.
  it("takes its arguments as they are, also nil", function()
    for _ = 1, 2 do
      local client = sandbox.installed(grant)
      assert.is_true(client:request("GET", "/_sandbox/static").ok)
      client:close()
      client = sandbox.installed(grant)
      assert.equal(grant.grant_id, client:me(nil).grant_id)
      client = sandbox.installed(grant)
      expect.refused("project_id", client.get_project, client, nil)
      client = sandbox.installed(grant)
      expect.refused("code", client.add_language, client, "prj_1", nil)
      client = sandbox.installed(grant)
      assert.is_true(client:request("GET", "/_sandbox/static", nil).ok)
    end
  end)
end)

describe("clients that nobody closes", function()
  it("leave no descriptor behind", function()
    sandbox.installed(grant):me()
    collect()
    local before = process.descriptors()
    for index = 1, expect.times(1000) do
      local client = sandbox.installed(grant)
      if index % 10 == 0 then client:me() end
      if index % 3 == 0 then client:close() end
    end
    collect()
    assert.is_true(process.descriptors() <= before + 1, process.descriptors() .. " instead of " .. before)
  end)

  it("with network options of their own leave none either", function()
    collect()
    local before = process.descriptors()
    for index = 1, expect.times(100) do
      local client = sandbox.installed(grant, {
        base_url = sandbox.TLS_URL, ca_file = sandbox.CA_FILE, max_connections = index,
      })
      client:me()
      if index % 2 == 0 then client:close() end
      if index % 20 == 0 then collect() end
    end
    collect()
    assert.is_true(process.descriptors() <= before + 1, process.descriptors() .. " instead of " .. before)
  end)

  it("that failed leave none either", function()
    collect()
    local before = process.descriptors()
    for _, fields in ipairs {
      { kind = "close" }, { kind = "reset" }, { kind = "truncate" }, { kind = "delay", ms = 500 },
    } do
      fields.times = "always"
      local own = sandbox.grant()
      sandbox.fault(own, fields)
      for _ = 1, expect.times(20) do
        local client = sandbox.installed(own, { timeout = 0.02 })
        pcall(client.me, client)
      end
    end
    collect()
    assert.is_true(process.descriptors() <= before + 1, process.descriptors() .. " instead of " .. before)
  end)
end)

describe("memory", function()
  -- A sanitizer keeps what was freed for a while, so there only the loops are worth something.
  local BOUND = expect.slow and 64 * 1024 or 2048

  -- What grows in three rounds would go on growing; the first round is the warm-up.
  local function growth(round)
    round()
    collect()
    local before = process.memory()
    for _ = 1, 2 do round() end
    collect()
    return process.memory() - before
  end

  it("stays flat over calls", function()
    local client = sandbox.installed(grant)
    local grown = growth(function()
      for _ = 1, expect.times(1500) do client:request("GET", "/_sandbox/static") end
    end)
    assert.is_true(grown < BOUND, grown .. " KiB")
  end)

  it("stays flat over failures", function()
    local client = sandbox.installed(grant, { max_retries = 0 })
    sandbox.fault(grant, { kind = "status", status = 400, times = "always",
                           body = { error = "invalid_request", message = ("x"):rep(2000) } })
    local grown = growth(function()
      for _ = 1, expect.times(500) do pcall(client.list_projects, client, "org_1") end
      for _ = 1, expect.times(500) do pcall(client.get_project, client, "..") end
    end)
    assert.is_true(grown < BOUND, grown .. " KiB")
  end)

  it("stays flat over clients", function()
    local grown = growth(function()
      for _ = 1, expect.times(1000) do
        sandbox.connected(grant)
        pcall(better_i18n.new, { installation_token = "bi_oat_1", timeout = 5, typo = 1 })
      end
    end)
    assert.is_true(grown < BOUND, grown .. " KiB")
  end)

  it("of big answers is given back", function()
    local client = sandbox.installed(grant)
    local grown = growth(function()
      for _ = 1, expect.times(20) do
        client:request("GET", "/_sandbox/bytes?n=1000000", { raw = true })
        collect()
      end
    end)
    assert.is_true(grown < BOUND + 6144, grown .. " KiB")
  end)
end)

describe("Lua ends", function()
  local function program(body)
    return ([[
      local better_i18n = require "better_i18n"
      local url, grant_id, refresh_token, id, secret, installation = %q, %q, %q, %q, %q, %q
      local client = better_i18n.new { base_url = url, installation_token = installation }
    ]]):format(sandbox.URL, grant.grant_id, grant.refresh_token, grant.client_id, grant.client_secret,
      grant.installation_token) .. body
  end

  for name, body in pairs {
    ["with a client that was used"] = "client:me()",
    ["with one that was not"] = "",
    ["with a closed one"] = "client:me() client:close()",
    ["by os.exit that closes the state"] = "client:me() os.exit(0, true)",
    ["by os.exit that does not"] = "client:me() os.exit(0)",
    ["with many"] = [[
      kept = {}
      for i = 1, 50 do
        kept[i] = better_i18n.new { base_url = url, installation_token = installation, max_connections = i }
        kept[i]:me()
      end
    ]],
    ["inside a hook"] = [[
      local other = better_i18n.new {
        base_url = url, installation_token = installation, on_request = function() os.exit(0, true) end,
      }
      other:me()
    ]],
    ["in the middle of a coroutine"] = [[
      local other = better_i18n.new {
        base_url = url, installation_token = installation,
        loop = { wait = coroutine.yield, sleep = coroutine.yield },
      }
      routine = coroutine.create(function() other:me() end)
      assert(coroutine.resume(routine))
    ]],
    ["with a refresh on the wire"] = [[
      local other = better_i18n.new {
        base_url = url, grant_id = grant_id, refresh_token = refresh_token, client_id = id, client_secret = secret,
        loop = { wait = coroutine.yield, sleep = coroutine.yield },
      }
      routine = coroutine.wrap(function() pcall(other.me, other) end)
      pcall(routine)
    ]],
    ["with an error object alive"] = "_, kept = better_i18n.try(client.get_project, client, 'none')",
  } do
    it("without a crash and with status 0: " .. name, function()
      local _, err, status = process.run(program(body))
      assert.equal("", err)
      assert.equal(0, status)
    end)
  end
end)

describe("a hook", function()
  it("that raises before the request ends the call with its error, and nothing is sent", function()
    local problem = { "mine" }
    local client = sandbox.installed(grant, { on_request = function() error(problem) end })
    local ok, err = pcall(client.me, client)
    assert.is_false(ok)
    assert.equal(problem, err)
    assert.equal(0, sandbox.total(grant))
  end)

  it("that raises after the answer loses nothing of it, and hands its error over once", function()
    local failing = true
    local client = sandbox.installed(grant, {
      on_response = function()
        if failing then error("from the hook", 0) end
      end,
    })
    local me, response = client:me()
    assert.equal(grant.grant_id, me.grant_id)
    assert.equal("from the hook", response.hook_error)
    failing = false
    assert.is_nil(select(2, client:me()).hook_error)
  end)

  it("that raises does not hide the failure of the call", function()
    local failing = true
    local client = sandbox.installed(grant, {
      on_response = function()
        if failing then error("from the hook", 0) end
      end,
    })
    local err = expect.failure("project_not_found", client.get_project, client, "none")
    assert.equal("from the hook", err.hook_error)
    failing = false
    assert.equal(grant.grant_id, client:me().grant_id)
  end)

  it("may call the same client", function()
    local client, inside
    client = sandbox.installed(grant, {
      on_response = function()
        if inside then return end
        inside = true
        inside = client:list_organizations()
      end,
    })
    assert.equal(grant.grant_id, client:me().grant_id)
    assert.equal(4, #inside)
  end)

  it("may call the same client while its tokens are renewed, or is told that it cannot", function()
    local fresh = sandbox.grant { installation = false }
    local client, with_access, with_installation
    client = sandbox.refreshing(fresh, {
      on_tokens = function()
        with_access = { pcall(client.me, client) }
        with_installation = { pcall(client.list_organizations, client, { timeout = 2 }) }
      end,
    })
    local list = client:list_organizations()
    assert.equal(4, #list)
    assert.is_true(with_access[1], tostring(with_access[2]))
    -- This one would wait for the very renewal that it stands in.
    assert.is_false(with_installation[1])
    assert.equal("invalid_argument", with_installation[2].code)
    expect.holds("another grant", with_installation[2].message)
    assert.equal(1, sandbox.counters(fresh).mints)
  end)

  it("may close the client, at any point", function()
    for _, name in ipairs { "on_request", "on_response", "on_tokens" } do
      local fresh = sandbox.grant { installation = false }
      local client
      client = sandbox.refreshing(fresh, { [name] = function() client:close() end })
      local ok, err = pcall(client.list_organizations, client)
      if not ok then assert.truthy(({ cancelled = true, closed = true })[err.code], name .. ": " .. tostring(err)) end
      expect.failure("closed", client.me, client)
    end
    collect()
  end)

  it("may collect garbage", function()
    local client = sandbox.refreshing(sandbox.grant { installation = false }, {
      on_request = collect, on_response = collect, on_tokens = collect,
    })
    assert.equal(4, #client:list_organizations())
  end)
end)

describe("a call in a coroutine that is dropped", function()
  it("leaves nothing behind", function()
    collect()
    local before = process.descriptors()
    sandbox.fault(grant, { kind = "delay", ms = 200, times = "always" })
    for _ = 1, expect.times(100) do
      local client = sandbox.installed(grant, { loop = { wait = coroutine.yield, sleep = coroutine.yield } })
      local routine = coroutine.create(function() return client:me() end)
      coroutine.resume(routine)
      coroutine.resume(routine)
    end
    collect()
    assert.is_true(process.descriptors() <= before + 2, process.descriptors() .. " instead of " .. before)
  end)
end)

-- The interpreter that spec/tools/asan_lua.c makes has no handler for it.
local it_interrupted = (os.getenv "BETTER_I18N_LUA" or ""):find "asan" and pending or it

describe("Ctrl-C", function()
  local function interrupt(fault, body)
    sandbox.fault(grant, fault)
    local child = process.start(([[
      local client = require "better_i18n".new { base_url = %q, installation_token = %q, timeout = 25 }
      %s
    ]]):format(sandbox.URL, grant.installation_token, body or "client:me()"))
    for _ = 1, 200 do
      if sandbox.total(grant) > 0 then break end
      socket.sleep(0.02)
    end
    socket.sleep(0.05)
    local before = socket.gettime()
    child.signal "INT"
    local _, err, status = child.wait()
    return socket.gettime() - before, err, status
  end

  it_interrupted("ends a call that waits for its answer, soon", function()
    local seconds, err, status = interrupt { kind = "delay", ms = 15000 }
    expect.holds("interrupted!", err)
    assert.equal(1, status)
    assert.is_true(seconds < (expect.slow and 10 or 1), seconds .. " s")
  end)

  it_interrupted("ends a pause before a retry", function()
    local seconds, err = interrupt { kind = "rate_limit", retry_after = 15 }
    expect.holds("interrupted!", err)
    assert.is_true(seconds < (expect.slow and 10 or 1), seconds .. " s")
  end)

  it_interrupted("that a program catches leaves a client that works", function()
    local _, err, status = interrupt({ kind = "delay", ms = 15000 }, [[
      local ok, problem = pcall(client.me, client)
      assert(not ok and tostring(problem):find "interrupted!", tostring(problem))
      assert(client:me().grant_id)
    ]])
    assert.equal("", err)
    assert.equal(0, status)
  end)
end)
