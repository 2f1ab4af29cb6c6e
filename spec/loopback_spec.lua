-- oauth.loopback, for programs on a user's machine: one callback in every world, with the sandbox's consent in front of
-- it; what else a browser sends; and each way in which a wait ends. Which bytes are a callback: spec/unit/visit_test.c.
local better_i18n = require "better_i18n"
local current = require "better_i18n.loop.current"
local expect = require "spec.support.expect"
local process = require "spec.support.process"
local sandbox = require "spec.support.sandbox"
local socket = require "socket"
local worlds = require "spec.support.worlds"

local oauth = better_i18n.oauth
local STATE = "state_0123456789"

setup(sandbox.start)
teardown(sandbox.stop)

local function port_of(loopback) return tonumber(loopback.redirect_uri:match "^http://127%.0%.0%.1:(%d+)/") end

-- Sends without waiting for an answer: the system keeps it until somebody accepts.
local function say(loopback, text)
  local connection = assert(socket.connect("127.0.0.1", port_of(loopback)))
  connection:send(text)
  return connection
end

local function get(loopback, query)
  return say(loopback, "GET " .. loopback.redirect_uri:match "://[^/]+(.*)" .. query .. " HTTP/1.1\r\nHost: x\r\n\r\n")
end

local function hear(connection)
  connection:settimeout(5)
  local text, problem, part = connection:receive "*a"
  connection:close()
  return text or part, problem
end

