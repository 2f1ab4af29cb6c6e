/* src/core/headers.c: the walk over a block, media types, Link, Bearer challenges, hostile fields, no memory. */
#include "core/headers.h"
#include "core/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <time.h>

/* A block that borrows the literal. */
static bi_bytes borrowed(const char *text) {
    return (bi_bytes){.data = (char *)(uintptr_t)text, .length = strlen(text)};
}

static void test_check(void **state) {
    assert_null(bi_header_check("X-A", 3, "b c", 3));
    assert_null(bi_header_check("!#$%&'*+-.^_`|~09azAZ", 21, "caf\xC3\xA9", 5));
    assert_null(bi_header_check("X", 1, NULL, 0));
    assert_non_null(bi_header_check(NULL, 0, "x", 1));
    static const char *const names[] = {"a b", "a:",  ":a",  "a\r\nb", "a\t", "\xC3\xA9",
                                        "a(",  "a/b", "a\"", "a,b",    "a@",  "{a}"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_non_null(bi_header_check(names[i], strlen(names[i]), "x", 1));
    assert_non_null(bi_header_check("a\0b", 3, "x", 1));
    static const char *const values[] = {" a",  "a ",   "a\r\nX: y", "a\nb",
                                         "\ta", "a\tb", "a\x7F",     " "};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        assert_non_null(bi_header_check("a", 1, values[i], strlen(values[i])));
    assert_non_null(bi_header_check("a", 1, "x\0y", 3));
}

static void test_walk(void **state) {
    bi_bytes block = borrowed("A: 1\r\nb:2\nnothing\r\n: x\r\nC : 3\r\n folded\r\n\r\nD:\r\n"
                              "E: \t x: y \t\r\nF: last");
    static const char *const expected[][2] = {
        {"A", "1"}, {"b", "2"}, {"D", ""}, {"E", "x: y"}, {"F", "last"}};
    size_t at = 0, i = 0;
    bi_span name, value;
    while (bi_headers_next(&block, &at, &name, &value)) {
        assert_int_equal(name.length, strlen(expected[i][0]));
        assert_memory_equal(name.text, expected[i][0], name.length);
        assert_int_equal(value.length, strlen(expected[i][1]));
        assert_memory_equal(value.text, expected[i][1], value.length);
        i++;
    }
    assert_int_equal(i, 5);
    assert_false(bi_headers_next(&block, &at, &name, &value));
    bi_bytes empty = {0};
    at = 0;
    assert_false(bi_headers_next(&empty, &at, &name, &value));
}

static void test_find(void **state) {
    bi_bytes block = borrowed("X-Request-Id: one\r\nx-request-id: two\r\nEmpty:\r\n");
    bi_span value = {"kept", 4};
    assert_false(bi_headers_find(&block, "X-Request", &value));
    assert_string_equal(value.text, "kept");
    assert_true(bi_headers_find(&block, "x-REQUEST-id", &value));
    assert_int_equal(value.length, 3);
    assert_memory_equal(value.text, "one", 3);
    assert_true(bi_headers_find(&block, "empty", &value));
    assert_int_equal(value.length, 0);
}

static void test_request_id(void **state) {
    bi_bytes block = borrowed("CF-Ray: c\r\nRequest-Id: b\r\n");
    bi_span id;
    assert_true(bi_headers_request_id(&block, &id));
    assert_memory_equal(id.text, "b", 1);
    block = borrowed("cf-ray: c\r\nRequest-Id: b\r\nX-Request-ID: a\r\n");
    assert_true(bi_headers_request_id(&block, &id));
    assert_memory_equal(id.text, "a", 1);
    block = borrowed("X: y\r\ncf-ray: c\r\n");
    assert_true(bi_headers_request_id(&block, &id));
    assert_memory_equal(id.text, "c", 1);
    block = borrowed("X: y\r\n");
    assert_false(bi_headers_request_id(&block, &id));
}

static void check_type(const char *type, bool html) {
    char text[200];
    snprintf(text, sizeof text, "X: y\r\nContent-Type: %s\r\n", type);
    bi_bytes block = borrowed(text);
    if (bi_headers_type_is_html(&block) != html)
        fail_msg("%s", type);
}

static void test_media_types(void **state) {
    check_type("application/json", false);
    check_type("Application/JSON ; charset=utf-8", false);
    check_type("application/problem+json", false);
    check_type("application/vnd.x+JSON;a=b", false);
    check_type("+json", false);
    check_type("x+json", false);
    check_type("application/json5", false);
    check_type("application/jsonp", false);
    check_type("text/plain; a=application/json", false);
    check_type("text/event-stream", false);
    check_type("text/html", true);
    check_type("TEXT/HTML; charset=x", true);
    check_type("application/xhtml+xml", true);
    check_type("text/htmlx", false);
    check_type("", false);
    check_type(";", false);
    bi_bytes empty = {0};
    assert_false(bi_headers_type_is_html(&empty));
}

static void check_link(const char *fields, const char *expected) {
    bi_bytes block = borrowed(fields);
    bi_span target = {0};
    bool found = bi_headers_link(&block, "next", &target);
    size_t length = expected ? strlen(expected) : 0;
    if (found != (expected != NULL) ||
        (found && (target.length != length || memcmp(target.text, expected, length) != 0)))
        fail_msg("%s: %.*s", fields, (int)target.length, target.text ? target.text : "");
}

static void test_links(void **state) {
    check_link("Link: </a?page=2>; rel=\"next\"\r\n", "/a?page=2");
    check_link("link:</a>;REL=NEXT\r\n", "/a");
    check_link("Link: </a> ; rel = next", "/a");
    check_link("Link: </p>; rel=prev, </n>; rel=next, </l>; rel=last\r\n", "/n");
    check_link("Link: </p>; rel=prev\r\nX: y\r\nLink: </n>; rel=next\r\n", "/n");
    check_link("Link: </a>; rel=\"last next\"\r\n", "/a");
    check_link("Link: </a>; rel=\"next\tlast\"\r\n", "/a");
    check_link("Link: </a>; rel=\"  next  \"\r\n", "/a");
    check_link("Link: </a>; rel=\"ne\\xt\"\r\n", "/a");
    check_link("Link: </1>; rel=next, </2>; rel=next\r\n", "/1");
    check_link("Link: </a,b;rel=next>; rel=prev, </n>; rel=next\r\n", "/n");
    check_link("Link: </a,b>; rel=next\r\n", "/a,b");
    check_link("Link: </p>; title=\"a, </x>; rel=next\"; rel=prev, </n>; rel=next\r\n", "/n");
    check_link("Link: </n>; title=\"\\\"; rel=prev\"; rel=next\r\n", "/n");
    check_link("Link: </n>; type=text/html; x; y=; rel=next; title*=UTF-8''n\r\n", "/n");
    check_link("Link: , ,</n>;;rel=next;,\r\n", "/n");
    check_link("Link: <>; rel=next\r\n", "");
    check_link("Link: garbage, </n>; rel=next\r\n", "/n");
    check_link("Link: gar\"b,</x>;rel=next\"age, </n>; rel=next\r\n", "/n");
    check_link("Link: </b>; =x, </n>; rel=next\r\n", "/n");
}

static void test_no_links(void **state) {
    check_link("", NULL);
    check_link("Link:\r\n", NULL);
    check_link("Linked: </a>; rel=next\r\n", NULL);
    check_link("Link: </a>\r\n", NULL);
    check_link("Link: </a>; rel\r\n", NULL);
    check_link("Link: </a>; rel=\r\n", NULL);
    check_link("Link: </a>; rel=nextx\r\n", NULL);
    check_link("Link: </a>; rel=xnext\r\n", NULL);
    check_link("Link: </a>; rel=\"nex t\"\r\n", NULL);
    check_link("Link: </a>; rev=next\r\n", NULL);
    check_link("Link: </a>; rel=prev; rel=next\r\n", NULL);
    check_link("Link: </a>; rel=next; anchor=\"#x\"\r\n", NULL);
    check_link("Link: </a>; ANCHOR=x; rel=next\r\n", NULL);
    check_link("Link: </a; rel=next\r\n", NULL);
    check_link("Link: /a; rel=next\r\n", NULL);
    check_link("Link: </a>; rel=\"next\r\n", NULL);
    check_link("Link: </a>; rel=\"next\\\"\r\n", NULL);
    check_link("Link: </a>; title=\"x; rel=next\r\n", NULL);
    bi_bytes block = borrowed("Link: </a>; rel=\"\"\r\n");
    bi_span target;
    assert_false(bi_headers_link(&block, "", &target));
    block = borrowed("Link: </a>; rel=\"PREV\"\r\n");
    assert_true(bi_headers_link(&block, "prev", &target));
}

static void check_challenge(const char *fields, const char *parameter, const char *expected) {
    bi_bytes block = borrowed(fields), out = {0};
    bool found = bi_headers_challenge(&block, parameter, &out);
    if (found != (expected != NULL) || strcmp(bi_bytes_text(&out), expected ? expected : "") != 0)
        fail_msg("%s: %s", fields, bi_bytes_text(&out));
    bi_bytes_clear(&out);
}

static void test_challenges(void **state) {
    check_challenge("WWW-Authenticate: Bearer error=\"invalid_token\"\r\n", "error",
                    "invalid_token");
    check_challenge("www-authenticate: bearer ERROR=invalid_token\r\n", "error", "invalid_token");
    check_challenge("WWW-Authenticate: Bearer realm=\"a, error=b\", error=\"c\"\r\n", "error", "c");
    check_challenge("WWW-Authenticate: Bearer realm=\"x\" , scope = \"org:read a\"\r\n", "scope",
                    "org:read a");
    check_challenge("WWW-Authenticate: Bearer scope=org:read, error=e\r\n", "scope", "org:read");
    check_challenge("WWW-Authenticate: Bearer error_description=\"say \\\"hi\\\" \\\\\"\r\n",
                    "error_description", "say \"hi\" \\");
    check_challenge("WWW-Authenticate: Basic realm=\"x\", Bearer error=\"e\"\r\n", "error", "e");
    check_challenge(
        "WWW-Authenticate: Basic error=\"no\"\r\nWWW-Authenticate: Bearer error=\"e\"\r\n", "error",
        "e");
    check_challenge("WWW-Authenticate: Bearer, Basic error=\"no\", Bearer error=e\r\n", "error",
                    "e");
    check_challenge("WWW-Authenticate: Negotiate YII=, Bearer error=e\r\n", "error", "e");
    check_challenge("WWW-Authenticate: Negotiate a/b==, Bearer error=e\r\n", "error", "e");
    check_challenge("WWW-Authenticate: ,, Bearer  ,error=e\r\n", "error", "e");
    check_challenge("WWW-Authenticate: @\"Bearer error=no\", Bearer error=e\r\n", "error", "e");
    check_challenge("WWW-Authenticate: Bearer error=\"\"\r\n", "error", "");
    check_challenge("WWW-Authenticate: Bearer e=x\r\n", "e", "x");
    check_challenge("WWW-Authenticate: Negotiate a+b, Bearer error=e\r\n", "error", "e");
    check_challenge("WWW-Authenticate: Bearer abc=, error=e\r\n", "error", "e");
    check_challenge("WWW-Authenticate: Bearer error=\"a\\\"\"\r\n", "error", "a\"");
}

static void test_no_challenges(void **state) {
    check_challenge("", "error", NULL);
    check_challenge("WWW-Authenticate: Bearer\r\n", "error", NULL);
    check_challenge("WWW-Authenticate: Bearer error\r\n", "error", NULL);
    check_challenge("WWW-Authenticate: Bearer error=\"open\r\n", "error", NULL);
    check_challenge("WWW-Authenticate: Basic error=\"no\"\r\n", "error", NULL);
    check_challenge("WWW-Authenticate: error=\"no\"\r\n", "error", NULL);
    check_challenge("WWW-Authenticate: Bearer x=\"error=e\"\r\n", "error", NULL);
    check_challenge("WWW-Authenticate: Bearer realm=r, Basic realm=s, error=no\r\n", "error", NULL);
    check_challenge("WWW-Authenticate: BearerX error=no\r\n", "error", NULL);
    check_challenge("WWW-Authenticate: Bearer@ error=no\r\n", "error", NULL);
    check_challenge("WWW-Authenticate: Bearer x=y, X, error=no\r\n", "error", NULL);
    check_challenge("WWW-Authenticate: Bearer x=y, X error=no\r\n", "error", NULL);
    check_challenge("Authenticate: Bearer error=no\r\n", "error", NULL);
}

/* Fields of a megabyte that make a backtracking parser slow. The limit is generous: quadratic time is minutes. */
static void test_hostile_fields_take_linear_time(void **state) {
    static const char *const pieces[] = {"<",        "\"", ",",           ";",      "<>;",
                                         "<>;a=\"",  " ",  "a ",          "a=\"\\", "Bearer ",
                                         "Bearer =", "a=", "<>;rel=\"n ", "\t,",    "a/="};
    clock_t start = clock();
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        static const char *const names[] = {"Link: ", "WWW-Authenticate: "};
        for (size_t k = 0; k < 2; k++) {
            bi_bytes block = {0}, out = {0};
            bi_span target;
            bi_bytes_add_text(&block, names[k]);
            while (block.length < 1 << 20)
                bi_bytes_add_text(&block, pieces[i]);
            assert_false(bi_headers_link(&block, "next", &target));
            assert_false(bi_headers_challenge(&block, "error", &out));
            bi_bytes_clear(&block);
            bi_bytes_clear(&out);
        }
    }
    assert_true((clock() - start) / CLOCKS_PER_SEC < 20);
}

