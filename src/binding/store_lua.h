/* Between flights and stores: records as Lua tables, and what a store answered. Called by the driver in Lua, which calls
 * the user's functions; nothing of theirs runs in here. */
#ifndef BI_BINDING_STORE_LUA_H
#define BI_BINDING_STORE_LUA_H

#include "binding/compat.h"

/* [-0, +0, m] Once in each Lua state. */
void bi_store_open(lua_State *L);

/* core.store_key(task) → the key of the grant's record; core.lock_seconds(): what its lock is taken for.
 * core.record(task) → the record to save: a flat table, see lua/better_i18n/store/contract.lua.
 * core.loaded(task, record): what load() gave; nil: there is none. What is no record counts as a failure of the store.
 * core.stored(task, done): whether lock() or save() did it.
 * core.store_failed(task, problem): what the store raised; secrets are taken out of it → the error object, or nil where
 * nobody needs to know. */
int bi_lua_store_key(lua_State *L);
int bi_lua_lock_seconds(lua_State *L);
int bi_lua_record(lua_State *L);
int bi_lua_loaded(lua_State *L);
int bi_lua_stored(lua_State *L);
int bi_lua_store_failed(lua_State *L);

#endif
