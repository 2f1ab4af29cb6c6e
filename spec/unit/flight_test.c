/* src/core/flight.c: every way in which tokens are renewed, told and minted, and what each failure on the way says
 * about the grant. Stories as in fake.h. */
#include "fake.h"

/* --- What is renewed, and in which order --------------------------------------------------------------------- */

static void test_refresh_then_tell_then_mint_then_call(void **state) {
    static const fake_answer script[] = {REFRESHED(2), MINTED(1), DONE, DONE};
    fake f;
    fake_init(&f);
    f.config->on_tokens = true;
    FAKE_SCRIPT(&f, script);
    fake_do(&f, "list_organizations", NULL);
    fake_expect(&f, "renew, refresh rt_1, tell rt_2, mint at_2, GET /organizations bi_oat_1");
    fake_do(&f, "list_organizations", NULL);
    fake_expect(&f, "GET /organizations bi_oat_1");
    assert_true(f.account->projects.known);
    assert_int_equal(f.account->projects.count, 0);
    assert_string_equal(f.account->organization_id, "org_1");
    fake_end(&f);
}

static void test_a_living_access_token_is_minted_with_at_once(void **state) {
    static const fake_answer script[] = {MINTED(1), DONE};
    fake f;
    fake_init(&f);
    fake_set_access(&f, "at_secret_1", 1800000);
    FAKE_SCRIPT(&f, script);
    fake_do(&f, "list_organizations", NULL);
    fake_expect(&f, "renew, mint at_1, GET /organizations bi_oat_1");
    fake_end(&f);
}

static void test_an_expiring_access_token_is_refreshed_before_it_mints(void **state) {
    static const fake_answer script[] = {REFRESHED(2), MINTED(1), DONE, MINTED(2), DONE};
    fake f;
    fake_init(&f);
    fake_set_access(&f, "at_secret_1", 1800000);
    fake_pass(&f, 1800000 - 59000);
    FAKE_SCRIPT(&f, script);
    fake_do(&f, "list_organizations", NULL);
    fake_expect(&f, "renew, refresh rt_1, mint at_2, GET /organizations bi_oat_1");
    /* Without a refresh token its last minute has to do. */
    fake_set_refresh(&f, NULL);
    fake_set_access(&f, "at_secret_3", 1800000);
    bi_token_clear(&f.account->installation);
    fake_pass(&f, 1800000 - 59000);
    fake_do(&f, "list_organizations", NULL);
    fake_expect(&f, "renew, mint at_3, GET /organizations bi_oat_2");
    fake_end(&f);
}

static void test_a_reply_without_a_refresh_token_keeps_the_old_one(void **state) {
    static const fake_answer script[] = {
        {.status = 200, .body = "{\"access_token\":\"at_secret_5\",\"expires_in\":1800}"}, DONE};
    fake f;
    fake_init(&f);
    FAKE_SCRIPT(&f, script);
    f.config->on_tokens = true;
    fake_do(&f, "me", NULL);
    fake_expect(&f, "renew, refresh rt_1, tell rt_1, GET /me at_5");
    assert_string_equal(f.account->refresh.text, "rt_secret_1");
    fake_end(&f);
}

static void test_a_grant_id_that_was_not_known_is_taken_from_the_reply(void **state) {
    static const fake_answer script[] = {
        {.status = 200, .body = "{\"access_token\":\"at_secret_5\",\"grant_id\":\"grt_9\"}"},
        {.status = 200, .body = "{\"access_token\":\"at_secret_6\",\"grant_id\":\"grt_8\"}"}};
    fake f;
    fake_init(&f);
    bi_free(f.account->grant_id);
    f.account->grant_id = NULL;
    FAKE_SCRIPT(&f, script);
    bi_flight *flight = bi_flight_new(f.config, f.account, BI_TOKEN_ACCESS, f.input.now);
    fake_run_flight(&f, flight);
    bi_flight_release(flight);
    assert_string_equal(f.account->grant_id, "grt_9");
    flight = bi_flight_new(f.config, f.account, BI_TOKEN_ACCESS, f.input.now);
    fake_run_flight(&f, flight);
    bi_flight_release(flight);
    assert_string_equal(f.account->grant_id, "grt_9");
    fake_end(&f);
}

/* --- A mint that fails --------------------------------------------------------------------------------------- */

