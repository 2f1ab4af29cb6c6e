/* src/engine/loopback.c on real sockets: what ends the wait, what does not, and that nobody holds up anybody. */
#include "fake.h"

#include "core/memory.h"
#include "core/visit.h"
#include "engine/loopback.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define STATE "state_0123456789"
#define GOOD "GET /callback?code=spl_1&state=" STATE " HTTP/1.1\r\nHost: x\r\n\r\n"

static bi_loopback *loopback;

static int setup(void **state) {
    loopback = bi_loopback_new(0, "/callback", NULL, 0);
    return loopback && bi_loopback_expect(loopback, STATE, strlen(STATE)) ? 0 : -1;
}

static int teardown(void **state) {
    bi_loopback_free(loopback);
    loopback = NULL;
    return 0;
}

static int call(void) {
    struct sockaddr_in name = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)bi_loopback_port(loopback))};
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&name, sizeof name), 0);
    return fd;
}

static int say(const char *text) {
    int fd = call();
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
    return fd;
}

/* What comes until the end of the connection, served meanwhile; closes. */
static const char *hear(int fd) {
    static char text[8192];
    size_t length = 0;
    for (int i = 0; i < 500; i++) {
        if (loopback)
            (void)bi_loopback_step(loopback, 0);
        struct pollfd one = {.fd = fd, .events = POLLIN};
        if (poll(&one, 1, 10) == 0)
            continue;
        ssize_t n = recv(fd, text + length, sizeof text - 1 - length, 0);
        if (n < 0)
            fail_msg("the connection broke: %s", strerror(errno));
        if (n <= 0)
            break;
        length += (size_t)n;
    }
    text[length] = '\0';
    close(fd);
    return text;
}

static bi_loopback_outcome settle(void) {
    bi_loopback_outcome outcome = BI_LOOPBACK_WAITING;
    for (int i = 0; i < 500 && outcome == BI_LOOPBACK_WAITING; i++)
        outcome = bi_loopback_step(loopback, 10);
    return outcome;
}

static void check_heard(int fd, const char *start, const char *part) {
    const char *text = hear(fd);
    if (strncmp(text, start, strlen(start)) != 0 || !strstr(text, part))
        fail_msg("heard: %s", text);
    assert_null(strstr(text, "spl_"));
    assert_null(strstr(text, STATE));
}

static void test_a_code_ends_the_wait_and_the_page_arrives(void **state) {
    int fd = say(GOOD);
    assert_int_equal(settle(), BI_LOOPBACK_CODE);
    assert_string_equal(bi_bytes_text(bi_loopback_code(loopback)), "spl_1");
    teardown(state);
    check_heard(fd, "HTTP/1.1 200 OK\r\n", "<h1>Connected</h1>");
}

static void test_a_request_in_single_bytes(void **state) {
    int fd = call();
    for (const char *at = GOOD; *at; at++) {
        assert_int_equal(bi_loopback_step(loopback, 0), BI_LOOPBACK_WAITING);
        assert_int_equal(send(fd, at, 1, MSG_NOSIGNAL), 1);
    }
    assert_int_equal(settle(), BI_LOOPBACK_CODE);
    close(fd);
}

static void test_the_servers_error_ends_it_too(void **state) {
    int fd = say("GET /callback?error=access_denied&error_description=<b>no</b> HTTP/1.1\r\n\r\n");
    assert_int_equal(settle(), BI_LOOPBACK_FAILED);
    assert_string_equal(bi_loopback_failure(loopback)->code, "access_denied");
    teardown(state);
    check_heard(fd, "HTTP/1.1 200 OK\r\n", "&lt;b&gt;no&lt;/b&gt;");
}

