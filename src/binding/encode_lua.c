/* The walk before encoding, and the path of what it refuses (src/binding/encode_lua.h); the encoder itself is in
 * encoder_lua.c. Never changes the value that it is given. */
#include "binding/encode_lua.h"

#include "binding/encode_parts.h"
#include "binding/json_lua.h"
#include "core/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define PATH_PARTS_MAX 16

/* --- The walk --------------------------------------------------------------------------------- */

typedef struct frame {
    const void *table;
    int64_t items; /* members under a number */
    int64_t last;  /* the largest of those */
    bool named;    /* has members under a string */
} frame;

/* Open tables lie on the Lua stack from base + 1 on, each followed by the key that is looked at: so
 * the stack is the path, and nothing recurs. */
typedef struct walk {
    lua_State *L;
    const encoder *encoder;
    int uservalue; /* the encoder's */
    int base;
    int depth;      /* open tables */
    int path_depth; /* how many of their keys belong to the path of what is refused */
    int digits;     /* that the encoder must write */
    bool plain;     /* no string may hold NUL */
    bool copy;      /* something stands for itself only in a copy */
    frame frames[BI_JSON_DEPTH_MAX + 1];
} walk;

static const char too_many_digits[] = "a number has more digits than the JSON encoder writes";

static const char *check_number(walk *w) {
    int64_t integer;
    if (bi_isinteger(w->L, -1)) {
        if (w->encoder->exact_integers)
            return NULL;
        lua_Number rounded = lua_tonumber(w->L, -1);
        lua_pushnumber(w->L, rounded);
        bool exact = bi_tointeger(w->L, -1, &integer) && lua_rawequal(w->L, -1, -2);
        lua_pop(w->L, 1);
        if (!exact)
            return too_many_digits;
    }
    double number = (double)lua_tonumber(w->L, -1);
    if (!isfinite(number))
        return "NaN and infinite numbers cannot be sent as JSON";
    if (fabs(number) < 1e14 && bi_tointeger(w->L, -1, &integer))
        return NULL;
    /* Both of these use the locale's point, so they agree. */
    for (int digits = DIGITS_MIN; digits <= w->encoder->digits_max; digits++) {
        char text[64];
        snprintf(text, sizeof text, "%.*g", digits, number);
        double back = strtod(text, NULL);
        if (!(back < number) && !(back > number)) {
            w->digits = digits > w->digits ? digits : w->digits;
            return NULL;
        }
    }
    return too_many_digits;
}

/* The light userdata NULL, or the encoder's own null. */
static const char *check_userdata(walk *w) {
    if (lua_islightuserdata(w->L, -1) && !lua_touserdata(w->L, -1)) {
        w->copy |= w->encoder->own_null;
        return NULL;
    }
    lua_rawgeti(w->L, w->uservalue, OWN_NULL);
    bool is_null = lua_rawequal(w->L, -1, -2);
    lua_pop(w->L, 1);
    return is_null ? NULL : "a userdata cannot be sent as JSON";
}

/* NULL, or why a text (`bad`: that it is not valid UTF-8) is refused. */
static const char *check_text(const walk *w, const char *text, size_t length, const char *bad) {
    if (!bi_utf8_is_valid(text, length))
        return bad;
    return w->plain && memchr(text, '\0', length) ? "text must not hold NUL" : NULL;
}

/* NULL, or why the value on top, which is no table, is refused. */
static const char *check_value(walk *w) {
    size_t length;
    const char *text;
    switch (lua_type(w->L, -1)) {
    case LUA_TSTRING:
        text = lua_tolstring(w->L, -1, &length);
        return check_text(w, text, length, "a string is not valid UTF-8");
    case LUA_TNUMBER:
        return check_number(w);
    case LUA_TBOOLEAN:
        return NULL;
    case LUA_TNIL:
        return "nil cannot be sent as JSON";
    case LUA_TFUNCTION:
        return "a function cannot be sent as JSON";
    case LUA_TTHREAD:
        return "a coroutine cannot be sent as JSON";
    case LUA_TLIGHTUSERDATA:
    case LUA_TUSERDATA:
        return check_userdata(w);
    default:
        return "a value of its type cannot be sent as JSON";
    }
}

