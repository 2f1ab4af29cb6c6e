/* The JSON encoder and what it can do: how encode_lua.c calls encoder_lua.c; nobody else includes it. */
#ifndef BI_BINDING_ENCODE_PARTS_H
#define BI_BINDING_ENCODE_PARTS_H

#include "binding/compat.h"

#include <stdbool.h>

/* Digits that every lua-cjson writes, and the most that any does (a double needs no more). */
#define DIGITS_MIN 14
#define DIGITS_MAX 17

typedef struct encoder {
    int digits_max;      /* that it can be told to write */
    int digits;          /* that it writes now */
    bool exact_integers; /* writes integers of Lua 5.3 as such, all digits */
    bool empty_arrays;   /* has a value that becomes [] */
    bool empty_objects;  /* has a value that becomes {} */
    bool plain_is_array; /* writes [] for a table without members, as Neovim's does */
    bool own_null;       /* does not take the light userdata NULL, but has a null of its own */
} encoder;

/* Positions in its uservalue. */
enum { ENCODE = 1, EMPTY_ARRAY, EMPTY_OBJECT, OWN_NULL, SET_DIGITS };

/* [-0, +2, m] Pushes the encoder and its uservalue; NULL (and nothing pushed) when there is none. */
encoder *bi_encoder_take(lua_State *L);

/* [-(arguments + 1), +(results or 1), e] As lua_pcall, but a lack of memory goes on: it says nothing about the encoder
 * or the value, and what is found out here is kept. */
bool bi_encoder_succeeds(lua_State *L, int arguments, int results);

/* [-0, +0, e] False: it writes as many as before. */
bool bi_encoder_set_digits(lua_State *L, encoder *e, int uservalue, int digits);

#endif
