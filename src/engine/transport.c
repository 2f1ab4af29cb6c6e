/* The engine of src/engine/transport.h: transfers, and the step that moves them; the pools are in pool.c. Owns the
 * poller. libcurl is never called from inside its callbacks, and nobody is called back, so a step cannot begin within
 * a step. */
#include "engine/transport_parts.h"

#include "core/memory.h"
#include "engine/fork.h"
#include "engine/oclock.h"
#include "engine/trouble.h"

#include <pthread.h>

/* Events at a time. In nginx a turn stands before everything else that waits: with 64 a static file's p99 beside 500 calls
 * was twice that beside proxy_pass, with 16 it is 1.45 times (bench/nginx latency). */
#define BATCH 16
#define STEP_NANOS INT64_C(5000000) /* a step ends after that: somebody else's timers wait */
#define ROUNDS 1000 /* of zero timeouts in a row: a guard, libcurl needs a handful */

struct bi_transfer {
    bi_pool *pool; /* owned: a reference */
    bi_easy *easy; /* owned while under way, then back in the pool */
    bi_transfer *next,
        *before; /* borrowed: in the pool's list of running ones or the engine's of finished ones */
    void *tag;   /* borrowed: the caller's */
    bi_wire_answer answer;
    bool finished;
    bool listed; /* in the engine's list of finished ones */
};

/* --- Lists ------------------------------------------------------------------------------------ */

static void add_running(bi_transfer *transfer) {
    bi_pool *pool = transfer->pool;
    transfer->before = NULL;
    transfer->next = pool->running;
    if (pool->running)
        pool->running->before = transfer;
    pool->running = transfer;
    pool->engine->busy++;
}

static void remove_running(bi_transfer *transfer) {
    bi_pool *pool = transfer->pool;
    if (transfer->before)
        transfer->before->next = transfer->next;
    else
        pool->running = transfer->next;
    if (transfer->next)
        transfer->next->before = transfer->before;
    transfer->next = transfer->before = NULL;
    pool->engine->busy--;
}

static void add_finished(bi_transfer *transfer) {
    bi_engine *engine = transfer->pool->engine;
    transfer->before = engine->last_finished;
    transfer->next = NULL;
    if (engine->last_finished)
        engine->last_finished->next = transfer;
    else
        engine->first_finished = transfer;
    engine->last_finished = transfer;
    engine->uncounted++;
    transfer->listed = true;
}

static void remove_finished(bi_transfer *transfer) {
    bi_engine *engine = transfer->pool->engine;
    if (transfer->before)
        transfer->before->next = transfer->next;
    else
        engine->first_finished = transfer->next;
    if (transfer->next)
        transfer->next->before = transfer->before;
    else
        engine->last_finished = transfer->before;
    transfer->next = transfer->before = NULL;
    transfer->listed = false;
}

/* --- Ending transfers ------------------------------------------------------------------------- */

/* Takes it out of libcurl's hands; the answer stays as it is. */
static void detach(bi_transfer *transfer, bool good) {
    bi_easy *easy = transfer->easy;
    (void)curl_multi_remove_handle(transfer->pool->multi, easy->handle);
    transfer->easy = NULL;
    transfer->finished = true;
    remove_running(transfer);
    bi_pool_keep_easy(transfer->pool, easy, good);
}

static void end(bi_transfer *transfer, CURLcode code) {
    bi_trouble_judge(transfer->easy, code);
    detach(transfer, code == CURLE_OK);
    add_finished(transfer);
}

static bi_transfer *transfer_of(CURL *handle) {
    char *easy = NULL;
    if (curl_easy_getinfo(handle, CURLINFO_PRIVATE, &easy) != CURLE_OK || !easy)
        return NULL;
    return ((bi_easy *)(void *)easy)->owner;
}

static void collect(bi_pool *pool) {
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(pool->multi, &left)) != NULL) {
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result; /* the message dies when its handle is removed */
        bi_transfer *transfer = transfer_of(message->easy_handle);
        if (transfer)
            end(transfer, code);
    }
    if (!pool->starved)
        return;
    for (bi_transfer *transfer = pool->running, *next; transfer; transfer = next) {
        next = transfer->next; /* ending it moves it to another list */
        transfer->easy->no_memory = true;
        end(transfer, CURLE_OUT_OF_MEMORY);
    }
    pool->starved = false;
}

