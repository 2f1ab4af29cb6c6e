/* Server-Sent Events from bytes that come in fragments (WHATWG HTML, 9.2.5 "Parsing an event stream"): one event a
 * call. Knows nothing of what the events mean. Called by rpc.c. */
#ifndef BI_CORE_SSE_H
#define BI_CORE_SSE_H

#include "core/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct bi_sse {
    bi_bytes data; /* of the event that bi_sse_next returned; may be empty */
    bi_bytes type; /* its `event` field; "" stands for "message" */
    bi_bytes id;   /* the last event id, which lives on from event to event */
    int64_t
        retry; /* milliseconds before a reconnection, as the last `retry` field said; -1: none came */
    const char *at;  /* private: what is left of the fragment; borrowed */
    const char *end; /* private */
    bi_bytes line;   /* private: the beginning of a line that the last fragment cut */
    unsigned mark;   /* private: bytes of the byte order mark met so far; 3: the stream has begun */
    bool
        after_return; /* private: a line feed that follows belongs to the carriage return before it */
    bool is_dispatched; /* private: data and type are an event's that was returned */
} bi_sse;

void bi_sse_init(bi_sse *sse);
void bi_sse_clear(bi_sse *sse); /* leaves a parser for a new stream */

/* The next bytes of the stream, borrowed until bi_sse_next has returned false. */
void bi_sse_feed(bi_sse *sse, const char *text, size_t length);

/* True when an event is complete: `data`, `type`, `id` and `retry` are its, until the next call. False when the
 * fragment is used up, or there is no memory (bi_sse_has_failed). An event that the stream's end cuts is none. */
bool bi_sse_next(bi_sse *sse);

static inline bool bi_sse_has_failed(const bi_sse *sse) {
    return sse->data.failed || sse->type.failed || sse->id.failed || sse->line.failed;
}

#endif
