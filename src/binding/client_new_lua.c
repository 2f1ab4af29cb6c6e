/* What new() and bare() make of options and environment: the configuration, the account and the network of a client
 * (src/binding/client_lua.h). */
#include "binding/client_lua.h"

#include "binding/account_lua.h"
#include "binding/error_lua.h"
#include "binding/options_lua.h"
#include "core/ascii.h"
#include "core/memory.h"
#include "core/url.h"
#include "engine/fork.h"
#include "engine/oclock.h"

#include <stdlib.h>

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
    check_http_version(L, client->network[BI_HTTP_VERSION]);
    check_proxy(L);
    if (client->network[BI_KEY_FILE] && !client->network[BI_CERT_FILE])
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
    bi_client *client = bi_client_box(L);
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
