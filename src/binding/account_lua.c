/* The accounts of a Lua state by their keys (src/binding/account_lua.h). The table of them is weak: an account lives as
 * long as one of its clients. */
#include "binding/account_lua.h"

#define ACCOUNT_CLASS "better_i18n.account"
static const char accounts_key;

static int account_gc(lua_State *L) {
    bi_account **box = lua_touserdata(L, 1);
    bi_account_release(*box);
    *box = NULL;
    return 0;
}

/* [-0, +1, m] A table whose keys, or values, do not keep what they name. */
static void push_weak(lua_State *L, const char *mode) {
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    lua_pushstring(L, mode);
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
}

void bi_account_open(lua_State *L) {
    bi_class_open(L, ACCOUNT_CLASS, account_gc);
    push_weak(L, "v");
    lua_rawsetp(L, LUA_REGISTRYINDEX, &accounts_key);
}

/* [-0, +1, m] What must be the same: the record's key, the app's secret, and what stands between it and the service. The
 * client's uservalue is at `state`. */
static void push_key(lua_State *L, const bi_account *account, int state) {
    static const char *const seams[] = {"store", "transport", "clock"};
    bi_digest secret = bi_digest_of(&account->client_secret);
    lua_pushstring(L, account->key);
    lua_pushlstring(L, (const char *)secret.bytes, sizeof secret.bytes);
    for (size_t i = 0; i < sizeof seams / sizeof seams[0]; i++) {
        lua_getfield(L, state, seams[i]);
        const void *seam = lua_topointer(L, -1);
        lua_pop(L, 1);
        lua_pushlstring(L, (const char *)&seam, sizeof seam);
    }
    lua_concat(L, 5);
}

/* [-1, +1, m] The set of grant tables under the key on the top: each holds the set, the set holds none of them. */
static void push_peers(lua_State *L) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &accounts_key);
    lua_pushvalue(L, -2);
    lua_rawget(L, -2);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        push_weak(L, "k");
        lua_pushvalue(L, -3);
        lua_pushvalue(L, -2);
        lua_rawset(L, -4);
    }
    lua_replace(L, -3);
    lua_pop(L, 1);
}

/* [-1, +1, m] The table of a grant with the account in it, entered in the set on the top. */
static void push_grant(lua_State *L, bi_account *account) {
    lua_createtable(L, 0, 4);
    bi_account **box = bi_newuserdata(L, sizeof(bi_account *));
    luaL_setmetatable(L, ACCOUNT_CLASS);
    *box = bi_account_hold(account);
    lua_setfield(L, -2, "account");
    lua_pushvalue(L, -1);
    lua_pushboolean(L, true);
    lua_rawset(L, -4);
    lua_insert(L, -2);
    lua_setfield(L, -2, "peers");
}

/* [-0, +0, m] The account of the grant table at the index. */
static bi_account *account_of(lua_State *L, int index) {
    lua_getfield(L, index, "account");
    bi_account **box = luaL_testudata(L, -1, ACCOUNT_CLASS);
    lua_pop(L, 1);
    return box ? *box : NULL;
}

/* [-1, +0 or 1, m] Of the set on the top, the grant table that may be shared takes its place; else the set stays. */
static bi_account *find_grant(lua_State *L, const bi_account *own) {
    int peers = lua_gettop(L);
    lua_pushnil(L);
    while (lua_next(L, peers)) {
        lua_pop(L, 1);
        bi_account *known = account_of(L, lua_gettop(L));
        if (known && bi_account_may_share(known, own)) {
            lua_replace(L, peers);
            return known;
        }
    }
    return NULL;
}

void bi_account_share(lua_State *L, int index, bi_now now) {
    bi_client *client = lua_touserdata(L, index);
    bi_getuservalue(L, index);
    int state = lua_gettop(L);
    bi_account *known = NULL;
    if (client->account->key) {
        push_key(L, client->account, state);
        push_peers(L);
        known = find_grant(L, client->account);
    } else {
        push_weak(L, "k");
    }
    if (known) {
        bi_account_join(known, client->account, now);
        bi_account_release(client->account);
        client->account = bi_account_hold(known);
    } else {
        push_grant(L, client->account);
    }
    lua_setfield(L, state, "grant");
    lua_settop(L, state - 1);
}
