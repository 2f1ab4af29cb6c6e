/* Names of members that came before, in the same text or an earlier one: pushed as the string that Lua has already made,
 * which saves it from hashing and looking up the bytes once more. Called by json_lua.c, which has a table for them. */
#ifndef BI_BINDING_JSON_NAMES_H
#define BI_BINDING_JSON_NAMES_H

#include "binding/compat.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BI_NAMES_BITS 8 /* 256 places by hash: two names seldom have the same */
#define BI_NAMES_PLACES (1 << BI_NAMES_BITS)
#define BI_NAME_MAX 16 /* bytes of a name */

/* Misses beyond hits in a text until it gives up: a file of messages has no name twice. */
#define BI_NAMES_CREDIT 64

/* A name is known by its first and last eight bytes, which meet or overlap, and its length. */
typedef struct bi_known_name {
    uint64_t first, last;
    uint32_t length;
    bool kept; /* in the table, at its place; not until it is seen again */
} bi_known_name;

/* All zero: knows nothing. */
typedef struct bi_known_names {
    bi_known_name known[BI_NAMES_PLACES];
    int credit;
} bi_known_names;

/* Before each text. */
static inline void bi_known_names_begin(bi_known_names *names) {
    names->credit = BI_NAMES_CREDIT;
}

static inline uint64_t bi_load(const char *at, size_t size) {
    uint64_t bytes = 0;
    memcpy(&bytes, at, size);
    return bytes;
}

/* The place (from 0) where the name is, or would be; *name becomes what must stand there. Of 2 to BI_NAME_MAX bytes. */
static inline int bi_known_names_look(const char *text, size_t length, bi_known_name *name) {
    if (length >= 8) {
        name->first = bi_load(text, 8);
        name->last = bi_load(text + length - 8, 8);
    } else if (length >= 4) {
        name->first = bi_load(text, 4);
        name->last = bi_load(text + length - 4, 4);
    } else {
        name->first = bi_load(text, 2);
        name->last = bi_load(text + length - 2, 2);
    }
    name->length = (uint32_t)length;
    name->kept = false;
    uint64_t mixed = name->first ^ (name->last << 32 | name->last >> 32);
    return (int)(mixed * UINT64_C(0x9E3779B97F4A7C15) >> (64 - BI_NAMES_BITS));
}

static inline bool bi_known_name_is(const bi_known_name *a, const bi_known_name *b) {
    return a->first == b->first && a->last == b->last && a->length == b->length;
}

/* [-0, +1, m] A name that is not in the table (at that index of the stack): noted at first, kept the second time. */
void bi_known_names_learn(lua_State *L, bi_known_names *names, int table, const char *text,
                          size_t length);

/* [-0, +1, m] */
static inline void bi_known_names_push(lua_State *L, bi_known_names *names, int table,
                                       const char *text, size_t length) {
    if (names->credit > 0 && length <= BI_NAME_MAX && length >= 2) {
        bi_known_name name;
        int place = bi_known_names_look(text, length, &name);
        const bi_known_name *known = &names->known[place];
        if (known->kept && bi_known_name_is(known, &name)) {
            names->credit++;
            lua_rawgeti(L, table, place + 1);
        } else {
            bi_known_names_learn(L, names, table, text, length);
        }
        return;
    }
    lua_pushlstring(L, text, length);
}

#endif
