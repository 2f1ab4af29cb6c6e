-- The code in README.md and docs/ is run as it stands there: Lua blocks each in a program of its own (or in Neovim, or
-- nginx) against the sandbox, shell lines as far as they are quick, links followed. What a block takes for granted is
-- named in a comment before it, "needs: client save"; the table below says what that gives. "not run: why" is counted.
local better_i18n = require "better_i18n"
local declared = require "spec.support.declared"
local expect = require "spec.support.expect"
local process = require "spec.support.process"
local sandbox = require "spec.support.sandbox"
local shell = require "spec.support.shell"

local NOT_RUN = 0 -- how many blocks say that they cannot be run

local read, write = shell.read, shell.write

-- Reading -----------------------------------------------------------------------------------------------------------

local pages = { "README.md", "SECURITY.md" }
for _, path in ipairs(shell.list "docs/*.md") do pages[#pages + 1] = path end

-- What the comment before a block says: "needs: a b, in: neovim" → { needs = "a b", ["in"] = "neovim" }.
local function read_notes(line)
  local notes, text = {}, line and line:match "^<!%-%- (.-) %-%->$"
  if not text then return notes end
  local reason = text:match "^not run: (.+)$"
  if reason then return { not_run = reason } end
  for part in (text .. ", "):gmatch "(.-), " do
    local name, value = part:match "^(%l+): (.+)$"
    assert(name == "needs" or name == "in" or name == "file", "not understood: " .. line)
    notes[name] = value
  end
  return notes
end

local function read_blocks(path)
  local blocks, block, before, number = {}, nil, nil, 0
  for line in (read(path) .. "\n"):gmatch "(.-)\n" do
    number = number + 1
    local language = line:match "^```(%l*)$"
    if block and line == "```" then
      blocks[#blocks + 1], block = block, nil
    elseif block then
      block.lines[#block.lines + 1] = line
    elseif language then
      block = { language = language, lines = {}, place = path .. ":" .. number, notes = read_notes(before) }
    end
    before = line
  end
  assert(not block, path .. " ends in a block")
  return blocks
end

local all_blocks, by_language = {}, {}
for _, path in ipairs(pages) do
  for _, block in ipairs(read_blocks(path)) do
    block.text = table.concat(block.lines, "\n") .. "\n"
    all_blocks[#all_blocks + 1] = block
    by_language[block.language] = by_language[block.language] or {}
    table.insert(by_language[block.language], block)
  end
end

local function is_run(block) return not block.notes.not_run end

-- What a block takes for granted --------------------------------------------------------------------------------------

local needs = {
  nothing = "",
  id = 'local id = os.getenv "BETTER_I18N_CLIENT_ID"',
  secret = 'local secret = os.getenv "BETTER_I18N_CLIENT_SECRET"',
  uri = 'local uri = os.getenv "REDIRECT_URI"',
  connection = [[local connection = {
    grant_id = os.getenv "GRANT", refresh_token = os.getenv "REFRESH", access_token = os.getenv "ACCESS",
    expires_at = os.time() + 1800,
  }]],
  save = [[local function save(to, tokens) for name, value in pairs(tokens) do to[name] = value end end]],
  tokens_path = 'local tokens_path = os.getenv "DIR" .. "/spec-docs-tokens.json"',
  started = [[local started = require "better_i18n".oauth.authorize {
    client_id = id, redirect_uri = uri, scope = "org:read projects:read",
  }]],
  callback_url = [[local callback_url = io.popen("sandbox/consent '" .. started.url .. "'"):read "*l"]],
  client = [[
    local better_i18n = require "better_i18n"
    local client = better_i18n.new {
      installation_token = os.getenv "TOKEN", mcp_url = os.getenv "MCP_URL", cdn_url = os.getenv "CDN_URL",
    }
  ]],
  ask_to_reconnect = [[local function ask_to_reconnect() error "the grant is gone" end]],
  ask_for = [[local function ask_for(scope) error("the scope is missing: " .. scope) end]],
  project = 'local project = os.getenv "PROJECT"',
  clone = 'local clone = os.getenv "PWD"',
  names_of = [[local function names_of(list)
    local names = {}
    for index, item in ipairs(list) do names[index] = item.name end
    return names
  end]],
  ["xdg-open"] = "", -- a program of that name, which is before others in PATH
}

local SCOPES = {
  "org:read", "projects:read", "projects:write", "keys:read", "keys:write", "translations:read",
  "translations:write", "translations:publish",
}

local app, port

-- A service as new, a grant, an app and a project for each block, in the variables that the needs read.
local function variables()
  sandbox.control("reset", {})
  local uri = ("http://127.0.0.1:%d/callback"):format(port)
  app = sandbox.control("client", { redirect_uris = { uri } })
  app.redirect_uris = { uri }
  local grant = sandbox.grant { client_id = app.client_id, scopes = SCOPES, publish_cooldown = 0, sync_ms = 20 }
  return {
    BETTER_I18N_BASE_URL = sandbox.URL, BETTER_I18N_CLIENT_ID = app.client_id,
    BETTER_I18N_CLIENT_SECRET = app.client_secret, GRANT = grant.grant_id, REFRESH = grant.refresh_token,
    ACCESS = grant.access_token,
    TOKEN = grant.installation_token, MCP_URL = sandbox.MCP_URL, CDN_URL = sandbox.CDN_URL, DIR = sandbox.path "",
    REDIRECT_URI = app.redirect_uris[1], PATH = sandbox.path "bin" .. ":" .. os.getenv "PATH",
    PROJECT = sandbox.project(grant, { languages = { "de" }, keys = { { n = "old", v = "Old" } } }),
  }
end

local function preamble(block)
  local lines = {}
  assert.truthy(block.notes.needs, block.place .. " does not say what it needs")
  for name in block.notes.needs:gmatch "%S+" do
    lines[#lines + 1] = assert(needs[name], ("%s: nobody knows the need %q"):format(block.place, name))
  end
  return table.concat(lines, "\n") .. "\n"
end

setup(function()
  assert(shell.run "make -s LUA=luajit >/dev/null 2>&1", "the module for LuaJIT does not build") -- nginx's, Neovim's
  sandbox.start()
  local listener = assert(require "socket".bind("127.0.0.1", 0))
  port = select(2, listener:getsockname())
  listener:close()
  local bin = sandbox.path "bin"
  assert(shell.run("mkdir -p " .. bin .. " " .. sandbox.path ""))
  write(bin .. "/xdg-open", ("#!/bin/sh\nexec %s/sandbox/consent --follow \"$1\" >/dev/null\n"):format(
    shell.output("pwd"):match "%S+"))
  assert(shell.run("chmod +x " .. bin .. "/xdg-open"))
end)

teardown(function()
  sandbox.stop()
end)

-- Lua ---------------------------------------------------------------------------------------------------------------

-- Neovim has a program's globals and ends when nothing of `async` is under way.
local NEOVIM = [[
  local problems, waiting = {}, 0
  function vim.notify(text, level)
    if level == vim.log.levels.ERROR then problems[#problems + 1] = text end
    io.stdout:write(text, "\n")
  end
  local function run()
%s
  end
  local function load_first() package.loaded.better_i18n = nil end
  load_first()
  local real = require "better_i18n"
  local async = real.async
  function real.async(fn, done, ...)
    waiting = waiting + 1
    return async(fn, function(...)
      waiting = waiting - 1
      local ok, problem = pcall(done, ...)
      if not ok then problems[#problems + 1] = problem end
    end, ...)
  end
  local ok, problem = pcall(run)
  if not ok then problems[#problems + 1] = tostring(problem) end
  vim.wait(10000, function() return waiting == 0 end, 5)
  if waiting > 0 then problems[#problems + 1] = "async did not end" end
  io.stdout:write(table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, true), "\n"), table.concat(problems, "\n"), "\n")
  vim.cmd(#problems == 0 and "qall!" or "cquit!")
]]

local function run_in_neovim(block)
  local base, words = sandbox.path "docs-nvim", {}
  write(base .. ".lua", NEOVIM:format((preamble(block) .. block.text):gsub("%%", "%%%%")))
  for name, value in pairs(variables()) do words[#words + 1] = ("%s='%s'"):format(name, value) end
  local command = ([[env %s LUA_CPATH="$PWD/build/luajit/?.so;;" HOME=%s timeout -k 2 20 \
    nvim --headless -u NONE -i NONE -n -c 'luafile %s.lua' </dev/null >%s.out 2>&1]]):format(
    table.concat(words, " "), sandbox.path "", base, base)
  local ok = shell.run(command)
  return read(base .. ".out"), ok and "" or read(base .. ".out"), ok and 0 or 1
end

local function run_in_lua(block)
  local text = block.text:gsub("8976", tostring(port)) -- a fixed port may be somebody's
  return process.run(preamble(block) .. text, variables())
end

describe("a Lua block", function()
  for _, block in ipairs(by_language.lua) do
    if is_run(block) and not block.notes.file then
      it("runs: " .. block.place, function()
        local in_neovim = block.notes["in"] == "neovim"
        if in_neovim and not shell.run "command -v nvim >/dev/null" then return pending "Neovim is not here" end
        local out, err, status = (in_neovim and run_in_neovim or run_in_lua)(block)
        assert.same({ "", 0 }, { err, status }, block.place)
        if block.text:find "\n%s*print%(" then assert.truthy(out:find "%S", block.place .. " printed nothing") end
      end)
    end
  end
end)

describe("what README.md and docs/ promise in passing", function()
  it("of the scopes that are off by default, is what the table of scopes has", function()
    local off = {}
    for _, scope in ipairs(better_i18n.scopes) do
      if not scope.default then off[#off + 1] = "`" .. scope.name .. "`" end
    end
    local said = read "docs/tokens.md":match "consent screen are all but (.-), which"
    local named = {}
    for name in said:gmatch "`[^`]+`" do named[#named + 1] = name end
    assert.same(off, named)
  end)

  it("of a missing scope, is what the code does", function()
    local client = sandbox.installed(sandbox.grant { scopes = { "org:read" } })
    local _, err = better_i18n.try(client.create_project, client, { name = "S", slug = "s", sourceLanguage = "en" })
    assert.equal("projects:write", err.required_scope)
    local grant = sandbox.grant()
    sandbox.control("revoke", { grant_id = grant.grant_id })
    local gone = sandbox.connected(grant)
    assert.is_true(select(2, better_i18n.try(gone.list_organizations, gone)).revoked)
  end)
end)

-- nginx -------------------------------------------------------------------------------------------------------------

local function replace(text, old, new)
  local from, to = text:find(old, 1, true)
  assert(from, "the configuration has no longer the line " .. old)
  return text:sub(1, from - 1) .. new .. text:sub(to + 1)
end

-- What the page has beside its shell block: nginx under the name that it has there, and the module of this tree.
local function write_nginx_page(folder)
  assert(shell.run(("mkdir -p %s/tmp && chmod -R 777 %s"):format(folder, folder)))
  local files = {}
  for _, block in ipairs(all_blocks) do
    if block.notes.file then files[block.notes.file] = block.text end
  end
  local conf = replace(files["nginx.conf"], "127.0.0.1:8080", "127.0.0.1:" .. port)
  conf = replace(conf, "error_log stderr", "error_log error.log")
  conf = replace(conf, "access_log off;", [[access_log off;
    client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;]])
  files["nginx.conf"] = replace(conf, "location = /grants", [[location = /uncaught {
      content_by_lua_block { require("shown")(function() require("better_i18n").new {} end)() }
    }
    location = /grants]])
  for name, text in pairs(files) do write(folder .. "/" .. name, text) end
end

describe("docs/nginx.md", function()
  local folder, url

  setup(function()
    folder, url = sandbox.path "docs-nginx", "http://127.0.0.1:" .. port
    write_nginx_page(folder)
    local path = sandbox.path "bin" .. "/openresty"
    write(path, '#!/bin/sh\nPATH=$PATH:/usr/sbin\nexec nginx -e error.log "$@"\n')
    assert(shell.run("chmod +x " .. path))
  end)

  teardown(function() shell.run("kill $(cat " .. folder .. "/nginx.pid) 2>/dev/null") end)

  it("has a server that serves, with the commands that start it", function()
    local block
    for _, candidate in ipairs(by_language.sh) do
      if candidate.text:find("openresty", 1, true) then block = candidate end
    end
    local set, words = variables(), {}
    for name, value in pairs(set) do words[#words + 1] = ("export %s='%s'"):format(name, value) end
    words[#words + 1] = "export BETTER_I18N_SANDBOX_GRANT_ID=" .. set.GRANT
    words[#words + 1] = "export BETTER_I18N_SANDBOX_REFRESH_TOKEN=" .. set.REFRESH .. "\n"
    write(folder .. "/env", table.concat(words, "\n"))
    local here = shell.line "pwd"
    local text = replace(block.text, ". DIR/exports", (". ./env\nexport LUA_PATH='%s/lua/?.lua;%s/lua/?/init.lua;;' "
      .. "LUA_CPATH='%s/build/luajit/?.so;;'"):format(here, here, here))
    write(folder .. "/commands", (text:gsub("127%.0%.0%.1:8080", "127.0.0.1:" .. port)))
    local out = shell.output("cd " .. folder .. " && timeout 30 sh ./commands 2>/dev/null")
    expect.holds(('"grant_id":"%s"'):format(set.GRANT), out)
    expect.holds('"id":"org_1"', out)
  end)

  local function get(path)
    return shell.output(("curl -s -w ' %%{http_code}' '%s%s'"):format(url, path))
  end

  it("answers what is wrong as what it is", function()
    expect.holds("?grant= is missing", get "/organizations")
    assert.truthy(get "/organizations":find " 400$")
    assert.truthy(get "/organizations?grant=grt_nobody":find " 502$")
  end)

  it("has what puts an uncaught error into the log, with its place", function()
    assert.truthy(get "/uncaught":find " 500$")
    local log = read(folder .. "/error.log")
    expect.holds("runtime error: better_i18n: invalid_argument: new: an identity is missing", log)
    expect.holds("content_by_lua(nginx.conf:", log)
    assert.is_nil(log:find("unknown reason", 1, true))
  end)
end)

-- Shell -------------------------------------------------------------------------------------------------------------

local function target_exists(name)
  return read "Makefile":find("\n" .. name:gsub("%-", "%%-") .. ":[^\n]*## ") ~= nil
end

local commands = {}

function commands.make(words)
  for index = 2, #words do
    local word = words[index]
    if not word:find "=" and word:sub(1, 1) ~= "-" then assert.is_true(target_exists(word), "make " .. word) end
  end
  local dry = "make -n --no-print-directory " .. table.concat(words, " ", 2) .. " >/dev/null 2>&1"
  assert.is_true(shell.run(dry), dry)
end

function commands.sudo(words) commands[words[2]] { (table.unpack or unpack)(words, 2) } end

function commands.eval(words, line)
  assert.truthy(line:find('eval "$(make -s env LUA=5.4)"', 1, true), table.concat(words, " "))
  local exports = shell.output "make -s env LUA=5.4"
  assert.truthy(exports:find "export LUA_PATH=" and exports:find "export LUA_CPATH=")
end

commands["apt-get"] = function(words) assert.equal("install", words[2]) end

commands["."] = function(words) assert.same({ ".", "DIR/exports" }, words) end

-- Run as they are by the spec of docs/nginx.md.
function commands.openresty(words) assert.same({ "openresty", "-p", '"$PWD"', "-c", "nginx.conf" }, words) end

function commands.curl(words) assert.truthy(words[#words]:find("127.0.0.1:8080/", 1, true)) end

function commands.luarocks() assert.truthy(loadfile "better-i18n-scm-1.rockspec") end

describe("a shell block", function()
  for _, block in ipairs(by_language.sh or {}) do
    if is_run(block) then
      it("has commands that are there: " .. block.place, function()
        for _, line in ipairs(block.lines) do
          for command in (line:gsub("%s+#.*", "") .. "&&"):gmatch "%s*(.-)%s*&&" do
            local words = {}
            for word in command:gmatch "%S+" do words[#words + 1] = word end
            local check = commands[words[1]]
            assert.truthy(check, block.place .. ": nobody knows how to check " .. tostring(words[1]))
            check(words, line)
          end
        end
      end)
    end
  end
end)

-- The pages as a whole ----------------------------------------------------------------------------------------------

-- GitHub's anchor of a heading.
local function anchors(path)
  local set = {}
  for heading in ("\n" .. read(path)):gmatch "\n#+ ([^\n]+)" do
    set[heading:lower():gsub("[^%w%s_-]", ""):gsub("%s", "-")] = true
  end
  return set
end

describe("the pages", function()
  it("have no block that is passed over in silence", function()
    local count = 0
    for _, block in ipairs(all_blocks) do
      local run = block.language == "lua" or block.language == "sh" or block.language == "nginx"
      assert.is_true(run or not is_run(block), block.place .. " is of a language that nobody runs: " .. block.language)
      if not is_run(block) then count = count + 1 end
    end
    assert.equal(NOT_RUN, count)
    assert.is_true(#by_language.lua >= 15 and #by_language.sh >= 4, "blocks are no longer found")
  end)

  it("link to what is there", function()
    local count = 0
    for _, path in ipairs(pages) do
      local folder = path:match "^(.*/)" or ""
      for target in read(path):gmatch "%]%(([^)%s]+)%)" do
        if not target:find "^https?:" then
          count = count + 1
          local file, anchor = target:match "^([^#]*)#?(.*)$"
          file = file == "" and path or folder .. file
          assert.is_true(shell.run("test -e '" .. file .. "'"), path .. " links to " .. target)
          if anchor ~= "" then assert.truthy(anchors(file)[anchor], path .. " links to " .. target) end
        end
      end
    end
    assert.is_true(count > 20)
  end)

  it("name every method, every option of new, every field of an error", function()
    local text = {}
    for _, path in ipairs(pages) do text[#text + 1] = read(path) end
    text = table.concat(text, "\n")
    local types = declared.types
    local names = {}
    for name in pairs(types.classes["better_i18n.client"].methods) do names[#names + 1] = name end
    for _, class in ipairs { "options", "network_options", "error", "tokens", "better_i18n" } do
      local entry = types.classes["better_i18n." .. class] or types.classes[class]
      for name in pairs(entry.fields) do names[#names + 1] = name end
      for name in pairs(entry.methods) do names[#names + 1] = name end
    end
    for _, literal in ipairs(types.aliases["better_i18n.code"]) do names[#names + 1] = literal.value end
    for _, name in ipairs(names) do
      if name ~= "_VERSION" then assert.truthy(text:find("%f[%w_]" .. name .. "%f[^%w_]"), name .. " is nowhere") end
    end
  end)
end)

-- What calls.md says of the tools against the types ------------------------------------------------------------------

-- "{ a, b = { { c } } }" → { a = true, b = { c = true } }: an array of tables is as its items.
local function read_shape(text)
  text = text:match "^{%s*({.*})%s*}$" or text
  local shape, at, inside = {}, 1, text:match "^{%s*(.-)%s*}$"
  assert(inside, "not a shape: " .. text)
  while at <= #inside do
    local name, behind = inside:match("^([%a_]+)()", at)
    local nested, after = inside:match("^ = (%b{})()", behind)
    shape[assert(name, text)] = nested and read_shape(nested) or true
    at = inside:match("^, ()", after or behind) or #inside + 1
  end
  return shape
end

-- The same of a declared class: as deep as `like`, or all of it without one.
local function shape_of(type, like)
  while type.kind == "array" do type = type.of end
  local name = declared.class_of(type)
  if not name or like == true then return true end
  local shape = {}
  for field, entry in pairs(declared.fields(name)) do
    shape[field] = shape_of(entry.type, like and (like[field] or true))
  end
  return shape
end

local ROW = "\n| (`[%l_]+`[^|\n]*) | ([^|\n]*) | ([^|\n]*) |%f[\n]"

describe("docs/calls.md", function()
  it("has what each tool takes and gives as the types have it", function()
    local methods, count = declared.class "client".methods, 0
    for first, takes, gives in read("docs/calls.md"):gmatch(ROW) do
      local method = methods[first:match "[%l_]+"]
      local taken, given = takes:match "^`({.*})`$", gives:match "`({.-})`"
      if taken then
        local shape = read_shape(taken)
        assert.same(shape_of(method.params[1].type), shape, first)
        count = count + 1
      end
      if given then
        local shape = read_shape(given)
        assert.same(shape_of(method.returns[1], shape), shape, first)
      end
    end
    assert.equal(16, count)
  end)
end)
