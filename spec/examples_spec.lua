-- The examples that are scripts, as a user runs them, against the sandbox. The demo runs partner_app.lua; Neovim's and
-- nginx's have specs of their own.
local current = require "better_i18n.loop.current"
local expect = require "spec.support.expect"
local process = require "spec.support.process"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"

local LUA = os.getenv "BETTER_I18N_LUA" or "lua5.4"

setup(sandbox.start)
teardown(sandbox.stop)

local function run(name, variables)
  local all = { BETTER_I18N_BASE_URL = sandbox.URL, TOKEN = sandbox.grant().installation_token }
  for variable, value in pairs(variables or {}) do all[variable] = value end
  return process.run(("dofile %q"):format("examples/" .. name), all)
end

describe("the example", function()
  it("concurrent.lua counts projects", function()
    local out, err, status = run "concurrent.lua"
    assert.same({ "", 0 }, { err, status })
    assert.truthy(out:find ": 40 projects\n  %d+ content models in them\n", out)
    assert.equal(3, select(2, out:gsub("[^\n]+: not this grant's organization\n", "")))
    assert.is_nil(out:find("wrong_organization", 1, true))
  end)

  it("cqueues.lua counts them between dots", function()
    if not pcall(require, "cqueues") then return pending "cqueues is not here for this Lua" end
    local grant = sandbox.grant()
    sandbox.fault(grant, { kind = "delay", ms = 400, path = "/api/oauth-client/organizations" })
    local out, err, status = run("cqueues.lua", { TOKEN = grant.installation_token })
    assert.same({ "", 0 }, { err, status })
    assert.truthy(out:find "\t40 projects\n", out)
    assert.equal(3, select(2, out:gsub("\tnot this grant's organization\n", "")))
    -- On PUC Lua 5.1 every call blocks.
    if current.can_yield then assert.truthy(out:find("^" .. ("%."):rep(10)), out) end
  end)

  it("partner_app.lua and then sync_keys.lua are what `make demo` shows, as a user calls it", function()
    -- Not as a part of the make that runs the tests.
    local out = shell.output [[env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS -u LUA -u LUA_PATH -u LUA_CPATH \
      BETTER_I18N_NO_INSTALL=1 timeout -k 2 120 make --no-print-directory demo </dev/null 2>&1; echo "status $?"]]
    expect.holds("status 0\n", out)
    local last = 1
    for _, words in ipairs {
      "Starting the sandbox", "Running examples/partner_app.lua", "Running examples/sync_keys.lua", " new, ",
      "Nothing was changed.", "The project is in line with the file.", "\n0 new, 0 with another source text",
      "The project is in line with the file.", "Stopping the sandbox",
    } do
      local _, behind = out:find(words, last, true)
      last = assert(behind, words .. " is not in its place in: " .. out)
    end
    assert.is_nil(out:find "bi_oat_%x")
  end)

  it("runs with the lines that `make sandbox` prints, pasted", function()
    local pipe, sourced = io.popen "echo $$; exec sandbox/sandbox run 2>&1", nil
    local pid, exports, commands, curl = pipe:read "*n", {}, {}, {}
    finally(function()
      os.execute("kill " .. pid)
      pipe:close()
    end)
    for line in pipe:lines() do
      if line:find "^  export " then exports[#exports + 1] = line end
      commands[#commands + 1] = line:match "^  lua5%.4 (.*)$"
      if line:find "_sandbox/grant" or curl[1] and line:find "^    " then curl[#curl + 1] = line end
      sourced = line:match "ready to source: (.*)$" or sourced
      if line:find "^Ctrl%-C" then break end
    end
    assert.equal(4, #commands)
    if not pcall(require, "cqueues") then assert.truthy(table.remove(commands):find "cqueues") end
    local shown = table.concat(exports, "\n") .. "\nenv | grep -v SANDBOX | sort"
    assert.equal(shell.output("sh -c " .. shell.quote(shown)), shell.output("sh -c "
      .. shell.quote(sourced .. "\nenv | grep -v SANDBOX | sort")))
    expect.holds('"translations:publish"', shell.output(table.concat(curl, "\n")))
    for _, command in ipairs(commands) do
      local script = table.concat(exports, "\n") .. "\nexec " .. LUA .. " " .. command
      local out = shell.output("env -u TOKEN sh -c " .. shell.quote(script) .. " 2>&1; echo status $?")
      assert.equal("status 0\n", out:match "status %d+\n$", command .. ": " .. out)
    end
  end)

  it("partner_app.lua does not wait for a browser when the service is away", function()
    local _, err, status = run("partner_app.lua", {
      BETTER_I18N_BASE_URL = "http://127.0.0.1:1", BETTER_I18N_CLIENT_ID = "demo_client",
      BETTER_I18N_REDIRECT_URI = sandbox.REDIRECT_URI, BETTER_I18N_BROWSER = "false",
    })
    assert.equal(1, status)
    assert.truthy(err:find "^\nbetter_i18n: network: ", err)
  end)

  it("partner_app.lua runs again within the same second", function()
    local set = {
      BETTER_I18N_CLIENT_ID = sandbox.CLIENT_ID, BETTER_I18N_CLIENT_SECRET = sandbox.CLIENT_SECRET,
      BETTER_I18N_REDIRECT_URI = sandbox.REDIRECT_URI, BETTER_I18N_BROWSER = "sandbox/consent --follow",
    }
    for _ = 1, 3 do
      local _, err, status = run("partner_app.lua", set)
      assert.same({ "", 0 }, { err, status })
    end
  end)

  it("that lacks its token says so", function()
    for _, name in ipairs { "concurrent.lua", "cqueues.lua" } do
      if name ~= "cqueues.lua" or pcall(require, "cqueues") then
        local _, err, status = run(name, { TOKEN = false })
        assert.equal(2, status)
        assert.truthy(err:find "^TOKEN is not set[^\n]*\n$", err)
      end
    end
  end)
end)
