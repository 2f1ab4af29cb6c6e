/* Reading the arguments of calls (src/binding/call_lua.h): path, body, options. */
#include "binding/call_lua.h"

#include "binding/call_parts.h"
#include "binding/encode_lua.h"
#include "binding/error_lua.h"
#include "binding/options_lua.h"
#include "binding/task_lua.h"
#include "core/ascii.h"
#include "core/near.h"
#include "core/page.h"
#include "core/request.h"

#include <stdio.h>

#define ARGUMENTS_MOST 8 /* client, row, and more than any row takes */

static const bi_option call_options[] = {
    {"timeout", BI_OPTION_SECONDS}, {"max_retries", BI_OPTION_COUNT}, {"headers", BI_OPTION_TABLE},
    {"query", BI_OPTION_TABLE},     {"signal", BI_OPTION_SIGNAL},     {NULL, BI_OPTION_TEXT},
};

static const bi_option list_options[] = {
    {"timeout", BI_OPTION_SECONDS}, {"max_retries", BI_OPTION_COUNT}, {"headers", BI_OPTION_TABLE},
    {"query", BI_OPTION_TABLE},     {"limit", BI_OPTION_SIZE},        {"cursor", BI_OPTION_TEXT},
    {"signal", BI_OPTION_SIGNAL},   {NULL, BI_OPTION_TEXT},
};

static const bi_option file_options[] = {
    {"timeout", BI_OPTION_SECONDS}, {"max_retries", BI_OPTION_COUNT}, {"headers", BI_OPTION_TABLE},
    {"query", BI_OPTION_TABLE},     {"signal", BI_OPTION_SIGNAL},     {"namespace", BI_OPTION_TEXT},
    {NULL, BI_OPTION_TEXT},
};

static const bi_option custom_options[] = {
    {"timeout", BI_OPTION_SECONDS},   {"max_retries", BI_OPTION_COUNT},
    {"headers", BI_OPTION_TABLE},     {"query", BI_OPTION_TABLE},
    {"body", BI_OPTION_BODY},         {"token", BI_OPTION_TEXT},
    {"content_type", BI_OPTION_TEXT}, {"raw", BI_OPTION_BOOLEAN},
    {"signal", BI_OPTION_SIGNAL},     {NULL, BI_OPTION_TEXT},
};

/* --- Path ------------------------------------------------------------------------------------------------------ */

/* [-0, +1, m] BCP 47 knows no case; the service writes lower case (API.md). */
static void push_lower(lua_State *L, int index) {
    size_t length;
    const char *text = lua_tolstring(L, index, &length);
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    for (size_t i = 0; i < length; i++)
        luaL_addchar(&buffer, bi_ascii_lower(text[i]));
    luaL_pushresult(&buffer);
}

static void check_part(lua_State *L, const char *where, const char *name, const bi_span *part) {
    const char *wrong = bi_url_check_part(part->text, part->length);
    if (wrong)
        bi_error_argument(L, where, "%s is refused: %s", name, wrong);
}

/* [-0, +1, v] One argument as one part; what it borrows stays on the stack. */
static void read_part(lua_State *L, const char *where, const char *name, int argument,
                      bi_span *part) {
    bi_option_check(L, argument, where, name, BI_OPTION_ANY_TEXT);
    if (strcmp(name, "locale") == 0)
        push_lower(L, argument);
    else
        lua_pushvalue(L, argument);
    part->text = lua_tolstring(L, -1, &part->length);
    check_part(L, where, name, part);
}

/* [-0, +0, v] The project as the two parts that it is. */
static void read_project(lua_State *L, const char *where, int argument, bi_span parts[2]) {
    size_t length;
    bi_option_check(L, argument, where, "project", BI_OPTION_ANY_TEXT);
    const char *text = lua_tolstring(L, argument, &length);
    const char *wrong = bi_url_split_project(text, length, parts);
    if (wrong)
        bi_error_argument(L, where, "project is refused: %s", wrong);
}

/* [-0, +1, v] The option of the table at `options`, if that is one; the CDN calls the default `translations`. */
static void read_namespace(lua_State *L, const char *where, int options, bi_span *part) {
    *part = (bi_span){"translations", 12};
    if (!lua_istable(L, options)) {
        lua_pushnil(L);
        return;
    }
    bi_option_get(L, options, "namespace");
    if (lua_isnil(L, -1))
        return;
    bi_option_check(L, lua_gettop(L), where, "namespace", BI_OPTION_TEXT);
    size_t length;
    const char *text = lua_tolstring(L, -1, &length);
    if (length != 7 || memcmp(text, "default", 7) != 0)
        *part = (bi_span){text, length};
    check_part(L, where, "namespace", part);
}

