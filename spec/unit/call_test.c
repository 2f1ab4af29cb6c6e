/* src/core/call.c: which token a call uses, when it waits for a renewal, what a refused token means for it. Stories
 * as in fake.h. */
#include "fake.h"

static const fake_answer renewed[] = {REFRESHED(2), MINTED(2), DONE};

/* --- Freshness ----------------------------------------------------------------------------------------------- */

static void test_a_stale_token_is_used_and_renewed_aside(void **state) {
    static const fake_answer script[] = {DONE, MINTED(2), DONE};
    fake f;
    fake_init(&f);
    fake_set_installation(&f, "bi_oat_secret_1", 3600000);
    fake_pass(&f, 3600000 - 299000);
    fake_set_access(&f, "at_secret_1", 1800000);
    FAKE_SCRIPT(&f, script);
    fake_do(&f, "list_organizations", NULL);
    fake_expect(&f, "renew aside, GET /organizations bi_oat_1, mint at_1");
    fake_do(&f, "list_organizations", NULL);
    fake_expect(&f, "GET /organizations bi_oat_2");
    fake_end(&f);
}

static void test_an_expiring_token_waits_for_the_renewal(void **state) {
    fake f;
    fake_init(&f);
    fake_set_installation(&f, "bi_oat_secret_1", 3600000);
    fake_pass(&f, 3600000 - 59000);
    FAKE_SCRIPT(&f, renewed);
    fake_do(&f, "list_organizations", NULL);
    fake_expect(&f, "renew, refresh rt_1, mint at_2, GET /organizations bi_oat_2");
    fake_end(&f);
}

static void test_a_token_of_two_seconds_has_its_three_states(void **state) {
    static const struct {
        int64_t passed;
        const char *story;
    } rows[] = {
        {0, "GET /organizations bi_oat_1"},
        {1666, "GET /organizations bi_oat_1"},
        {1668, "renew aside, GET /organizations bi_oat_1, refresh rt_1, mint at_2"},
        {1934, "renew aside, GET /organizations bi_oat_1, refresh rt_1, mint at_2"},
        {1935, "renew, refresh rt_1, mint at_2, GET /organizations bi_oat_2"},
        {2000, "renew, refresh rt_1, mint at_2, GET /organizations bi_oat_2"},
    };
    static const fake_answer aside[] = {DONE, REFRESHED(2), MINTED(2)};
    for (size_t i = 0; i < COUNT(rows); i++) {
        fake f;
        fake_init(&f);
        fake_set_installation(&f, "bi_oat_secret_1", 2000);
        fake_pass(&f, rows[i].passed);
        bool is_aside = strncmp(rows[i].story, "renew,", 6) != 0;
        fake_script(&f, is_aside ? aside : renewed, 3);
        fake_do(&f, "list_organizations", NULL);
        fake_expect(&f, rows[i].story);
        fake_end(&f);
    }
}

static void test_an_early_renewal_that_fails_keeps_the_token_and_pauses(void **state) {
    static const fake_answer script[] = {UNREACHED, DONE, DONE, UNREACHED, DONE};
    fake f;
    fake_init(&f);
    f.config->max_retries = 0;
    fake_set_access(&f, "at_secret_1", BI_NEVER);
    fake_set_installation(&f, "bi_oat_secret_1", 3600000);
    fake_pass(&f, 3600000 - 50000);
    FAKE_SCRIPT(&f, script);
    fake_do(&f, "list_organizations", NULL);
    fake_expect(&f, "renew, mint at_1, GET /organizations bi_oat_1");
    fake_pass(&f, 9000);
    fake_do(&f, "list_organizations", NULL);
    fake_expect(&f, "GET /organizations bi_oat_1");
    fake_pass(&f, 2000);
    fake_do(&f, "list_organizations", NULL);
    fake_expect(&f, "renew, mint at_1, GET /organizations bi_oat_1");
    fake_end(&f);
}

