/* Points in time and the date formats of src/core/clock.h: HTTP-date, ISO 8601, Retry-After. Own
 * calendar arithmetic, since mktime and strptime depend on time zone and locale. */
#include "core/clock.h"

#include "core/ascii.h"

#define SECOND INT64_C(1000)
#define DAY (INT64_C(86400) * SECOND)
#define TEN_YEARS (INT64_C(3653) * DAY)

/* Two-digit years without a clock to compare with: 00-69 are 2000 and later, as in RFC 6265,
 * 5.1.1. */
#define PIVOT_YEAR 2019

int64_t bi_time_add(int64_t a, int64_t b) {
    if (a == BI_NEVER || b == BI_NEVER)
        return BI_NEVER;
    if (b > 0 && a > INT64_MAX - b)
        return BI_NEVER;
    if (b < 0 && a < INT64_MIN - b)
        return INT64_MIN;
    return a + b;
}

/* --- Calendar --------------------------------------------------------------------------------- */

typedef struct moment {
    int year, month, day, hour, minute, second, millisecond;
    int offset; /* minutes east of UTC */
} moment;

static bool is_leap(int year) {
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_in_month(int year, int month) {
    static const signed char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year) ? 1 : 0);
}

/* Days from a fixed day to the first of January; 400 years are added so that year 0 does not
 * divide below zero. */
static int64_t days_before_year(int year) {
    int64_t past = (int64_t)year + 399;
    return past * 365 + past / 4 - past / 100 + past / 400;
}

/* Second 60 is a leap second (RFC 3339, 5.7), which Unix time counts as the first of the next
 * minute. */
static bool to_wall(const moment *m, int64_t *wall) {
    if (m->month < 1 || m->month > 12 || m->day < 1 || m->day > days_in_month(m->year, m->month))
        return false;
    if (m->hour > 23 || m->minute > 59 || m->second > 60)
        return false;
    int64_t days = days_before_year(m->year) - days_before_year(1970) + m->day - 1;
    for (int month = 1; month < m->month; month++)
        days += days_in_month(m->year, month);
    int64_t minutes = days * 1440 + m->hour * 60 + m->minute - m->offset;
    *wall = (minutes * 60 + m->second) * SECOND + m->millisecond;
    return true;
}

/* --- Reading ---------------------------------------------------------------------------------- */

typedef struct cursor {
    const char *at, *end;
} cursor;

static cursor cursor_trimmed(const char *text, size_t length) {
    cursor c = {text, length ? text + length : text};
    while (c.at < c.end && bi_ascii_is_blank(*c.at))
        c.at++;
    while (c.at < c.end && bi_ascii_is_blank(c.end[-1]))
        c.end--;
    return c;
}

static bool take(cursor *c, char wanted) {
    if (c->at == c->end || bi_ascii_lower(*c->at) != bi_ascii_lower(wanted))
        return false;
    c->at++;
    return true;
}

/* Between `least` and `most` digits, as many as there are. Returns how many; 0 is a failure. */
static int take_digits(cursor *c, int least, int most, int *value) {
    int count = 0;
    *value = 0;
    while (c->at < c->end && count < most && bi_ascii_is_digit(*c->at)) {
        *value = *value * 10 + (*c->at++ - '0');
        count++;
    }
    return count < least ? 0 : count;
}

static bool take_letters(cursor *c, const char **word, size_t *length) {
    *word = c->at;
    while (c->at < c->end && bi_ascii_is_alpha(*c->at))
        c->at++;
    *length = (size_t)(c->at - *word);
    return *length > 0;
}

static bool take_time(cursor *c, moment *m) {
    return take_digits(c, 2, 2, &m->hour) && take(c, ':') && take_digits(c, 2, 2, &m->minute) &&
           take(c, ':') && take_digits(c, 2, 2, &m->second);
}

/* --- HTTP-date -------------------------------------------------------------------------------- */

/* The name is checked, that it is the date's own weekday is not: servers get that wrong and it
 * adds nothing. */
static bool take_weekday(cursor *c) {
    static const char *const names[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                        "Thursday", "Friday", "Saturday"};
    const char *word;
    size_t length;
    if (!take_letters(c, &word, &length))
        return false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (bi_ascii_is(word, length, names[i]) || bi_ascii_equal(word, length, names[i], 3))
            return true;
    return false;
}

static bool take_month(cursor *c, int *month) {
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    const char *word;
    size_t length;
    if (!take_letters(c, &word, &length))
        return false;
    for (int i = 0; i < 12; i++) {
        if (bi_ascii_equal(word, length, names + 3 * i, 3)) {
            *month = i + 1;
            return true;
        }
    }
    return false;
}

/* RFC 9110, 5.6.7: two digits that seem more than 50 years ahead are the last such year before. */
static int full_year(int digits, int present) {
    int year = present - present % 100 + digits;
    if (year > present + 50)
        year -= 100;
    else if (year + 100 <= present + 50)
        year += 100;
    return year;
}

static bool take_year(cursor *c, int present, int *year) {
    int count = take_digits(c, 2, 4, year);
    if (count == 2)
        *year = full_year(*year, present);
    return count == 2 || count == 4;
}