static void test_nothing_else_does(void **state) {
    static const struct {
        const char *request, *start;
    } rows[] = {
        {"GET /favicon.ico HTTP/1.1\r\n\r\n", "HTTP/1.1 404 "},
        {"POST /callback HTTP/1.1\r\nContent-Length: 5\r\n\r\nspl_1", "HTTP/1.1 405 "},
        {"HEAD /callback?code=spl_1&state=" STATE " HTTP/1.1\r\n\r\n", "HTTP/1.1 405 "},
        {"GET /callback HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
        {"GET /callback?code=spl_1&state=other HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
        {"GET /callback?code=spl_1 HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
        {"GET /callback?code=spl_1&code=spl_2&state=" STATE " HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
        {"\x16\x03\x01\x02", "HTTP/1.1 400 "},
        {"what is this\r\n\r\n", "HTTP/1.1 400 "},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        check_heard(say(rows[i].request), rows[i].start, "Connection: close");
        assert_int_equal(bi_loopback_step(loopback, 0), BI_LOOPBACK_WAITING);
        assert_int_equal(bi_loopback_code(loopback)->length, 0);
    }
    assert_true(bi_loopback_met_stranger(loopback));
    close(say(GOOD));
    assert_int_equal(settle(), BI_LOOPBACK_CODE);
}

static void test_a_huge_request_is_refused_while_it_comes(void **state) {
    char *huge = malloc(BI_VISIT_MOST * 2);
    memset(huge, 'a', BI_VISIT_MOST * 2);
    memcpy(huge, "GET /callback?code=", 19);
    int fd = call();
    assert_true(send(fd, huge, BI_VISIT_MOST * 2, MSG_NOSIGNAL) == BI_VISIT_MOST * 2);
    check_heard(fd, "HTTP/1.1 413 ", "Connection: close");
    free(huge);
}

static void test_a_crowd_of_silent_ones_holds_up_nobody(void **state) {
    int silent[60];
    for (size_t i = 0; i < COUNT(silent); i++) {
        silent[i] = i % 2 ? call() : say("GET /callb");
        assert_int_equal(bi_loopback_step(loopback, 0), BI_LOOPBACK_WAITING);
    }
    int fd = say(GOOD);
    assert_int_equal(settle(), BI_LOOPBACK_CODE);
    close(fd);
    for (size_t i = 0; i < COUNT(silent); i++)
        close(silent[i]);
}

static void test_one_who_goes_without_hearing_us(void **state) {
    struct linger hard = {.l_onoff = 1};
    for (int i = 0; i < 20; i++) {
        int fd = say(i % 2 ? "GET /x HTTP/1.1\r\n\r\n" : "GET /callback?");
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        close(fd);
        assert_int_equal(bi_loopback_step(loopback, 0), BI_LOOPBACK_WAITING);
    }
    int fd = say(GOOD);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    assert_int_equal(settle(), BI_LOOPBACK_CODE); /* the code is there, whoever reads the page */
    close(fd);
}

static void test_its_own_page_and_path(void **state) {
    teardown(state);
    loopback = bi_loopback_new(0, "/done/", "<p>mine</p>", 11);
    assert_non_null(loopback);
    assert_true(bi_loopback_expect(loopback, STATE, strlen(STATE)));
    int fd = say("GET /done/?code=spl_1&state=" STATE " HTTP/1.1\r\n\r\n");
    assert_int_equal(settle(), BI_LOOPBACK_CODE);
    check_heard(fd, "HTTP/1.1 200 ", "\r\n\r\n<p>mine</p>");
}

static void test_a_port_has_one_listener_and_can_be_used_again(void **state) {
    unsigned port = bi_loopback_port(loopback);
    assert_true(port > 0);
    assert_null(bi_loopback_new(port, "/callback", NULL, 0));
    assert_int_equal(errno, EADDRINUSE);
    int fd = say(GOOD);
    assert_int_equal(settle(), BI_LOOPBACK_CODE);
    teardown(state);
    hear(fd); /* we closed first: the connection lingers on our side */
    loopback = bi_loopback_new(port, "/callback", NULL, 0);
    assert_non_null(loopback);
    assert_int_equal(bi_loopback_port(loopback), port);
}

static void test_no_memory_is_survived(void **state) {
    for (unsigned long n = 1; n < 6; n++) {
        long live = bi_memory_live();
        bi_memory_fail_at(n);
        bi_loopback *other = bi_loopback_new(0, "/callback", "page", 4);
        bi_memory_fail_at(0);
        assert_true(other || errno == ENOMEM);
        assert_true(other || n <= 3);
        bi_loopback_free(other);
        assert_int_equal(bi_memory_live() - live, 0);
    }
    for (unsigned long n = 1; n < 12; n++) {
        int fd = say(GOOD);
        bi_memory_fail_at(n);
        bi_loopback_outcome outcome = bi_loopback_step(loopback, 0);
        bi_memory_fail_at(0);
        close(fd);
        if (outcome != BI_LOOPBACK_WAITING) {
            teardown(state);
            assert_int_equal(setup(state), 0);
        }
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(test_a_code_ends_the_wait_and_the_page_arrives),
        CASE(test_a_request_in_single_bytes),
        CASE(test_the_servers_error_ends_it_too),
        CASE(test_nothing_else_does),
        CASE(test_a_huge_request_is_refused_while_it_comes),
        CASE(test_a_crowd_of_silent_ones_holds_up_nobody),
        CASE(test_one_who_goes_without_hearing_us),
        CASE(test_its_own_page_and_path),
        CASE(test_a_port_has_one_listener_and_can_be_used_again),
        CASE(test_no_memory_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
