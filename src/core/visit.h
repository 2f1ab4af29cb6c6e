/* What a browser says to the loopback listener and hears from it (RFC 8252, 7.3): one request head in, one small page
 * out (RFC 9112). Does no I/O. Called by the engine's loopback.c. */
#ifndef BI_CORE_VISIT_H
#define BI_CORE_VISIT_H

#include "core/bytes.h"
#include "core/url.h"

#include <stdbool.h>
#include <stddef.h>

#define BI_VISIT_MOST 32768 /* bytes of a request head: a code, and what browsers add */

typedef struct bi_visit {
    unsigned status; /* 0: the head goes on; 200: a GET of the path; else 400, 404, 405 or 413 */
    bool bodiless;   /* the answer to a HEAD */
    bi_span query;   /* borrowed from the head, without "?"; empty where there is none */
} bi_visit;

/* Reads what came so far. What cannot become a request is refused without waiting for its end. */
bi_visit bi_visit_read(const char *head, size_t length, const char *path);

/* Appends an answer that ends the connection, with a page of that heading and sentence, which may hold anything.
 * False: no memory. */
bool bi_visit_answer(bi_bytes *out, const bi_visit *visit, const char *heading,
                     const char *sentence);

/* The same with a page that is HTML already, sent as it is. */
bool bi_visit_answer_html(bi_bytes *out, const bi_visit *visit, const char *html, size_t length);

/* NULL, or why that cannot be the path of a redirect URI. Static text. */
const char *bi_visit_check_path(const char *path, size_t length);

#endif
