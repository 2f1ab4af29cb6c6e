/* src/core/pkce.c: the vectors of RFC 7636 and RFC 4648, legal verifiers, and no memory. */
#include "core/memory.h"
#include "core/pkce.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const unsigned char random_bytes[BI_PKCE_RANDOM] = {
    116, 24,  223, 180, 151, 153, 224, 37,  79, 250, 96, 125, 216, 173, 187, 186,
    22,  212, 37,  77,  105, 214, 191, 240, 91, 88,  5,  88,  83,  132, 141, 121};
#define VERIFIER "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define CHALLENGE "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

static void test_rfc7636_appendix_b(void **state) {
    bi_bytes b = {0};
    assert_true(bi_pkce_add_verifier(&b, random_bytes));
    assert_string_equal(bi_bytes_text(&b), VERIFIER);
    assert_int_equal(b.length, BI_PKCE_VERIFIER);
    assert_true(bi_pkce_verifier_is_legal(b.data, b.length));
    bi_bytes_reset(&b);
    assert_true(bi_pkce_add_challenge(&b, VERIFIER, strlen(VERIFIER)));
    assert_string_equal(bi_bytes_text(&b), CHALLENGE);
    bi_bytes_clear(&b);
}

static void test_base64url(void **state) {
    static const struct {
        const char *data;
        size_t length;
        const char *text;
    } rows[] = {
        {NULL, 0, ""},
        {"f", 1, "Zg"},
        {"fo", 2, "Zm8"},
        {"foo", 3, "Zm9v"},
        {"foob", 4, "Zm9vYg"},
        {"fooba", 5, "Zm9vYmE"},
        {"foobar", 6, "Zm9vYmFy"},
        {"\xFB\xEF\xFF", 3, "--__"},
        {"\0\0", 2, "AAA"},
        {"\3\xEC\xFF\xE0\xC1", 5, "A-z_4ME"}, /* RFC 7636, appendix A */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bi_bytes b = {0};
        assert_true(bi_base64url_add(&b, rows[i].data, rows[i].length));
        assert_string_equal(bi_bytes_text(&b), rows[i].text);
        bi_bytes_clear(&b);
    }
}

static void test_legal_verifiers(void **state) {
    char text[130];
    memset(text, 'a', sizeof text);
    assert_false(bi_pkce_verifier_is_legal(NULL, 0));
    assert_false(bi_pkce_verifier_is_legal(text, 42));
    assert_true(bi_pkce_verifier_is_legal(text, 43));
    assert_true(bi_pkce_verifier_is_legal(text, 128));
    assert_false(bi_pkce_verifier_is_legal(text, 129));
    for (int c = 0; c < 256; c++) {
        text[20] = (char)c;
        bool legal = c && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                 "0123456789-._~",
                                 c);
        assert_int_equal(bi_pkce_verifier_is_legal(text, 43), legal);
    }
}

static void test_challenge_of_illegal_verifier(void **state) {
    bi_bytes b = {0};
    assert_false(bi_pkce_add_challenge(&b, "short", 5));
    assert_int_equal(b.length, 0);
    assert_false(b.failed);
    bi_bytes_clear(&b);
}

static void test_no_memory(void **state) {
    long live = bi_memory_live();
    bi_bytes b = {.secret = true};
    bi_memory_fail_at(1);
    assert_false(bi_pkce_add_verifier(&b, random_bytes));
    assert_int_equal(b.length, 0);
    assert_true(b.failed);
    bi_bytes_clear(&b);
    bi_memory_fail_at(1);
    assert_false(bi_pkce_add_challenge(&b, VERIFIER, strlen(VERIFIER)));
    assert_true(b.failed);
    bi_bytes_clear(&b);
    bi_memory_fail_at(0);
    assert_true(bi_memory_live() == live);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc7636_appendix_b),
        cmocka_unit_test(test_base64url),
        cmocka_unit_test(test_legal_verifiers),
        cmocka_unit_test(test_challenge_of_illegal_verifier),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
