/* src/core/clock.c: the three forms of HTTP dates, ISO 8601, Retry-After, and sums that stop at the end of time. */
#include "core/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOV_1994 INT64_C(784111777000) /* the example of RFC 9110, 5.6.7 */
#define NOV_2026 INT64_C(1795460400000)
#define TEN_YEARS (INT64_C(3653) * 86400000)

typedef struct row {
    const char *text;
    int64_t wall;
} row;

static void test_sums_stop_at_the_end(void **state) {
    assert_true(bi_time_add(2, 3) == 5);
    assert_true(bi_time_add(2, -3) == -1);
    assert_true(bi_time_add(BI_NEVER, -3) == BI_NEVER);
    assert_true(bi_time_add(-3, BI_NEVER) == BI_NEVER);
    assert_true(bi_time_add(BI_NEVER - 1, 5) == BI_NEVER);
    assert_true(bi_time_add(INT64_MIN, -1) == INT64_MIN);
    assert_true(bi_time_add(INT64_MIN, BI_NEVER) == BI_NEVER);
    assert_true(bi_time_add(INT64_MIN, BI_NEVER - 1) == -2);
}

static void check_http(const char *text, int64_t expected) {
    int64_t wall = -1;
    if (!bi_date_parse_http(text, strlen(text), &wall) || wall != expected)
        fail_msg("%s: %lld", text, (long long)wall);
}

