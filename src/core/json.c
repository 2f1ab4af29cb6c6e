/* The pull reader of src/core/json.h. It keeps no stack but a bit a level, so nesting cannot
 * exhaust anything, and hands out strings without escapes as they lie in the text. */
#include "core/json.h"

#include "core/json_number.h"

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* What may come next. */
enum state {
    START,        /* the one value of the text */
    DONE,         /* it was read */
    FAILED,       /* broken; stays so */
    OBJECT_FIRST, /* behind "{" */
    OBJECT_VALUE, /* behind a name and its colon */
    OBJECT_NEXT,  /* behind a member */
    ARRAY_FIRST,  /* behind "[" */
    ARRAY_NEXT    /* behind an item */
};

static const char no_memory[] = "there is no memory for a string with escapes";
static const char too_short[] = "the text ends too early";

void bi_json_init(bi_json *json, const char *text, size_t length, bool secret) {
    json->start = json->at = text ? text : "";
    json->end = json->start + length;
    json->text = NULL;
    json->length = 0;
    json->integer = 0;
    json->number = 0;
    json->failure = NULL;
    bi_bytes_init(&json->scratch);
    json->scratch.secret = secret;
    json->depth = 0;
    json->state = START;
    if (length >= 3 && memcmp(json->start, "\xEF\xBB\xBF", 3) == 0)
        json->at += 3;
}

void bi_json_clear(bi_json *json) {
    bi_bytes_clear(&json->scratch);
}

size_t bi_json_offset(const bi_json *json) {
    return (size_t)(json->at - json->start);
}

static bi_json_event fail(bi_json *json, const char *failure) {
    json->failure = failure;
    json->state = FAILED;
    return BI_JSON_FAILED;
}

/* The text ended, or it goes on with what may not stand there. */
static bi_json_event fail_here(bi_json *json, const char *failure) {
    return fail(json, json->at == json->end ? too_short : failure);
}

static inline void skip_space(bi_json *json) {
    const char *at = json->at;
    while (at < json->end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    json->at = at;
}

/* --- Strings ---------------------------------------------------------------------------------- */

/* 1 for what ends a run of plain characters: the quote, the backslash, control characters. */
static const unsigned char is_special[256] = {
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,         1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, ['"'] = 1, ['\\'] = 1,
};

/* The first special character from `at` on, or `end`. */
static inline const char *find_special(const char *at, const char *end) {
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
    while (at < end && !is_special[(unsigned char)*at])
        at++;
    return at;
}

/* Four hexadecimal digits, or -1. */
static int read_hex(const char *at, const char *end) {
    if (end - at < 4)
        return -1;
    int value = 0;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        if (c >= '0' && c <= '9')
            value = value * 16 + (c - '0');
        else if ((c | 32) >= 'a' && (c | 32) <= 'f')
            value = value * 16 + ((c | 32) - 'a' + 10);
        else
            return -1;
    }
    return value;
}

static bool add_code_point(bi_bytes *out, unsigned code) {
    char bytes[4];
    size_t length;
    if (code < 0x80) {
        bytes[0] = (char)code;
        length = 1;
    } else if (code < 0x800) {
        bytes[0] = (char)(0xC0 | code >> 6);
        bytes[1] = (char)(0x80 | (code & 0x3F));
        length = 2;
    } else if (code < 0x10000) {
        bytes[0] = (char)(0xE0 | code >> 12);
        bytes[1] = (char)(0x80 | (code >> 6 & 0x3F));
        bytes[2] = (char)(0x80 | (code & 0x3F));
        length = 3;
    } else {
        bytes[0] = (char)(0xF0 | code >> 18);
        bytes[1] = (char)(0x80 | (code >> 12 & 0x3F));
        bytes[2] = (char)(0x80 | (code >> 6 & 0x3F));
        bytes[3] = (char)(0x80 | (code & 0x3F));
        length = 4;
    }
    return bi_bytes_add(out, bytes, length);
}

/* \uXXXX with json->at behind the "u". Half a surrogate pair becomes U+FFFD: one bad character in
 * one translation must not cost the whole page. */
static bool read_unicode(bi_json *json) {
    const char *at = json->at;
    int code = read_hex(at, json->end);
    if (code < 0)
        return fail_here(json, "a \\u is not followed by four hexadecimal digits"), false;
    json->at += 4;
    if (code >= 0xD800 && code <= 0xDFFF) {
        int low = -1;
        if (code < 0xDC00 && json->end - at >= 10 && at[4] == '\\' && at[5] == 'u')
            low = read_hex(at + 6, json->end);
        if (low >= 0xDC00 && low <= 0xDFFF) {
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            json->at += 6;
        } else {
            code = 0xFFFD;
        }
    }
    return add_code_point(&json->scratch, (unsigned)code) || (fail(json, no_memory), false);
}

