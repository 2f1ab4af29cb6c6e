/* Building results (src/binding/answer_lua.h). Where the items of a list stand, and what says that it goes on, is looked
 * up in the decoded table; what that means is decided in core/page.c. */
#include "binding/answer_lua.h"

#include "binding/error_lua.h"
#include "binding/fields_lua.h"
#include "binding/json_lua.h"
#include "binding/mcp_lua.h"
#include "core/headers.h"
#include "core/page.h"
#include "core/reply.h"
#include "engine/oclock.h"

static void set_number(lua_State *L, const char *name, double value) {
    lua_pushnumber(L, (lua_Number)value);
    lua_setfield(L, -2, name);
}

static void set_integer(lua_State *L, const char *name, int64_t value) {
    bi_pushinteger(L, value);
    lua_setfield(L, -2, name);
}

static void set_text(lua_State *L, const char *name, const char *text) {
    lua_pushstring(L, text); /* NULL pushes nil */
    lua_setfield(L, -2, name);
}

static void set_request_id(lua_State *L, bi_exchange *x) {
    const char *id = bi_exchange_request_id(x);
    if (id[0])
        set_text(L, "request_id", id);
}

/* [-0, +1, m] */
static void push_response(lua_State *L, const bi_task *task) {
    bi_call *call = task->call;
    bi_exchange *x = &call->exchange;
    lua_createtable(L, 0, call->endpoint.list ? 8 : 4);
    set_integer(L, "attempts", x->attempts);
    set_number(L, "elapsed", (double)(task->now.mono - call->started) / 1000);
    if (x->answer.status == 0) /* answered without a request */
        return;
    set_integer(L, "status", x->answer.status);
    set_request_id(L, x);
    bi_fields_promise(L, &x->answer.fields);
    if (!bi_call_is_cached(call))
        return;
    lua_pushboolean(L, true);
    lua_setfield(L, -2, "cached");
}

/* --- Lists ----------------------------------------------------------------------------------------------------- */

/* [-0, +0 or 1, e] Pushes the member when it is an array (or a table that could be one). */
static bool push_items(lua_State *L, int body, const char *name) {
    lua_getfield(L, body, name);
    if (lua_istable(L, -1) && bi_is_array(L, -1))
        return true;
    lua_pop(L, 1);
    return false;
}

/* [-0, +1, e] The items of the decoded body at `body`: itself, or under the envelope's names (API.md). */
static bool find_items(lua_State *L, int body, const char *own) {
    static const char *const names[] = {"organizations", "projects", "data", "items"};
    if (!lua_istable(L, body))
        return false;
    if (bi_is_array(L, body)) {
        lua_pushvalue(L, body);
        return true;
    }
    if (own && push_items(L, body, own))
        return true;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (push_items(L, body, names[i]))
            return true;
    return false;
}

static int64_t number_member(lua_State *L, int body, const char *name) {
    int64_t value = -1;
    lua_getfield(L, body, name);
    if (!bi_tointeger(L, -1, &value) || value < 0)
        value = -1;
    lua_pop(L, 1);
    return value;
}

static int flag_member(lua_State *L, int body, const char *camel, const char *snake) {
    lua_getfield(L, body, camel);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_getfield(L, body, snake);
    }
    int flag = lua_isboolean(L, -1) ? lua_toboolean(L, -1) : -1;
    lua_pop(L, 1);
    return flag;
}

/* [-0, +1, e] The cursor stays on the stack, because `page` borrows it. null is an absent member, so a list that pages
 * by cursor and has come to its end shows none: then nothing else may be taken for a next page either, unless said. */
static void find_cursor(lua_State *L, int body, bi_page *page) {
    lua_getfield(L, body, "nextCursor");
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_getfield(L, body, "next_cursor");
    }
    if (lua_type(L, -1) != LUA_TSTRING && lua_type(L, -1) != LUA_TNUMBER)
        return;
    page->has_cursor_member = true;
    page->cursor.text = lua_tolstring(L, -1, &page->cursor.length);
}

/* [-0, +0, e] The response table is on the top, body and items below at the given places. */
static void set_position(lua_State *L, const bi_call *call, int body, int items, bi_bytes *next) {
    int response = lua_gettop(L);
    const char *query = strchr(bi_bytes_text(&call->target), '?');
    bi_page page = {.fields = &call->exchange.answer.fields,
                    .asked = {query ? query + 1 : "", query ? strlen(query + 1) : 0},
                    .page = -1,
                    .limit = -1,
                    .total = -1,
                    .has_more = -1,
                    .count = lua_rawlen(L, items)};
    if (!bi_is_array(L, body)) {
        page.page = number_member(L, body, "page");
        page.limit = number_member(L, body, "limit");
        page.total = number_member(L, body, "total");
        page.has_more = flag_member(L, body, "hasMore", "has_more");
        find_cursor(L, body, &page);
    }
    if (!bi_page_next(next, &page))
        luaL_error(L, "not enough memory");
    lua_pushvalue(L, body);
    lua_setfield(L, response, "body");
    if (page.total >= 0) {
        bi_pushinteger(L, page.total);
        lua_setfield(L, response, "total");
    }
    if (next->length) {
        lua_pushlstring(L, next->data, next->length);
        lua_setfield(L, response, "next");
        int64_t ahead = bi_page_ahead(&page);
        if (ahead > 0) {
            bi_pushinteger(L, ahead);
            lua_setfield(L, response, "ahead");
        }
    }
    lua_settop(L, response);
}

