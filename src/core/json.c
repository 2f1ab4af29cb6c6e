/* The pull reader of src/core/json.h: what of it is rare; what is not is in json_step.h. It keeps no stack but a bit a
 * level, so nesting cannot exhaust anything, and hands out strings without escapes as they lie in the text. */
#include "core/json_step.h"

/* Which rule comes next. */
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

bi_json_event bi_json_fail(bi_json *json, const char *failure) {
    json->failure = failure;
    json->state = FAILED;
    return BI_JSON_FAILED;
}

bi_json_event bi_json_fail_here(bi_json *json, const char *failure) {
    return bi_json_fail(json, json->at == json->end ? too_short : failure);
}

bi_json_event bi_json_fail_value(bi_json *json) {
    if (json->at == json->end && json->depth == 0)
        return bi_json_fail(json, "the text is empty");
    return bi_json_fail_here(json,
                             "a value is missing or starts with a character that none starts with");
}

/* --- Strings ---------------------------------------------------------------------------------- */

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
        return bi_json_fail_here(json, "a \\u is not followed by four hexadecimal digits"), false;
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
    return add_code_point(&json->scratch, (unsigned)code) || (bi_json_fail(json, no_memory), false);
}

/* One escape with json->at on its backslash. */
static bool read_escape(bi_json *json) {
    static const char meaning[256] = {
        ['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
        ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t',
    };
    json->at++;
    if (json->at == json->end)
        return bi_json_fail(json, too_short), false;
    unsigned char c = (unsigned char)*json->at;
    if (c == 'u') {
        json->at++;
        return read_unicode(json);
    }
    if (!meaning[c])
        return bi_json_fail(json, "a string has an escape that JSON does not know"), false;
    json->at++;
    return bi_bytes_add_char(&json->scratch, meaning[c]) || (bi_json_fail(json, no_memory), false);
}

bi_json_event bi_json_read_escaped(bi_json *json, const char *run, bi_json_event event) {
    bi_bytes_reset(&json->scratch);
    while (json->at < json->end && *json->at == '\\') {
        if (!bi_bytes_add(&json->scratch, run, (size_t)(json->at - run)))
            return bi_json_fail(json, no_memory);
        if (!read_escape(json))
            return BI_JSON_FAILED;
        run = json->at;
        json->at = bi_json_find_special(run, json->end);
    }
    if (json->at == json->end || *json->at != '"')
        return bi_json_fail_here(json, "a string has a control character that is not escaped");
    if (!bi_bytes_add(&json->scratch, run, (size_t)(json->at - run)))
        return bi_json_fail(json, no_memory);
    json->at++;
    json->text = json->scratch.data;
    json->length = json->scratch.length;
    return event;
}

/* --- Structure -------------------------------------------------------------------------------- */

static bi_json_event leave(bi_json *json, bi_json_event event) {
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

/* A value; `next` is the state behind it, unless it opens a container. */
static bi_json_event read_value(bi_json *json, enum state next) {
    bi_json_event event = bi_json_read_value(json);
    if (event == BI_JSON_FAILED)
        return event;
    bool is_object = event == BI_JSON_OBJECT;
    if (!is_object && event != BI_JSON_ARRAY)
        json->state = (unsigned char)next;
    else if (bi_json_enter(json, is_object))
        json->state = is_object ? OBJECT_FIRST : ARRAY_FIRST;
    else
        return BI_JSON_FAILED;
    return event;
}

/* A member's name was read, or that there is none. */
static bi_json_event read_member(bi_json *json, bi_json_event event) {
    if (event == BI_JSON_OBJECT_END)
        return leave(json, event);
    if (event == BI_JSON_KEY)
        json->state = OBJECT_VALUE;
    return event;
}

static bi_json_event read_item(bi_json *json, bi_json_event event) {
    if (event == BI_JSON_ARRAY_END)
        return leave(json, event);
    return event == BI_JSON_FAILED ? event : read_value(json, ARRAY_NEXT);
}

bi_json_event bi_json_next(bi_json *json) {
    switch ((enum state)json->state) {
    case OBJECT_VALUE:
        return read_value(json, OBJECT_NEXT);
    case OBJECT_NEXT:
        return read_member(json, bi_json_read_next_member(json));
    case OBJECT_FIRST:
        return read_member(json, bi_json_pass_empty(json, '}') ? BI_JSON_OBJECT_END
                                                               : bi_json_read_key(json));
    case ARRAY_NEXT:
        return read_item(json, bi_json_read_next_item(json));
    case ARRAY_FIRST:
        return read_item(json, bi_json_pass_empty(json, ']') ? BI_JSON_ARRAY_END : BI_JSON_ARRAY);
    case START:
        return read_value(json, DONE);
    case DONE:
        return bi_json_read_end(json);
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