/* One escape with json->at on its backslash. */
static bool read_escape(bi_json *json) {
    static const char meaning[256] = {
        ['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
        ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t',
    };
    json->at++;
    if (json->at == json->end)
        return fail(json, too_short), false;
    unsigned char c = (unsigned char)*json->at;
    if (c == 'u') {
        json->at++;
        return read_unicode(json);
    }
    if (!meaning[c])
        return fail(json, "a string has an escape that JSON does not know"), false;
    json->at++;
    return bi_bytes_add_char(&json->scratch, meaning[c]) || (fail(json, no_memory), false);
}

static bi_json_event fail_in_string(bi_json *json) {
    return fail_here(json, "a string has a control character that is not escaped");
}

/* A string that has escapes: undone into the scratch memory, run by run. */
static bi_json_event read_escaped(bi_json *json, const char *run, bi_json_event event) {
    bi_bytes_reset(&json->scratch);
    for (;;) {
        if (!bi_bytes_add(&json->scratch, run, (size_t)(json->at - run)))
            return fail(json, no_memory);
        if (json->at == json->end || (unsigned char)*json->at < 0x20)
            return fail_in_string(json);
        if (*json->at == '"')
            break;
        if (!read_escape(json))
            return BI_JSON_FAILED;
        run = json->at;
        json->at = find_special(run, json->end);
    }
    json->at++;
    json->text = json->scratch.data;
    json->length = json->scratch.length;
    return event;
}

/* Any string, with json->at on its opening quote. */
static inline bi_json_event read_string(bi_json *json, bi_json_event event) {
    const char *start = json->at + 1;
    const char *at = find_special(start, json->end);
    json->at = at;
    if (at < json->end && *at == '"') {
        json->text = start;
        json->length = (size_t)(at - start);
        json->at = at + 1;
        return event;
    }
    return at < json->end && *at == '\\' ? read_escaped(json, start, event) : fail_in_string(json);
}

/* --- Structure -------------------------------------------------------------------------------- */

static inline bi_json_event open(bi_json *json, bi_json_event event) {
    if (json->depth == BI_JSON_DEPTH_MAX)
        return fail(json, "nested deeper than 512 levels");
    uint64_t bit = UINT64_C(1) << (json->depth % 64);
    uint64_t *word = &json->nesting[json->depth / 64];
    *word = event == BI_JSON_OBJECT ? *word | bit : *word & ~bit;
    json->depth++;
    json->at++;
    json->state = event == BI_JSON_OBJECT ? OBJECT_FIRST : ARRAY_FIRST;
    return event;
}

static inline bi_json_event close(bi_json *json, bi_json_event event) {
    json->at++;
    json->depth--;
    if (json->depth == 0) {
        json->state = DONE;
    } else {
        unsigned level = json->depth - 1;
        bool object = json->nesting[level / 64] >> (level % 64) & 1;
        json->state = object ? OBJECT_NEXT : ARRAY_NEXT;
    }
    return event;
}

static bi_json_event read_word(bi_json *json, const char *word, bi_json_event event) {
    size_t length = strlen(word);
    if ((size_t)(json->end - json->at) < length || memcmp(json->at, word, length) != 0)
        return fail(json, "a word is none of true, false and null");
    json->at += length;
    return event;
}

static bi_json_event read_number(bi_json *json) {
    bi_json_event event = bi_json_read_number(json);
    if (event == BI_JSON_FAILED)
        json->state = FAILED;
    return event;
}

/* A value; `next` is the state behind it, unless it opens a container. */
static inline bi_json_event read_value(bi_json *json, enum state next) {
    if (json->at == json->end)
        return fail(json, too_short);
    json->state = (unsigned char)next;
    switch (*json->at) {
    case '"':
        return read_string(json, BI_JSON_STRING);
    case '{':
        return open(json, BI_JSON_OBJECT);
    case '[':
        return open(json, BI_JSON_ARRAY);
    case 't':
        return read_word(json, "true", BI_JSON_TRUE);
    case 'f':
        return read_word(json, "false", BI_JSON_FALSE);
    case 'n':
        return read_word(json, "null", BI_JSON_NULL);
    case '-':
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
        return read_number(json);
    default:
        return fail(json, "a value is missing or starts with a character that none starts with");
    }
}

/* A member's name and its colon. */
static inline bi_json_event read_key(bi_json *json) {
    if (json->at == json->end || *json->at != '"')
        return fail_here(json, "a member's name in double quotes is missing");
    bi_json_event event = read_string(json, BI_JSON_KEY);
    if (event == BI_JSON_FAILED)
        return event;
    skip_space(json);
    if (json->at == json->end || *json->at != ':')
        return fail_here(json, "the colon behind a member's name is missing");
    json->at++;
    json->state = OBJECT_VALUE;
    return event;
}

/* The one character behind white space, or NUL at the end (which nothing below takes). */
static inline char peek(bi_json *json) {
    skip_space(json);
    return json->at < json->end ? *json->at : '\0';
}

bi_json_event bi_json_next(bi_json *json) {
    char c = peek(json);
    switch ((enum state)json->state) {
    case OBJECT_VALUE:
        return read_value(json, OBJECT_NEXT);
    case OBJECT_NEXT:
        if (c == '}')
            return close(json, BI_JSON_OBJECT_END);
        if (c != ',')
            return fail_here(json, "a comma or } is missing behind a member");
        json->at++;
        skip_space(json);
        return read_key(json);
    case OBJECT_FIRST:
        return c == '}' ? close(json, BI_JSON_OBJECT_END) : read_key(json);
    case ARRAY_NEXT:
        if (c == ']')
            return close(json, BI_JSON_ARRAY_END);
        if (c != ',')
            return fail_here(json, "a comma or ] is missing behind an item");
        json->at++;
        skip_space(json);
        return read_value(json, ARRAY_NEXT);
    case ARRAY_FIRST:
        return c == ']' ? close(json, BI_JSON_ARRAY_END) : read_value(json, ARRAY_NEXT);
    case START:
        return json->at == json->end ? fail(json, "the text is empty") : read_value(json, DONE);
    case DONE:
        return json->at == json->end ? BI_JSON_END
                                     : fail(json, "something stands behind the value");
    case FAILED:
        break;
    }
    return BI_JSON_FAILED;
}

bool bi_json_skip(bi_json *json) {
    if (json->state == OBJECT_VALUE)
        bi_json_next(json);
    if (json->state != OBJECT_FIRST && json->state != ARRAY_FIRST)
        return json->state != FAILED;
    unsigned outside = json->depth - 1;
    while (json->depth > outside)
        if (bi_json_next(json) == BI_JSON_FAILED)
            return false;
    return true;
}
