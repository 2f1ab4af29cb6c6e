/* The HTTP transport: libcurl's multi interface behind one pollable descriptor. Knows neither
 * tokens nor retries nor Lua. Called by the binding alone; calls nobody back. One engine per Lua
 * state, never shared between threads. */
#ifndef BI_ENGINE_TRANSPORT_H
#define BI_ENGINE_TRANSPORT_H

#include "core/clock.h"
#include "core/wire.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct bi_engine bi_engine; /* the descriptor and all pools; counted references */
typedef struct bi_pool bi_pool;     /* connections of clients with equal network options; counted */
typedef struct bi_transfer bi_transfer; /* one request under way; owned by who started it */

/* What decides whether two clients may share connections. NULL strings: not given. All borrowed
 * during the call. */
typedef struct bi_network {
    const char *http_version; /* "auto" (default), "1.1", "2" */
    const char *ca_file, *cert_file, *key_file;
    /* NULL: the environment's, but never for loopback; "": none; else this one, for loopback too */
    const char *proxy;
    long max_connections; /* per host */
} bi_network;

/* NULL: no memory or no descriptors (errno tells). Starts libcurl once in the process. */
bi_engine *bi_engine_new(void);
bi_engine *bi_engine_hold(bi_engine *engine);
/* The last release closes everything; transfers must have been freed before. NULL is fine. */
void bi_engine_release(bi_engine *engine);

/* True in a child that inherited the engine by fork: it must be abandoned, not used and not
 * freed in the usual way (release then closes the raw descriptors and leaks the rest). Cheap. */
bool bi_engine_is_foreign(const bi_engine *engine);

/* For a foreign engine, as soon as the child notices: closes what it inherited, before its own descriptors could get
 * the same numbers. Its transfers and pools are still to be released. Again: no effect. */
void bi_engine_leave(bi_engine *engine);

/* Readable when bi_engine_step has something to do. Borrowed; never close it. */
int bi_engine_descriptor(const bi_engine *engine);

/* Does all that can be done without waiting. Returns the number of transfers that ended since
 * they were last counted. */
unsigned bi_engine_step(bi_engine *engine);

/* Waits until something can be done, at most `timeout` milliseconds (negative: no limit), then
 * steps once. A signal ends the wait early. Blocks. */
unsigned bi_engine_wait(bi_engine *engine, int64_t timeout);

/* Takes the next transfer that ended and was not taken yet, or NULL. Borrowed. */
bi_transfer *bi_engine_take_finished(bi_engine *engine);

/* Makes the descriptor readable when there are transfers that ended and were not taken: who stepped the engine for
 * himself (a blocking call in an event loop's program) may have met the news of others. */
void bi_engine_remind(bi_engine *engine);

/* Transfers under way. */
unsigned bi_engine_busy(const bi_engine *engine);

/* Finds the pool for these options or makes it; NULL: no memory. */
bi_pool *bi_pool_get(bi_engine *engine, const bi_network *network);
bi_pool *bi_pool_hold(bi_pool *pool);
void bi_pool_release(bi_pool *pool);

/* Starts at once: on a kept connection the first bytes are sent before this returns. `request`
 * is borrowed and must live, unchanged, until the transfer is freed. `tag` is handed back by
 * bi_transfer_tag. NULL: no memory, or a foreign engine. It may have ended already when this
 * returns (a bad option, a very fast server): look before waiting on the descriptor, which does
 * not turn readable for that one. bi_engine_wait and bi_engine_step do count it. */
bi_transfer *bi_transfer_start(bi_pool *pool, const bi_wire_request *request, void *tag);
bool bi_transfer_is_finished(const bi_transfer *transfer);
void *bi_transfer_tag(const bi_transfer *transfer);

/* Moves the answer out (the transfer keeps nothing of it). Only when finished. */
void bi_transfer_take_answer(bi_transfer *transfer, bi_wire_answer *answer);

/* Ends it where it stands (for a deadline that passes); its connection slot is free at once.
 * Fills `answer` with what has arrived so far: sent (whether the request may have reached the
 * server), status, fields, body; trouble is CANCELLED, for the caller to change. If it has ended
 * by itself, the same as bi_transfer_take_answer. */
void bi_transfer_abandon(bi_transfer *transfer, bi_wire_answer *answer);

/* Ends it if it is under way (its connection slot is free at once) and frees it. NULL is fine. */
void bi_transfer_free(bi_transfer *transfer);

#endif
