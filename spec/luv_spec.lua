-- The loop of libuv, in programs on luv: async, its callbacks, and what it leaves behind. Neovim has nvim_spec.lua.
local expect = require "spec.support.expect"
local process = require "spec.support.process"
local sandbox = require "spec.support.sandbox"

if not pcall(require, "luv") then
  pending "luv is not here for this Lua"
  return
end

local current = require "better_i18n.loop.current"
local grant

setup(function()
  sandbox.start()
  grant = sandbox.grant { client_id = sandbox.CLIENT_ID, scopes = { "org:read" } }
end)
teardown(sandbox.stop)

-- A program of its own: a call that raises in a callback of luv ends the process.
local function run(code)
  return process.run(([[
    local better_i18n = require "better_i18n"
    local core = require "better_i18n.core"
    local uv = require "luv"
    local client = better_i18n.new { base_url = %q, installation_token = %q, max_connections = 200 }
    local SLOW = { token = "none", raw = true }
    local function slow(ms) return client:request("GET", "/_sandbox/slow?ms=" .. ms, SLOW) end
    local function handles()
      local count = 0
      uv.walk(function() count = count + 1 end)
      return count
    end
  ]]):format(sandbox.URL, grant.installation_token) .. code)
end

local function prints(wanted, code)
  local out, err, status = run(code)
  assert.same({ wanted, "", 0 }, { out, err, status })
end

describe("async", function()
  it("takes functions and known options", function()
    prints("7\n", [[
      local refused = 0
      for _, arguments in ipairs {
        {}, { 1 }, { print, 1 }, { print, print, 1 }, { print, print, { lop = 1 } }, { print, print, { loop = 1 } },
        { print, print, { loop = better_i18n.loop.blocking } },
      } do
        local ok, err = pcall(better_i18n.async, arguments[1], arguments[2], arguments[3])
        if not ok and err.code == "invalid_argument" then refused = refused + 1 end
      end
      print(refused)
      uv.run()
    ]])
  end)

  it("gives results and errors to its callback, never before it returns", function()
    prints("returned\nnil\t1\tnil\t3\nplain\nmissing_scope\n", [[
      better_i18n.async(function() return 1, nil, 3 end, print)
      better_i18n.async(function() error("plain", 0) end, print)
      better_i18n.async(function() return client:list_projects "org_1" end, function(err) print(err.code) end)
      print "returned"
      uv.run()
    ]])
  end)

  it("does not need a callback", function()
    prints("done\n", [[
      better_i18n.async(function() slow(5) print "done" end)
      uv.run()
    ]])
  end)

  it("without a loop in sight says so", function()
    local out = process.run [[
      local better_i18n = require "better_i18n"
      local ok, err = pcall(better_i18n.async, print)
      print(ok, err.code)
    ]]
    assert.equal("false\tinvalid_argument\n", out)
  end)

  it("lets a callback's error be the program's own, after the other callbacks had their turn", function()
    local out, err, status = run [[
      better_i18n.async(function() end, function() error "mine" end)
      better_i18n.async(function() end, function() print "other" end)
      uv.run()
      print "went on"
    ]]
    expect.holds("mine", err)
    expect.holds("other", out)
    assert.is_true(status ~= 0 or out:find "went on" ~= nil)
  end)

  it("lets a function wait for other things of libuv's", function()
    if not current.can_yield then return pending "coroutines of PUC Lua 5.1" end
    prints("timer 200\n", [[
      better_i18n.async(function()
        local thread, timer = coroutine.running(), uv.new_timer()
        timer:start(10, 0, function()
          timer:close()
          assert(coroutine.resume(thread, "timer"))
        end)
        local what = coroutine.yield()
        return what, (select(2, slow(5))).status
      end, function(_, ...) print((...) .. " " .. select(2, ...)) end)
      uv.run()
    ]])
  end)

  it("is not confused by somebody who resumes its coroutine", function()
    if not current.can_yield then return pending "coroutines of PUC Lua 5.1" end
    prints("200\n", [[
      local thread
      better_i18n.async(function()
        thread = coroutine.running()
        print((select(2, slow(60))).status)
      end)
      local timer = uv.new_timer()
      timer:start(10, 0, function()
        timer:close()
        for _ = 1, 3 do coroutine.resume(thread) end
      end)
      uv.run()
    ]])
  end)
end)

