-- What is repeated, how often, when, and within which time: reads and not writes, Retry-After in all its forms, the
-- deadline over the whole call, and what chance has to do with the pauses.
local better_i18n = require "better_i18n"
local expect = require "spec.support.expect"
local sandbox = require "spec.support.sandbox"
local socket = require "socket"

setup(sandbox.start)
teardown(sandbox.stop)

local PROJECT = { name = "Site", slug = "Retry", sourceLanguage = "en" } -- refused for its slug, should it arrive
local SLACK = expect.slow and 10 or 0.6

local grant, client

before_each(function()
  grant = sandbox.grant { scopes = { "projects:write", "projects:read", "org:read" } }
  client = sandbox.installed(grant)
end)
after_each(function() client:close() end)

local function fault(fields) return sandbox.fault(grant, fields) end

-- Seconds that the call takes; then what pcall gives.
local function timed(fn, ...)
  local before = socket.gettime()
  local results = { pcall(fn, ...) }
  return socket.gettime() - before, results[1], results[2], results[3]
end

local troubles = {
  ["close"] = { kind = "close" }, ["reset"] = { kind = "reset" }, ["truncated"] = { kind = "truncate" },
  ["502 with HTML"] = { kind = "html", status = 502 }, ["500 empty"] = { kind = "empty", status = 500 },
  ["503 with a code"] = { kind = "status", status = 503, body = { error = "busy" } },
  ["408"] = { kind = "status", status = 408, body = "" }, ["504"] = { kind = "empty", status = 504 },
  ["429"] = { kind = "rate_limit", retry_after = 0 }, ["200 with HTML"] = { kind = "html", status = 200 },
}

describe("a read", function()
  for name, fields in pairs(troubles) do
    it("is repeated twice after " .. name, function()
      local copy = { times = 2 }
      for key, value in pairs(fields) do copy[key] = value end
      fault(copy)
      local data, response = client:me()
      assert.equal(grant.grant_id, data.grant_id)
      assert.equal(3, response.attempts)
      assert.equal(3, sandbox.total(grant))
      copy.times = "always"
      fault(copy)
      local _, err = better_i18n.try(client.me, client)
      assert.equal(3, err.attempts)
      assert.equal(6, sandbox.total(grant))
    end)
  end

  it("is repeated as often as max_retries says, of the client or the call", function()
    fault { kind = "empty", status = 500, times = "always" }
    for _, case in ipairs { { 0, nil, 1 }, { 1, nil, 2 }, { 5, nil, 6 }, { 5, 0, 1 }, { 0, 4, 5 } } do
      local own = sandbox.installed(grant, { max_retries = case[1] })
      local err = expect.failure("server_error", own.me, own, { max_retries = case[2] })
      assert.equal(case[3], err.attempts)
    end
  end)

  it("by DELETE is repeated too", function()
    fault { kind = "close" }
    local _, response = client:request("DELETE", "/_sandbox/echo")
    assert.equal(1, response.attempts) -- a fault without a path is not for the sandbox's own
    local _, err = better_i18n.try(client.request, client, "DELETE", "/api/oauth-client/organizations")
    assert.equal(2, err.attempts)
  end)
end)

describe("a write", function()
  for name, fields in pairs(troubles) do
    local repeats = name == "429"
    it((repeats and "is repeated after " or "is never repeated after ") .. name, function()
      local copy = { times = "always" }
      for key, value in pairs(fields) do copy[key] = value end
      fault(copy)
      local _, err = better_i18n.try(client.create_project, client, PROJECT)
      assert.equal(repeats and 3 or 1, err.attempts, tostring(err))
      assert.equal(repeats and 3 or 1, sandbox.total(grant))
    end)
  end

  it("that never left is repeated", function()
    local nobody = sandbox.installed(grant, { base_url = "http://127.0.0.1:1" })
    local err = expect.failure("network", nobody.create_project, nobody, PROJECT)
    assert.equal(3, err.attempts)
    assert.is_true(err.retryable)
  end)
end)

describe("what is certain", function()
  for _, case in ipairs {
    { 400, "invalid_request" }, { 403, "missing_scope" }, { 403, "wrong_organization" }, { 409, "conflict" },
    { 410, "grant_revoked" }, { 404, "grant_not_found" }, { 404, "project_not_found" }, { 422, "invalid" },
  } do
    it("is not repeated: " .. case[1] .. " " .. case[2], function()
      fault { kind = "status", status = case[1], body = { error = case[2] }, times = "always" }
      local err = expect.failure(case[2], client.me, client)
      assert.equal(1, err.attempts)
      assert.equal(1, sandbox.total(grant))
    end)
  end

  it("is not repeated: statuses without a code", function()
    for _, status in ipairs { 400, 403, 404, 405, 410, 418 } do
      fault { kind = "status", status = status, body = "" }
      assert.equal(1, expect.failure("http_error", client.me, client).attempts)
    end
  end)
end)