/* NULL, or why the key below the top, of the table on top of the path, is refused. */
static const char *check_key(walk *w) {
    frame *f = &w->frames[w->depth];
    int64_t position;
    if (lua_type(w->L, -2) == LUA_TSTRING) {
        size_t length;
        const char *text = lua_tolstring(w->L, -2, &length);
        f->named = true;
        const char *refusal = check_text(w, text, length, "a member's name is not valid UTF-8");
        if (refusal)
            return refusal;
    } else if (lua_type(w->L, -2) != LUA_TNUMBER) {
        return "a key is neither a name nor a position";
    } else if (!bi_tointeger(w->L, -2, &position) || position < 1) {
        return "a key is a number but no position (1, 2, …); names are strings";
    } else {
        f->items++;
        f->last = position > f->last ? position : f->last;
    }
    return f->named && f->items ? "a table has both names and positions" : NULL;
}

/* NULL, or why the table on top is refused before it is looked into. */
static const char *enter_table(walk *w) {
    const void *table = lua_topointer(w->L, -1);
    for (int i = 1; i <= w->depth; i++)
        if (w->frames[i].table == table)
            return "a table contains itself";
    if (w->depth == BI_JSON_DEPTH_MAX)
        return "nested deeper than 512 levels";
    luaL_checkstack(w->L, 6, "no room to encode JSON");
    w->frames[++w->depth] = (frame){.table = table};
    lua_pushnil(w->L);
    return NULL;
}

/* NULL, or why a table without members is refused. */
static const char *check_empty(walk *w, bool array) {
    const encoder *e = w->encoder;
    w->copy |= array != e->plain_is_array;
    if (array)
        return e->empty_arrays ? NULL
                               : "an empty array cannot be sent: the installed JSON encoder would "
                                 "write {} for it";
    return e->empty_objects ? NULL
                            : "an empty object cannot be sent: the installed JSON encoder would "
                              "write [] for it";
}

/* NULL, or why the table on top, now looked through, is refused as a whole. */
static const char *leave_table(walk *w) {
    const frame *f = &w->frames[w->depth];
    bool array = bi_is_array(w->L, -1);
    if (f->last != f->items)
        return "an array has holes; fill them with null";
    if (!f->named && !f->items)
        return check_empty(w, array);
    return array && f->named ? "a table marked as an array has names" : NULL;
}

/* Leaves every table that has no further member, then checks the next key; *done at the end. What
 * is refused here is the whole table, hence the shorter path. */
static const char *next_member(walk *w, bool *done) {
    w->path_depth = w->depth - 1;
    while (!lua_next(w->L, -2)) {
        const char *refusal = leave_table(w);
        if (refusal)
            return refusal;
        lua_pop(w->L, 1);
        w->depth--;
        if ((*done = w->depth == 0))
            return NULL;
        w->path_depth = w->depth - 1;
    }
    const char *refusal = check_key(w);
    if (!refusal)
        w->path_depth = w->depth;
    return refusal;
}

/* [-1, +any, m] NULL, or why the value on top is refused; then the path lies on the stack. */
static const char *check(walk *w) {
    for (bool done = false; !done;) {
        bool table = lua_istable(w->L, -1);
        const char *refusal = table ? enter_table(w) : check_value(w);
        if (refusal)
            return refusal;
        if (!table)
            lua_pop(w->L, 1);
        if (w->depth == 0)
            return NULL;
        if ((refusal = next_member(w, &done)))
            return refusal;
    }
    return NULL;
}

/* --- The path --------------------------------------------------------------------------------- */

static bool is_name(const char *text) {
    for (const char *at = text; *at; at++)
        if (!((*at | 32) >= 'a' && (*at | 32) <= 'z') && *at != '_' &&
            !(at > text && *at >= '0' && *at <= '9'))
            return false;
    return *text != '\0';
}

