/* Fingerprints of tokens: they tell whether a token is one that was held before, without keeping it. Called by the core
 * and the binding. */
#ifndef BI_CORE_DIGEST_H
#define BI_CORE_DIGEST_H

#include "core/bytes.h"
#include "core/secret.h"

#include <stdbool.h>
#include <stddef.h>

#define BI_DIGEST_SIZE 16 /* bytes of SHA-256 that are kept */

/* All zero: of nothing, and equal to nothing. */
typedef struct bi_digest {
    unsigned char bytes[BI_DIGEST_SIZE];
} bi_digest;

/* All zero when there is nothing. */
bi_digest bi_digest_of(const bi_secret *secret);

bool bi_digest_is_set(const bi_digest *digest);
bool bi_digest_equal(const bi_digest *a, const bi_digest *b); /* false when neither is set */

/* The most recent fingerprints of a kind, newest first. All zero is an empty list. */
typedef struct bi_digests {
    bi_bytes list;
} bi_digests;

#define BI_DIGESTS_MOST 16

/* Puts it at the front; the oldest goes. Without memory the list stays as it was. */
void bi_digests_add(bi_digests *digests, const bi_digest *digest);
/* Those of `from` behind those that are there. */
void bi_digests_merge(bi_digests *digests, const bi_digests *from);
bool bi_digests_has(const bi_digests *digests, const bi_digest *digest);
void bi_digests_clear(bi_digests *digests);

/* As hexadecimal digits with spaces between, for records. What is no fingerprint is passed over. */
void bi_digests_write(const bi_digests *digests, bi_bytes *out);
void bi_digests_read(bi_digests *digests, const char *text, size_t length);

#endif
