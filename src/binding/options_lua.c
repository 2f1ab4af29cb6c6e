/* Checking option tables (src/binding/options_lua.h). Messages name the option and never show a value: it may be a
 * secret that was given under the wrong name. */
#include "binding/options_lua.h"

#include "binding/error_lua.h"
#include "core/near.h"
#include "core/secret.h"

#include <math.h>

#define NUMBER_MOST 1e9

static bool is_plain_text(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7F)
            return false;
    return length > 0;
}

/* NULL, or what a string lacks. */
static const char *check_text(lua_State *L, int index, bi_option_kind kind) {
    size_t length;
    if (lua_type(L, index) != LUA_TSTRING)
        return "must be a string";
    const char *text = lua_tolstring(L, index, &length);
    if (kind == BI_OPTION_ANY_TEXT)
        return NULL;
    if (length == 0)
        return "must not be empty";
    if (kind == BI_OPTION_TEXT)
        return is_plain_text(text, length) ? NULL : "must not hold control characters";
    if (length >= 7 && memcmp(text, "bi_pub_", 7) == 0)
        return "is a public content key (bi_pub_…), which is for another product; a token of a grant is needed";
    return bi_token_is_sendable(text, length)
               ? NULL
               : "has characters that no header may carry, or is too long for a token";
}

static const char *check_number(lua_State *L, int index, bi_option_kind kind) {
    if (lua_type(L, index) != LUA_TNUMBER)
        return "must be a number";
    double number = (double)lua_tonumber(L, index);
    if (kind == BI_OPTION_SECONDS)
        return number > 0 && number <= NUMBER_MOST
                   ? NULL
                   : "must be a number of seconds above 0 and at most 1e9";
    if (kind == BI_OPTION_TIME)
        return number > -1e11 && number < 1e11 ? NULL : "must be a time in Unix seconds";
    double least = kind == BI_OPTION_SIZE ? 1 : 0;
    if (!(number >= least && number <= NUMBER_MOST * 1000) || floor(number) < number)
        return kind == BI_OPTION_SIZE ? "must be an integer from 1 to 1e12"
                                      : "must be an integer from 0 to 1e12";
    return NULL;
}

static bool is_signal(lua_State *L, int index) {
    if (lua_type(L, index) != LUA_TTABLE || !lua_getmetatable(L, index))
        return false;
    luaL_getmetatable(L, BI_SIGNAL_CLASS);
    bool same = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return same;
}

static const char *check_value(lua_State *L, int index, bi_option_kind kind) {
    int type = lua_type(L, index);
    switch (kind) {
    case BI_OPTION_TEXT:
    case BI_OPTION_ANY_TEXT:
    case BI_OPTION_TOKEN:
        return check_text(L, index, kind);
    case BI_OPTION_SECONDS:
    case BI_OPTION_TIME:
    case BI_OPTION_COUNT:
    case BI_OPTION_SIZE:
        return check_number(L, index, kind);
    case BI_OPTION_BOOLEAN:
        return type == LUA_TBOOLEAN ? NULL : "must be true or false";
    case BI_OPTION_FUNCTION:
        return type == LUA_TFUNCTION ? NULL : "must be a function";
    case BI_OPTION_TABLE:
        return type == LUA_TTABLE ? NULL : "must be a table";
    case BI_OPTION_SIGNAL:
        return is_signal(L, index) ? NULL : "must be a signal, made by better_i18n.signal()";
    case BI_OPTION_BODY:
        break;
    }
    return type == LUA_TTABLE || type == LUA_TSTRING ? NULL : "must be a table or a string";
}

/* The Lua type that values of that kind have. */
static const char *kind_type(bi_option_kind kind) {
    switch (kind) {
    case BI_OPTION_SECONDS:
    case BI_OPTION_TIME:
    case BI_OPTION_COUNT:
    case BI_OPTION_SIZE:
        return "number";
    case BI_OPTION_BOOLEAN:
        return "boolean";
    case BI_OPTION_FUNCTION:
        return "function";
    case BI_OPTION_TABLE:
    case BI_OPTION_SIGNAL:
        return "table";
    case BI_OPTION_TEXT:
    case BI_OPTION_ANY_TEXT:
    case BI_OPTION_TOKEN:
    case BI_OPTION_BODY:
        break;
    }
    return "string";
}

