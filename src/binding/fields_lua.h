/* The headers of an answer as Lua sees them. Called by the binding. */
#ifndef BI_BINDING_FIELDS_LUA_H
#define BI_BINDING_FIELDS_LUA_H

#include "binding/compat.h"
#include "core/bytes.h"

/* [-0, +0, m] Once in each Lua state. */
void bi_fields_open(lua_State *L);

/* [-0, +1, m] Pushes the header lines as a table that is read without regard to case; fields of one name are joined by
 * ", " (RFC 9110, 5.3). */
void bi_fields_push(lua_State *L, const bi_bytes *fields);

/* [-0, +0, m] The response table on the top gets that table as its field `headers` when it is first asked for it: most
 * never are, and making it costs as much as reading a small answer. Gives the table a metatable. */
void bi_fields_promise(lua_State *L, const bi_bytes *fields);

#endif
