/* The poller alone, on pipes and socket pairs: what is told, what rests, when the one descriptor
 * is readable. */
#include "core/memory.h"
#include "engine/oclock.h"
#include "engine/poller.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static bi_poller *poller;
static int pair[2];
static bi_poller_event events[4];
static int owner;

static int setup(void **state) {
    poller = bi_poller_new();
    return poller && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 ? 0 : -1;
}

static int teardown(void **state) {
    bi_poller_drop(poller, pair[0]);
    bi_poller_free(poller);
    close(pair[0]);
    close(pair[1]);
    assert_int_equal(bi_memory_live(), 0);
    return 0;
}

static bool is_readable(void) {
    struct pollfd one = {.fd = bi_poller_descriptor(poller), .events = POLLIN};
    return poll(&one, 1, 0) == 1;
}

static int look(void) {
    return bi_poller_wait(poller, 0, events, 4);
}

static void tells_what_is_watched(void **state) {
    assert_true(bi_poller_watch(poller, pair[0], BI_POLLER_READ, &owner));
    assert_false(is_readable());
    assert_int_equal(look(), 0);
    assert_int_equal(write(pair[1], "x", 1), 1);
    assert_true(is_readable());
    assert_int_equal(look(), 1);
    assert_int_equal(events[0].fd, pair[0]);
    assert_int_equal(events[0].what, BI_POLLER_READ);
    assert_ptr_equal(events[0].owner, &owner);
    assert_true(bi_poller_watch(poller, pair[0], BI_POLLER_READ | BI_POLLER_WRITE, &owner));
    assert_int_equal(look(), 1);
    assert_int_equal(events[0].what, BI_POLLER_READ | BI_POLLER_WRITE);
    assert_true(bi_poller_watch(poller, pair[0], 0, &owner));
    assert_int_equal(look(), 0);
    assert_false(is_readable());
}

static void lets_adopted_sockets_rest(void **state) {
    assert_true(bi_poller_adopt(poller, pair[0]));
    assert_true(bi_poller_watch(poller, pair[0], BI_POLLER_READ, &owner));
    assert_true(bi_poller_watch(poller, pair[0], 0, &owner));
    close(pair[1]);
    pair[1] = dup(pair[0]);
    (void)is_readable(); /* may be so once */
    assert_int_equal(look(), 0);
    assert_false(is_readable());
    assert_true(bi_poller_watch(poller, pair[0], BI_POLLER_READ, &owner)); /* wanted again */
    assert_int_equal(look(), 1);
}

/* A dead idle socket in front must not hide a live one behind it. */
static void looks_behind_idle_ones(void **state) {
    assert_true(bi_poller_adopt(poller, pair[0]));
    assert_true(bi_poller_watch(poller, pair[0], BI_POLLER_READ, &owner));
    assert_true(bi_poller_watch(poller, pair[0], 0, &owner));
    assert_int_equal(write(pair[1], "x", 1), 1);
    assert_true(bi_poller_watch(poller, pair[1], BI_POLLER_WRITE, &owner));
    assert_int_equal(bi_poller_wait(poller, 0, events, 1), 1);
    assert_int_equal(events[0].fd, pair[1]);
    assert_true(bi_poller_watch(poller, pair[1], 0, &owner));
}

static void rings_at_the_deadline(void **state) {
    int64_t start = bi_clock_nanos();
    bi_poller_alarm(poller, start + 30000000);
    assert_false(is_readable());
    assert_int_equal(bi_poller_wait(poller, 5000, events, 4), 0);
    assert_in_range((bi_clock_nanos() - start) / 1000000, 29, 1000);
    bi_poller_alarm(poller, BI_POLLER_NEVER);
    assert_false(is_readable());
    bi_poller_alarm(poller, 0);
    assert_true(is_readable());
    assert_int_equal(look(), 0);
    bi_poller_alarm(poller, BI_POLLER_NEVER);
    assert_false(is_readable());
}

static void keeps_an_earlier_alarm(void **state) {
    int64_t start = bi_clock_nanos();
    bi_poller_alarm(poller, start + 20000000);
    bi_poller_alarm(poller,
                    start + INT64_C(60000000000)); /* not set: the earlier one just rings in vain */
    assert_int_equal(bi_poller_wait(poller, 5000, events, 4), 0);
    assert_in_range((bi_clock_nanos() - start) / 1000000, 19, 1000);
    bi_poller_alarm(poller, start + INT64_C(60000000000));
    assert_false(is_readable());
}

static void says_when_memory_is_short(void **state) {
    bi_memory_fail_at(1);
    assert_false(bi_poller_adopt(poller, pair[0]));
    bi_memory_fail_at(1);
    assert_false(bi_poller_watch(poller, pair[0], BI_POLLER_READ, &owner));
    bi_memory_fail_at(1);
    assert_null(bi_poller_new());
    bi_memory_fail_at(0);
    assert_true(bi_poller_watch(poller, pair[0], BI_POLLER_READ, &owner));
}

/* The set is shared after a fork: what a child did to it would be done to the parent. */
static void abandons_without_touching_the_set(void **state) {
    assert_true(bi_poller_adopt(poller, pair[0]));
    assert_true(bi_poller_watch(poller, pair[0], BI_POLLER_READ, &owner));
    pid_t child = fork();
    if (child == 0) {
        int set = bi_poller_descriptor(poller);
        bi_poller_abandon(poller);
        _exit(fcntl(set, F_GETFD) == -1 && fcntl(pair[0], F_GETFD) == -1 ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    assert_int_equal(write(pair[1], "x", 1), 1);
    assert_int_equal(look(), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(tells_what_is_watched),
        TEST(lets_adopted_sockets_rest),
        TEST(looks_behind_idle_ones),
        TEST(rings_at_the_deadline),
        TEST(keeps_an_earlier_alarm),
        TEST(says_when_memory_is_short),
        TEST(abandons_without_touching_the_set),
    };
    return cmocka_run_group_tests_name("poller", tests, NULL, NULL);
}
