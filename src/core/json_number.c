/* Numbers of JSON text, always rounded correctly and whatever locale the program has set: exact
 * arithmetic where it suffices, strtod with the locale's own point for the rest. Called by json.c. */
#include "core/json_step.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>

/* Powers of ten that a double holds exactly. */
static const double ten_to[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
#define EXACT_POWER 22
#define EXACT_DIGITS (UINT64_C(1) << 53)
#define MANY_DIGITS 19 /* that many decimal digits always fit 64 bits */
#define EXPONENT_LIMIT 100000

/* What one pass over the text finds. */
typedef struct parts {
    uint64_t digits; /* all digits as one integer, while there are at most MANY_DIGITS of them */
    size_t count;    /* digits seen, from the first that is not 0 */
    long scale;      /* power of ten that `digits` stand to */
    bool negative;
    bool plain;        /* neither fraction nor exponent */
    const char *point; /* borrowed; NULL when there is none */
} parts;

static inline bool is_digit(const char *at, const char *end) {
    return at < end && (unsigned)(*at - '0') < 10;
}

static inline const char *read_digits(parts *p, const char *at, const char *end) {
    for (; is_digit(at, end); at++) {
        unsigned digit = (unsigned)(*at - '0');
        if (p->count < MANY_DIGITS)
            p->digits = p->digits * 10 + digit;
        p->count += p->count || digit;
    }
    return at;
}

/* The digits behind "e"; NULL when there are none. A huge exponent stays at a limit. */
static const char *read_exponent(parts *p, const char *at, const char *end) {
    bool negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    if (!is_digit(at, end))
        return NULL;
    long exponent = 0;
    for (; is_digit(at, end); at++)
        if (exponent < EXPONENT_LIMIT)
            exponent = exponent * 10 + (*at - '0');
    p->scale += negative ? -exponent : exponent;
    return at;
}

/* Checks the grammar and collects the parts; the end of the number, or NULL with *failure set. */
static const char *read_parts(parts *p, const char *at, const char *end, const char **failure) {
    p->negative = *at == '-';
    at += p->negative;
    *failure = "a number has no digit where one is due";
    if (!is_digit(at, end))
        return NULL;
    if (*at == '0' && is_digit(at + 1, end)) {
        *failure = "a number has a leading zero";
        return NULL;
    }
    at = read_digits(p, at, end);
    p->plain = true;
    if (at < end && *at == '.') {
        p->plain = false;
        p->point = at;
        at = read_digits(p, at + 1, end);
        if (at == p->point + 1)
            return NULL;
        p->scale -= at - p->point - 1;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        p->plain = false;
        at = read_exponent(p, at + 1, end);
    }
    return at;
}

/* Clinger's fast path: both operands are exact, so the one operation rounds once. */
static bool exact(const parts *p, double *number) {
#if FLT_EVAL_METHOD == 0
    if (p->count > MANY_DIGITS || p->digits > EXACT_DIGITS || p->scale > EXACT_POWER ||
        p->scale < -EXACT_POWER)
        return false;
    double value = (double)p->digits;
    value = p->scale < 0 ? value / ten_to[-p->scale] : value * ten_to[p->scale];
    *number = p->negative ? -value : value;
    return true;
#else
    (void)p, (void)number, (void)ten_to;
    return false;
#endif
}

/* The locale's point lies between the digits of one half; localeconv is not safe in threads. */
static void add_point(bi_bytes *out) {
    char half[32];
    int length = snprintf(half, sizeof half, "%.1f", 0.5);
    if (length > 2 && (size_t)length < sizeof half)
        bi_bytes_add(out, half + 1, (size_t)length - 2);
}

/* strtod takes the point of the current locale and nothing else, so the copy gets that one. */
static bool by_library(bi_json *json, const parts *p, const char *end, double *number) {
    const char *start = json->at;
    bi_bytes *copy = &json->scratch;
    bi_bytes_reset(copy);
    if (p->point) {
        bi_bytes_add(copy, start, (size_t)(p->point - start));
        add_point(copy);
        start = p->point + 1;
    }
    if (!bi_bytes_add(copy, start, (size_t)(end - start)))
        return false;
    *number = strtod(copy->data, NULL);
    return true;
}

/* -0 is no integer: it would lose its sign. */
static bool fits_integer(const parts *p) {
    if (!p->plain || p->count > MANY_DIGITS)
        return false;
    return p->negative ? p->digits > 0 && p->digits <= (uint64_t)INT64_MAX + 1
                       : p->digits <= INT64_MAX;
}

bi_json_event bi_json_read_number(bi_json *json) {
    parts p = {0};
    const char *failure, *end = read_parts(&p, json->at, json->end, &failure);
    if (!end)
        return bi_json_fail(json, failure);
    if (fits_integer(&p)) {
        /* Negated while unsigned: the smallest integer has no positive twin. */
        json->integer = (int64_t)(p.negative ? 0 - p.digits : p.digits);
    } else if (!exact(&p, &json->number) && !by_library(json, &p, end, &json->number)) {
        return bi_json_fail(json, "there is no memory for a number");
    }
    json->at = end;
    return p.plain && fits_integer(&p) ? BI_JSON_INTEGER : BI_JSON_NUMBER;
}
