-- What spec/tools/no_memory.c runs with too little memory: a client's life against a sandbox, step by step, and which
-- errors a lack of memory may raise. The grant is in the environment: GRANT, REFRESH, ID, SECRET, URL, PROJECT, TOOL.
local better_i18n = require "better_i18n"
local memory = require "better_i18n.store.memory"

-- A module whose loading broke off cannot be loaded again in Lua 5.1: that is Lua's own. So all are loaded that can be.
for path in io.popen("cd lua && find better_i18n -name '*.lua'"):lines() do
  pcall(require, (path:gsub("%.lua$", ""):gsub("/", "."):gsub("%.init$", "")))
end
require "cjson"

local get = os.getenv
local client, heard

-- Anything else would be a lie: that the grant is over, that an argument is wrong, that the service said no.
local HONEST = { network = true, store = true, refresh_outcome_unknown = true, outcome_unknown = true }

-- libcurl 7.88 itself sends a request without its query when it has no memory to look at it, and does not say so.
local NO_QUERY = "the request went out without its query"

local function new()
  heard = { tokens = 0, requests = 0, responses = 0 }
  client = better_i18n.new {
    grant_id = get "GRANT", refresh_token = get "REFRESH", client_id = get "ID", client_secret = get "SECRET",
    base_url = get "URL", mcp_url = get "URL" .. "/mcp", store = memory(), timeout = 10,
    random = function() return 0 end,
    on_tokens = function(tokens) heard.tokens = heard.tokens + #tokens.access_token end,
    on_request = function() heard.requests = heard.requests + 1 end,
    on_response = function(info) heard.responses = heard.responses + (info.status and 1 or 0) end,
  }
end

local function project() assert(client:get_project(get "PROJECT").id == get "PROJECT") end

local function missing()
  local ok, err = pcall(client.get_project, client, "prj_none")
  if ok or not better_i18n.is_error(err) or err.status ~= 404 then error(err, 0) end
end

local function page()
  local items, response = client:list_projects(get "ORGANIZATION", { limit = 1 })
  if #items ~= 1 then error(NO_QUERY, 0) end
  assert(response.next, "the list ends early")
end

local function tool() assert(client:call_tool("listKeys", { project = get "TOOL", limit = 5 }).k) end

local function close() client:close() end

-- nil: it is what a lack of memory may raise; else how it is to be told.
local function judge(err)
  if type(err) == "string" and (err:find("not enough memory", 1, true) or err == NO_QUERY) then return end
  if not better_i18n.is_error(err) then return type(err) .. " " .. tostring(err) end
  if err.code == "too_large" and err.message:find("no memory for it", 1, true) then return end
  if not HONEST[err.code] then return tostring(err) end
end

return {
  { "new", new }, { "get_project", project }, { "an error", missing }, { "a page", page }, { "a tool", tool },
  { "close", close },
}, judge
