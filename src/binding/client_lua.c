/* The client userdata of src/binding/client_lua.h: options and environment into configuration, account and network. */
#include "binding/client_lua.h"

#include "binding/account_lua.h"
#include "binding/error_lua.h"
#include "binding/mark.h"
#include "binding/options_lua.h"
#include "core/ascii.h"
#include "core/flight.h"
#include "core/memory.h"
#include "core/url.h"
#include "engine/fork.h"
#include "engine/oclock.h"

#include <stdlib.h>

enum { HTTP_VERSION, CA_FILE, CERT_FILE, KEY_FILE, PROXY };

static const bi_option known_options[] = {
    {"installation_token", BI_OPTION_TOKEN},
    {"grant_id", BI_OPTION_TEXT},
    {"access_token", BI_OPTION_TOKEN},
    {"refresh_token", BI_OPTION_TOKEN},
    {"client_id", BI_OPTION_TEXT},
    {"client_secret", BI_OPTION_TOKEN},
    {"organization_id", BI_OPTION_TEXT},
    {"token_type", BI_OPTION_TEXT},
    {"expires_in", BI_OPTION_COUNT},
    {"expires_at", BI_OPTION_TIME},
    {"scope", BI_OPTION_ANY_TEXT},
    {"base_url", BI_OPTION_TEXT},
    {"dashboard_url", BI_OPTION_TEXT},
    {"api_url", BI_OPTION_TEXT},
    {"mcp_url", BI_OPTION_TEXT},
    {"cdn_url", BI_OPTION_TEXT},
    {"allow_http", BI_OPTION_BOOLEAN},
    {"timeout", BI_OPTION_SECONDS},
    {"connect_timeout", BI_OPTION_SECONDS},
    {"max_retries", BI_OPTION_COUNT},
    {"max_response_bytes", BI_OPTION_SIZE},
    {"max_connections", BI_OPTION_SIZE},
    {"app_info", BI_OPTION_TEXT},
    {"debug", BI_OPTION_BOOLEAN},
    {"http_version", BI_OPTION_TEXT},
    {"ca_file", BI_OPTION_TEXT},
    {"cert_file", BI_OPTION_TEXT},
    {"key_file", BI_OPTION_TEXT},
    {"proxy", BI_OPTION_ANY_TEXT},
    {"on_tokens", BI_OPTION_FUNCTION},
    {"on_revoked", BI_OPTION_FUNCTION},
    {"on_request", BI_OPTION_FUNCTION},
    {"on_response", BI_OPTION_FUNCTION},
    {"preflight", BI_OPTION_BOOLEAN},
    {"store", BI_OPTION_TABLE},
    {"loop", BI_OPTION_TABLE},
    {"transport", BI_OPTION_FUNCTION},
    {"clock", BI_OPTION_FUNCTION},
    {"random", BI_OPTION_FUNCTION},
    {NULL, BI_OPTION_TEXT},
};

static const char *const kept[] = {"on_tokens", "on_revoked", "on_request", "on_response", "store",
                                   "loop",      "transport",  "clock",      "random"};

/* [-0, +0, -] The name of the public function that took the options, for messages: argument 2. */
static const char *where(lua_State *L) {
    return lua_tostring(L, 2);
}

static int out_of_memory(lua_State *L) {
    return luaL_error(L, "not enough memory");
}

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
    bi_network network = {.http_version = client->network[HTTP_VERSION],
                          .ca_file = client->network[CA_FILE],
                          .cert_file = client->network[CERT_FILE],
                          .key_file = client->network[KEY_FILE],
                          .proxy = client->network[PROXY],
                          .max_connections = client->max_connections};
    client->pool = bi_pool_get(engine, &network);
    if (!client->pool)
        out_of_memory(L);
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

/* --- Options --------------------------------------------------------------------------------------------------- */

/* [-0, +1, e] The option, or the variable of the environment, or NULL. Pushes something in every case. */
static const char *text_or_env(lua_State *L, const char *name, const char *variable,
                               size_t *length) {
    const char *text = bi_option_text(L, 1, name, length);
    if (text || !variable)
        return text;
    const char *value = getenv(variable);
    if (!value || !value[0])
        return NULL;
    *length = strlen(value);
    return value;
}

static void copy_text(lua_State *L, char **to, const char *text, size_t length) {
    if (!text)
        return;
    char *copy = bi_copy(text, length);
    if (!copy)
        out_of_memory(L);
    bi_free(*to);
    *to = copy;
}

static void copy_option(lua_State *L, char **to, const char *name) {
    size_t length;
    const char *text = bi_option_text(L, 1, name, &length);
    copy_text(L, to, text, length);
    lua_pop(L, 1);
}

