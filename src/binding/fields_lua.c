/* Header tables of src/binding/fields_lua.h. Owns the blocks of header lines of answers whose headers nobody has asked
 * for: a table in the registry, by the response table, which it does not hold. */
#include "binding/fields_lua.h"

#include "core/ascii.h"
#include "core/headers.h"

#define FIELDS_CLASS "better_i18n.headers"
#define RESPONSE_CLASS "better_i18n.response"

static const char blocks_key;

/* [-0, +1, m] */
static void lower(lua_State *L, const char *text, size_t length) {
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    for (size_t i = 0; i < length; i++)
        luaL_addchar(&buffer, bi_ascii_lower(text[i]));
    luaL_pushresult(&buffer);
}

void bi_fields_push(lua_State *L, const bi_bytes *fields) {
    lua_createtable(L, 0, 8);
    size_t at = 0;
    bi_span name, value;
    while (bi_headers_next(fields, &at, &name, &value)) {
        lower(L, name.text, name.length);
        lua_pushvalue(L, -1);
        lua_rawget(L, -3);
        bool again = !lua_isnil(L, -1);
        if (again)
            lua_pushliteral(L, ", ");
        else
            lua_pop(L, 1);
        lua_pushlstring(L, value.text, value.length);
        if (again)
            lua_concat(L, 3);
        lua_rawset(L, -3);
    }
    luaL_setmetatable(L, FIELDS_CLASS);
}

/* headers["Content-Type"] finds what is stored as "content-type". */
static int fields_index(lua_State *L) {
    size_t length;
    if (lua_type(L, 2) != LUA_TSTRING)
        return 0;
    const char *name = lua_tolstring(L, 2, &length);
    lower(L, name, length);
    lua_rawget(L, 1);
    return 1;
}

/* A userdata and no string: LuaJIT would look each block up among all strings, by a hash of a few of its bytes that is
 * the same for most. */
void bi_fields_promise(lua_State *L, const bi_bytes *fields) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &blocks_key);
    lua_pushvalue(L, -2);
    memcpy(bi_newuserdata(L, fields->length + 1), bi_bytes_text(fields), fields->length);
    lua_rawset(L, -3);
    lua_pop(L, 1);
    luaL_setmetatable(L, RESPONSE_CLASS);
}

/* response.headers, once: from then on it is a field like any other. */
static int response_index(lua_State *L) {
    if (lua_type(L, 2) != LUA_TSTRING || strcmp(lua_tostring(L, 2), "headers") != 0)
        return 0;
    lua_settop(L, 2);
    lua_pushvalue(L, 1);
    lua_rawget(L, lua_upvalueindex(1));
    char *text = lua_touserdata(L, 3);
    if (!text)
        return 0;
    bi_fields_push(L, &(bi_bytes){.data = text, .length = lua_rawlen(L, 3) - 1});
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 4);
    lua_rawset(L, 1);
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    lua_rawset(L, lua_upvalueindex(1));
    return 1;
}

static int response_next(lua_State *L) {
    lua_settop(L, 2);
    if (lua_next(L, 1))
        return 2;
    lua_pushnil(L);
    return 1;
}

/* pairs(response) where Lua asks (5.2 and newer): all of its fields, so the headers have to be among them. */
static int response_pairs(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_getfield(L, 1, "headers");
    lua_pushcfunction(L, response_next);
    lua_pushvalue(L, 1);
    lua_pushnil(L);
    return 3;
}

/* [-1, +0, m] A class whose __index is the function on the top. */
static void open_class(lua_State *L, const char *name) {
    luaL_newmetatable(L, name);
    lua_insert(L, -2);
    lua_setfield(L, -2, "__index");
    lua_pushstring(L, name);
    lua_setfield(L, -2, "__name");
    lua_pop(L, 1);
}

void bi_fields_open(lua_State *L) {
    lua_pushcfunction(L, fields_index);
    open_class(L, FIELDS_CLASS);
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "k");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &blocks_key);
    lua_pushcclosure(L, response_index, 1);
    open_class(L, RESPONSE_CLASS);
    luaL_getmetatable(L, RESPONSE_CLASS);
    lua_pushcfunction(L, response_pairs);
    lua_setfield(L, -2, "__pairs");
    lua_pop(L, 1);
}
