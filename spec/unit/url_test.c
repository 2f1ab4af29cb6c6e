/* src/core/url.c: which URLs, hosts and paths are taken, what is encoded and how, queries taken apart, no memory. */
#include "core/memory.h"
#include "core/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Parses from a block of exactly the size, so that ASan sees a step too far. */
static const char *parse_copy(const char *text, size_t length) {
    char *copy = malloc(length ? length : 1);
    bi_url url;
    memcpy(copy, text, length);
    const char *why = bi_url_parse(&url, copy, length);
    free(copy);
    return why;
}

static void assert_span(bi_span span, const char *expected) {
    if (span.length != strlen(expected) || memcmp(span.text, expected, span.length) != 0)
        fail_msg("%.*s is not %s", (int)span.length, span.text, expected);
}

static bi_url parsed(const char *text) {
    bi_url url;
    const char *why = bi_url_parse(&url, text, strlen(text));
    if (why)
        fail_msg("%s: %s", text, why);
    return url;
}

static void test_parts(void **state) {
    bi_url url = parsed("HTTPS://Api.Example.com:8443/a/b?c=d?e");
    assert_span(url.scheme, "HTTPS");
    assert_span(url.host, "Api.Example.com");
    assert_span(url.port, "8443");
    assert_span(url.path, "/a/b");
    assert_span(url.query, "c=d?e");
    assert_true(bi_url_is_https(&url));

    url = parsed("http://[2001:db8::1]:80?x");
    assert_span(url.host, "2001:db8::1");
    assert_span(url.port, "80");
    assert_int_equal(url.path.length, 0);
    assert_span(url.query, "x");
    assert_false(bi_url_is_https(&url));

    url = parsed("http://h");
    assert_int_equal(url.port.length, 0);
    assert_int_equal(url.path.length, 0);
    assert_null(url.query.text);
    assert_non_null(parsed("http://h?").query.text);
    assert_span(parsed("http://h:/p").path, "/p");
    assert_span(parsed("com.example.app://callback/x").host, "callback");
    assert_span(parsed("https://h/caf\xC3\xA9").path, "/caf\xC3\xA9");
}

