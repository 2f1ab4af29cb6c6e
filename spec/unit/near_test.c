/* src/core/near.c: which names are taken for mistyped ones. */
#include "core/near.h"

#include "fake.h"

static void test_which_names_are_near(void **state) {
    static const struct {
        const char *a, *b;
        bool near;
    } rows[] = {
        {"limit", "limit", true},      {"limmit", "limit", true},
        {"limt", "limit", true},       {"limot", "limit", true},
        {"lmiit", "limit", true},      {"clientid", "client_id", true},
        {"baseURL", "base_url", true}, {"source_language", "sourceLanguage", true},
        {"limits", "lim", false},      {"timeout", "timing", false},
        {"tiemotu", "timeout", false}, {"", "limit", false},
        {"abcd", "badc", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (bi_is_near(rows[i].a, rows[i].b) != rows[i].near ||
            bi_is_near(rows[i].b, rows[i].a) != rows[i].near)
            fail_msg("%s, %s", rows[i].a, rows[i].b);
    }
}

static void test_a_name_of_any_length_is_compared_in_bounds(void **state) {
    char name[200];
    for (size_t length = 0; length < sizeof name; length++) {
        memset(name, 'x', length);
        name[length] = '\0';
        assert_int_equal(bi_is_near(name, name), length < 48);
        assert_false(length > 1 && bi_is_near(name, "limit"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_which_names_are_near),
        cmocka_unit_test(test_a_name_of_any_length_is_compared_in_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
