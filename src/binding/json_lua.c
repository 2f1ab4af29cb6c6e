/* The table builder over the core's reader. It owns the decoder, a userdata that lives in the
 * registry so that the reader's memory is freed even when Lua raises "not enough memory" midway. */
#include "binding/json_lua.h"

#include "core/json.h"

#define ARRAY_NAME "better_i18n.array"

/* For how many items a table is made before any of them was read: at most, and while nothing is
 * known of its neighbours. */
#define HINT_MAX 1024
#define FIRST_ITEMS 4
#define FIRST_MEMBERS 8

typedef struct level {
    int count; /* items or members so far */
    bool array;
} level;

typedef struct decoder {
    bi_json reader;
    bool busy; /* at work, or left midway by an error */
    int depth;
    int deepest; /* the levels below it have no hints yet */
    level levels[BI_JSON_DEPTH_MAX + 1];
    /* The size of the last table at that depth: neighbours are alike, and growing a table step by
     * step costs more than filling it. Each hint was earned by a table of that size, so a hostile
     * text cannot make us take more than twice what it could take anyway. */
    int items[BI_JSON_DEPTH_MAX + 1];
    int members[BI_JSON_DEPTH_MAX + 1];
} decoder;

/* Their addresses are keys of the registry. */
static const char array_key = 'a';
static const char decoder_key = 'd';

/* --- Arrays ----------------------------------------------------------------------------------- */

void bi_array_push_metatable(lua_State *L) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &array_key);
}

bool bi_is_array(lua_State *L, int index) {
    if (lua_type(L, index) != LUA_TTABLE || !lua_getmetatable(L, index))
        return false;
    bi_array_push_metatable(L);
    bool same = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return same;
}

bool bi_array_mark(lua_State *L, int index) {
    index = lua_absindex(L, index);
    if (lua_getmetatable(L, index)) {
        lua_pop(L, 1);
        return bi_is_array(L, index);
    }
    bi_array_push_metatable(L);
    lua_setmetatable(L, index);
    return true;
}

/* --- The decoder ------------------------------------------------------------------------------ */

static int collect_decoder(lua_State *L) {
    decoder *d = lua_touserdata(L, 1);
    bi_json_clear(&d->reader);
    return 0;
}

/* [-0, +1, m] Makes a decoder the one that the registry keeps, and leaves it on the stack. */
static decoder *new_decoder(lua_State *L) {
    decoder *d = bi_newuserdata(L, sizeof *d);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, collect_decoder);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &decoder_key);
    return d;
}

/* [-0, +1, m] The kept decoder, or a new one when a finalizer decodes while we decode, or when the
 * last use ended in an error. On the stack, so that nothing collects it. */
static decoder *take_decoder(lua_State *L) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &decoder_key);
    decoder *d = lua_touserdata(L, -1);
    if (d->busy) {
        lua_pop(L, 1);
        d = new_decoder(L);
    }
    d->busy = true;
    return d;
}

void bi_json_open(lua_State *L) {
    luaL_newmetatable(L, ARRAY_NAME);
    lua_pushliteral(L, ARRAY_NAME);
    lua_setfield(L, -2, "__name");
    lua_rawsetp(L, LUA_REGISTRYINDEX, &array_key);
    new_decoder(L);
    lua_pop(L, 1);
}

/* --- Building --------------------------------------------------------------------------------- */

/* The frame on the Lua stack: the decoder, the metatable, then the open tables, each in an object
 * followed by the name whose value is being read. A cache of names in further slots was tried and
 * went out again: Lua interns them as fast. */
enum { AT_DECODER = 1, AT_ARRAY, FRAME = AT_ARRAY };