static bi_span own_grant(lua_State *L, const bi_call *call) {
    if (!call->account->grant_id)
        bi_error_argument(L, call->endpoint.name,
                          "grant_id is missing: the client was made without one; give it to new()");
    return (bi_span){call->account->grant_id, strlen(call->account->grant_id)};
}

/* Reads the arguments from *argument on as the parts of the row's path, in its order; the grant is our own. */
static void read_path(lua_State *L, bi_call *call, int *argument) {
    const char *where = call->endpoint.name;
    bi_span parts[4];
    size_t count = 0;
    for (const char *at = strchr(call->endpoint.path, '{'); at; at = strchr(at + 1, '{')) {
        char name[24] = "";
        memcpy(name, at + 1, strcspn(at + 1, "}"));
        if (strcmp(name, "grant_id") == 0)
            parts[count++] = own_grant(L, call);
        else if (strcmp(name, "namespace") == 0)
            read_namespace(L, where, *argument, &parts[count++]);
        else if (strcmp(name, "org") == 0)
            read_project(L, where, (*argument)++, &parts[count++]);
        else if (strcmp(name, "project") == 0)
            count++; /* read with its organization */
        else
            read_part(L, where, name, (*argument)++, &parts[count++]);
    }
    bi_request_expand(&call->target, call->endpoint.path, parts, count);
    check_memory(L, &call->target);
    bi_bytes_add(&call->path, bi_bytes_text(&call->target), call->target.length);
    check_memory(L, &call->path);
}

/* --- Body ------------------------------------------------------------------------------------------------------ */

static bool has_content_type(const bi_bytes *fields) {
    for (size_t at = 0; at < fields->length; at += strlen(fields->data + at) + 1)
        if (bi_ascii_is(fields->data + at, strcspn(fields->data + at, ":"), "content-type"))
            return true;
    return false;
}

static void take_body(lua_State *L, bi_call *call, int index, const char *type) {
    size_t length;
    const char *text = lua_tolstring(L, index, &length);
    call->has_body = true;
    bi_bytes_add(&call->body, text, length);
    check_memory(L, &call->body);
    if (type && !has_content_type(&call->fields))
        bi_call_add_header(L, call, "Content-Type", 12, type, strlen(type));
}

/* The table at `index` as JSON. */
static void encode_body(lua_State *L, bi_call *call, int index, const char *name) {
    if (!bi_encode_push(L, index, name))
        bi_error_argument(L, call->endpoint.name, "%s", lua_tostring(L, -1));
    take_body(L, call, lua_gettop(L), "application/json");
    lua_pop(L, 1);
}

/* [-0, +?, e] The field that was meant may be there under another name. */
static void refuse_missing(lua_State *L, const char *where, int index, const char *field) {
    lua_pushnil(L);
    while (lua_next(L, index)) {
        if (lua_type(L, -2) == LUA_TSTRING && bi_is_near(lua_tostring(L, -2), field))
            bi_error_argument(L, where, "%s is missing; did you mean it by '%s'?", field,
                              lua_tostring(L, -2));
        lua_pop(L, 1);
    }
    bi_error_argument(L, where, "%s is missing", field);
}

/* The fields of an array are looked for first: a missing one is named, and nothing is sent. */
static void read_payload(lua_State *L, bi_call *call, int index) {
    const char *where = call->endpoint.name;
    if (!lua_istable(L, index))
        bi_error_argument(L, where, "the payload must be a table, not %s", luaL_typename(L, index));
    for (int i = 0; i < BI_ENDPOINT_FIELDS && call->endpoint.fields[i]; i++) {
        const char *field = call->endpoint.fields[i];
        bi_option_get(L, index, field); /* raw, as the encoder reads it */
        if (lua_isnil(L, -1))
            refuse_missing(L, where, index, field);
        if (lua_type(L, -1) != LUA_TSTRING)
            bi_error_argument(L, where, "%s must be a string, not %s", field, luaL_typename(L, -1));
        if (lua_rawlen(L, -1) == 0)
            bi_error_argument(L, where, "%s must not be empty", field);
        lua_pop(L, 1);
    }
    encode_body(L, call, index, "payload");
}

