/* Names of members that came before in the same text: pushed as the string that Lua has already made, which saves it
 * from hashing and looking up the bytes once more. Called by json_lua.c. */
#ifndef BI_BINDING_JSON_NAMES_H
#define BI_BINDING_JSON_NAMES_H

#include "binding/compat.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BI_NAMES_KEPT 48  /* slots on the Lua stack */
#define BI_NAMES_BITS 8   /* 256 places by hash: two names seldom have the same */
#define BI_NAME_MAX 16    /* bytes of a name */
#define BI_NAMES_FROM 512 /* bytes of a text that has names more than once */

/* Misses beyond hits until it gives up: a file of messages has no name twice. */
#define BI_NAMES_CREDIT 64

/* A name is known by its first and last eight bytes, which meet or overlap, and its length. */
typedef struct bi_known_name {
    uint64_t first, last;
    uint64_t tag; /* the length, and which text it was seen in */
    int slot;     /* on the stack; 0 until it is seen again */
} bi_known_name;

/* All zero: knows nothing and learns nothing. */
typedef struct bi_known_names {
    bi_known_name known[1 << BI_NAMES_BITS];
    uint64_t texts; /* so far, so that what an earlier one left needs no clearing */
    int free_slot, end_slot;
    int credit;
} bi_known_names;

/* [-0, +BI_NAMES_KEPT or 0, m] Before each text of that length. The slots must stay where they are while it is read. */
static inline void bi_known_names_begin(lua_State *L, bi_known_names *names, size_t length) {
    names->texts++;
    names->credit = length < BI_NAMES_FROM ? 0 : BI_NAMES_CREDIT;
    if (names->credit == 0)
        return;
    names->free_slot = lua_gettop(L) + 1;
    names->end_slot = names->free_slot + BI_NAMES_KEPT;
    lua_settop(L, names->end_slot - 1);
}

static inline uint64_t bi_load(const char *at, size_t size) {
    uint64_t bytes = 0;
    memcpy(&bytes, at, size);
    return bytes;
}

/* The place where the name is, or would be; *name becomes what must stand there. Of 2 to BI_NAME_MAX bytes. */
static inline bi_known_name *bi_known_names_look(bi_known_names *names, const char *text,
                                                 size_t length, bi_known_name *name) {
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
    name->tag = names->texts << 8 | length;
    uint64_t mixed = name->first ^ (name->last << 32 | name->last >> 32);
    return &names->known[mixed * UINT64_C(0x9E3779B97F4A7C15) >> (64 - BI_NAMES_BITS)];
}

static inline bool bi_known_name_is(const bi_known_name *a, const bi_known_name *b) {
    return a->first == b->first && a->last == b->last && a->tag == b->tag;
}

/* [-0, +1, m] A name that has no slot: noted at first, given one the second time. */
void bi_known_names_learn(lua_State *L, bi_known_names *names, const char *text, size_t length);

/* [-0, +1, m] */
static inline void bi_known_names_push(lua_State *L, bi_known_names *names, const char *text,
                                       size_t length) {
    if (names->credit > 0 && length <= BI_NAME_MAX && length >= 2) {
        bi_known_name name;
        const bi_known_name *known = bi_known_names_look(names, text, length, &name);
        if (known->slot && bi_known_name_is(known, &name)) {
            names->credit++;
            lua_pushvalue(L, known->slot);
        } else {
            bi_known_names_learn(L, names, text, length);
        }
        return;
    }
    lua_pushlstring(L, text, length);
}

#endif
