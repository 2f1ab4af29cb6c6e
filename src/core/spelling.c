/* Undoing escapes, one character at a time (src/core/spelling.h). Looks ahead, keeps no state, allocates nothing. */
#include "core/spelling.h"

#include "core/ascii.h"

/* UTF-8; lone surrogates come out as three bytes, which equal nothing. */
static void put_code_point(bi_unit *u, unsigned long code) {
    size_t tail = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const unsigned char leads[] = {0x00, 0xC0, 0xE0, 0xF0};
    u->count = tail + 1;
    u->bytes[0] = (char)(leads[tail] | (code >> (6 * tail)));
    for (size_t i = 1; i <= tail; i++)
        u->bytes[i] = (char)(0x80 | ((code >> (6 * (tail - i))) & 0x3F));
}

/* `count` hexadecimal digits. Returns -1 when they are none, -2 when the text ends first. */
static long read_hex(bi_source s, size_t at, size_t count) {
    long value = 0;
    for (size_t i = 0; i < count; i++) {
        if (at + i >= s.length)
            return -2;
        int digit = bi_ascii_hex(s.text[at + i]);
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

static void read_percent(bi_source s, size_t at, bi_unit *u) {
    long value = read_hex(s, at + 1, 2);
    u->cut = value == -2;
    if (value >= 0)
        *u = (bi_unit){
            .bytes = {(char)value}, .count = 1, .length = 3, .spelling = BI_SPELLED_PERCENT};
}

/* \uXXXX, two of them for what lies beyond the BMP (RFC 8259, 7). */
static void read_unicode_escape(bi_source s, size_t at, bi_unit *u) {
    long high = read_hex(s, at + 2, 4), low = -1;
    u->cut = high == -2;
    if (high < 0)
        return;
    bool pair = high >= 0xD800 && high <= 0xDBFF && at + 6 < s.length &&
                bi_source_starts_with(s, at + 6, "\\u", 2);
    if (pair)
        low = read_hex(s, at + 8, 4);
    pair = low >= 0xDC00 && low <= 0xDFFF;
    *u = (bi_unit){.length = pair ? 12 : 6, .spelling = BI_SPELLED_ESCAPED};
    put_code_point(u, pair ? 0x10000UL + (unsigned long)((high - 0xD800) * 0x400 + (low - 0xDC00))
                           : (unsigned long)high);
}

static void read_escape(bi_source s, size_t at, bi_unit *u) {
    static const char names[] = "\"\\/'bfnrt";
    static const char values[] = "\"\\/'\b\f\n\r\t";
    if (at + 1 == s.length) {
        u->cut = true;
        return;
    }
    char c = s.text[at + 1];
    const char *name = c == '\0' ? NULL : strchr(names, c);
    if (name)
        *u = (bi_unit){.bytes = {values[name - names]},
                       .count = 1,
                       .length = 2,
                       .spelling = BI_SPELLED_ESCAPED};
    else if (c == 'u')
        read_unicode_escape(s, at, u);
}

/* The code point of "#39" or "#x27"; 0 when it is none. */
static unsigned long numeric_entity(const char *text, size_t length) {
    bool hex = length > 1 && bi_ascii_lower(text[1]) == 'x';
    unsigned long value = 0;
    for (size_t i = hex ? 2 : 1; i < length; i++) {
        int digit = bi_ascii_hex(text[i]);
        if (digit < 0 || (!hex && digit > 9))
            return 0;
        value = value * (hex ? 16 : 10) + (unsigned long)digit;
    }
    return value > 0x10FFFF ? 0 : value;
}

static unsigned long entity(const char *text, size_t length) {
    static const struct {
        const char *name;
        char value;
    } named[] = {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
    if (length > 1 && text[0] == '#')
        return numeric_entity(text, length);
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++)
        if (bi_ascii_is(text, length, named[i].name))
            return (unsigned long)named[i].value;
    return 0;
}

/* Whether a text that ends with these characters may have been cut off inside an entity. */
static bool begins_entity(const char *text, size_t length) {
    static const char *const names[] = {"amp;", "lt;", "gt;", "quot;", "apos;"};
    if (length == 0 || text[0] == '#')
        return true;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (length < strlen(names[i]) && bi_ascii_equal(text, length, names[i], length))
            return true;
    return false;
}

static void read_entity(bi_source s, size_t at, bi_unit *u) {
    enum { LONGEST = 9 }; /* "#x0010FFFF" is nobody's spelling */
    size_t end = at + 1;
    while (end < s.length && end - at <= LONGEST &&
           (bi_ascii_is_alnum(s.text[end]) || s.text[end] == '#'))
        end++;
    if (end == s.length) {
        u->cut = begins_entity(s.text + at + 1, end - at - 1);
        return;
    }
    unsigned long code = s.text[end] == ';' ? entity(s.text + at + 1, end - at - 1) : 0;
    if (code > 0) {
        *u = (bi_unit){.length = end + 1 - at, .spelling = BI_SPELLED_ENTITY};
        put_code_point(u, code);
    }
}

bi_unit bi_unit_read(bi_source s, size_t at, unsigned spellings) {
    char c = s.text[at];
    bi_unit u = {.bytes = {c}, .count = 1, .length = 1};
    if (c == '%' && (spellings & BI_SPELLED_PERCENT))
        read_percent(s, at, &u);
    else if (c == '\\' && (spellings & BI_SPELLED_ESCAPED))
        read_escape(s, at, &u);
    else if (c == '&' && (spellings & BI_SPELLED_ENTITY))
        read_entity(s, at, &u);
    return u;
}