int bi_lua_page_skip(lua_State *L) {
    size_t length;
    char to[BI_PAGE_NUMBERED];
    const char *next = luaL_checklstring(L, 1, &length);
    if (!bi_page_skip(to, next, length, (int64_t)luaL_checkinteger(L, 2)))
        return 0;
    lua_pushstring(L, to);
    return 1;
}

/* --- The end of a task ----------------------------------------------------------------------------------------- */

/* Raises; the memory of the task is not left to the collector, which does not see how much it is. */
static int fail(lua_State *L, bi_task *task, const bi_failure *failure) {
    if (bi_failure_is(failure, BI_CODE_MEMORY))
        bi_error_raise(L, failure);
    bi_error_push(L, failure);
    bi_task_clear(task);
    return lua_error(L);
}

static int reject(lua_State *L, bi_task *task, const char *why) {
    bi_reject(&task->call->exchange, why);
    return fail(L, task, &task->call->exchange.failure);
}

/* [-0, +1, e] The body as Lua has it; raises when it is not what it should be. */
static void push_body(lua_State *L, bi_task *task) {
    bi_call *call = task->call;
    const bi_bytes *body = bi_call_body(call);
    if (call->raw) {
        lua_pushlstring(L, bi_bytes_text(body), body->length);
        return;
    }
    if (body->length == 0) {
        lua_pushboolean(L, true);
        return;
    }
    const char *failure;
    size_t offset;
    if (bi_json_push(L, body->data, body->length, &failure, &offset))
        return;
    lua_pushfstring(L, "it is not JSON: %s at byte %d", failure, (int)offset + 1);
    reject(L, task, lua_tostring(L, -1));
}

static void finish_list(lua_State *L, bi_task *task, int body) {
    bi_call *call = task->call;
    if (!find_items(L, body, call->endpoint.items))
        reject(L, task, "no list of items was found in it");
    int items = lua_gettop(L);
    push_response(L, task);
    set_position(L, call, body, items,
                 &call->body); /* the request's body is spent: its memory serves once more */
}

/* [-0, +0, e] Whether the object at `file` is the CDN's way to say that there is none. */
static bool is_miss(lua_State *L, int file) {
    lua_pushnil(L);
    bool is_empty = lua_next(L, file) == 0;
    if (!is_empty)
        lua_pop(L, 2);
    lua_getfield(L, file, "fallback");
    bool is_fallback = lua_isboolean(L, -1) && lua_toboolean(L, -1);
    lua_pop(L, 1);
    return bi_cdn_is_miss(is_empty, is_fallback);
}

/* [-1, +1, e] A file of the CDN is on the top: nil takes its place when there is none, or when the caller asked himself
 * whether it has changed and it has not. */
static void finish_file(lua_State *L, bi_task *task) {
    bi_call *call = task->call;
    int file = lua_gettop(L);
    bool is_absent = call->exchange.answer.status == 304 && !bi_call_is_cached(call);
    if (!is_absent && (!lua_istable(L, file) || bi_is_array(L, file)))
        reject(L, task, "it is no JSON object");
    if (!is_absent) {
        is_absent = is_miss(L, file);
        bi_call_remember(call, is_absent);
    }
    if (is_absent) {
        lua_pop(L, 1);
        lua_pushnil(L);
    }
}

static void set_expiry(lua_State *L, const bi_token *token, bi_now now) {
    if (token->expires == BI_NEVER || !bi_secret_is_set(&token->secret))
        return;
    int64_t left = token->expires > now.mono ? token->expires - now.mono : 0;
    set_integer(L, "expires_in", left / 1000);
    set_integer(L, "expires_at", (now.wall + left) / 1000);
}

/* The names joined by spaces, as `scope` has them (RFC 6749, 3.3). */
static void set_joined(lua_State *L, const char *name, const bi_names *names) {
    if (!names->known || names->count == 0)
        return;
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    for (size_t i = 0; i + 1 < names->list.length; i++)
        luaL_addchar(&buffer, names->list.data[i] ? names->list.data[i] : ' ');
    luaL_pushresult(&buffer);
    lua_setfield(L, -2, name);
}

/* [-0, +1, m] */
static void push_tokens(lua_State *L, const bi_account *account, bi_now now) {
    lua_createtable(L, 0, 7);
    set_text(L, "access_token", account->access.secret.text);
    set_text(L, "refresh_token", account->refresh.text);
    set_text(L, "grant_id", account->grant_id);
    set_text(L, "token_type", "Bearer");
    set_expiry(L, &account->access, now);
    set_joined(L, "scope", &account->scopes);
}

