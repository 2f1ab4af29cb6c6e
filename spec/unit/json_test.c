/* src/core/json.c: what is taken and as what, what is refused and where, limits, and no memory. */
#include "core/json.h"
#include "core/memory.h"

#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A text that may hold NUL, with its length. */
#define T(literal) literal, sizeof(literal) - 1

static void add_text(bi_bytes *out, const bi_json *json) {
    bi_bytes_add_char(out, '"');
    for (size_t i = 0; i < json->length; i++)
        if (json->text[i])
            bi_bytes_add_char(out, json->text[i]);
        else
            bi_bytes_add_text(out, "<NUL>");
    bi_bytes_add_char(out, '"');
}

/* Writes the events down; false at a failure. Every value is followed by a space. */
static bool dump(bi_json *json, bi_bytes *out) {
    for (;;) {
        switch (bi_json_next(json)) {
        case BI_JSON_FAILED:
            return false;
        case BI_JSON_END:
            return true;
        case BI_JSON_OBJECT:
            bi_bytes_add_text(out, "{ ");
            break;
        case BI_JSON_OBJECT_END:
            bi_bytes_add_text(out, "} ");
            break;
        case BI_JSON_ARRAY:
            bi_bytes_add_text(out, "[ ");
            break;
        case BI_JSON_ARRAY_END:
            bi_bytes_add_text(out, "] ");
            break;
        case BI_JSON_KEY:
            add_text(out, json);
            bi_bytes_add_char(out, ':');
            break;
        case BI_JSON_STRING:
            add_text(out, json);
            bi_bytes_add_char(out, ' ');
            break;
        case BI_JSON_INTEGER:
            bi_bytes_add_format(out, "%lld ", (long long)json->integer);
            break;
        case BI_JSON_NUMBER:
            bi_bytes_add_format(out, "%.17gf ", json->number);
            break;
        case BI_JSON_TRUE:
            bi_bytes_add_text(out, "true ");
            break;
        case BI_JSON_FALSE:
            bi_bytes_add_text(out, "false ");
            break;
        case BI_JSON_NULL:
            bi_bytes_add_text(out, "null ");
            break;
        }
    }
}

/* The text is copied to memory of its own size, so that ASan sees a byte read behind its end. */
static bool read_all(const char *text, size_t length, bi_bytes *out, bi_json *json) {
    char *copy = malloc(length ? length : 1);
    assert_non_null(copy);
    memcpy(copy, text, length);
    bi_json_init(json, copy, length, true);
    bool read = dump(json, out);
    bi_json_clear(json);
    free(copy);
    return read;
}

typedef struct taken_case {
    const char *text;
    size_t length;
    const char *events;
} taken_case;

