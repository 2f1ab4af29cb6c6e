/* One libcurl easy handle and what its callbacks write. Called by transport.c, pool.c and
 * trouble.c alone. The callbacks only write C memory: they call neither libcurl nor anybody else. */
#ifndef BI_ENGINE_EASY_H
#define BI_ENGINE_EASY_H

#include "core/wire.h"
#include "engine/poller.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

/* The head of an answer: 1xx answers and the proxy's come before the one that counts, trailers
 * after it. */
typedef enum bi_head {
    BI_HEAD_NONE,    /* no status line, or only those of answers that do not count */
    BI_HEAD_PARTIAL, /* within the header lines */
    BI_HEAD_COMPLETE /* the final answer's head is in */
} bi_head;

/* Options that all transfers of a pool have; strings owned by the pool and borrowed here. */
typedef struct bi_easy_options {
    const char *http_version; /* "auto", "1.1", "2" */
    const char *ca_file, *cert_file, *key_file;
    const char *proxy;
    bi_poller *poller; /* borrowed: learns of each socket that is opened and closed */
} bi_easy_options;

typedef struct bi_easy {
    CURL *handle;         /* owned */
    CURLU *url;           /* owned: of the request; while `origin` is noted, of that alone */
    struct bi_easy *next; /* borrowed: in the pool's list of idle ones */
    void *owner;          /* borrowed: whose request it carries; NULL while idle */
    const bi_easy_options *options; /* borrowed */
    const bi_wire_request *request; /* borrowed; NULL while idle */
    bi_wire_answer *answer;         /* borrowed; NULL while idle */
    struct curl_slist *nodes; /* owned: the header list; the texts are the request's, borrowed */
    size_t node_count, node_room;
    bi_bytes origin;      /* that `url`, proxy and version were set to; may be empty */
    bool is_plain;        /* the handle stands at a GET that may use any connection */
    long connect_timeout; /* as it was set, milliseconds */
    size_t body_sent;
    size_t head_size;      /* of all heads together */
    size_t content_length; /* as announced; 0 unknown */
    bi_head head;
    long head_status; /* of the head that is being read */
    bool requested; /* libcurl began to send the request: some of it may have reached the server */
    bool opened;    /* a connection was opened for it: it does not run on a kept one */
    bool may_be_http2;
    bool must_be_fresh; /* libcurl 7 breaks the frames on a kept connection of plain HTTP/2 */

    bool has_gzip;  /* this libcurl can undo it */
    bool guarded;   /* this libcurl tells when it does (7.80) */
    bool too_large; /* a limit was exceeded */
    bool no_memory; /* an allocation failed in a callback */
    char error[CURL_ERROR_SIZE];
} bi_easy;

/* With the options set that never change. NULL: no memory. `options` must outlive it. Owned by
 * the caller. */
bi_easy *bi_easy_new(const bi_easy_options *options);

/* Not while the handle is in a multi handle. NULL is fine. */
void bi_easy_free(bi_easy *easy);

/* Makes it ready for one request; both pointers stay borrowed until bi_easy_finish. Returns
 * CURLE_OK or what libcurl has against it; then bi_easy_finish is due as well. */
CURLcode bi_easy_prepare(bi_easy *easy, const bi_wire_request *request, bi_wire_answer *answer);

/* After the handle left the multi handle: forgets the request, so that nothing of it is used by
 * the next. */
void bi_easy_finish(bi_easy *easy);

#endif
