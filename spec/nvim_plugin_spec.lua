-- examples/neovim in a real Neovim without a screen, against the sandbox, whose consent page stands for the browser and
-- the user; and with better_i18n.testing where an answer has to be a certain one. The plugin finds its build by itself.
local expect = require "spec.support.expect"
local headless = require "spec.support.headless"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"

if not headless.is_here() then return end

setup(function()
  assert(shell.run "make -s LUA=luajit >/dev/null 2>&1", "the module for LuaJIT does not build")
  sandbox.start()
end)
teardown(sandbox.stop)

-- Notifications are said, pickers are answered by choose(items, options), which gives an item.
local PRELUDE = [[
  local out = assert(io.open(%q, "w"))
  function say(...) out:write(table.concat({ ... }, " "), "\n") out:flush() end
  function leave() vim.cmd "qall!" end
  TOOL_PROJECT = %q
  function choose(items)
    for _, item in ipairs(items) do
      if item.slug == TOOL_PROJECT then return item end
    end
    return items[1]
  end
  local waiting
  function vim.notify(text)
    assert(not vim.in_fast_event())
    say("notify", (text:gsub("\n", " ")))
    local go_on = waiting
    waiting = nil
    if go_on then go_on(text) end
  end
  function vim.ui.select(items, options, done)
    assert(not vim.in_fast_event())
    done((choose(items, options)))
  end
  -- Runs the command, and goes on after the next notification.
  function run(command, go_on)
    waiting = go_on
    vim.cmd(command)
  end
  -- Goes on when the condition holds.
  function await(condition, go_on)
    if condition() then return go_on() end
    vim.defer_fn(function() await(condition, go_on) end, 10)
  end
  plugin = require "better_i18n_nvim"
  function setup(more)
    plugin.setup(vim.tbl_extend("force", {
      client_id = %q, client_secret = %q, port = %d, hosts = { base_url = %q, mcp_url = %q },
      open = function(url) vim.fn.jobstart { "sandbox/consent", "--follow", url } end,
    }, more or {}))
  end
]]

local read = shell.read_if_there

local home = 0

-- Neovim with the plugin of that folder, until it leaves: what it said, what Neovim wrote, its exit status. A `place`
-- that was used before has the tokens of then.
local function run(code, place, folder)
  home = home + 1
  local base = sandbox.path("plugin" .. home)
  local port = tonumber(sandbox.REDIRECT_URI:match ":(%d+)/")
  shell.write(base .. ".lua", PRELUDE:format(base .. ".said", sandbox.TOOL_PROJECT, sandbox.CLIENT_ID,
    sandbox.CLIENT_SECRET, port, sandbox.URL, sandbox.MCP_URL), code)
  local pipe = io.popen(([[env -u LUA_PATH -u LUA_CPATH -u BETTER_I18N_CLIENT_ID \
    XDG_DATA_HOME=%s HOME=%s \
    timeout -k 2 30 nvim --headless -u NONE -i NONE -n --cmd "set rtp^=%s" \
    -c 'runtime plugin/better_i18n.lua' -c 'luafile %s.lua' </dev/null >%s.out 2>&1; echo $?]]):format(
    sandbox.path(place or "data" .. home), sandbox.DIR, folder or "$PWD/examples/neovim", base, base))
  local status = pipe:read "*n"
  pipe:close()
  return read(base .. ".said"), read(base .. ".out"), status
end

local function says(wanted, code, place)
  local said, written, status = run(code, place)
  assert.same({ wanted, "", 0 }, { said, written, status })
end