static const taken_case taken[] = {
    {T("[]"), "[ ] "},
    {T("{}"), "{ } "},
    {T(" \t\r\n[ \t\r\n] \t\r\n"), "[ ] "},
    {T("[[],[[]],{}]"), "[ [ ] [ [ ] ] { } ] "},
    {T("true"), "true "},
    {T("[false , null]"), "[ false null ] "},
    {T("\"\""), "\"\" "},
    {T("{\"\":1}"), "{ \"\":1 } "},
    {T("{\"a\" : 1 , \"b\":[2]}"), "{ \"a\":1 \"b\":[ 2 ] } "},
    {T("{\"a\":1,\"a\":2}"), "{ \"a\":1 \"a\":2 } "},
    {T("{\"a\\u0000b\":\"\\u0000\"}"), "{ \"a<NUL>b\":\"<NUL>\" } "},
    {T("\xEF\xBB\xBF[1]"), "[ 1 ] "},
    {T("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), "\"\"\\/\b\f\n\r\t\" "},
    {T("\"a\\u0041\\u00e9\\u20AC\\u20ac!\""), "\"aA\u00e9\u20ac\u20ac!\" "},
    {T("\"\\ud83d\\ude00\""), "\"\U0001F600\" "},
    {T("\"\\uDBFF\\uDFFF\""), "\"\U0010FFFF\" "},
    {T("\"\x7F\""), "\"\x7F\" "},
    {T("\"\xC3\xBC \xF0\x9F\x98\x80\""), "\"\xC3\xBC \xF0\x9F\x98\x80\" "},
    {T("\"0123456789abcdef0123456789abcdef\\n0123456789abcdef0123\""),
     "\"0123456789abcdef0123456789abcdef\n0123456789abcdef0123\" "},
    /* Lone surrogates: U+FFFD, and what follows stands. */
    {T("\"\\ud83d\""), "\"\uFFFD\" "},
    {T("\"\\ud83dx\""), "\"\uFFFDx\" "},
    {T("\"\\ude00\""), "\"\uFFFD\" "},
    {T("\"\\ud83d\\n\""), "\"\uFFFD\n\" "},
    {T("\"\\ud83d\\u0041\""), "\"\uFFFDA\" "},
    {T("\"\\ud83d\\ud83d\\ude00\""), "\"\uFFFD\U0001F600\" "},
    {T("\"\\ude00\\ud83d\""), "\"\uFFFD\uFFFD\" "},
    /* Invalid UTF-8 passes: strings arrive byte for byte. */
    {T("\"\xFF\xC0\x80\xED\xA0\x80\""), "\"\xFF\xC0\x80\xED\xA0\x80\" "},
    /* Integers and everything that is none. */
    {T("[0,1,-1,10,1234567890]"), "[ 0 1 -1 10 1234567890 ] "},
    {T("[9223372036854775807]"), "[ 9223372036854775807 ] "},
    {T("[-9223372036854775808]"), "[ -9223372036854775808 ] "},
    {T("[9223372036854775808]"), "[ 9.2233720368547758e+18f ] "},
    {T("[-9223372036854775809]"), "[ -9.2233720368547758e+18f ] "},
    {T("[18446744073709551616]"), "[ 1.8446744073709552e+19f ] "},
    {T("[9007199254740993]"), "[ 9007199254740993 ] "},
    {T("-0"), "-0f "},
    {T("-0.0"), "-0f "},
    {T("0e5"), "0f "},
    {T("1.0"), "1f "},
    {T("1E2"), "100f "},
    {T("1e+2"), "100f "},
    {T("1e-2"), "0.01f "},
    {T("0.1"), "0.10000000000000001f "},
    {T("0.30000000000000004"), "0.30000000000000004f "},
    {T("123.456e-7"), "1.2345599999999999e-05f "},
    {T("1.7976931348623157e308"), "1.7976931348623157e+308f "},
    {T("2.2250738585072011e-308"), "2.2250738585072009e-308f "},
    {T("5e-324"), "4.9406564584124654e-324f "},
    {T("1e-400"), "0f "},
    {T("0e999999999999999999999"), "0f "},
    /* Beyond a double: infinite, as every other decoder has it. */
    {T("1e400"), "inff "},
    {T("-1e99999999999999999999"), "-inff "},
};

static void test_takes(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        bi_bytes out = {0};
        bi_json json;
        if (!read_all(taken[i].text, taken[i].length, &out, &json))
            fail_msg("%s: %s", taken[i].text, json.failure);
        assert_string_equal(bi_bytes_text(&out), taken[i].events);
        bi_bytes_clear(&out);
    }
}

typedef struct refused_case {
    const char *text;
    size_t length;
    const char *failure; /* a part of it */
    size_t offset;
} refused_case;

static const char early[] = "ends too early", value[] = "a value is missing", name[] = "name in",
                  digit[] = "no digit", zero[] = "leading zero", behind[] = "behind the value",
                  word[] = "none of true", control[] = "control character",
                  escape[] = "escape that", hex[] = "hexadecimal", comma[] = "a comma or",
                  colon[] = "colon";

