-- What setup was given; the environment fills what it leaves out.
local config = {
  scope = "org:read projects:read keys:read",
  port = 8976, -- http://127.0.0.1:8976/callback has to be a redirect URI of your app
  timeout = 300, -- seconds for the user to consent
  max_keys = 1000, -- in a picker
}

config.client_id = os.getenv "BETTER_I18N_CLIENT_ID"
config.client_secret = os.getenv "BETTER_I18N_CLIENT_SECRET" -- public apps have none

--- The text that is inserted for a key: `key` is one of client:each_key.
function config.insert(key) return key.key end

--- Opens a page in the user's browser.
function config.open(url)
  local opener = vim.fn.has "mac" == 1 and "open" or "xdg-open"
  if vim.fn.executable(opener) == 1 and vim.fn.jobstart({ opener, url }, { detach = true }) > 0 then return end
  vim.notify("Open this page in a browser: " .. url)
end

return config