static void test_an_installation_token_alone_serves_until_it_is_refused(void **state) {
    static const fake_answer script[] = {DONE, DONE, ERROR("invalid_token", 401)};
    fake f;
    fake_init(&f);
    fake_set_refresh(&f, NULL);
    bi_free(f.account->grant_id);
    f.account->grant_id = NULL;
    fake_set_installation(&f, "bi_oat_secret_1", -1);
    FAKE_SCRIPT(&f, script);
    fake_do(&f, "list_organizations", NULL);
    fake_do(&f, "me", NULL);
    fake_do(&f, "revoke", "invalid_token"); /* needs an access token: said without a request */
    fake_do(&f, "list_organizations", "invalid_token");
    fake_expect(&f, "GET /organizations bi_oat_1, GET /me bi_oat_1, GET /organizations bi_oat_1");
    fake_do(&f, "list_organizations", "invalid_token");
    fake_expect(&f, "");
    fake_end(&f);
}

static void test_me_takes_the_token_that_lives(void **state) {
    static const fake_answer script[] = {DONE, REFRESHED(2), DONE};
    fake f;
    fake_init(&f);
    fake_set_installation(&f, "bi_oat_secret_1", 3600000);
    FAKE_SCRIPT(&f, script);
    fake_do(&f, "me", NULL);
    fake_expect(&f, "GET /me bi_oat_1");
    bi_token_clear(&f.account->installation);
    fake_do(&f, "me", NULL);
    fake_expect(&f, "renew, refresh rt_1, GET /me at_2");
    fake_end(&f);
}

static void test_me_takes_an_expiring_installation_token_before_a_dead_access_token(void **state) {
    static const fake_answer script[] = {DONE};
    fake f;
    fake_init(&f);
    fake_set_refresh(&f, NULL);
    fake_set_access(&f, "at_secret_1", 1000);
    fake_set_installation(&f, "bi_oat_secret_1", 3600000);
    fake_pass(&f, 3600000 - 30000);
    FAKE_SCRIPT(&f, script);
    bi_call *call = fake_call(&f, "me");
    fake_run(&f, call);
    assert_string_equal(call->failure.code, "");
    bi_call_free(call);
    assert_non_null(strstr(f.log, "GET /me bi_oat_1"));
    fake_end(&f);
}

static void test_token_info_makes_sure_of_a_token_and_sends_nothing(void **state) {
    fake f;
    fake_init(&f);
    FAKE_SCRIPT(&f, renewed);
    fake_do(&f, "token_info", NULL);
    fake_expect(&f, "renew, refresh rt_1, mint at_2");
    fake_do(&f, "token_info", NULL);
    fake_expect(&f, "");
    fake_end(&f);
}

static void test_token_info_sends_nothing_while_somebody_else_renews(void **state) {
    fake f;
    fake_init(&f);
    fake_set_installation(&f, "bi_oat_secret_1", 3600000);
    fake_pass(&f, 3600000 - 200000);
    bi_flight *flight = bi_flight_new(f.config, f.account, BI_TOKEN_INSTALLATION, f.input.now);
    fake_do(&f, "token_info", NULL);
    fake_expect(&f, "");
    bi_flight_abandon(flight);
    bi_flight_release(flight);
    fake_end(&f);
}

/* --- One flight for all -------------------------------------------------------------------------------------- */

static void test_calls_join_the_one_flight(void **state) {
    static const fake_answer script[] = {REFRESHED(2), MINTED(2), DONE, DONE, DONE};
    fake f;
    fake_init(&f);
    FAKE_SCRIPT(&f, script);
    bi_call *a = fake_call(&f, "list_organizations"), *b = fake_call(&f, "list_projects"),
            *c = fake_call(&f, "me");
    assert_int_equal(fake_step(&f, a), BI_NEED_RENEW);
    assert_int_equal(fake_step(&f, a), BI_NEED_JOIN);
    assert_int_equal(fake_step(&f, b), BI_NEED_JOIN);
    assert_int_equal(fake_step(&f, c), BI_NEED_JOIN);
    assert_int_equal(b->exchange.wake - f.input.now.mono, 30000);
    fake_expect(&f, "renew, join, join, join");
    fake_run_flight(&f, f.account->flight);
    assert_null(f.account->flight);
    fake_run(&f, a);
    fake_run(&f, b);
    fake_run(&f, c);
    fake_expect(&f, "refresh rt_1, mint at_2, GET /organizations bi_oat_2, GET /projects bi_oat_2, "
                    "GET /me at_2");
    bi_call_free(a);
    bi_call_free(b);
    bi_call_free(c);
    fake_end(&f);
}

