/* One character of a text, however it is spelled: as it is, or escaped as in forms, JSON or HTML. For redact.c. */
#ifndef BI_CORE_SPELLING_H
#define BI_CORE_SPELLING_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

typedef struct bi_source {
    const char *text; /* borrowed */
    size_t length;
} bi_source;

/* Sets of these tell which escapes are undone while reading. */
enum {
    BI_SPELLED_PERCENT = 1,
    BI_SPELLED_ESCAPED = 2 /* JSON */,
    BI_SPELLED_ENTITY = 4 /* HTML */,
    BI_SPELLED_ANY = 7
};

/* One character of the text, however it is spelled. */
typedef struct bi_unit {
    char bytes[4];
    size_t count;      /* of bytes */
    size_t length;     /* in the text */
    unsigned spelling; /* 0: as it is */
    bool cut;          /* the text ends inside an escape */
} bi_unit;

static inline bool bi_source_starts_with(bi_source s, size_t at, const char *word, size_t length) {
    return length <= s.length - at && memcmp(s.text + at, word, length) == 0;
}

/* What stands at `at`, which is inside the text. What is no escape is a plain character. */
bi_unit bi_unit_read(bi_source s, size_t at, unsigned spellings);

#endif
