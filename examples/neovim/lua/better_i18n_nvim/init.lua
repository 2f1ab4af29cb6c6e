-- What the commands do. Each runs in the background of the editor's loop: nothing blocks while a request is under way,
-- and what is done with its result may use all of Neovim's API.
local config = require "better_i18n_nvim.config"

local plugin = {}
local signal -- of the command under way
local project -- "org/project" that was picked last

local OPTIONS = " client_id client_secret scope port timeout max_keys insert open project hosts client "

--- @param options (table) fields of config.lua: client_id, client_secret, scope, port, timeout, max_keys, insert, open;
--   project: "org/project"; hosts: { base_url, mcp_url, … }; client: of better_i18n.testing, for tests
function plugin.setup(options)
  for name, value in pairs(options or {}) do
    if not OPTIONS:find(" " .. tostring(name) .. " ", 1, true) then
      error(("better_i18n_nvim: unknown option '%s'; known are:%s"):format(tostring(name), OPTIONS:sub(1, -2)), 2)
    end
    config[name] = value
  end
  project = config.project or project
end

-- What the user is told -----------------------------------------------------------------------------------------------

local function say(text) vim.notify("better-i18n: " .. text, vim.log.levels.INFO) end

local function complain(text) vim.notify("better-i18n: " .. text, vim.log.levels.ERROR) end

local function offer_reconnect()
  vim.ui.select({ "Reconnect", "Not now" }, { prompt = "better-i18n:" }, function(choice)
    if choice == "Reconnect" then plugin.connect() end
  end)
end

local function show(err)
  if type(err) ~= "table" then return complain(tostring(err)) end
  if err.code == "cancelled" or err.code == "closed" then return end -- a later command took over
  if err.required_scope then
    complain(("this needs the scope %s. Allow it with :BetterI18nConnect %s"):format(
      err.required_scope, err.required_scope))
  elseif err.revoked or err.code == "grant_not_found" then
    require("better_i18n_nvim.account").close() -- another Neovim may have connected meanwhile: the next one looks
    complain "the connection was revoked. Reconnect to go on."
    offer_reconnect()
  else
    complain(tostring(err))
  end
end

-- Running -------------------------------------------------------------------------------------------------------------

-- The module; nil when it is not built, and the user was told.
local function load()
  local better_i18n, problem = require("better_i18n_nvim.build").load()
  return better_i18n or complain(problem)
end

-- fn(client, options of a call) in the background, then done(its result). It ends the one before.
local function run(fn, done)
  local better_i18n = load()
  if not better_i18n then return end
  if signal then signal:cancel() end
  local mine = better_i18n.signal()
  signal = mine
  better_i18n.async(function()
    local client = require("better_i18n_nvim.account").client()
    if not client then error("not connected yet: :BetterI18nConnect", 0) end
    return fn(client, { signal = mine })
  end, function(err, result)
    if err then return show(err) end
    if not mine.cancelled then done(result) end
  end)
end

-- Commands ------------------------------------------------------------------------------------------------------------

--- @param more (string) scopes to ask for beside the configured ones
function plugin.connect(more)
  if not config.client_id then
    return complain 'give your app\'s id: require("better_i18n_nvim").setup { client_id = "…" }'
  end
  local better_i18n = load()
  if not better_i18n then return end
  local scope = vim.trim(config.scope .. " " .. (more or ""))
  better_i18n.async(function() return require("better_i18n_nvim.account").connect(scope) end, function(err, me)
    if err then return show(err) end
    local user = type(me.user) == "table" and me.user or me
    say("connected as " .. tostring(user.email or user.name or user.id))
  end)
end

local function pick_project(done)
  run(function(client, options) return client:list_tool_projects(options) end, function(projects)
    if #projects == 0 then return say "this connection sees no project" end
    vim.ui.select(projects, {
      prompt = "Project:", kind = "better_i18n_project",
      format_item = function(item) return ("%s  %s"):format(item.slug, item.name or "") end,
    }, function(choice)
      if not choice then return end
      project = choice.slug
      done(project)
    end)
  end)
end

function plugin.projects()
  pick_project(function(slug) say("project " .. slug) end)
end

-- Where the cursor is now, also after the user has gone on typing. Gives a function that inserts there.
local namespace = vim.api.nvim_create_namespace "better_i18n"

local function remember_place()
  local buffer, cursor = vim.api.nvim_get_current_buf(), vim.api.nvim_win_get_cursor(0)
  local mark = vim.api.nvim_buf_set_extmark(buffer, namespace, cursor[1] - 1, cursor[2], {})
  return function(text)
    if not vim.api.nvim_buf_is_valid(buffer) then return complain "the buffer is gone" end
    local place = vim.api.nvim_buf_get_extmark_by_id(buffer, namespace, mark, {})
    vim.api.nvim_buf_del_extmark(buffer, namespace, mark)
    if not text then return end
    local ok, problem = pcall(vim.api.nvim_buf_set_text, buffer, place[1], place[2], place[1], place[2], { text })
    if not ok then complain("the key cannot be inserted: " .. tostring(problem)) end
  end
end

local function fetch_keys(client, search, options)
  local found = {}
  local query = { project = project, fields = { "sourceText" }, prefetch = 4, max = config.max_keys }
  if search ~= "" then query.search = search end
  for key in client:each_key(query, options) do found[#found + 1] = key end
  return found
end

local function format_key(key)
  local namespaced = key.namespace and key.namespace ~= "default" and key.namespace .. ":" or ""
  return ("%s%s  %s"):format(namespaced, key.key, (key.sourceText or ""):gsub("%s+", " "))
end

--- @param search (string) text that the key's name or its source text holds; empty: all
function plugin.insert_key(search)
  if not project then return pick_project(function() plugin.insert_key(search) end) end
  local insert = remember_place()
  run(function(client, options) return fetch_keys(client, search or "", options) end, function(keys)
    if #keys == 0 then return say("no such key in " .. project) end
    vim.ui.select(keys, { prompt = "Key:", kind = "better_i18n_key", format_item = format_key }, function(choice)
      insert(choice and config.insert(choice))
    end)
  end)
end

vim.api.nvim_create_autocmd("VimLeavePre", {
  callback = function()
    local account = package.loaded["better_i18n_nvim.account"]
    if account then account.close() end
  end,
})

return plugin
