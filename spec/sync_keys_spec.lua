-- examples/sync_keys.lua as a program of its own, against the sandbox: what it changes, and that it can be killed.
-- BETTER_I18N_FULL=1 kills it 20 times at 10,000 keys in 5 languages.
local cjson = require "cjson"
local expect = require "spec.support.expect"
local process = require "spec.support.process"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"

local FULL = os.getenv "BETTER_I18N_FULL" == "1"

setup(sandbox.start)
teardown(sandbox.stop)

local LANGUAGES = { "de", "ja", "fr", "ar" }

local function write_file(name, text) return shell.write(sandbox.path(name), text) end

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

  it("refuses a file that cannot be written as it is, by the name of the text, before anything is done", function()
    local grant = sandbox.grant()
    local project = own_project(grant, ROWS)
    local files = {
      ["mail.subject: the text in de is not valid UTF-8"] = '{"mail":{"subject":{"en":"x","de":"a\200"}}}',
      ["mail.subject: the text in ja is not valid UTF-8"] = '{"mail":{"subject":{"ja":"\237\160\128"}}}',
      ["mail.subject: the text in en holds a NUL"] = '{"mail":{"subject":{"en":"x\\u0000"}}}',
      ["mail.subject: the text in en must be a text"] = '{"mail":{"subject":{"en":null}}}',
      ["mail.subject: the text in fr must be a text"] = '{"mail":{"subject":{"fr":7}}}',
      ["mail.subject has the language de twice"] = '{"mail":{"subject":{"DE":"a","de":"b"}}}',
      ["mail.subject: 1 is no language"] = '{"mail":{"subject":["a"]}}',
      ["mail has a key without a name"] = '{"mail":{"":{"en":"a"}}}',
      ["a namespace has no name"] = '{"":{"a":{"en":"a"}}}',
      ["mail must be a table"] = '{"mail":"x"}',
      ["the file must be a table"] = '"x"',
    }
    for complaint, text in pairs(files) do
      local out, err, status = run(grant, project, write_file("refused.json", text))
      assert.same({ 2, "" }, { status, out }, err)
      expect.holds(complaint, err)
      assert.equal(1, select(2, err:gsub("\n", "")), err)
    end
    assert.equal(0, sandbox.total(grant))
  end)

  it("draws a bar on a terminal, and plain lines elsewhere", function()
    local grant, rows = sandbox.grant(), {}
    for n = 1, 2500 do rows[n] = { n = "k" .. n, v = "v" .. n } end
    local project, path = own_project(grant, rows), write_file("terminal.json", "{}")
    local words = ("TOKEN=%s BETTER_I18N_BASE_URL=%s BETTER_I18N_MCP_URL=%s %s examples/sync_keys.lua --dry-run %s %s")
      :format(grant.installation_token, sandbox.URL, sandbox.MCP_URL, os.getenv "BETTER_I18N_LUA" or "lua5.4", project,
      path)
    local pipe = io.popen(("script -qec '%s' /dev/null </dev/null"):format(words))
    local seen = pipe:read "*a"
    pipe:close()
    expect.holds("\rreading      [###############               ] 1300/2500", seen)
    expect.holds("\rreading      [##############################] 2500/2500\r\n", seen)
    expect.holds("2500 gone\r\nNothing was changed.", seen)
    local _, err = run(grant, "--dry-run", project, path)
    assert.equal("reading: 1000 of 2500\nreading: 2000 of 2500\nreading: 2500 of 2500\n", err)
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
end)

-- What is killed: half of the keys stay, with texts that are right, wrong or missing; half are gone, as many are new.
local SIZE = FULL and { keys = 10000, kills = 20, within = 2.8, delay = 160 }
  or { keys = 400, kills = expect.slow and 1 or 4, within = 0.4, delay = 150 }

-- Texts that a careless hand would change; each says whose it is.
local SHAPES = {
  "%s %d Cafe\204\129 e\204\129", "\226\128\143%s مرحبا שָׁלוֹם %d", "👨‍👩‍👧‍👦🏳️‍🌈 %s %d", "%s\r\n\t\\ \"/\127 {%d} ",
  " %s \239\187\191\226\128\168 %d",
}