describe("the loop of libuv", function()
  it("ends with the last call and leaves no handle", function()
    prints("0 0\n", [[
      for round = 1, 3 do
        for _ = 1, 20 do better_i18n.async(function() slow(5) end) end
        uv.run()
      end
      client:close()
      uv.run()
      print(("%d %d"):format(handles(), core.busy()))
    ]])
  end)

  it("serves any coroutine of a client that was given it", function()
    if not current.can_yield then return pending "coroutines of PUC Lua 5.1" end
    prints("begun\n200 200\n", [[
      local own = better_i18n.new {
        base_url = ]] .. ("%q"):format(sandbox.URL) .. [[, installation_token = "bi_oat_00000001",
        loop = better_i18n.loop.luv,
      }
      coroutine.wrap(function()
        local function status() return select(2, own:request("GET", "/_sandbox/slow?ms=20", SLOW)).status end
        print(status() .. " " .. status())
      end)()
      print "begun"
      uv.run()
      assert(own:request("GET", "/_sandbox/slow?ms=1", SLOW)) -- outside a coroutine it blocks
    ]])
  end)

  it("raises an error of such a coroutine as a callback's", function()
    if not current.can_yield then return pending "coroutines of PUC Lua 5.1" end
    local _, err = run [[
      local own = better_i18n.new {
        base_url = "http://127.0.0.1:9", installation_token = "bi_oat_00000001", loop = better_i18n.loop.luv,
        max_retries = 0,
      }
      coroutine.wrap(function() own:me() end)()
      uv.run()
    ]]
    expect.holds("network", err)
  end)

  it("keeps other timers in time under load", function()
    if not current.can_yield then return pending "coroutines of PUC Lua 5.1" end
    prints("true\n", [[
      local last, late, ended = core.now(), 0, 0
      local timer = uv.new_timer()
      timer:start(5, 5, function()
        local time = core.now()
        late, last = math.max(late, time - last - 0.005), time
      end)
      for _ = 1, 200 do
        better_i18n.async(function() slow(50) end, function()
          ended = ended + 1
          if ended == 200 then timer:close() end
        end)
      end
      uv.run()
      print(late < 0.05)
    ]])
  end)

  it("may be stopped with calls under way, and be run again", function()
    if not current.can_yield then return pending "coroutines of PUC Lua 5.1" end
    prints("stopped 3 0\n0 3\n", [[
      local ended = 0
      for _ = 1, 3 do better_i18n.async(function() slow(150) end, function() ended = ended + 1 end) end
      local timer = uv.new_timer()
      timer:start(40, 0, function()
        timer:close()
        uv.stop()
      end)
      uv.run()
      print(("stopped %d %d"):format(core.busy(), ended))
      uv.run()
      print(("%d %d"):format(core.busy(), ended))
    ]])
  end)

  it("may be left standing with calls under way when the program ends", function()
    if not current.can_yield then return pending "coroutines of PUC Lua 5.1" end
    for _, ending in ipairs {
      "", "os.exit(0, true)", "os.exit(0)", "client:close()", "client = nil collectgarbage()",
    } do
      prints("left\n", [[
        for _ = 1, 3 do better_i18n.async(function() slow(3000) end) end
        local timer = uv.new_timer()
        timer:start(30, 0, function()
          timer:close()
          uv.stop()
        end)
        uv.run()
        print "left"
        io.stdout:flush()
      ]] .. ending)
    end
  end)

  it("hears of what ended beside a blocking call whose hook does not return", function()
    if not current.can_yield then return pending "coroutines of PUC Lua 5.1" end
    prints("hook\nanswer\n", [[
      local late = uv.new_timer()
      late:start(3000, 0, function() print "late" end)
      better_i18n.async(function()
        client:request("GET", "/_sandbox/slow?ms=100", { token = "none", raw = true, timeout = 6 })
        print "answer"
        late:close()
      end)
      local blocking = better_i18n.new {
        base_url = "]] .. sandbox.URL .. [[", installation_token = "ist_x",
        on_response = function()
          print "hook"
          if coroutine.running() then coroutine.yield() end
        end,
      }
      local soon = uv.new_timer()
      soon:start(20, 0, function()
        soon:close()
        coroutine.wrap(function() blocking:request("GET", "/_sandbox/slow?ms=300", SLOW) end)()
      end)
      uv.run()
    ]])
  end)

  it("ends calls that are under way when their client is closed", function()
    if not current.can_yield then return pending "coroutines of PUC Lua 5.1" end
    prints("cancelled\ncancelled\n0 true\n", [[
      local start = core.now()
      for _ = 1, 2 do better_i18n.async(function() slow(3000) end, function(err) print(err.code) end) end
      local timer = uv.new_timer()
      timer:start(30, 0, function()
        timer:close()
        client:close()
      end)
      uv.run()
      print(handles() .. " " .. tostring(core.now() - start < 1))
    ]])
  end)

  it("ends a call at its deadline", function()
    if not current.can_yield then return pending "coroutines of PUC Lua 5.1" end
    prints("timeout true 0\n", [[
      local start = core.now()
      better_i18n.async(function()
        client:request("GET", "/_sandbox/slow?ms=3000", { token = "none", raw = true, timeout = 0.1, max_retries = 0 })
      end, function(err)
        print(("%s %s %d"):format(err.code, tostring(core.now() - start < 0.5), core.busy()))
      end)
      uv.run()
    ]])
  end)

  it("has an engine of its own in each thread", function()
    prints("thread 200\nmain 200\n", [[
      local thread = uv.new_thread(function(path, cpath, url)
        package.path, package.cpath = path, cpath
        local better_i18n, uv = require "better_i18n", require "luv"
        local client = better_i18n.new { base_url = url, installation_token = "bi_oat_00000001" }
        better_i18n.async(function()
          local _, response = client:request("GET", "/_sandbox/slow?ms=30", { token = "none", raw = true })
          print("thread " .. response.status)
          io.stdout:flush()
        end)
        uv.run()
      end, package.path, package.cpath, ]] .. ("%q"):format(sandbox.URL) .. [[)
      local line
      better_i18n.async(function() line = "main " .. (select(2, slow(60))).status end)
      uv.run()
      thread:join()
      print(line)
    ]])
  end)
end)
