/* The door of the extension module: better_i18n.core, the functions that the Lua layer calls and nobody else. */
#include "binding/answer_lua.h"
#include "binding/call_lua.h"
#include "binding/client_lua.h"
#include "binding/compat.h"
#include "binding/doorbell_lua.h"
#include "binding/encode_lua.h"
#include "binding/error_lua.h"
#include "binding/fields_lua.h"
#include "binding/file_lua.h"
#include "binding/json_lua.h"
#include "binding/loopback_lua.h"
#include "binding/mcp_lua.h"
#include "binding/oauth_lua.h"
#include "binding/options_lua.h"
#include "binding/process_lua.h"
#include "binding/store_lua.h"
#include "binding/task_lua.h"

/* core.array(t) → t, marked as an array. */
static int mark_array(lua_State *L) {
    if (lua_type(L, 1) != LUA_TTABLE)
        return bi_error_argument(L, "array", "the value must be a table, not %s",
                                 luaL_typename(L, 1));
    lua_settop(L, 1);
    if (!bi_array_mark(L, 1))
        return bi_error_argument(L, "array",
                                 "the table has a metatable of its own already; mark one without");
    return 1;
}

static const luaL_Reg functions[] = {
    {"new", bi_lua_client_new},
    {"bare", bi_lua_client_bare},
    {"close", bi_lua_client_close},
    {"is_revoked", bi_lua_client_is_revoked},
    {"can", bi_lua_client_can},
    {"state", bi_lua_client_state},
    {"endpoints", bi_lua_endpoints},
    {"call", bi_lua_call},
    {"custom", bi_lua_custom},
    {"tool", bi_lua_tool},
    {"tools", bi_lua_tools},
    {"wait", bi_lua_wait},
    {"serial", bi_lua_serial},
    {"pump", bi_lua_pump},
    {"finished", bi_lua_finished},
    {"busy", bi_lua_busy},
    {"descriptor", bi_lua_descriptor},
    {"doorbell", bi_lua_doorbell},
    {"flight", bi_lua_flight},
    {"home", bi_lua_home},
    {"must_wait", bi_lua_must_wait},
    {"store_key", bi_lua_store_key},
    {"lock_seconds", bi_lua_lock_seconds},
    {"record", bi_lua_record},
    {"loaded", bi_lua_loaded},
    {"stored", bi_lua_stored},
    {"store_failed", bi_lua_store_failed},
    {"cancel", bi_lua_cancel},
    {"abandon", bi_lua_abandon},
    {"now", bi_lua_now},
    {"request", bi_lua_request},
    {"answer", bi_lua_answer},
    {"finish", bi_lua_finish},
    {"page_skip", bi_lua_page_skip},
    {"tokens", bi_lua_tokens},
    {"over", bi_lua_over},
    {"authorize", bi_lua_authorize},
    {"exchange", bi_lua_exchange},
    {"register", bi_lua_register},
    {"parse_callback", bi_lua_parse_callback},
    {"loopback", bi_lua_loopback},
    {"loopback_expect", bi_lua_loopback_expect},
    {"loopback_step", bi_lua_loopback_step},
    {"loopback_stranger", bi_lua_loopback_stranger},
    {"loopback_close", bi_lua_loopback_close},
    {"error", bi_lua_error},
    {"is_error", bi_lua_is_error},
    {"array", mark_array},
    {"unknown", bi_lua_unknown},
    {"json_decode", bi_lua_json_decode},
    {"json_encode", bi_lua_json_encode},
    {"file_absolute", bi_lua_file_absolute},
    {"file_resolve", bi_lua_file_resolve},
    {"file_read", bi_lua_file_read},
    {"file_replace", bi_lua_file_replace},
    {"file_set_aside", bi_lua_file_set_aside},
    {"file_lock", bi_lua_file_lock},
    {"unique", bi_lua_unique},
    {"generation", bi_lua_generation},
    {NULL, NULL},
};

__attribute__((visibility("default"))) int luaopen_better_i18n_core(lua_State *L);

int luaopen_better_i18n_core(lua_State *L) {
    bi_json_open(L);
    bi_store_open(L);
    bi_error_open(L);
    bi_fields_open(L);
    bi_task_open(L);
    bi_oauth_open(L);
    bi_loopback_open(L);
    bi_doorbell_open(L);
    bi_file_open(L);
    luaL_newlib(L, functions);
    lua_newtable(L); /* the methods: the Lua layer fills them in */
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, "methods");
    bi_client_open(L);
    bi_task_push_step(L, false);
    lua_setfield(L, -2, "step");
    bi_task_push_step(L, true);
    lua_setfield(L, -2, "step_and_wait");
    bi_push_null(L);
    lua_setfield(L, -2, "null");
    luaL_newmetatable(
        L, BI_SIGNAL_CLASS); /* the Lua layer fills it in, the options are checked against it */
    lua_setfield(L, -2, "signal_class");
    return 1;
}
