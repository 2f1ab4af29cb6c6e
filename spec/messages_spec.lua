-- Messages that once told a user what was not true, or left out what helps: each names what was given and what to do.
local better_i18n = require "better_i18n"
local expect = require "spec.support.expect"
local process = require "spec.support.process"
local sandbox = require "spec.support.sandbox"

setup(sandbox.start)
teardown(sandbox.stop)

local function lacks(part, text)
  if text:find(part, 1, true) then error(("%q is in: %s"):format(part, text), 2) end
end

describe("a grant whose store has no record of it", function()
  local function client_of_nothing()
    return sandbox.client { grant_id = "grt_typo", client_id = "app_1", store = better_i18n.store.memory() }
  end

  it("is named, and nobody is told that a token had expired", function()
    local client = client_of_nothing()
    for _ = 1, 2 do -- once from the renewal that looks, once from what it left
      local err = expect.failure("invalid_token", client.list_organizations, client)
      expect.holds("the store has no tokens of the grant grt_typo", err.message)
      lacks("expired", err.message)
      lacks("offline_access", err.message)
    end
  end)

  it("is not told of when the options brought a token that was refused", function()
    local grant = sandbox.grant { installation = false }
    local client = sandbox.minting(grant, { client_id = "app_1", store = better_i18n.store.memory() })
    sandbox.control("expire", { grant_id = grant.grant_id, what = "access" })
    local err = expect.failure("invalid_token", client.me, client)
    lacks("the store", err.message)
  end)

  it("is looked for again by the next call: the customer may have connected meanwhile, in another process", function()
    local grant, store = sandbox.grant(), better_i18n.store.memory()
    local early = sandbox.client {
      grant_id = grant.grant_id, client_id = grant.client_id, client_secret = grant.client_secret, store = store,
    }
    expect.failure("invalid_token", early.list_organizations, early)
    local connected = sandbox.connected(grant, { store = store })
    connected:list_organizations()
    assert.is_table((early:list_organizations()))
  end)

  it("fails token_info without a request that was never made", function()
    local client = client_of_nothing()
    for _ = 1, 2 do
      local err = expect.failure("invalid_token", client.token_info, client)
      assert.same({}, { err.method, err.path })
      lacks("GET", tostring(err))
    end
  end)
end)

describe("a C module that this Lua cannot load", function()
  local name = jit and "luajit" or _VERSION:match "%d+%.%d+"
  local version = jit and jit.version or _VERSION

  -- What each use of the module raises in a Lua of its own, where `setting` has run before.
  local function uses(setting)
    return process.run(setting .. [[
      local b = require "better_i18n"
      assert(b._VERSION and b.scopes)
      for _, use in ipairs {
        function() b.new {} end, function() b.new(b) end, function() b.try(error) end, function() b.is_error(1) end,
        function() return b.null end, function() return b.oauth end, function() return b.store.memory() end,
        function() return b.loop.luv end, function() b.all {} end, function() b.signal() end,
      } do
        local ok, problem = pcall(use)
        print(ok, problem, "====")
      end]])
  end

  local function preload(problem)
    return ("package.preload['better_i18n.core'] = function() error(%q, 0) end "):format(problem)
  end

  it("because nobody built it is told in one line, with where it was looked for", function()
    local count = 0
    for text in uses("package.cpath = '/nowhere/?.so' "):gmatch "(.-)\t====\n" do
      count = count + 1
      expect.holds("is not built for this Lua (" .. version .. ")", text)
      expect.holds("run: make LUA=" .. name .. "\n", text)
      expect.holds("no file '/nowhere/better_i18n/core.so'", text)
      lacks(".lua'", text)
    end
    assert.equal(10, count)
  end)

  it("because it was built for another one is told so, with the loader's words", function()
    for _, problem in ipairs {
      "error loading module 'better_i18n.core' from file 'x/core.so':\n\tx/core.so: undefined symbol: lua_rawgetp",
      "dlopen(x/core.so, 0x0006): symbol not found in flat namespace '_lua_rawgetp'",
      "version mismatch: app. needs Lua 5.3",
    } do
      local text = uses(preload(problem))
      expect.holds(("was built for another Lua, not for this one (%s); run: make LUA=%s\n"):format(version, name), text)
      expect.holds(problem, text)
    end
  end)

  it("for another reason keeps the loader's words", function()
    local problem = "libcurl.so.4: cannot open shared object file: No such file or directory"
    local text = uses(preload(problem))
    expect.holds("cannot be loaded by this Lua (" .. version .. ")", text)
    expect.holds(problem, text)
    lacks("another Lua", text)
  end)
end)

describe("try", function()
  it("of a call that was made already says how to write it", function()
    local client = sandbox.installed(sandbox.grant())
    for name, value in pairs { table = client:list_organizations(), string = "me" } do
      local err = expect.refused("try: the first argument must be a function, not " .. name, better_i18n.try, value)
      expect.holds("try(client.me, client)", err.message)
    end
    expect.refused("must be a function, not nil", better_i18n.try)
  end)

  it("takes whatever can be called", function()
    local callable = setmetatable({}, { __call = function(_, value) return value end })
    assert.equal(7, better_i18n.try(callable, 7))
  end)
end)