void bi_option_check(lua_State *L, int index, const char *where, const char *name,
                     bi_option_kind kind) {
    const char *wrong = check_value(L, index, kind);
    if (!wrong)
        return;
    const char *type = luaL_typename(L, index);
    if (lua_isnoneornil(L, index))
        bi_error_argument(L, where, "%s is missing: it %s", name, wrong);
    else if (strcmp(type, kind_type(kind)) == 0)
        bi_error_argument(L, where, "%s %s", name, wrong);
    else
        bi_error_argument(L, where, "%s %s, not %s", name, wrong, type);
}

static const bi_option *find(const bi_option *known, const char *name) {
    for (; known->name; known++)
        if (strcmp(known->name, name) == 0)
            return known;
    return NULL;
}

/* [-0, +1, e] "unknown <noun> '<name>'", and what to write instead: the `count` names on the top of the stack are
 * known. */
static void push_unknown(lua_State *L, const char *noun, const char *name, int count) {
    int first = lua_gettop(L) - count + 1;
    for (int i = first; i < first + count; i++)
        if (bi_is_near(name, lua_tostring(L, i))) {
            lua_pushfstring(L, "unknown %s '%s'; did you mean '%s'?", noun, name,
                            lua_tostring(L, i));
            return;
        }
    lua_pushfstring(L, "unknown %s '%s'; known %s: ", noun, name, count == 1 ? "is" : "are");
    for (int i = first; i < first + count; i++) {
        lua_pushfstring(L, "%s%s%s", lua_tostring(L, -1), i == first ? "" : ", ",
                        lua_tostring(L, i));
        lua_remove(L, -2);
    }
}

static int unknown(lua_State *L, const char *where, const bi_option *known, const char *name) {
    int count = 0;
    for (; known[count].name; count++) {
        luaL_checkstack(L, 8, where);
        lua_pushstring(L, known[count].name);
    }
    push_unknown(L, "option", name, count);
    return bi_error_argument(L, where, "%s", lua_tostring(L, -1));
}

int bi_lua_unknown(lua_State *L) {
    const char *noun = luaL_checkstring(L, 1);
    const char *name = luaL_tolstring(L, 2, NULL);
    luaL_checktype(L, 3, LUA_TTABLE);
    int count = (int)lua_rawlen(L, 3);
    luaL_checkstack(L, count + 6, "names");
    for (int i = 1; i <= count; i++)
        lua_rawgeti(L, 3, i);
    push_unknown(L, noun, name, count);
    return 1;
}

void bi_options_check(lua_State *L, int index, const char *where, const bi_option *known) {
    index = lua_absindex(L, index);
    luaL_checkstack(L, 6, where);
    lua_pushnil(L);
    while (lua_next(L, index)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            bi_error_argument(L, where, "the options hold a key that is no string");
        const char *name = lua_tostring(L, -2);
        const bi_option *option = find(known, name);
        if (!option)
            unknown(L, where, known, name);
        else
            bi_option_check(L, lua_gettop(L), where, name, option->kind);
        lua_pop(L, 1);
    }
}

void bi_option_get(lua_State *L, int index, const char *name) {
    index = lua_absindex(L, index);
    lua_pushstring(L, name);
    lua_rawget(L, index);
}

const char *bi_option_text(lua_State *L, int index, const char *name, size_t *length) {
    bi_option_get(L, index, name);
    return lua_tolstring(L, -1, length);
}

double bi_option_number(lua_State *L, int index, const char *name, double otherwise) {
    bi_option_get(L, index, name);
    double number = lua_isnil(L, -1) ? otherwise : (double)lua_tonumber(L, -1);
    lua_pop(L, 1);
    return number;
}

bool bi_option_flag(lua_State *L, int index, const char *name, bool otherwise) {
    bi_option_get(L, index, name);
    bool flag = lua_isnil(L, -1) ? otherwise : lua_toboolean(L, -1);
    lua_pop(L, 1);
    return flag;
}
