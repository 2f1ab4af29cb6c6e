/* src/core/utf8.c: what is valid UTF-8. */
#include "core/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* A text that may hold NUL, with its length. */
#define T(literal) literal, sizeof(literal) - 1

static void test_utf8(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t length;
        bool valid;
    } cases[] = {
        {T(""), true},
        {T("plain ASCII, longer than one word"), true},
        {T("a\0b"), true},
        {T("\xC3\xBC"), true},
        {T("01234567\xE2\x82\xAC"), true},
        {T("\xF0\x9F\x98\x80"), true},
        {T("\xF4\x8F\xBF\xBF"), true},
        {T("\xED\x9F\xBF\xEE\x80\x80"), true},
        {T("\xE0\xA0\x80\xF0\x90\x80\x80\xC2\x80"), true},
        {T("\x80"), false}, /* a continuation alone */
        {T("\xC3"), false}, /* cut off */
        {T("01234567\xE2\x82"), false},
        {T("\xF0\x9F\x98"), false},
        {T("\xC0\x80"), false}, /* overlong */
        {T("\xC1\xBF"), false},
        {T("\xE0\x9F\xBF"), false},
        {T("\xF0\x8F\xBF\xBF"), false},
        {T("\xED\xA0\x80"), false},     /* a surrogate */
        {T("\xF4\x90\x80\x80"), false}, /* beyond U+10FFFF */
        {T("\xF5\x80\x80\x80"), false},
        {T("\xFF"), false},
        {T("\xE2\x28\xAC"), false},
        {T("\xE2\x82\x28"), false},
        {T("\xF0\x9F\x98\xC0"), false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (bi_utf8_is_valid(cases[i].text, cases[i].length) != cases[i].valid)
            fail_msg("case %zu", i);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8),
    };
    return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
