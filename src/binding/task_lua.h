/* The userdata "better_i18n.call": one call or one flight while it is driven. It owns the core's machine and the
 * engine's transfer and joins the two; it decides nothing. Called by the binding. */
#ifndef BI_BINDING_TASK_LUA_H
#define BI_BINDING_TASK_LUA_H

#include "binding/client_lua.h"
#include "core/call.h"
#include "core/flight.h"
#include "engine/transport.h"

#define BI_TASK_CLASS "better_i18n.call"

/* All zero but for its mark is a valid, finished task. Its uservalue is the client's, so hooks and flights are found
 * through it. */
typedef struct bi_task {
    const void *mark;      /* see mark.h */
    bi_call *call;         /* owned; NULL for a flight */
    bi_flight *flight;     /* held; NULL for a call */
    bi_transfer *transfer; /* owned; the request under way, or NULL */
    bi_pool *pool;         /* held */
    bi_engine *engine;     /* held */
    bi_now now;            /* of the last step */
    double serial; /* its name among the tasks of this process: what loops know a waiter by */
    bool seam;     /* requests go to the user's transport function, not to the engine */
} bi_task;

/* [-0, +0, m] Once in each Lua state. */
void bi_task_open(lua_State *L);

/* [-0, +1, v] Pushes a task with a call of that row for the client at the index, which is checked once more when nothing
 * can run in between: a finalizer may close a client at any allocation. The userdata holds the call from the first
 * moment, so that what raises behind it leaks nothing. */
bi_call *bi_task_push_call(lua_State *L, int client_index, const bi_endpoint *row);

/* Frees what it holds; a flight that has not ended is given up. */
void bi_task_clear(bi_task *task);

/* [-0, +0, e] */
bi_task *bi_task_check(lua_State *L, int index);

static inline bi_exchange *bi_task_exchange(bi_task *task) {
    return task->call ? &task->call->exchange : &task->flight->exchange;
}

/* [-0, +1, m] Pushes core.step or core.step_and_wait as a function.
 *
 * core.step(task, mono, wall, random) → need, and with it either milliseconds until the task wants to be stepped without
 * news, or what the hook is given. The three numbers (seconds, seconds, [0, 1)) come from the options clock and random;
 * without them the system's are read. core.step_and_wait(task) blocks once where core.step would say `wait`, and then
 * looks again; no more than that, so that an interrupt gets its turn.
 * core.wait(task, milliseconds): blocks until the engine has something to do.
 * core.serial(task) → its number. core.pump(milliseconds) does what this Lua state's engine has to do, after waiting for
 * it at most so long (0: not at all; nil: without limit); core.finished() → the number of the next task whose transfer
 * has ended, or nil; core.busy() → transfers under way; core.descriptor() → readable when a pump has something to do.
 * core.flight(task) → the task of the renewal that this call started or joins; core.home(task) → the state of the client
 * that began it.
 * core.must_wait(task): whether giving up this flight now could lose a token.
 * core.cancel(task, closed): ends a call where it stands, without an error here; its next step is `done`.
 * core.abandon(task): nobody will drive it any more. core.now() → monotonic and wall seconds. */
void bi_task_push_step(lua_State *L, bool waits);
int bi_lua_wait(lua_State *L);
int bi_lua_serial(lua_State *L);
int bi_lua_pump(lua_State *L);
int bi_lua_finished(lua_State *L);
int bi_lua_busy(lua_State *L);
int bi_lua_descriptor(lua_State *L);
int bi_lua_flight(lua_State *L);
int bi_lua_home(lua_State *L);
int bi_lua_must_wait(lua_State *L);
int bi_lua_cancel(lua_State *L);
int bi_lua_abandon(lua_State *L);
int bi_lua_now(lua_State *L);

/* core.request(task) → the request as a table, and core.answer(task, table): the transport seam. */
int bi_lua_request(lua_State *L);
int bi_lua_answer(lua_State *L);

#endif
