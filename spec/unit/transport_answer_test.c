/* The engine against servers that misbehave in every way: what arrives of an answer, and what it is called when it
 * breaks off or is none. */
#include "transport_fixture.h"

#include <stdio.h>
#include <string.h>

/* --- What arrives ----------------------------------------------------------------------------- */

static void gives_late_answers(void **state) {
    SERVE({.answer = OK, .delay = 20});
    make("POST", "refresh_token=r")->once = true;
    bi_transfer *transfer = bi_transfer_start(f.pool, &f.request, NULL);
    rest(300); /* busy elsewhere; meanwhile connection and answer come and every deadline passes */
    for (int i = 0; i < 3 && !bi_transfer_is_finished(transfer); i++) {
        bi_engine_step(f.engine);
        rest(100);
    }
    assert_true(bi_transfer_is_finished(transfer));
    bi_transfer_take_answer(transfer, &f.answer);
    assert_ok(&f.answer, 200, "ok");
    bi_transfer_free(transfer);
}

/* On a kept connection one step is enough, whatever the size. */
static void drains_in_one_step(void **state) {
    static char large[60100];
    int head = snprintf(large, sizeof large, "HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n");
    memset(large + head, 'x', 60000);
    SERVE({.answer = OK}, {.answer = large, .length = (size_t)head + 60000, .delay = 10});
    assert_ok(call("GET", NULL), 200, "ok");
    make("GET", NULL);
    bi_transfer *transfer = bi_transfer_start(f.pool, &f.request, NULL);
    rest(200);
    assert_true(is_readable(0));
    assert_int_equal(bi_engine_step(f.engine), 1);
    assert_true(bi_transfer_is_finished(transfer));
    bi_transfer_take_answer(transfer, &f.answer);
    assert_int_equal(f.answer.body.length, 60000);
    bi_transfer_free(transfer);
    assert_int_equal(bi_engine_step(f.engine), 0);
}

static void skips_interim_heads(void **state) {
    SERVE(
        {.answer =
             "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
             "HTTP/1.1 404 Not Found\r\nX-A: 1\r\nX-Fold: a\r\n  b\r\nContent-Length: 1\r\n\r\nx"});
    assert_ok(call("GET", NULL), 404, "x");
    assert_string_equal(bi_bytes_text(&f.answer.fields),
                        "X-A: 1\r\nX-Fold: a b\r\nContent-Length: 1\r\n");
}

static void ignores_trailers(void **state) {
    SERVE({.answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                     "2\r\nab\r\n1\r\nc\r\n0\r\nX-Trailer: t\r\n\r\n"});
    assert_ok(call("GET", NULL), 200, "abc");
    assert_string_equal(bi_bytes_text(&f.answer.fields), "Transfer-Encoding: chunked\r\n");
}

static void takes_answers_without_a_body(void **state) {
    SERVE({.answer = "HTTP/1.1 204 No Content\r\n\r\n"},
          {.answer = "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 9\r\n\r\n"},
          {.answer = OK});
    assert_ok(call("GET", NULL), 204, "");
    assert_ok(call("GET", NULL), 304, "");
    assert_ok(call("GET", NULL), 200, "ok");
    assert_true(f.answer.reused);
}

/* A second answer behind the first belongs to nobody, and must not be taken for the next
 * request's. */
static void drops_a_second_answer(void **state) {
    SERVE({.answer = OK "HTTP/1.1 500 Not Yours\r\nContent-Length: 0\r\n\r\n"});
    assert_ok(call("GET", NULL), 200, "ok");
    assert_ok(call("GET", NULL), 200, "ok");
    assert_false(f.answer.reused);
}

static void follows_no_redirect(void **state) {
    SERVE({.answer = "HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n"});
    assert_ok(call("GET", NULL), 302, "");
    assert_int_equal(raw_server_requests(f.server), 1);
}

static void reads_until_the_end(void **state) {
    SERVE({.answer = "HTTP/1.0 200 OK\r\n\r\nall of it", .end = RAW_CLOSE});
    assert_ok(call("GET", NULL), 200, "all of it");
    assert_int_equal(f.answer.http_version, 10);
}

