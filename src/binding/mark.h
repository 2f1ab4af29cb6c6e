/* Userdata that is looked at several times a call: known by a mark in its memory. The name of a class would be hashed,
 * and its metatable looked up, each time. Called by client_lua.c and task_lua.c. */
#ifndef BI_BINDING_MARK_H
#define BI_BINDING_MARK_H

#include "binding/compat.h"

/* [-0, +0, -] The userdata at the index when it is of that size and begins with the mark, the address of a static of
 * its class; else NULL. */
static inline void *bi_marked(lua_State *L, int index, size_t size, const void *mark) {
    if (lua_type(L, index) != LUA_TUSERDATA || lua_rawlen(L, index) != size)
        return NULL;
    void *memory = lua_touserdata(L, index);
    return memcmp(memory, &mark, sizeof mark) == 0 ? memory : NULL;
}

#endif
