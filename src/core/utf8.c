/* Whether text is well-formed UTF-8 (RFC 3629): the part of src/core/json.h that the reader itself
 * does not need, since strings arrive byte for byte. Called by the core and the binding. */
#include "core/json.h"

#include <string.h>

#define HIGH_BITS UINT64_C(0x8080808080808080)

/* Passes over ASCII, eight bytes at a time where it can. */
static const unsigned char *skip_ascii(const unsigned char *at, const unsigned char *end) {
    uint64_t word;
    while ((size_t)(end - at) >= sizeof word) {
        memcpy(&word, at, sizeof word);
        if (word & HIGH_BITS)
            break;
        at += sizeof word;
    }
    while (at < end && *at < 0x80)
        at++;
    return at;
}

/* The length of the sequence that starts with `lead`, 0 when none does. The first continuation byte
 * must lie in [*low, *high]: that is what keeps overlong forms, surrogates and > U+10FFFF out. */
static size_t sequence(unsigned char lead, unsigned char *low, unsigned char *high) {
    *low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    *high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (lead >= 0xC2 && lead <= 0xDF)
        return 2;
    if (lead >= 0xE0 && lead <= 0xEF)
        return 3;
    return lead >= 0xF0 && lead <= 0xF4 ? 4 : 0;
}

bool bi_utf8_is_valid(const char *text, size_t length) {
    if (length == 0)
        return true;
    const unsigned char *at = (const unsigned char *)text;
    const unsigned char *end = at + length;
    while ((at = skip_ascii(at, end)) < end) {
        unsigned char low, high;
        size_t size = sequence(*at, &low, &high);
        if (size == 0 || (size_t)(end - at) < size || at[1] < low || at[1] > high)
            return false;
        for (size_t i = 2; i < size; i++)
            if ((at[i] & 0xC0) != 0x80)
                return false;
        at += size;
    }
    return true;
}
