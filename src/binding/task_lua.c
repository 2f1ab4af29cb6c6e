/* Stepping a task (src/binding/task_lua.h): the core says what it needs, the engine sends, everything else goes up to
 * the driver in Lua. */
#include "binding/task_lua.h"

#include "binding/answer_lua.h"
#include "binding/error_lua.h"
#include "binding/mark.h"
#include "binding/options_lua.h"
#include "binding/trace.h"
#include "core/headers.h"
#include "engine/oclock.h"
#include "engine/random.h"

/* The names of needs as the driver knows them; upvalues of step, so that none is hashed anew. */
static const char *const needs[] = {"done",  "wait", "sleep",  "before",   "after",
                                    "renew", "join", "tokens", "revoked",  "load",
                                    "lock",  "save", "unlock", "transport"};
static const char mark; /* of tasks; the registry has their metatable under its address, too */

enum { NEED_TRANSPORT = BI_NEED_UNLOCK + 1, NEEDS };

static void drop_transfer(bi_task *task) {
    bi_transfer_free(task->transfer);
    task->transfer = NULL;
}

void bi_task_clear(bi_task *task) {
    drop_transfer(task);
    bi_call_free(task->call);
    if (task->flight) {
        bi_flight_abandon(task->flight);
        bi_flight_release(task->flight);
    }
    bi_pool_release(task->pool);
    bi_engine_release(task->engine);
    *task = (bi_task){.mark = &mark, .serial = task->serial};
}

/* [-0, +0, -] The task at the index, or NULL. */
static bi_task *look(lua_State *L, int index) {
    return bi_marked(L, index, sizeof(bi_task), &mark);
}

/* [-0, +0, v] The same; what is none is an error. */
static bi_task *check(lua_State *L, int index) {
    bi_task *task = look(L, index);
    return task ? task : luaL_checkudata(L, index, BI_TASK_CLASS);
}

static int task_gc(lua_State *L) {
    bi_task *task = look(L, 1);
    if (task)
        bi_task_clear(task);
    return 0;
}

static bi_task *push_empty(lua_State *L) {
    static _Thread_local double serials;
    bi_task *task = bi_newuserdata(L, sizeof *task);
    task->mark = &mark;
    task->serial = ++serials;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &mark);
    lua_setmetatable(L, -2);
    return task;
}

bi_call *bi_task_push_call(lua_State *L, int client_index, const bi_endpoint *row) {
    client_index = lua_absindex(L, client_index);
    bi_task *task = push_empty(L);
    bi_getuservalue(L, client_index);
    bi_setuservalue(L, -2);
    bi_state_engine(L); /* made before the client is looked at: it allocates */
    bi_client *client = bi_client_check(L, client_index, row->name);
    task->seam = client->has_transport;
    task->pool = bi_pool_hold(bi_client_pool(L, client));
    task->engine = bi_engine_hold(client->engine);
    task->call = bi_call_new(client->config, client->account, row);
    if (!task->call)
        luaL_error(L, "not enough memory");
    return task->call;
}

bi_task *bi_task_check(lua_State *L, int index) {
    bi_task *task = check(L, index);
    if (!task->call && !task->flight)
        luaL_argerror(L, index, "the task is over");
    return task;
}

/* Chance for the jitter of retries: no secret hangs on it, so a cheap generator seeded once will do. */
static double chance(void) {
    static _Thread_local uint64_t state;
    while (state == 0)
        if (!bi_random_bytes(&state, sizeof state))
            state = (uint64_t)bi_clock_nanos() | 1;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (double)(state >> 11) / (double)(UINT64_C(1) << 53);
}

static bi_input read_input(lua_State *L) {
    bi_input input = {.now = bi_read_now(L, 2)};
    if (lua_isnoneornil(L, 4)) {
        input.random = chance();
        return input;
    }
    input.random = (double)lua_tonumber(L, 4);
    if (lua_type(L, 4) != LUA_TNUMBER || !(input.random >= 0 && input.random <= 1))
        bi_error_argument(L, "random", "the option's function must return a number from 0 to 1");
    return input;
}

static void note_answer(bi_task *task) {
    if (bi_task_exchange(task)->config->debug)
        bi_trace_answer(bi_task_exchange(task));
}

