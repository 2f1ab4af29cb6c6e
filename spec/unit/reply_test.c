/* src/core/reply.c: what the token endpoint, the mint and every error document say, in all the forms that servers
 * choose, and what is passed over because it does not matter. */
#include "fake.h"

#include "core/reply.h"

static const bi_now now = {.mono = 5000, .wall = FAKE_WALL};

static const char *read_reply(bi_token_reply *reply, const char *text) {
    bi_bytes body = {0};
    *reply = (bi_token_reply){0};
    bi_bytes_add_text(&body, text);
    const char *wrong = bi_token_reply_read(reply, &body, now);
    bi_bytes_clear(&body);
    return wrong;
}

static void test_lifetimes(void **state) {
    static const struct {
        const char *members;
        int64_t lifetime;
    } rows[] = {
        {"\"expires_in\":1800", 1800000},
        {"\"expires_in\":0", 0},
        {"\"expires_in\":0.5", 500},
        {"\"expires_in\":\"3600\"", 3600000},
        {"\"expires_in\":9999999999", 9999999999000},
        {"\"expires_in\":10000000000", -1},
        {"\"expires_in\":1e400", -1},
        {"\"expires_in\":-1", -1},
        {"\"expires_in\":null", -1},
        {"\"expires_in\":\"\"", -1},
        {"\"expires_in\":\"12x\"", -1},
        {"\"expires_in\":\"-12\"", -1},
        {"\"expires_in\":\"0123456789\"", -1},
        {"\"expires_in\":[1,2]", -1},
        {"\"expires_in\":{\"a\":{}}", -1},
        {"\"x\":1", -1},
        {"\"expires_at\":\"2026-01-01T01:00:00Z\"", 3600000},
        {"\"expires_at\":\"2026-01-01T02:00:00+01:00\"", 3600000},
        {"\"expires_at\":\"2025-12-31T23:00:00Z\"", 0},
        {"\"expires_at\":1767229200", -1},
        {"\"expires_at\":\"soon\"", -1},
        {"\"expires_at\":null", -1},
        /* a clock that is wrong does no harm where both are sent */
        {"\"expires_at\":\"2020-01-01T00:00:00Z\",\"expires_in\":60", 60000},
        {"\"expires_in\":60,\"expires_at\":\"2020-01-01T00:00:00Z\"", 60000},
        {"\"expires_in\":null,\"expires_at\":\"2026-01-01T00:00:01Z\"", 1000},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[200];
        bi_token_reply reply;
        snprintf(text, sizeof text, "{%s,\"access_token\":\"at\"}", rows[i].members);
        assert_null(read_reply(&reply, text));
        if (reply.lifetime != rows[i].lifetime)
            fail_msg("%s: %ld", text, (long)reply.lifetime);
        assert_string_equal(reply.access_token.text, "at");
        bi_token_reply_clear(&reply);
    }
}

static void test_what_a_reply_may_hold(void **state) {
    bi_token_reply reply;
    assert_null(read_reply(
        &reply,
        "{\"installation_token\":\"bi_oat_1\",\"project_ids\":[],\"scopes\":[\"a:b\",\"c:d\"],"
        "\"organization_id\":\"org\",\"token_type\":\"BEARER\",\"new\":[{\"a\":[1]}],"
        "\"grant_id\":\"grt\",\"refresh_token\":null}"));
    assert_true(reply.projects.known);
    assert_int_equal(reply.projects.count, 0);
    assert_int_equal(reply.scopes.count, 2);
    assert_memory_equal(reply.scopes.list.data, "a:b\0c:d", 8);
    assert_string_equal(reply.organization_id, "org");
    assert_string_equal(reply.grant_id, "grt");
    assert_false(bi_secret_is_set(&reply.refresh_token));
    bi_token_reply_clear(&reply);
    assert_null(read_reply(
        &reply, "{\"scope\":\"a  b \",\"token_type\":null,\"grant_id\":7,\"project_ids\":null}"));
    assert_int_equal(reply.scopes.count, 2);
    assert_false(reply.projects.known); /* null is not [] */
    assert_string_equal(reply.grant_id, "");
    bi_token_reply_clear(&reply);
}

