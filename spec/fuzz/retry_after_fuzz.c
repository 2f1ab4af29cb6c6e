/* libFuzzer: any bytes as Retry-After, HTTP-date and ISO 8601; the first eight are the wall clock. Delays are within
 * bounds and agree with the date, and dates that are written down again are read as the same. */
#include "core/clock.h"
#include "must.h"

#include <time.h>

#define TEN_YEARS (INT64_C(3653) * 86400000)

static void check_delay(const char *text, size_t length, bi_now now) {
    int64_t delay = -1, wall;
    if (!bi_retry_after_parse(text, length, now, &delay)) {
        MUST(delay == -1);
        return;
    }
    MUST(delay >= 0 && delay <= TEN_YEARS);
    if (bi_date_parse_http(text, length, &wall) && delay > 0 && delay < TEN_YEARS) {
        /* A year of two digits may be another century here than there, so only whole centuries may differ. */
        int64_t apart = wall - now.wall - delay;
        MUST(apart % INT64_C(86400000) == 0);
    }
}

/* The same moment, written by the C library. */
static void check_round_trip(int64_t wall) {
    char text[64];
    struct tm tm;
    time_t seconds = (time_t)(wall / 1000 - (wall % 1000 < 0));
    int64_t again = -1;
    MUST(gmtime_r(&seconds, &tm));
    if (tm.tm_year < -900) /* strftime writes such years with fewer digits */
        return;
    size_t length = strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    if (tm.tm_year > 9999 - 1900)
        return;
    MUST(bi_date_parse_http(text, length, &again) && again == (int64_t)seconds * 1000);
    length = strftime(text, sizeof text, "%a %b %e %H:%M:%S %Y", &tm);
    MUST(bi_date_parse_http(text, length, &again) && again == (int64_t)seconds * 1000);
    length = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    MUST(bi_date_parse_iso(text, length, &again) && again == (int64_t)seconds * 1000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bi_now now = {0, 0};
    int64_t wall;
    if (size < sizeof now.wall)
        return 0;
    memcpy(&now.wall, data, sizeof now.wall);
    size -= sizeof now.wall;
    char *copy = must_copy(data + sizeof now.wall, size);
    check_delay(copy, size, now);
    if (bi_date_parse_http(copy, size, &wall))
        check_round_trip(wall);
    if (bi_date_parse_iso(copy, size, &wall))
        check_round_trip(wall);
    MUST(bi_time_add(now.wall, 1) >= now.wall && bi_time_add(now.wall, -1) <= BI_NEVER);
    free(copy);
    return 0;
}
