/* src/core/request.c: paths from templates, header fields with defaults, forms; half a request is never a request. */
#include "fake.h"

#include "core/request.h"

static void test_a_template_takes_its_parts_encoded(void **state) {
    bi_bytes out = {0};
    const bi_span parts[] = {{"a/b", 3}, {"c d?", 4}};
    assert_true(bi_request_expand(&out, "/o/{org}/p/{project}/x", parts, 2));
    assert_string_equal(out.data, "/o/a%2Fb/p/c%20d%3F/x");
    bi_bytes_clear(&out);
}

static void test_a_default_gives_way_to_the_callers_own_field(void **state) {
    bi_wire_request request;
    bi_wire_request_init(&request);
    assert_true(bi_wire_request_add_field(&request, "ACCEPT", "text/csv", 8));
    assert_true(bi_request_default(&request, "Accept", "application/json"));
    assert_true(bi_request_default(&request, "Accept-Language", "de"));
    assert_memory_equal(request.fields.data, "ACCEPT: text/csv\0Accept-Language: de", 37);
    assert_int_equal(request.fields.length, 37);
    bi_wire_request_clear(&request);
}

static void test_a_form_leaves_absent_pairs_out(void **state) {
    const char *const pairs[] = {"a", "1 2", "b", NULL, "c", "x&y=z", NULL};
    bi_wire_request request;
    bi_wire_request_init(&request);
    assert_true(bi_request_form(&request, pairs));
    assert_true(request.has_body);
    assert_string_equal(request.body.data, "a=1+2&c=x%26y%3Dz");
    bi_wire_request_clear(&request);
}

static void test_a_target_that_was_cut_for_want_of_memory_is_never_sent(void **state) {
    fake f;
    fake_init(&f);
    bi_bytes target = {0};
    bi_bytes_add_text(&target, "/api/oauth-client/installations/");
    bi_memory_fail_at(1);
    bi_bytes_add_text(&target, "grt_0123456789012345678901234567890123456789/tokens");
    bi_memory_fail_at(0);
    assert_true(target.failed);
    bi_wire_request request;
    bi_wire_request_init(&request);
    assert_false(bi_request_begin(&request, f.config, "POST", BI_HOST_API, &target));
    bi_wire_request_clear(&request);
    bi_bytes_clear(&target);
    fake_end(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_template_takes_its_parts_encoded),
        cmocka_unit_test(test_a_default_gives_way_to_the_callers_own_field),
        cmocka_unit_test(test_a_form_leaves_absent_pairs_out),
        cmocka_unit_test(test_a_target_that_was_cut_for_want_of_memory_is_never_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
