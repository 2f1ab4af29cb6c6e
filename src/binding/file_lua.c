/* Files and lock files for Lua (src/binding/file_lua.h). What is read passes through a userdata, so that it is wiped and
 * freed whatever Lua raises meanwhile. */
#include "binding/file_lua.h"

#include "engine/file.h"
#include "engine/file_lock.h"

#include <stdio.h>

#define BUFFER_CLASS "better_i18n.file_buffer"
#define LOCK_CLASS "better_i18n.file_lock"

/* All zero is a valid, closed one. */
typedef struct lock_box {
    bi_file_lock *lock; /* owned */
} lock_box;

/* --- Results ---------------------------------------------------------------------------------- */

static int push_trouble(lua_State *L, const char *path, const bi_file_trouble *trouble) {
    lua_pushnil(L);
    if (trouble->mode) {
        char mode[8];
        snprintf(mode, sizeof mode, "%04o", trouble->mode & 07777U);
        lua_pushfstring(
            L,
            "others may use %s (mode %s), and it holds secrets; make it yours alone: chmod 600 %s",
            path, mode, path);
    } else {
        lua_pushfstring(L, "cannot %s %s: %s; check the file, its folder and their rights",
                        trouble->step, path, strerror(trouble->reason));
    }
    return 2;
}

static int push_done(lua_State *L, bool done, const char *path, const bi_file_trouble *trouble) {
    if (!done)
        return push_trouble(L, path, trouble);
    lua_pushboolean(L, true);
    return 1;
}

static int collect_buffer(lua_State *L) {
    bi_bytes_clear(lua_touserdata(L, 1));
    return 0;
}

/* [-0, +1, m] */
static bi_bytes *new_buffer(lua_State *L) {
    bi_bytes *buffer = bi_newuserdata(L, sizeof *buffer);
    buffer->secret = true;
    luaL_setmetatable(L, BUFFER_CLASS);
    return buffer;
}

static int push_buffer(lua_State *L, bi_bytes *buffer) {
    lua_pushlstring(L, bi_bytes_text(buffer), buffer->length);
    bi_bytes_clear(buffer);
    return 1;
}

/* --- Files ------------------------------------------------------------------------------------ */

typedef bool to_path(const char *path, bi_bytes *out, bi_file_trouble *trouble);

static int path_to_path(lua_State *L, to_path *function) {
    const char *path = luaL_checkstring(L, 1);
    bi_bytes *out = new_buffer(L);
    bi_file_trouble trouble = {0};
    return function(path, out, &trouble) ? push_buffer(L, out) : push_trouble(L, path, &trouble);
}

int bi_lua_file_absolute(lua_State *L) {
    return path_to_path(L, bi_file_absolute);
}

int bi_lua_file_resolve(lua_State *L) {
    return path_to_path(L, bi_file_resolve);
}

int bi_lua_file_set_aside(lua_State *L) {
    return path_to_path(L, bi_file_set_aside);
}

int bi_lua_file_read(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    bi_bytes *content = new_buffer(L);
    bi_file_trouble trouble = {0};
    bi_file_status status = bi_file_read(path, content, &trouble);
    if (status == BI_FILE_FAILED)
        return push_trouble(L, path, &trouble);
    if (status == BI_FILE_OK)
        return push_buffer(L, content);
    lua_pushnil(L);
    return 1;
}

int bi_lua_file_replace(lua_State *L) {
    size_t length;
    const char *path = luaL_checkstring(L, 1);
    const char *text = luaL_checklstring(L, 2, &length);
    bi_file_trouble trouble = {0};
    return push_done(L, bi_file_replace(path, text, length, &trouble), path, &trouble);
}

/* --- Lock files ------------------------------------------------------------------------------- */

static bi_file_lock *check_open(lua_State *L) {
    lock_box *box = luaL_checkudata(L, 1, LOCK_CLASS);
    if (!box->lock)
        luaL_argerror(L, 1, "the lock file is closed");
    return box->lock;
}

/* The path, for messages. */
static const char *path_of(lua_State *L) {
    bi_getuservalue(L, 1);
    lua_rawgeti(L, -1, 1);
    return lua_tostring(L, -1);
}

int bi_lua_file_lock(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    lock_box *box = bi_newuserdata(L, sizeof *box);
    luaL_setmetatable(L, LOCK_CLASS);
    lua_createtable(L, 1, 0);
    lua_pushvalue(L, 1);
    lua_rawseti(L, -2, 1);
    bi_setuservalue(L, -2);
    bi_file_trouble trouble = {0};
    box->lock = bi_file_lock_new(path, &trouble);
    return box->lock ? 1 : push_trouble(L, path, &trouble);
}

static int lock_close(lua_State *L) {
    lock_box *box = luaL_checkudata(L, 1, LOCK_CLASS);
    bi_file_lock_free(box->lock);
    box->lock = NULL;
    return 0;
}

static int lock_enter(lua_State *L) {
    bi_file_lock *lock = check_open(L);
    int patience = (int)luaL_checkinteger(L, 2);
    bi_file_trouble trouble = {0};
    bi_file_entry entry = bi_file_lock_enter(lock, patience, &trouble);
    if (entry == BI_FILE_NO_ENTRY)
        return push_trouble(L, path_of(L), &trouble);
    lua_pushboolean(L, entry == BI_FILE_ENTERED);
    return 1;
}

static int lock_leave(lua_State *L) {
    bi_file_lock_leave(check_open(L));
    return 0;
}

static uint32_t check_number(lua_State *L) {
    lua_Number number = luaL_checknumber(L, 2);
    luaL_argcheck(L, number >= 1 && number <= UINT32_MAX, 2, "no number that can be marked");
    return (uint32_t)number;
}

static int lock_mark(lua_State *L) {
    lua_pushboolean(L, bi_file_lock_mark(check_open(L), check_number(L)));
    return 1;
}

static int lock_is_marked(lua_State *L) {
    lua_pushboolean(L, bi_file_lock_is_marked(check_open(L), check_number(L)));
    return 1;
}

static int lock_is_ours(lua_State *L) {
    lua_pushboolean(L, bi_file_lock_is_ours(check_open(L)));
    return 1;
}

static int lock_read(lua_State *L) {
    bi_file_lock *lock = check_open(L);
    bi_bytes *content = new_buffer(L);
    bi_file_trouble trouble = {0};
    if (!bi_file_lock_read(lock, content, &trouble))
        return push_trouble(L, path_of(L), &trouble);
    return push_buffer(L, content);
}

static int lock_write(lua_State *L) {
    size_t length;
    bi_file_lock *lock = check_open(L);
    const char *text = luaL_checklstring(L, 2, &length);
    bi_file_trouble trouble = {0};
    bool done = bi_file_lock_write(lock, text, length, &trouble);
    return push_done(L, done, done ? "" : path_of(L), &trouble);
}

static const luaL_Reg lock_methods[] = {
    {"enter", lock_enter},         {"leave", lock_leave},     {"mark", lock_mark},
    {"is_marked", lock_is_marked}, {"is_ours", lock_is_ours}, {"read", lock_read},
    {"write", lock_write},         {"close", lock_close},     {NULL, NULL},
};

void bi_file_open(lua_State *L) {
    bi_class_open(L, BUFFER_CLASS, collect_buffer);
    luaL_newmetatable(L, LOCK_CLASS);
    luaL_newlib(L, lock_methods);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, lock_close);
    lua_setfield(L, -2, "__gc");
    lua_pushliteral(L, LOCK_CLASS);
    lua_setfield(L, -2, "__name");
    lua_pop(L, 1);
}
