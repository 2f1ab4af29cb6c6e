/* src/core/failure.c: filling, copying and wrapping of failures, with and without memory. */
#include "fake.h"

static void fill(bi_failure *failure) {
    bi_failure_init(failure);
    bi_failure_set(failure, "inner", "the %s", "reason");
    bi_bytes_add_text(&failure->path, "/v1/x");
    bi_bytes_add_text(&failure->fields, "A: b\r\n");
    bi_bytes_add_text(&failure->body, "{}");
    failure->status = 503;
    failure->retry_after = 7;
}

static void test_wrapping_keeps_the_answer_and_the_whole_chain(void **state) {
    long live = bi_memory_live();
    bi_failure failure, copy;
    fill(&failure);
    bi_failure_wrap(&failure, "middle", false, "middle message");
    bi_failure_wrap(&failure, "outer", true, "outer message");
    bi_failure_init(&copy);
    bi_failure_set(&copy, "old", "old");
    bi_failure_copy(&copy, &failure);
    bi_failure_clear(&failure);
    assert_string_equal(copy.code, "outer");
    assert_true(copy.retryable);
    assert_int_equal(copy.status, 503);
    assert_string_equal(copy.path.data, "/v1/x");
    assert_string_equal(copy.cause->code, "middle");
    assert_string_equal(copy.cause->cause->code, "inner");
    assert_string_equal(copy.cause->cause->message.data, "the reason");
    assert_int_equal(copy.cause->cause->retry_after, 7);
    assert_null(copy.cause->cause->cause);
    bi_failure_clear(&copy);
    assert_false(bi_failure_is_set(&copy));
    assert_int_equal(copy.retry_after, -1);
    assert_int_equal(bi_memory_live() - live, 0);
}

static void test_text_is_cut_to_its_room(void **state) {
    char small[4];
    bi_failure_text(small, sizeof small, "abcdef", 6);
    assert_string_equal(small, "abc");
    bi_failure_text(small, sizeof small, NULL, 0);
    assert_string_equal(small, "");
    bi_failure failure;
    bi_failure_init(&failure);
    bi_failure_set(&failure,
                   "a_code_that_is_far_too_long_for_its_room_and_therefore_is_cut_somewhere", "%s",
                   "m");
    assert_int_equal(strlen(failure.code), sizeof failure.code - 1);
    bi_failure_clear(&failure);
}

static void test_without_memory_a_copy_is_whole_or_says_so(void **state) {
    for (unsigned long n = 1; n < 20; n++) {
        long live = bi_memory_live();
        bi_failure failure, copy;
        fill(&failure);
        bi_memory_fail_at(n);
        bi_failure_wrap(&failure, "outer", true, "outer message");
        bi_memory_fail_at(0);
        assert_string_equal(failure.code, "outer"); /* the code never needs memory */
        assert_int_equal(failure.status, 503);
        bi_failure_init(&copy);
        bi_memory_fail_at(n);
        bi_failure_copy(&copy, &failure);
        bi_memory_fail_at(0);
        assert_true(bi_failure_is(&copy, "outer") || bi_failure_is(&copy, BI_CODE_MEMORY));
        bi_failure_clear(&failure);
        bi_failure_clear(&copy);
        assert_int_equal(bi_memory_live() - live, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrapping_keeps_the_answer_and_the_whole_chain),
        cmocka_unit_test(test_text_is_cut_to_its_room),
        cmocka_unit_test(test_without_memory_a_copy_is_whole_or_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
