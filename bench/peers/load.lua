-- What loading this client costs, beside an interpreter that loads nothing.
-- Usage: lua load.lua require|new 0|1
if arg[2] == "1" then
  local better_i18n = require "better_i18n"
  if arg[1] == "new" then better_i18n.new { installation_token = "bi_oat_benchmark0001" } end
end
