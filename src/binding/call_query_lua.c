/* The query and the headers that a caller gives to a call, from Lua's values to text (src/binding/call_parts.h). */
#include "binding/call_parts.h"

#include "binding/error_lua.h"
#include "core/ascii.h"
#include "core/headers.h"

#include <stdio.h>

#define HEADER_MOST 16384

/* [-0, +1, m] With a point in every locale. */
static void push_float(lua_State *L, double number) {
    char text[32], plain[32];
    snprintf(text, sizeof text, "%.14g", number);
    size_t length = 0;
    for (const char *c = text; *c; c++)
        if (bi_ascii_is_alnum(*c) || *c == '-' || *c == '+')
            plain[length++] = *c;
        else if (length > 0 && plain[length - 1] != '.') /* a locale's point may be several bytes */
            plain[length++] = '.';
    lua_pushlstring(L, plain, length);
}

/* A string, number or boolean as text, pushed; NULL for anything else. */
static const char *push_scalar(lua_State *L, int index, size_t *length) {
    index = lua_absindex(L, index);
    int type = lua_type(L, index);
    int64_t integer;
    if (type == LUA_TBOOLEAN)
        lua_pushstring(L, lua_toboolean(L, index) ? "true" : "false");
    else if (type == LUA_TNUMBER && bi_tointeger(L, index, &integer)) {
        char digits[24];
        snprintf(digits, sizeof digits, "%lld", (long long)integer);
        lua_pushstring(L, digits);
    } else if (type == LUA_TNUMBER)
        push_float(L, (double)lua_tonumber(L, index));
    else if (type == LUA_TSTRING)
        lua_pushvalue(L, index);
    else
        return NULL;
    return lua_tolstring(L, -1, length);
}

/* One value under the name at `name`; false when it is none that a query can hold. Leaves the stack as it was. */
static bool add_query_value(lua_State *L, bi_call *call, int name, int value) {
    size_t name_length, length;
    const char *text = push_scalar(L, value, &length);
    if (!text)
        return false;
    const char *key = lua_tolstring(L, name, &name_length);
    bi_url_add_query(&call->target, key, name_length, text, length);
    lua_pop(L, 1);
    check_memory(L, &call->target);
    return true;
}

static void add_query_list(lua_State *L, bi_call *call, int name, int list) {
    size_t count = lua_rawlen(L, list);
    for (size_t i = 1; i <= count; i++) {
        lua_rawgeti(L, list, (int)i);
        if (!add_query_value(L, call, name, lua_gettop(L)))
            bi_error_argument(L, call->endpoint.name,
                              "query.%s[%d] must be a string, number or boolean, not %s",
                              lua_tostring(L, name), (int)i, luaL_typename(L, -1));
        lua_pop(L, 1);
    }
}

void bi_call_read_query(lua_State *L, bi_call *call) {
    int table = lua_gettop(L);
    lua_pushnil(L);
    while (lua_next(L, table)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            bi_error_argument(L, call->endpoint.name, "query holds a name that is no string");
        if (lua_istable(L, -1))
            add_query_list(L, call, table + 1, table + 2);
        else if (!add_query_value(L, call, table + 1, table + 2))
            bi_error_argument(L, call->endpoint.name,
                              "query.%s must be a string, number, boolean or list, not %s",
                              lua_tostring(L, -2), luaL_typename(L, -1));
        lua_pop(L, 1);
    }
}

/* What the client or HTTP itself decides; a caller's word there would break framing or leak the token. */
static const char *refuse_header(const char *name, size_t length) {
    static const char *const framing[] = {
        "host",    "connection", "content-length", "transfer-encoding", "expect",
        "upgrade", "te",         "trailer"};
    if (bi_ascii_is(name, length, "authorization"))
        return "it is set by the client itself; choose the token with the option token";
    if (bi_ascii_is(name, length, "cookie"))
        return "the service accepts no cookies";
    for (size_t i = 0; i < sizeof framing / sizeof framing[0]; i++)
        if (bi_ascii_is(name, length, framing[i]))
            return "it is set by the transport itself";
    return NULL;
}

void bi_call_add_header(lua_State *L, bi_call *call, const char *name, size_t name_length,
                        const char *value, size_t length) {
    const char *wrong = bi_header_check(name, name_length, value, length);
    if (!wrong)
        wrong = refuse_header(name, name_length);
    if (!wrong && length == 0)
        wrong = "its value is empty";
    if (!wrong && length > HEADER_MOST)
        wrong = "it is too long";
    if (wrong)
        bi_error_argument(L, call->endpoint.name, "headers['%s'] is refused: %s", name, wrong);
    bi_bytes_add(&call->fields, name, name_length);
    bi_bytes_add(&call->fields, ": ", 2);
    bi_bytes_add(&call->fields, value, length);
    bi_bytes_add_char(&call->fields, '\0');
    check_memory(L, &call->fields);
}

void bi_call_read_headers(lua_State *L, bi_call *call) {
    int table = lua_gettop(L);
    lua_pushnil(L);
    while (lua_next(L, table)) {
        size_t name_length, length;
        if (lua_type(L, -2) != LUA_TSTRING)
            bi_error_argument(L, call->endpoint.name, "headers hold a name that is no string");
        const char *name = lua_tolstring(L, -2, &name_length);
        const char *value = push_scalar(L, -1, &length);
        if (!value)
            bi_error_argument(L, call->endpoint.name, "headers['%s'] must be a string, not %s",
                              name, luaL_typename(L, -1));
        bi_call_add_header(L, call, name, name_length, value, length);
        lua_pop(L, 2);
    }
}
