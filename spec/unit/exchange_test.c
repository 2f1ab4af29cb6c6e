/* src/core/exchange.c with judge.c: what each trouble and each status means for each kind of request, told as tables,
 * and when the same request is sent again. */
#include "fake.h"

typedef struct verdict {
    const char *code;
    bool retryable, repeated;
} verdict;

static const char *const class_names[] = {"READ", "WRITE", "REFRESH", "NEVER"};

static void begin(fake *f, bi_exchange *x, bi_safety safety) {
    bi_exchange_init(x);
    x->config = f->config;
    x->account = f->account;
    x->shown_path = "/v1/x";
    x->safety = safety;
    x->wants_json = true;
    x->max_retries = 2;
    x->deadline = f->input.now.mono + 30000;
    memcpy(x->request.method, "POST", 5);
}

/* The answer comes to the first sending; is there a second one? */
static void judge(const fake_answer *answer, bi_safety safety, const verdict *expected,
                  const char *what) {
    fake f;
    bi_exchange x;
    fake_init(&f);
    begin(&f, &x, safety);
    assert_int_equal(bi_exchange_step(&x, &f.input), BI_NEED_SEND);
    fake_answer_with(&f, &x, answer);
    bi_need need = bi_exchange_step(&x, &f.input);
    bool repeated = need == BI_NEED_SLEEP;
    if (strcmp(x.failure.code, expected->code) != 0 || x.failure.retryable != expected->retryable ||
        repeated != expected->repeated)
        fail_msg("%s %s: %s, retryable %d, repeated %d", what, class_names[safety], x.failure.code,
                 x.failure.retryable, repeated);
    if (bi_failure_is_set(&x.failure)) {
        assert_string_equal(x.failure.path.data, "/v1/x");
        assert_string_equal(x.failure.method, "POST");
        assert_int_equal(x.failure.attempts, 1);
    }
    bi_exchange_clear(&x);
    fake_end(&f);
}

#define UNKNOWN                                                                                    \
    { "outcome_unknown", false, false }
#define REFRESH_UNKNOWN(again)                                                                     \
    { "refresh_outcome_unknown", true, again }
