/* The engine with many transfers: pools, the descriptor, ending early, no memory, and a child that inherited it. */
#include "transport_fixture.h"

#include "core/memory.h"
#include "engine/random.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- Pools ------------------------------------------------------------------------------------ */

static void shares_pools(void **state) {
    bi_network network = {.max_connections = 8, .http_version = "auto", .proxy = NULL};
    bi_pool *same = bi_pool_get(f.engine, &network);
    assert_ptr_equal(same, f.pool); /* "auto" is what NULL means */
    network.proxy = "";
    bi_pool *other = bi_pool_get(f.engine, &network);
    assert_ptr_not_equal(other, f.pool); /* no proxy is not the environment's */
    bi_pool_release(other);
    bi_pool_release(same);
}

/* --- Many, and the descriptor ----------------------------------------------------------------- */

static void runs_many_at_once(void **state) {
    enum { COUNT = 200 };
    static bi_transfer *transfers[COUNT];
    SERVE({.answer = OK, .delay = 10});
    make("GET", NULL)->connect_timeout = 100; /* waiting for a free connection does not count */
    int64_t start = bi_clock_read().mono;
    for (size_t i = 0; i < COUNT; i++)
        assert_non_null(transfers[i] = bi_transfer_start(f.pool, &f.request, &transfers[i]));
    unsigned ended = 0, taken = 0;
    while (bi_engine_busy(f.engine)) {
        ended += bi_engine_wait(f.engine, 5000);
        for (bi_transfer *one; (one = bi_engine_take_finished(f.engine)) != NULL; taken++)
            assert_ptr_equal(*(bi_transfer **)bi_transfer_tag(one), one);
    }
    assert_int_equal(ended, COUNT);
    assert_int_equal(taken, COUNT);
    assert_in_range(bi_clock_read().mono - start, 240, 3000);
    assert_int_equal(raw_server_connections(f.server), 8);
    for (size_t i = 0; i < COUNT; i++) {
        bi_transfer_take_answer(transfers[i], &f.answer);
        assert_ok(&f.answer, 200, "ok");
        bi_transfer_free(transfers[i]);
    }
}

/* An event loop that only ever looks at the descriptor gets everything. */
static void rings(void **state) {
    SERVE({.answer = OK, .delay = 30});
    make_to("GET", "http://no-such-host.invalid/", NULL);
    bi_wire_request far = f.request;
    bi_wire_request_init(&f.request);
    make("GET", NULL);
    bi_transfer *a = bi_transfer_start(f.pool, &f.request, NULL);
    bi_transfer *b = bi_transfer_start(f.pool, &far, NULL);
    int rounds = 0;
    for (; bi_engine_busy(f.engine); rounds++) {
        assert_true(is_readable(10000));
        bi_engine_step(f.engine);
    }
    assert_in_range(rounds, 1, 60);
    bi_transfer_free(a);
    bi_transfer_free(b);
    bi_wire_request_clear(&far);
}

static void does_not_spin_on_closed_connections(void **state) {
    SERVE({.answer = OK, .end = RAW_CLOSE, .end_delay = 20});
    assert_ok(call("GET", NULL), 200, "ok");
    bi_engine_step(f.engine);
    rest(100);
    for (int i = 0; i < 2 && is_readable(0); i++)
        bi_engine_step(f.engine);
    assert_false(is_readable(30));
    assert_ok(call("GET", NULL), 200, "ok"); /* libcurl notices by itself */
    assert_false(f.answer.reused);
    assert_int_equal(raw_server_requests(f.server), 2);
}

static void waits_as_long_as_it_is_told(void **state) {
    int64_t start = bi_clock_read().mono;
    assert_int_equal(bi_engine_wait(f.engine, 50), 0);
    assert_in_range(bi_clock_read().mono - start, 45, 500);
    assert_int_equal(bi_engine_wait(f.engine, -1), 0); /* nothing under way: nothing to wait for */
}

/* --- Ending early ----------------------------------------------------------------------------- */

