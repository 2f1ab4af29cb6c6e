/* Calls to the MCP server (src/binding/mcp_lua.h). Which texts there are is read by the core, here they become values. */
#include "binding/mcp_lua.h"

#include "binding/call_lua.h"
#include "binding/encode_lua.h"
#include "binding/error_lua.h"
#include "binding/json_lua.h"
#include "binding/options_lua.h"
#include "binding/task_lua.h"
#include "core/tool.h"

static const bi_option tool_options[] = {
    {"timeout", BI_OPTION_SECONDS}, {"max_retries", BI_OPTION_COUNT}, {"headers", BI_OPTION_TABLE},
    {"signal", BI_OPTION_SIGNAL},   {NULL, BI_OPTION_TEXT},
};

/* [-0, +1, v] A task for the MCP server; whatever raises behind it leaks nothing. */
static bi_call *push_call(lua_State *L, const char *where) {
    bi_client_check(L, 1, where);
    bi_call *call = bi_task_push_call(L, 1, &bi_endpoint_tool);
    call->endpoint.name = where;
    call->mcp = bi_mcp_new();
    if (!call->mcp || !bi_mcp_path(&call->path, call->config))
        luaL_error(L, "not enough memory");
    return call;
}

/* A tool that is not in the table may write, and its scope is not known. */
static void apply_row(bi_call *call, const char *name, size_t length) {
    const bi_tool *tool = bi_tool_find(name, length);
    call->endpoint.scope = tool ? tool->scope : NULL;
    call->endpoint.safety = tool ? tool->safety : BI_SAFETY_WRITE;
}

/* [-0, +1, v] The arguments as a JSON object. */
static const char *push_arguments(lua_State *L, int index, const char *where, size_t *length) {
    bool given = !lua_isnil(L, index);
    if (given)
        bi_option_check(L, index, where, "arguments", BI_OPTION_TABLE);
    if (given)
        lua_pushnil(L);
    if (!given || !lua_next(L, index)) {
        lua_pushliteral(L, "{}"); /* whatever an encoder makes of an empty table */
    } else {
        lua_pop(L, 2);
        if (!bi_encode_push_text(L, index, "arguments"))
            bi_error_argument(L, where, "%s", lua_tostring(L, -1));
    }
    const char *text = lua_tolstring(L, -1, length);
    if (text[0] != '{')
        bi_error_argument(L, where, "arguments must be a table with names, not a list");
    return text;
}

int bi_lua_tool(lua_State *L) {
    static const char where[] = "call_tool";
    size_t name_length, length;
    int last = lua_gettop(L);
    if (last > 4)
        bi_error_argument(L, where, "too many arguments: it takes at most 3, not %d", last - 1);
    lua_settop(L, 4);
    bi_call *call = push_call(L, where);
    bi_option_check(L, 2, where, "name", BI_OPTION_TEXT);
    const char *name = lua_tolstring(L, 2, &name_length);
    if (!bi_utf8_is_valid(name, name_length))
        bi_error_argument(L, where, "name is not valid UTF-8");
    const char *arguments = push_arguments(L, 3, where, &length);
    apply_row(call, name, name_length);
    if (!bi_mcp_call_tool(call->mcp, name, name_length, arguments, length))
        luaL_error(L, "not enough memory");
    bi_call_read_options(L, call, 4, tool_options);
    return bi_call_return(L, 4, 5);
}

int bi_lua_tools(lua_State *L) {
    static const char where[] = "list_tools";
    size_t length = 0;
    int last = lua_gettop(L);
    if (last > 3)
        bi_error_argument(L, where, "too many arguments: it takes at most 1, not %d", last - 2);
    lua_settop(L, 3);
    bi_call *call = push_call(L, where);
    if (!lua_isnil(L, 2))
        bi_option_check(L, 2, where, "cursor", BI_OPTION_ANY_TEXT);
    const char *cursor = lua_tolstring(L, 2, &length);
    call->endpoint.safety = BI_SAFETY_READ;
    if (!bi_mcp_list_tools(call->mcp, cursor, length))
        luaL_error(L, "not enough memory");
    bi_call_read_options(L, call, 3, tool_options);
    return bi_call_return(L, 3, 4);
}

/* [-0, +1, e] JSON that the core has read once already. */
static void push_json(lua_State *L, bi_span json) {
    const char *failure;
    size_t offset;
    if (!bi_json_push(L, json.text, json.length, &failure, &offset))
        luaL_error(L, "not enough memory");
}

/* [-0, +1, e] The next text of the result, as JSON or as it is; false, and nothing pushed, when there is none. */
static bool push_text(lua_State *L, bi_mcp *mcp, bool decode) {
    bi_span text;
    const char *failure;
    size_t offset;
    if (!bi_rpc_texts_next(&mcp->texts, &text)) {
        if (mcp->texts.failed)
            luaL_error(L, "not enough memory");
        return false;
    }
    if (!decode || !bi_json_push(L, text.text, text.length, &failure, &offset))
        lua_pushlstring(L, text.text, text.length);
    return true;
}

void bi_mcp_push_data(lua_State *L, bi_call *call) {
    bi_mcp *mcp = call->mcp;
    if (strcmp(mcp->method, "tools/list") == 0) {
        push_json(L, mcp->answer.result);
        return;
    }
    bi_rpc_texts_begin(&mcp->texts, mcp->content);
    if (push_text(L, mcp, true))
        return;
    if (mcp->structured.text)
        push_json(L, mcp->structured);
    else
        lua_pushboolean(L, true);
}

void bi_mcp_add_details(lua_State *L, bi_call *call) {
    bi_mcp *mcp = call->mcp;
    int response = lua_gettop(L);
    push_json(L, mcp->answer.result);
    lua_setfield(L, response, "body");
    if (strcmp(mcp->method, "tools/list") == 0)
        return;
    lua_newtable(L);
    bi_array_mark(L, -1);
    for (int i = 1; push_text(L, mcp, false); i++)
        lua_rawseti(L, -2, i);
    lua_setfield(L, response, "notices");
}
