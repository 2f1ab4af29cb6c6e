-- JSON both ways: the reader and table builder against lua-cjson as an oracle, with every known difference
-- as a case of its own; and what the walk before encoding refuses, with the path of the culprit.

local cjson = require "cjson"
local core = require "better_i18n.core"
local random_json = dofile "spec/support/json_random.lua"

local decode, encode = core.json_decode, core.json_encode
local has_integers = math.type ~= nil
local null = decode("[null]")[1]
local array = getmetatable(decode("[]"))
local nan, inf = 0 / 0, 1 / 0

-- Path and reason of the first difference between our value and cjson's, or nothing. What differs on
-- purpose and everywhere (arrays that know it, integers, absent nulls) is evened out here and tested by
-- itself below.
local function difference(ours, theirs, path)
  if type(ours) ~= "table" or type(theirs) ~= "table" then
    if theirs == cjson.null then theirs = null end
    if ours == theirs or (ours ~= ours and theirs ~= theirs) then return end
    return ("%s: %s, cjson has %s"):format(path, tostring(ours), tostring(theirs))
  end
  local is_array = getmetatable(ours) == array
  for key, value in pairs(theirs) do
    if is_array or value ~= cjson.null then
      local found = difference(ours[key], value, path .. "." .. tostring(key))
      if found then return found end
    elseif ours[key] ~= nil then
      return path .. "." .. key .. ": a null is there"
    end
  end
  for key in pairs(ours) do
    if theirs[key] == nil then return path .. "." .. tostring(key) .. ": cjson has none" end
  end
end

local function assert_same_as_cjson(text)
  local value, message, offset = decode(text)
  if message then error(("%s at %d in %s"):format(message, offset, text)) end
  local found = difference(value, cjson.decode(text), "value")
  if found then error(found .. " in " .. text) end
end

