-- The loop inside a real Neovim without a screen: the interface stays alive, callbacks may use its API, and leaving is
-- never a crash; and the cases that every loop has to pass. Neovim brings its own LuaJIT: the module is built for that
-- one.
local cases = require "spec.conformance.cases"
local cjson = require "cjson"
local expect = require "spec.support.expect"
local headless = require "spec.support.headless"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"

if not headless.is_here() then return end

local grant

setup(function()
  assert(shell.run "make -s LUA=luajit >/dev/null 2>&1", "the module for LuaJIT does not build")
  sandbox.start()
  grant = sandbox.grant { client_id = sandbox.CLIENT_ID, scopes = { "org:read" } }
end)
teardown(sandbox.stop)

local PRELUDE = [[
  local better_i18n = require "better_i18n"
  local core = require "better_i18n.core"
  local uv = vim.uv or vim.loop
  local out = assert(io.open(%q, "w"))
  local function say(...) out:write(table.concat({ ... }, " "), "\n") out:flush() end
  local client = better_i18n.new { base_url = %q, installation_token = %q, max_connections = 200 }
  local SLOW = { token = "none", raw = true }
  local function slow(ms) return client:request("GET", "/_sandbox/slow?ms=" .. ms, SLOW) end
  local function leave() vim.cmd "qall!" end
]]

local read = shell.read_if_there

-- Runs the code in Neovim until it leaves, at most so many seconds: what it said, what Neovim wrote, its exit status.
local function run(code, seconds)
  local base = sandbox.path "nvim"
  shell.write(base .. ".lua", PRELUDE:format(base .. ".said", sandbox.URL, grant.installation_token), code)
  local pipe = io.popen(([[env LUA_CPATH="$PWD/build/luajit/?.so;;" HOME=%s timeout -k 2 %d \
    nvim --headless -u NONE -i NONE -n -c 'luafile %s.lua' </dev/null >%s.out 2>&1; echo $?]]):format(
    sandbox.DIR or "/tmp", seconds or 20, base, base))
  local status = pipe:read "*n"
  pipe:close()
  return read(base .. ".said"), read(base .. ".out"), status
end

local function says(wanted, code)
  local said, written, status = run(code)
  assert.same({ wanted, "", 0 }, { said, written, status })
end

describe("Neovim", function()
  it("calls back where its API may be used", function()
    says("fast false\nline acme\nfast false\ntitle 4\n", [[
      better_i18n.async(function()
        local list = client:list_organizations()
        say("fast", tostring(vim.in_fast_event()))
        vim.api.nvim_buf_set_lines(0, 0, -1, true, { list[1].slug })
        return #list
      end, function(err, count)
        assert(not err, err)
        say("line", vim.api.nvim_get_current_line())
        say("fast", tostring(vim.in_fast_event()))
        vim.o.title = true
        say("title", count)
        leave()
      end)
    ]])
  end)

  it("keeps its timers going while two hundred calls are under way", function()
    local said = run [[
      local last, late, ended, start = core.now(), 0, 0, core.now()
      local timer = uv.new_timer()
      timer:start(5, 5, function()
        local time = core.now()
        late, last = math.max(late, time - last - 0.005), time
      end)
      for _ = 1, 200 do
        better_i18n.async(function() slow(50) end, function(err)
          assert(not err, err)
          ended = ended + 1
          if ended < 200 then return end
          timer:close()
          say(core.now() - start, late)
          leave()
        end)
      end
    ]]
    local elapsed, late = said:match "([%d.e-]+) ([%d.e-]+)"
    assert.is_true(tonumber(elapsed) < 1, said)
    assert.is_true(tonumber(late) < 0.1, said)
  end)

  it("survives a callback or a function that raises, and so do the other calls", function()
    for text, raising in pairs {
      ["raised in a callback"] = 'function() slow(50) end, function() error "raised in a callback" end',
      ["raised in a function"] = 'function() slow(50) error("raised in a function", 0) end',
    } do
      local said, written, status = run("better_i18n.async(" .. raising .. [[)
        better_i18n.async(function() slow(150) end, function()
          say "other"
          leave()
        end)
      ]])
      assert.same({ "other\n", 0 }, { said, status })
      expect.holds(text, written)
    end
  end)

  it("may be left with calls under way", function()
    for _, before in ipairs {
      "", "client:close()", "client = nil collectgarbage()",
      "vim.api.nvim_create_autocmd('VimLeavePre', { callback = function() client:close() end })",
      "vim.api.nvim_create_autocmd('VimLeave', { callback = function() client:list_organizations() end })",
    } do
      says("leaving\n", [[
        for _ = 1, 10 do better_i18n.async(function() slow(3000) end, function() end) end
        vim.defer_fn(function()
          say "leaving"
          ]] .. before .. [[

          leave()
        end, 50)
      ]])
    end
  end)

  it("blocks outside a coroutine, without losing who waits", function()
    says("4\n4 4\nall 20\n", [[
      local ended = 0
      for index = 1, 20 do
        better_i18n.async(function() slow(index) end, function(err)
          assert(not err, err)
          ended = ended + 1
          if ended < 20 then return end
          say("all", ended)
          leave()
        end)
      end
      local function count() return #client:list_organizations() end
      say(count())
      slow(60)
      say(unpack(better_i18n.all { count, count }))
    ]])
  end)

  it("starts calls from callbacks of libuv, and cancels them", function()
    says("cancelled fast false\n", [[
      local signal, timer = better_i18n.signal(), uv.new_timer()
      timer:start(10, 0, function()
        timer:close()
        better_i18n.async(function()
          client:request("GET", "/_sandbox/slow?ms=3000", { token = "none", raw = true, signal = signal })
        end, function(err)
          say(err.code, "fast", tostring(vim.in_fast_event()))
          leave()
        end)
        local stop = uv.new_timer()
        stop:start(50, 0, function()
          stop:close()
          signal:cancel()
        end)
      end)
    ]])
  end)

  it("is left with no descriptor more", function() -- luv_spec.lua counts handles; uv.walk would end Neovim 0.7
    says("0\n", [[
      local before
      local function descriptors() return #vim.fn.readdir "/proc/self/fd" end
      local function round(number)
        if number == 2 then before = descriptors() end
        if number == 6 then
          say(descriptors() - before)
          return leave()
        end
        better_i18n.all { function() slow(5) end, function() slow(5) end }
        better_i18n.async(function() slow(5) end, function() vim.defer_fn(function() round(number + 1) end, 20) end)
      end
      round(1)
    ]])
  end)
