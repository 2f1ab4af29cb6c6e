/* From JSON text to Lua values in one pass, and what a decoded array is. Called by the binding. */
#ifndef BI_BINDING_JSON_LUA_H
#define BI_BINDING_JSON_LUA_H

#include "binding/compat.h"

#include <stdbool.h>
#include <stddef.h>

/* [-0, +0, m] Once in each Lua state, before anything else here. */
void bi_json_open(lua_State *L);

/* [-0, +1, m] Pushes the value that `text` (borrowed; must not move or be collected meanwhile) holds
 * and returns true. Broken text: pushes nothing, returns false, and says what is wrong (static
 * text) and at which byte.
 *
 * Arrays get the metatable below, objects none. An object's null is an absent member, an array's is
 * the light userdata NULL; of members with one name the last counts. Strings come byte for byte,
 * also invalid UTF-8. Integers beyond 64 bits (without integers in Lua: beyond 2^53) become floats,
 * numbers beyond a double infinite. */
bool bi_json_push(lua_State *L, const char *text, size_t length, const char **failure,
                  size_t *offset);

/* [-0, +1, -] Pushes the metatable "better_i18n.array". */
void bi_array_push_metatable(lua_State *L);

/* [-0, +0, -] Marks the table at `index`; false when it already has another metatable. */
bool bi_array_mark(lua_State *L, int index);

/* [-0, +0, -] Whether the value is a table that was marked. */
bool bi_is_array(lua_State *L, int index);

/* [-0, +1, -] Pushes the null of arrays. */
static inline void bi_push_null(lua_State *L) {
    lua_pushlightuserdata(L, NULL);
}

/* core.json_decode(text) → value, or nil, message, offset. */
int bi_lua_json_decode(lua_State *L);

#endif
