/* Points in time and the date formats of HTTP and JSON. Reads no clock: the time is an input of every step.
 * Called by the core and the binding. */
#ifndef BI_CORE_CLOCK_H
#define BI_CORE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Milliseconds; `mono` never jumps and is what deadlines and expiry live on, `wall` is Unix time. */
typedef struct bi_now {
    int64_t mono;
    int64_t wall;
} bi_now;

#define BI_NEVER INT64_MAX

/* a + b without overflow (it stops at INT64_MIN and BI_NEVER); BI_NEVER stays BI_NEVER. */
int64_t bi_time_add(int64_t a, int64_t b);

/* The three HTTP-date forms of RFC 9110, 5.6.7, to Unix milliseconds. Without case, "UTC" passes for
 * "GMT", the weekday is not compared with the date. There being no clock here, a year of two digits
 * is 1970 to 2069; Retry-After takes it to be at most 50 years ahead of `now`, as the RFC says. */
bool bi_date_parse_http(const char *text, size_t length, int64_t *wall);

/* ISO 8601 / RFC 3339 with "Z" or an offset (+02:00, +0200, +02), with or without fractions (cut to
 * milliseconds), "T" or a space between, to Unix milliseconds. Second 60 is the next minute's 0. */
bool bi_date_parse_iso(const char *text, size_t length, int64_t *wall);

/* Retry-After (RFC 9110, 10.2.3): delay in milliseconds from `now`, from seconds (also "1.5", rounded
 * up) or an HTTP-date; a date in the past is 0. At most ten years. False, with *delay untouched, when
 * it is neither. */
bool bi_retry_after_parse(const char *text, size_t length, bi_now now, int64_t *delay);

#endif
