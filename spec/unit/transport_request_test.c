/* The engine: what a request is on the wire, that nothing is ever sent twice, what is said of one that reached nobody,
 * and the options of the network. */
#include "transport_fixture.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- What is sent ----------------------------------------------------------------------------- */

static void sends_get(void **state) {
    SERVE({.answer = OK});
    make("GET", NULL);
    bi_wire_request_add_field(&f.request, "Authorization", "Bearer secret", 13);
    assert_ok(run(), 200, "ok");
    char expected[256];
    snprintf(expected, sizeof expected, "GET /path?q=1 HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n",
             raw_server_port(f.server));
    assert_memory_equal(raw_server_last(f.server), expected, strlen(expected));
    assert_non_null(strstr(raw_server_last(f.server), "\r\nAuthorization: Bearer secret\r\n"));
    assert_non_null(strstr(raw_server_last(f.server), "\r\nAccept-Encoding: "));
    assert_null(strstr(raw_server_last(f.server), "Accept: "));
    assert_null(strstr(raw_server_last(f.server), "User-Agent"));
    assert_string_equal(bi_bytes_text(&f.answer.fields), "Content-Length: 2\r\nX-One: 1\r\n");
    assert_int_equal(f.answer.http_version, 11);
    assert_false(f.answer.reused);
    assert_true(f.answer.body.secret && f.answer.fields.secret);
}

static void sends_bodies_with_any_method(void **state) {
    static const char *const methods[] = {"POST", "PUT", "PATCH", "DELETE", "GET"};
    SERVE({.answer = OK});
    for (size_t i = 0; i < 10; i++) {
        make(methods[i % 5], "{\"a\":1}");
        bi_wire_request_add_field(&f.request, "content-type", "application/json", 16);
        f.request.once = i >= 5;
        assert_ok(run(), 200, "ok");
        const char *last = raw_server_last(f.server);
        assert_memory_equal(last, methods[i % 5], strlen(methods[i % 5]));
        assert_non_null(strstr(last, "\r\nContent-Length: 7\r\n"));
        assert_non_null(strstr(last, "\r\ncontent-type: application/json\r\n"));
        assert_null(strstr(last, "x-www-form"));
        assert_null(strstr(last, "Expect"));
        assert_non_null(strstr(last, "\r\n\r\n{\"a\":1}"));
    }
    assert_int_equal(raw_server_connections(f.server), 1);
}

static void sends_an_empty_body(void **state) {
    SERVE({.answer = OK});
    assert_ok(call("POST", ""), 200, "ok");
    assert_non_null(strstr(raw_server_last(f.server), "\r\nContent-Length: 0\r\n"));
    assert_null(strstr(raw_server_last(f.server), "Content-Type"));
}

static void sends_a_large_body(void **state) {
    static char text[15001];
    memset(text, 'x', 15000);
    SERVE({.answer = OK});
    assert_ok(call("POST", text), 200, "ok");
    make("POST", text)->once = true;
    assert_ok(run(), 200, "ok");
    assert_non_null(strstr(raw_server_last(f.server), text));
}

/* Nothing of one request may show in the next on the same handle. */
static void forgets_the_request_before(void **state) {
    SERVE({.answer = OK});
    make("PUT", "body")->once = true;
    bi_wire_request_add_field(&f.request, "X-Secret", "a", 1);
    assert_ok(run(), 200, "ok");
    assert_ok(call("GET", NULL), 200, "ok");
    assert_memory_equal(raw_server_last(f.server), "GET ", 4);
    assert_null(strstr(raw_server_last(f.server), "Content-Length"));
    assert_null(strstr(raw_server_last(f.server), "X-Secret"));
    assert_ok(call("DELETE", NULL), 200, "ok");
    assert_memory_equal(raw_server_last(f.server), "DELETE ", 7);
    assert_ok(call("POST", "b"), 200, "ok");
    assert_memory_equal(raw_server_last(f.server), "POST ", 5);
    assert_int_equal(raw_server_connections(f.server), 1);
}

static const char *ask(const char *host, const char *target) {
    char url[96];
    snprintf(url, sizeof url, "http://%s:%d%s", host, raw_server_port(f.server), target);
    make_to("GET", url, NULL);
    assert_ok(run(), 200, "ok");
    return raw_server_last(f.server);
}