/* True when the answer is there, or the time for it is over: the sockets were drained before the clock was read. */
static bool collect(bi_task *task, bi_now now) {
    bi_exchange *x = bi_task_exchange(task);
    if (!bi_transfer_is_finished(task->transfer)) {
        if (!bi_exchange_is_late(x, now))
            return false;
        bi_engine_step(task->engine);
    }
    if (bi_transfer_is_finished(task->transfer))
        bi_transfer_take_answer(task->transfer, &x->answer);
    else {
        bi_transfer_abandon(task->transfer, &x->answer);
        x->answer.trouble = BI_TROUBLE_TIMEOUT;
    }
    drop_transfer(task);
    note_answer(task);
    return true;
}

/* Sends; false when nothing could be sent, which the exchange then finds in its answer. */
static bool send(bi_task *task) {
    bi_exchange *x = bi_task_exchange(task);
    if (x->config->debug)
        bi_trace_request(x);
    task->transfer = bi_transfer_start(task->pool, &x->request, task);
    if (!task->transfer)
        x->answer.trouble = BI_TROUBLE_MEMORY;
    return task->transfer != NULL;
}

/* A child of a fork must not touch what it shares with its parent. */
static void leave_parent(bi_task *task) {
    drop_transfer(task);
    if (task->call)
        bi_call_cancel(task->call, BI_CODE_CANCELLED,
                       "the process forked while the call was under way",
                       "the parent may go on with it");
    else
        bi_flight_abandon(task->flight);
}

/* The connection slot is free at once; a renewal that the call waits for goes on for the others. */
static void cancel(bi_task *task, bool closed) {
    drop_transfer(task);
    bi_call_cancel(task->call, BI_CODE_CANCELLED,
                   closed ? "the client was closed while the call was under way"
                          : "the call was cancelled through its signal",
                   closed ? "make another with new()" : "make it again with another");
}

static bi_need step(bi_task *task, const bi_input *input) {
    if (bi_engine_is_foreign(task->engine))
        leave_parent(task);
    if (task->call && task->call->config->closed)
        cancel(task, true);
    return task->call ? bi_call_step(task->call, input) : bi_flight_step(task->flight, input);
}

static int64_t time_left(bi_task *task) {
    int64_t left = bi_task_exchange(task)->wake - task->now.mono;
    return left > 0 ? left : 0;
}

/* The program has the word, and may keep it: what ended beside this task is told to those who wait for it in loops. */
static int push_need(lua_State *L, bi_task *task, int need) {
    if (need != BI_NEED_SEND && need != BI_NEED_SLEEP)
        bi_engine_remind(task->engine);
    lua_pushvalue(L, lua_upvalueindex(need + 1));
    if (need == BI_NEED_BEFORE || need == BI_NEED_AFTER)
        bi_info_push(L, task);
    else if (need == BI_NEED_SEND || need == BI_NEED_SLEEP || need == BI_NEED_JOIN ||
             need == BI_NEED_RENEW)
        lua_pushnumber(L, (lua_Number)time_left(task));
    else
        return 1;
    return 2;
}

static int step_or_wait(lua_State *L, int waits) {
    bi_task *task = bi_task_check(L, 1);
    bi_input input = read_input(L);
    task->now = input.now;
    if (task->transfer && bi_engine_is_foreign(task->engine))
        leave_parent(task);
    for (;;) {
        if (task->transfer && !collect(task, input.now)) {
            if (waits-- <= 0)
                return push_need(L, task, BI_NEED_SEND);
            bi_engine_wait(task->engine, time_left(task));
            task->now = input.now = bi_clock_read();
            continue;
        }
        bi_need need = step(task, &input);
        if (need != BI_NEED_SEND)
            return push_need(L, task, (int)need);
        if (task->seam)
            return push_need(L, task, NEED_TRANSPORT);
        send(task);
    }
}

static int step_lua(lua_State *L) {
    return step_or_wait(L, 0);
}

static int step_and_wait_lua(lua_State *L) {
    return step_or_wait(L, 1);
}

int bi_lua_wait(lua_State *L) {
    bi_task *task = bi_task_check(L, 1);
    bi_engine_wait(task->engine, (int64_t)luaL_optnumber(L, 2, -1));
    return 0;
}