describe("decoding agrees with lua-cjson", function()
  it("on texts written by hand", function()
    for _, text in ipairs {
      "[]", "{}", "[[]]", " [ 1 , 2 ] ", '{"a":1,"b":[true,false],"c":"x"}', '[null,1,null]',
      '{"a":null}', '{"a":null,"b":{"c":null}}', '["\\"\\\\\\/\\b\\f\\n\\r\\t"]',
      '["\\u00e9\\u20ac\\ud83d\\ude00"]',
      '["\\u0000a"]', '["Übersetzung 翻译"]', "[0,-1,1.5,1e3,1E-3,123456789012345,0.1,-2.5e+10]",
      '{"":1," ":2}', '{"a":{"a":{"a":[[[{"a":[]}]]]}}}',
    } do
      assert_same_as_cjson(text)
    end
  end)

  it("on 5,000 random texts", function()
    local random = random_json(20240501)
    for _ = 1, 5000 do assert_same_as_cjson(random:text()) end
  end)

  it("on what is broken", function()
    for _, text in ipairs {
      "", " ", "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "{", '{"a"}', '{"a":}', '{"a":1,}', "{a:1}",
      "{'a':1}",
      "['a']", '"', '"\\x"', '"\\u12"', '"\\u12g4"', "tru",
      "[1]x", "[1] [2]", "{}}", "[1/**/]", "//",
    } do
      assert.is_false((pcall(cjson.decode, text)))
      local value, message, offset = decode(text)
      assert.is_nil(value)
      assert.is_string(message)
      assert.is_true(offset >= 0 and offset <= #text)
    end
  end)
end)

describe("decoding differs from lua-cjson on purpose:", function()
  local function assert_refused(text, message)
    local value, found = decode(text)
    assert.is_nil(value)
    assert.matches(message, found, 1, true)
  end

  it("an array knows that it is one, also an empty one", function()
    assert.equal("better_i18n.array", array.__name)
    assert.equal(array, getmetatable(decode('{"a":[]}').a))
    assert.equal(array, getmetatable(decode('[[1]]')[1]))
    assert.is_nil(getmetatable(decode("{}")))
    assert.is_nil(getmetatable(cjson.decode("[]")))
  end)

  it("integers are integers where Lua has them (cjson 2.1.0: floats)", function()
    if not has_integers then return end
    local values = decode("[1,1.0,-5,1e2,-0]")
    assert.equal("integer", math.type(values[1]))
    assert.equal("float", math.type(values[2]))
    assert.equal("integer", math.type(values[3]))
    assert.equal("float", math.type(values[4]))
    assert.equal("float", math.type(values[5]))
  end)

  it("-0 keeps its sign", function()
    assert.equal(-inf, 1 / decode("-0"))
  end)

  it("integers keep all digits where Lua has integers, beyond 64 bits they are floats", function()
    assert.equal(2 ^ 64, decode("18446744073709551616"))
    assert.equal(2 ^ 63, decode("9223372036854775808"))
    if not has_integers then
      assert.equal(2 ^ 53, decode("9007199254740993"))
      return
    end
    assert.equal("9007199254740993", tostring(decode("9007199254740993")))
    assert.equal(math.maxinteger, decode("9223372036854775807"))
    assert.equal(math.mininteger, decode("-9223372036854775808"))
  end)

  it("an object's null is an absent member, an array's is the light userdata NULL, as cjson.null", function()
    assert.is_nil(next(decode('{"a":null}')))
    assert.equal("userdata", type(null))
    assert.equal(cjson.null, null)
    assert.same({ 1, null, 3 }, setmetatable(decode("[1,null,3]"), nil))
    assert.equal(null, decode("null"))
  end)

  it("of members with one name the last counts, also when it is null", function()
    assert.equal(2, decode('{"a":1,"a":2}').a)
    assert.equal(2, decode('{"a":null,"a":2}').a)
    assert.is_nil(decode('{"a":1,"b":2,"a":null}').a)
    assert.equal(3, decode('{"a":1,"a":null,"a":3}').a)
  end)

  it("half a surrogate pair becomes U+FFFD (cjson fails the whole text)", function()
    for text, expected in pairs {
      ['"\\ud83d"'] = "\239\191\189",
      ['"a\\ude00b"'] = "a\239\191\189b",
      ['"\\ud83d\\ud83d\\ude00"'] = "\239\191\189\240\159\152\128",
    } do
      assert.equal(expected, decode(text))
      assert.is_false((pcall(cjson.decode, text)))
    end
  end)

  it("numbers follow the grammar (cjson takes what strtod takes)", function()
    for _, text in ipairs { "NaN", "Infinity", "-Infinity", "nan", "inf", "+1", ".5" } do
      assert_refused("[" .. text .. "]", "")
    end
    assert_refused("[01]", "leading zero")
    assert_refused("[-01]", "leading zero")
    assert_refused("[1.]", "no digit")
    assert_refused("[1e]", "no digit")
    assert_refused("[0x10]", "comma")
  end)

  it("a number beyond a double is infinite, in cjson too: one number must not cost the page", function()
    assert.equal(inf, decode("1e400"))
    assert.equal(-inf, decode("[-1e400]")[1])
    assert.equal(inf, cjson.decode("[1e400]")[1])
  end)

  it("control characters in strings are refused (cjson 2.1.0 takes them)", function()
    assert_refused('["a\nb"]', "control character")
    assert_refused('["a\0b"]', "control character")
  end)

  it("strings come byte for byte, also invalid UTF-8", function()
    assert.equal("\255\192\128", decode('"\255\192\128"'))
  end)

  it("a byte order mark is passed over", function()
    assert.same({ 1 }, setmetatable(decode("\239\187\191[1]"), nil))
  end)

  it("scalars stand alone, as RFC 8259 has it", function()
    assert.equal("x", decode('"x"'))
    assert.is_true(decode("true"))
    assert.is_false(decode(" false "))
  end)

  it("nesting ends at 512 levels, by name (cjson: 1000)", function()
    local function nested(depth) return ("["):rep(depth) .. ("]"):rep(depth) end
    local value = decode(nested(512))
    for _ = 1, 511 do value = value[1] end
    assert.equal(array, getmetatable(value))
    local nothing, message, offset = decode(nested(513))
    assert.is_nil(nothing)
    assert.equal("nested deeper than 512 levels", message)
    assert.equal(512, offset)
    assert.is_not_nil(decode(('{"a":'):rep(512) .. "1" .. ("}"):rep(512)))
    assert_refused(('{"a":'):rep(513) .. "1" .. ("}"):rep(513), "nested deeper")
    assert_refused(("["):rep(100000), "nested deeper")
  end)
end)

describe("decoding", function()
  -- json_test.c asks the reader of the core the same; here it is the loop that builds tables.
  it("says what is broken, and at which byte", function()
    for _, row in ipairs {
      { "", "is empty", 0 }, { " \n", "is empty", 2 }, { "\239\187\191", "is empty", 3 },
      { "[", "too early", 1 }, { "[1", "too early", 2 }, { "[1,", "too early", 3 }, { "[1,]", "value is missing", 3 },
      { "[,1]", "value is missing", 1 }, { "[1 2]", "comma or ]", 3 }, { "[1}", "comma or ]", 2 },
      { "[[]", "too early", 3 }, { "[{}", "too early", 3 }, { "[]]", "behind the value", 2 },
      { "{", "too early", 1 }, { '{"a"', "too early", 4 }, { '{"a":', "too early", 5 }, { '{"a":1', "too early", 6 },
      { '{"a":1,', "too early", 7 }, { '{"a" 1}', "colon", 5 }, { '{"a":}', "value is missing", 5 },
      { '{"a":1,}', "name in", 7 }, { "{,}", "name in", 1 }, { "{1:1}", "name in", 1 },
      { '{"a":1]', "comma or }", 6 }, { '{"a":null]', "comma or }", 9 }, { '{"a":null "b":1}', "comma or }", 10 },
      { '{"a":{}]', "comma or }", 7 }, { '{"a":[]]', "comma or }", 7 }, { '[1]\0', "behind the value", 3 },
      { "1 2", "behind the value", 2 }, { "null,", "behind the value", 4 }, { "[tru]", "none of true", 1 },
      { "[nulL]", "none of true", 1 }, { "[01]", "leading zero", 1 }, { "[1.]", "no digit", 1 },
      { "[-]", "no digit", 1 },
      { '["a\nb"]', "control character", 3 }, { '{"a\0":1}', "control character", 3 },
      { '{"\\x":1}', "escape that", 3 },
      { '["\\u12G4"]', "hexadecimal", 4 },
    } do
      local value, message, offset = decode(row[1])
      assert.is_nil(value)
      assert.matches(row[2], message, 1, true)
      assert.equal(row[3], offset, row[1])
    end
  end)

  it("says where a text is broken", function()
    local value, message, offset = decode('{"a":[1,2,}')
    assert.is_nil(value)
    assert.matches("a value is missing", message)
    assert.equal(10, offset)
  end)

  it("goes on after a failure", function()
    for _ = 1, 100 do
      assert.is_nil(decode('[{"a":"\\n'))
      assert.same({ a = "\n" }, decode('{"a":"\\n"}'))
    end
  end)

  it("may happen in a finalizer while another decodes", function()
    local text, runs = '[{"a":"x\\ny"},[1,2]]', 0
    local function finalizer()
      assert(decode(text)[1].a == "x\ny")
      runs = runs + 1
    end
    local function leave_garbage()
      if has_integers or _VERSION == "Lua 5.2" then
        setmetatable({}, { __gc = finalizer })
      else
        getmetatable(newproxy(true)).__gc = finalizer -- luacheck: ignore newproxy
      end
    end
    local long = "[" .. ('{"a":"x\\ny"},'):rep(2000) .. "1]"
    for _ = 1, 30 do
      for _ = 1, 20 do leave_garbage() end
      local value = decode(long)
      assert.equal(2001, #value)
      for i = 1, 2000 do assert(value[i].a == "x\ny") end
    end
    collectgarbage()
    assert.is_true(runs > 0)
  end)

  it("makes tables of neighbours that differ much in size", function()
    local sizes, parts = { 0, 1, 50, 2, 0, 3000, 0, 7 }, {}
    for _, size in ipairs(sizes) do
      local members = {}
      for i = 1, size do members[i] = ('"k%d":%d'):format(i, i) end
      parts[#parts + 1] = "{" .. table.concat(members, ",") .. "}"
      parts[#parts + 1] = "[" .. ("1,"):rep(size) .. "1]"
    end
    assert_same_as_cjson("[" .. table.concat(parts, ",") .. "]")
  end)
end)

describe("names that come again", function()
  -- Objects with these names, each object three times.
  local function assert_all_told_apart(names)
    local parts = {}
    for round = 1, 3 do
      for i, name in ipairs(names) do
        parts[#parts + 1] = ('{"%s":%d,"x":{"%s":"%d"}}'):format(name, i, name, round)
      end
    end
    assert_same_as_cjson("[" .. table.concat(parts, ",") .. "]")
  end

  it("are told apart by every byte, at every length", function()
    for length = 1, 20 do
      local base, names = ("abcdefghijklmnopqrst"):sub(1, length), {}
      for i = 1, length do
        for _, other in ipairs { "A", "\\u0000", "\\n", "\\u00e9", "\195\169" } do
          names[#names + 1] = base:sub(1, i - 1) .. other .. base:sub(i + 1)
        end
      end
      names[#names + 1] = base
      assert_all_told_apart(names)
    end
  end)

  it("are told apart by their length", function()
    local names = {}
    for _, byte in ipairs { "a", "\\u0000" } do
      for length = 0, 20 do names[#names + 1] = byte:rep(length) end
    end
    assert_all_told_apart(names)
  end)

  it("may be more than are remembered, and few among many that come once", function()
    local names, parts = {}, {}
    for i = 1, 1000 do names[i] = "name_" .. i end
    assert_all_told_apart(names)
    for i = 1, 1000 do parts[i] = ('{"id":%d,"only_%d":1,"once%d":2,"name":"n"}'):format(i, i, i) end
    assert_same_as_cjson("[" .. table.concat(parts, ",") .. "]")
  end)

  it("of one text are not taken for those of the next", function()
    for round = 1, 50 do
      local parts = {}
      for i = 1, 100 do parts[i] = ('{"id":%d,"key_%d":1,"name":%d}'):format(i, round % 7, round) end
      assert_same_as_cjson("[" .. table.concat(parts, ",") .. "]")
    end
  end)

  it("outlive the decoding", function()
    local value = decode("[" .. ('{"first":1,"second":{"third":2}},'):rep(100) .. "1]")
    decode("[" .. ('{"other":1,"names":{"third":2}},'):rep(100) .. "1]")
    collectgarbage()
    for i = 1, 100 do
      assert.equal(1, value[i].first)
      assert.equal(2, value[i].second.third)
    end
  end)
end)

describe("encoding", function()
  local function assert_encodes(expected, value)
    local text, message = encode(value)
    assert.equal(expected, text or message)
  end

  local function assert_refused(path, reason, value)
    local text, message = encode(value)
    assert.is_nil(text)
    assert.equal(path, message:sub(1, #path))
    assert.equal(": ", message:sub(#path + 1, #path + 2))
    assert.matches(reason, message, #path, true)
  end

  it("writes what JSON has", function()
    assert_encodes('[1,2.5,true,false,"x",null]', { 1, 2.5, true, false, "x", null })
    assert_encodes('{"a":{"b":[[1]]}}', { a = { b = { { 1 } } } })
    assert_encodes('"x"', "x")
    assert_encodes("null", null)
    assert_encodes('"\\u0000\\n\\"Ü"', '\0\n"Ü')
  end)

  it("writes {} for an empty table", function()
    assert_encodes("{}", {})
    assert_encodes('{"a":{}}', { a = {} })
  end)

  it("writes what it decoded", function()
    local text = '{"a":[1,[2,{"b":"c"}],null,0.5,-3]}'
    assert_encodes(text, decode(text))
  end)

  it("writes [] for an empty array, or refuses it when the encoder cannot", function()
    local body = { languages = setmetatable({}, array) }
    if encode(decode("[]")) then
      assert_encodes('{"languages":[]}', body)
    else
      assert_refused("value.languages", "an empty array", body)
      assert_refused("value[1]", "an empty array", { decode("[]") })
    end
    assert.is_nil(next(body.languages))
  end)

  it("takes a marked array that has items", function()
    assert_encodes("[1]", setmetatable({ 1 }, array))
    assert_refused("value", "marked as an array", setmetatable({ a = 1 }, array))
  end)

  it("takes one table twice, but not within itself", function()
    local shared = { 1 }
    assert_encodes("[[1],[1]]", { shared, shared })
    local cycle = { a = {} }
    cycle.a.b = cycle
    assert_refused("value.a.b", "contains itself", cycle)
    assert_refused("value[1].a.b", "contains itself", { cycle })
  end)

  it("refuses functions, coroutines and userdata", function()
    local projects = { { name = "a" }, {}, { name = print } }
    assert_refused("value.projects[3].name", "a function", { projects = projects })
    assert_refused("value", "a function", print)
    assert_refused("value[1]", "a coroutine", { coroutine.create(function() end) })
    assert_refused("value.file", "a userdata", { file = io.stdout })
  end)

  it("refuses NaN and infinity", function()
    assert_refused("value[2]", "NaN", { 1, nan })
    assert_refused("value.a", "infinite", { a = inf })
    assert_refused("value.a", "infinite", { a = -inf })
  end)

  it("refuses numbers that the encoder would round", function()
    assert_encodes("[0.1,1e+300,99999999999999,-0.25]", { 0.1, 1e300, 99999999999999, -0.25 })
    for _, number in ipairs { 0.1 + 0.2, 123456789012345, 1 / 3 } do
      local text, message = encode { number }
      if text then
        assert.equal(number, cjson.decode(text)[1])
      else
        assert.equal("value[1]: a number has more digits than the JSON encoder writes", message)
      end
    end
    if has_integers then
      local text = encode { 9007199254740993 }
      assert.is_true(text == nil or text == "[9007199254740993]")
      text = encode { math.mininteger, math.maxinteger }
      assert.is_true(text == nil or text == "[-9223372036854775808,9223372036854775807]")
    end
  end)

  it("refuses invalid UTF-8 in strings and names", function()
    assert_refused("value.a[1]", "not valid UTF-8", { a = { "\255" } })
    assert_refused("value[1]", "not valid UTF-8", { "\237\160\128" })
    assert_refused("value.a", "name is not valid UTF-8", { a = { ["\192\128"] = 1 } })
  end)

  it("refuses tables that are neither array nor object", function()
    assert_refused("value.a", "both names and positions", { a = { 1, b = 2 } })
    assert_refused("value.a", "holes", { a = { 1, nil, 3 } })
    assert_refused("value", "holes", { [2] = 1 })
    assert_refused("value", "holes", { [1e9] = 1 })
    assert_refused("value.a", "number but no position", { a = { [0] = 1 } })
    assert_refused("value.a", "number but no position", { a = { [1.5] = 1 } })
    assert_refused("value.a", "number but no position", { a = { [-1] = 1 } })
    assert_refused("value.a", "neither a name nor a position", { a = { [true] = 1 } })
    assert_refused("value.a", "neither a name nor a position", { a = { [{}] = 1 } })
  end)

  it("refuses nesting deeper than 512 levels", function()
    local function nested(depth)
      local value = 1
      for _ = 1, depth do value = { value } end
      return value
    end
    assert_encodes(("["):rep(512) .. "1" .. ("]"):rep(512), nested(512))
    local text, message = encode(nested(513))
    assert.is_nil(text)
    assert.equal("value" .. ("[1]"):rep(16) .. "…: nested deeper than 512 levels", message)
  end)

  it("writes strange names in the path so that they can be read", function()
    assert_refused('value["a b"]', "a function", { ["a b"] = print })
    assert_refused('value["2x"].y_1', "a function", { ["2x"] = { y_1 = print } })
    assert_refused('value[""]', "a function", { [""] = print })
    assert_refused('value["a?b"]', "a function", { ["a\nb"] = print })
    assert_refused('value["' .. ("?"):rep(60) .. '"]', "a function", { [("\n"):rep(1000)] = print })
  end)

  it("leaves the program's own settings of lua-cjson alone", function()
    assert_encodes("0.12345678901234", 0.12345678901234)
    cjson.encode_number_precision(3)
    finally(function() cjson.encode_number_precision(14) end)
    assert_encodes("0.12345678901234", 0.12345678901234)
    assert.equal("[0.123]", cjson.encode { 0.12345678901234 })
  end)

  it("agrees with lua-cjson on 2,000 random values", function()
    local random = random_json(7)
    for _ = 1, 2000 do
      local value = cjson.decode(random:text())
      assert.equal(cjson.encode(value), encode(value))
    end
  end)
end)
