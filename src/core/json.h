/* A strict pull reader for JSON (RFC 8259): one event a call, no tree, no allocation but for strings with escapes.
 * The core reads errors, tokens and cursors with it, the binding builds the user's tables. Writes nothing. */
#ifndef BI_CORE_JSON_H
#define BI_CORE_JSON_H

#include "core/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BI_JSON_DEPTH_MAX 512

typedef enum bi_json_event {
    BI_JSON_FAILED,     /* see `failure` and `at`; every further call says the same */
    BI_JSON_END,        /* the whole text was one value and nothing but white space behind it */
    BI_JSON_OBJECT,     /* { */
    BI_JSON_OBJECT_END, /* } */
    BI_JSON_ARRAY,      /* [ */
    BI_JSON_ARRAY_END,  /* ] */
    BI_JSON_KEY,        /* text, length: the member's name; its value is the next event */
    BI_JSON_STRING,     /* text, length */
    BI_JSON_INTEGER,    /* integer: written without fraction and exponent, and fits 64 bits */
    BI_JSON_NUMBER, /* number: everything else, also -0 and integers beyond 64 bits; may be infinite (1e400) */
    BI_JSON_TRUE,
    BI_JSON_FALSE,
    BI_JSON_NULL
} bi_json_event;

typedef struct bi_json {
    const char *start, *at, *end; /* borrowed: the text must outlive the reader */
    const char *text; /* of the last KEY or STRING; borrowed, until the next call; may hold NUL and
                                     invalid UTF-8: strings come byte for byte */
    size_t length;
    int64_t integer;
    double number;
    const char
        *failure;     /* static: what is wrong, for a message ("nested deeper than 512 levels") */
    bi_bytes scratch; /* strings with escapes */
    unsigned depth;
    unsigned char state;                      /* private */
    uint64_t nesting[BI_JSON_DEPTH_MAX / 64]; /* private: a bit a level, 1 = object */
} bi_json;

/* `secret`: wipe the scratch memory when it is dropped. A UTF-8 BOM at the start is passed over. */
void bi_json_init(bi_json *json, const char *text, size_t length, bool secret);
void bi_json_clear(bi_json *json);

bi_json_event bi_json_next(bi_json *json);

/* Passes over the rest of the value whose first event was just returned (an opened object or array; nothing to do for
 * others), or, behind a KEY, over the value that is to come. False when the text is broken. */
bool bi_json_skip(bi_json *json);

/* The byte offset of the reader, for messages. */
size_t bi_json_offset(const bi_json *json);

/* Whether the text is well-formed UTF-8 (no surrogates, no overlong forms). */
bool bi_utf8_is_valid(const char *text, size_t length);

#endif
