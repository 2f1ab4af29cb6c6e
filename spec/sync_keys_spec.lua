-- examples/sync_keys.lua as a program of its own, against the sandbox: what it changes, and that it can be killed.
local cjson = require "cjson"
local expect = require "spec.support.expect"
local process = require "spec.support.process"
local sandbox = require "spec.support.sandbox"

setup(sandbox.start)
teardown(sandbox.stop)

local LANGUAGES = { "de", "ja", "fr", "ar" }

local function write_file(name, text)
  local path = sandbox.path(name)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
  return path
end

local function start(grant, ...)
  local words = {}
  for index, word in ipairs { ... } do words[index] = ("%q"):format(word) end
  return process.start(("arg = { %s }\ndofile 'examples/sync_keys.lua'"):format(table.concat(words, ", ")), {
    TOKEN = grant.installation_token, BETTER_I18N_BASE_URL = sandbox.URL, BETTER_I18N_MCP_URL = sandbox.MCP_URL,
  })
end

local function run(...) return start(...).wait() end

-- What the project holds, in the file's form.
local function contents(grant, project)
  local client, found, count = sandbox.installed(grant), {}, 0
  for key in client:each_key { project = project, fields = { "sourceText", "translations" } } do
    local texts = { en = key.sourceText }
    for language, text in pairs(key.translations) do texts[language] = text end
    found[key.namespace] = found[key.namespace] or {}
    found[key.namespace][key.key] = texts
    count = count + 1
  end
  client:close()
  return found, count
end

local function own_project(grant, keys)
  return sandbox.project(grant, { languages = LANGUAGES, keys = keys })
end

describe("examples/sync_keys.lua", function()
  local ROWS = { { n = "same", v = "Same", t = { de = "Gleich" } }, { n = "other", v = "Old", t = { de = "Alt" } },
    { n = "gone", v = "Gone" }, { n = "also.gone", v = "A text" } }
  local FILE = {
    default = {
      same = { en = "Same", de = "Gleich" }, other = { en = "New", de = "Neu", ja = "新しい" },
      ["new.leaf"] = { en = "Leaf" },
    },
    mail = { subject = { en = "Cafe\204\129 👨‍👩‍👧", ["AR"] = "مرحبا" } },
  }

  it("creates, changes and deletes; a second run finds nothing to do", function()
    local grant = sandbox.grant()
    local project, path = own_project(grant, ROWS), write_file("messages.json", cjson.encode(FILE))
    local out, err, status = run(grant, "--dry-run", project, path)
    assert.equal(0, status, err)
    expect.holds("2 new, 1 with another source text, 1 with other translations, 2 gone", out)
    expect.holds("Nothing was changed.", out)
    assert.is_nil(sandbox.counters(grant).tools.createKeys)
    out, err, status = run(grant, project, path)
    assert.equal(0, status, out .. err)
    expect.holds("creating: 2 of 2", err)
    local found, count = contents(grant, project)
    assert.equal(4, count)
    assert.same({ en = "Cafe\204\129 👨‍👩‍👧", ar = "مرحبا" }, found.mail.subject)
    assert.same(FILE.default, found.default)
    out = run(grant, project, path)
    expect.holds("0 new, 0 with another source text, 0 with other translations, 0 gone", out)
    assert.is_nil(out:find(grant.installation_token, 1, true))
  end)

  it("takes a Lua file, leaves unknown languages out, names what is refused", function()
    local grant = sandbox.grant()
    local project = own_project(grant, { { n = "a.b", v = "x" } })
    local path = write_file("messages.lua",
      "return { default = { ['a.b'] = { en = 'x', xx = '?' }, a = { en = 'both' } } }")
    local out, _, status = run(grant, project, path)
    assert.equal(1, status)
    expect.holds("refused (blocked): default.a: ", out)
    expect.holds("left out: xx", out)
    expect.holds("1 items were refused.", out)
  end)

  it("says what is wrong, in one line", function()
    local grant = sandbox.grant { scopes = { "projects:read" } }
    local path = write_file("wrong.json", '{"default":[1,2]}')
    local _, err, status = run(grant, "acme/site", path)
    assert.equal(2, status)
    expect.holds("wrong.json: ", err)
    _, err, status = run(grant, "acme/site")
    assert.equal(2, status)
    expect.holds("usage:", err)
    local project = own_project(grant, {})
    _, err, status = run(grant, project, write_file("right.json", cjson.encode(FILE)))
    assert.equal(3, status)
    expect.holds("missing_scope", err)
  end)

  it("killed at random moments and started again ends in line with the file", function()
    math.randomseed(os.time())
    for _ = 1, expect.slow and 1 or 3 do
      local grant, file = sandbox.grant(), { default = {}, mail = {} }
      local project = own_project(grant, 400)
      for n = 1, 700 do
        local texts = { en = "Text " .. n }
        for _, language in ipairs(LANGUAGES) do texts[language] = language .. " é " .. n end
        file[n % 2 == 0 and "default" or "mail"]["key" .. n] = texts
      end
      local path = write_file("big.json", cjson.encode(file))
      sandbox.fault(grant, { kind = "delay", ms = 40, times = "always", path = "/mcp" })
      for _ = 1, 3 do
        local child = start(grant, project, path)
        os.execute(("sleep %.2f"):format(0.1 + math.random() * 0.5))
        child.signal "KILL"
        child.wait()
      end
      sandbox.clear_faults(grant)
      sandbox.fault(grant, { kind = "close", process = true, tool = "createKeys" })
      local out, err, status = run(grant, project, path)
      assert.equal(0, status, out .. err)
      local found, count = contents(grant, project)
      assert.equal(700, count)
      assert.same(file, found)
    end
  end)
end)