#define GZIP_SMALL                                                                                 \
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xab\x56\xca\x4b\xcc\x4d\x55\xb2\x52\x4a\xaf\xca\x2c" \
    "\x50\xaa\x05\x00\x93\xb0\x7f\x15\x0f\x00\x00\x00"
#define GZIP_BOMB                                                                                  \
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xed\xc1\x31\x01\x00\x00\x00\xc2\xa0\xac\xeb\x5f\xc2" \
    "\x14\x7e\x40\x01\x00\x00\x00\x00\x6f\x03\x76\x59\xf4\x4c\x88\x13\x00\x00"

static const char gzip_small[] =
    "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 35\r\n\r\n" GZIP_SMALL;
static const char gzip_bomb[] =
    "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 41\r\n\r\n" GZIP_BOMB;

static void decodes_gzip(void **state) {
    SERVE({.answer = gzip_small, .length = sizeof gzip_small - 1});
    assert_ok(call("GET", NULL), 200, "{\"name\":\"gzip\"}");
}

static void limits_the_decoded_body(void **state) {
    SERVE({.answer = gzip_bomb, .length = sizeof gzip_bomb - 1});
    make("GET", NULL)->max_body = 4999;
    assert_trouble(run(), BI_TROUBLE_TOO_LARGE, true);
    assert_int_equal(f.answer.status, 200);
    assert_int_equal(f.answer.body.length, 4999);
    make("GET", NULL)->max_body = 5000;
    assert_int_equal(run()->trouble, BI_TROUBLE_NONE);
    assert_int_equal(f.answer.body.length, 5000);
}

