-- A long list walked page by page, in a plain script: time, and memory on the way. Each page is a request that the
-- sandbox answers after `latency`. Usage, with a sandbox's env and `make env` sourced:
--   lua5.4 bench/pages.lua [items] [page size] [prefetch] [latency in ms]

local better_i18n = require "better_i18n"
local core = require "better_i18n.core"

local items, size = tonumber(arg[1] or 10000), tonumber(arg[2] or 100)
local prefetch, latency = tonumber(arg[3] or 8), tonumber(arg[4] or 20)
local sandbox = function(name) return os.getenv("BETTER_I18N_SANDBOX_" .. name) end
local client = better_i18n.new { base_url = sandbox "URL", installation_token = sandbox "INSTALLATION_TOKEN" }

-- The sandbox has no list of that length: the pages are made here, but decoded as an answer is.
local function page_text(page)
  local parts = {}
  for id = (page - 1) * size + 1, math.min(items, page * size) do
    parts[#parts + 1] = ('{"id":%d,"key":"page.%d.title","namespace":"default","sourceText":"Text"}'):format(id, id)
  end
  return "[" .. table.concat(parts, ",") .. "]"
end

local last = math.ceil(items / size)

local function fetch(page)
  page = page or 1
  client:request("GET", "/_sandbox/slow?ms=" .. latency, { raw = true })
  return core.json_decode(page_text(page)), page < last and page + 1 or nil, { ahead = last - page }
end

local started, most = core.now(), 0
for _, number in better_i18n.pages(fetch, { prefetch = prefetch }) do
  if number % 1000 == 0 then most = math.max(most, collectgarbage "count") end
end
print(("%d items in %.3f s, at most %.0f KiB in Lua"):format(items, core.now() - started, most))
client:close()
