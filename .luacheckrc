-- What luacheck allows in each folder; `make lint` runs it.
std = "min"
max_line_length = 120
exclude_files = { "build" }

-- The module runs everywhere: what only some Luas have is read after a test for it.
files["lua"] = {
  read_globals = {
    "jit", "ngx", "unpack", "vim",
    coroutine = { fields = { "close", "isyieldable" } },
    math = { fields = { "maxinteger", "mininteger", "tointeger", "type" } },
    table = { fields = { "move", "pack", "unpack" } },
  },
}
files["lua/better_i18n/types"] = { ignore = { "211", "212", "241", "431" } } -- declarations alone
files["bench"] = { std = "max" }
files["bench/nginx_app.lua"] = { std = "ngx_lua" }
files["examples/openresty"] = { std = "ngx_lua" }
files["spec"] = { std = "max+busted" }
files["sandbox"] = { std = "ngx_lua" }
files["spec/support/nginx_app.lua"] = { std = "ngx_lua" }
files["spec/support/nginx_stores.lua"] = { std = "ngx_lua" }
files["examples/neovim"] = { globals = { "vim" }, read_globals = { "jit" } }