static void test_refused_urls(void **state) {
    static const char *const rows[][2] = {
        {"", "empty"},
        {"example.com", "scheme"},
        {"localhost:5173", "scheme"},
        {"//example.com", "scheme"},
        {"https:/example.com", "scheme"},
        {"https:example.com", "scheme"},
        {"https", "scheme"},
        {"https:", "scheme"},
        {"https:/", "scheme"},
        {"1https://h", "scheme"},
        {"ht tp://h", "spaces"},
        {"ht_tp://h", "scheme"},
        {"://h", "scheme"},
        {"https://", "host"},
        {"http:///x", "host"},
        {"https://:80", "host"},
        {"https://?q", "host"},
        {"https://user@h", "user"},
        {"https://user:password@h/", "user"},
        {"https://@h", "user"},
        {"https://good.com@evil.com/", "user"},
        {"https://h/#f", "fragment"},
        {"https://evil.com#good.com", "fragment"},
        {" https://h", "spaces"},
        {"https://h ", "spaces"},
        {"https://h/a b", "spaces"},
        {"https://h\n", "control"},
        {"https://h/\x7F", "control"},
        {"https://h/\t", "control"},
        {"https://evil.com\\good.com", "backslash"},
        {"https:\\\\h", "backslash"},
        {"https://h:x", "port"},
        {"https://h:0", "port"},
        {"https://h:65536", "port"},
        {"https://h:-1", "port"},
        {"https://h:+80", "port"},
        {"https://h:80:80", "port"},
        {"https://h:999999999999999999999", "port"},
        {"https://h:8%30", "port"},
        {"https://a..b", "empty part"},
        {"https://.a", "empty part"},
        {"https://.", "empty part"},
        {"https://127.0.0.1%2eevil.com", "character"},
        {"https://caf\xC3\xA9.fr", "character"},
        {"https://a,b", "character"},
        {"https://a]", "character"},
        {"https://[::1", "IPv6"},
        {"https://[]", "IPv6"},
        {"https://[::1]x", "between"},
        {"https://[::1]:x", "port"},
        {"https://[::1%25eth0]", "IPv6"},
        {"https://[localhost]", "IPv6"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *why = parse_copy(rows[i][0], strlen(rows[i][0]));
        if (!why || !strstr(why, rows[i][1]))
            fail_msg("%s: %s", rows[i][0], why ? why : "taken");
    }
    bi_url url;
    assert_non_null(bi_url_parse(&url, NULL, 0));
    assert_non_null(parse_copy("https://h/\0", 11));
    assert_non_null(parse_copy("https://h\0.evil.com", 19));
    assert_null(parse_copy("https://h:65535", 15));
}

static void test_long_hosts(void **state) {
    char text[400] = "https://";
    memset(text + 8, 'a', 254);
    assert_null(parse_copy(text, 8 + 253));
    assert_non_null(parse_copy(text, 8 + 254));
}

static void test_ipv6(void **state) {
    static const char *const good[] = {"::",
                                       "::1",
                                       "1::",
                                       "1:2:3:4:5:6:7:8",
                                       "1::8",
                                       "1:2:3:4:5:6:7::",
                                       "::2:3:4:5:6:7:8",
                                       "fe80::ABCD",
                                       "::ffff:127.0.0.1",
                                       "1:2:3:4:5:6:1.2.3.4",
                                       "2001:db8::1.2.3.4"};
    static const char *const bad[] = {":",
                                      ":::",
                                      "1",
                                      "1:",
                                      ":1",
                                      "1::2::3",
                                      "12345::",
                                      "1:2:3:4:5:6:7",
                                      "1:2:3:4:5:6:7:8:9",
                                      "1:2:3:4:5:6:7:8::",
                                      "::1:2:3:4:5:6:7:8",
                                      "g::",
                                      "1:::2",
                                      "::1.2.3",
                                      "::1.2.3.256",
                                      "::1.2.3.4:5",
                                      "1.2.3.4",
                                      "1:2:3:4:5:6:7:1.2.3.4",
                                      "::01.2.3.4",
                                      "1::2:",
                                      "::1 "};
    char text[100];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        int length = snprintf(text, sizeof text, "https://[%s]/", good[i]);
        if (parse_copy(text, (size_t)length))
            fail_msg("refused: %s", good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int length = snprintf(text, sizeof text, "https://[%s]/", bad[i]);
        if (!parse_copy(text, (size_t)length))
            fail_msg("taken: %s", bad[i]);
    }
}

static void test_loopback(void **state) {
    static const char *const good[] = {"localhost", "LocalHost",       "app.localhost",
                                       "127.0.0.1", "127.255.255.254", "[::1]"};
    static const char *const bad[] = {"127.0.0.1.evil.com",
                                      "localhost.evil.com",
                                      "evillocalhost",
                                      "127.1",
                                      "0x7f.1",
                                      "0x7f.0.0.1",
                                      "2130706433",
                                      "0177.0.0.1",
                                      "127.0.0.01",
                                      "127.0.0.256",
                                      "127.0.0.1.",
                                      "localhost.",
                                      "1270.0.0.1",
                                      "128.0.0.1",
                                      "12.7.0.1",
                                      "127.0.0",
                                      "127.0.0.1.1",
                                      "[::]",
                                      "[::2]",
                                      "[::ffff:127.0.0.1]",
                                      "[0:0:0:0:0:0:0:1]",
                                      "0.0.0.0",
                                      "localhost-evil.com"};
    char text[100];
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        snprintf(text, sizeof text, "http://%s:80/", good[i]);
        bi_url url = parsed(text);
        if (!bi_url_is_loopback(&url))
            fail_msg("not: %s", text);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(text, sizeof text, "http://%s:80/", bad[i]);
        bi_url url = parsed(text);
        if (bi_url_is_loopback(&url))
            fail_msg("loopback: %s", text);
    }
}

