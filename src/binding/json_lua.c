/* The table builder over the core's reader. It owns the decoder, a userdata that lives in the
 * registry so that the reader's memory is freed even when Lua raises "not enough memory" midway. */
#include "binding/json_lua.h"

#include "binding/json_names.h"
#include "core/json_step.h"

#define ARRAY_NAME "better_i18n.array"

/* For how many items a table is made before any of them was read: at most, and while nothing is
 * known of its neighbours. */
#define HINT_MAX 1024
#define FIRST_ITEMS 4
#define FIRST_MEMBERS 8

/* What is still known when the next text comes, which often is an answer of the same kind. */
#define KEPT_LEVELS 4
#define KEPT_ITEMS 128
#define KEPT_MEMBERS 16

/* Neighbours that differ a little: up to that size a hint sinks by one only when so many tables were smaller. */
#define SMALL 16
#define PATIENCE 8

typedef struct level {
    int count; /* items or members so far */
    bool array;
} level;

typedef struct decoder {
    bi_json reader;
    bool busy;        /* at work, or left midway by an error */
    unsigned deepest; /* the levels below it have no hints yet */
    bi_known_names names;
    level levels[BI_JSON_DEPTH_MAX + 1];
    /* PATIENCE times the size of the last table at that depth, or a little more: neighbours are alike,
     * and growing a table step by step costs more than filling it. Each hint was earned by a table of
     * that size, so a hostile text cannot make us take more than a few times what it could take anyway. */
    int items[BI_JSON_DEPTH_MAX + 1];
    int members[BI_JSON_DEPTH_MAX + 1];
} decoder;

#define AT_METATABLE (BI_NAMES_PLACES + 1) /* in the decoder's table */

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

/* [-0, +1, m] The table of known names, and behind them the metatable of arrays; nothing in it is ever allocated anew. */
static void push_kept(lua_State *L) {
    lua_createtable(L, AT_METATABLE, 0);
    for (int place = 1; place <= BI_NAMES_PLACES; place++) {
        lua_pushboolean(L, false);
        lua_rawseti(L, -2, place);
    }
    bi_array_push_metatable(L);
    lua_rawseti(L, -2, AT_METATABLE);
}