static void copy_secret(lua_State *L, bi_secret *to, const char *name) {
    size_t length;
    const char *text = bi_option_text(L, 1, name, &length);
    if (text && !bi_secret_set(to, text, length))
        out_of_memory(L);
    lua_pop(L, 1);
}

/* A base URL without the slash at its end. */
static void read_host(lua_State *L, char **to, const char *name, const char *variable) {
    size_t length;
    const char *text = text_or_env(L, name, variable, &length);
    if (text) {
        const char *wrong =
            bi_url_check_base(text, length, bi_option_flag(L, 1, "allow_http", false));
        if (wrong && lua_isnil(L, -1))
            bi_error_argument(L, where(L), "%s (from %s) is refused: %s", name, variable, wrong);
        if (wrong)
            bi_error_argument(L, where(L), "%s is refused: %s", name, wrong);
        while (length > 0 && text[length - 1] == '/')
            length--;
        copy_text(L, to, text, length);
    }
    lua_pop(L, 1);
}

static void read_hosts(lua_State *L, bi_config *config) {
    read_host(L, &config->hosts[BI_HOST_DASHBOARD], "base_url", "BETTER_I18N_BASE_URL");
    read_host(L, &config->hosts[BI_HOST_API], "base_url", "BETTER_I18N_BASE_URL");
    read_host(L, &config->hosts[BI_HOST_DASHBOARD], "dashboard_url", NULL);
    read_host(L, &config->hosts[BI_HOST_API], "api_url", NULL);
    read_host(L, &config->hosts[BI_HOST_MCP], "mcp_url", "BETTER_I18N_MCP_URL");
    read_host(L, &config->hosts[BI_HOST_CDN], "cdn_url", "BETTER_I18N_CDN_URL");
}

static int64_t milliseconds(double seconds) {
    double value = seconds * 1000;
    return value < 1 ? 1 : (int64_t)value;
}

static void read_agent(lua_State *L, bi_config *config) {
    size_t length;
    const char *info = bi_option_text(L, 1, "app_info", &length);
    lua_pushfstring(L, "better-i18n-lua/" BI_VERSION " (" LUA_VERSION ")%s%s", info ? " " : "",
                    info ? info : "");
    const char *agent = lua_tolstring(L, -1, &length);
    copy_text(L, &config->user_agent, agent, length);
    lua_pop(L, 2);
}

static bool has(lua_State *L, const char *name) {
    bi_option_get(L, 1, name);
    bool given = !lua_isnil(L, -1);
    lua_pop(L, 1);
    return given;
}

static void read_config(lua_State *L, bi_config *config) {
    read_hosts(L, config);
    read_agent(L, config);
    config->timeout = milliseconds(bi_option_number(L, 1, "timeout", 30));
    config->connect_timeout = milliseconds(bi_option_number(L, 1, "connect_timeout", 5));
    double retries = bi_option_number(L, 1, "max_retries", 2);
    config->max_retries = retries > 100 ? 100 : (unsigned)retries;
    config->max_response_bytes = (size_t)bi_option_number(L, 1, "max_response_bytes", 64 << 20);
    const char *debug = getenv("BETTER_I18N_DEBUG");
    config->preflight = bi_option_flag(L, 1, "preflight", true);
    config->debug = bi_option_flag(L, 1, "debug", debug && strcmp(debug, "1") == 0);
    config->on_tokens = has(L, "on_tokens");
    config->on_revoked = has(L, "on_revoked");
    config->on_request = has(L, "on_request");
    config->on_response = has(L, "on_response");
}

static void check_http_version(lua_State *L, const char *version) {
    if (version && strcmp(version, "auto") != 0 && strcmp(version, "1.1") != 0 &&
        strcmp(version, "2") != 0)
        bi_error_argument(L, where(L), "http_version must be \"auto\", \"1.1\" or \"2\"");
}

/* May be empty: no proxy, not even the environment's. */
static void check_proxy(lua_State *L) {
    size_t length;
    const char *proxy = bi_option_text(L, 1, "proxy", &length);
    for (size_t i = 0; proxy && i < length; i++)
        if (bi_ascii_is_control(proxy[i]))
            bi_error_argument(L, where(L), "proxy must not hold control characters");
    lua_pop(L, 1);
}