static void test_same_origin(void **state) {
    static const struct {
        const char *a, *b;
        bool same;
    } rows[] = {
        {"https://h/a", "HTTPS://H/b?c", true},  {"https://h", "https://h:443", true},
        {"https://h:", "https://h:00443", true}, {"http://h:80", "http://h", true},
        {"http://h", "https://h", false},        {"http://h:443", "https://h:443", false},
        {"https://h", "https://h:8443", false},  {"https://h", "https://h.", false},
        {"https://h", "https://hh", false},      {"https://[::1]", "https://[::1]:443/", true},
        {"app://h", "app://h:80", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bi_url a = parsed(rows[i].a), b = parsed(rows[i].b);
        assert_int_equal(bi_url_same_origin(&a, &b), rows[i].same);
        assert_int_equal(bi_url_same_origin(&b, &a), rows[i].same);
    }
}

static void test_base_urls(void **state) {
    static const struct {
        const char *text;
        bool allow_http;
        const char *why; /* NULL: taken */
    } rows[] = {
        {"https://api.better-i18n.com", false, NULL},
        {"https://api.better-i18n.com/", false, NULL},
        {"https://h/prefix", false, NULL},
        {"http://localhost:5173", false, NULL},
        {"http://127.0.0.1:1", false, NULL},
        {"http://[::1]:1", false, NULL},
        {"http://h", true, NULL},
        {"http://h", false, "plain http"},
        {"HTTP://h", false, "plain http"},
        {"http://localhost.evil.com", false, "plain http"},
        {"http://[::ffff:127.0.0.1]", false, "plain http"},
        {"ftp://h", true, "scheme"},
        {"file://h/etc/passwd", true, "scheme"},
        {"https://h?a=b", false, "query"},
        {"https://h/?", false, "query"},
        {"https://h/a/../b", false, "\"..\""},
        {"https://h/%2e", false, "\"..\""},
        {"https://u@h", false, "user"},
        {"", false, "empty"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *why = bi_url_check_base(rows[i].text, strlen(rows[i].text), rows[i].allow_http);
        bool fine = rows[i].why ? why && strstr(why, rows[i].why) : !why;
        if (!fine)
            fail_msg("%s: %s", rows[i].text, why ? why : "taken");
    }
    assert_non_null(bi_url_check_base(NULL, 0, true));
}

static void test_parts_of_paths(void **state) {
    char longest[1025];
    memset(longest, 'a', sizeof longest);
    assert_null(bi_url_check_part("org_1", 5));
    assert_null(bi_url_check_part("...", 3));
    assert_null(bi_url_check_part(".a", 2));
    assert_null(bi_url_check_part("a/b c\xC3\xA9", 7));
    assert_null(bi_url_check_part(longest, 1024));
    assert_non_null(bi_url_check_part(longest, 1025));
    assert_non_null(bi_url_check_part(NULL, 0));
    assert_non_null(bi_url_check_part(".", 1));
    assert_non_null(bi_url_check_part("..", 2));
    assert_non_null(bi_url_check_part("a\0b", 3));
    assert_non_null(bi_url_check_part("a\nb", 3));
    assert_non_null(bi_url_check_part("\x7F", 1));
}

static void test_projects(void **state) {
    bi_span parts[2];
    assert_null(bi_url_split_project("acme/site", 9, parts));
    assert_memory_equal(parts[0].text, "acme", parts[0].length);
    assert_int_equal(parts[0].length, 4);
    assert_memory_equal(parts[1].text, "site", parts[1].length);
    assert_int_equal(parts[1].length, 4);
    static const char *const wrong[] = {"",      "acme", "/",    "a/",     "/b",
                                        "a/b/c", "a//",  "../b", "a/..",   " a/b",
                                        "a b/c", "a/b ", "a/\n", "a/\xFF", "\xC3/b"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_non_null(bi_url_split_project(wrong[i], strlen(wrong[i]), parts));
    assert_non_null(bi_url_split_project("a\0/b", 4, parts));
}

static void test_part_encoding(void **state) {
    bi_bytes b = {0};
    assert_true(bi_url_add_part(&b, "aZ09-._~", 8));
    assert_true(bi_url_add_part(&b, "/?#%+ &=;,@:\0\xC3\xA9", 15));
    assert_true(bi_url_add_part(&b, NULL, 0));
    assert_string_equal(bi_bytes_text(&b), "aZ09-._~%2F%3F%23%25%2B%20%26%3D%3B%2C%40%3A%00%C3%A9");
    bi_bytes_clear(&b);
}

static void test_paths(void **state) {
    static const char *const good[] = {
        "/",      "/a/b",  "/a?b=../c",    "/a//b",      "/a/",        "/.well-known/x",
        "/a/...", "/a/.b", "/a/..b",       "/%2e%2e%2e", "/a%2fb",     "/%",
        "/%2",    "/%zz",  "/caf\xC3\xA9", "/a/b..",     "/a?x=%2e%2e"};
    static const char *const bad[] = {
        "",          "a",       "//a",         "?a",      "https://h/", "/.",        "/..",
        "/./a",      "/a/.",    "/a/..",       "/a/../b", "/%2e",       "/%2E%2e/a", "/.%2e",
        "/a/%2e./b", "/a b",    "/a#b",        "/a\\b",   "/a\nb",      "/a\x7F",    "/..?x",
        "/..%2fa",   "/a%2f..", "/a%5c..%5Cb", "/a?b c",  "/a?b#c"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (bi_url_check_path(good[i], strlen(good[i])))
            fail_msg("refused: %s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (!bi_url_check_path(bad[i], strlen(bad[i])))
            fail_msg("taken: %s", bad[i]);
    assert_non_null(bi_url_check_path(NULL, 0));
    assert_non_null(bi_url_check_path("/a\0", 3));
}

static void test_forms(void **state) {
    bi_bytes b = {0};
    bi_bytes_add_text(&b, "x?");
    assert_true(bi_form_add(&b, 2, "a b", 3, "c&d=e+f", 7));
    assert_true(bi_form_add(&b, 2, "*-._~", 5, "\xC3\xA9\n%", 4));
    assert_true(bi_form_add(&b, 2, "n", 1, NULL, 0));
    assert_string_equal(bi_bytes_text(&b), "x?a+b=c%26d%3De%2Bf&*-._%7E=%C3%A9%0A%25&n=");
    bi_bytes_clear(&b);
}

static void check_query(const char *url, const char *expected) {
    bi_bytes b = {0};
    bi_bytes_add_text(&b, url);
    assert_true(bi_url_add_query(&b, "a", 1, "b c+", 4));
    assert_string_equal(bi_bytes_text(&b), expected);
    bi_bytes_clear(&b);
}

static void test_queries(void **state) {
    check_query("https://h", "https://h?a=b%20c%2B");
    check_query("https://h?", "https://h?a=b%20c%2B");
    check_query("https://h?x=y", "https://h?x=y&a=b%20c%2B");
    check_query("https://h?x&", "https://h?x&a=b%20c%2B");
    check_query("", "?a=b%20c%2B");
}

static void check_find(const char *query, const char *name, int count, const char *expected) {
    bi_bytes out = {0};
    bi_bytes_add_text(&out, "<");
    int found = bi_query_find((bi_span){query, strlen(query)}, name, &out);
    if (found != count || strcmp(bi_bytes_text(&out) + 1, expected) != 0)
        fail_msg("%s in %s: %d %s", name, query, found, bi_bytes_text(&out) + 1);
    assert_false(out.failed);
    bi_bytes_clear(&out);
}

static void test_query_find(void **state) {
    check_find("code=abc&state=x%2By+z", "code", 1, "abc");
    check_find("code=abc&state=x%2By+z", "state", 1, "x+y z");
    check_find("code=abc", "cod", 0, "");
    check_find("code=abc", "codes", 0, "");
    check_find("code=abc", "Code", 0, "");
    check_find("", "code", 0, "");
    check_find("xcode=abc&&&code=1&code=2&co%64e=3", "code", 3, "1");
    check_find("code", "code", 1, "");
    check_find("code=", "code", 1, "");
    check_find("code=a=b", "code", 1, "a=b");
    check_find("code=a%26b%3Dc", "code", 1, "a&b=c");
    check_find("error=x&error_description=so it  is", "error_description", 1, "so it  is");
    check_find("code=%", "code", -1, "");
    check_find("code=ab%4", "code", -1, "");
    check_find("code=ab%4g", "code", -1, "");
    check_find("other=100%&code=a", "code", 1, "a");
    check_find("100%=x&code=a", "code", 1, "a");
    check_find("code=a&code=%", "code", 2, "a");
    check_find("=x", "", 1, "x");
    bi_bytes out = {0};
    assert_int_equal(bi_query_find((bi_span){NULL, 0}, "code", &out), 0);
    assert_null(out.data);
    assert_int_equal(bi_query_find((bi_span){"a=x%00y", 7}, "a", &out), 1);
    assert_int_equal(out.length, 3);
    assert_memory_equal(out.data, "x\0y", 3);
    bi_bytes_clear(&out);
    assert_int_equal(bi_query_find((bi_span){"a%00b=x", 7}, "a", &out), 0);
}

static bool build_all(bi_bytes *a, bi_bytes *b, bi_bytes *c) {
    char text[200];
    memset(text, '/', sizeof text);
    return bi_url_add_part(a, text, sizeof text) && bi_form_add(b, 0, "n", 1, text, sizeof text) &&
           bi_form_add(b, 0, "m", 1, text, sizeof text) &&
           bi_url_add_query(b, "m", 1, text, sizeof text) &&
           bi_query_find((bi_span){b->data, b->length}, "n", c) == 1;
}

static void test_no_memory(void **state) {
    long live = bi_memory_live();
    bool done = false;
    for (unsigned long n = 1; !done; n++) {
        bi_bytes a = {0}, b = {.secret = true}, c = {0};
        bi_memory_fail_at(n);
        done = build_all(&a, &b, &c);
        assert_int_equal(a.failed || b.failed || c.failed, !done);
        bi_bytes_clear(&a);
        bi_bytes_clear(&b);
        bi_bytes_clear(&c);
        assert_true(bi_memory_live() == live);
    }
    bi_memory_fail_at(0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),      cmocka_unit_test(test_refused_urls),
        cmocka_unit_test(test_long_hosts), cmocka_unit_test(test_ipv6),
        cmocka_unit_test(test_loopback),   cmocka_unit_test(test_same_origin),
        cmocka_unit_test(test_base_urls),  cmocka_unit_test(test_parts_of_paths),
        cmocka_unit_test(test_projects),   cmocka_unit_test(test_part_encoding),
        cmocka_unit_test(test_paths),      cmocka_unit_test(test_forms),
        cmocka_unit_test(test_queries),    cmocka_unit_test(test_query_find),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
