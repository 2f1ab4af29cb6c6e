-- What bench/table measures: the cases with their run lengths and goals, and in each the commands, the first of which
-- is the reference. Goals are issue 7's ("Reach"); a figure that has none is only shown. Called by bench/table.lua.
local root = assert(io.popen "pwd"):read "l"
local url, secure_url, ca_file = os.getenv "BENCH_URL", os.getenv "BENCH_TLS_URL", os.getenv "BENCH_CA"

local paths = {
  small = "/api/oauth-client/v1/projects/prj_000001",
  list = "/api/oauth-client/organizations/org_000001/projects",
  large = "/acme/shop/de/translations.json",
}

local function command(name, line, options)
  options = options or {}
  return {
    name = name, line = line, environment = options.environment or "", goals = options.goals,
    times = options.times or 1, uncounted = options.uncounted,
  }
end

local function on_our_path(lua_name)
  return ("LUA_PATH='%s/lua/?.lua;%s/lua/?/init.lua;;' LUA_CPATH='%s/build/%s/?.so;;'")
    :format(root, root, root, lua_name)
end

-- A command of this client on either Lua.
local function ours(list, line, goals, uncounted)
  for _, lua in ipairs { "5.4", "LuaJIT" } do
    local name = lua == "5.4" and "lua5.4" or "luajit"
    list[#list + 1] = command("this client, " .. (lua == "5.4" and "Lua 5.4" or lua), name .. " " .. line, {
      environment = on_our_path(name), goals = goals, uncounted = uncounted,
    })
  end
  return list
end

-- The commands of one document. Options: `times` is the share of the run lengths that a slow peer gets, `uncounted`
-- says that callgrind does not see the program whole.
local function document(kind, base, goals)
  local to, from = base .. paths[kind] .. " %d", ""
  if base == secure_url then to, from = to .. " " .. ca_file, " " .. ca_file end
  local list = {
    command("b: libcurl + lua-cjson in C", "build/bench/b decode " .. to),
    command("libcurl in C, not decoded", "build/bench/b drop " .. to),
  }
  if from == "" then list[#list + 1] = command("bare sockets in C", "build/bench/bare " .. to) end
  list[#list + 1] = command("lua-curl + lua-cjson, LuaJIT", "luajit bench/peers/lua_curl.lua " .. to)
  if from == "" then
    list[#list + 1] = command("LuaSocket + lua-cjson, Lua 5.4", "lua5.4 bench/peers/luasocket.lua " .. to)
  end
  list[#list + 1] = command("lua-http + lua-cjson, LuaJIT", "luajit bench/peers/lua_http.lua " .. to, { times = 0.5 })
  list[#list + 1] = command("Node's fetch", "node bench/peers/fetch.mjs " .. to, {
    environment = "NODE_EXTRA_CA_CERTS=" .. ca_file, uncounted = true, times = 0.25,
  })
  if kind == "small" and from == "" then
    list[#list + 1] = command("curl by io.popen, Lua 5.4", "lua5.4 bench/peers/popen.lua " .. to, {
      uncounted = true, times = 0.02,
    })
  end
  return ours(list, ("bench/peers/ours.lua %s %s %%d%s"):format(kind, base, from), goals)
end

-- Under callgrind the plain use of a multi handle takes minutes: it looks at all handles each time.
local function many(base)
  local line = base == secure_url and "%s/slow %%d 1000 " .. ca_file or "%s/slow %%d 1000"
  local goals = { elapsed = base == secure_url and 0.9 or 1.2 }
  local multi = command("libcurl multi in C", "build/bench/multi " .. line:format(base), { uncounted = true })
  return ours({ multi },
    "bench/peers/many.lua " .. line:format(base):gsub("/slow", "", 1), goals, true)
end

-- One program is run against the same program that does nothing: lengths 0 and 1.
local function load()
  local list = { command("libcurl loaded, an easy handle", "build/bench/load %d") }
  ours(list, "bench/peers/load.lua require %d", { milliseconds = 1 })
  list[2].name, list[3].name = list[2].name .. ": require", list[3].name .. ": require"
  ours(list, "bench/peers/load.lua new %d", { instructions = 1.1, cpu = 1.1 })
  list[4].name, list[5].name = list[4].name .. ": and new", list[5].name .. ": and new"
  return list
end

local SMALL = { instructions = 0.85, cpu = 1.00, calls = 5 }

-- `lengths`: short and long run for instructions and system calls; `timed`: for times, in so many `rounds` (5);
-- `resident`: the length of the run whose memory is shown; `at_least`: microseconds below which no round can end, so
-- that a smaller difference is noise and no figure.
local cases = {
  { key = "small", name = "small call (300 bytes), http", commands = document("small", url, SMALL),
    lengths = { 100, 500 }, timed = { 100, 1100 } },
  { key = "small_tls", name = "small call, https with HTTP/2", commands = document("small", secure_url, SMALL),
    lengths = { 100, 500 }, timed = { 100, 1100 } },
  { key = "list", name = "list of 100 projects (30 KB), http",
    commands = document("list", url, { instructions = 0.70 }),
    lengths = { 10, 40 }, timed = { 20, 220 } },
  { key = "large", name = "document of 10,000 keys (2 MB), http",
    commands = document("large", url, { instructions = 0.75, resident = 27 }),
    lengths = { 1, 4 }, timed = { 1, 9 }, resident = 10 },
  { key = "many", name = "1,000 calls of 50 ms at once, HTTP/1.1", commands = many(url),
    lengths = { 1, 3 }, timed = { 1, 9 }, at_least = 50000 },
  { key = "many_tls", name = "the same over HTTP/2 on one connection", commands = many(secure_url),
    lengths = { 1, 3 }, timed = { 1, 9 }, at_least = 50000 },
  { key = "load", name = "loading", commands = load(), lengths = { 0, 1 }, timed = { 0, 1 }, rounds = 15 },
  { key = "idle", name = "10,000 idle clients", resident = 10000,
    commands = ours({ command("libcurl easy handles alone", "build/bench/load %d") }, "bench/idle.lua %d",
      { resident = 64 }) },
  { key = "nginx", name = "nginx handler, one small call, 64 clients", nginx = true, goals = { cpu = 1.0 } },
}
return cases
