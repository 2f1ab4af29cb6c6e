/* The loopback listener of src/engine/loopback.h for the Lua layer (lua/better_i18n/loopback.lua). Called by module.c. */
#ifndef BI_BINDING_LOOPBACK_LUA_H
#define BI_BINDING_LOOPBACK_LUA_H

#include "binding/compat.h"

/* [-0, +0, m] Once in each Lua state. */
void bi_loopback_open(lua_State *L);

/* core.loopback(options) → box, its redirect URI: it listens; raises `network` when it cannot.
 * core.loopback_expect(box, options): checks wait's options; the state in them is what a code has to come with.
 * core.loopback_step(box, milliseconds) → the code, or nil while there is none; raises the server's own error.
 * core.loopback_stranger(box) → whether a code of another state came.
 * core.loopback_close(box); again: no effect. The others raise `closed` then. */
int bi_lua_loopback(lua_State *L);
int bi_lua_loopback_expect(lua_State *L);
int bi_lua_loopback_step(lua_State *L);
int bi_lua_loopback_stranger(lua_State *L);
int bi_lua_loopback_close(lua_State *L);

#endif
