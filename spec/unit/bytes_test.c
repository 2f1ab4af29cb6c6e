/* src/core/bytes.c: growth, reset, secrets, and no memory. */
#include "core/bytes.h"
#include "core/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_empty_is_usable(void **state) {
    bi_bytes b;
    bi_bytes_init(&b);
    assert_string_equal(bi_bytes_text(&b), "");
    assert_true(bi_bytes_add(&b, NULL, 0));
    assert_int_equal(b.length, 0);
    assert_string_equal(bi_bytes_text(&b), "");
    bi_bytes_reset(&b);
    bi_bytes_clear(&b);
    bi_bytes_clear(&b);
    assert_null(b.data);
}

static void test_appends_keep_a_nul_behind(void **state) {
    bi_bytes b = {0};
    size_t expected = 0;
    for (int i = 0; i < 1000; i++) {
        assert_true(bi_bytes_add(&b, "\0x", 2));
        expected += 2;
        assert_int_equal(b.length, expected);
        assert_int_equal(b.data[b.length], '\0');
        assert_true(b.capacity > b.length);
    }
    for (size_t i = 0; i < b.length; i++)
        assert_int_equal(b.data[i], i % 2 ? 'x' : '\0');
    bi_bytes_clear(&b);
}

static void test_text_char_and_format(void **state) {
    bi_bytes b = {0};
    assert_true(bi_bytes_add_text(&b, "a"));
    assert_true(bi_bytes_add_char(&b, 'b'));
    assert_true(bi_bytes_add_format(&b, "%s-%d", "c", 42));
    assert_string_equal(bi_bytes_text(&b), "abc-42");
    for (int i = 0; i < 200; i++)
        assert_true(bi_bytes_add_format(&b, "%0*d", i, 7));
    assert_int_equal(b.length, strlen(b.data));
    bi_bytes_clear(&b);
}

static void test_reset_keeps_memory(void **state) {
    bi_bytes b = {0};
    bi_bytes_add_text(&b, "secret");
    char *data = b.data;
    bi_bytes_reset(&b);
    assert_ptr_equal(b.data, data);
    assert_int_equal(b.length, 0);
    assert_string_equal(bi_bytes_text(&b), "");
    bi_bytes_clear(&b);
}

static void test_secret_is_wiped_on_reset(void **state) {
    bi_bytes b = {.secret = true};
    bi_bytes_add_text(&b, "secret");
    bi_bytes_reset(&b);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(b.data[i], 0);
    bi_bytes_clear(&b);
    assert_true(b.secret);
}

static void test_secret_survives_growth(void **state) {
    bi_bytes b = {.secret = true};
    for (int i = 0; i < 500; i++)
        assert_true(bi_bytes_add_char(&b, (char)('a' + i % 26)));
    for (int i = 0; i < 500; i++)
        assert_int_equal(b.data[i], 'a' + i % 26);
    bi_bytes_clear(&b);
}

static void test_reserve_refuses_the_impossible(void **state) {
    bi_bytes b = {0};
    assert_false(bi_bytes_reserve(&b, SIZE_MAX));
    assert_true(b.failed);
    bi_bytes_reset(&b);
    assert_true(bi_bytes_add_text(&b, "x"));
    assert_false(bi_bytes_reserve(&b, SIZE_MAX - 1));
    bi_bytes_clear(&b);
    assert_false(b.failed);
}

static void test_much_at_once_is_exact(void **state) {
    for (int secret = 0; secret < 2; secret++) {
        bi_bytes b = {.secret = secret};
        assert_true(bi_bytes_reserve(&b, 100000));
        assert_int_equal(b.capacity, 100001);
        char *data = b.data;
        for (int i = 0; i < 1000; i++)
            assert_true(bi_bytes_add(
                &b,
                "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz"
                "0123456789abcdefghijklmnopqr",
                100));
        assert_ptr_equal(b.data, data);
        assert_int_equal(b.data[b.length], '\0');
        assert_true(bi_bytes_add_char(&b, 'x')); /* and from there it doubles */
        assert_int_equal(b.capacity, 200002);
        bi_bytes_clear(&b);
    }
}

static void test_trim(void **state) {
    bi_bytes b = {0};
    bi_bytes_trim(&b);
    assert_null(b.data);
    bi_bytes_reserve(&b, 1000);
    bi_bytes_add_text(&b, "kept");
    bi_bytes_trim(&b);
    assert_int_equal(b.capacity, 5);
    assert_string_equal(b.data, "kept");
    assert_true(bi_bytes_add_text(&b, ", and more"));
    assert_string_equal(b.data, "kept, and more");
    bi_bytes_clear(&b);
    b.secret = true; /* realloc could leave a copy behind */
    bi_bytes_reserve(&b, 1000);
    bi_bytes_trim(&b);
    assert_int_equal(b.capacity, 1001);
    bi_bytes_clear(&b);
}

static void test_failure_is_remembered(void **state) {
    for (int secret = 0; secret < 2; secret++) {
        long live = bi_memory_live();
        bi_bytes b = {.secret = secret};
        assert_true(bi_bytes_add_text(&b, "kept"));
        bi_memory_fail_at(1);
        char big[200] = {0};
        assert_false(bi_bytes_add(&b, big, sizeof big));
        assert_true(b.failed);
        assert_false(bi_bytes_add_text(&b, "x"));
        assert_false(bi_bytes_add_format(&b, "x"));
        assert_string_equal(bi_bytes_text(&b), "kept");
        bi_bytes_clear(&b);
        assert_true(bi_memory_live() == live);
    }
    bi_memory_fail_at(0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_is_usable),
        cmocka_unit_test(test_appends_keep_a_nul_behind),
        cmocka_unit_test(test_text_char_and_format),
        cmocka_unit_test(test_reset_keeps_memory),
        cmocka_unit_test(test_secret_is_wiped_on_reset),
        cmocka_unit_test(test_secret_survives_growth),
        cmocka_unit_test(test_reserve_refuses_the_impossible),
        cmocka_unit_test(test_much_at_once_is_exact),
        cmocka_unit_test(test_trim),
        cmocka_unit_test(test_failure_is_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