/* [-0, +1, m] Makes a decoder the one that the registry keeps, and leaves it on the stack. */
static decoder *new_decoder(lua_State *L) {
    decoder *d = bi_newuserdata(L, sizeof *d);
    push_kept(L);
    bi_setuservalue(L, -2);
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

/* The frame on the Lua stack: the decoder, its table, the metatable of arrays, then the open tables, each in an object
 * followed by the name whose value is being read. */
enum { AT_DECODER = 1, AT_KEPT, AT_ARRAY, FRAME = AT_ARRAY };

/* Slots for one more level: the table, a name, and three to work with. */
#define LEVEL_SLOTS 5

static inline int at_most(int a, int b) {
    return a < b ? a : b;
}

/* Hints carry over from the text before, where a wrong one costs little. */
static void begin_text(decoder *d) {
    if (d->deepest > KEPT_LEVELS)
        d->deepest = KEPT_LEVELS;
    for (unsigned i = 1; i <= d->deepest; i++) {
        d->items[i] = at_most(d->items[i], KEPT_ITEMS * PATIENCE);
        d->members[i] = at_most(d->members[i], KEPT_MEMBERS * PATIENCE);
    }
    bi_known_names_begin(&d->names);
}

/* Its hints are unknown, and Lua's stack may be too short for it. */
static void begin_level(lua_State *L, decoder *d, unsigned depth) {
    luaL_checkstack(L, LEVEL_SLOTS, "too many nested JSON values");
    d->deepest = depth;
    d->items[depth] = FIRST_ITEMS * PATIENCE;
    d->members[depth] = FIRST_MEMBERS * PATIENCE;
}

static inline int size_of(int hint) {
    return (hint + PATIENCE - 1) / PATIENCE;
}

/* [-0, +1, m] */
static void open_table(lua_State *L, decoder *d, int base, bool array) {
    unsigned depth = d->reader.depth;
    if (depth > d->deepest)
        begin_level(L, d, depth);
    if (array) {
        lua_createtable(L, size_of(d->items[depth]), 0);
        lua_pushvalue(L, base + AT_ARRAY);
        lua_setmetatable(L, -2);
    } else {
        lua_createtable(L, 0, size_of(d->members[depth]));
    }
    d->levels[depth] = (level){.array = array};
}

/* What the table that just ended says of its neighbours. */
static inline int next_hint(int hint, int count) {
    int exact = at_most(count, HINT_MAX) * PATIENCE;
    int patient = at_most(hint, SMALL * PATIENCE) - 1;
    return exact > patient ? exact : patient;
}

static inline void close_table(decoder *d) {
    unsigned depth = d->reader.depth--;
    const level *l = &d->levels[depth];
    int *hint = l->array ? &d->items[depth] : &d->members[depth];
    *hint = next_hint(*hint, l->count);
}

/* [-1, +0, m] A null in an object: absence, also of an earlier member. The name is on the top. */
static void store_absence(lua_State *L) {
    lua_pushvalue(L, -1);
    lua_rawget(L, -3);
    bool is_absent = lua_isnil(L, -1);
    lua_pop(L, 1);
    if (is_absent) {
        lua_pop(L, 1);
        return;
    }
    lua_pushnil(L);
    lua_rawset(L, -3);
}

/* [-0, +1, m] A name as it was just read. */
static inline void push_name(lua_State *L, decoder *d, int base) {
    bi_known_names_push(L, &d->names, base + AT_KEPT, d->reader.text, d->reader.length);
}

/* [-1 or -2, +0, m] Puts the value on top into the table below it. */
static inline void store(lua_State *L, level *l) {
    l->count++;
    if (l->array)
        lua_rawseti(L, -2, l->count);
    else
        lua_rawset(L, -3);
}

/* [-any, +0 or 1, m] Behind a value, which is on the top or (`stored`) in its table: stores it, and each table that ends
 * behind it. KEY: the next member's name is on the top; ARRAY: the next item follows; END: the value of the text is on
 * the top. */
static inline bi_json_event advance(lua_State *L, decoder *d, int base, bool stored) {
    bi_json *reader = &d->reader;
    while (reader->depth > 0) {
        level *l = &d->levels[reader->depth];
        if (!stored)
            store(L, l);
        stored = false;
        bi_json_event event =
            l->array ? bi_json_read_next_item(reader) : bi_json_read_next_member(reader);
        if (event == BI_JSON_KEY)
            push_name(L, d, base);
        if (event != BI_JSON_OBJECT_END && event != BI_JSON_ARRAY_END)
            return event;
        close_table(d);
    }
    return bi_json_read_end(reader);
}

/* [-0, +1 or 2, m] An opening bracket was read. OBJECT_END and ARRAY_END: the table is empty and on the top; else as
 * advance(). */
static bi_json_event begin_table(lua_State *L, decoder *d, int base, bool array) {
    bi_json *reader = &d->reader;
    if (!bi_json_enter(reader, !array))
        return BI_JSON_FAILED;
    open_table(L, d, base, array);
    if (bi_json_pass_empty(reader, array ? ']' : '}')) {
        close_table(d);
        return BI_JSON_OBJECT_END;
    }
    if (array)
        return BI_JSON_ARRAY;
    bi_json_event event = bi_json_read_key(reader);
    if (event == BI_JSON_KEY)
        push_name(L, d, base);
    return event;
}

/* [-0, +any, m] Reads it all; true leaves the value on top. */
static bool build(lua_State *L, decoder *d, int base) {
    bi_json *reader = &d->reader;
    bi_json_event event;
    do {
        bool stored = false;
        event = bi_json_read_value(reader);
        switch (event) {
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
        case BI_JSON_FALSE:
            lua_pushboolean(L, event == BI_JSON_TRUE);
            break;
        case BI_JSON_NULL:
            stored = reader->depth > 0 && !d->levels[reader->depth].array;
            if (stored)
                store_absence(L);
            else
                bi_push_null(L);
            break;
        case BI_JSON_OBJECT:
        case BI_JSON_ARRAY:
            event = begin_table(L, d, base, event == BI_JSON_ARRAY);
            if (event != BI_JSON_OBJECT_END)
                continue;
            break;
        case BI_JSON_FAILED:
        case BI_JSON_KEY:
        case BI_JSON_OBJECT_END:
        case BI_JSON_ARRAY_END:
        case BI_JSON_END:
            return false;
        }
        event = advance(L, d, base, stored);
    } while (event == BI_JSON_KEY || event == BI_JSON_ARRAY);
    return event == BI_JSON_END;
}

bool bi_json_push(lua_State *L, const char *text, size_t length, const char **failure,
                  size_t *offset) {
    int base = lua_gettop(L);
    luaL_checkstack(L, FRAME + (KEPT_LEVELS + 1) * LEVEL_SLOTS, "no room to decode JSON");
    decoder *d = take_decoder(L);
    bi_getuservalue(L, base + AT_DECODER);
    lua_rawgeti(L, base + AT_KEPT, AT_METATABLE);
    begin_text(d);
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
