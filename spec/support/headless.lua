-- Whether the specs that start a real Neovim run here: one Lua does it for all, as Neovim brings its own.
local shell = require "spec.support.shell"

local headless = {}

--- False, and the spec says that it is pending.
function headless.is_here()
  local is_main = not (os.getenv "BETTER_I18N_LUA" or "lua5.4"):find "lua5%.[13]"
  if is_main and shell.run "command -v nvim >/dev/null 2>&1" then return true end
  pending "Neovim is not here, or it was tested under another Lua"
  return false
end

return headless
