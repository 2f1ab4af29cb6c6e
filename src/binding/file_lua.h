/* Files and their locks for the store `file`: the engine's calls as functions that return nil and a message. Called by
 * lua/better_i18n/store/file.lua. */
#ifndef BI_BINDING_FILE_LUA_H
#define BI_BINDING_FILE_LUA_H

#include "binding/compat.h"

/* [-0, +0, m] Once in each Lua state. */
void bi_file_open(lua_State *L);

/* core.file_absolute(path), core.file_resolve(path), core.file_set_aside(path) → a path, or nil, message */
int bi_lua_file_absolute(lua_State *L);
int bi_lua_file_resolve(lua_State *L);
int bi_lua_file_set_aside(lua_State *L);

/* core.file_read(path) → text; nil when it is not there; or nil, message */
int bi_lua_file_read(lua_State *L);

/* core.file_replace(path, text) → true, or nil, message */
int bi_lua_file_replace(lua_State *L);

/* core.file_lock(path) → an open lock file, or nil, message. Its methods: enter(milliseconds) → true, or false when
 * others are inside, or nil, message; leave(); mark(number) → boolean; is_marked(number) → boolean; read() → text, or
 * nil, message; write(text) → true, or nil, message; is_ours() → boolean; close(). */
int bi_lua_file_lock(lua_State *L);

#endif
