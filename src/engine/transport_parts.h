/* What transport.c and pool.c both see of an engine and its pools; nobody else includes it. */
#ifndef BI_ENGINE_TRANSPORT_PARTS_H
#define BI_ENGINE_TRANSPORT_PARTS_H

#include "engine/easy.h"
#include "engine/poller.h"
#include "engine/transport.h"

struct bi_engine {
    bi_poller *poller;                           /* owned */
    bi_pool *pools;                              /* borrowed: each takes itself out */
    bi_transfer *first_finished, *last_finished; /* borrowed: ended and not taken yet */
    unsigned references;
    unsigned busy;
    unsigned uncounted; /* ended since a step last said how many */
    bool ring;          /* something ended outside a step, and nobody was told */
    unsigned long generation;
};

struct bi_pool {
    bi_engine *engine;    /* owned: a reference */
    bi_pool *next;        /* borrowed: in the engine's list */
    CURLM *multi;         /* owned */
    bi_easy *idle;        /* owned: a list */
    bi_transfer *running; /* borrowed: a list */
    bi_easy_options options;
    char *texts[5]; /* owned: what `options` points at */
    long max_connections;
    unsigned references;
    unsigned idle_count;
    unsigned surplus; /* easy handles that came back beyond IDLE_EASIES, all in all */
    int64_t deadline; /* when libcurl wants to run (bi_clock_nanos) */
    bool starved;     /* no memory to watch a socket: its transfers would never hear of it */
};

/* --- pool.c ----------------------------------------------------------------------------------- */

/* An idle easy handle or a new one; NULL: no memory. Owned by the caller until it is kept. */
bi_easy *bi_pool_take_easy(bi_pool *pool);

/* Takes it back when its transfer has ended, `good`: with a success. */
void bi_pool_keep_easy(bi_pool *pool, bi_easy *easy, bool good);

#endif
