/* From a method's Lua arguments to a call of the core: path parts, payload, per-call options. Everything is checked
 * here, before anything is sent. Called by module.c. */
#ifndef BI_BINDING_CALL_LUA_H
#define BI_BINDING_CALL_LUA_H

#include "binding/compat.h"
#include "binding/options_lua.h"
#include "core/call.h"

/* core.call(client, row, …) → task, signal or nil, the client's state. `row` counts the endpoint table from 1; then the
 * parts of the path in its order, the payload if the row has one, and a table of per-call options.
 * core.custom(client, method, path, options) → the same, for client:request. */
int bi_lua_call(lua_State *L);
int bi_lua_custom(lua_State *L);

/* [-0, +0, v] Checks the table of options at `index` (nil: none) against `known`, and reads what all calls have. */
void bi_call_read_options(lua_State *L, bi_call *call, int index, const bi_option *known);

/* [-?, +3, e] Leaves the task (at `task`), behind it the signal of the options at `options` or nil, and the state. */
int bi_call_return(lua_State *L, int options, int task);

/* core.endpoints() → an array of the rows' names. */
int bi_lua_endpoints(lua_State *L);

#endif