static void test_http_dates(void **state) {
    static const row rows[] = {
        {"Sun, 06 Nov 1994 08:49:37 GMT", NOV_1994},
        {"Sunday, 06-Nov-94 08:49:37 GMT", NOV_1994},
        {"Sun Nov  6 08:49:37 1994", NOV_1994},
        {"Sun Nov 06 08:49:37 1994", NOV_1994},
        {" sun, 6 NOV 1994 08:49:37 utc\t", NOV_1994},
        {"Sun, 06-Nov-1994 08:49:37 GMT", NOV_1994},
        {"Mon, 06 Nov 1994 08:49:37 GMT", NOV_1994}, /* it was a Sunday */
        {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
        {"Wed, 31 Dec 1969 23:59:59 GMT", -1000},
        {"Thu, 29 Feb 2024 00:00:00 GMT", INT64_C(1709164800000)},
        {"Tue, 29 Feb 2000 12:00:00 GMT", INT64_C(951825600000)},
        {"Sat, 31 Dec 2016 23:59:60 GMT", INT64_C(1483228800000)},
        {"Fri, 31 Dec 9999 23:59:59 GMT", INT64_C(253402300799000)},
        {"Thursday, 01-Jan-70 00:00:00 GMT", 0},
        {"Tuesday, 31-Dec-69 00:00:00 GMT", INT64_C(3155673600000)}, /* 2069 */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        check_http(rows[i].text, rows[i].wall);
}

static void test_broken_http_dates(void **state) {
    static const char *const rows[] = {
        "",
        " ",
        "Sun",
        "Sun,",
        "Sun, 06 Nov 1994",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 PST",
        "Sun, 06 Nov 1994 08:49:37 GMTx",
        "Sun, 06 Nov 1994 08:49:37 GMT x",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 29 Feb 2023 08:49:37 GMT",
        "Sun, 29 Feb 1900 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, 06 Nvo 1994 08:49:37 GMT",
        "Foo, 06 Nov 1994 08:49:37 GMT",
        "Sunn, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06-Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 194 08:49:37 GMT",
        "Sun Nov  16 08:49:37 1994",
        "Sun Nov 6 08:49:37 94",
        "06 Nov 1994 08:49:37 GMT",
        "Sun, -6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 19945 08:49:37 GMT",
    };
    int64_t wall;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (bi_date_parse_http(rows[i], strlen(rows[i]), &wall))
            fail_msg("taken: %s", rows[i]);
    assert_false(bi_date_parse_http(NULL, 0, &wall));
    assert_false(bi_date_parse_http("Sun, 06 Nov 1994 08:49:37 GMT\0", 30, &wall));
}

/* Every prefix of a date, in a block of exactly its size: ASan sees a step too far. */
static void test_prefixes(void **state) {
    static const char *const dates[] = {
        "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994", "2026-11-23T19:00:00.123+02:00", "1.5"};
    for (size_t i = 0; i < sizeof dates / sizeof dates[0]; i++) {
        for (size_t n = 0; n < strlen(dates[i]); n++) {
            char *copy = malloc(n ? n : 1);
            int64_t value;
            memcpy(copy, dates[i], n);
            assert_false(bi_date_parse_http(copy, n, &value));
            bi_date_parse_iso(copy, n, &value);
            bi_retry_after_parse(copy, n, (bi_now){0, 0}, &value);
            free(copy);
        }
    }
}

static void test_iso_dates(void **state) {
    static const row rows[] = {
        {"2026-11-23T19:00:00Z", NOV_2026},
        {"2026-11-23T19:00:00.123Z", NOV_2026 + 123},
        {"2026-11-23T19:00:00.1Z", NOV_2026 + 100},
        {"2026-11-23T19:00:00,1239999999999999999999Z", NOV_2026 + 123},
        {"2026-11-23T21:00:00+02:00", NOV_2026},
        {"2026-11-23T21:00:00+0200", NOV_2026},
        {"2026-11-23 21:00:00+02", NOV_2026},
        {"2026-11-23T13:30:00-05:30", NOV_2026},
        {"2026-11-23t19:00:00z", NOV_2026},
        {"2026-11-24T00:30:00+05:30", NOV_2026},
        {"2026-11-23T19:00:00-00:00", NOV_2026},
        {"2016-12-31T23:59:60Z", INT64_C(1483228800000)},
        {"0001-01-01T00:00:00Z", INT64_C(-62135596800000)},
        {"0000-01-01T00:00:00Z", INT64_C(-62167219200000)},
        {"2024-02-29T00:00:00Z", INT64_C(1709164800000)},
        {"2000-03-01T00:00:00Z", INT64_C(951868800000)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t wall = -1;
        bool taken = bi_date_parse_iso(rows[i].text, strlen(rows[i].text), &wall);
        if (!taken || wall != rows[i].wall)
            fail_msg("%s: %lld", rows[i].text, (long long)wall);
    }
}

static void test_broken_iso_dates(void **state) {
    static const char *const rows[] = {
        "",
        "2026-11-23",
        "2026-11-23T19:00:00",
        "2026-11-23T19:00Z",
        "2026-11-23T19:00:00.Z",
        "2026-13-23T19:00:00Z",
        "2026-00-23T19:00:00Z",
        "2026-11-31T19:00:00Z",
        "2026-11-00T19:00:00Z",
        "2023-02-29T19:00:00Z",
        "1900-02-29T19:00:00Z",
        "2026-11-23T24:00:00Z",
        "2026-11-23T19:60:00Z",
        "2026-11-23T19:00:61Z",
        "2026-11-23T19:00:00+24:00",
        "2026-11-23T19:00:00+02:60",
        "2026-11-23T19:00:00+02:",
        "2026-11-23T19:00:00+2",
        "2026-11-23T19:00:00+020",
        "2026-11-23T19:00:00Zx",
        " 2026-11-23T19:00:00Z",
        "2026-11-23T19:00:00 Z",
        "2026-11-23_19:00:00Z",
        "26-11-23T19:00:00Z",
        "+2026-11-23T19:00:00Z",
        "2026-1-23T19:00:00Z",
        "1795460400",
    };
    int64_t wall;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (bi_date_parse_iso(rows[i], strlen(rows[i]), &wall))
            fail_msg("taken: %s", rows[i]);
    assert_false(bi_date_parse_iso(NULL, 0, &wall));
}

/* Every day of 800 years follows the one before by a day. */
static void test_calendar(void **state) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t expected = INT64_C(-11676096000000); /* 1600-01-01 */
    for (int year = 1600; year < 2400; year++) {
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        for (int month = 1; month <= 12; month++) {
            for (int day = 1; day <= days[month - 1] + (month == 2 && leap); day++) {
                char text[64];
                int64_t wall = 0;
                int length =
                    snprintf(text, sizeof text, "%d-%02d-%02dT00:00:00Z", year, month, day);
                assert_true(bi_date_parse_iso(text, (size_t)length, &wall));
                assert_true(wall == expected);
                expected += 86400000;
            }
        }
    }
}

static void check_delay(const char *text, int64_t wall, int64_t expected) {
    int64_t delay = -1;
    if (!bi_retry_after_parse(text, strlen(text), (bi_now){5, wall}, &delay) || delay != expected)
        fail_msg("%s: %lld", text, (long long)delay);
}

static void test_retry_after(void **state) {
    check_delay("120", 0, 120000);
    check_delay(" 0 ", 0, 0);
    check_delay("007", 0, 7000);
    check_delay("1.5", 0, 1500);
    check_delay("1.0001", 0, 1001);
    check_delay("1.0000", 0, 1000);
    check_delay("0.9999", 0, 1000);
    check_delay("315619199", 0, INT64_C(315619199000));
    check_delay("315619200", 0, TEN_YEARS);
    check_delay("99999999999999999999999999999999", 0, TEN_YEARS);
    check_delay("Sun, 06 Nov 1994 08:49:37 GMT", NOV_1994 - 2500, 2500);
    check_delay("Sun, 06 Nov 1994 08:49:37 GMT", NOV_1994, 0);
    check_delay("Sun, 06 Nov 1994 08:49:37 GMT", NOV_1994 + 1, 0);
    check_delay("Fri, 31 Dec 9999 23:59:59 GMT", NOV_2026, TEN_YEARS);
    check_delay("Fri, 31 Dec 9999 23:59:59 GMT", INT64_MIN, TEN_YEARS);
    check_delay("Fri, 31 Dec 9999 23:59:59 GMT", INT64_MAX, 0);
}

static void test_retry_after_two_digit_years(void **state) {
    const int64_t nov_2076 = INT64_C(3371878177000), nov_2090 = INT64_C(3813641377000);
    check_delay("Friday, 06-Nov-76 08:49:37 GMT", nov_2076 - 1000, 1000);
    check_delay("Friday, 06-Nov-76 08:49:37 GMT", NOV_2026, TEN_YEARS); /* 2076 */
    check_delay("Sunday, 06-Nov-77 08:49:37 GMT", NOV_2026, 0);         /* 1977 */
    check_delay("Monday, 06-Nov-90 08:49:37 GMT", nov_2090 - 1000, 1000);
    check_delay("Monday, 06-Nov-00 08:49:37 GMT", NOV_1994, INT64_C(189388800000)); /* 2000 */
}

static void test_broken_retry_after(void **state) {
    static const char *const rows[] = {
        "",      " ",    "-1",  "+5",  "1e3",  "5.", ".5",
        "1.5.5", "0x10", "1 2", "1,2", "soon", "5s", "2026-11-23T19:00:00Z",
        "inf"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t delay = 77;
        if (bi_retry_after_parse(rows[i], strlen(rows[i]), (bi_now){0, 0}, &delay) || delay != 77)
            fail_msg("taken: %s", rows[i]);
    }
    int64_t delay;
    assert_false(bi_retry_after_parse(NULL, 0, (bi_now){0, 0}, &delay));
    assert_false(bi_retry_after_parse("12\0"
                                      "0",
                                      4, (bi_now){0, 0}, &delay));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums_stop_at_the_end),
        cmocka_unit_test(test_http_dates),
        cmocka_unit_test(test_broken_http_dates),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_iso_dates),
        cmocka_unit_test(test_broken_iso_dates),
        cmocka_unit_test(test_calendar),
        cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_retry_after_two_digit_years),
        cmocka_unit_test(test_broken_retry_after),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
