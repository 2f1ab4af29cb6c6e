/* The pools of src/engine/transport.h: the multi handle of clients with equal network options, what libcurl wants
 * watched for it, and the idle easy handles. Owns those handles. Called by the binding, through transport.h, and by
 * transport.c. */
#include "engine/transport_parts.h"

#include "core/memory.h"
#include "engine/oclock.h"

#include <string.h>

/* Kept for the next requests, per pool: so many in any case. Of those beyond them one in so many is freed, so that a
 * burst finds again what the burst before it made, and what a crowd left behind goes with the calls that follow. Where
 * none follow it stays, about 10 KB each: hence a bound. */
#define IDLE_EASIES 64u
#define SURPLUS_SHARE 64u
#define MOST_EASIES 1024u
#define STREAMS 1000L

/* --- libcurl's two callbacks: they write down what it wants ----------------------------------- */

static int on_socket(CURL *handle, curl_socket_t fd, int what, void *user, void *unused) {
    bi_pool *pool = user;
    (void)handle, (void)unused;
    unsigned wanted = what == CURL_POLL_IN      ? BI_POLLER_READ
                      : what == CURL_POLL_OUT   ? BI_POLLER_WRITE
                      : what == CURL_POLL_INOUT ? BI_POLLER_READ | BI_POLLER_WRITE
                                                : 0u;
    if (!bi_poller_watch(pool->engine->poller, fd, wanted, pool))
        pool->starved = true;
    return 0;
}

/* Zero means "at once": noted as a deadline in the past, which run_due serves when libcurl has
 * returned. */
static int on_timer(CURLM *multi, long timeout, void *user) {
    bi_pool *pool = user;
    (void)multi;
    if (timeout < 0)
        pool->deadline = BI_POLLER_NEVER;
    else
        pool->deadline = timeout == 0 ? 0 : bi_clock_nanos() + (int64_t)timeout * 1000000;
    return 0;
}

/* --- Idle easy handles ------------------------------------------------------------------------ */

bi_easy *bi_pool_take_easy(bi_pool *pool) {
    bi_easy *easy = pool->idle;
    if (!easy)
        return bi_easy_new(&pool->options);
    pool->idle = easy->next;
    pool->idle_count--;
    easy->next = NULL;
    return easy;
}

/* A handle is used again only after a success: one that could not rewind goes on wanting to, and would fail the next
 * request with that before it is sent (7.88). */
void bi_pool_keep_easy(bi_pool *pool, bi_easy *easy, bool good) {
    bi_easy_finish(easy);
    bool many = pool->idle_count >= IDLE_EASIES, enough = pool->idle_count >= MOST_EASIES;
    if (!good || enough || (many && ++pool->surplus % SURPLUS_SHARE == 0)) {
        bi_easy_free(easy);
        return;
    }
    easy->next = pool->idle;
    pool->idle = easy;
    pool->idle_count++;
}

/* --- Pools ------------------------------------------------------------------------------------ */

static bool same(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool matches(const bi_pool *pool, const bi_network *network) {
    const char *version = network->http_version ? network->http_version : "auto";
    return same(pool->options.http_version, version) &&
           same(pool->options.ca_file, network->ca_file) &&
           same(pool->options.cert_file, network->cert_file) &&
           same(pool->options.key_file, network->key_file) &&
           same(pool->options.proxy, network->proxy) &&
           pool->max_connections == network->max_connections;
}

static bool copy_text(const char *from, const char **to, char **owned) {
    if (from)
        *to = *owned = bi_copy(from, strlen(from));
    return !from || *owned;
}

static bool copy_options(bi_pool *pool, const bi_network *network) {
    bi_easy_options *options = &pool->options;
    const char *version = network->http_version ? network->http_version : "auto";
    pool->max_connections = network->max_connections;
    return copy_text(version, &options->http_version, &pool->texts[0]) &&
           copy_text(network->ca_file, &options->ca_file, &pool->texts[1]) &&
           copy_text(network->cert_file, &options->cert_file, &pool->texts[2]) &&
           copy_text(network->key_file, &options->key_file, &pool->texts[3]) &&
           copy_text(network->proxy, &options->proxy, &pool->texts[4]);
}

static bool open_multi(bi_pool *pool) {
    long most = pool->max_connections > 0 ? pool->max_connections : 0;
    pool->multi = curl_multi_init();
    if (!pool->multi)
        return false;
    (void)curl_multi_setopt(pool->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    (void)curl_multi_setopt(pool->multi, CURLMOPT_SOCKETDATA, pool);
    (void)curl_multi_setopt(pool->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    (void)curl_multi_setopt(pool->multi, CURLMOPT_TIMERDATA, pool);
    (void)curl_multi_setopt(pool->multi, CURLMOPT_MAX_HOST_CONNECTIONS, most);
    /* Idle ones that are kept; libcurl's default would follow the number of transfers and close
     * them. */
    (void)curl_multi_setopt(pool->multi, CURLMOPT_MAXCONNECTS, most > 32 ? most * 2 : 64L);
    (void)curl_multi_setopt(pool->multi, CURLMOPT_MAX_CONCURRENT_STREAMS, STREAMS);
    return true;
}

/* Frees our memory; libcurl's handles too, unless they are leaked on purpose. */
static void free_pool(bi_pool *pool, bool leak) {
    for (bi_easy *easy = pool->idle, *next; easy && !leak; easy = next) {
        next = easy->next;
        bi_easy_free(easy);
    }
    if (pool->multi && !leak)
        curl_multi_cleanup(pool->multi); /* closes the connections, through on_close */
    for (size_t i = 0; i < sizeof pool->texts / sizeof *pool->texts; i++)
        if (pool->texts[i])
            bi_wipe(pool->texts[i], strlen(pool->texts[i])); /* a proxy's may hold a password */
    for (size_t i = 0; i < sizeof pool->texts / sizeof *pool->texts; i++)
        bi_free(pool->texts[i]);
    bi_free(pool);
}

bi_pool *bi_pool_get(bi_engine *engine, const bi_network *network) {
    for (bi_pool *pool = engine->pools; pool; pool = pool->next)
        if (matches(pool, network))
            return bi_pool_hold(pool);
    bi_pool *pool = bi_alloc(sizeof *pool);
    if (!pool)
        return NULL;
    pool->engine = engine;
    pool->options.poller = engine->poller;
    pool->deadline = BI_POLLER_NEVER;
    if (!copy_options(pool, network) || !open_multi(pool)) {
        free_pool(pool, false);
        return NULL;
    }
    pool->references = 1;
    pool->next = engine->pools;
    engine->pools = pool;
    bi_engine_hold(engine);
    return pool;
}

bi_pool *bi_pool_hold(bi_pool *pool) {
    pool->references++;
    return pool;
}

void bi_pool_release(bi_pool *pool) {
    if (!pool || --pool->references > 0)
        return;
    bi_engine *engine = pool->engine;
    bi_pool **link = &engine->pools;
    while (*link != pool)
        link = &(*link)->next;
    *link = pool->next;
    free_pool(pool, bi_engine_is_foreign(engine));
    bi_engine_release(engine);
}