int bi_lua_serial(lua_State *L) {
    const bi_task *task = check(L, 1);
    lua_pushnumber(L, (lua_Number)task->serial);
    return 1;
}

int bi_lua_pump(lua_State *L) {
    bi_engine *engine = bi_state_engine(L);
    double most = (double)luaL_optnumber(L, 1, -1);
    if (most == 0)
        bi_engine_step(engine);
    else
        bi_engine_wait(engine, (int64_t)most);
    return 0;
}

int bi_lua_finished(lua_State *L) {
    const bi_transfer *transfer = bi_engine_take_finished(bi_state_engine(L));
    if (!transfer)
        return 0;
    lua_pushnumber(L, (lua_Number)((const bi_task *)bi_transfer_tag(transfer))->serial);
    return 1;
}

int bi_lua_busy(lua_State *L) {
    lua_pushnumber(L, (lua_Number)bi_engine_busy(bi_state_engine(L)));
    return 1;
}

int bi_lua_descriptor(lua_State *L) {
    lua_pushnumber(L, (lua_Number)bi_engine_descriptor(bi_state_engine(L)));
    return 1;
}

/* The grant's `flight` is the task of the renewal under way, if it has one: it must outlive the call that began it, and
 * clients of one grant share it. Its uservalue is that of the client that began it, whose hooks it runs. */
int bi_lua_flight(lua_State *L) {
    bi_task *task = bi_task_check(L, 1);
    bi_flight *flight = task->call ? task->call->flight : NULL;
    if (!flight)
        return 0;
    lua_settop(L, 1);
    bi_getuservalue(L, 1);
    lua_getfield(L, 2, "grant");
    lua_getfield(L, 3, "flight");
    const bi_task *known = look(L, -1);
    if (known && known->flight == flight)
        return 1;
    bi_task *made = push_empty(L);
    lua_pushvalue(L, 2);
    bi_setuservalue(L, -2);
    made->pool = bi_pool_hold(task->pool);
    made->engine = bi_engine_hold(task->engine);
    made->seam = task->seam;
    made->flight = bi_flight_hold(flight);
    lua_pushvalue(L, -1);
    lua_setfield(L, 3, "flight");
    return 1;
}

int bi_lua_home(lua_State *L) {
    check(L, 1);
    bi_getuservalue(L, 1);
    return 1;
}

int bi_lua_must_wait(lua_State *L) {
    const bi_task *task = check(L, 1);
    lua_pushboolean(L, task->flight && bi_flight_must_be_awaited(task->flight));
    return 1;
}

int bi_lua_cancel(lua_State *L) {
    bi_task *task = check(L, 1);
    if (task->call)
        cancel(task, lua_toboolean(L, 2));
    return 0;
}

int bi_lua_now(lua_State *L) {
    bi_now now = bi_clock_read();
    lua_pushnumber(L, (lua_Number)now.mono / 1000);
    lua_pushnumber(L, (lua_Number)now.wall / 1000);
    return 2;
}

int bi_lua_abandon(lua_State *L) {
    bi_task *task = check(L, 1);
    bi_task_clear(task);
    return 0;
}

/* --- The transport seam ---------------------------------------------------------------------------------------- */

int bi_lua_request(lua_State *L) {
    const bi_wire_request *request = &bi_task_exchange(bi_task_check(L, 1))->request;
    lua_createtable(L, 0, 4);
    lua_pushstring(L, request->method);
    lua_setfield(L, -2, "method");
    lua_pushlstring(L, bi_bytes_text(&request->url), request->url.length);
    lua_setfield(L, -2, "url");
    if (request->has_body) {
        lua_pushlstring(L, bi_bytes_text(&request->body), request->body.length);
        lua_setfield(L, -2, "body");
    }
    lua_createtable(L, 0, 6);
    for (size_t at = 0; at < request->fields.length; at += strlen(request->fields.data + at) + 1) {
        const char *field = request->fields.data + at, *colon = strchr(field, ':');
        lua_pushlstring(L, field, (size_t)(colon - field));
        lua_pushstring(L, colon + 2);
        lua_rawset(L, -3);
    }
    lua_setfield(L, -2, "headers");
    return 1;
}

#define ANSWER "transport"