static void read_network(lua_State *L, bi_client *client) {
    static const char *const names[] = {"http_version", "ca_file", "cert_file", "key_file",
                                        "proxy"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        copy_option(L, &client->network[i], names[i]);
    check_http_version(L, client->network[HTTP_VERSION]);
    check_proxy(L);
    if (client->network[KEY_FILE] && !client->network[CERT_FILE])
        bi_error_argument(L, where(L), "cert_file is missing: a key_file alone is of no use");
    client->max_connections = (long)bi_option_number(L, 1, "max_connections", 64);
}

/* The app's secret belongs to the app's id: one from the environment is not paired with another app's id. */
static void read_app(lua_State *L, bi_account *account) {
    size_t length;
    const char *variable = getenv("BETTER_I18N_CLIENT_ID");
    const char *id = text_or_env(L, "client_id", "BETTER_I18N_CLIENT_ID", &length);
    copy_text(L, &account->client_id, id, length);
    lua_pop(L, 1);
    bool same_app = !variable || !variable[0] || (id && strcmp(account->client_id, variable) == 0);
    const char *secret =
        text_or_env(L, "client_secret", same_app ? "BETTER_I18N_CLIENT_SECRET" : NULL, &length);
    if (secret && !bi_token_is_sendable(secret, length))
        bi_error_argument(L, where(L), "client_secret has characters that no header may carry");
    if (secret && !bi_secret_set(&account->client_secret, secret, length))
        out_of_memory(L);
    lua_pop(L, 1);
}

/* Lifetime of the given token in milliseconds; -1 when unknown. expires_at survives being stored, so it counts first. */
static int64_t read_lifetime(lua_State *L, bi_now now) {
    double at = bi_option_number(L, 1, "expires_at", -1);
    double in = bi_option_number(L, 1, "expires_in", -1);
    if (at < 0)
        return in < 0 ? -1 : (int64_t)(in * 1000);
    int64_t left = (int64_t)(at * 1000) - now.wall;
    return left > 0 ? left : 0;
}

static void take_token(lua_State *L, bi_token *token, const char *name, bi_now now) {
    int64_t lifetime =
        read_lifetime(L, now); /* first: it may raise, and then nothing is held here */
    bi_secret secret = {0};
    copy_secret(L, &secret, name);
    if (bi_secret_is_set(&secret))
        bi_token_take(token, &secret, lifetime, now);
}

static void read_store(lua_State *L, bi_account *account) {
    bi_option_get(L, 1, "store");
    account->has_store = lua_istable(L, -1);
    if (account->has_store) {
        bi_option_get(L, -1, "keeps_installation_tokens");
        account->keeps_installation = lua_isnil(L, -1) || lua_toboolean(L, -1);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* What the service granted, as exchange() gave it. */
static void read_scope(lua_State *L, bi_account *account) {
    size_t length;
    const char *scope = bi_option_text(L, 1, "scope", &length);
    if (scope && length > 0 && !bi_names_split(&account->scopes, scope, length))
        out_of_memory(L);
    lua_pop(L, 1);
}

static void read_account(lua_State *L, bi_account *account) {
    bi_now now = bi_read_now(L, 3);
    read_store(L, account);
    read_app(L, account);
    copy_option(L, &account->grant_id, "grant_id");
    copy_option(L, &account->organization_id, "organization_id");
    copy_secret(L, &account->refresh, "refresh_token");
    take_token(L, &account->access, "access_token", now);
    take_token(L, &account->installation, "installation_token", now);
    read_scope(L, account);
    const char *wrong = bi_account_complaint(account);
    if (wrong)
        bi_error_argument(L, where(L), "%s", wrong);
    account->era = bi_fork_generation();
    bi_account_note_seed(account);
}

/* An installation token alone is a key of its own, which nobody shares. */
static void name_account(lua_State *L, const bi_client *client) {
    bool renews = !bi_secret_is_set(&client->account->installation.secret);
    if (renews && !bi_account_name(client->account, bi_config_base(client->config, BI_HOST_API)))
        out_of_memory(L);
}

/* [-0, +1, v] The box first, so that whatever raises behind it leaks nothing; then its uservalue. */
static bi_client *push_client(lua_State *L) {
    bi_client *client = bi_newuserdata(L, sizeof *client);
    client->mark = &mark;
    luaL_setmetatable(L, BI_CLIENT_CLASS);
    client->has_transport = has(L, "transport");
    lua_createtable(L, 0, 10);
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        bi_option_get(L, 1, kept[i]);
        lua_setfield(L, -2, kept[i]);
    }
    bi_setuservalue(L, -2);
    client->config = bi_config_new();
    client->account = bi_account_new();
    if (!client->config || !client->account)
        out_of_memory(L);
    read_config(L, client->config);
    read_network(L, client);
    return client;
}

static void check_options(lua_State *L) {
    lua_settop(L, 4);
    bi_option_check(L, 1, where(L), "the table of options", BI_OPTION_TABLE);
    bi_options_check(L, 1, where(L), known_options);
}

int bi_lua_client_new(lua_State *L) {
    check_options(L);
    bi_client *client = push_client(L);
    read_account(L, client->account);
    name_account(L, client);
    bi_account_share(L, lua_gettop(L), bi_read_now(L, 3));
    return 1;
}

int bi_lua_client_bare(lua_State *L) {
    check_options(L);
    bi_client *client = push_client(L);
    read_app(L, client->account);
    bi_account_share(L, lua_gettop(L), bi_clock_read());
    return 1;
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
