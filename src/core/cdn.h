/* The public CDN: what its answers mean, and a bounded memory of its files by their ETag, so that one that has not
 * changed is not sent again. Owned by the configuration of a client; called by call.c and, for meanings, the binding. */
#ifndef BI_CORE_CDN_H
#define BI_CORE_CDN_H

#include "core/wire.h"

#include <stdbool.h>
#include <stddef.h>

#define BI_CDN_FILES 256               /* that are kept at most */
#define BI_CDN_BYTES (8 * 1024 * 1024) /* and their sizes together */

/* The bytes of one file as they came. A call holds the one that it asks about, so that it is there when a 304 comes. */
typedef struct bi_cdn_file {
    char *target; /* owned: path and query */
    char *etag;   /* owned */
    bi_bytes body;
    unsigned references;
    struct bi_cdn_file *next; /* used less recently; held by the cache while it is in the list */
} bi_cdn_file;

/* All zero is valid and empty. */
typedef struct bi_cdn_cache {
    bi_cdn_file *first; /* the one used last */
    size_t count, bytes;
} bi_cdn_cache;

/* A held file, or NULL. It becomes the one used last. */
bi_cdn_file *bi_cdn_find(bi_cdn_cache *cache, const char *target);
void bi_cdn_file_release(bi_cdn_file *file); /* NULL is fine */

/* Takes the answer's body (which is empty then) and keeps it in the place of what was kept for that target; nothing when
 * it has no ETag that can be sent back, when it is too large, or without memory. */
void bi_cdn_keep(bi_cdn_cache *cache, const char *target, bi_wire_answer *answer);
void bi_cdn_forget(bi_cdn_cache *cache, const char *target);
void bi_cdn_clear(bi_cdn_cache *cache);

/* Whether an object is the CDN's way to say that there is no such file, with status 200: {} or {"fallback": true}
 * (API.md, "CDN"). */
static inline bool bi_cdn_is_miss(bool is_empty, bool is_fallback) {
    return is_empty || is_fallback;
}

#endif