static void read_fields(lua_State *L, bi_call *call, int *argument) {
    lua_createtable(L, 0, BI_ENDPOINT_FIELDS);
    int table = lua_gettop(L);
    for (int i = 0; i < BI_ENDPOINT_FIELDS && call->endpoint.fields[i]; i++, ++*argument) {
        bi_option_check(L, *argument, call->endpoint.name, call->endpoint.fields[i],
                        BI_OPTION_TEXT);
        if (call->endpoint.language)
            push_lower(L, *argument);
        else
            lua_pushvalue(L, *argument);
        lua_setfield(L, table, call->endpoint.fields[i]);
    }
    encode_body(L, call, table, "body");
    lua_pop(L, 1);
}

/* --- Per-call options ------------------------------------------------------------------------------------------ */

/* [-1, +0, v] Runs `read` on the option on the top when there is one. */
static void read_option(lua_State *L, int options, const char *name, bi_call *call,
                        void (*read)(lua_State *, bi_call *)) {
    bi_option_get(L, options, name);
    if (!lua_isnil(L, -1))
        read(L, call);
    lua_pop(L, 1);
}

static void read_common(lua_State *L, bi_call *call, int options) {
    double timeout = bi_option_number(L, options, "timeout", 0);
    double retries = bi_option_number(L, options, "max_retries", -1);
    if (timeout > 0)
        call->timeout = timeout < 0.001 ? 1 : (int64_t)(timeout * 1000);
    if (retries >= 0)
        call->exchange.max_retries = retries > 100 ? 100 : (unsigned)retries;
    read_option(L, options, "query", call, bi_call_read_query);
    read_option(L, options, "headers", call, bi_call_read_headers);
}

static void read_list_position(lua_State *L, bi_call *call, int options) {
    size_t length = 0;
    double limit = bi_option_number(L, options, "limit", 0);
    if (limit > 0) {
        char digits[24];
        snprintf(digits, sizeof digits, "%.0f", limit);
        bi_url_add_query(&call->target, "limit", 5, digits, strlen(digits));
    }
    const char *cursor = bi_option_text(L, options, "cursor", &length);
    const char *wrong =
        cursor ? bi_page_apply(&call->target, bi_config_base(call->config, BI_HOST_API), cursor,
                               length)
               : NULL;
    if (wrong)
        bi_error_argument(L, call->endpoint.name, "cursor is refused: %s", wrong);
    lua_pop(L, 1);
    check_memory(L, &call->target);
}

static const bi_option *options_of(const bi_endpoint *row) {
    if (row->list)
        return list_options;
    return row->namespaced ? file_options : call_options;
}

/* The table of options at `argument`, and nothing behind it. */
static void read_options(lua_State *L, bi_call *call, int argument, int last) {
    const char *where = call->endpoint.name;
    if (last > argument)
        bi_error_argument(L, where, "too many arguments: it takes at most %d, not %d", argument - 2,
                          last - 2);
    if (last < argument || lua_isnil(L, argument))
        return;
    bi_call_read_options(L, call, argument, options_of(&call->endpoint));
    if (call->endpoint.list)
        read_list_position(L, call, argument);
}

void bi_call_read_options(lua_State *L, bi_call *call, int index, const bi_option *known) {
    if (lua_isnil(L, index))
        return;
    bi_option_check(L, index, call->endpoint.name, "the table of options", BI_OPTION_TABLE);
    bi_options_check(L, index, call->endpoint.name, known);
    read_common(L, call, index);
}

int bi_call_return(lua_State *L, int options, int task) {
    lua_settop(L, task);
    if (options > 2 && lua_istable(L, options))
        bi_option_get(L, options, "signal");
    else
        lua_pushnil(L);
    bi_getuservalue(L, task);
    return 3;
}

int bi_lua_call(lua_State *L) {
    size_t row = (size_t)luaL_checkinteger(L, 2) - 1;
    luaL_argcheck(L, row < bi_endpoint_count, 2, "no such endpoint");
    bi_client_check(L, 1, bi_endpoints[row].name);
    int argument = 3, last = lua_gettop(L);
    luaL_checkstack(L, 30 + ARGUMENTS_MOST, "arguments");
    if (last < ARGUMENTS_MOST) /* so that what is missing is nil */
        lua_settop(L, ARGUMENTS_MOST);
    int task = lua_gettop(L) + 1;
    bi_call *call = bi_task_push_call(L, 1, &bi_endpoints[row]);
    read_path(L, call, &argument);
    if (call->endpoint.body == BI_BODY_TABLE)
        read_payload(L, call, argument++);
    else if (call->endpoint.body == BI_BODY_POSITIONAL)
        read_fields(L, call, &argument);
    read_options(L, call, argument, last);
    return bi_call_return(L, last, task);
}

