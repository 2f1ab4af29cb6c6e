/* The userdata that owns a loopback listener (src/binding/loopback_lua.h). It decides nothing. */
#include "binding/loopback_lua.h"

#include "binding/error_lua.h"
#include "binding/options_lua.h"
#include "core/visit.h"
#include "engine/loopback.h"

#include <errno.h>

#define LOOPBACK_CLASS "better_i18n.loopback"
#define PATH "/callback"
#define PORT_MOST 65535
#define WAIT_MOST 60000 /* milliseconds: then the Lua layer looks at its own clock */

static const bi_option listen_options[] = {
    {"port", BI_OPTION_COUNT},      {"path", BI_OPTION_TEXT},  {"page", BI_OPTION_ANY_TEXT},
    {"timeout", BI_OPTION_SECONDS}, {"loop", BI_OPTION_TABLE}, {NULL, BI_OPTION_TEXT},
};

static const bi_option wait_options[] = {
    {"state", BI_OPTION_TEXT}, {"timeout", BI_OPTION_SECONDS}, {"signal", BI_OPTION_SIGNAL},
    {"loop", BI_OPTION_TABLE}, {NULL, BI_OPTION_TEXT},
};

/* All zero is a valid, closed one. */
typedef struct box {
    bi_loopback *loopback; /* owned */
} box;

static bi_loopback *check_open(lua_State *L) {
    const box *b = luaL_checkudata(L, 1, LOOPBACK_CLASS);
    if (!b->loopback)
        bi_error_of(L, BI_CODE_CLOSED, "loopback",
                    "the listener was closed; make another with oauth.loopback");
    return b->loopback;
}

int bi_lua_loopback_close(lua_State *L) {
    box *b = luaL_checkudata(L, 1, LOOPBACK_CLASS);
    bi_loopback_free(b->loopback);
    b->loopback = NULL;
    return 0;
}

void bi_loopback_open(lua_State *L) {
    luaL_newmetatable(L, LOOPBACK_CLASS);
    lua_pushcfunction(L, bi_lua_loopback_close);
    lua_setfield(L, -2, "__gc");
    lua_pushliteral(L, LOOPBACK_CLASS);
    lua_setfield(L, -2, "__name");
    lua_pop(L, 1);
}

static BI_NORETURN int raise_reason(lua_State *L, unsigned port, int reason) {
    if (reason == ENOMEM)
        luaL_error(L, "not enough memory");
    lua_pushfstring(
        L, "port %d of 127.0.0.1 cannot be listened on: %s%s", (int)port, strerror(reason),
        reason == EADDRINUSE
            ? "; another program, or another attempt, holds it: end that, or take another port"
            : "; take another port");
    bi_error_of(L, BI_CODE_NETWORK, "loopback", lua_tostring(L, -1));
}

int bi_lua_loopback(lua_State *L) {
    lua_settop(L, 1);
    bi_options_check(L, 1, "loopback", listen_options);
    double port = bi_option_number(L, 1, "port", 0);
    if (port > PORT_MOST)
        return bi_error_argument(L, "loopback", "port must be at most %d", PORT_MOST);
    size_t path_length, page_length;
    const char *path = bi_option_text(L, 1, "path", &path_length);
    const char *wrong = path ? bi_visit_check_path(path, path_length) : NULL;
    if (wrong)
        return bi_error_argument(L, "loopback", "path cannot be that of a redirect URI: %s", wrong);
    const char *page = bi_option_text(L, 1, "page", &page_length);
    box *b = bi_newuserdata(L, sizeof *b);
    luaL_setmetatable(L, LOOPBACK_CLASS);
    b->loopback = bi_loopback_new((unsigned)port, path ? path : PATH, page, page ? page_length : 0);
    if (!b->loopback)
        return raise_reason(L, (unsigned)port, errno);
    lua_pushfstring(L, "http://127.0.0.1:%d%s", (int)bi_loopback_port(b->loopback),
                    path ? path : PATH);
    return 2;
}

int bi_lua_loopback_expect(lua_State *L) {
    lua_settop(L, 2);
    bi_loopback *loopback = check_open(L);
    bi_option_check(L, 2, "wait", "the table of options", BI_OPTION_TABLE);
    bi_options_check(L, 2, "wait", wait_options);
    bi_option_get(L, 2, "state");
    bi_option_check(L, 3, "wait", "state", BI_OPTION_TEXT);
    size_t length;
    const char *state = lua_tolstring(L, 3, &length);
    if (!bi_loopback_expect(loopback, state, length))
        return luaL_error(L, "not enough memory");
    return 0;
}

int bi_lua_loopback_step(lua_State *L) {
    bi_loopback *loopback = check_open(L);
    double ms = (double)luaL_checknumber(L, 2);
    bi_loopback_outcome outcome =
        bi_loopback_step(loopback, ms > 0 ? (int)fmin(ceil(ms), WAIT_MOST) : 0);
    if (outcome == BI_LOOPBACK_FAILED)
        return bi_error_raise(L, bi_loopback_failure(loopback));
    if (outcome == BI_LOOPBACK_WAITING)
        return 0;
    const bi_bytes *code = bi_loopback_code(loopback);
    lua_pushlstring(L, bi_bytes_text(code), code->length);
    return 1;
}

int bi_lua_loopback_stranger(lua_State *L) {
    lua_pushboolean(L, bi_loopback_met_stranger(check_open(L)));
    return 1;
}