static void assert_begins(const char *text, const char *with) {
    assert_memory_equal(text, with, strlen(with));
}

/* A handle keeps what holds for the next request as well: the origin, and nothing of path and query. */
static void keeps_the_origin_alone(void **state) {
    SERVE({.answer = OK});
    assert_begins(ask("127.0.0.1", "/one?a=1"), "GET /one?a=1 HTTP/1.1\r\nHost: 127.0.0.1:");
    assert_begins(ask("127.0.0.1", "/two"), "GET /two HTTP/1.1\r\nHost: 127.0.0.1:");
    assert_begins(ask("127.0.0.1", "/three/%2F%C3%A4?b"), "GET /three/%2F%C3%A4?b HTTP/1.1\r\n");
    assert_begins(ask("127.0.0.1", "/t%C3%A4/%2f/\xC3\xA4"),
                  "GET /t%C3%A4/%2f/%c3%a4 HTTP/1.1\r\n");
    assert_begins(ask("127.0.0.1", "?c=2"), "GET /?c=2 HTTP/1.1\r\n");
    assert_begins(ask("127.0.0.1", ""), "GET / HTTP/1.1\r\n");
    assert_begins(ask("localhost", "/four"), "GET /four HTTP/1.1\r\nHost: localhost:");
    assert_begins(ask("127.0.0.1", "/five"), "GET /five HTTP/1.1\r\nHost: 127.0.0.1:");
}

