/* src/core/page.c: every style of paging, answers that contradict themselves, where a link may lead, and that what one
 * answer gives the next request takes. */
#include "fake.h"

#include "core/page.h"

#define BASE "https://api.example.com"

typedef struct row {
    const char *fields, *asked, *cursor; /* cursor "-": the member is there and null */
    int64_t page, limit, total;
    int has_more;
    size_t count;
    const char *next;
} row;

static void check(const row *r) {
    bi_bytes fields = {0}, next = {0};
    bi_bytes_add_text(&fields, r->fields ? r->fields : "");
    bi_page page = {.fields = &fields,
                    .asked = {r->asked ? r->asked : "", r->asked ? strlen(r->asked) : 0},
                    .has_cursor_member = r->cursor != NULL,
                    .page = r->page,
                    .limit = r->limit,
                    .total = r->total,
                    .has_more = r->has_more,
                    .count = r->count};
    if (r->cursor && strcmp(r->cursor, "-") != 0)
        page.cursor = (bi_span){r->cursor, strlen(r->cursor)};
    assert_true(bi_page_next(&next, &page));
    if (strcmp(bi_bytes_text(&next), r->next) != 0)
        fail_msg("%s is not %s", bi_bytes_text(&next), r->next);
    bi_bytes_clear(&fields);
    bi_bytes_clear(&next);
}

#define LINK "Link: <" BASE "/v1/x?page=2>; rel=\"next\"\r\n"