static void test_a_joined_flight_that_fails_is_every_waiters_failure(void **state) {
    static const fake_answer script[] = {ERROR("invalid_client", 401)};
    fake f;
    fake_init(&f);
    FAKE_SCRIPT(&f, script);
    bi_call *a = fake_call(&f, "list_organizations"), *b = fake_call(&f, "create_project");
    fake_step(&f, a);
    fake_step(&f, b);
    bi_flight *flight = bi_flight_hold(a->flight);
    fake_run_flight(&f, flight);
    bi_flight_release(flight);
    fake_run(&f, a);
    fake_run(&f, b);
    assert_string_equal(a->failure.code, "invalid_client");
    assert_string_equal(b->failure.code, "invalid_client");
    assert_string_equal(b->failure.method, "POST");
    assert_string_equal(b->failure.path.data, "/projects");
    bi_call_free(a);
    bi_call_free(b);
    fake_end(&f);
}

static void test_a_joined_flight_for_the_other_token_is_followed_by_an_own_one(void **state) {
    static const fake_answer script[] = {REFRESHED(2), MINTED(2), DONE};
    fake f;
    fake_init(&f);
    FAKE_SCRIPT(&f, script);
    bi_flight *flight = bi_flight_new(f.config, f.account, BI_TOKEN_ACCESS, f.input.now);
    f.background = flight;
    fake_do(&f, "list_organizations", NULL);
    fake_expect(&f, "join, refresh rt_1, renew, mint at_2, GET /organizations bi_oat_2");
    fake_end(&f);
}

static void test_a_flight_for_the_other_token_does_not_revive_a_dead_one(void **state) {
    static const fake_answer script[] = {REFRESHED(2), MINTED(2), DONE};
    fake f;
    fake_init(&f);
    fake_set_installation(&f, "bi_oat_secret_1", 1000);
    fake_pass(&f, 2000);
    FAKE_SCRIPT(&f, script);
    f.background = bi_flight_new(f.config, f.account, BI_TOKEN_ACCESS, f.input.now);
    fake_do(&f, "list_organizations", NULL);
    fake_expect(&f, "join, refresh rt_1, renew, mint at_2, GET /organizations bi_oat_2");
    fake_end(&f);
}

static void test_a_flight_that_nobody_drove_to_its_end_does_not_fail_the_next_call(void **state) {
    fake f;
    fake_init(&f);
    bi_flight *left = bi_flight_new(f.config, f.account, BI_TOKEN_INSTALLATION, f.input.now);
    f.account->gate = f.input.now.mono + 1000;
    assert_int_equal(fake_step_flight(&f, left),
                     BI_NEED_SLEEP); /* and then the program did other things */
    fake_pass(&f, 60000);
    f.log[0] = '\0';
    FAKE_SCRIPT(&f, renewed);
    fake_do(&f, "list_organizations", NULL);
    fake_expect(&f, "renew, refresh rt_1, mint at_2, GET /organizations bi_oat_2");
    bi_flight_abandon(left);
    bi_flight_release(left);
    fake_end(&f);
}

static void test_a_token_that_is_gone_behind_a_background_renewal_is_awaited(void **state) {
    fake f;
    fake_init(&f);
    fake_set_installation(&f, "bi_oat_secret_1", 3600000);
    fake_pass(&f, 3600000 - 200000);
    bi_call *call = fake_call(&f, "list_organizations");
    assert_int_equal(fake_step(&f, call), BI_NEED_RENEW);
    assert_true(call->background);
    bi_token_clear(&f.account->installation); /* another call's 401 while the driver was at it */
    f.log[0] = '\0';
    assert_int_equal(fake_step(&f, call), BI_NEED_JOIN);
    bi_call_free(call);
    fake_end(&f);
}

static void test_a_flight_survives_the_call_that_started_it(void **state) {
    static const fake_answer script[] = {REFRESHED(2), MINTED(2), DONE};
    fake f;
    fake_init(&f);
    FAKE_SCRIPT(&f, script);
    bi_call *a = fake_call(&f, "list_organizations");
    fake_step(&f, a);
    f.background = bi_flight_hold(a->flight);
    bi_call_cancel(a, BI_CODE_CANCELLED, "it was cancelled by its signal", "make it again");
    assert_string_equal(a->failure.code, "cancelled");
    bi_call_free(a);
    f.log[0] = '\0';
    fake_do(&f, "list_organizations", NULL);
    fake_expect(&f, "join, refresh rt_1, mint at_2, GET /organizations bi_oat_2");
    fake_end(&f);
}

