/* The calls of OAuth 2.0 that stand before a grant: authorize, callback, exchange, register. Called by module.c. */
#ifndef BI_BINDING_OAUTH_LUA_H
#define BI_BINDING_OAUTH_LUA_H

#include "binding/compat.h"

/* [-0, +0, m] Once in each Lua state. */
void bi_oauth_open(lua_State *L);

/* Each takes a bare client (core.bare) and a table of its own fields.
 * core.authorize(client, fields) → { url, state, code_verifier }
 * core.exchange(client, fields) → task; its finish gives the tokens
 * core.register(client, metadata) → task
 * core.parse_callback(text or table of arguments, state) → code */
int bi_lua_authorize(lua_State *L);
int bi_lua_exchange(lua_State *L);
int bi_lua_register(lua_State *L);
int bi_lua_parse_callback(lua_State *L);

#endif