static void test_which_page_is_next(void **state) {
    static const row rows[] = {
        {NULL, NULL, NULL, -1, -1, -1, -1, 5, ""},
        /* cursors */
        {NULL, NULL, "abc", -1, -1, -1, -1, 5, "cursor:abc"},
        {NULL, "cursor=abc", "def", -1, -1, -1, -1, 0, "cursor:def"},
        {NULL, NULL, "-", -1, -1, -1, -1, 5, ""},
        {LINK, NULL, "-", -1, -1, 100, 1, 5, ""},
        {LINK, NULL, "abc", 1, 10, 100, 0, 5, "cursor:abc"},
        {NULL, "cursor=abc", NULL, -1, 10, 100, -1, 10, ""}, /* walked by cursor: it has ended */
        {NULL, "cursor=abc", NULL, -1, -1, -1, 1, 10, ""},
        /* Link */
        {LINK, NULL, NULL, -1, -1, -1, -1, 5, "link:" BASE "/v1/x?page=2"},
        {LINK, NULL, NULL, 1, 10, 5, 0, 5, "link:" BASE "/v1/x?page=2"},
        {"Link: <x>; rel=prev\r\n", NULL, NULL, -1, -1, -1, -1, 5, ""},
        {"link: </y?z>; rel=\"last next\"\r\n", NULL, NULL, -1, -1, -1, -1, 5, "link:/y?z"},
        /* numbers */
        {NULL, NULL, NULL, 1, 10, 25, -1, 10, "page:2"},
        {NULL, NULL, NULL, 3, 10, 25, -1, 5, ""},
        /* a number that bi_page_skip could not read back (found by page_fuzz) */
        {NULL, NULL, NULL, INT64_C(999999999999999998), 10, -1, 1, 5, "page:999999999999999999"},
        {NULL, NULL, NULL, INT64_C(999999999999999999), 10, -1, 1, 5, ""},
        {NULL, NULL, NULL, INT64_C(4000000000000000000), 1, INT64_MAX, -1, 1, ""},
        {NULL, NULL, NULL, 2, 10, 20, -1, 10, ""},
        {NULL, NULL, NULL, 2, 10, 21, -1, 10, "page:3"},
        {NULL, "page=2&limit=10", NULL, -1, -1, 25, -1, 10, "page:3"},
        {NULL, "page=x&limit=10", NULL, -1, -1, 25, -1, 10, "page:2"},
        {NULL, "page=9999999999", NULL, -1, -1, -1, 1, 10, "page:2"},
        {NULL, NULL, NULL, -1, -1, 25, -1, 10, "page:2"}, /* no limit: as many as came */
        {NULL, NULL, NULL, -1, -1, 10, -1, 10, ""},
        {NULL, NULL, NULL, -1, -1, 10, -1, 0, ""},
        {NULL, NULL, NULL, 1, 0, 10, -1, 10, ""},
        {NULL, NULL, NULL, 1, 10, 0, -1, 0, ""},
        {NULL, NULL, NULL, -1, -1, -1, 1, 10, "page:2"},
        {NULL, NULL, NULL, -1, -1, -1, 1, 0, "page:2"}, /* an empty page may have a next one */
        /* a service that gives less than it was asked for, and does not say so */
        {NULL, "limit=100", NULL, -1, -1, 270, -1, 50, "page:2"},
        {NULL, "limit=100&page=3", NULL, -1, -1, 270, -1, 50, "page:4"},
        {NULL, "limit=100&page=4", NULL, -1, -1, 300, -1, 50, "page:5"},
        {NULL, "limit=100&page=3", NULL, -1, -1, 270, -1, 70, ""}, /* the rest of the last page */
        {NULL, "limit=100&page=7", NULL, -1, -1, 270, -1, 0, ""},
        {NULL, "limit=0", NULL, -1, -1, 270, -1, 5, ""},
        {NULL, "limit=100", NULL, -1, 100, 270, -1, 50, "page:2"},
        /* contradictions: what is said outright wins over what is counted */
        {NULL, NULL, NULL, 1, 10, 25, 0, 10, ""},
        {NULL, NULL, NULL, 3, 10, 25, 1, 5, "page:4"},
        {NULL, "page=7", NULL, 2, 10, 25, -1, 10, "page:3"},
        /* numbers at the edge */
        {NULL, NULL, NULL, 1, 2, INT64_MAX, -1, 2, "page:2"},
        {NULL, NULL, NULL, 1, INT64_MAX, INT64_MAX, -1, 2, ""},
        {NULL, NULL, NULL, INT64_MAX, 1, INT64_MAX, 1, 2, ""},
        {NULL, NULL, NULL, 0, 10, 25, -1, 10, "page:1"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        check(&rows[i]);
}

static void test_how_many_pages_follow(void **state) {
    static const struct {
        row page;
        int64_t ahead;
    } rows[] = {
        {{NULL, NULL, NULL, 1, 10, 95, -1, 10, ""}, 9},
        {{NULL, NULL, NULL, 1, 10, 95, 1, 10, ""}, 9},
        {{NULL, NULL, NULL, 1, 10, 95, 0, 10, ""}, 0},
        {{NULL, NULL, NULL, 9, 10, 95, -1, 10, ""}, 1},
        {{NULL, NULL, NULL, 10, 10, 95, -1, 5, ""}, 0},
        {{NULL, NULL, NULL, 10, 10, 95, 1, 5, ""}, 0}, /* one more, beyond what was counted */
        {{NULL, "limit=10&page=2", NULL, -1, -1, 95, -1, 10, ""}, 8},
        {{NULL, NULL, NULL, -1, -1, -1, 1, 10, ""}, 0},
        {{NULL, NULL, "abc", 1, 10, 95, -1, 10, ""}, 0},
        {{LINK, NULL, NULL, 1, 10, 95, -1, 10, ""}, 0},
        {{NULL, "cursor=abc", NULL, 1, 10, 95, -1, 10, ""}, 0},
        {{NULL, NULL, NULL, 1, 1, INT64_MAX, -1, 1, ""}, INT64_MAX - 1},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const row *r = &rows[i].page;
        bi_bytes fields = {0};
        bi_bytes_add_text(&fields, r->fields ? r->fields : "");
        bi_page page = {.fields = &fields,
                        .asked = {r->asked ? r->asked : "", r->asked ? strlen(r->asked) : 0},
                        .has_cursor_member = r->cursor != NULL,
                        .page = r->page,
                        .limit = r->limit,
                        .total = r->total,
                        .has_more = r->has_more,
                        .count = r->count};
        if (bi_page_ahead(&page) != rows[i].ahead)
            fail_msg("row %zu: %lld", i, (long long)bi_page_ahead(&page));
        bi_bytes_clear(&fields);
    }
}

static void test_the_page_so_many_further(void **state) {
    static const struct {
        const char *next;
        int64_t pages;
        const char *to;
    } rows[] = {
        {"page:2", 0, "page:2"},
        {"page:2", 7, "page:9"},
        {"page:999999999999999999", 1, "page:1000000000000000000"},
        {"page:2", INT64_MAX - 2, "page:9223372036854775807"},
        {"page:2", INT64_MAX - 1, NULL},
        {"page:2", -1, NULL},
        {"page:1000000000000000000", 1, NULL},
        {"page:", 1, NULL},
        {"page:2x", 1, NULL},
        {"page:-2", 1, NULL},
        {"cursor:2", 1, NULL},
        {"link:/x", 1, NULL},
        {"", 1, NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char to[BI_PAGE_NUMBERED] = "";
        bool done = bi_page_skip(to, rows[i].next, strlen(rows[i].next), rows[i].pages);
        if (done != (rows[i].to != NULL) || (done && strcmp(to, rows[i].to) != 0))
            fail_msg("%s + %lld: %s", rows[i].next, (long long)rows[i].pages, to);
    }
}

static void apply(const char *base, const char *first, const char *next, const char *expected) {
    bi_bytes target = {0};
    bi_bytes_add_text(&target, first);
    const char *why = bi_page_apply(&target, base, next, strlen(next));
    if (expected && (why || strcmp(target.data, expected) != 0))
        fail_msg("%s: %s: %s", next, why ? why : "", target.data);
    if (!expected && !why)
        fail_msg("%s was taken: %s", next, target.data);
    bi_bytes_clear(&target);
}

static void test_how_a_page_is_asked_for(void **state) {
    apply(BASE, "/v1/x", "cursor:a b&c", "/v1/x?cursor=a%20b%26c");
    apply(BASE, "/v1/x?limit=5", "page:2", "/v1/x?limit=5&page=2");
    apply(BASE, "/v1/x?page=1&limit=5", "page:2", "/v1/x?limit=5&page=2");
    apply(BASE, "/v1/x?page=1", "page:2", "/v1/x?page=2");
    apply(BASE, "/v1/x?limit=5&cursor=old", "cursor:new", "/v1/x?limit=5&cursor=new");
    apply(BASE, "/v1/x?subpage=1&page=1&page=3&pages=4", "page:2",
          "/v1/x?subpage=1&pages=4&page=2");
    apply(BASE, "/v1/x?limit=5", "link:?page=2", "/v1/x?page=2");
    apply(BASE, "/v1/x?limit=5", "link:/v1/y?page=2", "/v1/y?page=2");
    apply(BASE, "/v1/x", "link:" BASE "/v1/x?page=2", "/v1/x?page=2");
    apply(BASE, "/v1/x", "link:HTTPS://API.example.com:443/v1/x?page=2", "/v1/x?page=2");
    apply(BASE "/base", "/v1/x", "link:" BASE "/base/v1/x?p=2", "/v1/x?p=2");
    apply(BASE "/base", "/v1/x", "link:/base/v1/x?p=2", "/v1/x?p=2");
}

static void test_where_a_link_may_not_lead(void **state) {
    static const char *const links[] = {
        "https://evil.example.com/v1/x",
        "http://api.example.com/v1/x",
        "https://api.example.com:8443/v1/x",
        "https://api.example.com@evil.com/v1/x",
        "https://api.example.com.evil.com/x",
        "//evil.example.com/v1/x",
        "/\\evil.example.com/x",
        "/v1/../../admin",
        "/v1/%2e%2e/admin",
        "/v1/x y",
        "/v1/x\r\nX: y",
        "/v1/x#fragment",
        "?page=2\r\nX: y",
        "?page=2 3",
        "?page=2#x",
        "x?page=2",
        "javascript:alert(1)",
        BASE,
        BASE "?page=2",
    };
    for (size_t i = 0; i < COUNT(links); i++) {
        char next[200];
        snprintf(next, sizeof next, "link:%s", links[i]);
        apply(BASE, "/v1/x", next, NULL);
    }
    apply(BASE "/base", "/v1/x", "link:/other/v1/x", NULL);
    apply(BASE "/base", "/v1/x", "link:/basement/v1/x", NULL);
    apply(BASE "/base", "/v1/x", "link:/base", NULL);
    apply("nonsense", "/v1/x", "link:/v1/x", NULL);
}

static void test_what_is_no_next_at_all(void **state) {
    static const char *const rows[] = {
        "", "cursor:", "page:", "link:", "2", "Cursor:x", "cursor", "next:2"};
    for (size_t i = 0; i < COUNT(rows); i++)
        apply(BASE, "/v1/x", rows[i], NULL);
}

static void test_no_memory(void **state) {
    long live = bi_memory_live();
    for (unsigned long n = 1; n < 6; n++) {
        bi_bytes fields = {0}, next = {0}, target = {0};
        bi_bytes_add_text(&fields, LINK);
        bi_bytes_add_text(&target, "/v1/x?page=1");
        bi_page page = {
            .fields = &fields, .asked = {"page=1", 6}, .page = -1, .limit = -1, .total = -1};
        bi_memory_fail_at(n);
        bool done = bi_page_next(&next, &page);
        bi_memory_fail_at(0);
        assert_true(done == !next.failed);
        char cursor[400];
        snprintf(cursor, sizeof cursor, "cursor:%0300d", 7);
        bi_memory_fail_at(n);
        const char *why = bi_page_apply(&target, BASE, cursor, strlen(cursor));
        bi_memory_fail_at(0);
        assert_true((why != NULL) == target.failed);
        bi_bytes_clear(&fields);
        bi_bytes_clear(&next);
        bi_bytes_clear(&target);
    }
    assert_int_equal(bi_memory_live() - live, 0);
}

/* Found by no_memory: the same page came again, or the list ended. */
static void test_a_list_does_not_go_astray_for_lack_of_memory(void **state) {
    static const char *const queries[] = {"page=2&limit=10", "limit=%310&page=%32"};
    bi_bytes fields = {0};
    for (size_t i = 0; i < COUNT(queries); i++)
        for (unsigned long n = 1; n < 8; n++) {
            bi_bytes next = {0};
            bi_page page = {.fields = &fields,
                            .asked = {queries[i], strlen(queries[i])},
                            .page = -1,
                            .limit = -1,
                            .total = 25,
                            .has_more = -1,
                            .count = 10};
            bi_memory_fail_at(n);
            bool done = bi_page_next(&next, &page);
            bi_memory_fail_at(0);
            if (done)
                assert_string_equal(bi_bytes_text(&next), "page:3");
            bi_bytes_clear(&next);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_which_page_is_next),
        cmocka_unit_test(test_how_many_pages_follow),
        cmocka_unit_test(test_the_page_so_many_further),
        cmocka_unit_test(test_how_a_page_is_asked_for),
        cmocka_unit_test(test_where_a_link_may_not_lead),
        cmocka_unit_test(test_what_is_no_next_at_all),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_a_list_does_not_go_astray_for_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
