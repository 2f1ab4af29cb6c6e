/* The walk before encoding, and the encoder (lua-cjson's, or Neovim's). Called by the binding. */
#ifndef BI_BINDING_ENCODE_LUA_H
#define BI_BINDING_ENCODE_LUA_H

#include "binding/compat.h"

#include <stdbool.h>

/* [-0, +1, e] Pushes the value at `index` as JSON text and returns true; or, when the encoder would
 * change it, fail at it, or is not there, pushes why, beginning with the path of the culprit
 * ("body.projects[3].name: a function cannot be sent as JSON"), and returns false. `name` stands
 * for the value itself in that path. The encoder runs under lua_pcall; memory errors of the walk
 * are raised, so the caller holds nothing that would leak. Needs bi_json_open. */
bool bi_encode_push(lua_State *L, int index, const char *name);

/* [-0, +1, e] The same, and a string that holds NUL is refused too: for services that keep text where NUL ends it. */
bool bi_encode_push_text(lua_State *L, int index, const char *name);

/* core.json_encode(value) → text, or nil, message. */
int bi_lua_json_encode(lua_State *L);

#endif
