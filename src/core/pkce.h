/* Proof Key for Code Exchange (RFC 7636): verifier, S256 challenge and the random text for
 * `state`. Draws no random numbers: they are an input. Called by the core and the binding. */
#ifndef BI_CORE_PKCE_H
#define BI_CORE_PKCE_H

#include "core/bytes.h"

#include <stdbool.h>
#include <stddef.h>

#define BI_PKCE_RANDOM                                                                             \
    32 /* bytes of randomness in a verifier or a state (RFC 7636, 4.1 recommends as many) */
#define BI_PKCE_VERIFIER 43 /* characters that they make */

/* Appends base64url without padding (RFC 4648, 5; RFC 7636, appendix A). False: no memory. */
bool bi_base64url_add(bi_bytes *out, const void *data, size_t length);

/* Appends a code_verifier, or a state, made of `random`, which must come from a cryptographic
 * source and which the caller wipes. `out` should be secret. False: no memory. */
bool bi_pkce_add_verifier(bi_bytes *out, const unsigned char random[BI_PKCE_RANDOM]);

/* 43 to 128 unreserved characters (RFC 7636, 4.1). */
bool bi_pkce_verifier_is_legal(const char *text, size_t length);

/* Appends the S256 challenge of a verifier (RFC 7636, 4.2). False, with `out` as it was: an
 * illegal verifier (see above), no memory (`out` has failed), or a libcrypto that offers no
 * SHA-256. */
bool bi_pkce_add_challenge(bi_bytes *out, const char *verifier, size_t length);

#endif