static void abandons_midway(void **state) {
    SERVE({.answer = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart", .end = RAW_HOLD});
    make("POST", "x")->once = true;
    bi_transfer *transfer = bi_transfer_start(f.pool, &f.request, NULL);
    for (int i = 0; i < 10; i++)
        bi_engine_wait(f.engine, 20);
    assert_false(bi_transfer_is_finished(transfer));
    bi_transfer_abandon(transfer, &f.answer);
    assert_true(f.answer.sent);
    assert_int_equal(f.answer.status, 200);
    assert_string_equal(bi_bytes_text(&f.answer.body), "part");
    assert_int_equal(bi_engine_busy(f.engine), 0);
    assert_null(bi_engine_take_finished(f.engine));
    bi_transfer_free(transfer);
}

/* The server is a thread, which a busy machine may let wait. */
static void wait_for_requests(int count) {
    int64_t end_by = bi_clock_read().mono + 10000;
    while (raw_server_requests(f.server) < count && bi_clock_read().mono < end_by)
        bi_engine_wait(f.engine, 10);
    assert_int_equal(raw_server_requests(f.server), count);
}

static void frees_the_slot_of_what_is_ended(void **state) {
    SERVE({.end = RAW_HOLD});
    bi_pool_release(f.pool);
    open_pool((bi_network){.max_connections = 1});
    make("GET", NULL);
    bi_transfer *a = bi_transfer_start(f.pool, &f.request, NULL);
    bi_transfer *b = bi_transfer_start(f.pool, &f.request, NULL);
    wait_for_requests(1);
    for (int i = 0; i < 5; i++)
        bi_engine_wait(f.engine, 10);
    assert_int_equal(raw_server_requests(f.server), 1);
    bi_transfer_free(a);
    wait_for_requests(2);
    bi_transfer_free(b);
}

/* Handles of about 10 KB each, of which a process that falls silent gives none back. */
static void keeps_so_many_handles_of_a_crowd(void **state) {
    enum {
        CROWD = 1300,
        MOST = 1024,
        BLOCKS = 3
    }; /* a handle's own: itself, its header list, its origin */
    static bi_transfer *crowd[CROWD];
    SERVE({.answer = OK});
    assert_ok(call("GET", NULL), 200, "ok");
    long before = bi_memory_live();
    make("GET", NULL);
    for (int i = 0; i < CROWD; i++)
        assert_non_null(crowd[i] = bi_transfer_start(f.pool, &f.request, &f));
    for (int i = 0; i < CROWD; i++) {
        finish(crowd[i]);
        bi_transfer_free(crowd[i]);
    }
    long kept = (bi_memory_live() - before) / BLOCKS;
    assert_in_range(kept, MOST / 2, MOST);
}

static void frees_in_any_state(void **state) {
    SERVE({.answer = OK, .delay = 5});
    make("GET", NULL);
    for (int i = 0; i < 40; i++) {
        bi_transfer *a = bi_transfer_start(f.pool, &f.request, NULL);
        bi_transfer *b = bi_transfer_start(f.pool, &f.request, NULL);
        for (int j = 0; j < i % 5; j++)
            bi_engine_wait(f.engine, 2);
        bi_transfer_free(i % 2 ? a : b);
        bi_transfer_free(i % 2 ? b : a);
    }
    assert_ok(call("GET", NULL), 200, "ok");
}

/* The pool and the engine live as long as somebody uses them. */
static void may_be_released_in_any_order(void **state) {
    SERVE({.end = RAW_HOLD});
    make("GET", NULL);
    bi_transfer *transfer = bi_transfer_start(f.pool, &f.request, NULL);
    bi_engine_release(f.engine);
    bi_pool_release(f.pool);
    bi_transfer_free(transfer);
    f.engine = NULL;
    f.pool = NULL;
}

static void survives_lack_of_memory(void **state) {
    SERVE({.answer = OK});
    make("GET", NULL);
    bi_wire_request_add_field(&f.request, "X", "y", 1);
    bool failed = true;
    for (unsigned long n = 1; failed; n++) {
        bi_pool_release(f.pool);
        bi_engine_release(f.engine);
        f.pool = NULL;
        bi_memory_fail_at(n);
        f.engine = bi_engine_new();
        if (f.engine)
            f.pool = bi_pool_get(f.engine, &(bi_network){.max_connections = 8});
        bi_transfer *transfer = f.pool ? bi_transfer_start(f.pool, &f.request, NULL) : NULL;
        if (transfer) {
            finish(transfer);
            bi_memory_fail_at(0);
            bi_transfer_take_answer(transfer, &f.answer);
            bi_transfer_free(transfer);
        }
        bi_memory_fail_at(0);
        failed = !transfer || f.answer.trouble != BI_TROUBLE_NONE;
        if (transfer && failed)
            assert_int_equal(f.answer.trouble, BI_TROUBLE_MEMORY);
        assert_true(n < 100);
    }
    assert_ok(&f.answer, 200, "ok");
}

/* --- Fork ------------------------------------------------------------------------------------- */

/* The result of `work` in a child. It ends without a goodbye: what it leaks is leaked on
 * purpose. */
static int in_child(int (*work)(bi_transfer *), bi_transfer *transfer) {
    int ends[2], result = -1;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        result = work(transfer);
        (void)!write(ends[1], &result, sizeof result);
        kill(getpid(), SIGKILL);
    }
    close(ends[1]);
    ssize_t n = read(ends[0], &result, sizeof result);
    close(ends[0]);
    waitpid(child, NULL, 0);
    return n == sizeof result ? result : -1;
}

/* What the child does with an engine it inherited; its exit status is the number of what failed. */
static int child_of_fork(bi_transfer *transfer) {
    int set = bi_engine_descriptor(f.engine);
    if (!bi_engine_is_foreign(f.engine))
        return 1;
    if (bi_engine_step(f.engine) || bi_engine_wait(f.engine, 1000))
        return 2;
    if (bi_transfer_start(f.pool, &f.request, NULL))
        return 3;
    bi_transfer_free(transfer);
    bi_pool_release(f.pool);
    bi_engine_release(f.engine);
    if (fcntl(set, F_GETFD) != -1)
        return 4;
    return 0;
}

static void abandons_the_engine_in_a_child(void **state) {
    SERVE({.answer = OK}, {.answer = OK, .delay = 50}, {.answer = OK});
    assert_ok(call("GET", NULL), 200, "ok");
    make("GET", NULL);
    bi_transfer *transfer = bi_transfer_start(f.pool, &f.request, NULL);
    assert_int_equal(in_child(child_of_fork, transfer), 0);
    finish(transfer); /* the parent's set is whole */
    bi_transfer_take_answer(transfer, &f.answer);
    assert_ok(&f.answer, 200, "ok");
    assert_true(f.answer.reused);
    bi_transfer_free(transfer);
    assert_ok(call("GET", NULL), 200, "ok");
    assert_true(f.answer.reused);
    assert_int_equal(raw_server_connections(f.server), 1);
}

static int call_in_child(bi_transfer *none) {
    bi_engine *engine = bi_engine_new();
    bi_pool *pool = bi_pool_get(engine, &(bi_network){.max_connections = 8});
    bi_transfer *transfer = bi_transfer_start(pool, &f.request, none);
    while (!bi_transfer_is_finished(transfer))
        bi_engine_wait(engine, 1000);
    bi_transfer_take_answer(transfer, &f.answer);
    return (int)f.answer.status;
}

static void works_in_a_child_with_its_own_engine(void **state) {
    SERVE({.answer = OK});
    assert_ok(call("GET", NULL), 200, "ok");
    assert_int_equal(in_child(call_in_child, NULL), 200);
    assert_int_equal(raw_server_connections(f.server), 2);
}

static void gives_random_bytes(void **state) {
    unsigned char a[32] = {0}, b[32] = {0};
    assert_true(bi_random_bytes(a, sizeof a) && bi_random_bytes(b, sizeof b));
    assert_memory_not_equal(a, b, sizeof a);
}

int main(void) {
    begin();
    const struct CMUnitTest tests[] = {
        TEST(shares_pools),
        TEST(runs_many_at_once),
        TEST(rings),
        TEST(does_not_spin_on_closed_connections),
        TEST(waits_as_long_as_it_is_told),
        TEST(abandons_midway),
        TEST(frees_the_slot_of_what_is_ended),
        TEST(keeps_so_many_handles_of_a_crowd),
        TEST(frees_in_any_state),
        TEST(may_be_released_in_any_order),
        TEST(survives_lack_of_memory),
        TEST(abandons_the_engine_in_a_child),
        TEST(works_in_a_child_with_its_own_engine),
        TEST(gives_random_bytes),
    };
    return cmocka_run_group_tests_name("transport", tests, NULL, NULL);
}
