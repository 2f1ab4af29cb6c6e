/* Lua 5.1 to 5.5 and LuaJIT behind one face: the names of 5.3 where a version lacks them, and bi_…
 * names where the versions differ in meaning. Every file of the binding includes this, not lua.h.
 *
 * LuaJIT calls itself 5.1 but has a part of 5.2, a different part in each release. So what is
 * missing in 5.1 is written here with 5.1's own functions, under a name of our own that a macro
 * puts in the place of Lua's: it compiles whether the header declares that function or not.
 * The results of lua_rawget and its like are not portable (void before 5.3): use lua_type. */
#ifndef BI_BINDING_COMPAT_H
#define BI_BINDING_COMPAT_H

#include <lauxlib.h>
#include <lua.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#ifndef LUA_OK
#define LUA_OK 0
#endif

/* --- What 5.1 lacks --------------------------------------------------------------------------- */

#if LUA_VERSION_NUM < 502

/* [-0, +0, -] */
static inline int bi_compat_absindex(lua_State *L, int index) {
    return index > 0 || index <= LUA_REGISTRYINDEX ? index : lua_gettop(L) + index + 1;
}
#undef lua_absindex
#define lua_absindex bi_compat_absindex

#undef lua_rawlen
#define lua_rawlen(L, index) lua_objlen(L, index)

/* [-0, +1, -] The value under a light userdata, here usually the address of a static. */
static inline void bi_compat_rawgetp(lua_State *L, int index, const void *p) {
    index = bi_compat_absindex(L, index);
    lua_pushlightuserdata(L, (void *)(uintptr_t)p);
    lua_rawget(L, index);
}
#undef lua_rawgetp
#define lua_rawgetp bi_compat_rawgetp

/* [-1, +0, m] */
static inline void bi_compat_rawsetp(lua_State *L, int index, const void *p) {
    index = bi_compat_absindex(L, index);
    lua_pushlightuserdata(L, (void *)(uintptr_t)p);
    lua_insert(L, -2);
    lua_rawset(L, index);
}
#undef lua_rawsetp
#define lua_rawsetp bi_compat_rawsetp

/* [-n, +0, e] Registers functions in the table below the `n` upvalues that they share. */
static inline void bi_compat_setfuncs(lua_State *L, const luaL_Reg *functions, int n) {
    luaL_checkstack(L, n + 1, "too many upvalues");
    for (; functions->name; functions++) {
        for (int i = 0; i < n; i++)
            lua_pushvalue(L, -n);
        lua_pushcclosure(L, functions->func, n);
        lua_setfield(L, -(n + 2), functions->name);
    }
    lua_pop(L, n);
}
#undef luaL_setfuncs
#define luaL_setfuncs bi_compat_setfuncs

#undef luaL_newlib
#define luaL_newlib(L, functions)                                                                  \
    (lua_createtable(L, 0, (int)(sizeof(functions) / sizeof((functions)[0]) - 1)),                 \
     luaL_setfuncs(L, functions, 0))

/* [-0, +0, -] */
static inline void bi_compat_setmetatable(lua_State *L, const char *name) {
    luaL_getmetatable(L, name);
    lua_setmetatable(L, -2);
}
#undef luaL_setmetatable
#define luaL_setmetatable bi_compat_setmetatable

/* [-0, +0, e] The userdata if it is one of that name, else NULL. */
static inline void *bi_compat_testudata(lua_State *L, int index, const char *name) {
    void *memory = lua_touserdata(L, index);
    if (!memory || !lua_getmetatable(L, index))
        return NULL;
    luaL_getmetatable(L, name);
    if (!lua_rawequal(L, -1, -2))
        memory = NULL;
    lua_pop(L, 2);
    return memory;
}
#undef luaL_testudata
#define luaL_testudata bi_compat_testudata

/* [-0, +1, e] Any value as text, as tostring() would give it. Borrowed from the pushed string. */
static inline const char *bi_compat_tolstring(lua_State *L, int index, size_t *length) {
    index = bi_compat_absindex(L, index);
    if (luaL_callmeta(L, index, "__tostring")) {
        if (!lua_isstring(L, -1))
            luaL_error(L, "'__tostring' must return a string");
    } else if (lua_type(L, index) == LUA_TNUMBER || lua_type(L, index) == LUA_TSTRING) {
        lua_pushvalue(L, index);
    } else if (lua_isnil(L, index)) {
        lua_pushliteral(L, "nil");
    } else if (lua_isboolean(L, index)) {
        lua_pushstring(L, lua_toboolean(L, index) ? "true" : "false");
    } else {
        lua_pushfstring(L, "%s: %p", luaL_typename(L, index), lua_topointer(L, index));
    }
    return lua_tolstring(L, -1, length);
}
#undef luaL_tolstring
#define luaL_tolstring bi_compat_tolstring

