/* The userdata "better_i18n.doorbell": nginx's way to hear of the engine, for loop/resty.lua alone. */
#ifndef BI_BINDING_DOORBELL_LUA_H
#define BI_BINDING_DOORBELL_LUA_H

#include "binding/compat.h"

/* [-0, +0, m] Once in each Lua state. */
void bi_doorbell_open(lua_State *L);

/* core.doorbell() → a doorbell for this Lua state's engine, and which of its process's Lua states this is (1, 2, …); or
 * nil and why there can be none. Its methods: path() → where to connect to; start() → true, or nil and why not, once
 * the connection was made; arm(): the next news, or half a second, sends a byte there; close(), also when collected. */
int bi_lua_doorbell(lua_State *L);

#endif