describe("a wrong dot or colon", function()
  it("at a signal is named", function()
    local signal = better_i18n.signal()
    for _, self in ipairs { {}, "x", 7 } do expect.refused("signal:cancel(), with a colon", signal.cancel, self) end
    expect.refused("signal:cancel(), with a colon", signal.cancel)
    assert.is_false(signal.cancelled)
  end)

  it("at a function of oauth is named", function()
    local oauth = better_i18n.oauth
    for _, name in ipairs { "authorize", "exchange", "parse_callback", "register", "loopback" } do
      local err = expect.refused(name .. ": call it as oauth." .. name, oauth[name], oauth, {})
      expect.holds("with a dot, not a colon", err.message)
    end
  end)
end)

describe("a grant that another client of this process revoked", function()
  it("is not said to be revoked by the client that is asked", function()
    local grant = sandbox.grant { installation = false }
    local one, two = sandbox.connected(grant), sandbox.connected(grant)
    one:revoke()
    local err = expect.failure("grant_revoked", two.me, two)
    expect.holds("revoked in this process, by revoke()", err.message)
    lacks("this client", err.message)
  end)
end)

describe("an unknown option", function()
  local function refuses(text, fn, ...)
    local err = expect.refused(text, fn, ...)
    assert.is_nil(err.message:find "not known" or err.message:find "it takes")
  end

  it("is told in the same words everywhere, with the one that was meant", function()
    local client, oauth = sandbox.installed(sandbox.grant()), better_i18n.oauth
    local function nothing() end
    refuses("new: unknown option 'clientid'; did you mean 'client_id'?", better_i18n.new, { clientid = "x" })
    refuses("all: unknown option 'concurency'; did you mean 'concurrency'?", better_i18n.all, {}, { concurency = 1 })
    refuses("pages: unknown option 'maxx'; did you mean 'max'?", better_i18n.pages, nothing, { maxx = 1 })
    refuses("async: unknown option 'lop'; did you mean 'loop'?", better_i18n.async, nothing, nothing, { lop = {} })
    refuses("redis: unknown option 'user_name'; did you mean 'username'?", better_i18n.store.redis, { user_name = "x" })
    refuses("list_keys: unknown option 'limmit'; did you mean 'limit'?", client.list_keys, client,
      { project = "a/b", limmit = 1 })
    refuses("list_projects: unknown option 'limmit'; did you mean 'limit'?", client.list_projects, client, "org_1",
      { limmit = 1 })
    refuses("each_project: unknown option 'prefetsh'; did you mean 'prefetch'?", client.each_project, client, "org_1",
      { prefetsh = 1 })
    refuses("each_project: unknown option 'x'; known are: timeout, max_retries, headers, query, limit, cursor, signal, "
      .. "max, prefetch", client.each_project, client, "org_1", { x = 1 })
    refuses("wait_sync: unknown option 'onprogress'; did you mean 'on_progress'?", client.wait_sync, client, "s",
      { onprogress = print })
    refuses("exchange: unknown option 'code_verifer'; did you mean 'code_verifier'?", oauth.exchange,
      { code_verifer = "x" })
    refuses("authorize: unknown option 'baseurl'; did you mean 'base_url'?", oauth.authorize, { baseurl = "x" })
    refuses('keys[1] ("a"): unknown field \'source_text\'; did you mean \'sourceText\'?', client.create_keys, client,
      { project = "a/b", keys = { { key = "a", source_text = "x" } } })
    refuses("the answer to GET /: unknown field 'jsn'; did you mean 'json'?", better_i18n.testing.client,
      { ["GET /"] = { jsn = {} } })
  end)

  it("that is near none brings the list", function()
    refuses("all: unknown option 'x'; known are: concurrency, settle, loop", better_i18n.all, {}, { x = 1 })
    refuses("async: unknown option 'x'; known is: loop", better_i18n.async, print, print, { x = 1 })
    refuses("exchange: unknown option 'register'; known are: client_id, client_secret, code, code_verifier, "
      .. "redirect_uri, and new's options for hosts and network", better_i18n.oauth.exchange, { register = 1 })
  end)

  it("and a wrong type are told alike by C and by Lua", function()
    local client = sandbox.installed(sandbox.grant())
    expect.refused("timeout must be a number, not table", client.me, client, { timeout = {} })
    expect.refused("missingLanguage must be a language code such as \"pt-BR\", not table", client.list_keys, client,
      { project = "a/b", missingLanguage = {} })
    expect.refused("must be a table, not nil", better_i18n.oauth.authorize)
    expect.refused("host must be a string, not table", better_i18n.store.redis, { host = {} })
    expect.refused("store.load must be a function, not nil", better_i18n.new, { grant_id = "g", store = {} })
  end)
end)