static void open_table(lua_State *L, decoder *d, int base, bool array) {
    luaL_checkstack(L, 5, "too many nested JSON values");
    int depth = ++d->depth;
    if (depth > d->deepest) {
        d->deepest = depth;
        d->items[depth] = FIRST_ITEMS;
        d->members[depth] = FIRST_MEMBERS;
    }
    lua_createtable(L, array ? d->items[depth] : 0, array ? 0 : d->members[depth]);
    if (array) {
        lua_pushvalue(L, base + AT_ARRAY);
        lua_setmetatable(L, -2);
    }
    d->levels[depth] = (level){.array = array};
}

static void close_table(decoder *d) {
    const level *l = &d->levels[d->depth];
    int *hint = l->array ? &d->items[d->depth] : &d->members[d->depth];
    *hint = l->count < HINT_MAX ? l->count : HINT_MAX;
    d->depth--;
}

/* [-1 or -2, +0, m] Puts the value on top into the table below it. */
static inline void store(lua_State *L, decoder *d) {
    level *l = &d->levels[d->depth];
    if (d->depth == 0)
        return;
    l->count++;
    if (l->array)
        lua_rawseti(L, -2, l->count);
    else
        lua_rawset(L, -3);
}

/* A null: an item of its own in an array, absence in an object, also of an earlier member. */
static void store_null(lua_State *L, decoder *d) {
    if (d->depth == 0 || d->levels[d->depth].array) {
        bi_push_null(L);
        store(L, d);
        return;
    }
    lua_pushvalue(L, -1);
    lua_rawget(L, -3);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 2);
        return;
    }
    lua_pop(L, 1);
    lua_pushnil(L);
    lua_rawset(L, -3);
}

/* [-0, +any, m] Reads it all; true leaves the value on top. */
static bool build(lua_State *L, decoder *d, int base) {
    bi_json *reader = &d->reader;
    for (;;) {
        switch (bi_json_next(reader)) {
        case BI_JSON_KEY:
            lua_pushlstring(L, reader->text, reader->length);
            continue;
        case BI_JSON_STRING:
            lua_pushlstring(L, reader->text, reader->length);
            break;
        case BI_JSON_INTEGER:
            bi_pushinteger(L, reader->integer);
            break;
        case BI_JSON_NUMBER:
            lua_pushnumber(L, (lua_Number)reader->number);
            break;
        case BI_JSON_TRUE:
            lua_pushboolean(L, true);
            break;
        case BI_JSON_FALSE:
            lua_pushboolean(L, false);
            break;
        case BI_JSON_NULL:
            store_null(L, d);
            continue;
        case BI_JSON_OBJECT:
            open_table(L, d, base, false);
            continue;
        case BI_JSON_ARRAY:
            open_table(L, d, base, true);
            continue;
        case BI_JSON_OBJECT_END:
        case BI_JSON_ARRAY_END:
            close_table(d);
            break;
        case BI_JSON_END:
            return true;
        case BI_JSON_FAILED:
            return false;
        }
        store(L, d);
    }
}

bool bi_json_push(lua_State *L, const char *text, size_t length, const char **failure,
                  size_t *offset) {
    int base = lua_gettop(L);
    luaL_checkstack(L, FRAME + 5, "no room to decode JSON");
    decoder *d = take_decoder(L);
    bi_array_push_metatable(L);
    d->depth = d->deepest = 0;
    bi_json_init(&d->reader, text, length, false);
    bool built = build(L, d, base);
    *failure = d->reader.failure;
    *offset = bi_json_offset(&d->reader);
    bool starved = d->reader.scratch.failed;
    bi_json_clear(&d->reader);
    d->busy = false;
    if (built)
        lua_replace(L, base + 1);
    lua_settop(L, base + (built ? 1 : 0));
    if (starved) /* the text may be good */
        luaL_error(L, "not enough memory");
    return built;
}

int bi_lua_json_decode(lua_State *L) {
    size_t length, offset;
    const char *text = luaL_checklstring(L, 1, &length);
    const char *failure;
    if (bi_json_push(L, text, length, &failure, &offset))
        return 1;
    lua_pushnil(L);
    lua_pushstring(L, failure);
    lua_pushinteger(L, (lua_Integer)offset);
    return 3;
}