describe("a loopback listener", function()
  local loopback

  before_each(function() loopback = oauth.loopback() end)
  after_each(function() loopback:close() end)

  for _, world in ipairs(worlds.list()) do
    it("takes the callback in the world " .. world.name, function()
      local connection = get(loopback, "?code=spl_1&state=" .. STATE)
      local code = world.run(function() return loopback:wait { state = STATE, timeout = 5 } end)
      assert.equal("spl_1", code)
      local text = hear(connection)
      expect.holds("HTTP/1.1 200 OK\r\n", text)
      expect.holds("\r\nConnection: close\r\n", text)
      expect.holds("\r\nCache-Control: no-store\r\n", text)
      expect.holds("\r\nReferrer-Policy: no-referrer\r\n", text)
      expect.holds("<h1>Connected</h1>", text)
      assert.is_nil(text:find("spl_1", 1, true))
    end)

    it("gives up in time in the world " .. world.name, function()
      local start = socket.gettime()
      local err = world.run(function()
        return expect.failure("timeout", loopback.wait, loopback, { state = STATE, timeout = 0.1 })
      end)
      assert.is_true(err.retryable)
      assert.is_true(socket.gettime() - start >= 0.09)
    end)

    it("lets others go on meanwhile in the world " .. world.name, function()
      if world.name == "blocking" or not current.can_yield then return pending "everything blocks here" end
      local order = {}
      world.run(function()
        return world.together {
          function()
            local code = loopback:wait { state = STATE, timeout = 10 }
            order[#order + 1] = code
          end,
          function()
            local client = better_i18n.new { base_url = sandbox.URL, installation_token = "bi_oat_00000001" }
            client:request("GET", "/_sandbox/slow?ms=50", { token = "none", raw = true })
            order[#order + 1] = "a call"
            get(loopback, "?code=spl_1&state=" .. STATE):close()
            client:close()
          end,
        }
      end)
      assert.same({ "a call", "spl_1" }, order)
    end)
  end

  it("is where the service's consent leads", function()
    local child
    local app = sandbox.control("client", { redirect_uris = { loopback.redirect_uri } })
    local started = oauth.authorize {
      base_url = sandbox.URL, client_id = app.client_id, redirect_uri = loopback.redirect_uri, scope = "org:read",
    }
    child = process.start(("os.execute %q"):format("sandbox/consent --follow '" .. started.url .. "'"))
    local code = loopback:wait(started)
    assert.equal("Connected\n", (child.wait()))
    local tokens = oauth.exchange {
      base_url = sandbox.URL, client_id = app.client_id, client_secret = app.client_secret, code = code,
      redirect_uri = loopback.redirect_uri, code_verifier = started.code_verifier,
    }
    assert.is_string(tokens.refresh_token)
  end)

  it("raises the server's error and shows it, escaped", function()
    local connection = get(loopback, "?error=access_denied&error_description=<script>no</script> thanks")
    local err = expect.failure("access_denied", loopback.wait, loopback, { state = STATE })
    expect.holds("thanks", err.message)
    local text = hear(connection)
    expect.holds("&lt;script&gt;no&lt;/script&gt; thanks", text)
    expect.failure("closed", loopback.wait, loopback, { state = STATE })
  end)

  it("answers what is no callback, and goes on", function()
    local connections = {
      ["404"] = say(loopback, "GET /favicon.ico HTTP/1.1\r\n\r\n"),
      ["405"] = say(loopback, "POST /callback HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi"),
      ["405 "] = say(loopback, "HEAD /callback?code=spl_1&state=" .. STATE .. " HTTP/1.1\r\n\r\n"),
      ["400"] = say(loopback, "\22\3\1\0"),
      ["400 "] = get(loopback, "?code=spl_2&state=state_of_another"),
      ["400  "] = get(loopback, "?code=spl_2"),
      ["400   "] = get(loopback, ""),
      ["413"] = say(loopback, "GET /callback?code=" .. ("a"):rep(40000)),
    }
    local slow, silent = say(loopback, "GET /call"), say(loopback, "")
    local err = expect.failure("timeout", loopback.wait, loopback, { state = STATE, timeout = 0.2 })
    expect.holds("state", err.message)
    for status, connection in pairs(connections) do
      local text, problem = hear(connection)
      assert.is_nil(problem, status .. tostring(problem))
      expect.holds("HTTP/1.1 " .. status:match "%d+", text)
    end
    slow:send "back?code=spl_1&state=state_0123456789 HTTP/1.1\r\n\r\n"
    assert.equal("spl_1", loopback:wait { state = STATE, timeout = 5 })
    expect.holds("Connected", hear(slow))
    silent:close()
  end)

  it("serves many at once and takes the first callback", function()
    local connections = {}
    for i = 1, 30 do connections[i] = get(loopback, "?code=spl_1&state=" .. STATE) end
    assert.equal("spl_1", loopback:wait { state = STATE, timeout = 5 })
    expect.holds("Connected", hear(connections[1]))
  end)

  it("can be given a port, a path and a page", function()
    local port = port_of(loopback)
    local err = expect.failure("network", oauth.loopback, { port = port })
    expect.holds(tostring(port), err.message)
    loopback:close()
    loopback = oauth.loopback { port = port, path = "/signed/in", page = "<h1>Hallo</h1>", base_url = sandbox.URL }
    assert.equal("http://127.0.0.1:" .. port .. "/signed/in", loopback.redirect_uri)
    local connection = get(loopback, "?code=spl_1&state=" .. STATE)
    assert.equal("spl_1", loopback:wait { state = STATE, timeout = 5 })
    assert.equal("<h1>Hallo</h1>", hear(connection):match "\r\n\r\n(.*)$")
  end)

  it("can be cancelled", function()
    local signal = better_i18n.signal()
    signal:cancel()
    expect.failure("cancelled", loopback.wait, loopback, { state = STATE, signal = signal })
    if not current.can_yield then return end
    signal = better_i18n.signal()
    local err
    better_i18n.all {
      function() err = expect.failure("cancelled", loopback.wait, loopback, { state = STATE, signal = signal }) end,
      function() signal:cancel() end,
    }
    assert.equal("cancelled", err.code)
  end)

  it("ends a wait when it is closed, and has one who waits", function()
    loopback:close()
    loopback:close()
    expect.failure("closed", loopback.wait, loopback, { state = STATE })
    if not current.can_yield then return end
    loopback = oauth.loopback()
    better_i18n.all {
      function() expect.failure("closed", loopback.wait, loopback, { state = STATE }) end,
      function()
        expect.refused("another", loopback.wait, loopback, { state = STATE })
        loopback:close()
      end,
    }
  end)

  it("gives its port back when it is collected", function()
    local port
    do
      local dropped = oauth.loopback()
      port = port_of(dropped)
    end
    collectgarbage()
    collectgarbage()
    oauth.loopback({ port = port }):close()
  end)

  it("is not inherited by the browser that the program starts", function()
    local pipe = io.popen "sleep 5 & echo $!"
    local pid = pipe:read "*n"
    local port = port_of(loopback)
    loopback:close()
    local again = oauth.loopback { port = port }
    again:close()
    os.execute("kill " .. pid)
    pipe:close()
  end)

  it("refuses what it cannot use, by name", function()
    for text, options in pairs {
      ["port must be an integer"] = { port = -1 }, ["port must be at most"] = { port = 70000 },
      ["port must be a number"] = { port = "80" }, ["path"] = { path = "callback" },
      ["path cannot"] = { path = "/a?b" },
      ["page"] = { page = 7 }, ["timeout"] = { timeout = 0 }, ["loop"] = { loop = {} },
      ["did you mean 'port'"] = { prt = 1 },
    } do expect.refused(text, oauth.loopback, options) end
    expect.refused("table", oauth.loopback, 8976)
    for text, options in pairs {
      ["state is missing"] = {}, ["state must not be empty"] = { state = "" },
      ["timeout"] = { state = "s", timeout = "5" },
      ["signal"] = { state = "s", signal = {} },
      ["loop"] = { state = "s", loop = {} }, ["stat"] = { stat = "s" },
    } do expect.refused(text, loopback.wait, loopback, options) end
    expect.refused("options", loopback.wait, loopback)
    expect.refused("options", loopback.wait, loopback, STATE)
    expect.refused("colon", loopback.wait, { state = STATE })
    assert.equal("better_i18n.loopback (" .. loopback.redirect_uri .. ")", tostring(loopback))
  end)
end)