static void test_replies_that_cannot_be_used(void **state) {
    static const char *const texts[] = {
        "",
        "null",
        "[]",
        "\"x\"",
        "{",
        "{\"access_token\":\"a\"",
        "{\"access_token\":\"a\"} x",
        "{\"access_token\":7}",
        "{\"access_token\":[\"a\"]}",
        "{\"access_token\":\"a b\"}",
        "{\"access_token\":\"a\\nb\"}",
        "{\"access_token\":\"\"}",
        "{\"access_token\":\"\\u00e9\"}",
        "{\"token_type\":\"mac\"}",
        "{\"token_type\":\"bearer-ish\"}",
        "{\"scopes\":[\"a\"",
        "<html>",
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        bi_token_reply reply;
        if (!read_reply(&reply, texts[i]))
            fail_msg("%s was taken", texts[i]);
        bi_token_reply_clear(&reply);
    }
}

static void test_error_documents(void **state) {
    static const struct {
        const char *text, *code, *message, *required;
    } rows[] = {
        {"{\"error\":\"invalid_grant\",\"error_description\":\"dead\"}", "invalid_grant", "dead",
         ""},
        {"{\"message\":\"m\",\"error\":\"x\"}", "x", "m", ""},
        {"{\"error\":{\"code\":\"x\",\"message\":\"m\",\"data\":{\"code\":\"y\"}}}", "x", "m", ""},
        {"{\"error\":{\"code\":7}}", "", "", ""},
        {"{\"error\":\"Not Found\"}", "", "Not Found", ""},
        {"{\"error\":\"Not Found\",\"message\":\"m\"}", "", "m", ""},
        {"{\"error\":\"\"}", "", "", ""},
        {"{\"error\":null,\"code\":\"UNAUTHORIZED\",\"message\":\"m\"}", "", "m", ""},
        {"{\"error\":[\"x\"],\"message\":[]}", "", "", ""},
        {"{\"error\":\"missing_scope\",\"required\":\"a:b\"}", "missing_scope", "", "a:b"},
        {"{\"error\":\"missing_scope\",\"required\":[\"a:b\",7,null,[\"x\"],\"c:d\"]}",
         "missing_scope", "", "a:b c:d"},
        {"{\"error\":\"missing_scope\",\"required\":[]}", "missing_scope", "", ""},
        {"{\"error\":\"a\",\"error\":\"b\"}", "b", "", ""},
        {"{\"error\":\"cut\",\"mess", "cut", "", ""},
        {"<html>", "", "", ""},
        {"", "", "", ""},
        {"[{\"error\":\"x\"}]", "", "", ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        bi_bytes body = {0};
        bi_error_reply reply = {0};
        bi_bytes_add_text(&body, rows[i].text);
        bi_error_reply_read(&reply, &body);
        bi_bytes_clear(&body);
        if (strcmp(reply.code, rows[i].code) != 0 || strcmp(reply.message, rows[i].message) != 0 ||
            strcmp(reply.required, rows[i].required) != 0)
            fail_msg("%s: %s, %s, %s", rows[i].text, reply.code, reply.message, reply.required);
    }
}

static void test_no_memory_is_told_apart_from_a_bad_reply(void **state) {
    static const char text[] =
        "{\"access_token\":\"at\\u005f1\",\"refresh_token\":\"rt\",\"scope\":\"a b\","
        "\"project_ids\":[\"p\\u005f1\"],\"grant_id\":\"g\\u005f\"}";
    const char *wrong = "";
    for (unsigned long n = 1; wrong; n++) {
        long live = bi_memory_live();
        bi_token_reply reply = {0};
        bi_bytes body = {0};
        bi_bytes_add_text(&body, text);
        bi_memory_fail_at(n);
        wrong = bi_token_reply_read(&reply, &body, now);
        bi_memory_fail_at(0);
        if (wrong)
            assert_string_equal(wrong, BI_CODE_MEMORY);
        bi_token_reply_clear(&reply);
        bi_bytes_clear(&body);
        assert_int_equal(bi_memory_live() - live, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lifetimes),
        cmocka_unit_test(test_what_a_reply_may_hold),
        cmocka_unit_test(test_replies_that_cannot_be_used),
        cmocka_unit_test(test_error_documents),
        cmocka_unit_test(test_no_memory_is_told_apart_from_a_bad_reply),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
