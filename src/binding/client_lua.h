/* The client userdata: what new() made of its options, and how it is closed. Called by the binding. */
#ifndef BI_BINDING_CLIENT_LUA_H
#define BI_BINDING_CLIENT_LUA_H

#include "binding/compat.h"
#include "core/account.h"
#include "core/config.h"
#include "engine/transport.h"

#define BI_CLIENT_CLASS "better_i18n.client"

enum { BI_HTTP_VERSION, BI_CA_FILE, BI_CERT_FILE, BI_KEY_FILE, BI_PROXY, BI_NETWORK_TEXTS };

/* All zero but for its mark is a valid, closed client. Its uservalue is a table: the user's functions by the names of
 * their options, and what the Lua layer keeps beside them. */
typedef struct bi_client {
    const void *mark;                /* see mark.h */
    bi_config *config;               /* held; NULL when closed */
    bi_account *account;             /* held; shared with other clients of the grant */
    bi_engine *engine;               /* held; NULL before the first call */
    bi_pool *pool;                   /* held; NULL before the first call */
    char *network[BI_NETWORK_TEXTS]; /* owned */
    long max_connections;
    bool has_transport; /* requests go to the user's transport function */
} bi_client;

/* [-0, +0, m] Once in each Lua state; the metatable's __index is the table on the top, which is popped. */
void bi_client_open(lua_State *L);

/* [-0, +1, m] A closed client, to be filled; without a uservalue yet. */
bi_client *bi_client_box(lua_State *L);

/* [-0, +0, v] The client at `index`; raises `invalid_argument` when it is none and `closed` when it is closed. */
bi_client *bi_client_check(lua_State *L, int index, const char *where);

/* [-0, +0, v] The engine of this Lua state, made when it is first needed; the registry holds it.
 * Borrowed. A forked child gets one of its own. Raises without memory or descriptors for one. */
bi_engine *bi_state_engine(lua_State *L);

/* [-0, +0, m] The client's pool, made on the first call and made anew after a fork. Raises when that fails. */
bi_pool *bi_client_pool(lua_State *L, bi_client *client);

/* [-0, +0, v] The time of two arguments, monotonic and wall seconds, or the system's when they are absent. */
bi_now bi_read_now(lua_State *L, int index);

/* core.new(options, where, mono, wall) → client (the times in seconds, from the option clock).
 * core.bare(options, where) → a client for the calls of OAuth itself: hosts and network, no identity.
 * core.close(client). core.is_revoked(client). core.can(client, scope). core.state(client) → the uservalue table. */
int bi_lua_client_new(lua_State *L);
int bi_lua_client_bare(lua_State *L);
int bi_lua_client_close(lua_State *L);
int bi_lua_client_is_revoked(lua_State *L);
int bi_lua_client_can(lua_State *L);
int bi_lua_client_state(lua_State *L);

#endif
