/* src/core/judge.c: what a failure says to a person: which sentence, what is kept of the answer, and how much of it. The
 * tables of codes by trouble and status stand in exchange_test.c. */
#include "fake.h"

static void judge(fake *f, bi_exchange *x, const fake_answer *answer) {
    fake_init(f);
    bi_exchange_init(x);
    x->config = f->config;
    x->account = f->account;
    x->shown_path = "/v1/x";
    x->wants_json = true;
    x->attempts = 3;
    memcpy(x->request.method, "GET", 4);
    fake_answer_with(f, x, answer);
    bi_judge(x, f->input.now);
}

static void finish(fake *f, bi_exchange *x) {
    bi_exchange_clear(x);
    fake_end(f);
}

static void test_messages_say_what_and_what_to_do(void **state) {
    static const struct {
        fake_answer answer;
        const char *says;
    } rows[] = {
        {{.status = 403, .body = "{\"error\":\"missing_scope\",\"required\":\"a:b\"}"}, " a:b; "},
        {{.status = 403, .body = "{\"error\":\"odd\",\"message\":\"line one\\nline two\"}"},
         ": line one line two"},
        {{.status = 400, .body = "{\"error\":\"Not a code\"}"}, "400"},
        {{.status = 502, .body = "<p>Bad"}, "it begins: <p>Bad"},
        {{.status = 502}, "its body is empty"},
        {{.status = 502, .fields = "Content-Type: text/html\r\n", .body = "x"}, "a web page"},
        {{.status = 302, .fields = "Location: https://login.example.com/\r\n"},
         "https://login.example.com/"},
        {{.trouble = BI_TROUBLE_TLS, .detail = "certificate has expired"},
         ": certificate has expired; check this machine's clock"},
        {{.trouble = BI_TROUBLE_TLS, .detail = "server certificate expiration date has passed."},
         "; check this machine's clock"},
        {{.trouble = BI_TROUBLE_TLS, .detail = "sslv3 alert certificate expired"},
         "; give a client certificate"},
        {{.trouble = BI_TROUBLE_TLS, .detail = "what nobody has met"}, "; check the host options"},
        {{.status = 400, .body = "<h1>No required SSL certificate was sent"}, "in cert_file"},
        {{.status = 400, .body = "<h1>Bad Request"}, "; check the path and the host options"},
        {{.trouble = BI_TROUBLE_TRUNCATED, .body = "{\"ha"}, "{\"ha"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        fake f;
        bi_exchange x;
        judge(&f, &x, &rows[i].answer);
        if (!strstr(bi_bytes_text(&x.failure.message), rows[i].says))
            fail_msg("row %zu: %s", i, bi_bytes_text(&x.failure.message));
        finish(&f, &x);
    }
}

static void test_what_is_kept_of_an_answer(void **state) {
    static const fake_answer answer = {.status = 400,
                                       .fields = "X-Request-Id: req_7\r\nX-Other: y\r\n",
                                       .body = "{\"error\":\"odd\"}"};
    fake f;
    bi_exchange x;
    judge(&f, &x, &answer);
    assert_string_equal(x.failure.request_id, "req_7");
    assert_string_equal(x.failure.grant_id, "grt_1");
    assert_string_equal(x.failure.method, "GET");
    assert_string_equal(x.failure.path.data, "/v1/x");
    assert_string_equal(x.failure.body.data, "{\"error\":\"odd\"}");
    assert_string_equal(x.failure.fields.data, "X-Request-Id: req_7\r\nX-Other: y\r\n");
    assert_int_equal(x.failure.attempts, 3);
    assert_int_equal(x.failure.status, 400);
    assert_int_equal(x.failure.retry_after, -1);
    bi_reject(&x, "it holds no items");
    assert_string_equal(x.failure.code, "invalid_response");
    assert_non_null(strstr(x.failure.message.data, "it holds no items"));
    finish(&f, &x);
}

/* 2xx says that it was accepted: who repeats a write because its answer is no JSON does it twice. */
static void test_an_unusable_answer_to_a_write_says_that_it_was_done(void **state) {
    static const struct {
        const char *method;
        bi_safety safety;
        const char *code, *says;
    } rows[] = {
        {"POST", BI_SAFETY_WRITE, "outcome_unknown",
         "the service answered 201, so it was most likely done, but the answer cannot be used (it is "
         "not JSON); look before sending it again"},
        {"DELETE", BI_SAFETY_READ, "outcome_unknown", "most likely done"},
        {"POST", BI_SAFETY_NEVER, "invalid_response", "the code may be spent"},
        {"POST", BI_SAFETY_READ, "invalid_response", "the answer cannot be used"}, /* a mint */
        {"GET", BI_SAFETY_READ, "invalid_response", "the answer cannot be used"},
    };
    static const fake_answer answer = {.status = 201, .body = "OK rt_secret_1"};
    for (size_t i = 0; i < COUNT(rows); i++) {
        fake f;
        bi_exchange x;
        judge(&f, &x, &answer);
        memcpy(x.request.method, rows[i].method, strlen(rows[i].method) + 1);
        x.safety = rows[i].safety;
        bi_reject(&x, "it is not JSON");
        assert_string_equal(x.failure.code, rows[i].code);
        assert_non_null(strstr(x.failure.message.data, rows[i].says));
        assert_int_equal(x.failure.status, 201);
        assert_false(x.failure.retryable);
        bool doubtful = strcmp(rows[i].code, "outcome_unknown") == 0;
        assert_int_equal(doubtful, x.failure.cause != NULL);
        assert_int_equal(doubtful, strstr(x.failure.message.data, "most likely done") != NULL);
        if (doubtful)
            assert_string_equal(x.failure.cause->code, "invalid_response");
        fake_assert_clean(&x.failure);
        finish(&f, &x);
    }
}

static void test_a_large_body_is_cut_and_a_secret_at_the_cut_is_not_halved(void **state) {
    char *body = calloc(1, 100000);
    memset(body, 'x', 99999);
    memcpy(body + BI_FAILURE_BODY_MAX - 9, " rt_secret_1 ", 13);
    memcpy(body + 65536 - 6, " rt_secret_1 ", 13);
    fake_answer answer = {.status = 500, .body = body};
    fake f;
    bi_exchange x;
    judge(&f, &x, &answer);
    assert_int_equal(x.failure.body.length, BI_FAILURE_BODY_MAX);
    assert_int_equal(strlen(x.failure.body.data), BI_FAILURE_BODY_MAX);
    assert_null(strstr(x.failure.body.data, "rt_s"));
    fake_assert_clean(&x.failure);
    finish(&f, &x);
    free(body);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_say_what_and_what_to_do),
        cmocka_unit_test(test_what_is_kept_of_an_answer),
        cmocka_unit_test(test_an_unusable_answer_to_a_write_says_that_it_was_done),
        cmocka_unit_test(test_a_large_body_is_cut_and_a_secret_at_the_cut_is_not_halved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