/* --- client:request -------------------------------------------------------------------------------------------- */

static const char *const methods[] = {"GET",  "HEAD", "OPTIONS", "DELETE",
                                      "POST", "PUT",  "PATCH",   NULL};
#define SAFE_METHODS 4 /* the first four may be repeated (DESIGN.md, "Retries") */

static void read_method(lua_State *L, bi_call *call) {
    size_t length;
    bi_option_check(L, 2, "request", "method", BI_OPTION_TEXT);
    const char *method = lua_tolstring(L, 2, &length);
    for (int i = 0; methods[i]; i++)
        if (bi_ascii_is(method, length, methods[i])) {
            call->endpoint.method = methods[i];
            call->endpoint.safety = i < SAFE_METHODS ? BI_SAFETY_READ : BI_SAFETY_WRITE;
            return;
        }
    bi_error_argument(L, "request",
                      "method must be GET, HEAD, OPTIONS, DELETE, POST, PUT or PATCH");
}

static void read_target(lua_State *L, bi_call *call) {
    size_t length;
    bi_option_check(L, 3, "request", "path", BI_OPTION_TEXT);
    const char *path = lua_tolstring(L, 3, &length);
    const char *wrong = bi_url_check_path(path, length);
    if (wrong)
        bi_error_argument(L, "request", "path is refused: %s", wrong);
    bi_bytes_add(&call->target, path, length);
    bi_bytes_add(&call->path, path, strcspn(path, "?"));
    check_memory(L, &call->target);
    check_memory(L, &call->path);
}

static void read_token_kind(lua_State *L, bi_call *call, int options) {
    size_t length;
    const char *kind = bi_option_text(L, options, "token", &length);
    if (!kind || strcmp(kind, "installation") == 0)
        call->endpoint.token = BI_TOKEN_INSTALLATION;
    else if (strcmp(kind, "access") == 0)
        call->endpoint.token = BI_TOKEN_ACCESS;
    else if (strcmp(kind, "none") == 0)
        call->endpoint.token = BI_TOKEN_NONE;
    else
        bi_error_argument(L, "request", "token must be \"installation\", \"access\" or \"none\"");
    lua_pop(L, 1);
}

static void read_custom_body(lua_State *L, bi_call *call, int options) {
    size_t length;
    const char *type = bi_option_text(L, options, "content_type", &length);
    bi_option_get(L, options, "body");
    int body = lua_gettop(L);
    if (!lua_isnil(L, body) && call->endpoint.safety == BI_SAFETY_READ &&
        strcmp(call->endpoint.method, "DELETE") != 0)
        bi_error_argument(L, "request", "body: a %s request has none", call->endpoint.method);
    if (type && has_content_type(&call->fields))
        bi_error_argument(L, "request",
                          "content_type is given twice, as an option and as a header");
    if (lua_istable(L, body)) {
        if (type)
            bi_error_argument(L, "request",
                              "content_type goes with a string body; a table is sent as JSON");
        encode_body(L, call, body, "body");
    } else if (lua_isstring(L, body)) {
        if (!type && !has_content_type(&call->fields))
            bi_error_argument(L, "request",
                              "content_type is missing: a string body goes out as it is");
        take_body(L, call, body, type);
    } else if (type)
        bi_error_argument(L, "request", "content_type is given, but no body");
    lua_pop(L, 2);
}

int bi_lua_custom(lua_State *L) {
    bi_client_check(L, 1, "request");
    int last = lua_gettop(L);
    if (last > 4)
        bi_error_argument(L, "request", "too many arguments: it takes at most 3, not %d", last - 1);
    lua_settop(L, 4);
    bi_call *call = bi_task_push_call(L, 1, &bi_endpoint_request);
    read_method(L, call);
    read_target(L, call);
    if (!lua_isnil(L, 4)) {
        bi_option_check(L, 4, "request", "the table of options", BI_OPTION_TABLE);
        bi_options_check(L, 4, "request", custom_options);
        read_common(L, call, 4);
        read_token_kind(L, call, 4);
        call->raw = bi_option_flag(L, 4, "raw", false);
        read_custom_body(L, call, 4);
    }
    return bi_call_return(L, 4, 5);
}

int bi_lua_endpoints(lua_State *L) {
    lua_createtable(L, (int)bi_endpoint_count, 0);
    for (size_t i = 0; i < bi_endpoint_count; i++) {
        lua_pushstring(L, bi_endpoints[i].name);
        lua_rawseti(L, -2, (int)i + 1);
    }
    return 1;
}
