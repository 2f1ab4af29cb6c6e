/* src/core/cdn.c and what call.c and judge.c make of it: which files are kept, in what order they fall out, what is sent
 * with a question, what a 304 means, and that neither tokens nor a grant have to do with it. */
#include "fake.h"

#include "core/cdn.h"
#include "core/request.h"

static void keep(bi_cdn_cache *cache, const char *target, const char *fields, const char *body,
                 size_t length) {
    bi_wire_answer answer;
    bi_wire_answer_init(&answer);
    answer.status = 200;
    bi_bytes_add_text(&answer.fields, fields);
    bi_bytes_add(&answer.body, body, length);
    bi_cdn_keep(cache, target, &answer);
    bi_wire_answer_clear(&answer);
}

static bool has(bi_cdn_cache *cache, const char *target) {
    bi_cdn_file *file = bi_cdn_find(cache, target);
    bi_cdn_file_release(file);
    return file != NULL;
}

static void test_what_is_kept(void **state) {
    static const struct {
        const char *fields;
        bool kept;
    } rows[] = {
        {"ETag: \"1\"\r\n", true}, {"etag: W/\"1\"\r\n", true},
        {"ETag: bare\r\n", true},  {"", false},
        {"ETag: \r\n", false},     {"X: \"1\"\r\n", false},
        {"ETag: a\tb\r\n", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        bi_cdn_cache cache = {0};
        keep(&cache, "/a", rows[i].fields, "{\"x\":1}", 7);
        if (has(&cache, "/a") != rows[i].kept)
            fail_msg("row %zu", i);
        bi_cdn_clear(&cache);
        assert_int_equal(cache.count, 0);
        assert_int_equal(cache.bytes, 0);
    }
}

static void test_a_new_one_takes_the_place(void **state) {
    bi_cdn_cache cache = {0};
    keep(&cache, "/a", "ETag: 1\r\n", "one", 3);
    bi_cdn_file *held = bi_cdn_find(&cache, "/a");
    keep(&cache, "/a", "ETag: 2\r\n", "zwei", 4);
    assert_int_equal(cache.count, 1);
    assert_string_equal(held->etag, "1"); /* whoever asked about the old one has it still */
    assert_string_equal(held->body.data, "one");
    bi_cdn_file_release(held);
    held = bi_cdn_find(&cache, "/a");
    assert_string_equal(held->etag, "2");
    bi_cdn_file_release(held);
    keep(&cache, "/a", "", "no etag", 7);
    assert_false(has(&cache, "/a"));
    bi_cdn_clear(&cache);
}

static void test_the_one_used_last_stays(void **state) {
    bi_cdn_cache cache = {0};
    char target[16];
    for (int i = 0; i < BI_CDN_FILES + 10; i++) {
        snprintf(target, sizeof target, "/%d", i);
        keep(&cache, target, "ETag: 1\r\n", "x", 1);
        assert_true(has(&cache, "/0"));
    }
    assert_int_equal(cache.count, BI_CDN_FILES);
    assert_false(has(&cache, "/1"));
    assert_false(has(&cache, "/10"));
    assert_true(has(&cache, "/11"));
    bi_cdn_clear(&cache);
}

static void test_bytes_are_bounded(void **state) {
    static char body[BI_CDN_BYTES / 2 + 1];
    bi_cdn_cache cache = {0};
    char target[16];
    for (int i = 0; i < 20; i++) {
        snprintf(target, sizeof target, "/%d", i);
        keep(&cache, target, "ETag: 1\r\n", body, sizeof body / 5);
        assert_true(cache.bytes <= BI_CDN_BYTES);
    }
    assert_true(cache.count >= 5);
    keep(&cache, "/large", "ETag: 1\r\n", body, sizeof body);
    assert_false(has(&cache, "/large"));
    bi_cdn_clear(&cache);
}

static void test_no_memory(void **state) {
    long live = bi_memory_live();
    for (unsigned long n = 1; n < 4; n++) {
        bi_cdn_cache cache = {0};
        bi_wire_answer answer;
        bi_wire_answer_init(&answer);
        bi_bytes_add_text(&answer.fields, "ETag: 1\r\n");
        bi_bytes_add_text(&answer.body, "body");
        bi_memory_fail_at(n);
        bi_cdn_keep(&cache, "/a", &answer);
        bi_memory_fail_at(0);
        assert_false(has(&cache, "/a"));
        bi_wire_answer_clear(&answer);
        bi_cdn_clear(&cache);
    }
    assert_int_equal(bi_memory_live() - live, 0);
}

/* --- Calls ------------------------------------------------------------------------------------------------------ */

/* The fake server stands where the API is. */
static void begin(fake *f, const fake_answer *answers, size_t count) {
    fake_init(f);
    f->config->hosts[BI_HOST_CDN] = bi_copy(BI_API_URL, strlen(BI_API_URL));
    fake_script(f, answers, count);
}

static char last_body[64];

/* Runs a call for the manifest, with one more field when there is one, and remembers it as the binding does. */
static bi_call *ask(fake *f, const char *field, bool is_miss) {
    bi_call *call = fake_call(f, "get_manifest");
    if (field)
        bi_bytes_add(&call->fields, field, strlen(field) + 1);
    fake_run(f, call);
    snprintf(last_body, sizeof last_body, "%s", bi_bytes_text(bi_call_body(call)));
    if (!bi_failure_is_set(&call->failure))
        bi_call_remember(call, is_miss);
    return call;
}

static void test_a_file_that_has_not_changed(void **state) {
    static const fake_answer answers[] = {
        {.status = 200, .fields = "ETag: \"v1\"\r\n", .body = "{\"x\":1}"},
        {.status = 304, .fields = "ETag: \"v1\"\r\n"},
        {.status = 200, .fields = "ETag: \"v2\"\r\n", .body = "{\"x\":2}"},
        {.status = 304},
        {.status = 200, .fields = "ETag: \"v3\"\r\n", .body = "{}"},
        {.status = 304},
    };
    static const struct {
        const char *body;
        bool cached, is_miss;
    } rows[] = {{"{\"x\":1}", false, false},
                {"{\"x\":1}", true, false},
                {"{\"x\":2}", false, false},
                {"{\"x\":2}", true, false},
                {"{}", false, true}};
    fake f;
    begin(&f, answers, COUNT(answers));
    for (size_t i = 0; i < COUNT(rows); i++) {
        bi_call *call = ask(&f, NULL, rows[i].is_miss);
        assert_string_equal(last_body, rows[i].body);
        assert_int_equal(bi_call_is_cached(call), rows[i].cached);
        assert_int_equal(bi_request_has(&call->exchange.request, "if-none-match"), i > 0);
        assert_false(bi_request_has(&call->exchange.request, "authorization"));
        bi_call_free(call);
    }
    bi_call *call = ask(&f, NULL, false); /* nothing is known any more, so nobody asked for a 304 */
    assert_true(bi_failure_is(&call->failure, BI_CODE_REDIRECT));
    bi_call_free(call);
    fake_end(&f);
}

static void test_a_caller_who_asks_himself(void **state) {
    static const fake_answer answers[] = {
        {.status = 200, .fields = "ETag: \"v1\"\r\n", .body = "{\"x\":1}"},
        {.status = 304},
        {.status = 304},
        {.status = 302},
    };
    fake f;
    begin(&f, answers, COUNT(answers));
    bi_call_free(ask(&f, NULL, false));
    static const char *const fields[] = {"if-none-match: \"mine\"", "If-Modified-Since: yesterday"};
    for (size_t i = 0; i < COUNT(fields); i++) {
        bi_call *call = ask(&f, fields[i], false);
        assert_false(bi_failure_is_set(&call->failure));
        assert_int_equal(bi_call_is_cached(call), i == 1); /* ours went along with his date */
        bi_call_free(call);
    }
    bi_call *call = ask(&f, NULL, false);
    assert_true(bi_failure_is(&call->failure, BI_CODE_REDIRECT));
    bi_call_free(call);
    fake_end(&f);
}

static void test_the_grant_has_nothing_to_do_with_it(void **state) {
    static const fake_answer answers[] = {
        {.status = 200, .body = "{\"x\":1}"},
        {.status = 410, .body = "{\"error\":\"grant_revoked\"}"},
        {.status = 401},
    };
    fake f;
    begin(&f, answers, COUNT(answers));
    bi_failure over;
    bi_failure_init(&over);
    bi_failure_set(&over, BI_CODE_REVOKED, "revoked");
    bi_account_end(f.account, &over);
    f.account->gate = f.input.now.mono + 5000;
    bi_call *call = ask(&f, NULL, false);
    assert_false(bi_failure_is_set(&call->failure));
    assert_int_equal(fake_elapsed(&f), 0);
    bi_call_free(call);
    bi_failure_clear(&f.account->over);
    for (int i = 0; i < 2; i++) {
        call = ask(&f, NULL, false);
        assert_true(bi_failure_is_set(&call->failure));
        assert_false(bi_failure_is_set(&f.account->over));
        bi_call_free(call);
    }
    bi_failure_clear(&over);
    fake_end(&f);
}

static void test_misses(void **state) {
    assert_true(bi_cdn_is_miss(true, false));
    assert_true(bi_cdn_is_miss(false, true));
    assert_false(bi_cdn_is_miss(false, false));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_kept),
        cmocka_unit_test(test_a_new_one_takes_the_place),
        cmocka_unit_test(test_the_one_used_last_stays),
        cmocka_unit_test(test_bytes_are_bounded),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_a_file_that_has_not_changed),
        cmocka_unit_test(test_a_caller_who_asks_himself),
        cmocka_unit_test(test_the_grant_has_nothing_to_do_with_it),
        cmocka_unit_test(test_misses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