static const refused_case refused[] = {
    {T(""), "is empty", 0},
    {T(" \n"), "is empty", 2},
    {T("\xEF\xBB\xBF"), "is empty", 3},
    {T("\xEF\xBB[1]"), value, 0},
    {T("[1]x"), behind, 3},
    {T("1 2"), behind, 2},
    {T("{}{}"), behind, 2},
    {T("[1]\0"), behind, 3},
    {T("["), early, 1},
    {T("[1"), early, 2},
    {T("[1,"), early, 3},
    {T("[1,]"), value, 3},
    {T("[,1]"), value, 1},
    {T("[1,,2]"), value, 3},
    {T("[1 2]"), comma, 3},
    {T("[1}"), comma, 2},
    {T("]"), value, 0},
    {T("{"), early, 1},
    {T("{\"a\""), early, 4},
    {T("{\"a\":"), early, 5},
    {T("{\"a\":1"), early, 6},
    {T("{\"a\":1,"), early, 7},
    {T("{\"a\" 1}"), colon, 5},
    {T("{\"a\":}"), value, 5},
    {T("{\"a\":1,}"), name, 7},
    {T("{,\"a\":1}"), name, 1},
    {T("{\"a\":1 \"b\":2}"), comma, 7},
    {T("{\"a\":1]"), comma, 6},
    {T("{a:1}"), name, 1},
    {T("{1:1}"), name, 1},
    {T("{'a':1}"), name, 1},
    {T("['a']"), value, 1},
    {T("[1/*c*/]"), comma, 2},
    {T("//c\n1"), value, 0},
    {T("#1"), value, 0},
    {T("+1"), value, 0},
    {T(".5"), value, 0},
    {T("1."), digit, 0},
    {T("1.e1"), digit, 0},
    {T("1e"), digit, 0},
    {T("1e+"), digit, 0},
    {T("-"), digit, 0},
    {T("--1"), digit, 0},
    {T("-a"), digit, 0},
    {T("01"), zero, 0},
    {T("-01"), zero, 0},
    {T("00"), zero, 0},
    {T("0x10"), behind, 1},
    {T("1_000"), behind, 1},
    {T("[1.2.3]"), comma, 4},
    {T("NaN"), value, 0},
    {T("nan"), word, 0},
    {T("Infinity"), value, 0},
    {T("-Infinity"), digit, 0},
    {T("True"), value, 0},
    {T("tru"), word, 0},
    {T("truex"), behind, 4},
    {T("nul"), word, 0},
    {T("undefined"), value, 0},
    {T("\""), early, 1},
    {T("\"abc"), early, 4},
    {T("\"\\"), early, 2},
    {T("\"\\\""), early, 3},
    {T("\"\\u12"), hex, 3},
    {T("\"\\u12\""), hex, 3},
    {T("\"\\u12G4\""), hex, 3},
    {T("\"\\ud83d\\u12x4\""), hex, 9},
    {T("\"\\x41\""), escape, 2},
    {T("\"\\'\""), escape, 2},
    {T("\"\\\n\""), escape, 2},
    {T("\"\\U0041\""), escape, 2},
    {T("\"a\nb\""), control, 2},
    {T("\"a\\tb\tc\""), control, 5},
    {T("\"\0\""), control, 1},
    {T("[\"a\0b\"]"), control, 3},
    {T("[\v1]"), value, 1},
    {T("[\xC2\xA0]"), value, 1},
    {T("\xFE\xFF"), value, 0},
};

static void test_refuses(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        const refused_case *c = &refused[i];
        bi_bytes out = {0};
        bi_json json;
        if (read_all(c->text, c->length, &out, &json))
            fail_msg("%s was taken as %s", c->text, bi_bytes_text(&out));
        if (!strstr(json.failure, c->failure))
            fail_msg("%s: %s instead of %s", c->text, json.failure, c->failure);
        if (bi_json_offset(&json) != c->offset)
            fail_msg("%s: at %zu instead of %zu", c->text, bi_json_offset(&json), c->offset);
        bi_bytes_clear(&out);
    }
}

static void test_failure_stays(void **state) {
    (void)state;
    bi_json json;
    bi_json_init(&json, "[1 2]", 5, false);
    assert_int_equal(bi_json_next(&json), BI_JSON_ARRAY);
    assert_int_equal(bi_json_next(&json), BI_JSON_INTEGER);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(bi_json_next(&json), BI_JSON_FAILED);
        assert_int_equal(bi_json_offset(&json), 3);
    }
    assert_false(bi_json_skip(&json));
    bi_json_clear(&json);
}

static void test_end_stays(void **state) {
    (void)state;
    bi_json json;
    bi_json_init(&json, "1", 1, false);
    assert_int_equal(bi_json_next(&json), BI_JSON_INTEGER);
    assert_int_equal(bi_json_next(&json), BI_JSON_END);
    assert_int_equal(bi_json_next(&json), BI_JSON_END);
    bi_json_clear(&json);
}

static void test_no_text(void **state) {
    (void)state;
    bi_json json;
    bi_json_init(&json, NULL, 0, false);
    assert_int_equal(bi_json_next(&json), BI_JSON_FAILED);
    bi_json_clear(&json);
}

/* --- Limits ----------------------------------------------------------------------------------- */

static void nest(bi_bytes *text, const char *open, const char *inner, const char *close, int n) {
    for (int i = 0; i < n; i++)
        bi_bytes_add_text(text, open);
    bi_bytes_add_text(text, inner);
    for (int i = 0; i < n; i++)
        bi_bytes_add_text(text, close);
}

