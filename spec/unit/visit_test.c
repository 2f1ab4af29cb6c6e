/* src/core/visit.c: which bytes are a callback, a request for something else, half a request or none; and the page. */
#include "fake.h"

#include "core/memory.h"
#include "core/visit.h"

#define REST "\r\nHost: 127.0.0.1:1\r\n\r\n"

static bi_visit read(const char *head) {
    return bi_visit_read(head, strlen(head), "/callback");
}

static void check_query(const char *head, const char *query) {
    bi_visit visit = read(head);
    assert_int_equal(visit.status, 200);
    assert_int_equal(visit.query.length, strlen(query));
    assert_memory_equal(visit.query.text, query, visit.query.length);
}

static void test_a_get_of_the_path(void **state) {
    check_query("GET /callback?code=1&state=2 HTTP/1.1" REST, "code=1&state=2");
    check_query("GET /callback?error_description=raw spaces here HTTP/1.1" REST,
                "error_description=raw spaces here");
    check_query("GET /callback?a?b HTTP/1.0\n\n", "a?b");
    check_query("GET /callback? HTTP/1.1" REST, "");
    check_query("GET /callback HTTP/1.1" REST, "");
}

static void test_every_other_request_is_named(void **state) {
    static const struct {
        const char *head;
        unsigned status;
    } rows[] = {
        {"GET /favicon.ico HTTP/1.1" REST, 404},
        {"GET / HTTP/1.1" REST, 404},
        {"GET /callback/ HTTP/1.1" REST, 404},
        {"GET /callbac HTTP/1.1" REST, 404},
        {"GET /%63allback?code=1 HTTP/1.1" REST, 404},
        {"POST /other HTTP/1.1" REST, 404},
        {"POST /callback?code=1 HTTP/1.1" REST, 405},
        {"HEAD /callback?code=1 HTTP/1.1" REST, 405},
        {"get /callback HTTP/1.1" REST, 405},
        {"GET /callback" REST, 400},
        {"GET /callback HTTP/2.0" REST, 400},
        {"GET /callback HTTP/1.x" REST, 400},
        {"GET http://127.0.0.1/callback HTTP/1.1" REST, 400},
        {"GET  HTTP/1.1" REST, 400},
        {" /callback HTTP/1.1" REST, 400},
        {"G@T /callback HTTP/1.1" REST, 400},
        {"GET /call\tback HTTP/1.1" REST, 400},
        {"PRI * HTTP/2.0\r\n\r\n", 400},
        {"\r\nGET /callback HTTP/1.1" REST, 400},
        {"\x16\x03\x01", 400},
        {"hello\n", 400},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        if (read(rows[i].head).status != rows[i].status)
            fail_msg("%s: %u", rows[i].head, read(rows[i].head).status);
    assert_true(read("HEAD /callback HTTP/1.1" REST).bodiless);
    assert_true(read("HEAD /x HTTP/1.1" REST).bodiless);
    assert_false(read("GET /x HTTP/1.1" REST).bodiless);
    assert_int_equal(bi_visit_read("GET /\0 HTTP/1.1\r\n\r\n", 20, "/callback").status, 400);
}

static void test_half_a_request_is_waited_for(void **state) {
    static const char whole[] = "GET /callback?code=1 HTTP/1.1\r\nHost: x\r\n\r\n";
    for (size_t length = 0; length < sizeof whole - 1; length++)
        assert_int_equal(bi_visit_read(whole, length, "/callback").status, 0);
    assert_int_equal(bi_visit_read(whole, sizeof whole - 1, "/callback").status, 200);
}

static void test_a_head_without_an_end_is_too_large(void **state) {
    static const char starts[][32] = {"GET /callback?code=", "GET /callback HTTP/1.1\r\nX: "};
    char *head = malloc(BI_VISIT_MOST + 1);
    for (size_t i = 0; i < COUNT(starts); i++) {
        memset(head, 'a', BI_VISIT_MOST + 1);
        memcpy(head, starts[i], strlen(starts[i]));
        assert_int_equal(bi_visit_read(head, BI_VISIT_MOST, "/callback").status, 0);
        assert_int_equal(bi_visit_read(head, BI_VISIT_MOST + 1, "/callback").status, 413);
    }
    free(head);
}

static void test_the_page_is_escaped_and_kept_nowhere(void **state) {
    bi_bytes out = {0};
    bi_visit visit = {.status = 400};
    assert_true(bi_visit_answer(&out, &visit, "Not <connected>", "a & b \"c\" 'd' </p><script>"));
    const char *text = bi_bytes_text(&out);
    assert_int_equal(strncmp(text, "HTTP/1.1 400 Bad Request\r\n", 26), 0);
    assert_non_null(strstr(text, "\r\nConnection: close\r\n"));
    assert_non_null(strstr(text, "\r\nCache-Control: no-store\r\n"));
    assert_non_null(strstr(text, "\r\nReferrer-Policy: no-referrer\r\n"));
    assert_non_null(strstr(text, "<h1>Not &lt;connected&gt;</h1>"));
    assert_non_null(
        strstr(text, "<p>a &amp; b &quot;c&quot; &#39;d&#39; &lt;/p&gt;&lt;script&gt;</p>"));
    const char *body = strstr(text, "\r\n\r\n") + 4;
    char promised[64];
    snprintf(promised, sizeof promised, "\r\nContent-Length: %zu\r\n", strlen(body));
    assert_non_null(strstr(text, promised));
    bi_bytes_clear(&out);
}

static void test_405_says_what_is_allowed_and_head_has_no_body(void **state) {
    bi_bytes out = {0};
    bi_visit visit = {.status = 405, .bodiless = true};
    assert_true(bi_visit_answer_html(&out, &visit, "<p>", 3));
    assert_non_null(strstr(bi_bytes_text(&out), "\r\nAllow: GET\r\n"));
    assert_non_null(strstr(bi_bytes_text(&out), "\r\nContent-Length: 3\r\n"));
    assert_string_equal(strstr(bi_bytes_text(&out), "\r\n\r\n"), "\r\n\r\n");
    bi_bytes_clear(&out);
}

static void test_paths(void **state) {
    static const char *const good[] = {"/", "/callback", "/a/b/", "/a%20b"};
    static const char *const bad[] = {"",     "callback", "//x",   "/a b",
                                      "/a#b", "/a?b",     "/../a", "/a\n"};
    for (size_t i = 0; i < COUNT(good); i++)
        assert_null(bi_visit_check_path(good[i], strlen(good[i])));
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_non_null(bi_visit_check_path(bad[i], strlen(bad[i])));
}

static void test_no_memory_is_said_so(void **state) {
    bi_visit visit = {.status = 200};
    for (unsigned long n = 1; n < 20; n++) {
        long live = bi_memory_live();
        bi_bytes out = {0};
        bi_memory_fail_at(n);
        bool done = bi_visit_answer(&out, &visit, "Connected", "You can close this page.");
        bi_memory_fail_at(0);
        assert_true(done || out.length == 0 || out.failed);
        assert_true(n > 1 || !done);
        bi_bytes_clear(&out);
        assert_int_equal(bi_memory_live() - live, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_get_of_the_path),
        cmocka_unit_test(test_every_other_request_is_named),
        cmocka_unit_test(test_half_a_request_is_waited_for),
        cmocka_unit_test(test_a_head_without_an_end_is_too_large),
        cmocka_unit_test(test_the_page_is_escaped_and_kept_nowhere),
        cmocka_unit_test(test_405_says_what_is_allowed_and_head_has_no_body),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_no_memory_is_said_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
