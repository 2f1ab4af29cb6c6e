/* Which clients of a Lua state share one account: tokens, renewals and gates are a grant's, not a client's. Called by
 * client_lua.c. */
#ifndef BI_BINDING_ACCOUNT_LUA_H
#define BI_BINDING_ACCOUNT_LUA_H

#include "binding/client_lua.h"

/* [-0, +0, m] Once in each Lua state. */
void bi_account_open(lua_State *L);

/* [-0, +0, m] Gives the client whose userdata is at `index`, and whose account was just read from options, the account
 * of the clients that act for the same grant with the same app, seams and store; provided that its token is one that
 * the account has held, for a grant's id alone is no proof. Sets `grant` in its uservalue: a table that the Lua layer
 * keeps for all of them. */
void bi_account_share(lua_State *L, int index, bi_now now);

#endif