end)

-- One Neovim for all cases, one after another: what each gave, as JSON. Their grants are the specs' own.
local SUITE = [[
  local cases = require "spec.conformance.cases"
  local file = assert(io.open(%q))
  local about = vim.json.decode(file:read "*a")
  file:close()
  local function together(functions) return better_i18n.all(functions, { concurrency = #functions }) end
  local function run(number)
    if number > #cases then return leave() end
    local function make(changes)
      local options = { random = function() return 0 end }
      for name, value in pairs(about.hosts) do options[name] = value end
      for name, value in pairs(about.grants[number]) do options[name] = value end
      for name, value in pairs(changes or {}) do
        if value or name == "preflight" then options[name] = value else options[name] = nil end
      end
      return better_i18n.new(options)
    end
    better_i18n.async(function() return cases[number].run(make, together) end, function(err, result)
      say(vim.json.encode { error = err and tostring(err), result = result })
      run(number + 1)
    end)
  end
  run(1)
]]

-- What `new` takes of a fresh grant that is prepared for the case.
local function grant_for(case)
  local fields = { client_id = sandbox.CLIENT_ID, installation = false }
  for name, value in pairs(case.grant or {}) do fields[name] = value end
  local made = sandbox.grant(fields)
  if case.before then case.before(sandbox, made) end
  for _, fault in ipairs(case.faults or {}) do sandbox.fault(made, fault) end
  return {
    grant_id = made.grant_id, access_token = made.access_token, refresh_token = made.refresh_token,
    client_id = made.client_id, client_secret = made.client_secret,
  }
end

describe("the cases of all loops in Neovim", function()
  local grants, results = {}, {}

  setup(function()
    for number, case in ipairs(cases) do grants[number] = grant_for(case) end
    local path = shell.write(sandbox.path "cases.json", cjson.encode {
      grants = grants, hosts = { base_url = sandbox.URL, mcp_url = sandbox.MCP_URL, cdn_url = sandbox.CDN_URL },
    })
    local said, written, status = run(SUITE:format(path), 60)
    assert.same({ "", 0 }, { written, status })
    for line in said:gmatch "[^\n]+" do results[#results + 1] = cjson.decode(line) end
  end)

  for number, case in ipairs(cases) do
    it(case.name, function()
      local outcome = assert(results[number], "Neovim did not come so far")
      assert.is_nil(outcome.error)
      assert.same(cjson.decode(cjson.encode(case.result)), outcome.result)
      local counters, wanted = sandbox.counters(grants[number]), case.counters
      if wanted[1] then assert.equal(wanted[1], counters.total) end
      assert.same({ wanted[2], wanted[3] }, { counters.refreshes, counters.mints })
    end)
  end
end)
