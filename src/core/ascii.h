/* Character classes of ASCII that no locale can change, and comparison without case. Called by the
 * core only. */
#ifndef BI_CORE_ASCII_H
#define BI_CORE_ASCII_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static inline bool bi_ascii_is_digit(char c) {
    return c >= '0' && c <= '9';
}

static inline bool bi_ascii_is_upper(char c) {
    return c >= 'A' && c <= 'Z';
}

static inline bool bi_ascii_is_lower(char c) {
    return c >= 'a' && c <= 'z';
}

static inline bool bi_ascii_is_alpha(char c) {
    return bi_ascii_is_upper(c) || bi_ascii_is_lower(c);
}

static inline bool bi_ascii_is_alnum(char c) {
    return bi_ascii_is_alpha(c) || bi_ascii_is_digit(c);
}

static inline bool bi_ascii_is_control(char c) {
    return (unsigned char)c < 0x20 || c == 0x7F;
}

/* OWS of RFC 9110, 5.6.3. */
static inline bool bi_ascii_is_blank(char c) {
    return c == ' ' || c == '\t';
}

/* "unreserved" of RFC 3986, 2.3, which is also the alphabet of RFC 7636, 4.1. */
static inline bool bi_ascii_is_unreserved(char c) {
    return bi_ascii_is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

/* "tchar" of RFC 9110, 5.6.2. */
static inline bool bi_ascii_is_tchar(char c) {
    return bi_ascii_is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static inline char bi_ascii_lower(char c) {
    return bi_ascii_is_upper(c) ? (char)(c - 'A' + 'a') : c;
}

/* The value of a hexadecimal digit, or -1. */
static inline int bi_ascii_hex(char c) {
    if (bi_ascii_is_digit(c))
        return c - '0';
    c = bi_ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static inline bool bi_ascii_equal(const char *a, size_t a_length, const char *b, size_t b_length) {
    if (a_length != b_length)
        return false;
    for (size_t i = 0; i < a_length; i++)
        if (bi_ascii_lower(a[i]) != bi_ascii_lower(b[i]))
            return false;
    return true;
}

/* The same against a C string. */
static inline bool bi_ascii_is(const char *text, size_t length, const char *word) {
    return bi_ascii_equal(text, length, word, strlen(word));
}

#endif
