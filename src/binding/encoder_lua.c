/* The encoder of src/binding/encode_parts.h: an instance of lua-cjson's of our own, so that the program's settings
 * stay the program's. Owns a userdata in the registry that knows what the installed encoder can do, found out by
 * trying. */
#include "binding/encode_parts.h"

#include "binding/json_lua.h"

static const char encoder_key = 'e';

/* [-0, +0, -] Whether the error on the top is a lack of memory, also one that was raised again. */
static bool is_memory_error(lua_State *L, int status) {
    return status == LUA_ERRMEM || (status != LUA_OK && lua_type(L, -1) == LUA_TSTRING &&
                                    strcmp(lua_tostring(L, -1), "not enough memory") == 0);
}

bool bi_encoder_succeeds(lua_State *L, int arguments, int results) {
    int status = lua_pcall(L, arguments, results, 0);
    if (is_memory_error(L, status))
        lua_error(L);
    return status == LUA_OK;
}

/* [-0, +1, e] Pushes lua-cjson's module, else Neovim's vim.json, else nil. */
static void push_module(lua_State *L) {
    lua_getglobal(L, "require");
    lua_pushliteral(L, "cjson");
    if (bi_encoder_succeeds(L, 1, 1) && lua_istable(L, -1))
        return;
    lua_pop(L, 1);
    lua_getglobal(L, "vim");
    if (lua_istable(L, -1)) {
        lua_getfield(L, -1, "json");
        lua_remove(L, -2);
        if (lua_istable(L, -1))
            return;
    }
    lua_pop(L, 1);
    lua_pushnil(L);
}

/* [-1, +0, e] Whether the encoder turns an array with the value on top into `text`. */
static bool writes(lua_State *L, int uservalue, const char *text) {
    lua_rawgeti(L, uservalue, ENCODE);
    lua_createtable(L, 1, 0);
    lua_pushvalue(L, -3);
    lua_rawseti(L, -2, 1);
    bool same = bi_encoder_succeeds(L, 1, 1) && lua_type(L, -1) == LUA_TSTRING &&
                strcmp(lua_tostring(L, -1), text) == 0;
    lua_pop(L, 2);
    return same;
}

bool bi_encoder_set_digits(lua_State *L, encoder *e, int uservalue, int digits) {
    lua_rawgeti(L, uservalue, SET_DIGITS);
    lua_pushinteger(L, digits);
    bool done = bi_encoder_succeeds(L, 1, 0);
    if (done)
        e->digits = digits;
    else
        lua_pop(L, 1);
    return done;
}

/* [-0, +0, e] Finds what becomes [] and what becomes {}: a table without members is one of them. */
static void probe_empty(lua_State *L, encoder *e, int uservalue) {
    lua_newtable(L);
    e->plain_is_array = writes(L, uservalue, "[[]]");
    lua_newtable(L);
    if (e->plain_is_array)
        lua_rawseti(L, uservalue, EMPTY_ARRAY);
    else
        lua_rawseti(L, uservalue, EMPTY_OBJECT);
    lua_rawgeti(L, uservalue, EMPTY_ARRAY);
    e->empty_arrays = !lua_isnil(L, -1);
    e->empty_arrays &= writes(L, uservalue, "[[]]");
    lua_rawgeti(L, uservalue, EMPTY_OBJECT);
    e->empty_objects = !lua_isnil(L, -1);
    e->empty_objects &= writes(L, uservalue, "[{}]");
}

/* [-0, +0, e] */
static void probe(lua_State *L, encoder *e, int uservalue) {
    e->digits = e->digits_max = DIGITS_MIN;
    for (int digits = DIGITS_MAX; digits >= DIGITS_MIN; digits--)
        if (bi_encoder_set_digits(L, e, uservalue, digits)) {
            e->digits_max = digits;
            break;
        }
    bi_pushinteger(L, INT64_C(9007199254740993));
    e->exact_integers = bi_isinteger(L, -1);
    e->exact_integers &= writes(L, uservalue, "[9007199254740993]");
    probe_empty(L, e, uservalue);
    bi_push_null(L);
    e->own_null = !writes(L, uservalue, "[null]");
}

/* [-1, +1, e] Puts an instance of our own in the place of the module, where there can be one; only
 * that may be told to write {} for a table without members. */
static void make_instance(lua_State *L) {
    lua_getfield(L, -1, "new");
    if (!lua_isfunction(L, -1)) {
        lua_pop(L, 1);
        return;
    }
    lua_call(L, 0, 1);
    lua_remove(L, -2);
    lua_getfield(L, -1, "encode_empty_table_as_object");
    lua_pushboolean(L, true);
    if (!bi_encoder_succeeds(L, 1, 0))
        lua_pop(L, 1);
}

/* [-0, +1, e] Neovim's table that becomes {}, or nil. */
static void push_empty_dict(lua_State *L) {
    lua_getglobal(L, "vim");
    if (lua_istable(L, -1)) {
        lua_getfield(L, -1, "empty_dict");
        lua_remove(L, -2);
        if (bi_encoder_succeeds(L, 0, 1))
            return;
    }
    lua_pop(L, 1);
    lua_pushnil(L);
}

/* () → a userdata that knows the encoder, kept in the registry; raises when there is none. */
static int open_encoder(lua_State *L) {
    encoder *e = bi_newuserdata(L, sizeof *e);
    lua_createtable(L, SET_DIGITS, 0);
    push_module(L);
    if (lua_isnil(L, -1))
        return luaL_error(L, "no JSON encoder");
    make_instance(L);
    static const char *const fields[SET_DIGITS + 1] = {[ENCODE] = "encode",
                                                       [EMPTY_ARRAY] = "empty_array",
                                                       [OWN_NULL] = "null",
                                                       [SET_DIGITS] = "encode_number_precision"};
    for (int i = ENCODE; i <= SET_DIGITS; i++) {
        if (fields[i])
            lua_getfield(L, -1, fields[i]);
        else
            push_empty_dict(L);
        lua_rawseti(L, 2, i);
    }
    lua_settop(L, 2);
    probe(L, e, 2);
    bi_setuservalue(L, 1);
    lua_pushvalue(L, 1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &encoder_key);
    return 1;
}

encoder *bi_encoder_take(lua_State *L) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &encoder_key);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_pushcfunction(L, open_encoder);
        if (!bi_encoder_succeeds(L, 0, 1)) {
            lua_pop(L, 1);
            return NULL;
        }
    }
    bi_getuservalue(L, -1);
    return lua_touserdata(L, -2);
}
