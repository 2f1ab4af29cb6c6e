/* The redirect that ends an authorization (RFC 6749, 4.1.2): a code for the state that was sent, or an error. Called by
 * the binding and by the engine's loopback listener. */
#ifndef BI_CORE_CALLBACK_H
#define BI_CORE_CALLBACK_H

#include "core/bytes.h"
#include "core/failure.h"
#include "core/url.h"

#define BI_CALLBACK_MOST 65536 /* bytes of a query */

/* Reads a full URL, "?query" or "query" and appends the code to `code` (which should be secret). False: `failure` is
 * set (it must be initialised): the server's own error, also without a state, which the real server leaves out;
 * `state_mismatch` for a code whose state is absent or another (compared in constant time); `invalid_argument` for
 * what is no callback, or holds a parameter twice. */
bool bi_callback_read(bi_bytes *code, bi_failure *failure, const char *text, size_t length,
                      const char *state, size_t state_length);

/* The same for a query alone, without "?" and fragment. */
bool bi_callback_read_query(bi_bytes *code, bi_failure *failure, bi_span query, const char *state,
                            size_t state_length);

#endif
