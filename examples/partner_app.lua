-- A partner app's first day: connect a user, look around, create a project, meet the limits of the grant.
--
--   make demo                              runs it against the sandbox
--   lua5.4 examples/partner_app.lua        runs it against the service, with these variables:
--     BETTER_I18N_CLIENT_ID, BETTER_I18N_CLIENT_SECRET   your app's credentials
--     BETTER_I18N_REDIRECT_URI                           as registered, byte for byte; on http://127.0.0.1:PORT/… the
--                                                        program listens itself, else you are asked where you came out
--     BETTER_I18N_BASE_URL                               another host than the service's (the sandbox's)
--     BETTER_I18N_BROWSER                                a command that opens a page (xdg-open); without it you do
-- The last step revokes the grant that the first one made.

local better_i18n = require "better_i18n"

local SCOPES = "org:read projects:read projects:write"

-- What a person sees ------------------------------------------------------------------------------------------------

local function heading(text) io.write("\n", text, "\n") end

local function line(...) io.write("  ", string.format(...), "\n") end

-- Says what is being done before it is done, and how long it took after.
local function doing(text, fn, ...)
  io.write("  ", text, " … ")
  io.flush()
  local data, err, response = better_i18n.try(fn, ...)
  if err then
    io.write("refused\n")
  elseif response.elapsed >= 0.001 then
    io.write(string.format("done (%.0f ms)\n", response.elapsed * 1000))
  else
    io.write("done\n")
  end
  return data, err
end

local function need(name)
  local value = os.getenv(name)
  if not value or value == "" then
    io.stderr:write("Set ", name, ". The head of this file says which variables it takes.\n")
    os.exit(2)
  end
  return value
end

-- The user's part ---------------------------------------------------------------------------------------------------

local function open_page(url)
  local command = os.getenv "BETTER_I18N_BROWSER"
  if command then return os.execute(("%s '%s' >/dev/null &"):format(command, (url:gsub("'", "%%27")))) end
  line("Open this page and consent:")
  line("%s", url)
end

local function ask_for_the_callback()
  line("Then paste the address that your browser shows:")
  io.write("  > ")
  io.flush()
  return io.read "*l" or error("nobody came back from the consent page", 0)
end

-- The browser may come back to this very machine: then the program takes what it brings.
local function listen(redirect_uri)
  local port, path = redirect_uri:match "^http://127%.0%.0%.1:(%d+)(/[^?#]*)$"
  return port and better_i18n.oauth.loopback { port = tonumber(port), path = path, timeout = 120 }
end

local function come_back(started, loopback)
  open_page(started.url)
  if not loopback then return better_i18n.oauth.parse_callback(ask_for_the_callback(), { state = started.state }) end
  line("Waiting for the browser at %s", loopback.redirect_uri)
  return loopback:wait { state = started.state }
end

-- Nobody can consent on a page of a service that is not there: better to know it than to wait for him. What it answers
-- to a request without a token is no matter.
local function reach_the_service()
  local client = better_i18n.new { installation_token = "bi_oat_none" }
  local _, err = better_i18n.try(client.request, client, "GET", "/api/oauth-client/me", { token = "none" })
  client:close()
  if err and not err.status then error(err, 0) end
end

-- The app's part ----------------------------------------------------------------------------------------------------

local function connect()
  local app = { client_id = need "BETTER_I18N_CLIENT_ID", redirect_uri = need "BETTER_I18N_REDIRECT_URI" }
  local started = better_i18n.oauth.authorize {
    client_id = app.client_id, redirect_uri = app.redirect_uri, scope = SCOPES,
  }
  line("Asking for: %s", SCOPES)
  reach_the_service()
  local code = come_back(started, listen(app.redirect_uri))
  return better_i18n.oauth.exchange {
    client_id = app.client_id,
    client_secret = os.getenv "BETTER_I18N_CLIENT_SECRET",
    redirect_uri = app.redirect_uri,
    code = code,
    code_verifier = started.code_verifier,
  }
end

local function act_for(tokens)
  tokens.client_id = os.getenv "BETTER_I18N_CLIENT_ID"
  tokens.client_secret = os.getenv "BETTER_I18N_CLIENT_SECRET"
  -- A real app saves the tokens with its customer's record here: the next renewal needs them.
  tokens.on_tokens = function() line("(new tokens came, and would be saved now)") end
  tokens.on_revoked = function(err) line("(told once: %s)", err.code) end
  return better_i18n.new(tokens)
end

local function show_user(me)
  local user = type(me.user) == "table" and me.user or me
  line("Connected as %s, %s", user.name or user.id or "an unnamed user", user.email or "no address")
  line("Grant %s in organization %s", me.grant_id or "?", me.organization_id or "?")
end

local function show_organizations(organizations)
  for _, organization in ipairs(organizations) do
    line("%-12s %s", organization.slug or organization.id, organization.name or "")
  end
end

local function show_project(project)
  local targets = project.targetLanguages or {}
  line("%-24s %s → %s", project.slug or project.id, project.sourceLanguage or "?",
    #targets > 0 and table.concat(targets, " ") or "no languages yet")
end

local function find(list, id)
  for _, item in ipairs(list) do
    if item.id == id then return item end
  end
  return not id and list[1] or nil
end

local function look_around(client)
  local me = assert(doing("Who connected?", client.me, client))
  show_user(me)
  heading "Organizations"
  local organizations = assert(doing("Listing organizations", client.list_organizations, client))
  show_organizations(organizations)
  local organization = assert(find(organizations, me.organization_id), "the grant's organization is not in the list")
  heading("Projects of " .. (organization.name or organization.id))
  local shown, count = 5, 0
  for project in client:each_project(organization.id) do -- all pages, fetched as they are needed
    count = count + 1
    if count <= shown then show_project(project) end
  end
  if count > shown then line("… and %d more", count - shown) end
  return organization
end

local function create(client)
  heading "A project of our own"
  local slug = ("lua-demo-%d-%s"):format(os.time(), tostring({}):match "(%x%x?%x?%x?)$") -- an address: of this run
  local project = assert(doing("Creating " .. slug, client.create_project, client,
    { name = "Made from Lua", slug = slug, sourceLanguage = "en" }))
  assert(doing("Adding the language pt-BR", client.add_language, client, project.id, "pt-BR"))
  show_project(assert(doing("Reading it back", client.get_project, client, project.id)))
  return project
end

-- A missing scope is no failure of the program: it is a question to the user.
local function meet_the_limit(client, organization, project)
  heading "Something the user did not allow"
  local _, err = doing("Listing content models", client.list_models, client, organization.slug, project.slug)
  if err and err.required_scope then
    line("This needs the scope %s: send the user through authorize again with", err.required_scope)
    line("scope = \"%s %s\"", SCOPES, err.required_scope)
  elseif err then
    error(err, 0)
  end
end

-- So is the end of the grant, which can come at any moment.
local function be_revoked(client)
  heading "The end of the grant"
  assert(doing("Revoking it", client.revoke, client))
  local _, err = doing("Calling once more", client.me, client)
  if not (err and err.revoked) then error(err or "the grant outlived its revocation", 0) end
  line("Reconnect: this customer has to go through the consent page again.")
end

local function main()
  heading "Connect"
  local client = act_for(connect())
  local organization = look_around(client)
  local project = create(client)
  meet_the_limit(client, organization, project)
  be_revoked(client)
  client:close()
  heading "That was all."
end

local ok, problem = pcall(main)
if not ok then
  io.stderr:write("\n", tostring(problem), "\n")
  os.exit(1)
end
