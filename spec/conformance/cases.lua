-- The cases that every loop has to pass alike: what a program does, what comes of it, what the service was asked.
-- They run wherever a loop runs (inside nginx too), so they need nothing but the module, and give back plain tables.
-- A case: name; grant: fields for the sandbox's grant; faults: an array for that grant; before(sandbox, grant): more of
-- the kind; run(make, together) in the world under test: make(options) makes a client of the grant, together(functions)
-- runs them at once; result: what run gives back; counters: { requests, refreshes, mints } of the grant, false: any.
local better_i18n = require "better_i18n"

-- What a program sees of a call: its data (through pick), or its error.
local function outcome(pick, fn, ...)
  local data, err, response = better_i18n.try(fn, ...)
  if err then
    return {
      code = err.code, status = err.status, scope = err.required_scope, revoked = err.revoked,
      retryable = err.retryable, attempts = err.attempts, method = err.method, path = err.path,
    }
  end
  return { data = pick(data, response), status = response.status, attempts = response.attempts }
end

local function names(list)
  local result = {}
  for index, item in ipairs(list) do result[index] = item.slug end
  return result
end

local function organizations(client, options) return outcome(names, client.list_organizations, client, options) end

local function times(count, fn)
  local list = {}
  for index = 1, count do list[index] = function() return fn(index) end end
  return list
end

-- How often each text stands in a list.
local function tally(list)
  local counts = {}
  for _, text in ipairs(list) do counts[text] = (counts[text] or 0) + 1 end
  return counts
end

local function codes(outcomes)
  local list = {}
  for index, one in ipairs(outcomes) do list[index] = one.code or tostring(one.status) end
  return tally(list)
end

local SLUGS = { "acme", "tokyo-tea", "maktaba", "paper-plane" }
local LIST = "/api/oauth-client/organizations"
local fine = { data = SLUGS, status = 200, attempts = 1 }

local function fails(fields)
  local err = { revoked = false, retryable = false, method = "GET", path = LIST, attempts = 1 }
  for name, value in pairs(fields) do err[name] = value end
  return err
end

-- From inside the world, in the middle of a case.
local function expire(client, what)
  client:request("POST", "/_sandbox/expire", {
    token = "none", body = { grant_id = client:token_info().grant_id, what = what },
  })
end

local PROJECT_NAME = "acme/website-eu"

local function keys_of(client)
  return outcome(function(page) return #page.k end, client.call_tool, client, "listKeys",
    { project = PROJECT_NAME, limit = 2 })
end

local function count(list) return #list end

