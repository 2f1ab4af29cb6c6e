-- Who is who: a cookie with a random number, and what belongs to it in a dictionary that all workers share. An app has
-- sessions of its own: put the same three values there.
local cjson = require "cjson.safe"

local session = {}
local COOKIE, CONSENT, LOGIN = "better_i18n_example", 600, 86400 -- seconds

local function new_id()
  local file = assert(io.open("/dev/urandom", "rb"))
  local bytes = file:read(16)
  file:close()
  return (bytes:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

-- Behind https add "; Secure".
local function put(value, seconds)
  local id = new_id()
  assert(ngx.shared.sessions:set(id, cjson.encode(value), seconds))
  ngx.header["Set-Cookie"] = ("%s=%s; Path=/; HttpOnly; SameSite=Lax; Max-Age=%d"):format(COOKIE, id, seconds)
end

local function id() return ngx.var["cookie_" .. COOKIE] or "" end

--- Before the consent: keeps state and verifier for this browser alone.
function session.begin(started) put({ state = started.state, code_verifier = started.code_verifier }, CONSENT) end

--- After it: what begin kept, once; nil for a browser that did not begin here.
function session.take()
  local text = ngx.shared.sessions:get(id())
  local value = text and cjson.decode(text)
  if not value or not value.state then return nil end
  ngx.shared.sessions:delete(id())
  return value
end

--- A new number for whoever has connected: nobody else can have given it to him.
function session.connect(grant_id) put({ grant_id = grant_id }, LOGIN) end

--- @return string the grant of the browser's user, or nil
function session.grant_id()
  local text = ngx.shared.sessions:get(id())
  return text and cjson.decode(text).grant_id
end

return session