static bool take_zone_name(cursor *c) {
    const char *word;
    size_t length;
    return take(c, ' ') && take_letters(c, &word, &length) &&
           (bi_ascii_is(word, length, "GMT") || bi_ascii_is(word, length, "UTC"));
}

/* "06 Nov 1994 08:49:37 GMT" and "06-Nov-94 08:49:37 GMT"; the separator may be either, the year
 * either long. */
static bool take_day_first(cursor *c, int present, moment *m) {
    if (!take(c, ' ') || !take_digits(c, 1, 2, &m->day))
        return false;
    char separator = take(c, '-') ? '-' : ' ';
    if (separator == ' ' && !take(c, ' '))
        return false;
    return take_month(c, &m->month) && take(c, separator) && take_year(c, present, &m->year) &&
           take(c, ' ') && take_time(c, m) && take_zone_name(c);
}

/* asctime: "Nov  6 08:49:37 1994". */
static bool take_month_first(cursor *c, moment *m) {
    if (!take(c, ' ') || !take_month(c, &m->month) || !take(c, ' '))
        return false;
    int most = take(c, ' ') ? 1 : 2;
    return take_digits(c, 1, most, &m->day) && take(c, ' ') && take_time(c, m) && take(c, ' ') &&
           take_digits(c, 4, 4, &m->year);
}

static bool parse_http(const char *text, size_t length, int present, int64_t *wall) {
    cursor c = cursor_trimmed(text, length);
    moment m = {0};
    if (!take_weekday(&c))
        return false;
    bool read = take(&c, ',') ? take_day_first(&c, present, &m) : take_month_first(&c, &m);
    return read && c.at == c.end && to_wall(&m, wall);
}

bool bi_date_parse_http(const char *text, size_t length, int64_t *wall) {
    return parse_http(text, length, PIVOT_YEAR, wall);
}

/* --- ISO 8601 --------------------------------------------------------------------------------- */

static bool take_fraction(cursor *c, int *millisecond) {
    int digits = 0, scale = 100;
    if (!take(c, '.') && !take(c, ','))
        return true;
    for (; c->at < c->end && bi_ascii_is_digit(*c->at); c->at++, digits = 1) {
        *millisecond += (*c->at - '0') * scale;
        scale /= 10;
    }
    return digits > 0;
}

/* "Z", "+02:00", "+0200" and "+02" (which PostgreSQL writes). */
static bool take_offset(cursor *c, int *offset) {
    int hours, minutes = 0;
    if (take(c, 'Z'))
        return true;
    bool west = take(c, '-');
    if ((!west && !take(c, '+')) || !take_digits(c, 2, 2, &hours))
        return false;
    bool colon = take(c, ':');
    if ((colon || c->at < c->end) && !take_digits(c, 2, 2, &minutes))
        return false;
    *offset = (hours * 60 + minutes) * (west ? -1 : 1);
    return hours <= 23 && minutes <= 59;
}

bool bi_date_parse_iso(const char *text, size_t length, int64_t *wall) {
    cursor c = {text, length ? text + length : text};
    moment m = {0};
    return take_digits(&c, 4, 4, &m.year) && take(&c, '-') && take_digits(&c, 2, 2, &m.month) &&
           take(&c, '-') && take_digits(&c, 2, 2, &m.day) && (take(&c, 'T') || take(&c, ' ')) &&
           take_time(&c, &m) && take_fraction(&c, &m.millisecond) && take_offset(&c, &m.offset) &&
           c.at == c.end && to_wall(&m, wall);
}

/* --- Retry-After ------------------------------------------------------------------------------ */

/* Decimal seconds, rounded up: coming a little late is fine, coming too early is refused again. */
static bool parse_seconds(cursor c, int64_t *delay) {
    int64_t whole = 0, fraction = 0, scale = 100;
    if (c.at == c.end || !bi_ascii_is_digit(*c.at))
        return false;
    for (; c.at < c.end && bi_ascii_is_digit(*c.at); c.at++)
        if (whole <= TEN_YEARS / SECOND)
            whole = whole * 10 + (*c.at - '0');
    if (take(&c, '.')) {
        if (c.at == c.end)
            return false;
        bool rest = false;
        for (; c.at < c.end && bi_ascii_is_digit(*c.at); c.at++, scale /= 10) {
            fraction += (*c.at - '0') * scale;
            rest |= scale == 0 && *c.at != '0';
        }
        fraction += rest;
    }
    if (c.at != c.end)
        return false;
    *delay = whole >= TEN_YEARS / SECOND ? TEN_YEARS : whole * SECOND + fraction;
    return true;
}

/* The year of a wall clock, a day more or less; the pivot when the clock is beyond reason. */
static int present_year(int64_t wall) {
    const int64_t year = INT64_C(31556952) * SECOND; /* the mean Gregorian year */
    if (wall < 0 || wall > 8000 * year)
        return PIVOT_YEAR;
    return 1970 + (int)(wall / year);
}

bool bi_retry_after_parse(const char *text, size_t length, bi_now now, int64_t *delay) {
    int64_t wall;
    if (parse_seconds(cursor_trimmed(text, length), delay))
        return true;
    if (!parse_http(text, length, present_year(now.wall), &wall))
        return false;
    if (wall <= now.wall)
        *delay = 0;
    else
        *delay = now.wall < wall - TEN_YEARS ? TEN_YEARS : wall - now.wall;
    return true;
}