static void test_depth(void **state) {
    (void)state;
    static const char *const pairs[][2] = {{"[", "]"}, {"{\"a\":", "}"}, {"[{\"a\":", "}]"}};
    for (size_t i = 0; i < 3; i++) {
        int levels = i == 2 ? BI_JSON_DEPTH_MAX / 2 : BI_JSON_DEPTH_MAX;
        for (int more = 0; more <= 1; more++) {
            bi_bytes text = {0}, out = {0};
            bi_json json;
            nest(&text, pairs[i][0], "1", pairs[i][1], levels + more);
            bool read = read_all(text.data, text.length, &out, &json);
            assert_int_equal(read, !more);
            if (more)
                assert_string_equal(json.failure, "nested deeper than 512 levels");
            bi_bytes_clear(&text);
            bi_bytes_clear(&out);
        }
    }
}

static const char document[] =
    " {\"id\":\"prj_1\",\"name\":\"\\u00dcber\\ud83d\\ude00\\n\",\"n\":[0,-1,2.5,1e3,-0,"
    "0.12345678901234567890123456789],\"t\":true,\"f\":false,\"z\":null,\"o\":{\"a\":[{}, []]}} ";

static void test_every_prefix(void **state) {
    (void)state;
    for (size_t length = 0; length < sizeof document; length++) {
        bi_bytes out = {0};
        bi_json json;
        bool read = read_all(document, length, &out, &json);
        /* Only white space is missing from the last two. */
        assert_int_equal(read, length >= sizeof document - 2);
        bi_bytes_clear(&out);
    }
}

static void test_every_byte_broken(void **state) {
    (void)state;
    static const char other[] = {'\0', '\x01', '"', '\\', '{', '}',   '[',
                                 ']',  ',',    ':', '-',  'e', '\xFF'};
    char text[sizeof document];
    for (size_t i = 0; i < sizeof document - 1; i++)
        for (size_t j = 0; j < sizeof other; j++) {
            bi_bytes out = {0};
            bi_json json;
            memcpy(text, document, sizeof text);
            text[i] = other[j];
            (void)read_all(text, sizeof text - 1, &out, &json);
            bi_bytes_clear(&out);
        }
}

static void test_long_string(void **state) {
    (void)state;
    bi_bytes text = {0};
    bi_bytes_add_char(&text, '"');
    for (int i = 0; i < 100000; i++)
        bi_bytes_add_text(&text, i % 100 ? "0123456789" : "\\u00e9");
    bi_bytes_add_char(&text, '"');
    bi_json json;
    bi_json_init(&json, text.data, text.length, true);
    assert_int_equal(bi_json_next(&json), BI_JSON_STRING);
    assert_int_equal(json.length, 990 * 1000 + 2 * 1000);
    assert_int_equal(bi_json_next(&json), BI_JSON_END);
    bi_json_clear(&json);
    bi_bytes_clear(&text);
}

static void test_borrows_plain_strings(void **state) {
    (void)state;
    static const char text[] = "[\"plain\",\"es\\u0063aped\"]";
    bi_json json;
    bi_json_init(&json, text, sizeof text - 1, false);
    bi_json_next(&json);
    bi_json_next(&json);
    assert_ptr_equal(json.text, text + 2);
    bi_json_next(&json);
    assert_memory_equal(json.text, "escaped", 7);
    bi_json_clear(&json);
}

/* --- Blocks ----------------------------------------------------------------------------------- */

/* Strings are searched 16 bytes at a time: what ends a run stands at every place of a block, with and without a whole
 * block behind it. */
enum { BEFORE_MAX = 35, AFTER_MAX = 18 };

static void add_plain(bi_bytes *out, int n) {
    for (int i = 0; i < n; i++)
        bi_bytes_add_char(out, (char)('a' + i % 26));
}

/* [ "plain<middle>plain" , as a name too ]; false: refused, at *offset. */
static bool read_block(const char *middle, size_t length, int before, int after, bool named,
                       bi_bytes *out, size_t *offset) {
    bi_bytes text = {0};
    bi_json json;
    bi_bytes_add_text(&text, named ? "{\"" : "[\"");
    add_plain(&text, before);
    bi_bytes_add(&text, middle, length);
    add_plain(&text, after);
    bi_bytes_add_text(&text, named ? "\":1}" : "\"]");
    bool read = read_all(text.data, text.length, out, &json);
    *offset = bi_json_offset(&json);
    bi_bytes_clear(&text);
    return read;
}