/* --- Moving ----------------------------------------------------------------------------------- */

static void act(bi_pool *pool, curl_socket_t fd, int what) {
    int running;
    /* It says that there is no memory and leaves its table of sockets half made: whoever goes on with those transfers
     * waits for ever, or divides by zero in it (7.88). */
    if (curl_multi_socket_action(pool->multi, fd, what, &running) != CURLM_OK)
        pool->starved = true;
    collect(pool);
}

/* Runs what is due now, the pools' zero timeouts included; a collected transfer may make another
 * one due. */
static void run_due(bi_engine *engine) {
    bool again = true;
    for (int round = 0; again && round < ROUNDS; round++) {
        again = false;
        for (bi_pool *pool = engine->pools; pool; pool = pool->next) {
            if (pool->deadline == BI_POLLER_NEVER ||
                (pool->deadline > 0 && pool->deadline > bi_clock_nanos()))
                continue;
            pool->deadline = BI_POLLER_NEVER; /* libcurl says anew what it wants */
            act(pool, CURL_SOCKET_TIMEOUT, 0);
            again = again || pool->deadline == 0;
        }
    }
}

/* Keeps the promise of the descriptor: readable when there is something to do, or to tell. */
static void set_alarm(bi_engine *engine) {
    int64_t deadline = engine->ring ? 0 : BI_POLLER_NEVER;
    for (const bi_pool *pool = engine->pools; pool; pool = pool->next)
        if (pool->deadline < deadline)
            deadline = pool->deadline;
    bi_poller_alarm(engine->poller, deadline);
}

static void serve(const bi_poller_event *event) {
    int what = (event->what & BI_POLLER_READ ? CURL_CSELECT_IN : 0) |
               (event->what & BI_POLLER_WRITE ? CURL_CSELECT_OUT : 0) |
               (event->what & BI_POLLER_ERROR ? CURL_CSELECT_ERR : 0);
    act(event->owner, event->fd, what);
}

/* One look at the sockets and all that follows from it. False: nothing was ready. */
static bool turn(bi_engine *engine, int64_t timeout) {
    bi_poller_event events[BATCH];
    int n = bi_poller_wait(engine->poller, timeout, events, BATCH);
    for (int i = 0; i < n; i++)
        serve(&events[i]);
    run_due(engine);
    return n > 0;
}

static unsigned count(bi_engine *engine) {
    unsigned ended = engine->uncounted;
    engine->uncounted = 0;
    engine->ring = false;
    set_alarm(engine);
    return ended;
}

/* Until the sockets are dry: a caller whose deadline has passed gives up after this, and must
 * not throw away an answer that lies there. */
unsigned bi_engine_step(bi_engine *engine) {
    if (bi_engine_is_foreign(engine))
        return 0;
    int64_t end_by = bi_clock_nanos() + STEP_NANOS;
    while (turn(engine, 0) && engine->busy && bi_clock_nanos() < end_by)
        continue;
    return count(engine);
}

unsigned bi_engine_wait(bi_engine *engine, int64_t timeout) {
    if (bi_engine_is_foreign(engine) || (timeout < 0 && !engine->busy && !engine->uncounted))
        return 0; /* nothing could ever end this wait */
    (void)turn(engine, engine->uncounted ? 0 : timeout);
    return count(engine);
}

bi_transfer *bi_engine_take_finished(bi_engine *engine) {
    bi_transfer *transfer = engine->first_finished;
    if (transfer)
        remove_finished(transfer);
    return transfer;
}

void bi_engine_remind(bi_engine *engine) {
    if (!engine->first_finished || engine->ring || bi_engine_is_foreign(engine))
        return;
    engine->ring = true;
    set_alarm(engine);
}

unsigned bi_engine_busy(const bi_engine *engine) {
    return engine->busy;
}

/* --- Engine ----------------------------------------------------------------------------------- */

static pthread_once_t started = PTHREAD_ONCE_INIT;
static bool start_failed;

/* Never undone: another library of the process may use libcurl too. */
static void start_libcurl(void) {
    start_failed = curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK;
}

