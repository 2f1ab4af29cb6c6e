/* A growable run of bytes, always followed by a NUL that is not counted. Called by every layer.
 * A failed allocation is remembered in `failed`: appends after it do nothing, so one check at the end is enough. */
#ifndef BI_CORE_BYTES_H
#define BI_CORE_BYTES_H

#include <stdbool.h>
#include <stddef.h>

typedef struct bi_bytes {
    char *data; /* owned; NULL while empty */
    size_t length;
    size_t capacity;
    bool secret; /* wipe what is dropped: on growth, reset and clear */
    bool failed;
} bi_bytes;

/* All zero is a valid, empty value; `secret` may be set by hand after init. */
void bi_bytes_init(bi_bytes *bytes);

/* Frees (and wipes) and leaves an empty, usable value that keeps `secret`. */
void bi_bytes_clear(bi_bytes *bytes);

/* Length 0 and not failed, memory kept (wiped when secret). */
void bi_bytes_reset(bi_bytes *bytes);

/* Makes room for `more` bytes; false (and failed) when there is no memory. */
bool bi_bytes_reserve(bi_bytes *bytes, size_t more);

/* Gives back room that is not used, for what is kept long; what is secret stays where it is. */
void bi_bytes_trim(bi_bytes *bytes);

bool bi_bytes_add(bi_bytes *bytes, const void *data, size_t length);
bool bi_bytes_add_text(bi_bytes *bytes, const char *text);
bool bi_bytes_add_char(bi_bytes *bytes, char c);
bool bi_bytes_add_format(bi_bytes *bytes, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The content as a C string; "" when empty. Borrowed. */
const char *bi_bytes_text(const bi_bytes *bytes);

#endif