static void sends_head(void **state) {
    SERVE({.answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"}, {.answer = OK});
    assert_ok(call("HEAD", NULL), 200, "");
    assert_memory_equal(raw_server_last(f.server), "HEAD ", 5);
    assert_ok(call("GET", NULL), 200, "ok");
    assert_true(f.answer.reused);
    assert_trouble(call("HEAD", "body"), BI_TROUBLE_OPTION, false);
}

static void keeps_the_connection(void **state) {
    SERVE({.answer = OK});
    for (int i = 0; i < 20; i++) {
        assert_ok(call(i % 2 ? "POST" : "GET", i % 2 ? "x" : NULL), 200, "ok");
        assert_int_equal(f.answer.reused, i > 0);
    }
    assert_int_equal(raw_server_connections(f.server), 1);
}

/* --- Never twice ------------------------------------------------------------------------------ */

/* The server reads the second request of a kept connection and closes. libcurl would send it
 * again by itself. */
static void sends_writes_once(void **state) {
    for (int reset = 0; reset < 2; reset++) {
        SERVE({.answer = OK}, {.end = reset ? RAW_RESET : RAW_CLOSE});
        assert_ok(call("GET", NULL), 200, "ok");
        make("POST", "{\"a\":1}")->once = true;
        assert_trouble(run(), BI_TROUBLE_LOST, true);
        assert_int_equal(raw_server_requests(f.server), 2);
    }
}

static void sends_writes_without_a_body_once(void **state) {
    static const char *const bodies[] = {NULL, ""};
    for (size_t i = 0; i < 2; i++) {
        SERVE({.answer = OK}, {.end = RAW_CLOSE});
        assert_ok(call("GET", NULL), 200, "ok");
        make("DELETE", bodies[i])->once = true;
        assert_ok(run(), 200, "ok"); /* on a connection of its own */
        assert_false(f.answer.reused);
        assert_int_equal(raw_server_requests(f.server), 2);
    }
    SERVE({.end = RAW_CLOSE});
    make("DELETE", NULL)->once = true;
    assert_trouble(run(), BI_TROUBLE_LOST, true);
    assert_int_equal(raw_server_requests(f.server), 1);
}

/* Reads are repeated by the core, which counts; not by libcurl. */
static void sends_reads_once(void **state) {
    SERVE({.answer = OK}, {.end = RAW_CLOSE});
    assert_ok(call("GET", NULL), 200, "ok");
    assert_trouble(call("GET", NULL), BI_TROUBLE_LOST, true);
    assert_true(f.answer.reused);
    assert_int_equal(raw_server_requests(f.server), 2);
    assert_ok(call("GET", NULL), 200, "ok");
    SERVE({.answer = OK}, {.end = RAW_CLOSE});
    assert_ok(call("GET", NULL), 200, "ok");
    assert_trouble(call("PUT", "x"), BI_TROUBLE_LOST, true);
    assert_int_equal(raw_server_requests(f.server), 2);
}

/* The repetition that libcurl wants must not even connect: that could take until the connect
 * timeout. */
static void does_not_connect_to_repeat(void **state) {
    SERVE({.answer = OK}, {.end = RAW_CLOSE});
    assert_ok(call("GET", NULL), 200, "ok");
    assert_trouble(call("GET", NULL), BI_TROUBLE_LOST, true);
    rest(20);
    assert_int_equal(raw_server_connections(f.server), 1);
}

/* --- What is not reached ---------------------------------------------------------------------- */

static int closed_port(void) {
    raw_server *server = raw_server_start(&(raw_step){.answer = OK}, 1);
    int port = raw_server_port(server);
    raw_server_stop(server);
    return port;
}

static void says_not_sent_when_refused(void **state) {
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", closed_port());
    make_to("POST", url, "x")->once = true;
    assert_trouble(run(), BI_TROUBLE_CONNECT, false);
    assert_int_equal(f.answer.status, 0);
}

static void says_not_sent_without_an_address(void **state) {
    make_to("GET", "http://no-such-host.invalid/", NULL);
    assert_trouble(run(), BI_TROUBLE_RESOLVE, false);
}

static void says_not_sent_without_tls(void **state) {
    char url[64];
    SERVE({.answer = "HTTP/1.1 400 Bad Request\r\n\r\n", .any = true, .end = RAW_CLOSE});
    snprintf(url, sizeof url, "https://127.0.0.1:%d/", raw_server_port(f.server));
    make_to("POST", url, "x")->once = true;
    assert_trouble(run(), BI_TROUBLE_TLS, false);
    SERVE({.any = true, .end = RAW_RESET});
    snprintf(url, sizeof url, "https://127.0.0.1:%d/", raw_server_port(f.server));
    make_to("GET", url, NULL);
    assert_trouble(run(), BI_TROUBLE_TLS, false);
}

/* A listener whose queue is full: the next connection hangs. Fills `fds`, the listener first. */
static int stuck_listener(int fds[8]) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    fds[0] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fds[0], (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(fds[0], 0), 0);
    assert_int_equal(getsockname(fds[0], (struct sockaddr *)&address, &size), 0);
    for (int i = 1; i < 8; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(fds[i], (struct sockaddr *)&address, size);
    }
    rest(20);
    return ntohs(address.sin_port);
}

static void says_not_sent_when_connecting_hangs(void **state) {
    int fds[8];
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", stuck_listener(fds));
    make_to("POST", url, "x")->connect_timeout = 100;
    int64_t start = bi_clock_read().mono;
    assert_trouble(run(), BI_TROUBLE_CONNECT, false);
    assert_in_range(bi_clock_read().mono - start, 90, 1000);
    f.request.connect_timeout = 5000;
    bi_transfer *transfer = bi_transfer_start(f.pool, &f.request, NULL);
    bi_engine_wait(f.engine, 20);
    assert_false(bi_transfer_is_finished(transfer));
    bi_transfer_abandon(transfer, &f.answer);
    assert_false(f.answer.sent);
    assert_int_equal(f.answer.trouble, BI_TROUBLE_CANCELLED);
    assert_true(bi_transfer_is_finished(transfer));
    bi_transfer_free(transfer);
    for (int i = 0; i < 8; i++)
        close(fds[i]);
}

/* --- Options ---------------------------------------------------------------------------------- */

static void names_files_it_cannot_use(void **state) {
    char url[64];
    SERVE({.answer = "x", .any = true, .end = RAW_CLOSE});
    snprintf(url, sizeof url, "https://127.0.0.1:%d/", raw_server_port(f.server));
    bi_pool_release(f.pool);
    open_pool((bi_network){.max_connections = 8, .ca_file = "/nowhere/ca.pem"});
    make_to("GET", url, NULL);
    assert_trouble(run(), BI_TROUBLE_OPTION, false);
    assert_non_null(strstr(f.answer.detail, "/nowhere/ca.pem"));
    bi_pool_release(f.pool);
    open_pool((bi_network){.max_connections = 8, .cert_file = "/nowhere/c.pem"});
    assert_trouble(run(), BI_TROUBLE_OPTION, false);
    assert_non_null(strstr(f.answer.detail, "/nowhere/c.pem"));
}

static void refuses_broken_proxies(void **state) {
    static const char *const proxies[] = {"ftp://user:hunter2@x:1", "http://user:hunter2@[::1"};
    SERVE({.answer = OK});
    for (size_t i = 0; i < 2; i++) {
        bi_pool_release(f.pool);
        open_pool((bi_network){.max_connections = 8, .proxy = proxies[i]});
        assert_trouble(call("GET", NULL), BI_TROUBLE_OPTION, false);
        assert_non_null(strstr(f.answer.detail, "proxy"));
        assert_null(strstr(f.answer.detail, "hunter2"));
    }
}

static void uses_a_given_proxy_for_loopback(void **state) {
    char proxy[64];
    SERVE({.answer = OK});
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", raw_server_port(f.server));
    bi_pool_release(f.pool);
    open_pool((bi_network){.max_connections = 8, .proxy = proxy});
    setenv("no_proxy", "*", 1);
    assert_ok((make_to("GET", "http://127.0.0.1:1/behind", NULL), run()), 200, "ok");
    assert_begins(raw_server_last(f.server), "GET http://127.0.0.1:1/behind HTTP/1.1\r\n");
    assert_ok((make_to("GET", "http://127.0.0.1:1/next?a=1", NULL), run()), 200, "ok");
    assert_begins(raw_server_last(f.server), "GET http://127.0.0.1:1/next?a=1 HTTP/1.1\r\n");
    unsetenv("no_proxy");
}

static void never_uses_the_environments_proxy_for_loopback(void **state) {
    char proxy[64];
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", closed_port());
    SERVE({.answer = OK});
    setenv("http_proxy", proxy, 1);
    make("GET", NULL);
    assert_ok(run(), 200, "ok");
    make_to("GET", "http://elsewhere.invalid/", NULL);
    assert_trouble(run(), BI_TROUBLE_CONNECT, false); /* the proxy was asked, not the resolver */
    unsetenv("http_proxy");
}

static void tells_when_a_proxy_refuses(void **state) {
    char proxy[64];
    SERVE({.answer = "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
           .end = RAW_CLOSE});
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", raw_server_port(f.server));
    bi_pool_release(f.pool);
    open_pool((bi_network){.max_connections = 8, .proxy = proxy});
    make_to("POST", "https://elsewhere.invalid/", "x")->once = true;
    assert_trouble(run(), BI_TROUBLE_PROXY, false);
    assert_int_equal(f.answer.fields.length, 0);
    assert_int_equal(f.answer.status, 0);
    bi_pool_release(f.pool);
    open_pool((bi_network){.max_connections = 8, .proxy = "http://no-such-host.invalid:3128"});
    assert_trouble(run(), BI_TROUBLE_PROXY, false);
}

int main(void) {
    begin();
    const struct CMUnitTest tests[] = {
        TEST(sends_get),
        TEST(sends_bodies_with_any_method),
        TEST(sends_an_empty_body),
        TEST(sends_a_large_body),
        TEST(forgets_the_request_before),
        TEST(keeps_the_origin_alone),
        TEST(sends_head),
        TEST(keeps_the_connection),
        TEST(sends_writes_once),
        TEST(sends_writes_without_a_body_once),
        TEST(sends_reads_once),
        TEST(does_not_connect_to_repeat),
        TEST(says_not_sent_when_refused),
        TEST(says_not_sent_without_an_address),
        TEST(says_not_sent_without_tls),
        TEST(says_not_sent_when_connecting_hangs),
        TEST(names_files_it_cannot_use),
        TEST(refuses_broken_proxies),
        TEST(uses_a_given_proxy_for_loopback),
        TEST(never_uses_the_environments_proxy_for_loopback),
        TEST(tells_when_a_proxy_refuses),
    };
    return cmocka_run_group_tests_name("transport, requests", tests, NULL, NULL);
}