static void add_answer_field(lua_State *L, bi_bytes *fields, const char *name, int value) {
    size_t length, name_length = strlen(name);
    if (!lua_isstring(L, value))
        bi_error_argument(L, ANSWER, "the answer's header '%s' must be a string", name);
    lua_pushvalue(L, value); /* a number must not be changed in the user's table */
    const char *text = lua_tolstring(L, -1, &length);
    if (bi_header_check(name, name_length, text, length))
        bi_error_argument(L, ANSWER, "the answer's header '%s' is none", name);
    bi_bytes_add_format(fields, "%s: ", name);
    bi_bytes_add(fields, text, length);
    bi_bytes_add_text(fields, "\r\n");
    lua_pop(L, 1);
}

/* name = value, or name = { value, value }. */
static void read_answer_fields(lua_State *L, int index, bi_bytes *fields) {
    lua_pushnil(L);
    while (lua_next(L, index)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            bi_error_argument(L, ANSWER, "the answer's headers must have names");
        const char *name = lua_tostring(L, -2);
        int value = lua_gettop(L);
        if (lua_istable(L, value)) {
            for (size_t i = 1; i <= lua_rawlen(L, value); i++, lua_settop(L, value)) {
                lua_rawgeti(L, value, (int)i);
                add_answer_field(L, fields, name, value + 1);
            }
        } else
            add_answer_field(L, fields, name, value);
        lua_pop(L, 1);
    }
}

static void read_status(lua_State *L, bi_wire_answer *answer) {
    int64_t status;
    bi_option_get(L, 2, "status");
    if (!bi_tointeger(L, -1, &status) || status < 100 || status > 599)
        bi_error_argument(L, ANSWER, "the answer's status must be an integer from 100 to 599");
    answer->status = (long)status;
    lua_pop(L, 1);
}

static void read_answer_body(lua_State *L, bi_wire_answer *answer, size_t most) {
    size_t length;
    bi_option_get(L, 2, "body");
    if (!lua_isnil(L, -1)) {
        bi_option_check(L, lua_gettop(L), ANSWER, "the answer's body", BI_OPTION_ANY_TEXT);
        const char *body = lua_tolstring(L, -1, &length);
        if (length > most)
            answer->trouble = BI_TROUBLE_TOO_LARGE;
        bi_bytes_add(&answer->body, body, length < most ? length : most);
    }
    lua_pop(L, 1);
}

/* nil and a text stand for a connection that failed. */
static void read_lost(lua_State *L, bi_wire_answer *answer) {
    size_t length;
    const char *text = lua_type(L, 3) == LUA_TSTRING ? lua_tolstring(L, 3, &length) : NULL;
    answer->trouble = BI_TROUBLE_LOST;
    if (text)
        bi_failure_text(answer->detail, sizeof answer->detail, text, length);
}

int bi_lua_answer(lua_State *L) {
    bi_task *task = bi_task_check(L, 1);
    bi_wire_answer *answer = &bi_task_exchange(task)->answer;
    bi_wire_answer_clear(answer);
    answer->sent = true;
    lua_settop(L, 3);
    if (lua_type(L, 2) != LUA_TTABLE) {
        read_lost(L, answer);
        note_answer(task);
        return 0;
    }
    read_status(L, answer);
    bi_option_get(L, 2, "headers");
    if (!lua_isnil(L, -1)) {
        bi_option_check(L, lua_gettop(L), ANSWER, "the answer's headers", BI_OPTION_TABLE);
        read_answer_fields(L, lua_gettop(L), &answer->fields);
    }
    read_answer_body(L, answer, bi_task_exchange(task)->request.max_body);
    if (answer->fields.failed || answer->body.failed)
        answer->trouble = BI_TROUBLE_MEMORY;
    note_answer(task);
    return 0;
}

void bi_task_open(lua_State *L) {
    luaL_newmetatable(L, BI_TASK_CLASS);
    lua_pushcfunction(L, task_gc);
    lua_setfield(L, -2, "__gc");
    lua_pushliteral(L, BI_TASK_CLASS);
    lua_setfield(L, -2, "__name");
    lua_rawsetp(L, LUA_REGISTRYINDEX, &mark);
}

void bi_task_push_step(lua_State *L, bool waits) {
    for (int i = 0; i < NEEDS; i++)
        lua_pushstring(L, needs[i]);
    lua_pushcclosure(L, waits ? step_and_wait_lua : step_lua, NEEDS);
}
