/* What a store needs to tell owners and processes apart. Called by lua/better_i18n/store/. */
#ifndef BI_BINDING_PROCESS_LUA_H
#define BI_BINDING_PROCESS_LUA_H

#include "binding/compat.h"

/* core.unique() → 32 hexadecimal digits that nobody else has, of 128 random bits. */
int bi_lua_unique(lua_State *L);

/* core.generation() → a number that is another one in a forked child. */
int bi_lua_generation(lua_State *L);

#endif
