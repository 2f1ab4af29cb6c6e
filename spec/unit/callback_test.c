/* src/core/callback.c: what a redirect back from the authorization says: a code for our state, the server's own error,
 * or nothing that can be used. */
#include "fake.h"

#include "core/callback.h"

#define STATE "state_0123456789"

static void check(const char *text, const char *expected_code, const char *failure_code,
                  const char *message) {
    bi_bytes code = {.secret = true};
    bi_failure failure;
    bi_failure_init(&failure);
    bool done = bi_callback_read(&code, &failure, text, strlen(text), STATE, strlen(STATE));
    assert_true(done == (expected_code != NULL));
    if (done) {
        assert_string_equal(bi_bytes_text(&code), expected_code);
        assert_false(bi_failure_is_set(&failure));
    } else {
        if (strcmp(failure.code, failure_code) != 0)
            fail_msg("%s: %s is not %s", text, failure.code, failure_code);
        if (message && !strstr(failure.message.data, message))
            fail_msg("%s: %s", text, failure.message.data);
        assert_null(strstr(failure.message.data, "spl_"));
    }
    bi_failure_clear(&failure);
    bi_bytes_clear(&code);
}

static void test_a_code_for_our_state(void **state) {
    static const char *const texts[] = {
        "https://app.example.com/cb?code=spl_1&state=" STATE,
        "https://app.example.com/cb?state=" STATE "&code=spl_1",
        "http://127.0.0.1:8080/?x=y&code=spl_1&state=" STATE "#fragment?code=no",
        "com.example.app:/cb?code=spl_1&state=" STATE,
        "https://app.example.com/a=b/cb?code=spl_1&state=" STATE,
        "/cb?code=spl_1&state=" STATE,
        "/a=b?code=spl_1&state=" STATE,
        "cb?code=spl_1&state=" STATE,
        "?code=spl_1&state=" STATE,
        "code=spl_1&state=" STATE,
        "code=spl%5F1&state=state%5F0123456789",
        "iss=https://dash.example.com/?x&code=spl_1&state=" STATE,
        "code=spl_1&state=" STATE "&note=really?",
        "code=spl_1&state=" STATE "#x",
    };
    for (size_t i = 0; i < COUNT(texts); i++)
        check(texts[i], "spl_1", NULL, NULL);
    check("code=a:b1234&state=" STATE, "a:b1234", NULL, NULL);
}

static void test_the_state_must_be_ours(void **state) {
    static const char *const texts[] = {
        "code=spl_1",
        "code=spl_1&state=",
        "code=spl_1&state=state_012345678",
        "code=spl_1&state=" STATE "0",
        "code=spl_1&state=state_0123456780",
        "code=spl_1&state=STATE_0123456789",
        "code=spl_1&state=" STATE "&state=" STATE,
        "code=spl_1&state=other&state=" STATE,
        "code=spl_1&state=" STATE "%00",
        "code=spl_1&code=spl_2&state=other",
    };
    for (size_t i = 0; i < COUNT(texts); i++)
        check(texts[i], NULL, "state_mismatch", "start the authorization again");
}

static void test_the_servers_error_comes_first_also_without_a_state(void **state) {
    check("https://a/cb?error=access_denied&error_description=The user said no", NULL,
          "access_denied", "The user said no");
    check("https://a/cb?error=access_denied&error_description=The+user%20said+no&state=" STATE,
          NULL, "access_denied", ": The user said no");
    check("?error=invalid_scope&error_description=unknown scope: a b (why? see docs)", NULL,
          "invalid_scope", "unknown scope: a b (why? see docs)");
    check("error=invalid_scope&error_description=what?", NULL, "invalid_scope", "what?");
    check("error=access_denied", NULL, "access_denied", "refused");
    check("code=spl_1&state=" STATE "&error=server_error", NULL, "server_error", NULL);
    check("error=a&error=b", NULL, "a", NULL);
    check("error=not a word!", NULL, "invalid_request", NULL);
    check("error=", NULL, "invalid_request", NULL);
    check("error=x&error_description=line%0Aone%1B%5B31m", NULL, "x", "line one [31m");
    check("error=x&error_description=%zz", NULL, "x", "refused");
}

/* Found by callback_fuzz: the first left the failure unset, the second read as our own lack of memory. */
static void test_an_error_that_is_no_word_of_a_server_is_an_invalid_request(void **state) {
    static const char *const texts[] = {
        "error=%00",     "error=a%00b", "error=memory",         "error=closed",
        "error=timeout", "error=tls",   "error=state_mismatch", "error=invalid_argument",
        "error=store",   "error=a%2Fb",
    };
    for (size_t i = 0; i < COUNT(texts); i++)
        check(texts[i], NULL, "invalid_request", "the authorization was refused");
}

static void test_what_is_no_callback(void **state) {
    static const char *const texts[] = {
        "",
        "https://app.example.com/cb",
        "https://app.example.com/cb#code=spl_1&state=" STATE,
        "hello",
        "state=" STATE,
        "Code=spl_1&state=" STATE,
        "code=spl_1&code=spl_2&state=" STATE,
        "code=&state=" STATE,
        "code&state=" STATE,
        "code=spl_%zz&state=" STATE,
        "code=spl_1&state=%zz",
        "code=spl%201&state=" STATE,
        "code=spl%0A1&state=" STATE,
    };
    for (size_t i = 0; i < COUNT(texts); i++)
        check(texts[i], NULL, "invalid_argument", "parse_callback: ");
    char *large = calloc(1, 70000);
    memset(large, 'a', 66000);
    check(large, NULL, "invalid_argument", "too long");
    free(large);
}

static void test_no_memory_is_said_so(void **state) {
    static const char *const texts[] = {"code=spl_1&state=" STATE,
                                        "error=access_denied&error_description=no"};
    for (size_t i = 0; i < COUNT(texts); i++)
        for (unsigned long n = 1; n < 10; n++) {
            long live = bi_memory_live();
            bi_bytes code = {.secret = true};
            bi_failure failure;
            bi_failure_init(&failure);
            bi_memory_fail_at(n);
            bool done =
                bi_callback_read(&code, &failure, texts[i], strlen(texts[i]), STATE, strlen(STATE));
            bi_memory_fail_at(0);
            assert_true(done || bi_failure_is(&failure, BI_CODE_MEMORY) || i == 1);
            assert_true(i == 0 || bi_failure_is(&failure, BI_CODE_MEMORY) ||
                        bi_failure_is(&failure, "access_denied"));
            bi_failure_clear(&failure);
            bi_bytes_clear(&code);
            assert_int_equal(bi_memory_live() - live, 0);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_code_for_our_state),
        cmocka_unit_test(test_the_state_must_be_ours),
        cmocka_unit_test(test_the_servers_error_comes_first_also_without_a_state),
        cmocka_unit_test(test_an_error_that_is_no_word_of_a_server_is_an_invalid_request),
        cmocka_unit_test(test_what_is_no_callback),
        cmocka_unit_test(test_no_memory_is_said_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
