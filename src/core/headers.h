/* Header fields of a response as they came, and what is read from them: lookup without case, Link (RFC 8288),
 * Bearer challenges (RFC 6750, 3). Called by the core and the binding; the engine fills the block. */
#ifndef BI_CORE_HEADERS_H
#define BI_CORE_HEADERS_H

#include "core/bytes.h"
#include "core/url.h"

#include <stdbool.h>
#include <stddef.h>

/* NULL, or why a header may not be sent: the name is no token (RFC 9110, 5.6.2), the value holds control characters
 * (a tab is one)
 * or leading/trailing spaces. An empty value is fine. Static text. */
const char *bi_header_check(const char *name, size_t name_length, const char *value,
                            size_t value_length);

/* Walks a block of "Name: value\r\n" lines. *at starts at 0; false at the end. Malformed lines are
 * passed over (no colon, a name that is no token, white space before the colon, continuation lines
 * of RFC 9112, 5.2); the value comes without surrounding white space. */
bool bi_headers_next(const bi_bytes *block, size_t *at, bi_span *name, bi_span *value);

/* The first field of that name (without case). False when there is none. */
bool bi_headers_find(const bi_bytes *block, const char *name, bi_span *value);

/* The id under which the service's operators find this request. */
bool bi_headers_request_id(const bi_bytes *block, bi_span *id);

/* Whether the media type (before any parameter, without case) is that one. */
bool bi_headers_type_is(const bi_bytes *block, const char *type);

/* Whether the media type (before any parameter, without case) is text/html or application/xhtml+xml. */
bool bi_headers_type_is_html(const bi_bytes *block);

/* The target of the first link with relation `relation` (several relations in one rel are split; quoted strings,
 * commas and semicolons inside <> and "" are honoured; several Link fields are all looked at). A link with an
 * `anchor` is for something else and passed over, a broken one as well; of several rel in a link
 * the first counts (RFC 8288, 3.3). Raw, borrowed. */
bool bi_headers_link(const bi_bytes *block, const char *relation, bi_span *target);

/* A parameter (error, scope, error_description) of a Bearer challenge in WWW-Authenticate; quoted-pairs undone into
 * `out`. False when there is none, or no memory (`out` has failed). The first Bearer challenge that
 * has the parameter counts, in whichever field; parameters of other schemes do not. */
bool bi_headers_challenge(const bi_bytes *block, const char *parameter, bi_bytes *out);

#endif
