/* The one error class: a failure struct, or an argument's fault, becomes the Lua error object here and nowhere else
 * (LUA_API.md, "Error object"). Called by the binding. */
#ifndef BI_BINDING_ERROR_LUA_H
#define BI_BINDING_ERROR_LUA_H

#include "binding/compat.h"
#include "core/failure.h"

/* They raise; the int is there for Lua's idiom `return bi_error_…(…)`. */
#define BI_NORETURN __attribute__((noreturn))

/* [-0, +0, m] Once in each Lua state. */
void bi_error_open(lua_State *L);

/* [-0, +1, m] Pushes the error object; `failure` is borrowed. */
void bi_error_push(lua_State *L, const bi_failure *failure);

/* [-0, +0, v] Raises it. `failure` must be owned by a userdata, because this does not return. */
int bi_error_raise(lua_State *L, const bi_failure *failure) BI_NORETURN;

/* [-0, +0, v] Raises `invalid_argument` with the message "<where>: <what>", made as lua_pushfstring makes it. The
 * caller holds no C resource. */
int bi_error_argument(lua_State *L, const char *where, const char *format, ...) BI_NORETURN;

/* [-0, +0, v] The same with another code. */
int bi_error_of(lua_State *L, const char *code, const char *where, const char *message) BI_NORETURN;

/* [-0, +0, m] Whether it is an error object. */
bool bi_error_is(lua_State *L, int index);

/* core.error(fields) → an error object of the Lua layer's own; core.is_error(value). */
int bi_lua_error(lua_State *L);
int bi_lua_is_error(lua_State *L);

#endif
