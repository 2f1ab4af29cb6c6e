/* URLs: checking a base URL, building paths and queries from parts, taking a query apart (RFC 3986, WHATWG form
 * encoding). Called by the core and the binding. */
#ifndef BI_CORE_URL_H
#define BI_CORE_URL_H

#include "core/bytes.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct bi_span {
    const char *text; /* borrowed */
    size_t length;
} bi_span;

/* The parts of "scheme://host[:port][/path][?query]" as they stand; userinfo and fragments are refused. */
typedef struct bi_url {
    bi_span scheme, host /* without the brackets of an IPv6 address */, port /* may be empty */,
        path, query;
} bi_url;

/* NULL, or why it is not a URL that can be used ("it has no scheme", "it holds a user name", …). Static
 * text. Hosts are plain ASCII names or addresses without percent escapes; the path and the query may
 * hold bytes beyond ASCII. query.text is NULL where there is no "?". */
const char *bi_url_parse(bi_url *url, const char *text, size_t length);

bool bi_url_is_https(const bi_url *url);

/* localhost, *.localhost, 127.0.0.0/8 in dotted form, ::1 as it is written here. Names that merely
 * begin so ("127.0.0.1.evil.com") are not, nor other spellings (127.1, 0x7f.1, ::ffff:127.0.0.1). */
bool bi_url_is_loopback(const bi_url *url);

/* Same scheme, host (without case) and port (default ports made explicit). */
bool bi_url_same_origin(const bi_url *a, const bi_url *b);

/* NULL, or why a base URL is refused: no http(s), plain http to a host that is not loopback (unless
 * allow_http), a query, "." or ".." in its path. */
const char *bi_url_check_base(const char *text, size_t length, bool allow_http);

/* Appends one path part percent-encoded (everything but unreserved characters). */
bool bi_url_add_part(bi_bytes *out, const char *text, size_t length);

/* NULL, or why text cannot be one part of a path: empty, ".", "..", control characters, longer than 1024. */
const char *bi_url_check_part(const char *text, size_t length);

/* The two parts of "org-slug/project-slug" (API.md). NULL, or why it is refused: another number of parts, a space,
 * invalid UTF-8, or what no part may be. */
const char *bi_url_split_project(const char *text, size_t length, bi_span parts[2]);

/* NULL, or why a whole request path is refused: must start with exactly one "/"; no control characters or spaces, no
 * "#", no backslash, no "." or ".." segments (also with ".", "/" or "\" percent-encoded). May hold a
 * query. */
const char *bi_url_check_path(const char *text, size_t length);

/* Appends "name=value" form-encoded (space as "+": WHATWG), preceded by '&' when `out` from `start` on is not empty. */
bool bi_form_add(bi_bytes *out, size_t start, const char *name, size_t name_length,
                 const char *value, size_t value_length);

/* Appends "?name=value" or "&name=value", percent-encoded (space as %20), to a URL that may already hold a query. */
bool bi_url_add_query(bi_bytes *url, const char *name, size_t name_length, const char *value,
                      size_t value_length);

/* Finds the value of `name` in a query "a=1&b=2" and appends it decoded ("+" is a space) to `out`. Returns
 * how often the name stands there (0: none; out untouched); the first value is taken. -1, with the
 * content of `out` untouched: no memory (out has failed), or a broken percent escape in that value;
 * broken escapes elsewhere do no harm. */
int bi_query_find(bi_span query, const char *name, bi_bytes *out);

#endif