/* [-1, +1, m] Appends the key at `index` to the path on top. */
static void add_part(lua_State *L, int index) {
    if (lua_type(L, index) == LUA_TNUMBER) {
        int64_t position = 0;
        char digits[24];
        bi_tointeger(L, index, &position);
        snprintf(digits, sizeof digits, "[%lld]", (long long)position);
        lua_pushfstring(L, "%s%s", lua_tostring(L, -1), digits);
    } else {
        char text[61];
        size_t length, i;
        const char *key = lua_tolstring(L, index, &length);
        for (i = 0; i < length && i < sizeof text - 1; i++)
            text[i] = key[i] < ' ' || key[i] > '~' ? '?' : key[i];
        text[i] = '\0';
        const char *form = is_name(text) ? "%s.%s" : "%s[\"%s\"]";
        lua_pushfstring(L, form, lua_tostring(L, -1), text);
    }
    lua_remove(L, -2);
}

/* [-0, +1, m] */
static void push_refusal(const walk *w, const char *name, const char *refusal) {
    lua_State *L = w->L;
    luaL_checkstack(L, 5, "no room for a message");
    lua_pushstring(L, name);
    for (int i = 1; i <= w->path_depth && i <= PATH_PARTS_MAX; i++)
        add_part(L, w->base + 2 * i);
    const char *form = w->path_depth > PATH_PARTS_MAX ? "%s…: %s" : "%s: %s";
    lua_pushfstring(L, form, lua_tostring(L, -1), refusal);
    lua_remove(L, -2);
}

/* --- Encoding --------------------------------------------------------------------------------- */

/* [-1, +1, m] Replaces the checked value on top by a copy in which empty tables and null are what
 * the encoder takes for them. Recurs at most 512 deep, for that was checked. */
static void copy_value(const walk *w) {
    lua_State *L = w->L;
    luaL_checkstack(L, 6, "no room to copy a table");
    if (w->encoder->own_null && lua_islightuserdata(L, -1) && !lua_touserdata(L, -1)) {
        lua_pop(L, 1);
        lua_rawgeti(L, w->uservalue, OWN_NULL);
    }
    if (!lua_istable(L, -1))
        return;
    lua_newtable(L);
    bool empty = true;
    for (lua_pushnil(L); lua_next(L, -3); empty = false) {
        copy_value(w);
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, -4);
    }
    if (empty) {
        lua_pop(L, 1);
        lua_rawgeti(L, w->uservalue, bi_is_array(L, -1) ? EMPTY_ARRAY : EMPTY_OBJECT);
    }
    lua_remove(L, -2);
}

/* [-0, +1, e] Pushes the text (true) or the encoder's own complaint. */
static bool encode(lua_State *L, encoder *e, const walk *w, int index, const char *name) {
    if (e->digits != w->digits && e->digits_max > DIGITS_MIN)
        bi_encoder_set_digits(L, e, w->uservalue, w->digits);
    lua_rawgeti(L, w->uservalue, ENCODE);
    lua_pushvalue(L, index);
    if (w->copy)
        copy_value(w);
    if (bi_encoder_succeeds(L, 1, 1) && lua_type(L, -1) == LUA_TSTRING)
        return true;
    const char *complaint = lua_tostring(L, -1);
    lua_pushfstring(L, "%s: %s", name, complaint ? complaint : "the JSON encoder failed");
    return false;
}

static bool push_encoded(lua_State *L, int index, const char *name, bool plain) {
    int base = lua_gettop(L);
    index = lua_absindex(L, index);
    luaL_checkstack(L, 10, "no room to encode JSON");
    encoder *e = bi_encoder_take(L);
    if (!e) {
        lua_pushfstring(L, "%s: no JSON encoder was found: install lua-cjson", name);
        return false;
    }
    walk w = {.L = L,
              .encoder = e,
              .uservalue = base + 2,
              .base = base + 2,
              .digits = DIGITS_MIN,
              .plain = plain};
    lua_pushvalue(L, index);
    const char *refusal = check(&w);
    if (refusal)
        push_refusal(&w, name, refusal);
    bool encoded = !refusal && encode(L, e, &w, index, name);
    lua_replace(L, base + 1);
    lua_settop(L, base + 1);
    return encoded;
}

bool bi_encode_push(lua_State *L, int index, const char *name) {
    return push_encoded(L, index, name, false);
}

bool bi_encode_push_text(lua_State *L, int index, const char *name) {
    return push_encoded(L, index, name, true);
}

int bi_lua_json_encode(lua_State *L) {
    luaL_checkany(L, 1);
    if (bi_encode_push(L, 1, "value"))
        return 1;
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
}
