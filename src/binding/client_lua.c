/* The client userdata of src/binding/client_lua.h: its life, its pool, and the engine of the Lua state. What new()
 * makes of its options is in client_new_lua.c. */
#include "binding/client_lua.h"

#include "binding/account_lua.h"
#include "binding/error_lua.h"
#include "binding/mark.h"
#include "binding/options_lua.h"
#include "core/flight.h"
#include "core/memory.h"
#include "engine/fork.h"
#include "engine/oclock.h"

/* --- The engine of this Lua state ------------------------------------------------------------------------------ */

#define ENGINE_CLASS "better_i18n.engine"
static const char engine_key;

static int engine_gc(lua_State *L) {
    bi_engine **box = lua_touserdata(L, 1);
    bi_engine_release(*box);
    *box = NULL;
    return 0;
}

/* --- Life ----------------------------------------------------------------------------------------------------- */

static void release_pool(bi_client *client) {
    bi_pool_release(client->pool);
    bi_engine_release(client->engine);
    client->pool = NULL;
    client->engine = NULL;
}

/* Calls under way notice at their next step; they hold what they need until then. */
static void close_client(bi_client *client) {
    if (client->config)
        client->config->closed = true;
    bi_account_release(client->account);
    bi_config_release(client->config);
    client->account = NULL;
    client->config = NULL;
    release_pool(client);
    for (size_t i = 0; i < sizeof client->network / sizeof client->network[0]; i++) {
        bi_free(client->network[i]);
        client->network[i] = NULL;
    }
}

static const char mark; /* of clients */

/* [-0, +0, -] The client at the index, or NULL. */
static bi_client *look(lua_State *L, int index) {
    return bi_marked(L, index, sizeof(bi_client), &mark);
}

bi_client *bi_client_box(lua_State *L) {
    bi_client *client = bi_newuserdata(L, sizeof *client);
    client->mark = &mark;
    luaL_setmetatable(L, BI_CLIENT_CLASS);
    return client;
}

static int client_gc(lua_State *L) {
    bi_client *client = look(L, 1);
    if (client)
        close_client(client);
    return 0;
}

/* Shows which grant it acts for and nothing else. */
static int client_tostring(lua_State *L) {
    const bi_client *client = look(L, 1);
    if (!client || !client->config)
        lua_pushliteral(L, "better_i18n.client (closed)");
    else if (client->account && client->account->grant_id)
        lua_pushfstring(L, "better_i18n.client (%s at %s)", client->account->grant_id,
                        bi_config_base(client->config, BI_HOST_API));
    else
        lua_pushfstring(L, "better_i18n.client (%s)", bi_config_base(client->config, BI_HOST_API));
    return 1;
}

/* A to-be-closed variable (5.4) does what close() does, and that is the Lua layer's. */
static int client_end(lua_State *L) {
    if (luaL_getmetafield(L, 1, "__index") == 0)
        return 0;
    lua_getfield(L, -1, "close");
    lua_pushvalue(L, 1);
    lua_call(L, 1, 0);
    return 0;
}

void bi_client_open(lua_State *L) {
    luaL_newmetatable(L, BI_CLIENT_CLASS);
    lua_insert(L, -2);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, client_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_pushcfunction(L, client_gc);
    lua_setfield(L, -2, "__gc");
    lua_pushcfunction(L, client_end);
    lua_setfield(L, -2, "__close");
    lua_pushliteral(L, BI_CLIENT_CLASS);
    lua_setfield(L, -2, "__name");
    lua_pushboolean(L, false); /* methods of one client are not for another library to change */
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
    bi_class_open(L, ENGINE_CLASS, engine_gc);
    bi_account_open(L);
}

bi_client *bi_client_check(lua_State *L, int index, const char *where) {
    bi_client *client = look(L, index);
    if (!client)
        bi_error_argument(L, where, "the client is missing; call it as client:%s(…), with a colon",
                          where);
    else if (!client->config)
        bi_error_of(L, BI_CODE_CLOSED, where, "the client was closed; make another with new()");
    return client;
}

bi_engine *bi_state_engine(lua_State *L) {
    int top = lua_gettop(L);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &engine_key);
    bi_engine **box = lua_touserdata(L, -1);
    if (!box) {
        box = bi_newuserdata(L, sizeof(bi_engine *));
        luaL_setmetatable(L, ENGINE_CLASS);
        lua_pushvalue(L, -1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &engine_key);
    }
    lua_settop(L, top);
    if (*box && bi_engine_is_foreign(*box)) {
        bi_engine_leave(*box);
        bi_engine_release(*box);
        *box = NULL;
    }
    if (!*box)
        *box = bi_engine_new();
    if (!*box)
        bi_error_of(
            L, BI_CODE_NETWORK, "new",
            "no memory, or no file descriptors, for the network; raise the limit (ulimit -n)");
    return *box;
}

/* A renewal that was under way when the process forked is the parent's. */
static void leave_parents_flight(bi_account *account) {
    unsigned long era = bi_fork_generation();
    if (account && account->era != era && account->flight)
        bi_flight_abandon(account->flight);
    if (account)
        account->era = era;
}

bi_pool *bi_client_pool(lua_State *L, bi_client *client) {
    if (client->engine && bi_engine_is_foreign(client->engine))
        release_pool(client);
    if (client->pool)
        return client->pool;
    bi_engine *engine = bi_state_engine(L);
    leave_parents_flight(client->account);
    bi_network network = {.http_version = client->network[BI_HTTP_VERSION],
                          .ca_file = client->network[BI_CA_FILE],
                          .cert_file = client->network[BI_CERT_FILE],
                          .key_file = client->network[BI_KEY_FILE],
                          .proxy = client->network[BI_PROXY],
                          .max_connections = client->max_connections};
    client->pool = bi_pool_get(engine, &network);
    if (!client->pool)
        luaL_error(L, "not enough memory");
    client->engine = bi_engine_hold(engine);
    return client->pool;
}

/* Seconds within three thousand years of 1970, either way. */
static int64_t read_time(lua_State *L, int index) {
    double seconds = (double)lua_tonumber(L, index);
    if (lua_type(L, index) != LUA_TNUMBER || !(seconds > -1e11 && seconds < 1e11))
        bi_error_argument(L, "clock", "the option's function must return a time in seconds");
    return (int64_t)(seconds * 1000);
}

bi_now bi_read_now(lua_State *L, int index) {
    if (lua_isnoneornil(L, index) && lua_isnoneornil(L, index + 1))
        return bi_clock_read();
    bi_now now = {.mono = read_time(L, index)};
    now.wall = read_time(L, index + 1);
    return now;
}

int bi_lua_client_close(lua_State *L) {
    bi_client *client = look(L, 1);
    if (!client)
        bi_client_check(L, 1, "close");
    else
        close_client(client);
    return 0;
}

int bi_lua_client_is_revoked(lua_State *L) {
    const bi_client *client = bi_client_check(L, 1, "is_revoked");
    lua_pushboolean(L, client->account->over.revoked);
    return 1;
}

int bi_lua_client_can(lua_State *L) {
    const bi_client *client = bi_client_check(L, 1, "can");
    bi_option_check(L, 2, "can", "scope", BI_OPTION_TEXT);
    if (!client->account->scopes.known)
        return 0;
    lua_pushboolean(L, bi_names_has(&client->account->scopes, lua_tostring(L, 2)));
    return 1;
}

int bi_lua_client_state(lua_State *L) {
    if (!look(L, 1))
        bi_client_check(L, 1, "close");
    bi_getuservalue(L, 1);
    return 1;
}