static void check_taken(const char *middle, const char *becomes, int before, int after,
                        bool named) {
    bi_bytes out = {0}, expected = {0};
    size_t offset;
    bi_bytes_add_text(&expected, named ? "{ \"" : "[ \"");
    add_plain(&expected, before);
    bi_bytes_add_text(&expected, becomes);
    add_plain(&expected, after);
    bi_bytes_add_text(&expected, named ? "\":1 } " : "\" ] ");
    assert_true(read_block(middle, strlen(middle), before, after, named, &out, &offset));
    assert_string_equal(out.data, expected.data);
    bi_bytes_clear(&out);
    bi_bytes_clear(&expected);
}

static void test_takes_in_every_place_of_a_block(void **state) {
    (void)state;
    static const char *const taken_middles[][2] = {
        {"", ""},
        {"\\n", "\n"},
        {"\\\"", "\""},
        {"\\u00e9", "\u00e9"},
        {"\\n\\ud83d\\ude00", "\n\U0001F600"},
        {" ", " "},
        {"\x7F", "\x7F"},
        {"!#[]", "!#[]"}, /* beside the quote and the backslash */
        {"\u00e9", "\u00e9"},
        {"\u20ac", "\u20ac"},
        {"\U0001F600", "\U0001F600"},
        {"\x80\x9F\xA2\xDC\xFF",
         "\x80\x9F\xA2\xDC\xFF"}, /* quote, backslash, control with the top bit */
    };
    for (size_t i = 0; i < sizeof taken_middles / sizeof taken_middles[0]; i++)
        for (int before = 0; before <= BEFORE_MAX; before++)
            for (int after = 0; after <= AFTER_MAX; after++)
                for (int named = 0; named <= 1; named++)
                    check_taken(taken_middles[i][0], taken_middles[i][1], before, after, named);
}

static void test_refuses_in_every_place_of_a_block(void **state) {
    (void)state;
    static const char controls[] = {'\0', '\x01', '\t', '\n', '\x1F'};
    for (size_t i = 0; i < sizeof controls; i++)
        for (int before = 0; before <= BEFORE_MAX; before++)
            for (int after = 0; after <= AFTER_MAX; after++)
                for (int named = 0; named <= 1; named++) {
                    bi_bytes out = {0};
                    size_t offset;
                    assert_false(read_block(&controls[i], 1, before, after, named, &out, &offset));
                    assert_int_equal(offset, 2 + before);
                    bi_bytes_clear(&out);
                }
}

/* The text ends anywhere: within a run, an escape, a character of several bytes. */
static void test_ends_in_every_place_of_a_block(void **state) {
    (void)state;
    static const char *const ends[] = {"", "\\", "\\u", "\\ud83d\\ude0", "\xC3", "\xE2\x82", "\\n"};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        for (int before = 0; before <= BEFORE_MAX; before++)
            for (int named = 0; named <= 1; named++) {
                bi_bytes text = {0}, out = {0};
                bi_json json;
                bi_bytes_add_text(&text, named ? "{\"" : "\"");
                add_plain(&text, before);
                bi_bytes_add_text(&text, ends[i]);
                assert_false(read_all(text.data, text.length, &out, &json));
                bi_bytes_clear(&text);
                bi_bytes_clear(&out);
            }
}

/* Short integers have a way of their own, up to 16 digits and not at the text's end. */
static void test_integers_of_every_length(void **state) {
    (void)state;
    static const char digits[] = "1234567890123456789";
    static const char *const afters[] = {"", " ", "]", ".5]", "e0]", "E1]", "x]"};
    for (int length = 1; length <= 19; length++)
        for (size_t i = 0; i < sizeof afters / sizeof afters[0]; i++) {
            char text[40];
            bi_json json;
            int size = snprintf(text, sizeof text, "[%.*s%s", length, digits, afters[i]);
            char *copy = malloc((size_t)size);
            memcpy(copy, text, (size_t)size);
            bi_json_init(&json, copy, (size_t)size, false);
            bi_json_next(&json);
            bi_json_event event = bi_json_next(&json);
            if (strchr(".eE", afters[i][0]) && afters[i][0]) {
                assert_int_equal(event, BI_JSON_NUMBER);
                assert_true(json.number == strtod(copy + 1, NULL));
            } else {
                assert_int_equal(event, BI_JSON_INTEGER);
                assert_int_equal(json.integer,
                                 strtoll(digits, NULL, 10) / (long long)pow(10, 19 - length));
                assert_int_equal(bi_json_offset(&json), 1 + length);
            }
            bi_json_clear(&json);
            free(copy);
        }
}