#undef lua_pushglobaltable
#define lua_pushglobaltable(L) lua_pushvalue(L, LUA_GLOBALSINDEX)

#endif

/* [-0, +0, e] From Lua 5.2 on a stack that cannot grow for lack of memory looks like one that may not grow: the message
 * names both, where Lua's own names the wrong one. */
static inline void bi_compat_checkstack(lua_State *L, int slots, const char *what) {
    if (!lua_checkstack(L, slots))
        luaL_error(L, "stack overflow, or not enough memory for a larger one (%s)", what);
}
#undef luaL_checkstack
#define luaL_checkstack bi_compat_checkstack

/* --- What is called otherwise ----------------------------------------------------------------- */

/* [-0, +0, m] Registers a class of userdata that only needs to be collected. Done when the module is opened: a class
 * that is registered in the middle of something could stay half made when memory runs out. */
static inline void bi_class_open(lua_State *L, const char *name, lua_CFunction gc) {
    luaL_newmetatable(L, name);
    lua_pushcfunction(L, gc);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
}

/* [-0, +1, m] A full userdata, all zero, with room for one uservalue. Never NULL. */
static inline void *bi_newuserdata(lua_State *L, size_t size) {
#if LUA_VERSION_NUM >= 504
    void *memory = lua_newuserdatauv(L, size, 1);
#else
    void *memory = lua_newuserdata(L, size);
#endif
    return memset(memory, 0, size);
}

/* [-1, +0, m] Takes a table from the top as the uservalue (5.1: the environment, hence tables only).
 * Set it before the first bi_getuservalue: what 5.1 has there at first is not ours. */
static inline void bi_setuservalue(lua_State *L, int index) {
#if LUA_VERSION_NUM >= 504
    lua_setiuservalue(L, index, 1);
#elif LUA_VERSION_NUM >= 502
    lua_setuservalue(L, index);
#else
    lua_setfenv(L, index);
#endif
}

/* [-0, +1, -] Pushes the uservalue. */
static inline void bi_getuservalue(lua_State *L, int index) {
#if LUA_VERSION_NUM >= 504
    lua_getiuservalue(L, index, 1);
#elif LUA_VERSION_NUM >= 502
    lua_getuservalue(L, index);
#else
    lua_getfenv(L, index);
#endif
}

/* [-0, +1, -] An integer where Lua has them (and they have 64 bits), else a number: beyond 2^53 the
 * last digits are then lost. */
static inline void bi_pushinteger(lua_State *L, int64_t integer) {
#if LUA_VERSION_NUM >= 503
    if (integer >= LUA_MININTEGER && integer <= LUA_MAXINTEGER) {
        lua_pushinteger(L, (lua_Integer)integer);
        return;
    }
#endif
    lua_pushnumber(L, (lua_Number)integer);
}

/* [-0, +0, -] Whether the value has the subtype integer (5.3 or newer; never before). */
static inline bool bi_isinteger(lua_State *L, int index) {
#if LUA_VERSION_NUM >= 503
    return lua_isinteger(L, index);
#else
    (void)L, (void)index;
    return false;
#endif
}

/* [-0, +0, -] The value as an integer when it is a number (no string) that is one exactly. */
static inline bool bi_tointeger(lua_State *L, int index, int64_t *integer) {
    if (lua_type(L, index) != LUA_TNUMBER)
        return false;
#if LUA_VERSION_NUM >= 503
    if (lua_isinteger(L, index)) {
        *integer = lua_tointeger(L, index);
        return true;
    }
#endif
    double number = (double)lua_tonumber(L, index);
    /* 2^63 itself does not fit; NaN fails the comparisons. */
    if (!(number >= -9223372036854775808.0 && number < 9223372036854775808.0) ||
        floor(number) < number)
        return false;
    *integer = (int64_t)number;
    return true;
}

#endif
