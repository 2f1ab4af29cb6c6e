/* src/core/json_number.c: numbers are rounded correctly, in any locale. */
#include "core/json.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static double read_double(const char *text) {
    bi_json json;
    bi_json_init(&json, text, strlen(text), false);
    bi_json_event event = bi_json_next(&json);
    double number = event == BI_JSON_INTEGER ? (double)json.integer : json.number;
    assert_true(event == BI_JSON_INTEGER || event == BI_JSON_NUMBER);
    assert_int_equal(bi_json_next(&json), BI_JSON_END);
    bi_json_clear(&json);
    return number;
}

/* Against strtod in the C locale, for shapes on both sides of the fast path. */
static void test_numbers_round_correctly(void **state) {
    (void)state;
    unsigned seed = 1;
    for (int i = 0; i < 200000; i++) {
        char text[80];
        seed = seed * 1103515245u + 12345u;
        unsigned long long digits = (unsigned long long)seed << 32;
        seed = seed * 1103515245u + 12345u;
        digits = (digits | seed) >> (seed >> 8) % 60;
        seed = seed * 1103515245u + 12345u;
        int exponent = (int)(seed >> 8) % (i % 2 ? 30 : 340);
        unsigned tail = seed >> 20;
        if (i % 3 == 0)
            snprintf(text, sizeof text, "%llu.%ue%d", digits, tail, exponent);
        else if (i % 3 == 1)
            snprintf(text, sizeof text, "-%llu.%u25e-%d", digits, tail, exponent);
        else
            snprintf(text, sizeof text, "0.%llu%ue%d", digits, tail, exponent);
        double expected = strtod(text, NULL);
        double number = read_double(text);
        if (memcmp(&number, &expected, sizeof number) != 0)
            fail_msg("%s: %.17g instead of %.17g", text, number, expected);
    }
}

/* The halfway cases that naive readers round wrongly. */
static void test_hard_numbers(void **state) {
    (void)state;
    assert_true(read_double("9007199254740993.0") == 9007199254740992.0);
    assert_true(read_double("9007199254740993.00000000000000000000000001") == 9007199254740994.0);
    assert_true(read_double("2.2250738585072012e-308") == DBL_MIN);
    assert_true(read_double("2.4703282292062327e-324") == 0);
    assert_true(read_double("2.4703282292062328e-324") > 0);
    assert_true(signbit(read_double("-0")));
    assert_true(read_double("179769313486231580793e289") == HUGE_VAL);
    char text[2000] = "0.";
    memset(text + 2, '0', 1000);
    snprintf(text + 1002, sizeof text - 1002, "15e1001");
    assert_true(read_double(text) == 1.5);
}

/* A locale with a decimal comma: an installed one, or one made for this test. */
static bool set_comma_locale(void) {
    static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "tr_TR.UTF-8", "ru_RU.UTF-8"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (setlocale(LC_NUMERIC, names[i]) && strcmp(localeconv()->decimal_point, ",") == 0)
            return true;
    char folder[] = "/tmp/json_test.XXXXXX", command[200];
    if (!mkdtemp(folder))
        return false;
    snprintf(command, sizeof command,
             "localedef --no-archive -c -i de_DE -f UTF-8 %s/de_DE.UTF-8 >%s/log 2>&1", folder,
             folder);
    bool made = system(command) == 0 && setenv("LOCPATH", folder, 1) == 0 &&
                setlocale(LC_NUMERIC, "de_DE.UTF-8") != NULL;
    unsetenv("LOCPATH");
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) == 0 && made && strcmp(localeconv()->decimal_point, ",") == 0;
}

static void test_foreign_locale(void **state) {
    (void)state;
    if (!set_comma_locale()) {
        print_message("no locale with a decimal comma can be had\n");
        setlocale(LC_NUMERIC, "C");
        skip();
    }
    double fast = read_double("1.5"), slow = read_double("0.30000000000000004e-200");
    setlocale(LC_NUMERIC, "C");
    assert_true(fast == 1.5);
    assert_true(slow == 0.30000000000000004e-200);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_round_correctly),
        cmocka_unit_test(test_hard_numbers),
        cmocka_unit_test(test_foreign_locale),
    };
    return cmocka_run_group_tests_name("json_number", tests, NULL, NULL);
}