local function items_of(iterator)
  local list = {}
  for item in iterator do list[#list + 1] = item end
  return list
end

local function failure_of(iterator)
  local _, err = better_i18n.try(iterator)
  return { code = err.code, delivered = err.delivered }
end

local PROJECT = { name = "Site", slug = "site", sourceLanguage = "en" }

local cases = {
  {
    name = "a list", counters = { 2, 0, 1 }, result = fine,
    run = function(make) return organizations(make()) end,
  },
  {
    name = "missing tokens are got once for twenty calls",
    counters = { 22, 1, 1 }, result = { ["200"] = 20 },
    run = function(make, together)
      local client = make { access_token = false }
      return codes(together(times(20, function() return organizations(client) end)))
    end,
  },
  {
    name = "tokens that the service refuses are renewed once for twenty calls",
    -- How many calls meet the 401 depends on how many are under way: only the renewals are counted.
    counters = { false, 1, 2 }, result = { ["200"] = 20 },
    run = function(make, together)
      local client = make()
      client:list_organizations()
      expire(client, "access")
      expire(client, "installation")
      return codes(together(times(20, function() return organizations(client) end)))
    end,
  },
  {
    name = "a missing scope", grant = { scopes = { "org:read", "projects:read" } }, counters = { 2, 0, 1 },
    result = fails {
      code = "missing_scope", status = 403, scope = "projects:write", method = "POST",
      path = "/api/oauth-client/v1/projects",
    },
    run = function(make) return outcome(names, make().create_project, make { preflight = false }, PROJECT) end,
  },
  {
    name = "a missing scope that the mint shows", grant = { scopes = { "org:read", "projects:read" } },
    counters = { 1, 0, 1 },
    result = fails {
      code = "missing_scope", attempts = 0, scope = "projects:write", method = "POST",
      path = "/api/oauth-client/v1/projects",
    },
    run = function(make) return outcome(names, make().create_project, make(), PROJECT) end,
  },
  {
    name = "a wrong argument sends nothing", counters = { 0, 0, 0 },
    result = { code = "invalid_argument", revoked = false, retryable = false },
    run = function(make)
      local client = make()
      return outcome(names, client.list_projects, client, "")
    end,
  },
  {
    name = "trouble that passes", counters = { 4, 0, 1 },
    faults = { { kind = "html", status = 502, path = LIST, times = 2 } },
    result = { data = SLUGS, status = 200, attempts = 3 },
    run = function(make) return organizations(make()) end,
  },
  {
    name = "trouble that stays", counters = { 4, 0, 1 },
    faults = { { kind = "html", status = 502, path = LIST, times = "always" } },
    result = fails { code = "server_error", status = 502, retryable = true, attempts = 3 },
    run = function(make) return organizations(make()) end,
  },
  {
    name = "a connection that breaks", counters = { 3, 0, 1 }, faults = { { kind = "reset", path = LIST } },
    result = { data = SLUGS, status = 200, attempts = 2 },
    run = function(make) return organizations(make()) end,
  },
  {
    name = "a write whose answer is lost", counters = { 2, 0, 1 },
    grant = { scopes = { "org:read", "projects:write" } },
    faults = { { kind = "close", process = true, path = "/api/oauth-client/v1/projects" } },
    result = fails {
      code = "outcome_unknown", method = "POST", path = "/api/oauth-client/v1/projects",
    },
    run = function(make)
      local client = make()
      return outcome(names, client.create_project, client, PROJECT)
    end,
  },
  {
    name = "an answer that is too late", counters = { 2, 0, 1 },
    faults = { { kind = "delay", ms = 600, path = LIST } },
    result = fails { code = "timeout", retryable = true },
    run = function(make)
      local client = make()
      client:token_info()
      return organizations(client, { timeout = 0.15, max_retries = 0 })
    end,
  },
  {
    name = "a pause that the service asks for holds for all calls of the grant", counters = { 7, 0, 1 },
    faults = { { kind = "rate_limit", retry_after = 1, path = LIST } }, result = { ["200"] = 5 },
    run = function(make, together)
      local client = make()
      client:token_info()
      local first
      local rest = times(4, function()
        client:request("GET", "/_sandbox/slow?ms=100", { token = "none", raw = true })
        return organizations(client)
      end)
      table.insert(rest, 1, function()
        first = organizations(client)
        return first
      end)
      return codes(together(rest))
    end,
  },
  {
    name = "a list walked page by page, some fetched ahead", counters = { 5, 0, 1 }, grant = { page_size = 1 },
    result = { SLUGS, { "1 of 4", "2 of 4", "3 of 4", "4 of 4" } },
    run = function(make)
      local slugs, numbers = {}, {}
      for organization, number, response in make():each_organization() do
        slugs[number] = organization.slug
        numbers[number] = number .. " of " .. #SLUGS .. (response.status == 200 and "" or "?")
      end
      return { slugs, numbers }
    end,
  },
  {
    name = "pages that the service counts, side by side", counters = { 5, 0, 1 },
    grant = { page_size = 1, paging = "page_total" }, result = SLUGS,
    run = function(make)
      local slugs = {}
      for organization in make():each_organization { prefetch = 8 } do slugs[#slugs + 1] = organization.slug end
      return slugs
    end,
  },
  {
    name = "a walk that breaks in the middle goes on where it did", counters = { 6, 0, 1 },
    grant = { page_size = 1 },
    faults = { { kind = "status", status = 400, body = { error = "odd" }, path = LIST, skip = 2 } },
    result = { SLUGS, "odd", 2 },
    run = function(make)
      local client, slugs = make(), {}
      local function walk(options)
        for organization in client:each_organization(options) do slugs[#slugs + 1] = organization.slug end
      end
      local _, err = better_i18n.try(walk)
      walk { cursor = err.next }
      return { slugs, err.code, err.delivered }
    end,
  },
  {
    name = "a list that goes round", counters = { false, 0, 1 }, grant = { page_size = 1, repeat_cursor = true },
    result = { code = "pagination_loop", revoked = false, retryable = false },
    run = function(make)
      local client = make()
      return outcome(names, function() for _ in client:each_organization() do client:is_revoked() end end)
    end,
  },
  {
    name = "the CDN: a file, the same again, a miss, and no token", counters = { 0, 0, 0 },
    result = { { "Willkommen", 200 }, { "Willkommen", 304, true }, { false, 200 } },
    run = function(make)
      local client = make()
      local function ask(locale)
        local messages, response = client:get_messages("acme/website-eu", locale, { namespace = "home" })
        return { messages and messages.title or false, response.status, response.cached }
      end
      return { ask "de", ask "DE", ask "tlh" }
    end,
  },
  {
    name = "an answer that is no JSON", counters = { 2, 0, 1 }, faults = { { kind = "bad_json", path = LIST } },
    result = fails { code = "invalid_response", status = 200 },
    run = function(make) return organizations(make()) end,
  },
  {
    name = "a grant that was revoked is told once", counters = { false, 0, 0 }, result = { { grant_revoked = 8 }, 1 },
    before = function(sandbox, grant) sandbox.control("revoke", { grant_id = grant.grant_id }) end,
    run = function(make, together)
      local told = 0
      local client = make { on_revoked = function() told = told + 1 end }
      local result = codes(together(times(8, function() return organizations(client) end)))
      return { result, told }
    end,
  },
  {
    name = "hooks run once for each attempt and each renewal", counters = { 12, 1, 1 },
    result = { { ["200"] = 10 }, { tokens = 1, request = 12, response = 12 } },
    run = function(make, together)
      local log = {}
      local function note(text) return function() log[#log + 1] = text end end
      local client = make {
        access_token = false, on_tokens = note "tokens", on_request = note "request", on_response = note "response",
      }
      local result = codes(together(times(10, function() return organizations(client) end)))
      return { result, tally(log) }
    end,
  },
  {
    name = "a hook that raises disturbs no renewal", counters = { 3, 1, 1 },
    result = { "save failed", fine },
    run = function(make)
      local client = make { access_token = false, on_tokens = function() error("save failed", 0) end }
      local _, problem = pcall(client.list_organizations, client)
      return { problem, organizations(client) }
    end,
  },
  {
    name = "a signal that was given before", counters = { 0, 0, 0 },
    result = fails { code = "cancelled", attempts = 0 },
    run = function(make)
      local signal = better_i18n.signal()
      signal:cancel()
      signal:cancel()
      return organizations(make(), { signal = signal })
    end,
  },
  {
    name = "a closed client", counters = { 2, 0, 1 },
    result = { fine, { code = "closed", revoked = false, retryable = false } },
    run = function(make)
      local client = make()
      local first = organizations(client)
      client:close()
      client:close()
      return { first, organizations(client) }
    end,
  },
  {
    name = "the transport seam", counters = { 0, 0, 0 }, result = { data = { "seam" }, status = 200, attempts = 2 },
    run = function(make)
      local calls = 0
      local client = make {
        transport = function(request)
          calls = calls + 1
          if request.method == "POST" then
            return { status = 200, body = '{"installation_token":"bi_oat_of_the_seam","expires_in":3600}' }
          end
          if calls == 2 then return nil, "the wire is cut" end
          return { status = 200, headers = { ["Content-Type"] = "application/json" }, body = '[{"slug":"seam"}]' }
        end,
      }
      return organizations(client)
    end,
  },
  {
    name = "a tool that reads, as events", grant = { mcp_answer = "sse", sse_prime = true, sse_notification = true },
    counters = { 2, 0, 1 }, result = { data = 2, status = 200, attempts = 1 },
    run = function(make) return keys_of(make()) end,
  },
  {
    name = "twenty tools at once in one session each call of which may have to begin it",
    grant = { mcp_sessions = "required" }, counters = { false, 0, 1 }, result = { ["200"] = 20 },
    run = function(make, together)
      local client = make()
      return codes(together(times(20, function() return keys_of(client) end)))
    end,
  },
  {
    name = "a stream that ends early is read again", grant = { mcp_answer = "sse", mcp_early_end = 1 },
    counters = { 3, 0, 1 }, result = { data = 2, status = 200, attempts = 2 },
    run = function(make) return keys_of(make()) end,
  },
  {
    name = "a tool that writes and whose answer is lost", grant = { mcp_answer = "sse", mcp_early_end = 1 },
    counters = { 2, 0, 1 }, result = fails { code = "outcome_unknown", status = 200, method = "POST", path = "/mcp" },
    run = function(make)
      local client = make()
      return outcome(names, client.call_tool, client, "createKeys", { project = PROJECT_NAME, k = {
        { n = "conformance", v = "A" },
      } })
    end,
  },
  {
    name = "a revocation that a tool hides", grant = { hide_causes = true }, counters = { false, 0, 1 },
    result = { "grant_revoked", true, "grant_revoked" },
    run = function(make)
      local client = make()
      keys_of(client)
      client:request("POST", "/_sandbox/revoke", {
        token = "none", body = { grant_id = client:token_info().grant_id },
      })
      return { keys_of(client).code, client:is_revoked(), keys_of(client).code }
    end,
  },
  {
    name = "a token that a tool hides to be expired", grant = { hide_causes = true }, counters = { 6, 0, 2 },
    result = { data = 2, status = 200, attempts = 3 },
    run = function(make)
      local client = make()
      keys_of(client)
      expire(client, "installation")
      return keys_of(client)
    end,
  },
  {
    name = "keys, a page at a time and all of them, pages ahead or not", counters = { 12, 0, 1 },
    result = { { data = 3, status = 200, attempts = 1 }, 8, 8, 8, { code = "not_found", delivered = 0 } },
    run = function(make)
      local client = make()
      local result = { outcome(count, client.list_keys, client, { project = PROJECT_NAME, limit = 3 }) }
      for prefetch = 0, 2 do
        result[#result + 1] = #items_of(client:each_key { project = PROJECT_NAME, limit = 3, prefetch = prefetch })
      end
      result[#result + 1] = failure_of(client:each_key { project = "acme/nope" })
      return result
    end,
  },
  {
    name = "keys are made, published, and waited for", counters = { false, 0, 1 },
    grant = { scopes = { "keys:read", "keys:write", "translations:read", "translations:publish" }, sync_ms = 300 },
    result = { 150, "completed", { "pending", "completed" }, { { "k1", "v1", "w1" } }, { 2, 150, "missing_scope" } },
    run = function(make)
      local client, states, wanted = make(), {}, {}
      for n = 1, 150 do wanted[n] = { key = "k" .. n, sourceText = "v" .. n, translations = { de = "w" .. n } } end
      local made = client:create_keys { project = PROJECT_NAME, keys = wanted }
      local sync = client:wait_sync(client:publish({ project = PROJECT_NAME }).syncJobIds[1], {
        on_progress = function(now) states[#states + 1] = now.status end,
      })
      local found = {}
      for key in client:each_translation { project = PROJECT_NAME, keys = { "k1" } } do
        found[#found + 1] = { key.key, key.sourceText, key.translations.de.text }
      end
      local _, err = better_i18n.try(client.set_translations, client, { project = PROJECT_NAME, translations = {
        { id = made.keys[1].id, translations = { de = "x" } }, { id = made.keys[2].id, translations = { de = "y" } },
      } })
      return { made.count, sync.status, states, found, { #err.rest, made.keys[150].index, err.code } }
    end,
  },
  {
    name = "all: results in order, the first error, every outcome", counters = { 0, 0, 0 },
    result = { { 1, 2, 3, 4 }, "two", { { ok = true, value = 1 }, { ok = false, error = "two" } }, {} },
    run = function(make)
      local client = make()
      local function pause(ms) client:request("GET", "/_sandbox/slow?ms=" .. ms, { token = "none", raw = true }) end
      local ordered = better_i18n.all(times(4, function(index)
        pause(60 - 10 * index)
        return index
      end))
      local pair = { function() pause(20) return 1 end, function() error("two", 0) end }
      local _, problem = pcall(better_i18n.all, pair)
      return { ordered, problem, better_i18n.all(pair, { settle = true }), better_i18n.all {} }
    end,
  },
  {
    name = "all inside all", counters = { 0, 0, 0 }, result = { { 11, 12 }, { 21, 22 } },
    run = function(make)
      local client = make()
      return better_i18n.all(times(2, function(outer)
        return better_i18n.all(times(2, function(inner)
          client:request("GET", "/_sandbox/slow?ms=5", { token = "none", raw = true })
          return 10 * outer + inner
        end))
      end))
    end,
  },
}

return cases