describe("Retry-After", function()
  for _, form in ipairs { "seconds", "date", "x" } do
    it("is waited for: " .. form, function()
      fault { kind = "rate_limit", retry_after = 1, form = form }
      local seconds, ok, _, response = timed(client.me, client)
      assert.is_true(ok)
      assert.equal(2, response.attempts)
      -- A date has whole seconds: nearly two may be meant.
      assert.is_true(seconds > (form == "date" and 0.05 or 0.95) and seconds < 2.1 + SLACK, seconds .. " s")
    end)

    it("beyond the deadline is told at once: " .. form, function()
      fault { kind = "rate_limit", retry_after = 30, form = form }
      local seconds, ok, err = timed(client.me, client, { timeout = 5 })
      assert.is_false(ok)
      assert.equal("rate_limited", err.code)
      assert.equal(1, err.attempts)
      assert.is_true(err.retry_after > 28 and err.retry_after <= 31, tostring(err.retry_after))
      assert.is_true(err.retryable)
      assert.is_true(seconds < SLACK, seconds .. " s")
    end)
  end

  it("closes the gate for the calls behind it, without asking", function()
    fault { kind = "rate_limit", retry_after = 30 }
    expect.failure("rate_limited", client.me, client, { timeout = 5 })
    local before = sandbox.total(grant)
    local err = expect.failure("rate_limited", client.list_organizations, client, { timeout = 5 })
    assert.equal(0, err.attempts)
    assert.is_true(err.retry_after > 28 and err.retry_after <= 30)
    assert.equal(before, sandbox.total(grant))
    -- another grant has another gate
    local other = sandbox.grant()
    assert.equal(other.grant_id, sandbox.installed(other):me().grant_id)
  end)

  it("of 503 is waited for too", function()
    fault { kind = "status", status = 503, body = "", headers = { ["Retry-After"] = "1" } }
    local seconds, ok = timed(client.me, client)
    assert.is_true(ok)
    assert.is_true(seconds > 0.95, seconds .. " s")
  end)

  it("that makes no sense counts as none", function()
    for _, value in ipairs { "soon", "-5", "", "1e9", "Tue, 99 Foo 2024 00:00:00 GMT" } do
      fault { kind = "status", status = 429, body = { error = "rate_limited" }, headers = { ["Retry-After"] = value } }
      local seconds, ok, result = timed(client.me, client)
      assert.is_true(ok, tostring(result))
      assert.is_true(seconds < SLACK, value)
    end
  end)

  it("in the past means now", function()
    fault { kind = "status", status = 429, body = { error = "rate_limited" },
            headers = { ["Retry-After"] = "Wed, 21 Oct 2015 07:28:00 GMT" } }
    local seconds, ok = timed(client.me, client)
    assert.is_true(ok)
    assert.is_true(seconds < SLACK)
  end)

  it("without max_retries is told at once", function()
    fault { kind = "rate_limit", retry_after = 1 }
    local err = expect.failure("rate_limited", client.me, client, { max_retries = 0 })
    assert.equal(1, err.retry_after)
  end)
end)

describe("the time of a call", function()
  it("is for all its tries together", function()
    fault { kind = "empty", status = 500, times = "always" }
    local random = sandbox.installed(grant, { timeout = 0.5, max_retries = 50, random = function() return 0.9 end })
    local seconds, ok, err = timed(random.me, random)
    assert.is_false(ok)
    assert.equal("server_error", err.code)
    -- the next pause would end behind the deadline, so nobody waits for it
    assert.is_true(seconds < 0.5 + SLACK, seconds .. " s")
    assert.is_true(err.attempts < 5)
  end)

  it("ends a wait for the head, and for the body", function()
    for _, kind in ipairs { "delay", "delay_body", "drip" } do
      fault { kind = kind, ms = kind == "drip" and 100 or 5000 }
      local seconds, ok, err = timed(client.me, client, { timeout = 0.3 })
      assert.is_false(ok)
      assert.equal("timeout", err.code)
      assert.is_true(seconds >= 0.29 and seconds < 0.3 + SLACK, kind .. ": " .. seconds .. " s")
    end
  end)

  it("covers the renewal in front of it", function()
    local slow = sandbox.grant { installation = false }
    sandbox.fault(slow, { kind = "delay", ms = 2000, path = "/api/oauth-client/installations/" })
    local minting = sandbox.minting(slow)
    local seconds, ok, err = timed(minting.list_organizations, minting, { timeout = 0.3 })
    assert.is_false(ok)
    assert.equal("timeout", err.code)
    assert.is_true(seconds < 0.3 + SLACK, seconds .. " s")
  end)

  it("of one call does not end another", function()
    fault { kind = "delay", ms = 300 }
    expect.failure("timeout", client.me, client, { timeout = 0.1 })
    assert.equal(grant.grant_id, client:me().grant_id)
  end)
end)

describe("pauses", function()
  -- A clock that moves only when the client sleeps: what it would have waited, without waiting.
  local function measure(chance, options)
    local now, slept = 1000, {}
    local function hold(_, ms)
      slept[#slept + 1] = math.floor(ms + 0.5)
      now = now + ms / 1000
    end
    local all = {
      clock = function() return 1.7e9 + now, now end,
      random = function() return chance end,
      transport = function() return nil, "no network today" end,
      loop = { sleep = hold, wait = hold },
    }
    for name, value in pairs(options) do all[name] = value end
    local own = sandbox.installed(grant, all)
    local err = expect.failure("network", own.me, own)
    return slept, err
  end

  it("double from half a second to eight, times chance", function()
    assert.same({ 500, 1000, 2000, 4000, 8000, 8000, 8000 },
      (measure(1, { max_retries = 7, timeout = 1000 })))
    assert.same({ 250, 500, 1000, 2000 }, (measure(0.5, { max_retries = 4, timeout = 1000 })))
  end)

  it("are cut off by the deadline, not shortened", function()
    local slept, err = measure(1, { max_retries = 7, timeout = 3 })
    assert.same({ 500, 1000 }, slept)
    assert.equal(3, err.attempts)
  end)

  it("are drawn anew each time by default", function()
    fault { kind = "empty", status = 500, times = "always" }
    local seen = {}
    for _ = 1, 3 do
      local own = sandbox.installed(grant, { random = false, max_retries = 1 })
      local seconds = timed(own.me, own)
      assert.is_true(seconds < 0.5 + SLACK)
      seen[#seen + 1] = seconds
    end
    assert.is_true(math.abs(seen[1] - seen[2]) + math.abs(seen[2] - seen[3]) > 0.001)
  end)
end)
