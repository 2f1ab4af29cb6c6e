/* What the tests of the engine share: an engine with one pool, a raw server, one request and its answer. Used by
 * transport_test.c, transport_request_test.c and transport_answer_test.c. */
#ifndef BI_TRANSPORT_FIXTURE_H
#define BI_TRANSPORT_FIXTURE_H

#include "engine/oclock.h"
#include "engine/transport.h"
#include "raw_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-One: 1\r\n\r\nok"

typedef struct fixture {
    bi_engine *engine;
    bi_pool *pool;
    raw_server *server;
    bi_wire_request request;
    bi_wire_answer answer;
    int descriptors;
    long memory;
} fixture;

extern fixture f;

/* Before the first test: no proxy of the environment, and what libcurl allocates once is no leak. */
void begin(void);

/* For each test: an engine with a pool. The teardown proves that nothing was left behind. */
int setup(void **state);
int teardown(void **state);
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* Another pool than the one of setup; that one is to be released before. */
void open_pool(bi_network network);

/* A server of these steps in place of the one before. */
void serve_steps(const raw_step *steps, size_t count);
#define SERVE(...)                                                                                 \
    serve_steps((const raw_step[]){__VA_ARGS__},                                                   \
                sizeof((const raw_step[]){__VA_ARGS__}) / sizeof(raw_step))

/* f.request; `make` asks f.server, for /path?q=1. NULL body: none. */
bi_wire_request *make_to(const char *method, const char *url, const char *body);
bi_wire_request *make(const char *method, const char *body);

/* Until the transfer has ended. */
void finish(bi_transfer *transfer);

/* Sends f.request and leaves the answer in f.answer; `call` makes the request as well. */
const bi_wire_answer *run(void);
const bi_wire_answer *call(const char *method, const char *body);

void assert_ok(const bi_wire_answer *answer, long status, const char *body);
void assert_trouble(const bi_wire_answer *answer, bi_trouble trouble, bool sent);

/* The engine's descriptor, within so many milliseconds. */
bool is_readable(int timeout);

void rest(int milliseconds);

#endif
