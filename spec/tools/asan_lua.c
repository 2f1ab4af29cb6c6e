/* A Lua interpreter with AddressSanitizer inside, for the specs (spec/tools/check, part asan). It
 * closes its state at the end, so that what is left is a leak.
 * Usage: lua [-e CHUNK] [SCRIPT [ARGUMENT…]] */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>
#include <string.h>

#ifndef LUA_OK
#define LUA_OK 0 /* Lua 5.1 */
#endif

/* Through debug.traceback: luaL_traceback is not in Lua 5.1. */
static int complain(lua_State *L) {
    lua_getglobal(L, "debug");
    lua_getfield(L, -1, "traceback");
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

/* Calls the chunk under the handler at index 1 with `arguments` values on top of it. */
static int call(lua_State *L, int loaded, char **arguments, int count) {
    int i;

    if (loaded == LUA_OK) {
        luaL_checkstack(L, count, "too many arguments");
        for (i = 0; i < count; i++)
            lua_pushstring(L, arguments[i]);
        loaded = lua_pcall(L, count, 0, 1);
    }
    if (loaded != LUA_OK)
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
    lua_settop(L, 1);
    return loaded;
}

int main(int argc, char **argv) {
    lua_State *L = luaL_newstate();
    int script = 1;
    int status = LUA_OK;
    int i;

    if (L == NULL)
        return 1;
    luaL_openlibs(L);
    lua_pushcfunction(L, complain);

    while (status == LUA_OK && script + 1 < argc && strcmp(argv[script], "-e") == 0) {
        status = call(L, luaL_loadstring(L, argv[script + 1]), NULL, 0);
        script += 2;
    }

    lua_newtable(L);
    for (i = 0; i < argc; i++) {
        lua_pushstring(L, argv[i]);
        lua_rawseti(L, -2, i - script);
    }
    lua_setglobal(L, "arg");

    if (status == LUA_OK && script < argc)
        status = call(L, luaL_loadfile(L, argv[script]), argv + script + 1, argc - script - 1);
    lua_close(L);
    return status == LUA_OK ? 0 : 1;
}
