/* The doorbell as a userdata (src/binding/doorbell_lua.h). It holds the engine whose descriptor the thread watches. */
#include "binding/doorbell_lua.h"

#include "binding/client_lua.h"
#include "engine/doorbell.h"

#include <errno.h>

#define DOORBELL_CLASS "better_i18n.doorbell"
static const char number_key;

/* All zero is a valid, closed one. */
typedef struct doorbell {
    bi_doorbell *bell; /* owned */
    bi_engine *engine; /* held */
} doorbell;

static doorbell *check(lua_State *L) {
    return luaL_checkudata(L, 1, DOORBELL_CLASS);
}

static bi_doorbell *check_open(lua_State *L) {
    doorbell *box = check(L);
    if (!box->bell)
        luaL_argerror(L, 1, "the doorbell is closed");
    return box->bell;
}

static int push_reason(lua_State *L, int reason) {
    lua_pushnil(L);
    lua_pushstring(L, strerror(reason));
    return 2;
}

static int close_bell(lua_State *L) {
    doorbell *box = check(L);
    bi_doorbell_free(box->bell);
    box->bell = NULL;
    bi_engine_release(box->engine);
    box->engine = NULL;
    return 0;
}

static int get_path(lua_State *L) {
    lua_pushstring(L, bi_doorbell_path(check_open(L)));
    return 1;
}

static int start(lua_State *L) {
    if (!bi_doorbell_start(check_open(L)))
        return push_reason(L, errno);
    lua_pushboolean(L, true);
    return 1;
}

static int arm(lua_State *L) {
    bi_doorbell_arm(check_open(L));
    return 0;
}

static const luaL_Reg methods[] = {
    {"path", get_path}, {"start", start}, {"arm", arm}, {"close", close_bell}, {NULL, NULL},
};

void bi_doorbell_open(lua_State *L) {
    luaL_newmetatable(L, DOORBELL_CLASS);
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, close_bell);
    lua_setfield(L, -2, "__gc");
    lua_pushliteral(L, DOORBELL_CLASS);
    lua_setfield(L, -2, "__name");
    lua_pop(L, 1);
}

/* This Lua state's number, taken when it first asks. */
static void push_number(lua_State *L) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &number_key);
    if (!lua_isnil(L, -1))
        return;
    lua_pop(L, 1);
    lua_pushnumber(L, (lua_Number)bi_doorbell_enroll());
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &number_key);
}

int bi_lua_doorbell(lua_State *L) {
    bi_engine *engine = bi_state_engine(L);
    doorbell *box = bi_newuserdata(L, sizeof *box);
    luaL_setmetatable(L, DOORBELL_CLASS);
    box->bell = bi_doorbell_new(bi_engine_descriptor(engine));
    if (!box->bell)
        return push_reason(L, errno);
    box->engine = bi_engine_hold(engine);
    push_number(L);
    return 2;
}
