/* The error object of src/binding/error_lua.h: its table and its one-line text. */
#include "binding/error_lua.h"

#include "binding/fields_lua.h"

#include <stdarg.h>
#include <stdlib.h>

#define ERROR_CLASS "better_i18n.error"

static void set_text(lua_State *L, const char *name, const char *text) {
    if (text[0] == '\0')
        return;
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

static void set_bytes(lua_State *L, const char *name, const bi_bytes *bytes) {
    if (bytes->length == 0)
        return;
    lua_pushlstring(L, bytes->data, bytes->length);
    lua_setfield(L, -2, name);
}

static void set_boolean(lua_State *L, const char *name, bool value) {
    lua_pushboolean(L, value);
    lua_setfield(L, -2, name);
}

static void push_one(lua_State *L, const bi_failure *failure) {
    lua_createtable(L, 0, 14);
    set_text(L, "code", failure->code);
    set_bytes(L, "message", &failure->message);
    set_text(L, "required_scope", failure->required_scope);
    set_text(L, "request_id", failure->request_id);
    set_text(L, "grant_id", failure->grant_id);
    set_text(L, "method", failure->method);
    set_bytes(L, "path", &failure->path);
    set_bytes(L, "body", &failure->body);
    set_boolean(L, "revoked", failure->revoked);
    set_boolean(L, "retryable", failure->retryable);
    bi_pushinteger(L, failure->attempts);
    lua_setfield(L, -2, "attempts");
    if (failure->status) {
        bi_pushinteger(L, failure->status);
        lua_setfield(L, -2, "status");
        bi_fields_push(L, &failure->fields);
        lua_setfield(L, -2, "headers");
    }
    if (failure->retry_after >= 0) {
        lua_pushnumber(L, (lua_Number)failure->retry_after / 1000);
        lua_setfield(L, -2, "retry_after");
    }
    luaL_setmetatable(L, ERROR_CLASS);
}

void bi_error_push(lua_State *L, const bi_failure *failure) {
    push_one(L, failure);
    int top = lua_gettop(L);
    for (const bi_failure *cause = failure->cause; cause; cause = cause->cause) {
        luaL_checkstack(L, 4, "error causes");
        push_one(L, cause);
        lua_pushvalue(L, -1);
        lua_setfield(L, -3, "cause");
    }
    lua_settop(L, top);
}

int bi_error_raise(lua_State *L, const bi_failure *failure) {
    if (bi_failure_is(failure, BI_CODE_MEMORY))
        luaL_error(L, "not enough memory");
    bi_error_push(L, failure);
    lua_error(L);
    abort(); /* lua_error does not return, which its declaration does not say */
}

/* [-1, +0, v] Raises with the message on the top. */
BI_NORETURN static void raise_plain(lua_State *L, const char *code) {
    lua_createtable(L, 0, 5);
    lua_insert(L, -2);
    lua_setfield(L, -2, "message");
    set_text(L, "code", code);
    set_boolean(L, "revoked", false);
    set_boolean(L, "retryable", false);
    luaL_setmetatable(L, ERROR_CLASS);
    lua_error(L);
    abort();
}

int bi_error_argument(lua_State *L, const char *where, const char *format, ...) {
    luaL_checkstack(L, 8, "an error");
    va_list list;
    va_start(list, format);
    lua_pushfstring(L, "%s: ", where);
    lua_pushvfstring(L, format, list);
    va_end(list);
    lua_concat(L, 2);
    raise_plain(L, BI_CODE_ARGUMENT);
}

int bi_error_of(lua_State *L, const char *code, const char *where, const char *message) {
    luaL_checkstack(L, 8, "an error");
    lua_pushfstring(L, "%s: %s", where, message);
    raise_plain(L, code);
}

int bi_lua_error(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    static const char *const flags[] = {"revoked", "retryable"};
    for (int i = 0; i < 2; i++) {
        lua_getfield(L, 1, flags[i]);
        bool given = lua_toboolean(L, -1);
        lua_pop(L, 1);
        set_boolean(L, flags[i], given);
    }
    luaL_setmetatable(L, ERROR_CLASS);
    return 1;
}

bool bi_error_is(lua_State *L, int index) {
    if (lua_type(L, index) != LUA_TTABLE || !lua_getmetatable(L, index))
        return false;
    luaL_getmetatable(L, ERROR_CLASS);
    bool is = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return is;
}

int bi_lua_is_error(lua_State *L) {
    lua_pushboolean(L, bi_error_is(L, 1));
    return 1;
}

/* Adds "<before><field><behind>" to the buffer when the error has that field. */
static void add_field(lua_State *L, luaL_Buffer *buffer, const char *before, const char *name) {
    lua_getfield(L, 1, name);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        return;
    }
    luaL_tolstring(L, -1, NULL);
    lua_remove(L, -2);
    lua_pushfstring(L, "%s%s", before, lua_tostring(L, -1));
    lua_remove(L, -2);
    luaL_addvalue(buffer);
}

/* One line: what, why and what to do, then where it happened. */
static int error_tostring(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    luaL_addstring(&buffer, "better_i18n");
    add_field(L, &buffer, ": ", "code");
    add_field(L, &buffer, ": ", "message");
    lua_getfield(L, 1, "method");
    bool sent = !lua_isnil(L, -1);
    lua_pop(L, 1);
    if (sent) {
        add_field(L, &buffer, " (", "method");
        add_field(L, &buffer, " ", "path");
        add_field(L, &buffer, ", status ", "status");
        add_field(L, &buffer, ", request id ", "request_id");
        luaL_addstring(&buffer, ")");
    }
    luaL_pushresult(&buffer);
    return 1;
}

void bi_error_open(lua_State *L) {
    luaL_newmetatable(L, ERROR_CLASS);
    lua_pushcfunction(L, error_tostring);
    lua_setfield(L, -2, "__tostring");
    set_text(L, "__name", ERROR_CLASS);
    lua_pop(L, 1);
}