static void test_a_mint_refused_with_401_leaves_the_decision_to_the_refresh(void **state) {
    static const fake_answer script[] = {ERROR("invalid_token", 401), REFRESHED(2), MINTED(1),
                                         DONE};
    static const fake_answer dead[] = {{.status = 401}, ERROR("invalid_grant", 401)};
    fake f;
    fake_init(&f);
    fake_set_access(&f, "at_secret_1", 1800000);
    FAKE_SCRIPT(&f, script);
    fake_do(&f, "list_organizations", NULL);
    fake_expect(&f, "renew, mint at_1, refresh rt_1, mint at_2, GET /organizations bi_oat_1");
    bi_token_clear(&f.account->installation);
    FAKE_SCRIPT(&f, dead);
    fake_do(&f, "list_organizations", "grant_revoked");
    fake_expect(&f, "renew, mint at_2, refresh rt_2");
    fake_end(&f);
}

static void test_a_flight_refreshes_once_only(void **state) {
    static const fake_answer script[] = {ERROR("invalid_token", 401), REFRESHED(2),
                                         ERROR("invalid_token", 401)};
    fake f;
    fake_init(&f);
    fake_set_access(&f, "at_secret_1", 1800000);
    FAKE_SCRIPT(&f, script);
    fake_do(&f, "list_organizations", "invalid_token");
    fake_expect(&f, "renew, mint at_1, refresh rt_1, mint at_2");
    assert_false(bi_failure_is_set(&f.account->over));
    fake_end(&f);
}

static void test_a_mint_refused_without_a_refresh_token_asks_to_reconnect(void **state) {
    static const fake_answer script[] = {ERROR("invalid_token", 401)};
    fake f;
    fake_init(&f);
    fake_set_refresh(&f, NULL);
    fake_set_access(&f, "at_secret_1", 1800000);
    FAKE_SCRIPT(&f, script);
    fake_do(&f, "list_organizations", "invalid_token");
    fake_expect(&f, "renew, mint at_1");
    fake_do(&f, "list_organizations", "invalid_token");
    fake_expect(&f, ""); /* the dropped token is not tried again */
    fake_end(&f);
}

/* --- The grant is over --------------------------------------------------------------------------------------- */

