/* The grammar of the reader of src/core/json.h, one function a rule. Each call costs as much as reading a short string,
 * so what reads most documents has them in its own body: json.c, where a state says which rule is next, and the
 * binding's json_lua.c, where the place in the code says it. */
#ifndef BI_CORE_JSON_STEP_H
#define BI_CORE_JSON_STEP_H

#include "core/json.h"

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* --- What is rare, in json.c and json_number.c --------------------------------------------------------------------- */

bi_json_event bi_json_fail(bi_json *json, const char *failure);

/* The text ended, or it goes on with what may not stand there. */
bi_json_event bi_json_fail_here(bi_json *json, const char *failure);

/* No value begins at json->at. */
bi_json_event bi_json_fail_value(bi_json *json);

/* A string from `run` on that does not go on plainly at json->at: it has escapes, or is broken. */
bi_json_event bi_json_read_escaped(bi_json *json, const char *run, bi_json_event event);

/* Reads any number at json->at (which holds '-' or a digit) and passes over it: INTEGER, NUMBER or FAILED. Never looks
 * at the locale. */
bi_json_event bi_json_read_number(bi_json *json);

/* --- Tokens -------------------------------------------------------------------------------------------------------- */

/* The character behind white space, or NUL at the end (which nothing below takes). */
static inline char bi_json_peek(bi_json *json) {
    const char *at = json->at, *end = json->end;
    if (at < end && (unsigned char)*at > ' ')
        return *at;
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    json->at = at;
    return at < end ? *at : '\0';
}

/* The first character from `at` on that ends a run of plain ones (a quote, a backslash, a control character), or
 * `end`. */
static inline const char *bi_json_find_special(const char *at, const char *end) {
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i backslash = _mm_set1_epi8('\\');
    const __m128i last_control = _mm_set1_epi8(0x1F);
    for (; end - at >= 16; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, last_control), bytes);
        __m128i hits = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, quote), control),
                                    _mm_cmpeq_epi8(bytes, backslash));
        unsigned mask = (unsigned)_mm_movemask_epi8(hits);
        if (mask)
            return at + __builtin_ctz(mask);
    }
#endif
    while (at < end && *at != '"' && *at != '\\' && (unsigned char)*at > 0x1F)
        at++;
    return at;
}

/* Any string, with json->at on its opening quote. */
static inline bi_json_event bi_json_read_string(bi_json *json, bi_json_event event) {
    const char *start = json->at + 1;
    const char *at = bi_json_find_special(start, json->end);
    if (at == json->end || *at != '"') {
        json->at = at;
        return bi_json_read_escaped(json, start, event);
    }
    json->text = start;
    json->length = (size_t)(at - start);
    json->at = at + 1;
    return event;
}

/* Digits of an integer that surely fits; all else is read again from the start. */
static inline bi_json_event bi_json_read_short_integer(bi_json *json) {
    const char *at = json->at, *end = json->end;
    const char *limit = end - at > 16 ? at + 16 : end;
    int64_t value = *at++ - '0';
    bool leads_with_zero = value == 0;
    while (at < limit && (unsigned)(*at - '0') < 10)
        value = value * 10 + (*at++ - '0');
    if (at == limit || *at == '.' || (*at | 32) == 'e' || (leads_with_zero && at - json->at > 1))
        return bi_json_read_number(json);
    json->integer = value;
    json->at = at;
    return BI_JSON_INTEGER;
}

static inline bi_json_event bi_json_read_word(bi_json *json, const char *word, size_t length,
                                              bi_json_event event) {
    if ((size_t)(json->end - json->at) < length || memcmp(json->at, word, length) != 0)
        return bi_json_fail(json, "a word is none of true, false and null");
    json->at += length;
    return event;
}

/* --- Structure ----------------------------------------------------------------------------------------------------- */

/* Goes one level down, behind an OBJECT or ARRAY. False at the limit. */
static inline bool bi_json_enter(bi_json *json, bool is_object) {
    if (json->depth == BI_JSON_DEPTH_MAX) {
        json->at--; /* the bracket is where it breaks */
        bi_json_fail(json, "nested deeper than 512 levels");
        return false;
    }
    uint64_t bit = UINT64_C(1) << (json->depth % 64);
    uint64_t *word = &json->nesting[json->depth / 64];
    *word = is_object ? *word | bit : *word & ~bit;
    json->depth++;
    return true;
}

/* Passes over the bracket that ends a container without anything in it; false: there is something. */
static inline bool bi_json_pass_empty(bi_json *json, char bracket) {
    if (bi_json_peek(json) != bracket)
        return false;
    json->at++;
    return true;
}

/* A member's name and its colon: KEY. */
static inline bi_json_event bi_json_read_key(bi_json *json) {
    if (bi_json_peek(json) != '"')
        return bi_json_fail_here(json, "a member's name in double quotes is missing");
    if (bi_json_read_string(json, BI_JSON_KEY) == BI_JSON_FAILED)
        return BI_JSON_FAILED;
    if (bi_json_peek(json) != ':')
        return bi_json_fail_here(json, "the colon behind a member's name is missing");
    json->at++;
    return BI_JSON_KEY;
}

/* Behind a member: the KEY of the next one, or OBJECT_END. */
static inline bi_json_event bi_json_read_next_member(bi_json *json) {
    char c = bi_json_peek(json);
    if (c != ',' && c != '}')
        return bi_json_fail_here(json, "a comma or } is missing behind a member");
    json->at++;
    return c == ',' ? bi_json_read_key(json) : BI_JSON_OBJECT_END;
}

/* Behind an item: ARRAY, when a value must follow, or ARRAY_END. */
static inline bi_json_event bi_json_read_next_item(bi_json *json) {
    char c = bi_json_peek(json);
    if (c != ',' && c != ']')
        return bi_json_fail_here(json, "a comma or ] is missing behind an item");
    json->at++;
    return c == ',' ? BI_JSON_ARRAY : BI_JSON_ARRAY_END;
}

/* A scalar, or the bracket of a container that is yet to be entered. */
static inline bi_json_event bi_json_read_value(bi_json *json) {
    char c = bi_json_peek(json);
    if (c == '"')
        return bi_json_read_string(json, BI_JSON_STRING);
    switch (c) {
    case '{':
        json->at++;
        return BI_JSON_OBJECT;
    case '[':
        json->at++;
        return BI_JSON_ARRAY;
    case 't':
        return bi_json_read_word(json, "true", 4, BI_JSON_TRUE);
    case 'f':
        return bi_json_read_word(json, "false", 5, BI_JSON_FALSE);
    case 'n':
        return bi_json_read_word(json, "null", 4, BI_JSON_NULL);
    case '-':
        return bi_json_read_number(json);
    case '0':
    case '1':
    case '2':
    case '3':
    case '4':
    case '5':
    case '6':
    case '7':
    case '8':
    case '9':
        return bi_json_read_short_integer(json);
    default:
        return bi_json_fail_value(json);
    }
}

/* Behind the one value of the text. */
static inline bi_json_event bi_json_read_end(bi_json *json) {
    bi_json_peek(json);
    return json->at == json->end ? BI_JSON_END
                                 : bi_json_fail(json, "something stands behind the value");
}

#endif