static void test_a_flight_abandoned_twice_ends_its_waiters(void **state) {
    fake f;
    fake_init(&f);
    bi_call *call = fake_call(&f, "create_project");
    fake_step(&f, call);
    bi_flight_abandon(call->flight); /* its client was closed, say: another is begun */
    assert_int_equal(fake_step(&f, call), BI_NEED_RENEW);
    bi_flight_abandon(call->flight);
    fake_run(&f, call);
    assert_string_equal(call->failure.code, "cancelled");
    assert_string_equal(call->failure.path.data, "/projects");
    bi_call_free(call);
    fake_end(&f);
}

/* --- A refused token ----------------------------------------------------------------------------------------- */

static void test_a_refused_token_is_dropped_and_the_call_made_once_more(void **state) {
    static const fake_answer script[] = {
        ERROR("invalid_token", 401), MINTED(2), DONE,
        ERROR("invalid_token", 401), MINTED(3), ERROR("invalid_token", 401)};
    fake f;
    fake_init(&f);
    fake_set_access(&f, "at_secret_1", 1800000);
    fake_set_installation(&f, "bi_oat_secret_1", 3600000);
    FAKE_SCRIPT(&f, script);
    bi_call *call = fake_call(&f, "create_project");
    fake_run(&f, call);
    assert_string_equal(call->failure.code, "");
    assert_string_equal(call->exchange.request.body.data, "{\"name\":\"Site\"}");
    assert_int_equal(call->exchange.attempts, 2);
    bi_call_free(call);
    fake_expect(&f, "POST /projects bi_oat_1, renew, mint at_1, POST /projects bi_oat_2");
    fake_do(&f, "list_organizations", "invalid_token"); /* never a loop */
    fake_expect(&f, "GET /organizations bi_oat_2, renew, mint at_1, GET /organizations bi_oat_3");
    fake_end(&f);
}

static void test_a_bearer_challenge_is_a_refused_token(void **state) {
    static const fake_answer script[] = {
        {.status = 401,
         .fields = "WWW-Authenticate: Bearer realm=\"x\", error=\"invalid_token\"\r\n"},
        MINTED(2),
        DONE};
    fake f;
    fake_init(&f);
    fake_set_access(&f, "at_secret_1", 1800000);
    fake_set_installation(&f, "bi_oat_secret_1", 3600000);
    FAKE_SCRIPT(&f, script);
    fake_do(&f, "list_organizations", NULL);
    fake_end(&f);
}

static void test_a_token_that_was_renewed_meanwhile_is_not_dropped(void **state) {
    static const fake_answer script[] = {ERROR("invalid_token", 401), DONE};
    fake f;
    fake_init(&f);
    fake_set_installation(&f, "bi_oat_secret_1", 3600000);
    FAKE_SCRIPT(&f, script);
    bi_call *call = fake_call(&f, "list_organizations");
    assert_int_equal(fake_step(&f, call), BI_NEED_SEND);
    fake_answer_it(&f, &call->exchange);
    fake_set_installation(&f, "bi_oat_secret_7", 3600000);
    fake_run(&f, call);
    fake_expect(&f, "GET /organizations bi_oat_1, GET /organizations bi_oat_7");
    bi_call_free(call);
    fake_end(&f);
}

static void test_a_dropped_access_token_without_refresh_asks_to_reconnect_every_time(void **state) {
    static const fake_answer script[] = {ERROR("invalid_token", 401)};
    static const char *const names[] = {"me", "list_organizations", "revoke"};
    fake f;
    fake_init(&f);
    fake_set_refresh(&f, NULL);
    fake_set_access(&f, "at_secret_1", 1800000);
    FAKE_SCRIPT(&f, script);
    fake_do(&f, "me", "invalid_token");
    for (size_t i = 0; i < COUNT(names); i++) {
        bi_call *call = fake_call(&f, names[i]);
        fake_run(&f, call);
        assert_string_equal(call->failure.code, "invalid_token");
        assert_non_null(strstr(call->failure.message.data, "offline_access"));
        bi_call_free(call);
    }
    fake_expect(&f, "GET /me at_1");
    fake_end(&f);
}