/* Each prefix of a block, in a copy of exactly its size. */
static void test_prefixes(void **state) {
    static const char text[] =
        "Content-Type: a/b+json;c\r\nLink: <a>; rel=\"x\\\" next\", <b>; rel=p\r\n"
        "WWW-Authenticate: Negotiate a==, Bearer error=\"x\\y\"\r\n";
    for (size_t n = 0; n < sizeof text; n++) {
        bi_bytes block = {.data = malloc(n ? n : 1), .length = n}, out = {0};
        bi_span target;
        memcpy(block.data, text, n);
        bi_headers_type_is_html(&block);
        bi_headers_link(&block, "next", &target);
        bi_headers_challenge(&block, "error", &out);
        bi_bytes_clear(&out);
        free(block.data);
    }
}

static void test_no_memory(void **state) {
    long live = bi_memory_live();
    bi_bytes block = borrowed("WWW-Authenticate: Bearer error=\"e\"\r\n"), out = {0};
    bi_memory_fail_at(1);
    assert_false(bi_headers_challenge(&block, "error", &out));
    assert_true(out.failed);
    bi_bytes_clear(&out);
    bi_memory_fail_at(0);
    assert_true(bi_memory_live() == live);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_walk),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_request_id),
        cmocka_unit_test(test_media_types),
        cmocka_unit_test(test_links),
        cmocka_unit_test(test_no_links),
        cmocka_unit_test(test_challenges),
        cmocka_unit_test(test_no_challenges),
        cmocka_unit_test(test_hostile_fields_take_linear_time),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
