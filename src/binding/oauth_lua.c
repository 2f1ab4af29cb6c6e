/* OAuth's own calls (src/binding/oauth_lua.h): RFC 6749 with PKCE always (RFC 7636), as API.md describes the server. */
#include "binding/oauth_lua.h"

#include "binding/encode_lua.h"
#include "binding/error_lua.h"
#include "binding/options_lua.h"
#include "binding/task_lua.h"
#include "core/callback.h"
#include "core/memory.h"
#include "core/pkce.h"
#include "core/request.h"
#include "core/url.h"
#include "engine/random.h"

#define AUTHORIZE_PATH "/api/auth/mcp/authorize"
#define OFFLINE "offline_access"

static const bi_option authorize_fields[] = {
    {"redirect_uri", BI_OPTION_TEXT},
    {"scope", BI_OPTION_ANY_TEXT},
    {"offline", BI_OPTION_BOOLEAN},
    {NULL, BI_OPTION_TEXT},
};

static const bi_option exchange_fields[] = {
    {"redirect_uri", BI_OPTION_TEXT},
    {"code", BI_OPTION_TOKEN},
    {"code_verifier", BI_OPTION_TOKEN},
    {NULL, BI_OPTION_TEXT},
};

/* What is built while Lua may raise lives in a userdata, and is wiped with it. */
typedef struct bi_scratch {
    bi_bytes url, state, verifier, challenge;
} bi_scratch;

#define SCRATCH_CLASS "better_i18n.scratch"

static void clear_scratch(bi_scratch *scratch) {
    bi_bytes_clear(&scratch->url);
    bi_bytes_clear(&scratch->state);
    bi_bytes_clear(&scratch->verifier);
    bi_bytes_clear(&scratch->challenge);
}

static int scratch_gc(lua_State *L) {
    clear_scratch(lua_touserdata(L, 1));
    return 0;
}

static bi_scratch *push_scratch(lua_State *L) {
    bi_scratch *scratch = bi_newuserdata(L, sizeof *scratch);
    luaL_setmetatable(L, SCRATCH_CLASS);
    scratch->url.secret = scratch->state.secret = scratch->verifier.secret = true;
    return scratch;
}

static const char *required_text(lua_State *L, const char *where, const char *name,
                                 bi_option_kind kind, size_t *length) {
    bi_option_get(L, 2, name);
    bi_option_check(L, lua_gettop(L), where, name, kind);
    return lua_tolstring(L, -1, length);
}

static const bi_account *app(lua_State *L, const char *where) {
    const bi_account *account = bi_client_check(L, 1, where)->account;
    if (!account->client_id)
        bi_error_argument(L, where, "client_id is missing (or BETTER_I18N_CLIENT_ID)");
    return account;
}

/* --- authorize ------------------------------------------------------------------------------------------------- */

static bool has_word(const char *text, size_t length, const char *word) {
    size_t size = strlen(word);
    for (size_t at = 0; at + size <= length; at++) {
        bool starts = at == 0 || text[at - 1] == ' ',
             ends = at + size == length || text[at + size] == ' ';
        if (starts && ends && memcmp(text + at, word, size) == 0)
            return true;
    }
    return false;
}

/* [-0, +1, v] scope-token of RFC 6749, 3.3: visible ASCII but for quote and backslash, one space between two. */
static const char *push_scope(lua_State *L, size_t *length) {
    const char *scope = bi_option_text(L, 2, "scope", length);
    if (!scope)
        scope = "", *length = 0;
    for (size_t i = 0; i < *length; i++)
        if (scope[i] < 0x20 || scope[i] > 0x7E || scope[i] == '"' || scope[i] == '\\')
            bi_error_argument(L, "authorize", "scope must be names with spaces between them");
    bool offline = bi_option_flag(L, 2, "offline", true);
    if (offline && !has_word(scope, *length, OFFLINE))
        lua_pushfstring(L, "%s%s" OFFLINE, scope, *length ? " " : "");
    else
        lua_pushlstring(L, scope, *length);
    lua_remove(L, -2);
    return lua_tolstring(L, -1, length);
}

static bool draw(bi_bytes *out) {
    unsigned char random[BI_PKCE_RANDOM];
    bool drawn = bi_random_bytes(random, sizeof random) && bi_pkce_add_verifier(out, random);
    bi_wipe(random, sizeof random);
    return drawn;
}

