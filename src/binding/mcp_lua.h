/* Calls to the MCP server: from a tool's name and a table of arguments to a call of the core, and from its result to
 * Lua values. Called by module.c and answer_lua.c. */
#ifndef BI_BINDING_MCP_LUA_H
#define BI_BINDING_MCP_LUA_H

#include "binding/compat.h"
#include "core/call.h"

/* core.tool(client, name, arguments, options) → task, signal or nil, the client's state. `arguments` is a table with
 * names, or nil.
 * core.tools(client, cursor, options) → the same: one page of the list of tools; `cursor` may be nil. */
int bi_lua_tool(lua_State *L);
int bi_lua_tools(lua_State *L);

/* [-0, +1, e] The data of a call that ended well: the JSON document of the first text, or that text where it is no
 * JSON; structuredContent where there is no text; else true. Of tools/list the result. */
void bi_mcp_push_data(lua_State *L, bi_call *call);

/* [-0, +0, e] Adds `body` (the result as it came) and `notices` (the texts behind the first) to the table on the top. */
void bi_mcp_add_details(lua_State *L, bi_call *call);

#endif