static void test_the_end_of_a_grant_is_sticky_and_announced_once(void **state) {
    static const struct {
        fake_answer answer;
        const char *code;
        bool refreshes, revoked;
    } rows[] = {
        {ERROR("invalid_grant", 400), "grant_revoked", true, true},
        {ERROR("invalid_grant", 401), "grant_revoked", true, true},
        {ERROR("grant_revoked", 410), "grant_revoked", true, true},
        {ERROR("grant_revoked", 410), "grant_revoked", false, true},
        {ERROR("grant_not_found", 404), "grant_not_found", false, false},
        {ERROR("grant_not_found", 404), "grant_not_found", true, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        fake f;
        fake_init(&f);
        f.config->on_revoked = true;
        if (!rows[i].refreshes)
            fake_set_access(&f, "at_secret_1", 1800000);
        fake_script(&f, &rows[i].answer, 1);
        bi_call *call = fake_call(&f, "list_organizations");
        fake_run(&f, call);
        assert_string_equal(call->failure.code, rows[i].code);
        assert_true(call->failure.revoked == rows[i].revoked);
        assert_false(call->failure.retryable);
        assert_string_equal(call->failure.grant_id, "grt_1");
        bi_call_free(call);
        const char *asked = rows[i].refreshes ? "renew, refresh rt_1" : "renew, mint at_1";
        char story[80];
        snprintf(story, sizeof story, "%s%s", asked, rows[i].revoked ? ", announce" : "");
        fake_expect(&f, story);
        assert_false(bi_secret_is_set(&f.account->refresh));
        fake_do(&f, "list_organizations", rows[i].code);
        fake_do(&f, "create_project", rows[i].code);
        fake_do(&f, "token_info", rows[i].code);
        fake_expect(&f, ""); /* nothing was sent, nothing announced again */
        fake_end(&f);
    }
}

static void test_other_refusals_of_a_refresh_are_no_revocation(void **state) {
    static const struct {
        fake_answer answer;
        const char *code;
    } rows[] = {
        {ERROR("invalid_client", 401), "invalid_client"},
        {ERROR("invalid_request", 400), "invalid_request"},
        {ERROR("unsupported_grant_type", 400), "unsupported_grant_type"},
        {{.status = 401, .body = "{\"message\":\"no\",\"code\":\"UNAUTHORIZED\"}"}, "http_error"},
        {{.status = 403, .body = "Forbidden"}, "http_error"},
        {{.status = 302, .fields = "Location: /login\r\n"}, "redirect"},
        {{.status = 404}, "http_error"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        fake f;
        fake_init(&f);
        f.config->on_revoked = true;
        fake_script(&f, &rows[i].answer, 1);
        fake_do(&f, "me", rows[i].code);
        fake_expect(&f, "renew, refresh rt_1");
        assert_false(bi_failure_is_set(&f.account->over));
        assert_false(f.account->refresh_in_doubt);
        assert_string_equal(f.account->refresh.text, "rt_secret_1");
        fake_end(&f);
    }
}

/* --- Odd replies --------------------------------------------------------------------------------------------- */

static void test_a_rotated_refresh_token_is_kept_whatever_expires_in_says(void **state) {
    static const char *const lives[] = {"null",           "-5", "\"soon\"", "[]", "1e400",
                                        "99999999999999", "{}"};
    for (size_t i = 0; i < COUNT(lives); i++) {
        char body[200];
        snprintf(
            body, sizeof body,
            "{\"access_token\":\"at_secret_2\",\"expires_in\":%s,\"refresh_token\":\"rt_secret_2\"}",
            lives[i]);
        fake_answer script[] = {{.status = 200, .body = body}, DONE};
        fake f;
        fake_init(&f);
        FAKE_SCRIPT(&f, script);
        fake_do(&f, "me", NULL);
        fake_expect(&f, "renew, refresh rt_1, GET /me at_2");
        assert_string_equal(f.account->refresh.text, "rt_secret_2");
        fake_end(&f);
    }
}

static void test_tokens_issued_without_any_life_serve_the_call_that_asked(void **state) {
    static const fake_answer script[] = {
        {.status = 200, .body = "{\"access_token\":\"at_secret_2\",\"expires_in\":0}"},
        {.status = 200, .body = "{\"installation_token\":\"bi_oat_secret_2\",\"expires_in\":0}"},
        DONE,
        {.status = 200, .body = "{\"access_token\":\"at_secret_3\",\"expires_in\":0}"},
        {.status = 200, .body = "{\"installation_token\":\"bi_oat_secret_3\",\"expires_in\":0}"},
        DONE,
    };
    fake f;
    fake_init(&f);
    FAKE_SCRIPT(&f, script);
    fake_do(&f, "list_organizations", NULL);
    fake_expect(&f, "renew, refresh rt_1, mint at_2, GET /organizations bi_oat_2");
    fake_do(&f, "list_organizations", NULL);
    fake_expect(&f, "renew, refresh rt_1, mint at_3, GET /organizations bi_oat_3");
    fake_end(&f);
}

static void test_a_mint_without_a_token_is_an_invalid_response(void **state) {
    static const char *const bodies[] = {"{}",
                                         "[]",
                                         "",
                                         "{\"installation_token\":\"\"}",
                                         "{\"installation_token\":\"a b\"}",
                                         "{\"installation_token\":\"x\"} y",
                                         "{\"installation_token\":\"x\",\"token_type\":\"mac\"}"};
    for (size_t i = 0; i < COUNT(bodies); i++) {
        fake_answer script[] = {{.status = 200, .body = bodies[i]}};
        fake f;
        fake_init(&f);
        fake_set_access(&f, "at_secret_1", 1800000);
        FAKE_SCRIPT(&f, script);
        fake_do(&f, "list_organizations", "invalid_response");
        assert_false(f.account->refresh_in_doubt);
        fake_end(&f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refresh_then_tell_then_mint_then_call),
        cmocka_unit_test(test_a_living_access_token_is_minted_with_at_once),
        cmocka_unit_test(test_an_expiring_access_token_is_refreshed_before_it_mints),
        cmocka_unit_test(test_a_reply_without_a_refresh_token_keeps_the_old_one),
        cmocka_unit_test(test_a_grant_id_that_was_not_known_is_taken_from_the_reply),
        cmocka_unit_test(test_a_mint_refused_with_401_leaves_the_decision_to_the_refresh),
        cmocka_unit_test(test_a_flight_refreshes_once_only),
        cmocka_unit_test(test_a_mint_refused_without_a_refresh_token_asks_to_reconnect),
        cmocka_unit_test(test_the_end_of_a_grant_is_sticky_and_announced_once),
        cmocka_unit_test(test_other_refusals_of_a_refresh_are_no_revocation),
        cmocka_unit_test(test_a_rotated_refresh_token_is_kept_whatever_expires_in_says),
        cmocka_unit_test(test_tokens_issued_without_any_life_serve_the_call_that_asked),
        cmocka_unit_test(test_a_mint_without_a_token_is_an_invalid_response),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