static void add(bi_bytes *url, const char *name, const char *value, size_t length) {
    if (length > 0)
        bi_url_add_query(url, name, strlen(name), value, length);
}

int bi_lua_authorize(lua_State *L) {
    lua_settop(L, 2);
    const bi_account *account = app(L, "authorize");
    bi_options_check(L, 2, "authorize", authorize_fields);
    size_t redirect_length, scope_length;
    const char *redirect =
        required_text(L, "authorize", "redirect_uri", BI_OPTION_TEXT, &redirect_length);
    const char *scope = push_scope(L, &scope_length);
    bi_scratch *s = push_scratch(L);
    if (!draw(&s->state) || !draw(&s->verifier) ||
        !bi_pkce_add_challenge(&s->challenge, s->verifier.data, s->verifier.length))
        return luaL_error(L, "better_i18n: no random numbers, or no memory, for the authorization");
    bi_bytes_add_text(
        &s->url, bi_config_base(bi_client_check(L, 1, "authorize")->config, BI_HOST_DASHBOARD));
    bi_bytes_add_text(&s->url, AUTHORIZE_PATH);
    add(&s->url, "response_type", "code", 4);
    add(&s->url, "client_id", account->client_id, strlen(account->client_id));
    add(&s->url, "redirect_uri", redirect, redirect_length);
    add(&s->url, "scope", scope, scope_length);
    add(&s->url, "state", s->state.data, s->state.length);
    add(&s->url, "code_challenge", s->challenge.data, s->challenge.length);
    add(&s->url, "code_challenge_method", "S256", 4);
    if (s->url.failed)
        return luaL_error(L, "not enough memory");
    lua_createtable(L, 0, 3);
    lua_pushlstring(L, s->url.data, s->url.length);
    lua_setfield(L, -2, "url");
    lua_pushlstring(L, s->state.data, s->state.length);
    lua_setfield(L, -2, "state");
    lua_pushlstring(L, s->verifier.data, s->verifier.length);
    lua_setfield(L, -2, "code_verifier");
    clear_scratch(s);
    return 1;
}

/* --- callback -------------------------------------------------------------------------------------------------- */

typedef struct bi_reading {
    bi_bytes code, query;
    bi_failure failure;
} bi_reading;

#define READING_CLASS "better_i18n.callback"

static int reading_gc(lua_State *L) {
    bi_reading *reading = lua_touserdata(L, 1);
    bi_bytes_clear(&reading->code);
    bi_bytes_clear(&reading->query);
    bi_failure_clear(&reading->failure);
    return 0;
}

void bi_oauth_open(lua_State *L) {
    bi_class_open(L, SCRATCH_CLASS, scratch_gc);
    bi_class_open(L, READING_CLASS, reading_gc);
}

static bi_reading *push_reading(lua_State *L) {
    bi_reading *reading = bi_newuserdata(L, sizeof *reading);
    luaL_setmetatable(L, READING_CLASS);
    reading->code.secret = reading->query.secret = true;
    bi_failure_init(&reading->failure);
    return reading;
}

/* [-0, +0, v] One value of the table on the top: text, or true where the name stood there without a "=". */
static void add_argument(lua_State *L, bi_bytes *query, const char *name) {
    int type = lua_type(L, -1);
    if (type != LUA_TSTRING && !(type == LUA_TBOOLEAN && lua_toboolean(L, -1)))
        bi_error_argument(L, "parse_callback", "%s must be a string, not %s", name,
                          luaL_typename(L, -1));
    size_t length = 0;
    const char *text = type == LUA_TSTRING ? lua_tolstring(L, -1, &length) : "";
    if (!bi_form_add(query, 0, name, strlen(name), text, length))
        luaL_error(L, "not enough memory");
}

/* [-0, +0, v] nginx's argument table, written as the query that it was read from: one set of rules reads both. A name
 * that came more than once has a table of its values. */
static void add_arguments(lua_State *L, bi_bytes *query) {
    static const char *const names[] = {"error", "error_description", "state", "code"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        bi_option_get(L, 1, names[i]);
        size_t count = lua_type(L, -1) == LUA_TTABLE ? lua_rawlen(L, -1) : 0;
        for (size_t n = 1; n <= count; n++) {
            lua_rawgeti(L, -1, (int)n);
            add_argument(L, query, names[i]);
            lua_pop(L, 1);
        }
        if (count == 0 && !lua_isnil(L, -1))
            add_argument(L, query, names[i]);
        lua_pop(L, 1);
    }
}