describe("the Neovim plugin", function()
  it("connects through the browser, picks a project, inserts a key, and blocks nothing", function()
    says("at once\nnotify better-i18n: connected as zoe@example.com\npicked Project:\nnotify better-i18n: project "
      .. sandbox.TOOL_PROJECT .. "\nat once\npicked Key:\ninserted\n", [[
      setup()
      local picks = {}
      function choose(items, options)
        say("picked", options.prompt)
        for _, item in ipairs(items) do
          if item.slug == TOOL_PROJECT then return item end
          if item.key then key = item.key return item end
        end
      end
      vim.api.nvim_buf_set_lines(0, 0, -1, true, { "t('')" })
      run("BetterI18nConnect", function()
        run("BetterI18nProjects", function()
          vim.api.nvim_win_set_cursor(0, { 1, 3 })
          vim.cmd "BetterI18nInsertKey"
          say(key and "waited" or "at once")
          vim.api.nvim_buf_set_text(0, 0, 0, 0, 0, { "  " }) -- the user goes on typing
          await(function() return key end, function()
            assert(vim.api.nvim_get_current_line() == "  t('" .. key .. "')", vim.api.nvim_get_current_line())
            say "inserted"
            leave()
          end)
        end)
      end)
      say "at once"
    ]], "kept")
  end)

  it("is connected at the next start, with tokens that nobody else may read", function()
    says("rw-------\nrw-------\nrwx------\nnotify better-i18n: project " .. sandbox.TOOL_PROJECT .. "\n", [[
      setup()
      local data = vim.fn.stdpath "data" .. "/better_i18n"
      say(vim.fn.getfperm(data .. "/tokens.json"))
      say(vim.fn.getfperm(data .. "/grant"))
      say(vim.fn.getfperm(data))
      run("BetterI18nProjects", leave)
    ]], "kept")
  end)

  it("inserts what the user wants for a key, its namespace too", function()
    says("checkout:pay.now\n", [[
      setup {
        project = TOOL_PROJECT,
        insert = function(key) return key.namespace .. ":" .. key.key end,
      }
      function choose(items)
        for _, item in ipairs(items) do
          if item.key == "pay.now" then return item end
        end
      end
      vim.cmd "BetterI18nInsertKey pay"
      await(function() return vim.api.nvim_get_current_line() ~= "" end, function()
        say(vim.api.nvim_get_current_line())
        leave()
      end)
    ]], "kept")
  end)

  it("lets a second attempt take over from one that nobody answered", function()
    says("opened\nnotify better-i18n: connected as zoe@example.com\n", [[
      setup { open = function() say "opened" end }
      vim.cmd "BetterI18nConnect"
      vim.defer_fn(function()
        setup()
        run("BetterI18nConnect", leave)
      end, 100)
    ]])
  end)

  it("says that the user declined, and that nobody has connected", function()
    sandbox.control("consent", { deny = true, times = 1 })
    local said = run [[
      setup()
      run("BetterI18nProjects", function() run("BetterI18nConnect", leave) end)
    ]]
    expect.holds("notify better-i18n: not connected yet: :BetterI18nConnect\n", said)
    expect.holds("access_denied", said)
  end)

  it("names the scope that is missing, and asks for it", function()
    local said = run [[
      setup { scope = "org:read projects:read", project = TOOL_PROJECT }
      run("BetterI18nConnect", function()
        run("BetterI18nInsertKey", function()
          setup { project = TOOL_PROJECT }
          run("BetterI18nConnect keys:read", function()
            function choose(items) say("key", type(items[1].key)) leave() end
            vim.cmd "BetterI18nInsertKey"
          end)
        end)
      end)
    ]]
    expect.holds("this needs the scope keys:read. Allow it with :BetterI18nConnect keys:read\n", said)
    expect.holds("\nkey string\n", said)
  end)

  it("offers to reconnect when the connection was revoked, and does", function()
    sandbox.control("revoke", { grant_id = read(sandbox.path "kept" .. "/nvim/better_i18n/grant"):match "%S+" })
    says("notify better-i18n: the connection was revoked. Reconnect to go on.\n"
      .. "better-i18n: Reconnect/Not now\nnotify better-i18n: connected as zoe@example.com\n", [[
      setup()
      function choose(items, options)
        say(options.prompt, table.concat(items, "/"))
        return items[1]
      end
      local notify = vim.notify
      function vim.notify(text)
        notify(text)
        if text:find "connected as" then leave() end
      end
      vim.cmd "BetterI18nProjects"
    ]], "kept")
  end)

  it("shows other errors as they are, from a server that is made for it", function()
    local said = run [[
      require("better_i18n_nvim.build").load()
      local testing = require "better_i18n.testing"
      setup { project = TOOL_PROJECT, client = testing.client({
        ["POST /mcp"] = { { status = 503 }, { status = 429, json = { error = "rate_limited" } }, { lost = "a cable" } },
      }, { max_retries = 0 }) }
      run("BetterI18nInsertKey", function()
        run("BetterI18nInsertKey", function() run("BetterI18nInsertKey", leave) end)
      end)
    ]]
    expect.holds("server_error", said)
    expect.holds("rate_limited", said)
    expect.holds("network", said)
  end)

  it("lets only the last of several commands show its picker", function()
    says("picked 1\n", [[
      require("better_i18n_nvim.build").load()
      local body = vim.fn.json_encode { projects = { { id = "prj_1", slug = "acme/web", name = "Web" } } }
      setup { client = require("better_i18n.testing").client {
        ["POST /mcp"] = function(request)
          return { json = { jsonrpc = "2.0", id = request.json.id,
            result = { content = { { type = "text", text = body } } } } }
        end,
      } }
      local picked = 0
      function choose() picked = picked + 1 end
      for _ = 1, 3 do vim.cmd "BetterI18nProjects" end
      vim.defer_fn(function() say("picked", picked) leave() end, 200)
    ]])
  end)

  it("inserts nothing into a buffer that is gone, and says so", function()
    says("notify better-i18n: the buffer is gone\n", [[
      require("better_i18n_nvim.build").load()
      local body = vim.fn.json_encode { tot = 1, ret = 1, pg = 1, lim = 100, has_more = false, nss = { "default" },
        k = { { k = "a.b", ns = 0, id = "k1", src = "A" } } }
      setup { project = TOOL_PROJECT, client = require("better_i18n.testing").client {
        ["POST /mcp"] = function(request)
          return { json = { jsonrpc = "2.0", id = request.json.id,
            result = { content = { { type = "text", text = body } } } } }
        end,
      } }
      vim.cmd "new"
      run("BetterI18nInsertKey", leave)
      vim.cmd "bwipeout!"
    ]])
  end)

  it("has a health check", function()
    local said, _, status = run([[
      setup()
      vim.cmd "checkhealth better_i18n_nvim"
      say(table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, true), "\n"))
      leave()
    ]], "kept")
    for _, text in ipairs { "OK: better_i18n 0", "/callback", "OK: connected with the grant grt_" } do
      expect.holds(text, said)
    end
    assert.is_nil(said:find("ERROR", 1, true), said)
    assert.equal(0, status)
  end)

  it("takes over what another Neovim connected after a revocation", function()
    local folder = sandbox.path "kept" .. "/nvim/better_i18n"
    sandbox.control("revoke", { grant_id = read(folder .. "/grant"):match "%S+" })
    assert(shell.run(("cp %s/grant %s/grant.old"):format(folder, folder)))
    run('setup() run("BetterI18nConnect", leave)', "kept")
    assert(shell.run(("cd %s && mv grant grant.new && mv grant.old grant"):format(folder)))
    says("notify better-i18n: the connection was revoked. Reconnect to go on.\nnotify better-i18n: project "
      .. sandbox.TOOL_PROJECT .. "\n", [[
      setup()
      local select = vim.ui.select
      function vim.ui.select() -- not now: the other one does it
        vim.ui.select = select
        local folder = vim.fn.stdpath "data" .. "/better_i18n"
        vim.fn.rename(folder .. "/grant.new", folder .. "/grant")
        run("BetterI18nProjects", leave)
      end
      vim.cmd "BetterI18nProjects"
    ]], "kept")
  end)

  it("refuses an option that it does not know", function()
    local said = run [[
      local ok, problem = pcall(setup, { clientid = "x" })
      say(tostring(ok), problem)
      leave()
    ]]
    expect.holds("false", said)
    expect.holds("unknown option 'clientid'; known are: client_id client_secret", said)
  end)

  it("says that nothing is configured", function()
    local said = run [[
      run("BetterI18nConnect", function()
        vim.cmd "checkhealth better_i18n_nvim"
        say(table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, true), "\n"))
        leave()
      end)
    ]]
    expect.holds("notify better-i18n: give your app's id", said)
    expect.holds("ERROR: no app is configured", said)
    expect.holds("WARNING: nobody has connected", said)
  end)

  it("says what to type where the build is missing or broken", function()
    local clone = sandbox.path "clone"
    assert(shell.run(("d=%s; mkdir -p $d/examples && cp -r examples/neovim $d/examples && cp -r lua $d"):format(clone)))
    local code = [[
      package.path, package.cpath = "", ""
      setup()
      run("BetterI18nProjects", function()
        vim.cmd "checkhealth better_i18n_nvim"
        say(table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, true), "\n"))
        leave()
      end)
    ]]
    local said = run(code, nil, clone .. "/examples/neovim")
    expect.holds("notify better-i18n: better-i18n is not built: run `make LUA=luajit` in " .. clone, said)
    expect.holds("ERROR: better-i18n is not built", said)
    assert(shell.run(("mkdir -p %s/build/luajit/better_i18n && echo no >%s/build/luajit/better_i18n/core.so"):format(
      clone, clone)))
    said = run(code, nil, clone .. "/examples/neovim")
    expect.holds("better-i18n is built, but cannot be loaded", said)
  end)
end)