local function text_of(language, n, tail) return SHAPES[n % #SHAPES + 1]:format(language, n) .. (tail or "") end

local function texts_of(n)
  local texts = { en = text_of("en", n) }
  for _, language in ipairs(LANGUAGES) do texts[language] = text_of(language, n) end
  return texts
end

local function namespace_of(n) return n % 7 == 0 and "mail" or "default" end

-- The key as it is before, beside what the file says about it.
local function row_of(n, texts)
  local translations = {}
  for index, language in ipairs(LANGUAGES) do
    local state = (n + index) % 8
    translations[language] = state == 2 and text_of(language, n, " old") or state ~= 4 and texts[language] or nil
  end
  return { n = "page.k" .. n, ns = namespace_of(n), v = n % 4 == 0 and "Old " .. n or texts.en, t = translations }
end

-- Half as many keys again as there are: those that are there and not in the file have odd numbers.
local function make_sides(count)
  local rows, file = {}, { default = {}, mail = {}, fresh = {} }
  for n = 1, count do
    local texts = texts_of(n)
    rows[n] = row_of(n, texts)
    if n % 2 == 0 then file[namespace_of(n)]["page.k" .. n] = texts end
  end
  for n = count + 1, count + count / 2 do
    file[n % 3 == 0 and "fresh" or namespace_of(n)]["page.k" .. n] = texts_of(n)
  end
  return rows, file
end

-- Every text of the file, and the number of them that the project has byte for byte.
local function compare(file, found)
  local all, same = 0, 0
  for namespace, keys in pairs(file) do
    for key, texts in pairs(keys) do
      for language, text in pairs(texts) do
        local there = ((found[namespace] or {})[key] or {})[language]
        all, same = all + 1, same + (there == text and 1 or 0)
      end
    end
  end
  return all, same
end

-- Half of the answers are late, half of the work is: so the program dies before, between and behind what it asked for.
local function slow_down(grant)
  for _, tool in ipairs { "deleteKeys", "createKeys", "updateKeys", "setTranslations" } do
    for _ = 1, 10 do
      sandbox.fault(grant, { kind = "delay", ms = SIZE.delay, after = math.random() < 0.5, tool = tool })
    end
    sandbox.fault(grant, { kind = "delay", ms = SIZE.delay, after = true, tool = tool, times = "always" })
  end
end

describe("examples/sync_keys.lua, killed", function()
  it("at random moments and started again ends in line with the file", function()
    local seed = os.time()
    math.randomseed(seed)
    local grant, rows, file = sandbox.grant(), make_sides(SIZE.keys)
    local project, path = own_project(grant, rows), write_file("killed.json", cjson.encode(file))
    slow_down(grant)
    local killed, moments = 0, {}
    for _ = 1, SIZE.kills do
      local child = start(grant, project, path)
      os.execute(("sleep %.3f"):format(math.random() * SIZE.within))
      child.signal "KILL"
      local _, _, status = child.wait()
      local request = sandbox.last(grant)
      local moment = request and request.tools and request.tools[1] or "start"
      killed, moments[moment] = killed + (status == 137 and 1 or 0), (moments[moment] or 0) + 1
    end
    local out, err, status = start(grant, project, path).wait()
    assert.equal(0, status, ("seed %d: %s%s"):format(seed, out, err))
    expect.holds("The project is in line with the file.", out)
    local found, count = contents(grant, project) -- count: duplicates too
    local all, same = compare(file, found)
    if FULL then
      print(("# seed %d: killed %d, in %s; %d keys, %d texts, %d the same"):format(seed, killed, cjson.encode(moments),
        count, all, same))
    end
    assert.same({ SIZE.keys, SIZE.keys * 5 }, { count, all })
    assert.equal(all, same, "seed " .. seed)
    assert.is_true(killed >= (FULL and SIZE.kills or 1), killed .. " were killed")
    assert.same(file, found)
  end)

  it("by an answer that is lost goes on by itself", function()
    local grant = sandbox.grant()
    local project = own_project(grant, {})
    local _, file = make_sides(200)
    sandbox.fault(grant, { kind = "close", process = true, tool = "createKeys", skip = 1 })
    local out, err, status = run(grant, project, write_file("lost.json", cjson.encode(file)))
    assert.equal(0, status, out .. err)
    expect.holds("an answer was lost", err)
    assert.same(file, (contents(grant, project)))
  end)

  it("by what goes by says to start it again, by a grant that is over does not", function()
    local grant = sandbox.grant()
    local project = own_project(grant, {})
    local path = write_file("over.json", cjson.encode { default = { a = { en = "A" } } })
    sandbox.fault(grant, { kind = "status", status = 503, process = true, times = "always" })
    local _, err, status = run(grant, project, path)
    expect.holds("server_error", err)
    expect.holds("; start it again and it goes on", err)
    assert.equal(3, status)
    sandbox.clear_faults(grant)
    sandbox.control("revoke", { grant_id = grant.grant_id })
    _, err, status = run(grant, project, path)
    expect.holds("grant_revoked", err)
    assert.is_nil(err:find("start it again", 1, true))
    assert.equal(3, status)
  end)
end)