int bi_lua_parse_callback(lua_State *L) {
    size_t length = 0, state_length;
    bool table = lua_type(L, 1) == LUA_TTABLE;
    if (!table && lua_type(L, 1) != LUA_TSTRING)
        return bi_error_argument(
            L, "parse_callback",
            "the callback must be a URL, a query or a table of arguments, not %s",
            luaL_typename(L, 1));
    bi_option_check(L, 2, "parse_callback", "state", BI_OPTION_TEXT);
    const char *state = lua_tolstring(L, 2, &state_length);
    bi_reading *reading = push_reading(L);
    if (table)
        add_arguments(L, &reading->query);
    const char *text = table ? NULL : lua_tolstring(L, 1, &length);
    bool read = table ? bi_callback_read_query(
                            &reading->code, &reading->failure,
                            (bi_span){bi_bytes_text(&reading->query), reading->query.length}, state,
                            state_length)
                      : bi_callback_read(&reading->code, &reading->failure, text, length, state,
                                         state_length);
    if (!read)
        return bi_error_raise(L, &reading->failure);
    lua_pushlstring(L, reading->code.data, reading->code.length);
    return 1;
}

/* --- exchange and register ------------------------------------------------------------------------------------- */

/* [-0, +1, v] A call without a grant; the account carries the app's secrets, so that no message can show them. */
static bi_call *push_call(lua_State *L, const bi_endpoint *row) {
    bi_call *call = bi_task_push_call(L, 1, row);
    if (!bi_request_expand(&call->target, row->path, NULL, 0) ||
        !bi_request_expand(&call->path, row->path, NULL, 0))
        luaL_error(L, "not enough memory");
    return call;
}

static void set_content_type(lua_State *L, bi_call *call, const char *type) {
    bi_bytes_add_text(&call->fields, "Content-Type: ");
    bi_bytes_add(&call->fields, type, strlen(type) + 1);
    if (call->fields.failed || call->body.failed)
        luaL_error(L, "not enough memory");
}

/* Credentials go in the form, never as HTTP Basic, and the verifier goes along also with the right secret (API.md). */
int bi_lua_exchange(lua_State *L) {
    lua_settop(L, 2);
    app(L, "exchange");
    bi_options_check(L, 2, "exchange", exchange_fields);
    size_t length, verifier_length;
    const char *redirect = required_text(L, "exchange", "redirect_uri", BI_OPTION_TEXT, &length);
    const char *verifier =
        required_text(L, "exchange", "code_verifier", BI_OPTION_TOKEN, &verifier_length);
    if (!bi_pkce_verifier_is_legal(verifier, verifier_length))
        bi_error_argument(L, "exchange",
                          "code_verifier is not one (RFC 7636: 43 to 128 letters, digits, -._~)");
    const char *code = required_text(L, "exchange", "code", BI_OPTION_TOKEN, &length);
    bi_call *call = push_call(L, &bi_endpoint_token);
    bi_account *account = call->account;
    if (!bi_secret_set(&account->code, code, length) ||
        !bi_secret_set(&account->verifier, verifier, verifier_length))
        return luaL_error(L, "not enough memory");
    const char *const pairs[] = {"grant_type",
                                 "authorization_code",
                                 "code",
                                 code,
                                 "redirect_uri",
                                 redirect,
                                 "client_id",
                                 account->client_id,
                                 "client_secret",
                                 account->client_secret.text,
                                 "code_verifier",
                                 verifier,
                                 NULL};
    call->has_body = true;
    bi_request_pairs(&call->body, pairs);
    set_content_type(L, call, "application/x-www-form-urlencoded");
    return 1;
}

/* RFC 7591, 3.1. */
int bi_lua_register(lua_State *L) {
    lua_settop(L, 2);
    bi_option_check(L, 2, "register", "the client metadata", BI_OPTION_TABLE);
    bi_call *call = push_call(L, &bi_endpoint_register);
    if (!bi_encode_push(L, 2, "metadata"))
        return bi_error_argument(L, "register", "%s", lua_tostring(L, -1));
    size_t length;
    const char *body = lua_tolstring(L, -1, &length);
    call->has_body = true;
    bi_bytes_add(&call->body, body, length);
    set_content_type(L, call, "application/json");
    lua_pop(L, 1);
    return 1;
}
