/* The doorbell alone, on a pipe: when it rings, when it rests, what it leaves behind. */
#include "core/memory.h"
#include "engine/doorbell.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int news[2];
static bi_doorbell *bell;
static int visitor;
static char place[64];

static int count_entries(const char *folder) {
    DIR *open = opendir(folder);
    int count = 0;
    for (const struct dirent *entry; open && (entry = readdir(open));)
        count += entry->d_name[0] != '.';
    if (open)
        closedir(open);
    return count;
}

static int call(const char *path) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
    if (connect(fd, (struct sockaddr *)&name, sizeof name) == 0)
        return fd;
    close(fd);
    return -1;
}

static void open_bell(void) {
    bell = bi_doorbell_new(news[0]);
    assert_non_null(bell);
    visitor = call(bi_doorbell_path(bell));
    assert_true(visitor >= 0);
    assert_true(bi_doorbell_start(bell));
}

static int setup(void **state) {
    strcpy(place, "/tmp/doorbell-test.XXXXXX");
    return mkdtemp(place) && setenv("TMPDIR", place, 1) == 0 && pipe(news) == 0 ? 0 : -1;
}

static int teardown(void **state) {
    bi_doorbell_free(bell);
    bell = NULL;
    close(news[0]);
    close(news[1]);
    if (visitor >= 0)
        close(visitor);
    visitor = -1;
    assert_int_equal(count_entries(place), 0);
    assert_int_equal(rmdir(place), 0);
    assert_int_equal(bi_memory_live(), 0);
    return 0;
}

/* Bytes that came within so many milliseconds; -1: the connection ended. */
static int rings_within(int ms) {
    struct pollfd one = {.fd = visitor, .events = POLLIN};
    char bytes[16];
    if (poll(&one, 1, ms) == 0)
        return 0;
    ssize_t n = recv(visitor, bytes, sizeof bytes, MSG_DONTWAIT);
    return n == 0 ? -1 : (int)n;
}

static void bring_news(void) {
    assert_int_equal(write(news[1], "x", 1), 1);
}

static void rings_once_until_armed_again(void **state) {
    open_bell();
    bring_news();
    assert_int_equal(rings_within(50), 0); /* not armed */
    bi_doorbell_arm(bell);
    assert_int_equal(rings_within(1000), 1); /* what is there already counts */
    bring_news();
    assert_int_equal(rings_within(50), 0);
    bi_doorbell_arm(bell);
    assert_int_equal(rings_within(1000), 1);
}

static void drain_news(void) {
    char bytes[16];
    assert_true(read(news[0], bytes, sizeof bytes) > 0);
}

/* Armed again before the news, not behind them: the thread may well have rung between two calls. */
static void rings_once_though_armed_twice(void **state) {
    open_bell();
    bi_doorbell_arm(bell);
    bi_doorbell_arm(bell);
    bring_news();
    assert_int_equal(rings_within(1000), 1);
    assert_int_equal(rings_within(50), 0);
    drain_news();
    bring_news();
    assert_int_equal(rings_within(50), 0);
}

static void rings_for_news_that_comes_later(void **state) {
    open_bell();
    bi_doorbell_arm(bell);
    assert_int_equal(rings_within(30), 0);
    bring_news();
    assert_int_equal(rings_within(200), 1);
}

static void ticks_when_nothing_happens(void **state) {
    open_bell();
    bi_doorbell_arm(bell);
    assert_int_equal(rings_within(BI_DOORBELL_TICK / 2), 0);
    assert_int_equal(rings_within(BI_DOORBELL_TICK * 2), 1);
    assert_int_equal(rings_within(BI_DOORBELL_TICK + 100), 0); /* armed no more */
}

static void loses_no_ring(void **state) {
    open_bell();
    for (int i = 0; i < 20000; i++) {
        bi_doorbell_arm(bell);
        bring_news();
        assert_int_equal(rings_within(BI_DOORBELL_TICK / 2), 1);
        drain_news();
    }
}

static void leaves_no_file_even_before_the_start(void **state) {
    bell = bi_doorbell_new(news[0]);
    assert_non_null(bell);
    assert_int_equal(count_entries(place), 0);
    assert_false(bi_doorbell_start(bell)); /* nobody has connected */
    bi_doorbell_arm(bell);                 /* no effect */
}