#define SAME(...)                                                                                  \
    {                                                                                              \
        {__VA_ARGS__}, {__VA_ARGS__}, {__VA_ARGS__}, {                                             \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

/* Columns: READ, WRITE, REFRESH, NEVER. */
static void test_what_each_trouble_means(void **state) {
    static const struct {
        const char *what;
        bi_trouble trouble;
        bool sent;
        verdict verdicts[4];
    } rows[] = {
#define REACHED(trouble_, code_)                                                                   \
    {#trouble_ " unsent",                                                                          \
     BI_TROUBLE_##trouble_,                                                                        \
     false,                                                                                        \
     {{code_, true, true}, {code_, true, true}, {code_, true, true}, {code_, true, false}}},       \
    {                                                                                              \
#trouble_ " sent", BI_TROUBLE_##trouble_, true, {                                          \
            {code_, true, true}, UNKNOWN, REFRESH_UNKNOWN(true), UNKNOWN                           \
        }                                                                                          \
    }
        REACHED(RESOLVE, "network"),
        REACHED(CONNECT, "network"),
        REACHED(LOST, "network"),
        REACHED(TIMEOUT, "timeout"),
        {"TRUNCATED",
         BI_TROUBLE_TRUNCATED,
         true,
         {{"invalid_response", false, true}, UNKNOWN, REFRESH_UNKNOWN(true), UNKNOWN}},
        {"PROTOCOL unsent", BI_TROUBLE_PROTOCOL, false, SAME("invalid_response", false, false)},
        {"PROTOCOL sent",
         BI_TROUBLE_PROTOCOL,
         true,
         {{"invalid_response", false, false}, UNKNOWN, REFRESH_UNKNOWN(false), UNKNOWN}},
#define FINAL(trouble_, code_)                                                                     \
    {#trouble_ " unsent", BI_TROUBLE_##trouble_, false, SAME(code_, false, false)},                \
        {#trouble_ " sent", BI_TROUBLE_##trouble_, true, SAME(code_, false, false)}
        FINAL(TOO_LARGE, "too_large"),
        FINAL(TLS, "tls"),
        FINAL(PROXY, "proxy"),
        FINAL(OPTION, "invalid_argument"),
        FINAL(CANCELLED, "cancelled"),
        FINAL(MEMORY, "memory"),
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int class = 0; class < 4; class ++) {
            fake_answer answer = {
                .trouble = rows[i].trouble, .unsent = !rows[i].sent, .detail = "why"};
            judge(&answer, (bi_safety) class, &rows[i].verdicts[class], rows[i].what);
        }
}

static void test_what_each_status_means(void **state) {
    static const struct {
        long status;
        const char *body;
        verdict verdicts[4];
    } rows[] = {
        {200, "{}", SAME("", false, false)},
        {204, "", SAME("", false, false)},
        {200,
         "<html>",
         {{"server_error", true, true}, UNKNOWN, {"server_error", true, true}, UNKNOWN}},
        {301, "", SAME("redirect", false, false)},
        {304, "", SAME("redirect", false, false)},
        {400, "", SAME("http_error", false, false)},
        {400, "<html>", SAME("http_error", false, false)},
        {400, "{\"message\":\"no\",\"code\":\"BAD\"}", SAME("http_error", false, false)},
        {400, "{\"error\":\"invalid_request\"}", SAME("invalid_request", false, false)},
        {400, "{\"error\":\"Not a code, a sentence\"}", SAME("http_error", false, false)},
        {401, "{\"error\":\"invalid_client\"}", SAME("invalid_client", false, false)},
        {403, "{\"error\":\"missing_scope\"}", SAME("missing_scope", false, false)},
        {403, "{\"error\":\"wrong_organization\"}", SAME("wrong_organization", false, false)},
        {404, "<html>", SAME("http_error", false, false)},
        {407, "", SAME("proxy", false, false)},
        {408,
         "",
         {{"http_error", false, true},
          {"http_error", false, false},
          {"http_error", false, false},
          {"http_error", false, false}}},
        {408,
         "{\"error\":\"slow\"}",
         {{"slow", false, true},
          {"slow", false, false},
          {"slow", false, false},
          {"slow", false, false}}},
        {410, "{\"error\":\"grant_revoked\"}", SAME("grant_revoked", false, false)},
        {410, "", SAME("http_error", false, false)},
#define LIMITED(code_)                                                                             \
    {{code_, true, true}, {code_, true, true}, {code_, true, true}, {code_, true, false}}
        {429, "", LIMITED("rate_limited")},
        {429, "Too many requests", LIMITED("rate_limited")},
        {429, "<html>", LIMITED("rate_limited")},
        {429, "{\"error\":\"rate_limited\"}", LIMITED("rate_limited")},
        {429, "{\"error\":\"too_many_requests\"}", LIMITED("too_many_requests")},
        {500,
         "{\"error\":\"internal\"}",
         {{"internal", false, true},
          {"internal", false, false},
          {"internal", false, true},
          {"internal", false, false}}},
#define BROKEN {{"server_error", true, true}, UNKNOWN, {"server_error", true, true}, UNKNOWN}
        {500, "", BROKEN},
        {502, "<html>", BROKEN},
        {503, "{\"message\":\"x\"}", BROKEN},
        {599, "{\"error\":", BROKEN},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int class = 0; class < 4; class ++) {
            fake_answer answer = {.status = rows[i].status, .body = rows[i].body};
            if (rows[i].body[0] == '<')
                answer.fields = "Content-Type: text/html; charset=utf-8\r\n";
            char what[80];
            snprintf(what, sizeof what, "%ld %s", rows[i].status, rows[i].body);
            judge(&answer, (bi_safety) class, &rows[i].verdicts[class], what);
        }
}

/* --- When it is sent again ----------------------------------------------------------------------------------- */

/* Steps and answers 503 (or what is given) to the end; the sleeps are noted. */
static size_t run(fake *f, bi_exchange *x, const fake_answer *answer, int64_t *sleeps) {
    size_t count = 0;
    bi_need need;
    while ((need = bi_exchange_step(x, &f->input)) != BI_NEED_DONE) {
        assert_true(count < 20);
        if (need == BI_NEED_SEND)
            fake_answer_with(f, x, answer);
        else {
            assert_int_equal(need, BI_NEED_SLEEP);
            sleeps[count++] = x->wake - f->input.now.mono;
            fake_pass(f, x->wake - f->input.now.mono);
        }
    }
    return count;
}

static void test_full_jitter_from_half_a_second_doubling_to_eight(void **state) {
    static const fake_answer answer = {.status = 503};
    static const int64_t most[] = {499, 999, 1998, 3996, 7992, 7992};
    for (int full = 0; full < 2; full++) {
        fake f;
        bi_exchange x;
        int64_t sleeps[20];
        fake_init(&f);
        begin(&f, &x, BI_SAFETY_READ);
        x.max_retries = 6;
        f.input.random = full ? 0.999 : 0;
        assert_int_equal(run(&f, &x, &answer, sleeps), 6);
        for (int i = 0; i < 6; i++)
            assert_int_equal(sleeps[i], full ? most[i] : 0);
        assert_int_equal(x.attempts, 7);
        assert_int_equal(x.failure.attempts, 7);
        bi_exchange_clear(&x);
        fake_end(&f);
    }
}

static void test_retries_are_counted(void **state) {
    static const fake_answer answer = {.status = 503};
    for (unsigned retries = 0; retries <= 2; retries++) {
        fake f;
        bi_exchange x;
        int64_t sleeps[20];
        fake_init(&f);
        begin(&f, &x, BI_SAFETY_READ);
        x.max_retries = retries;
        assert_int_equal(run(&f, &x, &answer, sleeps), retries);
        assert_int_equal(x.attempts, retries + 1);
        bi_exchange_clear(&x);
        fake_end(&f);
    }
}

static void test_retry_after_in_all_its_forms(void **state) {
    static const struct {
        const char *fields;
        int64_t waited;
    } rows[] = {
        {"Retry-After: 3\r\n", 3000},
        {"retry-after: 0\r\n", 0},
        {"Retry-After: Thu, 01 Jan 2026 00:00:07 GMT\r\n", 7000},
        {"Retry-After: Wed, 31 Dec 2025 00:00:07 GMT\r\n", 0},
        {"X-Retry-After: 4\r\n", 4000},
        {"Retry-After: 2\r\nX-Retry-After: 4\r\n", 2000},
        {"Retry-After: soon\r\nX-Retry-After: 4\r\n", 4000},
        {"Retry-After: soon\r\n", 250},
        {"", 250},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int status = 429; status <= 503; status += 74) {
            fake_answer answer = {.status = status, .fields = rows[i].fields};
            fake f;
            bi_exchange x;
            int64_t sleeps[20];
            fake_init(&f);
            begin(&f, &x, BI_SAFETY_READ);
            x.max_retries = 1;
            assert_int_equal(run(&f, &x, &answer, sleeps), 1);
            if (sleeps[0] != rows[i].waited)
                fail_msg("%s: %ld", rows[i].fields, (long)sleeps[0]);
            bi_exchange_clear(&x);
            fake_end(&f);
        }
}

static void test_a_pause_beyond_the_deadline_is_the_error_at_once(void **state) {
    static const fake_answer answer = {.status = 429, .fields = "Retry-After: 30\r\n"};
    fake f;
    bi_exchange x;
    int64_t sleeps[20];
    fake_init(&f);
    begin(&f, &x, BI_SAFETY_READ);
    assert_int_equal(run(&f, &x, &answer, sleeps), 0);
    assert_string_equal(x.failure.code, "rate_limited");
    assert_int_equal(x.failure.retry_after, 30000);
    assert_int_equal(x.failure.status, 429);
    bi_exchange_clear(&x);
    fake_end(&f);
}

static void test_the_gate_is_for_the_whole_account_and_never_opens_early(void **state) {
    static const fake_answer longer = {.status = 429, .fields = "Retry-After: 10\r\n"},
                             shorter = {.status = 429, .fields = "Retry-After: 1\r\n"},
                             named = {.status = 429,
                                      .fields = "Retry-After: 12\r\n",
                                      .body = "{\"error\":\"slow_down\"}"};
    fake f;
    bi_exchange x, y, z;
    fake_init(&f);
    begin(&f, &x, BI_SAFETY_READ);
    begin(&f, &y, BI_SAFETY_READ);
    begin(&f, &z, BI_SAFETY_WRITE);
    assert_int_equal(bi_exchange_step(&x, &f.input), BI_NEED_SEND);
    assert_int_equal(bi_exchange_step(&y, &f.input), BI_NEED_SEND);
    fake_answer_with(&f, &x, &longer);
    assert_int_equal(bi_exchange_step(&x, &f.input), BI_NEED_SLEEP);
    fake_answer_with(&f, &y, &shorter);
    assert_int_equal(bi_exchange_step(&y, &f.input), BI_NEED_SLEEP);
    assert_int_equal(f.account->gate - f.input.now.mono, 10000);
    assert_int_equal(bi_exchange_step(&z, &f.input), BI_NEED_SLEEP);
    assert_int_equal(z.wake - f.input.now.mono, 10000);
    fake_pass(&f, 1000);
    assert_int_equal(bi_exchange_step(&y, &f.input),
                     BI_NEED_SLEEP); /* its own pause is over, the gate is not */
    assert_int_equal(bi_exchange_step(&z, &f.input), BI_NEED_SLEEP);
    fake_pass(&f, 9000);
    assert_int_equal(bi_exchange_step(&z, &f.input), BI_NEED_SEND);
    fake_answer_with(&f, &z, &named); /* whatever the code: 429 closes the gate */
    assert_int_equal(bi_exchange_step(&z, &f.input), BI_NEED_SLEEP);
    assert_int_equal(f.account->gate - f.input.now.mono, 12000);
    bi_exchange_clear(&x);
    bi_exchange_clear(&y);
    bi_exchange_clear(&z);
    fake_end(&f);
}

/* --- Hooks and time ------------------------------------------------------------------------------------------ */

static void test_hooks_stand_around_every_sending(void **state) {
    static const fake_answer answer = {.status = 503};
    static const bi_need needs[] = {BI_NEED_BEFORE, BI_NEED_SEND, BI_NEED_AFTER, BI_NEED_SLEEP,
                                    BI_NEED_BEFORE, BI_NEED_SEND, BI_NEED_AFTER, BI_NEED_DONE};
    fake f;
    bi_exchange x;
    fake_init(&f);
    f.config->on_request = f.config->on_response = true;
    begin(&f, &x, BI_SAFETY_READ);
    x.max_retries = 1;
    for (size_t i = 0; i < COUNT(needs); i++) {
        assert_int_equal(bi_exchange_step(&x, &f.input), needs[i]);
        if (needs[i] == BI_NEED_SEND)
            fake_answer_with(&f, &x, &answer);
        if (needs[i] == BI_NEED_SLEEP)
            fake_pass(&f, 10000);
    }
    bi_exchange_clear(&x);
    fake_end(&f);
}

static void test_a_hook_that_outlasts_the_deadline_lets_nothing_out(void **state) {
    fake f;
    bi_exchange x;
    fake_init(&f);
    f.config->on_request = true;
    begin(&f, &x, BI_SAFETY_WRITE);
    assert_int_equal(bi_exchange_step(&x, &f.input), BI_NEED_BEFORE);
    fake_pass(&f, 30000);
    assert_int_equal(bi_exchange_step(&x, &f.input), BI_NEED_DONE);
    assert_string_equal(x.failure.code, "timeout"); /* and not outcome_unknown */
    assert_int_equal(x.attempts, 0);
    bi_exchange_clear(&x);
    fake_end(&f);
}

static void test_a_driver_that_oversleeps_ends_with_the_failure_it_had(void **state) {
    static const fake_answer answer = {.trouble = BI_TROUBLE_TRUNCATED, .status = 200, .body = "{"};
    fake f;
    bi_exchange x;
    fake_init(&f);
    begin(&f, &x, BI_SAFETY_READ);
    bi_exchange_step(&x, &f.input);
    fake_answer_with(&f, &x, &answer);
    assert_int_equal(bi_exchange_step(&x, &f.input), BI_NEED_SLEEP);
    fake_pass(&f, 100000);
    assert_int_equal(bi_exchange_step(&x, &f.input), BI_NEED_DONE);
    assert_string_equal(x.failure.code, "invalid_response");
    assert_false(x.failure.retryable);
    assert_int_equal(bi_exchange_step(&x, &f.input), BI_NEED_DONE);
    bi_exchange_clear(&x);
    fake_end(&f);
}

static void test_stepping_too_early_sleeps_on(void **state) {
    static const fake_answer answer = {.status = 503};
    fake f;
    bi_exchange x;
    fake_init(&f);
    begin(&f, &x, BI_SAFETY_READ);
    bi_exchange_step(&x, &f.input);
    fake_answer_with(&f, &x, &answer);
    assert_int_equal(bi_exchange_step(&x, &f.input), BI_NEED_SLEEP);
    fake_pass(&f, 249);
    assert_int_equal(bi_exchange_step(&x, &f.input), BI_NEED_SLEEP);
    fake_pass(&f, 1);
    assert_int_equal(bi_exchange_step(&x, &f.input), BI_NEED_SEND);
    assert_false(bi_exchange_is_late(&x, f.input.now));
    bi_exchange_clear(&x);
    fake_end(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_each_trouble_means),
        cmocka_unit_test(test_what_each_status_means),
        cmocka_unit_test(test_full_jitter_from_half_a_second_doubling_to_eight),
        cmocka_unit_test(test_retries_are_counted),
        cmocka_unit_test(test_retry_after_in_all_its_forms),
        cmocka_unit_test(test_a_pause_beyond_the_deadline_is_the_error_at_once),
        cmocka_unit_test(test_the_gate_is_for_the_whole_account_and_never_opens_early),
        cmocka_unit_test(test_hooks_stand_around_every_sending),
        cmocka_unit_test(test_a_hook_that_outlasts_the_deadline_lets_nothing_out),
        cmocka_unit_test(test_a_driver_that_oversleeps_ends_with_the_failure_it_had),
        cmocka_unit_test(test_stepping_too_early_sleeps_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
