/* A listener on 127.0.0.1 that waits for one browser to come back from an authorization (RFC 8252, 7.3). Non-blocking
 * sockets of its own, outside the engine's poller: a program has one of these for a minute in its life. What is a
 * callback is decided in the core (visit.h, callback.h). Called by the binding. */
#ifndef BI_ENGINE_LOOPBACK_H
#define BI_ENGINE_LOOPBACK_H

#include "core/bytes.h"
#include "core/failure.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct bi_loopback bi_loopback;

typedef enum bi_loopback_outcome {
    BI_LOOPBACK_WAITING,
    BI_LOOPBACK_CODE,  /* bi_loopback_code */
    BI_LOOPBACK_FAILED /* bi_loopback_failure: the server's own error */
} bi_loopback_outcome;

/* Listens on that port, or on a free one for 0, for GETs of `path`. `page` is HTML for the user who connected; NULL: a
 * page of our own. NULL with errno: it cannot listen. Owned by the caller. */
bi_loopback *bi_loopback_new(unsigned port, const char *path, const char *page, size_t page_length);

/* Closes everything: also in a forked child, which closes its own copies only. NULL is fine. */
void bi_loopback_free(bi_loopback *loopback);

unsigned bi_loopback_port(const bi_loopback *loopback);

/* The state that a code has to come with. False: no memory. */
bool bi_loopback_expect(bi_loopback *loopback, const char *state, size_t length);

/* Serves whoever is there, after waiting for somebody at most `ms` milliseconds (0: not at all; a signal ends it too).
 * Exactly one callback ends the wait: a code with the expected state, or an error of the server's. All else, a code with
 * another state too, is answered and forgotten. The outcome is told once the page is on its way. */
bi_loopback_outcome bi_loopback_step(bi_loopback *loopback, int ms);

/* Borrowed, for their outcome. */
const bi_bytes *bi_loopback_code(const bi_loopback *loopback);
const bi_failure *bi_loopback_failure(const bi_loopback *loopback);

/* Whether a code came that had another state, or none. */
bool bi_loopback_met_stranger(const bi_loopback *loopback);

#endif
