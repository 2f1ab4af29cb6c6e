/* How call_lua.c calls call_query_lua.c; nobody else includes it. */
#ifndef BI_BINDING_CALL_PARTS_H
#define BI_BINDING_CALL_PARTS_H

#include "binding/compat.h"
#include "core/call.h"

static inline void check_memory(lua_State *L, const bi_bytes *bytes) {
    if (bytes->failed)
        luaL_error(L, "not enough memory");
}

/* [-0, +0, v] The table on the top is the query: name = value, or name = { value, value }. */
void bi_call_read_query(lua_State *L, bi_call *call);

/* [-0, +0, v] The table on the top holds headers; what the client or HTTP itself decides is refused. */
void bi_call_read_headers(lua_State *L, bi_call *call);

/* [-0, +0, v] One header; raises when it is refused. */
void bi_call_add_header(lua_State *L, bi_call *call, const char *name, size_t name_length,
                        const char *value, size_t length);

#endif