static void refuses_another_process(void **state) {
    bell = bi_doorbell_new(news[0]);
    assert_non_null(bell);
    pid_t child = fork();
    if (child == 0)
        _exit(call(bi_doorbell_path(bell)) >= 0 ? 0 : 1);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_false(bi_doorbell_start(bell));
    visitor = call(bi_doorbell_path(bell));
    assert_true(bi_doorbell_start(bell));
}

static void ends_thread_and_connection(void **state) {
    int descriptors = count_entries("/proc/self/fd"), threads = count_entries("/proc/self/task");
    for (int i = 0; i < 200; i++) {
        open_bell();
        if (i % 2)
            bi_doorbell_arm(bell);
        if (i % 3)
            bring_news();
        assert_int_equal(count_entries("/proc/self/task"), threads + 1);
        bi_doorbell_free(bell);
        bell = NULL;
        while (rings_within(1000) > 0)
            continue;
        assert_int_equal(rings_within(0), -1);
        close(visitor);
        visitor = -1;
    }
    assert_int_equal(count_entries("/proc/self/task"), threads);
    assert_int_equal(count_entries("/proc/self/fd"), descriptors);
}

/* The visitor may be gone before: a worker whose timer was killed. */
static void survives_a_closed_connection(void **state) {
    open_bell();
    close(visitor);
    visitor = -1;
    bi_doorbell_arm(bell);
    bring_news();
    usleep(20000);
    bi_doorbell_arm(bell);
}

static void a_child_leaves_the_parents_alone(void **state) {
    open_bell();
    bi_doorbell_arm(bell);
    pid_t child = fork();
    if (child == 0) {
        bi_doorbell_free(bell); /* must not wait for a thread that is not there */
        _exit(bi_doorbell_enroll() == 1 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    bring_news();
    assert_int_equal(rings_within(200), 1);
}

static void blocks_all_signals(void **state) {
    char line[256], path[300];
    unsigned long long blocked = 0;
    open_bell();
    DIR *tasks = opendir("/proc/self/task");
    for (const struct dirent *entry; (entry = readdir(tasks));) {
        if (entry->d_name[0] == '.' || atoi(entry->d_name) == getpid())
            continue;
        snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
        FILE *file = fopen(path, "r");
        while (file && fgets(line, sizeof line, file))
            if (strncmp(line, "SigBlk:", 7) == 0)
                blocked = strtoull(line + 7, NULL, 16);
        if (file)
            fclose(file);
    }
    closedir(tasks);
    /* All but SIGKILL, SIGSTOP, the two that the C library keeps for itself, and the one that valgrind does. */
    assert_true((blocked | 0x8000000180040100ULL) == ~0ULL);
}

static void says_why_not(void **state) {
    bi_memory_fail_at(1);
    assert_null(bi_doorbell_new(news[0]));
    assert_int_equal(errno, ENOMEM);
    bi_memory_fail_at(0);
    bell = bi_doorbell_new(-1); /* a poller without a descriptor */
    assert_non_null(bell);
    visitor = call(bi_doorbell_path(bell));
    assert_false(bi_doorbell_start(bell));
    assert_int_equal(errno, EBADF);
}

static void counts_who_uses_it(void **state) {
    unsigned first = bi_doorbell_enroll();
    assert_int_equal(bi_doorbell_enroll(), first + 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rings_once_until_armed_again, setup, teardown),
        cmocka_unit_test_setup_teardown(rings_once_though_armed_twice, setup, teardown),
        cmocka_unit_test_setup_teardown(rings_for_news_that_comes_later, setup, teardown),
        cmocka_unit_test_setup_teardown(ticks_when_nothing_happens, setup, teardown),
        cmocka_unit_test_setup_teardown(loses_no_ring, setup, teardown),
        cmocka_unit_test_setup_teardown(leaves_no_file_even_before_the_start, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_another_process, setup, teardown),
        cmocka_unit_test_setup_teardown(ends_thread_and_connection, setup, teardown),
        cmocka_unit_test_setup_teardown(survives_a_closed_connection, setup, teardown),
        cmocka_unit_test_setup_teardown(a_child_leaves_the_parents_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(blocks_all_signals, setup, teardown),
        cmocka_unit_test_setup_teardown(says_why_not, setup, teardown),
        cmocka_unit_test_setup_teardown(counts_who_uses_it, setup, teardown),
    };
    visitor = -1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