/* --- Skipping --------------------------------------------------------------------------------- */

static void test_skip(void **state) {
    (void)state;
    static const char text[] = "{\"a\":[1,{\"b\":[2]},3],\"c\":{\"d\":{}},\"e\":\"f\",\"g\":4}";
    bi_json json;
    bi_json_init(&json, text, sizeof text - 1, false);
    assert_int_equal(bi_json_next(&json), BI_JSON_OBJECT);
    assert_int_equal(bi_json_next(&json), BI_JSON_KEY);
    assert_int_equal(bi_json_next(&json), BI_JSON_ARRAY);
    assert_true(bi_json_skip(&json)); /* an open array */
    assert_int_equal(bi_json_next(&json), BI_JSON_KEY);
    assert_true(bi_json_skip(&json)); /* the value of a name */
    assert_int_equal(bi_json_next(&json), BI_JSON_KEY);
    assert_true(bi_json_skip(&json)); /* a string */
    assert_int_equal(bi_json_next(&json), BI_JSON_KEY);
    assert_memory_equal(json.text, "g", 1);
    assert_int_equal(bi_json_next(&json), BI_JSON_INTEGER);
    assert_true(bi_json_skip(&json)); /* nothing to do */
    assert_int_equal(bi_json_next(&json), BI_JSON_OBJECT_END);
    assert_int_equal(bi_json_next(&json), BI_JSON_END);
    bi_json_clear(&json);
}

static void test_skip_whole_text(void **state) {
    (void)state;
    bi_json json;
    bi_json_init(&json, document, sizeof document - 1, false);
    assert_int_equal(bi_json_next(&json), BI_JSON_OBJECT);
    assert_true(bi_json_skip(&json));
    assert_int_equal(bi_json_next(&json), BI_JSON_END);
    bi_json_clear(&json);
    bi_json_init(&json, "[[1,2}]", 7, false);
    assert_int_equal(bi_json_next(&json), BI_JSON_ARRAY);
    assert_false(bi_json_skip(&json));
    bi_json_clear(&json);
}

/* --- Memory ----------------------------------------------------------------------------------- */

static void test_no_memory(void **state) {
    (void)state;
    for (unsigned long n = 1;; n++) {
        bi_json json;
        bi_json_event event;
        bi_json_init(&json, document, sizeof document - 1, true);
        bi_memory_fail_at(n);
        do
            event = bi_json_next(&json);
        while (event != BI_JSON_END && event != BI_JSON_FAILED);
        bi_memory_fail_at(0);
        if (event == BI_JSON_FAILED)
            assert_non_null(strstr(json.failure, "no memory"));
        bi_json_clear(&json);
        assert_int_equal(bi_memory_live(), 0);
        if (event == BI_JSON_END) {
            assert_true(n > 1);
            return;
        }
    }
}

static void test_no_memory_while_growing(void **state) {
    (void)state;
    char text[1000];
    memset(text, 'x', sizeof text);
    memcpy(text, "\"\\n", 3);
    text[sizeof text - 1] = '"';
    bi_json json;
    bi_json_init(&json, text, sizeof text, false);
    bi_memory_fail_at(1);
    assert_int_equal(bi_json_next(&json), BI_JSON_FAILED);
    bi_memory_fail_at(0);
    assert_non_null(strstr(json.failure, "no memory"));
    bi_json_clear(&json);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_failure_stays),
        cmocka_unit_test(test_end_stays),
        cmocka_unit_test(test_no_text),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_every_prefix),
        cmocka_unit_test(test_every_byte_broken),
        cmocka_unit_test(test_long_string),
        cmocka_unit_test(test_borrows_plain_strings),
        cmocka_unit_test(test_takes_in_every_place_of_a_block),
        cmocka_unit_test(test_refuses_in_every_place_of_a_block),
        cmocka_unit_test(test_ends_in_every_place_of_a_block),
        cmocka_unit_test(test_integers_of_every_length),
        cmocka_unit_test(test_skip),
        cmocka_unit_test(test_skip_whole_text),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_no_memory_while_growing),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