static void test_me_falls_back_on_the_other_token(void **state) {
    static const fake_answer script[] = {ERROR("invalid_token", 401), DONE};
    fake f;
    fake_init(&f);
    fake_set_access(&f, "at_secret_1", 1800000);
    fake_set_installation(&f, "bi_oat_secret_1", 3600000);
    FAKE_SCRIPT(&f, script);
    fake_do(&f, "me", NULL);
    fake_expect(&f, "GET /me at_1, GET /me bi_oat_1");
    fake_end(&f);
}

/* --- Calls outside a grant ----------------------------------------------------------------------------------- */

static void test_a_call_without_an_account_needs_no_token(void **state) {
    static const fake_answer script[] = {{.status = 201, .body = "{\"client_id\":\"x\"}"},
                                         ERROR("grant_revoked", 410)};
    fake f;
    fake_init(&f);
    FAKE_SCRIPT(&f, script);
    for (int i = 0; i < 2; i++) {
        bi_call *call = bi_call_new(f.config, NULL, &bi_endpoint_register);
        bi_bytes_add_text(&call->target, "/api/auth/mcp/register");
        bi_bytes_add_text(&call->path, "/api/auth/mcp/register");
        fake_run(&f, call);
        assert_string_equal(call->failure.code, i ? "grant_revoked" : "");
        bi_call_free(call);
    }
    fake_expect(&f, "POST /register, POST /register");
    fake_end(&f);
}

static void test_a_callers_own_header_comes_before_ours(void **state) {
    static const fake_answer script[] = {DONE};
    fake f;
    fake_init(&f);
    fake_set_installation(&f, "bi_oat_secret_1", 3600000);
    FAKE_SCRIPT(&f, script);
    bi_call *call = fake_call(&f, "list_organizations");
    bi_bytes_add(&call->fields, "accept: text/csv", sizeof "accept: text/csv");
    fake_step(&f, call);
    const bi_bytes *fields = &call->exchange.request.fields;
    assert_string_equal(fields->data, "accept: text/csv");
    for (size_t at = 0; at < fields->length; at += strlen(fields->data + at) + 1)
        assert_null(strstr(fields->data + at, "application/json"));
    bi_call_free(call);
    fake_end(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_stale_token_is_used_and_renewed_aside),
        cmocka_unit_test(test_an_expiring_token_waits_for_the_renewal),
        cmocka_unit_test(test_a_token_of_two_seconds_has_its_three_states),
        cmocka_unit_test(test_an_early_renewal_that_fails_keeps_the_token_and_pauses),
        cmocka_unit_test(test_an_installation_token_alone_serves_until_it_is_refused),
        cmocka_unit_test(test_me_takes_the_token_that_lives),
        cmocka_unit_test(test_me_takes_an_expiring_installation_token_before_a_dead_access_token),
        cmocka_unit_test(test_token_info_makes_sure_of_a_token_and_sends_nothing),
        cmocka_unit_test(test_token_info_sends_nothing_while_somebody_else_renews),
        cmocka_unit_test(test_calls_join_the_one_flight),
        cmocka_unit_test(test_a_joined_flight_that_fails_is_every_waiters_failure),
        cmocka_unit_test(test_a_joined_flight_for_the_other_token_is_followed_by_an_own_one),
        cmocka_unit_test(test_a_flight_for_the_other_token_does_not_revive_a_dead_one),
        cmocka_unit_test(test_a_flight_that_nobody_drove_to_its_end_does_not_fail_the_next_call),
        cmocka_unit_test(test_a_token_that_is_gone_behind_a_background_renewal_is_awaited),
        cmocka_unit_test(test_a_flight_survives_the_call_that_started_it),
        cmocka_unit_test(test_a_flight_abandoned_twice_ends_its_waiters),
        cmocka_unit_test(test_a_refused_token_is_dropped_and_the_call_made_once_more),
        cmocka_unit_test(test_a_bearer_challenge_is_a_refused_token),
        cmocka_unit_test(test_a_token_that_was_renewed_meanwhile_is_not_dropped),
        cmocka_unit_test(test_a_dropped_access_token_without_refresh_asks_to_reconnect_every_time),
        cmocka_unit_test(test_me_falls_back_on_the_other_token),
        cmocka_unit_test(test_a_call_without_an_account_needs_no_token),
        cmocka_unit_test(test_a_callers_own_header_comes_before_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