bi_engine *bi_engine_new(void) {
    (void)pthread_once(&started, start_libcurl);
    bi_fork_watch();
    bi_engine *engine = start_failed ? NULL : bi_alloc(sizeof *engine);
    if (!engine)
        return NULL;
    engine->references = 1;
    engine->generation = bi_fork_generation();
    engine->poller = bi_poller_new();
    if (!engine->poller) {
        bi_free(engine);
        return NULL;
    }
    return engine;
}

bi_engine *bi_engine_hold(bi_engine *engine) {
    engine->references++;
    return engine;
}

void bi_engine_release(bi_engine *engine) {
    if (!engine || --engine->references > 0)
        return;
    if (bi_engine_is_foreign(engine))
        bi_engine_leave(engine);
    else
        bi_poller_free(engine->poller);
    bi_free(engine);
}

void bi_engine_leave(bi_engine *engine) {
    bi_poller_abandon(engine->poller);
    engine->poller = NULL;
}

bool bi_engine_is_foreign(const bi_engine *engine) {
    return engine->generation != bi_fork_generation();
}

int bi_engine_descriptor(const bi_engine *engine) {
    return engine->poller ? bi_poller_descriptor(engine->poller) : -1;
}

/* --- Transfers -------------------------------------------------------------------------------- */

/* Hands it to libcurl. Options it refuses end the transfer at once, like any other trouble. */
static void launch(bi_transfer *transfer, const bi_wire_request *request) {
    bi_pool *pool = transfer->pool;
    add_running(transfer);
    CURLcode code = bi_easy_prepare(transfer->easy, request, &transfer->answer);
    if (code == CURLE_OK && curl_multi_add_handle(pool->multi, transfer->easy->handle) != CURLM_OK)
        code = CURLE_OUT_OF_MEMORY;
    if (code != CURLE_OK)
        end(transfer, code);
    else
        run_due(pool->engine);
}

bi_transfer *bi_transfer_start(bi_pool *pool, const bi_wire_request *request, void *tag) {
    if (bi_engine_is_foreign(pool->engine))
        return NULL;
    bi_transfer *transfer = bi_alloc(sizeof *transfer);
    bi_easy *easy = transfer ? bi_pool_take_easy(pool) : NULL;
    if (!easy) {
        bi_free(transfer);
        return NULL;
    }
    bi_wire_answer_init(&transfer->answer);
    transfer->pool = bi_pool_hold(pool);
    transfer->easy = easy;
    easy->owner = transfer;
    transfer->tag = tag;
    unsigned before = pool->engine->uncounted;
    launch(transfer, request);
    /* If this one has ended already, the caller sees it; the end of any other needs a ring. */
    if (pool->engine->uncounted - before > (transfer->finished ? 1u : 0u))
        pool->engine->ring = true;
    set_alarm(pool->engine);
    return transfer;
}

bool bi_transfer_is_finished(const bi_transfer *transfer) {
    return transfer->finished;
}

void *bi_transfer_tag(const bi_transfer *transfer) {
    return transfer->tag;
}

void bi_transfer_take_answer(bi_transfer *transfer, bi_wire_answer *answer) {
    bi_wire_answer_clear(answer);
    *answer = transfer->answer;
    bi_wire_answer_init(&transfer->answer);
}

/* Ends what is under way and lets those go that waited for its connection. */
static void stop(bi_transfer *transfer) {
    bi_engine *engine = transfer->pool->engine;
    unsigned before = engine->uncounted;
    detach(transfer, false);
    run_due(engine);
    if (engine->uncounted != before)
        engine->ring = true;
    set_alarm(engine);
}

void bi_transfer_abandon(bi_transfer *transfer, bi_wire_answer *answer) {
    if (!transfer->finished && !bi_engine_is_foreign(transfer->pool->engine)) {
        bi_trouble_settle(transfer->easy);
        transfer->answer.trouble = BI_TROUBLE_CANCELLED;
        stop(transfer);
    }
    bi_transfer_take_answer(transfer, answer);
}

void bi_transfer_free(bi_transfer *transfer) {
    if (!transfer)
        return;
    if (transfer->listed)
        remove_finished(transfer);
    if (!transfer->finished && bi_engine_is_foreign(transfer->pool->engine))
        remove_running(
            transfer); /* its easy handle is leaked, for libcurl would say goodbye to the server */
    else if (!transfer->finished)
        stop(transfer);
    bi_wire_answer_clear(&transfer->answer);
    bi_pool_release(transfer->pool);
    bi_free(transfer);
}