static void serve_large_head(size_t lines, size_t width) {
    static char head[600000];
    size_t n = (size_t)sprintf(head, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n");
    for (size_t i = 0; i < lines; i++)
        n += (size_t)sprintf(head + n, "X-Field: %0*d\r\n", (int)width, 0);
    n += (size_t)sprintf(head + n, "\r\n");
    SERVE({.answer = head, .length = n});
}

static void limits_the_head(void **state) {
    serve_large_head(200, 1000);
    assert_ok(call("GET", NULL), 200, "");
    assert_true(f.answer.fields.length > 200000);
    serve_large_head(290, 1000);
    assert_trouble(call("GET", NULL), BI_TROUBLE_TOO_LARGE, true);
    assert_int_equal(f.answer.status, 0);
    serve_large_head(1, 400000); /* one line beyond what libcurl itself can hold */
    assert_trouble(call("GET", NULL), BI_TROUBLE_TOO_LARGE, true);
}

/* --- What breaks off -------------------------------------------------------------------------- */

/* An answer that ends after n bytes, for each n: never a hang, never half an answer taken for a
 * whole one. */
static void cut_everywhere(const char *answer, size_t length, raw_end how, const char *body) {
    bool chunked = memmem(answer, length, "chunked", 7) != NULL;
    const char *head_end = memmem(answer, length, "\r\n\r\n", 4);
    size_t head = (size_t)(head_end - answer) + 4;
    for (size_t n = 0; n <= length; n++) {
        SERVE({.answer = answer, .length = n, .end = how, .end_delay = how == RAW_RESET ? 2 : 0});
        if (n == 0)
            SERVE({.end = how});
        call("GET", NULL);
        /* libcurl does not miss the last line feed behind the last chunk, and it is right */
        if (n == length || (chunked && n == length - 1)) {
            assert_ok(&f.answer, 200, body);
            continue;
        }
        assert_true(f.answer.sent);
        assert_int_equal(f.answer.status, n < head ? 0 : 200);
        if (n >= head)
            assert_trouble(&f.answer, BI_TROUBLE_TRUNCATED, true);
        else if (f.answer.trouble != BI_TROUBLE_PROTOCOL || n >= 8) /* "HTT" alone is not HTTP */
            assert_trouble(&f.answer, BI_TROUBLE_LOST, true);
        assert_memory_equal(bi_bytes_text(&f.answer.body), body, f.answer.body.length);
        assert_int_equal(raw_server_requests(f.server), 1);
    }
}

static void survives_closing_at_each_byte(void **state) {
    cut_everywhere(OK, strlen(OK), RAW_CLOSE, "ok");
}

static void survives_a_reset_at_each_byte(void **state) {
    cut_everywhere(OK, strlen(OK), RAW_RESET, "ok");
}

static void survives_closing_at_each_byte_of_chunks(void **state) {
    static const char answer[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                 "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    cut_everywhere(answer, sizeof answer - 1, RAW_CLOSE, "abcde");
}

static void survives_closing_at_each_byte_of_gzip(void **state) {
    cut_everywhere(gzip_small, sizeof gzip_small - 1, RAW_CLOSE, "{\"name\":\"gzip\"}");
}

static void keeps_what_arrived(void **state) {
    SERVE({.answer =
               "HTTP/1.1 502 Bad Gateway\r\nX-Request-Id: r1\r\nContent-Length: 100\r\n\r\n<html>",
           .end = RAW_CLOSE});
    assert_trouble(call("GET", NULL), BI_TROUBLE_TRUNCATED, true);
    assert_int_equal(f.answer.status, 502);
    assert_string_equal(bi_bytes_text(&f.answer.body), "<html>");
    assert_non_null(strstr(bi_bytes_text(&f.answer.fields), "X-Request-Id: r1\r\n"));
}

/* A known limit, written down: when the frame is whole but the coding within it is not, libcurl
 * (7.88, 8.x) says nothing and gives what it could decode. The JSON reader above notices. This
 * test tells when libcurl learns it. */
static void takes_a_short_gzip_for_whole(void **state) {
    static char answer[200]; /* the server may still look at it when the test is over */
    int n = snprintf(answer, sizeof answer,
                     "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 20\r\n\r\n");
    memcpy(answer + n, GZIP_SMALL, 20);
    SERVE({.answer = answer, .length = (size_t)n + 20});
    assert_ok(call("GET", NULL), 200, "{\"name\":\"");
}

/* --- What is not HTTP ------------------------------------------------------------------------- */

static void refuses_what_is_not_http(void **state) {
    SERVE({.answer = "SSH-2.0-OpenSSH_9.2\r\n", .end = RAW_CLOSE});
    assert_trouble(call("GET", NULL), BI_TROUBLE_PROTOCOL, true);
    assert_int_equal(f.answer.status, 0);
    SERVE({.answer = "<html>hello there, this is a page without a head</html>", .end = RAW_CLOSE});
    assert_trouble(call("GET", NULL), BI_TROUBLE_PROTOCOL, true);
}

static void refuses_broken_codings(void **state) {
    SERVE({.answer = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 20\r\n\r\n"
                     "this is not gzip at "});
    assert_trouble(call("GET", NULL), BI_TROUBLE_PROTOCOL, true);
    SERVE({.answer = "HTTP/1.1 200 OK\r\nContent-Encoding: rot13\r\nContent-Length: 2\r\n\r\nbx"});
    assert_trouble(call("GET", NULL), BI_TROUBLE_PROTOCOL, true);
    SERVE(
        {.answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n"});
    assert_trouble(call("GET", NULL), BI_TROUBLE_PROTOCOL, true);
    assert_int_equal(f.answer.status, 200);
}

int main(void) {
    begin();
    const struct CMUnitTest tests[] = {
        TEST(gives_late_answers),
        TEST(drains_in_one_step),
        TEST(skips_interim_heads),
        TEST(ignores_trailers),
        TEST(takes_answers_without_a_body),
        TEST(drops_a_second_answer),
        TEST(follows_no_redirect),
        TEST(reads_until_the_end),
        TEST(decodes_gzip),
        TEST(limits_the_decoded_body),
        TEST(limits_the_head),
        TEST(survives_closing_at_each_byte),
        TEST(survives_a_reset_at_each_byte),
        TEST(survives_closing_at_each_byte_of_chunks),
        TEST(survives_closing_at_each_byte_of_gzip),
        TEST(takes_a_short_gzip_for_whole),
        TEST(keeps_what_arrived),
        TEST(refuses_what_is_not_http),
        TEST(refuses_broken_codings),
    };
    return cmocka_run_group_tests_name("transport, answers", tests, NULL, NULL);
}
