/* src/core/sse.c: what WHATWG HTML (9.2.6, "Interpreting an event stream") makes of a stream, however it is cut. */
#include "fake.h"

#include "core/sse.h"

/* Appends "[type|id|retry|data]" for each event of the fragment. */
static void take(bi_sse *sse, bi_bytes *story, const char *text, size_t length) {
    bi_sse_feed(sse, text, length);
    while (bi_sse_next(sse)) {
        bi_bytes_add_format(story, "[%s|%s|%ld|", bi_bytes_text(&sse->type),
                            bi_bytes_text(&sse->id), (long)sse->retry);
        bi_bytes_add(story, bi_bytes_text(&sse->data), sse->data.length);
        bi_bytes_add_char(story, ']');
    }
}

typedef struct row {
    const char *stream, *story;
    size_t length; /* 0: to the NUL */
} row;

static const row rows[] = {
    /* The three examples of the standard. */
    {"data: YHOO\ndata: +2\ndata: 10\n\n", "[||-1|YHOO\n+2\n10]", 0},
    {": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event",
     "[|1|-1|first event][||-1|second event]", 0},
    {"data\n\ndata\ndata\n\ndata:", "[||-1|][||-1|\n]", 0},
    {"data:test\n\ndata: test\n\n", "[||-1|test][||-1|test]", 0},
    /* Line ends, mixed. */
    {"data: a\rdata: b\r\n\rdata: c\r\n\r\ndata: d\n\n", "[||-1|a\nb][||-1|c][||-1|d]", 0},
    {"data: a\r\n\ndata: b\r\r", "[||-1|a][||-1|b]", 0},
    /* A byte order mark, one and at the start only. */
    {"\xEF\xBB\xBF"
     "data: a\n\n",
     "[||-1|a]", 0},
    {"\xEF\xBB\xBF\xEF\xBB\xBF"
     "data: a\n\n",
     "", 0},
    {"\xEF\xBB"
     "data: a\n\ndata: b\n\n",
     "[||-1|b]", 0},
    {"\xEF"
     "\n\ndata: b\n\n",
     "[||-1|b]", 0},
    /* Names know case; spaces, colons and unknown names. */
    {"Data: a\ndata : b\n data: c\ndata:: d\nx: y\n\n", "[||-1|: d]", 0},
    {"event: progress\ndata: 1\n\ndata: 2\n\n", "[progress||-1|1][||-1|2]", 0},
    {"event: lost\n\ndata: 2\n\n", "[||-1|2]", 0},
    /* An id stays, one with a NUL is none; retry is digits. */
    {"id: 7\ndata: a\n\ndata: b\n\nid:\ndata: c\n\n", "[|7|-1|a][|7|-1|b][||-1|c]", 0},
    {"id: 7\nid: a\0b\ndata: a\n\n", "[|7|-1|a]", 24},
    {"retry: 1500\nretry: 15x\nretry:\nretry: -1\ndata: a\n\n", "[||1500|a]", 0},
    {"retry: 99999999999999999999999999\ndata: a\n\n", "[||86400000|a]", 0},
    /* What MCP servers send: a priming event, comments that keep it alive, the answer. */
    {"id: p1\nretry: 3000\ndata: \n\n: ping\n\n: ping\n\nevent: message\nid: p2\ndata: {\"id\":1}\n\n",
     "[|p1|3000|][message|p2|3000|{\"id\":1}]", 0},
    /* The end cuts an event: it is none. */
    {"data: a\n\ndata: b\n", "[||-1|a]", 0},
    {"data: a\n\ndata: b", "[||-1|a]", 0},
    {"data: a", "", 0},
    {"", "", 0},
};

static size_t length_of(const row *r) {
    return r->length ? r->length : strlen(r->stream);
}

static void expect(const row *r, const bi_bytes *story, size_t first, size_t second) {
    if (strcmp(bi_bytes_text(story), r->story) != 0)
        fail_msg("row %ld cut at %zu and %zu: %s", (long)(r - rows), first, second,
                 bi_bytes_text(story));
}

/* A fragment without anything behind it, so that ASan sees a step too far. */
static void take_apart(bi_sse *sse, bi_bytes *story, const char *text, size_t length) {
    char *copy = malloc(length ? length : 1);
    memcpy(copy, text, length);
    take(sse, story, copy, length);
    free(copy);
}

static void test_every_split_into_three(void **state) {
    for (const row *r = rows; r < rows + COUNT(rows); r++)
        for (size_t first = 0; first <= length_of(r); first++)
            for (size_t second = first; second <= length_of(r); second++) {
                bi_sse sse;
                bi_bytes story = {0};
                bi_sse_init(&sse);
                take_apart(&sse, &story, r->stream, first);
                take_apart(&sse, &story, r->stream + first, second - first);
                take_apart(&sse, &story, r->stream + second, length_of(r) - second);
                expect(r, &story, first, second);
                bi_sse_clear(&sse);
                bi_bytes_clear(&story);
            }
}

static void test_byte_by_byte_and_with_a_used_parser(void **state) {
    bi_sse sse;
    bi_sse_init(&sse);
    for (const row *r = rows; r < rows + COUNT(rows); r++) {
        bi_bytes story = {0};
        for (size_t at = 0; at < length_of(r); at++)
            take_apart(&sse, &story, r->stream + at, 1);
        expect(r, &story, 1, 1);
        bi_bytes_clear(&story);
        bi_sse_clear(&sse);
    }
}

static void test_no_allocation_that_fails_makes_a_wrong_event(void **state) {
    static const char stream[] = "id: 1\nevent: e\ndata: one\n\nid: 2\ndata: two\n\n";
    long live = bi_memory_live();
    for (unsigned long n = 1; n < 12; n++) {
        bi_sse sse;
        bi_sse_init(&sse);
        bi_memory_fail_at(n);
        size_t events = 0;
        for (size_t at = 0; at < sizeof stream - 1; at += 5) {
            size_t left = sizeof stream - 1 - at;
            bi_sse_feed(&sse, stream + at, left < 5 ? left : 5);
            for (; bi_sse_next(&sse); events++)
                assert_string_equal(sse.data.data, events == 0 ? "one" : "two");
        }
        bi_memory_fail_at(0);
        assert_true(bi_sse_has_failed(&sse) || events == 2);
        bi_sse_clear(&sse);
    }
    assert_int_equal(bi_memory_live() - live, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_split_into_three),
        cmocka_unit_test(test_byte_by_byte_and_with_a_used_parser),
        cmocka_unit_test(test_no_allocation_that_fails_makes_a_wrong_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
