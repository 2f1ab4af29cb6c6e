-- Keys and translations over MCP against the sandbox: names, splitting, partial failures, errors in the middle.
local better_i18n = require "better_i18n"
local current = require "better_i18n.loop.current"
local expect = require "spec.support.expect"
local process = require "spec.support.process"
local sandbox = require "spec.support.sandbox"

setup(sandbox.start)
teardown(sandbox.stop)

local ROWS = {
  { n = "title", v = "Hello", t = { de = "Hallo", ja = "こんにちは" } },
  { n = "title", ns = "mail", v = "Subject", t = { de = "Betreff" } },
  { n = "menu.open", v = "Open" },
}

local function prepare(fields, grant_fields)
  local grant = sandbox.grant(grant_fields)
  local about = { keys = ROWS, languages = { "de", "ja", "pt-br" } }
  for name, value in pairs(fields or {}) do about[name] = value end
  return sandbox.installed(grant), sandbox.project(grant, about), grant
end

local function tools(grant) return sandbox.counters(grant).tools end

local function by_name(list)
  local found = {}
  for _, item in ipairs(list) do found[item.namespace .. "/" .. item.key] = item end
  return found
end

local function all_of(iterator)
  local list = {}
  for item in iterator do list[#list + 1] = item end
  return list
end

local function numbered(count, make)
  local list = {}
  for n = 1, count do list[n] = make(n) end
  return list
end

local function new_keys(count)
  return numbered(count, function(n) return { key = "k" .. n, sourceText = "Text " .. n } end)
end

describe("list_keys", function()
  it("gives long names, namespaces by name, totals and the next page", function()
    local client, project = prepare()
    local list, response = client:list_keys { project = project, limit = 2 }
    assert.equal(2, #list)
    assert.same({ 3, 2, 3 }, { response.total, response.next, response.answer.total })
    local id = list[1].id
    assert.is_string(id)
    assert.same({
      key = "title", namespace = "default", id = id, sourceText = "Hello", translatedLanguages = { "de", "ja" },
      translatedLanguageCount = 2,
    }, list[1])
    assert.equal("mail", list[2].namespace)
    local last, about = client:list_keys { project = project, limit = 2, page = response.next }
    assert.equal("menu.open", last[1].key)
    assert.is_nil(about.next)
    expect.holds('"tot":3', about.body.content[1].text)
  end)

  it("hands on search, namespaces, missingLanguage and fields", function()
    local client, project = prepare()
    assert.equal("mail", client:list_keys({ project = project, namespaces = { "mail" } })[1].namespace)
    assert.equal("menu.open", client:list_keys({ project = project, search = { "OPEN", "nope" } })[1].key)
    assert.equal(2, #client:list_keys { project = project, missingLanguage = "JA" })
    local list = client:list_keys { project = project, fields = { "translations" }, search = "title" }
    assert.same({ key = "title", namespace = "default", translations = { de = "Hallo", ja = "こんにちは" } }, list[1])
  end)

  it("refuses wrong arguments by name and sends nothing", function()
    local client, _, grant = prepare()
    local before = sandbox.total(grant)
    local rows = {
      { "list_keys: the arguments must be a table", nil }, { "project is missing", {} },
      { 'list_keys: project must be "org-slug/project-slug", not "acme"', { project = "acme" } },
      { "project must be", { project = "a/b/c" } }, { "project must be", { project = 7 } },
      { "project must be", { project = "/x" } },
      { "page must be an integer from 1", { project = "a/b", page = 0 } },
      { "limit must be an integer from 1 to 100, not 101", { project = "a/b", limit = 101 } },
      { "fields[1] must be one of id", { project = "a/b", fields = { "text" } } },
      { "namespaces is empty", { project = "a/b", namespaces = {} } },
      { "namespaces[2] must be a string", { project = "a/b", namespaces = { "x", 1 } } },
      { "search must be a string or an array", { project = "a/b", search = true } },
      { "missingLanguage must be a language code", { project = "a/b", missingLanguage = "pt_BR" } },
      { "unknown option 'missing_language'; did you mean 'missingLanguage'?", { missing_language = "de" } },
      { "search holds a NUL", { project = "a/b", search = "a\0b" } },
      { "search is not valid UTF-8", { project = "a/b", search = "a\255b" } },
    }
    for _, row in ipairs(rows) do expect.refused(row[1], client.list_keys, client, row[2]) end
    expect.refused("list_keys: unknown option 'query'", client.list_keys, client, { project = "a/b" }, { query = {} })
    expect.refused("client:list_keys(", client.list_keys, { project = "a/b" })
    assert.equal(before, sandbox.total(grant))
    client:close()
    expect.failure("closed", client.list_keys, client, { project = "a/b" })
  end)

  it("raises a missing scope and an unknown project", function()
    local client, project = prepare({}, { scopes = { "translations:read" } })
    local err = expect.failure("missing_scope", client.list_keys, client, { project = project })
    assert.equal("keys:read", err.required_scope)
    client = prepare()
    expect.failure("not_found", client.list_keys, client, { project = "acme/nope" })
  end)
end)

describe("each_key", function()
  it("walks all pages in order, with and without pages side by side", function()
    local client, project, grant = prepare { keys = 450 }
    for _, prefetch in ipairs { 0, 1, 4 } do
      local seen = {}
      for key, number in client:each_key { project = project, prefetch = prefetch } do
        seen[number] = key.key
      end
      assert.equal(450, #seen)
      expect.holds("item00001", seen[1])
      expect.holds("item00450", seen[450])
    end
    assert.equal(15, tools(grant).listKeys)
    assert.equal(7, #all_of(client:each_key { project = project, max = 7, limit = 3 }))
    assert.equal(50, #all_of(client:each_key { project = project, cursor = 5 }))
    assert.equal(0, #all_of(client:each_key { project = project, search = "nothing has this" }))
  end)

  it("takes memory for the pages ahead, and none for the keys that there are", function()
    local client, _, grant = prepare()
    local function most_of(max)
      local most = 0
      for _, number in client:each_key { project = "acme/big", prefetch = 4, max = max } do
        if number % 250 == 0 then
          collectgarbage()
          most = math.max(most, collectgarbage "count")
        end
      end
      return most
    end
    most_of(1000)
    local before = process.memory()
    local few, many = most_of(1000), most_of(expect.times(10000))
    -- How many of the pages ahead are there at a look is chance; 9,000 keys that are kept would be some MiB.
    assert.is_true(many < few + 600, ("%.0f KiB for few, %.0f KiB for many"):format(few, many))
    assert.is_true(process.memory() < before + (expect.slow and 64 * 1024 or 4096), "outside Lua")
    assert.is_true(tools(grant).listKeys >= 20)
  end)

  it("says where to go on after an error", function()
    local client, project, grant = prepare { keys = 30 }
    sandbox.fault(grant, { kind = "status", status = 400, body = { error = "odd" }, tool = "listKeys", skip = 2 })
    local next_key, count = client:each_key { project = project, limit = 10, prefetch = 0 }, 0
    local err = expect.failure("odd", function() for _ in next_key do count = count + 1 end end)
    assert.same({ 20, 20, 3 }, { count, err.delivered, err.next })
    assert.equal(10, #all_of(client:each_key { project = project, limit = 10, cursor = err.next }))
  end)

  it("refuses wrong arguments at once", function()
    local client = prepare()
    local rows = {
      { "each_key: project is missing", {} }, { "each_key: limit must be an integer from 1", { limit = 101 } },
      { "begin at one with cursor", { page = 2 } }, { "cursor must be a page", { cursor = "x" } },
      { "prefetch must be", { prefetch = -1 } },
      { "unknown option 'loop'; known are: ", { project = "a/b", loop = {} } },
    }
    for _, row in ipairs(rows) do expect.refused(row[1], client.each_key, client, row[2]) end
    expect.refused("each_key: timeout", client.each_key, client, { project = "a/b" }, { timeout = "x" })
  end)
end)

describe("get_translations", function()
  it("gives texts with ids and states, and says when there are more", function()
    local client, project = prepare()
    local list, response = client:get_translations { project = project, languages = { "DE" }, limit = 2 }
    assert.same({ 2, 3, true }, { #list, response.total, response.has_more })
    local item = list[1]
    assert.same({ "title", "default", "Hello" }, { item.key, item.namespace, item.sourceText })
    assert.same({ id = item.id .. ":de", text = "Hallo", status = "published" }, item.translations.de)
    assert.is_nil(item.translations.ja)
    assert.equal("mail", list[2].namespace)
    local missing = client:get_translations { project = project, languages = { "ja" }, status = "missing" }
    assert.equal(2, #missing)
    assert.equal(2, #client:get_translations { project = project, keys = { "title" } })
  end)

  it("refuses what the service would, and raises what it says", function()
    local client, project = prepare()
    local get = client.get_translations
    expect.refused("status needs languages", get, client, { project = project, status = "draft" })
    expect.refused("status must be one of", get, client, { project = project, status = "done" })
    expect.refused("limit must be", get, client, { project = project, limit = 201 })
    expect.failure("not_found", get, client, { project = project, languages = { "xx" } })
    client, project = prepare({}, { scopes = { "keys:read" } })
    assert.equal("translations:read", expect.failure("missing_scope", client.get_translations, client,
      { project = project }).required_scope)
  end)
end)

describe("each_translation", function()
  it("asks once where everything fits", function()
    local client, project, grant = prepare()
    assert.equal(3, #all_of(client:each_translation { project = project }))
    assert.same({ getTranslations = 1 }, tools(grant))
  end)

  it("loses nothing where it does not: names in many namespaces", function()
    local rows = {}
    for n = 1, 130 do
      for _, namespace in ipairs { "a", "b", "c" } do
        rows[#rows + 1] = { n = "same" .. n, ns = namespace, v = namespace .. n, t = { de = "de " .. namespace .. n } }
      end
    end
    for n = 1, 250 do rows[#rows + 1] = { n = "everywhere", ns = "ns" .. n, v = "v" .. n } end
    local client, project = prepare { keys = rows }
    local list = all_of(client:each_translation { project = project, prefetch = 3 })
    assert.equal(640, #list)
    for place, row in ipairs(rows) do
      assert.same({ row.n, row.ns, row.v }, { list[place].key, list[place].namespace, list[place].sourceText })
      assert.equal(row.t and row.t.de, (list[place].translations.de or {}).text)
    end
    local named = all_of(client:each_translation { project = project, keys = { "everywhere", "same7", "same7", "nope" },
      namespaces = { "a", "b", "ns1", "ns250" } })
    assert.equal(4, #named)
  end)

  it("asks for less where an answer is cut: many names in many namespaces, one name in too many", function()
    local rows, namespaces = {}, {}
    for diagonal = 0, 19 do
      for n = 1, 20 do rows[#rows + 1] = { n = "n" .. n, ns = "s" .. (n + diagonal) % 20, v = n .. " " .. diagonal } end
    end
    local client, project = prepare { keys = rows }
    local list = all_of(client:each_translation { project = project })
    assert.equal(400, #list)
    for place, row in ipairs(rows) do assert.same({ row.n, row.v }, { list[place].key, list[place].sourceText }) end
    rows = {}
    for n = 1, 450 do rows[n], namespaces[n] = { n = "one", ns = "s" .. n, v = "v" }, "s" .. n end
    client, project = prepare { keys = rows }
    assert.equal(450, #all_of(client:each_translation { project = project, keys = { "one" }, namespaces = namespaces }))
    local err = expect.failure("invalid_response", all_of,
      client:each_translation { project = project, keys = { "one" } })
    expect.holds("name some of them", err.message)
  end)

  it("keeps the filters of the tool", function()
    local client, project = prepare { keys = 700 }
    local count = 0
    for item in client:each_translation { project = project, languages = { "de" }, status = "missing" } do
      assert.is_nil(item.translations.de)
      count = count + 1
    end
    local missing = 0
    for key in client:each_key { project = project, missingLanguage = "de" } do missing = missing + (key and 1) end
    assert.is_true(count > 0)
    assert.equal(missing, count)
  end)
end)

describe("create_keys", function()
  it("creates, and finds again byte for byte", function()
    local client, project = prepare { keys = {} }
    local texts = {
      "Cafe\204\129 e\204\129", "שָׁלוֹם \226\128\143 مَرْحَبًا", "👨‍👩‍👧‍👦 🏳️‍🌈",
      "line\r\nline\ttab \\ \" / \127", "", " ",
      ("xé"):rep(50000), "\226\128\168\239\187\191", "{name} %s %% \\u0000",
    }
    local wanted = {}
    for n, text in ipairs(texts) do
      local translations = { ["pt-BR"] = text }
      wanted[n] = { key = "text" .. n, namespace = "n" .. n % 2, sourceText = text, translations = translations }
    end
    local result, response = client:create_keys { project = project, keys = wanted }
    assert.same({ true, #texts, #texts, 0 }, { result.ok, result.count, result.created, #result.failed })
    assert.equal(200, response.status)
    local found = by_name(all_of(client:each_translation { project = project, languages = { "pt-br" } }))
    for n, text in ipairs(texts) do
      local item = found[wanted[n].namespace .. "/text" .. n]
      assert.is_true(item.sourceText == text and item.translations["pt-br"].text == text, "text " .. n)
      assert.same({ "text" .. n, item.id }, { result.keys[n].key, result.keys[n].id })
      assert.equal(n, result.keys[n].index)
    end
    assert.same({}, found["n1/text1"].translations.de or {})
  end)

  it("splits by count, and counts everything in one result", function()
    local client, project, grant = prepare { keys = {} }
    local result = client:create_keys { project = project, keys = new_keys(250) }
    assert.same({ 250, 250, true }, { result.count, #result.keys, result.ok })
    assert.equal(3, tools(grant).createKeys)
    for n = 1, 250 do assert.same({ n, "k" .. n }, { result.keys[n].index, result.keys[n].key }) end
    assert.equal(250, #all_of(client:each_key { project = project }))
  end)

  it("splits by the bytes of the encoded text", function()
    local client, project, grant = prepare { keys = {} }
    local text = ("\1"):rep(100000) -- six bytes each in JSON
    local wanted = numbered(12, function(n) return { key = "big" .. n, sourceText = text } end)
    local result = client:create_keys { project = project, keys = wanted }
    assert.equal(12, result.count)
    assert.equal(3, tools(grant).createKeys) -- five of 600 KB are 3 MB
  end)

  it("names each item that was not done, and why", function()
    local client, project = prepare()
    local wanted = {
      { key = "menu.close", sourceText = "Close" }, { key = "menu", sourceText = "Menu" },
      { key = "title", sourceText = "Again" }, { key = "title.sub", namespace = "mail", sourceText = "Below a text" },
      { key = "odd", sourceText = "x", translations = { xx = "y" } },
    }
    local result = client:create_keys { project = project, keys = wanted }
    assert.is_false(result.ok)
    assert.same({ 2, 1 }, { result.count, result.duplicates })
    local seen = {}
    for _, failure in ipairs(result.failed) do
      assert.equal(wanted[failure.index], failure.item)
      assert.is_string(failure.reason)
      seen[failure.index] = failure.kind .. " " .. tostring(failure.conflict)
    end
    assert.same({ [2] = "blocked menu.*", [3] = "skipped nil", [4] = "blocked title" }, seen)
    assert.same({ index = 5, key = "odd", namespace = "default", warning = "Language not found: xx" },
      result.warnings[1])
    local forced = client:create_keys { project = project, force = true, keys = { wanted[2] } }
    assert.same({ true, 1 }, { forced.ok, forced.created })
  end)

  it("names keys of one list that collide as leaf and branch, whichever comes first", function()
    local client, project = prepare { keys = {} }
    for _, names in ipairs { { "a", "a.b" }, { "c.d.e", "c.d" }, { "f.g", "f" } } do
      local wanted = { { key = names[1], sourceText = "1" }, { key = names[2], sourceText = "2" } }
      local result = client:create_keys { project = project, keys = wanted }
      assert.same({ false, 1, 1 }, { result.ok, result.count, #result.failed })
      local failure = result.failed[1]
      assert.same({ 2, "blocked", names[2] }, { failure.index, failure.kind, failure.key })
      assert.equal(wanted[2], failure.item)
    end
  end)

  it("halves what is too large for the server, down to one item", function()
    local client, project, grant = prepare { keys = {} }
    sandbox.fault(grant, { kind = "status", status = 413, body = "too large", tool = "createKeys", times = 2 })
    local result = client:create_keys { project = project, keys = new_keys(8) }
    assert.equal(8, result.count)
    assert.equal(8, #all_of(client:each_key { project = project }))
    sandbox.fault(grant, { kind = "status", status = 413, body = "", tool = "createKeys", times = "always" })
    local wanted = numbered(4, function(n) return { key = "z" .. n, sourceText = "v" } end)
    local err = expect.failure("too_large", client.create_keys, client, { project = project, keys = wanted })
    expect.holds('keys[1] ("z1")', err.message)
    assert.same({ 413, 4, 0 }, { err.status, #err.rest, #err.doubtful })
    assert.equal(8, #all_of(client:each_key { project = project }))
  end)

  it("says what was done when the outcome of the middle is unknown", function()
    local client, project, grant = prepare { keys = {} }
    sandbox.fault(grant, { kind = "close", process = true, tool = "createKeys", skip = 1 })
    local wanted = new_keys(350)
    local err = expect.failure("outcome_unknown", client.create_keys, client, { project = project, keys = wanted })
    assert.same({ 100, 100, 150 }, { err.done.count, #err.doubtful, #err.rest })
    assert.equal(wanted[101], err.doubtful[1])
    assert.equal(wanted[201], err.rest[1])
    expect.holds("of 350 items 100 had been sent before (done), 100 have an unknown outcome (doubtful), "
      .. "150 were not done (rest)", err.message)
    assert.equal(2, tools(grant).createKeys)
    assert.equal(200, #all_of(client:each_key { project = project }))
    assert.equal(150, client:create_keys({ project = project, keys = err.rest }).created)
  end)

  it("keeps what a refusal in the middle did not do", function()
    local client, project, grant = prepare { keys = {} }
    sandbox.fault(grant, { kind = "status", status = 403, body = { error = "missing_scope", required = "keys:write" },
      tool = "createKeys", skip = 1 })
    local err = expect.failure("missing_scope", client.create_keys, client, { project = project, keys = new_keys(150) })
    assert.same({ 100, 0, 50 }, { err.done.count, #err.doubtful, #err.rest })
    assert.equal("keys:write", err.required_scope)
  end)

  it("that was called off or timed out under way says which part nobody knows", function()
    local client, project, grant = prepare { keys = {} }
    sandbox.fault(grant, { kind = "delay", ms = 3000, after = true, tool = "createKeys", skip = 1, times = 2 })
    local err = expect.failure({ "timeout", "outcome_unknown" }, client.create_keys, client,
      { project = project, keys = new_keys(250) }, { timeout = 1 })
    assert.same({ 100, 100, 50 }, { err.done.count, #err.doubtful, #err.rest })
    if not current.can_yield then return end
    local signal = better_i18n.signal()
    local outcomes = better_i18n.all({
      function() client:create_keys({ project = project, keys = err.rest }, { signal = signal }) end,
      function()
        client:request("GET", "/_sandbox/slow?ms=300", { token = "none", raw = true })
        signal:cancel()
      end,
    }, { settle = true })
    err = outcomes[1].error
    assert.is_true(err.code == "cancelled" or err.code == "outcome_unknown", tostring(err))
    assert.same({ 50, 0 }, { #err.doubtful, #err.rest })
  end)

  it("takes an answer that is none for an unknown outcome", function()
    local client, project, grant = prepare { keys = {} }
    sandbox.fault(grant, { kind = "bad_json", tool = "createKeys" })
    local err = expect.failure("outcome_unknown", client.create_keys, client, { project = project, keys = new_keys(2) })
    assert.same({ 2, 0 }, { #err.doubtful, #err.rest })
  end)

  it("takes an answer that was too large to be read for an unknown outcome: its items are not in rest", function()
    local client, project, grant = prepare { keys = {} }
    sandbox.fault(grant, { kind = "big_body", bytes = 300000, tool = "createKeys" })
    local small = sandbox.installed(grant, { max_response_bytes = 100000 })
    local err = expect.failure("too_large", small.create_keys, small, { project = project, keys = new_keys(150) })
    assert.same({ 100, 50 }, { #err.doubtful, #err.rest })
    assert.is_nil(err.message:find("even alone", 1, true), err.message)
    assert.equal(0, #client:list_keys { project = project })
  end)

  it("refuses a bad item by its name, before anything is sent", function()
    local client, project, grant = prepare()
    local before = sandbox.total(grant)
    local good = new_keys(150)
    local rows = {
      { "keys[151].key is missing", { sourceText = "x" } }, { "keys[151].key must not be empty", { key = "" } },
      { "keys[151] must be a table", "menu" },
      { "keys[151] (\"menu\"): unknown field 'text'; known are: ", { key = "menu", text = "x" } },
      { 'keys[151] ("menu").sourceText holds a NUL', { key = "menu", sourceText = "a\0b" } },
      { 'keys[151] ("menu").translations.de is not valid UTF-8', { key = "menu", translations = { de = "\200x" } } },
      { 'keys[151] ("menu").translations has the language pt-br twice',
        { key = "menu", translations = { ["pt-BR"] = "a", ["pt-br"] = "b" } } },
      { 'keys[151] ("menu").translations is empty', { key = "menu", translations = {} } },
      { 'keys[151] ("menu").translations has "pt_BR"', { key = "menu", translations = { pt_BR = "x" } } },
      { 'keys[151] ("menu").namespaceContext cannot be sent', { key = "menu", namespaceContext = { a = print } } },
      { 'keys[151] ("menu").namespaceContext holds a NUL', { key = "menu", namespaceContext = { a = { "x\0" } } } },
      { "keys[151].key is not valid UTF-8", { key = "\255" } },
    }
    for index = 1, #rows do
      good[151] = rows[index][2]
      expect.refused("create_keys: " .. rows[index][1], client.create_keys, client, { project = project, keys = good })
    end
    local create = client.create_keys
    expect.refused("keys is empty: nothing to send", create, client, { project = project, keys = {} })
    expect.refused("keys must be an array, not nil", create, client, { project = project })
    expect.refused("it has a field key", create, client, { project = project, keys = { key = "x" } })
    expect.refused("without holes", create, client, { project = project, keys = { [2] = { key = "x" } } })
    expect.refused("force must be a boolean", create, client, { project = project, keys = good, force = 1 })
    expect.refused("project must be", create, client, { project = "x", keys = good })
    expect.refused("create_keys: timeout", create, client, { project = project, keys = new_keys(1) }, { timeout = {} })
    assert.equal(before, sandbox.total(grant))
  end)

  it("raises a missing scope and an unknown project", function()
    local client, project = prepare({}, { scopes = { "keys:read" } })
    local err = expect.failure("missing_scope", client.create_keys, client, { project = project, keys = new_keys(3) })
    assert.same({ "keys:write", 3 }, { err.required_scope, #err.rest })
    client = prepare()
    expect.failure("not_found", client.create_keys, client, { project = "acme/nope", keys = new_keys(1) })
  end)
end)

describe("set_translations", function()
  it("writes many, with languages in any case, and reports what was refused", function()
    local client, project = prepare()
    local ids = {}
    for name, key in pairs(by_name(client:list_keys { project = project })) do ids[name] = key.id end
    local result = client:set_translations { project = project, translations = {
      { id = ids["default/title"], translations = { ["PT-BR"] = "Olá", de = "Servus" } },
      { id = "no-such-key", translations = { de = "x" } },
      { id = ids["mail/title"], translations = { xx = "y", ja = "件名" } },
    } }
    assert.is_false(result.ok)
    assert.same({ 2, 3 }, { result.count, result.written })
    assert.same({ { 2, "error", "Key not found: no-such-key" }, { 3, "error", "Language not found: xx" } }, {
      { result.failed[1].index, result.failed[1].kind, result.failed[1].reason },
      { result.failed[2].index, result.failed[2].kind, result.failed[2].reason },
    })
    assert.same({ "de", "pt-br" }, result.updated[1].languages)
    local found = by_name(client:get_translations { project = project, languages = { "pt-BR", "ja" } })
    assert.equal("Olá", found["default/title"].translations["pt-br"].text)
    local subject = found["mail/title"].translations.ja
    assert.same({ "件名", "draft" }, { subject.text, subject.status })
  end)

  it("takes 500 in a request", function()
    local client, project, grant = prepare { keys = 1001 }
    local wanted = {}
    for key in client:each_key { project = project, fields = { "id" } } do
      wanted[#wanted + 1] = { id = key.id, translations = { ja = "新 " .. #wanted } }
    end
    local result = client:set_translations { project = project, translations = wanted }
    assert.same({ 1001, 1001, 0 }, { result.count, result.written, #result.failed })
    assert.equal(3, tools(grant).setTranslations)
  end)

  it("raises a missing scope; refuses an item without texts", function()
    local client, project = prepare({}, { scopes = { "keys:write" } })
    local one = { { id = "x", translations = { de = "y" } } }
    assert.equal("translations:write", expect.failure("missing_scope", client.set_translations, client,
      { project = project, translations = one }).required_scope)
    expect.refused('translations[1] ("x").translations is missing', client.set_translations, client,
      { project = project, translations = { { id = "x" } } })
  end)
end)

describe("update_keys", function()
  it("changes texts and source texts, and says which were refused", function()
    local client, project = prepare()
    local id = client:list_keys({ project = project })[1].id
    local result = client:update_keys { project = project, updates = {
      { id = id, language = "DE", text = "Moin", status = "draft" },
      { id = id, language = "en", text = "Hi", source = true },
      { id = id, language = "xx", text = "?" }, { id = "gone", language = "de", text = "?" },
    } }
    assert.same({ false, 2 }, { result.ok, result.count })
    assert.same({ 3, 4 }, { result.failed[1].index, result.failed[2].index })
    assert.same({ "xx", "gone" }, { result.failed[1].language, result.failed[2].id })
    assert.same({ 1, "de" }, { result.updated[1].index, result.updated[1].language })
    local item = client:get_translations({ project = project, keys = { "title" }, namespaces = { "default" } })[1]
    assert.same({ "Hi", "Moin" }, { item.sourceText, item.translations.de.text })
  end)

  it("raises a missing scope, refuses a wrong item", function()
    local client, project = prepare({}, { scopes = { "keys:write" } })
    local update = client.update_keys
    expect.failure("missing_scope", update, client,
      { project = project, updates = { { id = "x", language = "de", text = "" } } })
    expect.refused('updates[1] ("x").text is missing', update, client,
      { project = project, updates = { { id = "x", language = "de" } } })
    expect.refused('source must be a boolean', update, client,
      { project = project, updates = { { id = "x", language = "de", text = "a", source = 1 } } })
  end)
end)

describe("texts of 100,000 characters", function()
  it("arrive byte for byte by every method that writes", function()
    local client, project = prepare { keys = {} }
    local function long(character) return (character .. "a"):rep(50000) end
    local made = client:create_keys { project = project, keys = {
      { key = "long", sourceText = long "\240\159\154\128", translations = { de = long "é" } },
    } }
    local function texts()
      local item = client:get_translations({ project = project })[1]
      return { item.sourceText, item.translations.de.text, (item.translations.ja or {}).text }
    end
    assert.is_true(texts()[1] == long "\240\159\154\128" and texts()[2] == long "é")
    local id = made.keys[1].id
    client:set_translations { project = project, translations = { { id = id, translations = { ja = long "日" } } } }
    client:update_keys { project = project, updates = {
      { id = id, language = "en", source = true, text = long "e\204\129" },
      { id = id, language = "de", text = long "ש" },
    } }
    local now = texts()
    assert.is_true(now[1] == long "e\204\129" and now[2] == long "ש" and now[3] == long "日")
  end)

  it("that are not valid UTF-8 or hold a NUL are refused by every method that writes, with the key's name", function()
    local client, _, grant = prepare()
    local before = sandbox.total(grant)
    for bad, complaint in pairs { ["a\200"] = "is not valid UTF-8", ["a\0b"] = "holds a NUL" } do
      local function refuse(about, method, list, item)
        expect.refused(about .. complaint, client[method], client, { project = "a/b", [list] = { item } })
      end
      refuse('keys[1] ("menu").sourceText ', "create_keys", "keys", { key = "menu", sourceText = bad })
      refuse('keys[1].namespace ', "create_keys", "keys", { key = "menu\1" .. ("x"):rep(200), namespace = bad })
      refuse('translations[1] ("k1").translations.de ', "set_translations", "translations",
        { id = "k1", translations = { de = bad } })
      refuse('updates[1] ("k1").text ', "update_keys", "updates", { id = "k1", language = "de", text = bad })
      refuse("ids[1] ", "delete_keys", "ids", bad)
    end
    assert.equal(before, sandbox.total(grant))
  end)
end)

describe("delete_keys", function()
  it("deletes a hundred at a time and says which were not there", function()
    local client, project, grant = prepare { keys = 230 }
    local ids = {}
    for key in client:each_key { project = project } do ids[#ids + 1] = key.id end
    ids[150] = "no-such-key"
    local result = client:delete_keys { project = project, ids = ids }
    assert.same({ false, 229, 229 }, { result.ok, result.count, #result.marked })
    assert.same({ index = 150, item = "no-such-key", kind = "skipped", id = "no-such-key",
      reason = "Key not found: no-such-key" }, result.failed[1])
    assert.equal(3, tools(grant).deleteKeys)
    assert.equal(1, #client:list_keys { project = project })
  end)

  it("raises a missing scope, refuses a wrong id", function()
    local client, project = prepare({}, { scopes = { "keys:read" } })
    expect.failure("missing_scope", client.delete_keys, client, { project = project, ids = { "x" } })
    expect.refused("ids[2] must be a string", client.delete_keys, client, { project = project, ids = { "x", 7 } })
    expect.refused("ids is empty", client.delete_keys, client, { project = project, ids = {} })
  end)
end)

describe("answers of other forms", function()
  local function answering(text)
    return better_i18n.new {
      installation_token = "bi_oat_x", random = function() return 0 end,
      transport = function(request)
        local id = request.body:match '"id":(%d+)'
        local quoted = require("cjson").encode(text)
        return { status = 200, headers = { ["Content-Type"] = "application/json" },
          body = ('{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"text","text":%s}]}}'):format(id, quoted) }
      end,
    }
  end

  it("pass unknown fields unchanged, and names that are long already", function()
    local client = answering '{"tot":1,"fresh":[1],"k":[{"key":"a","ns":"x","zz":{"k":1},"src":"s"}]}'
    local list, response = client:list_keys { project = "a/b" }
    assert.same({ key = "a", namespace = "x", zz = { k = 1 }, sourceText = "s" }, list[1])
    assert.same({ 1 }, response.answer.fresh)
  end)

  it("report refusals that are plain texts", function()
    local result = answering('{"ok":false,"cnt":1,"skip":["b"]}'):delete_keys { project = "a/b", ids = { "a", "b" } }
    assert.same({ 2, "b", "b" }, { result.failed[1].index, result.failed[1].item, result.failed[1].reason })
  end)

  it("that make no sense are named", function()
    for _, text in ipairs { '"ok"', "done", "7", '{"k":7}', '{"k":[{"k":"a","ns":3}],"nss":["x"]}' } do
      local client = answering(text)
      expect.failure("invalid_response", client.list_keys, client, { project = "a/b" })
    end
    local client = answering "done"
    local err = expect.failure("outcome_unknown", client.delete_keys, client, { project = "a/b", ids = { "x" } })
    assert.same({ "x" }, err.doubtful)
  end)
end)
