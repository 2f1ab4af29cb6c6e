/* Building the wire request of a call from its row, its arguments and its token. Called by call.c and flight.c; the
 * binding has checked every part. */
#ifndef BI_CORE_REQUEST_H
#define BI_CORE_REQUEST_H

#include "core/config.h"
#include "core/secret.h"
#include "core/url.h"
#include "core/wire.h"

/* Appends `template` with each {name} replaced by the next of `parts`, percent-encoded. */
bool bi_request_expand(bi_bytes *out, const char *template, const bi_span *parts, size_t count);

/* Whether it has a field of that name, without case. */
bool bi_request_has(const bi_wire_request *request, const char *name);

/* Appends a header field unless the request has one of that name: a caller's own field comes before ours. */
bool bi_request_default(bi_wire_request *request, const char *name, const char *value);

/* Method, URL (base of `host` + target) and User-Agent. The request must be empty but for the caller's own fields. */
bool bi_request_begin(bi_wire_request *request, const bi_config *config, const char *method,
                      bi_host host, const bi_bytes *target);

/* Whether a request of this method says that its body is empty when it has none (RFC 9110, 8.6): else some servers
 * answer 411. */
bool bi_request_wants_length(const char *method);

/* Authorization: Bearer (RFC 6750, 2.1). */
bool bi_request_authorize(bi_wire_request *request, const bi_secret *token);

/* Appends name and value pairs, form-encoded; NULL ends them, and a NULL value leaves its pair out. */
bool bi_request_pairs(bi_bytes *out, const char *const *pairs);

/* The same as a body, with its content type. */
bool bi_request_form(bi_wire_request *request, const char *const *pairs);

#endif
