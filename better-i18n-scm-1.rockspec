rockspec_format = "3.0"
package = "better-i18n"
version = "scm-1"
source = {
  url = "git+file://.",
}
description = {
  summary = "Client for Better i18n's partner API, in C on libcurl",
  detailed = [[
Acts for the users of a Better i18n partner app: tokens, retries, errors and limits in a C core without I/O,
libcurl for the network. Needs libcurl 7.76 or newer and OpenSSL's libcrypto with their headers.]],
  license = "MIT",
}
dependencies = {
  "lua >= 5.1",
  "lua-cjson",
}
-- The Makefile finds libcurl and libcrypto by pkg-config: LuaRocks does not look into Debian's multiarch folders.
build = {
  type = "make",
  build_variables = {
    LUA_NAME = "rock",
    LUA_INCDIR = "$(LUA_INCDIR)",
    CFLAGS = "$(CFLAGS)",
    LIBFLAG = "$(LIBFLAG)",
    WERROR = "",
  },
  install_variables = {
    LUA_NAME = "rock",
    LUA_INCDIR = "$(LUA_INCDIR)",
    CFLAGS = "$(CFLAGS)",
    LIBFLAG = "$(LIBFLAG)",
    WERROR = "",
    INST_LIBDIR = "$(LIBDIR)",
    INST_LUADIR = "$(LUADIR)",
  },
}