/* [-0, +1, e] The tokens of an exchange are the user's to keep: here alone they become Lua strings. The account holds
 * them meanwhile, so that nothing is left behind when a push raises. */
static void push_exchanged(lua_State *L, bi_task *task) {
    bi_call *call = task->call;
    bi_now now = task->now;
    bi_account *account = call->account;
    bi_token_reply reply = {0};
    const char *wrong = bi_token_reply_read(&reply, &call->exchange.answer.body, now);
    if (!wrong && !bi_secret_is_set(&reply.access_token))
        wrong = "it holds no access_token";
    char grant_id[sizeof reply.grant_id];
    memcpy(grant_id, reply.grant_id, sizeof grant_id);
    bi_secret_move(&account->refresh, &reply.refresh_token);
    if (!wrong)
        bi_token_take(&account->access, &reply.access_token, reply.lifetime, now);
    bi_names_clear(&account->scopes);
    account->scopes = reply.scopes;
    reply.scopes = (bi_names){0};
    bi_token_reply_clear(&reply);
    if (wrong && strcmp(wrong, BI_CODE_MEMORY) == 0)
        luaL_error(L, "not enough memory");
    if (wrong)
        reject(L, task, wrong);
    push_tokens(L, account, now);
    if (grant_id[0])
        set_text(L, "grant_id", grant_id);
}

static void finish_exchange(lua_State *L, bi_task *task) {
    push_exchanged(L, task);
    push_response(L, task);
    if (!bi_secret_is_set(&task->call->account->refresh))
        set_text(
            L, "warning",
            "no refresh_token came, so the connection ends with the access token; ask for the scope "
            "offline_access, which authorize adds unless offline = false");
}

static void set_names(lua_State *L, const char *name, const bi_names *names) {
    if (!names->known)
        return;
    lua_createtable(L, (int)names->count, 0);
    bi_array_mark(L, -1);
    const char *at = bi_bytes_text(&names->list);
    for (unsigned i = 1; i <= names->count; i++, at += strlen(at) + 1) {
        lua_pushstring(L, at);
        lua_rawseti(L, -2, (int)i);
    }
    lua_setfield(L, -2, name);
}

/* [-0, +1, m] What token_info tells. */
static void push_account(lua_State *L, const bi_task *task) {
    const bi_account *account = task->call->account;
    lua_createtable(L, 0, 6);
    set_text(L, "grant_id", account->grant_id);
    set_text(L, "organization_id", account->organization_id);
    set_names(L, "project_ids", &account->projects);
    set_names(L, "scopes", &account->scopes);
    set_expiry(L, &account->installation, task->now);
}

/* [-0, +2, v] */
static void push_result(lua_State *L, bi_task *task) {
    const bi_endpoint *row = &task->call->endpoint;
    if (row->tokens) {
        finish_exchange(L, task);
        return;
    }
    if (task->call->mcp) {
        bi_mcp_push_data(L, task->call);
        push_response(L, task);
        bi_mcp_add_details(L, task->call);
        return;
    }
    if (row->local)
        push_account(L, task);
    else if (row->ends_grant)
        lua_pushboolean(L, true);
    else
        push_body(L, task);
    if (row->host == BI_HOST_CDN)
        finish_file(L, task);
    if (row->list)
        finish_list(L, task, lua_gettop(L));
    else
        push_response(L, task);
}

int bi_lua_finish(lua_State *L) {
    bi_task *task = bi_task_check(L, 1);
    lua_settop(L, 1);
    luaL_checkstack(L, 20, "a result");
    if (!task->call || !bi_call_has_ended(task->call))
        return luaL_error(L, "better_i18n: the call has not ended");
    if (bi_failure_is_set(&task->call->failure))
        return fail(L, task, &task->call->failure);
    push_result(L, task);
    bi_task_clear(task);
    return 2;
}

/* --- For hooks ------------------------------------------------------------------------------------------------- */

void bi_info_push(lua_State *L, bi_task *task) {
    bi_exchange *x = bi_task_exchange(task);
    bool answered = x->state == BI_EXCHANGE_AFTER;
    lua_createtable(L, 0, answered ? 8 : 3);
    set_text(L, "method", x->request.method);
    set_text(L, "path", x->shown_path);
    set_integer(L, "attempt", x->attempts + (answered ? 0 : 1));
    if (!answered)
        return;
    set_number(L, "elapsed", (double)x->took / 1000);
    if (x->answer.status)
        set_integer(L, "status", x->answer.status);
    set_request_id(L, x);
    if (bi_failure_is_set(&x->failure))
        set_text(L, "code", x->failure.code);
}

static const bi_account *task_account(lua_State *L) {
    const bi_task *task = bi_task_check(L, 1);
    return task->call ? task->call->account : task->flight->account;
}

int bi_lua_tokens(lua_State *L) {
    push_tokens(L, task_account(L), bi_task_check(L, 1)->now);
    return 1;
}

int bi_lua_over(lua_State *L) {
    const bi_account *account = task_account(L);
    bi_error_push(L, &account->over);
    return 1;
}
