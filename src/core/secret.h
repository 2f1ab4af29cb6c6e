/* Tokens, secrets and codes: text that is wiped when dropped, compared in constant time and taken out of
 * whatever a person may read. Called by the core and the binding. */
#ifndef BI_CORE_SECRET_H
#define BI_CORE_SECRET_H

#include "core/bytes.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct bi_secret {
    char *text; /* owned, NUL-terminated; NULL when there is none */
    size_t length;
} bi_secret;

/* Replaces the value by a copy (wiping the old one); length 0 or NULL empties it. False: no memory, old value kept. */
bool bi_secret_set(bi_secret *secret, const char *text, size_t length);

/* Moves the value of `from` to `to` (wiping what was there); `from` is empty afterwards. */
void bi_secret_move(bi_secret *to, bi_secret *from);

void bi_secret_clear(bi_secret *secret);

static inline bool bi_secret_is_set(const bi_secret *secret) {
    return secret->text != NULL;
}

/* Constant-time comparison of two runs of bytes; false when the lengths differ. */
bool bi_equal_constant_time(const char *a, size_t a_length, const char *b, size_t b_length);

/* A token that may stand in a header: not empty, at most BI_TOKEN_MAX bytes, only visible ASCII (RFC 9110, 5.5;
 * RFC 6750, 2.1 is narrower, but services are not). */
#define BI_TOKEN_MAX 16384
bool bi_token_is_sendable(const char *text, size_t length);

/* Appends `text` to `out` with everything secret replaced by "[redacted]":
 *  - each of the `count` known secrets, also form-encoded, escaped as in JSON or HTML, and cut off by
 *    the end of the text after at least 8 of its bytes,
 *  - whatever looks like a token of the service (bi_oat_…, bi_pub_…, rt_…, JWTs "eyJ…"),
 *  - "Bearer <anything>" and "Basic <anything>", but not 'Bearer realm="…"' or "missing Bearer token",
 *  - the values of JSON members, form fields, query parameters and header fields named access_token,
 *    refresh_token, installation_token, id_token, client_secret, client_assertion, code_verifier,
 *    api_key, password, token, code, Authorization and Cookie; without case, as accessToken and
 *    access-token too; in any of the quotes of JSON, nested JSON, HTML and queries; also when the text
 *    is cut off inside such a value (so that a truncated answer of the token endpoint leaks none).
 * `code` is also the name of error codes, which people want to read. After "code=" it goes, unless it
 * is a number below 1000. In a member ("code": "x", code: x, code="x") it stays when it reads like an
 * error code: words of letters with at most six digits behind them, such as rate_limited, P2002, 429.
 * "password: x" and "token: x" without quotes are sentences and stay. null, true and false stay.
 * Ranges that overlap or touch become one "[redacted]". Known secrets shorter than 4 bytes are
 * ignored. False: no memory; what `out` holds then is redacted too. */
bool bi_redact(bi_bytes *out, const char *text, size_t length, const bi_secret *const *secrets,
               size_t count);

/* Appends at most `limit` bytes of `text` as one printable line: control characters (C0, C1, U+2028-202E,
 * U+2066-2069) become spaces, each byte of invalid UTF-8 "?", cut at a character boundary. For error messages and
 * traces; redact first. */
bool bi_excerpt(bi_bytes *out, const char *text, size_t length, size_t limit);

#endif
