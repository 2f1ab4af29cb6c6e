/* From a finished task to what Lua gets: data and response, or the error; and the tables that hooks are given. Called
 * by module.c. */
#ifndef BI_BINDING_ANSWER_LUA_H
#define BI_BINDING_ANSWER_LUA_H

#include "binding/task_lua.h"

/* core.finish(task) → data, response; or raises. The task is over afterwards. */
int bi_lua_finish(lua_State *L);

/* [-0, +1, m] What on_request and on_response are given: method, path, attempt, and of an answer status, elapsed,
 * request_id, code. No secrets, no query. */
void bi_info_push(lua_State *L, bi_task *task);

/* core.tokens(task) → what on_tokens is given. core.over(task) → the error object of the grant that is over. */
int bi_lua_tokens(lua_State *L);
int bi_lua_over(lua_State *L);

/* core.page_skip(next, pages) → the `next` that leads so many pages further, or nil when its page has no number. */
int bi_lua_page_skip(lua_State *L);

#endif
