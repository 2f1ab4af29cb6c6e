/* src/core/call.c: which token a call uses, when it waits for a renewal, what a refused token, a lost grant, a
 * deadline and a cancellation mean for it. Stories as in fake.h. */
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

/* --- The grant is over --------------------------------------------------------------------------------------- */

static void test_410_ends_the_grant_for_all_calls(void **state) {
    static const fake_answer script[] = {ERROR("grant_revoked", 410)};
    fake f;
    fake_init(&f);
    f.config->on_revoked = true;
    fake_set_installation(&f, "bi_oat_secret_1", 3600000);
    FAKE_SCRIPT(&f, script);
    fake_do(&f, "list_organizations", "grant_revoked");
    fake_do(&f, "create_project", "grant_revoked");
    fake_do(&f, "me", "grant_revoked");
    fake_expect(&f, "GET /organizations bi_oat_1, announce");
    assert_true(f.account->over.revoked);
    fake_end(&f);
}

static void test_404_ends_the_grant_only_with_its_code(void **state) {
    static const fake_answer script[] = {
        {.status = 404}, ERROR("not_found", 404), ERROR("grant_not_found", 404)};
    fake f;
    fake_init(&f);
    f.config->on_revoked = true;
    fake_set_installation(&f, "bi_oat_secret_1", 3600000);
    FAKE_SCRIPT(&f, script);
    fake_do(&f, "get_project", "http_error");
    fake_do(&f, "get_project", "not_found");
    f.log[0] = '\0';
    fake_do(&f, "list_organizations", "grant_not_found");
    fake_do(&f, "list_organizations", "grant_not_found");
    fake_expect(&f, "GET /organizations bi_oat_1");
    assert_false(f.account->over.revoked);
    fake_end(&f);
}

static void test_two_calls_that_learn_it_at_once_announce_it_once(void **state) {
    static const fake_answer script[] = {ERROR("grant_revoked", 410),
                                         ERROR("grant_not_found", 404)};
    fake f;
    fake_init(&f);
    f.config->on_revoked = true;
    fake_set_installation(&f, "bi_oat_secret_1", 3600000);
    FAKE_SCRIPT(&f, script);
    bi_call *a = fake_call(&f, "list_organizations"), *b = fake_call(&f, "list_projects");
    fake_step(&f, a);
    fake_step(&f, b);
    fake_answer_it(&f, &a->exchange);
    fake_answer_it(&f, &b->exchange);
    fake_run(&f, a);
    fake_run(&f, b);
    fake_expect(&f, "GET /organizations bi_oat_1, GET /projects bi_oat_1, announce");
    assert_string_equal(f.account->over.code, "grant_revoked"); /* what was learnt first stays */
    bi_call_free(a);
    bi_call_free(b);
    fake_end(&f);
}

static void test_a_call_that_sleeps_sends_nothing_after_the_grant_is_over(void **state) {
    static const fake_answer script[] = {{.status = 503}, ERROR("grant_revoked", 410)};
    fake f;
    fake_init(&f);
    fake_set_installation(&f, "bi_oat_secret_1", 3600000);
    FAKE_SCRIPT(&f, script);
    bi_call *asleep = fake_call(&f, "list_organizations");
    fake_run_until(&f, asleep, BI_NEED_SLEEP);
    fake_do(&f, "list_projects", "grant_revoked");
    f.log[0] = '\0';
    fake_pass(&f, 1000);
    fake_run(&f, asleep);
    fake_expect(&f, "");
    assert_string_equal(asleep->failure.code, "grant_revoked");
    assert_int_equal(asleep->failure.attempts, 1);
    bi_call_free(asleep);
    fake_end(&f);
}

static void test_revoke_is_a_success_whatever_says_that_the_grant_is_gone(void **state) {
    static const fake_answer rows[][2] = {
        {{.status = 204}},
        {DONE},
        {ERROR("grant_not_found", 404)},
        {ERROR("grant_revoked", 410)},
        {ERROR("invalid_token", 401), ERROR("invalid_grant", 401)},
        {LOST, ERROR("grant_revoked", 410)},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        fake f;
        fake_init(&f);
        f.config->on_revoked = true;
        fake_set_access(&f, "at_secret_1", 1800000);
        fake_set_installation(&f, "bi_oat_secret_1", 3600000);
        fake_script(&f, rows[i], 2);
        fake_do(&f, "revoke", NULL);
        assert_null(strstr(f.log, "announce"));
        f.log[0] = '\0';
        fake_do(&f, "revoke", NULL);
        fake_do(&f, "list_organizations", "grant_revoked");
        fake_expect(&f, "");
        fake_end(&f);
    }
}

static void test_revoke_that_fails_otherwise_leaves_the_grant(void **state) {
    static const fake_answer script[] = {{.status = 404}, ERROR("wrong_organization", 403)};
    fake f;
    fake_init(&f);
    fake_set_access(&f, "at_secret_1", 1800000);
    FAKE_SCRIPT(&f, script);
    fake_do(&f, "revoke", "http_error");
    fake_do(&f, "revoke", "wrong_organization");
    assert_false(bi_failure_is_set(&f.account->over));
    fake_end(&f);
}

/* --- Scopes -------------------------------------------------------------------------------------------------- */

static void test_a_missing_scope_is_named_and_never_retried(void **state) {
    static const struct {
        const char *body, *scope;
    } rows[] = {
        {"{\"error\":\"missing_scope\",\"required\":\"org:admin\"}", "org:admin"},
        {"{\"error\":\"missing_scope\",\"required\":[\"a:b\",\"c:d\"]}", "a:b c:d"},
        {"{\"error\":\"missing_scope\",\"required_scope\":\"x:y\"}", "x:y"},
        {"{\"error\":\"missing_scope\",\"required\":[]}", "org:read"},
        {"{\"error\":\"missing_scope\",\"required\":{\"a\":1}}", "org:read"},
        {"{\"error\":\"missing_scope\",\"required\":null}", "org:read"},
        {"{\"error\":\"missing_scope\"}", "org:read"},
        {"{\"error\":{\"code\":\"missing_scope\",\"message\":\"no\"}}", "org:read"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        fake_answer script[] = {{.status = 403, .body = rows[i].body}};
        fake f;
        fake_init(&f);
        fake_set_installation(&f, "bi_oat_secret_1", 3600000);
        FAKE_SCRIPT(&f, script);
        bi_call *call = fake_call(&f, "list_organizations");
        fake_run(&f, call);
        assert_string_equal(call->failure.code, "missing_scope");
        assert_string_equal(call->failure.required_scope, rows[i].scope);
        assert_non_null(strstr(call->failure.message.data, rows[i].scope));
        assert_false(call->failure.retryable);
        assert_false(call->failure.revoked);
        assert_int_equal(call->failure.attempts, 1);
        bi_call_free(call);
        fake_end(&f);
    }
}

/* What the grant lacks is known from the mint on, also to the call that waited for it. */
static void test_a_scope_that_the_mint_shows_to_be_missing_is_not_asked_for(void **state) {
    static const fake_answer fresh[] = {REFRESHED(2), MINTED(2), ERROR("missing_scope", 403)};
    static const fake_answer refused[] = {ERROR("invalid_token", 401), REFRESHED(2), MINTED(2)};
    static const struct {
        bool preflight;
        const char *token;
        const fake_answer *script;
        const char *says, *story;
    } rows[] = {
        {true, NULL, fresh, "content:read, so the request was not sent;",
         "renew, refresh rt_1, mint at_2"},
        {false, NULL, fresh, "the grant lacks the scope",
         "renew, refresh rt_1, mint at_2, GET /models bi_oat_2"},
        {true, "bi_oat_secret_1", refused, "content:read, so the request was not sent again;",
         "GET /models bi_oat_1, renew, refresh rt_1, mint at_2"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        fake f;
        fake_init(&f);
        f.config->preflight = rows[i].preflight;
        if (rows[i].token)
            fake_set_installation(&f, rows[i].token, 3600000);
        fake_script(&f, rows[i].script, 3);
        bi_call *call = fake_call(&f, "list_models");
        fake_run(&f, call);
        fake_expect(&f, rows[i].story);
        assert_string_equal(call->failure.code, "missing_scope");
        assert_string_equal(call->failure.required_scope, "content:read");
        assert_non_null(strstr(call->failure.message.data, rows[i].says));
        bi_call_free(call);
        fake_do(&f, "token_info", NULL); /* needs none */
        fake_end(&f);
    }
}

/* --- Time ---------------------------------------------------------------------------------------------------- */

static void test_a_waiting_call_ends_at_its_own_deadline(void **state) {
    fake f;
    fake_init(&f);
    bi_call *call = fake_call(&f, "create_project");
    call->timeout = 2000;
    fake_step(&f, call);
    assert_int_equal(fake_step(&f, call), BI_NEED_JOIN);
    assert_int_equal(call->exchange.wake - f.input.now.mono, 2000);
    bi_flight *flight = bi_flight_hold(call->flight);
    fake_pass(&f, 1999);
    assert_int_equal(fake_step(&f, call), BI_NEED_JOIN);
    fake_pass(&f, 1);
    assert_int_equal(fake_step(&f, call), BI_NEED_DONE);
    assert_string_equal(call->failure.code, "timeout"); /* a write, but surely not sent */
    assert_non_null(strstr(call->failure.message.data, "; try again, or raise the option timeout"));
    assert_true(call->failure.retryable);
    assert_int_equal(call->failure.attempts, 0);
    assert_false(bi_flight_has_ended(flight)); /* it goes on */
    bi_call_free(call);
    bi_flight_abandon(flight);
    bi_flight_release(flight);
    fake_end(&f);
}

static void test_a_live_token_serves_a_call_whose_joined_renewal_takes_too_long(void **state) {
    fake f;
    fake_init(&f);
    fake_set_installation(&f, "bi_oat_secret_1", 3600000);
    fake_pass(&f, 3600000 - 30000);
    bi_call *call = fake_call(&f, "token_info");
    call->timeout = 1000;
    fake_step(&f, call);
    fake_step(&f, call);
    fake_pass(&f, 1000);
    assert_int_equal(fake_step(&f, call), BI_NEED_DONE);
    assert_string_equal(call->failure.code, "");
    bi_call_free(call);
    fake_end(&f);
}

static void test_no_time_at_all_is_a_timeout_without_a_request(void **state) {
    fake f;
    fake_init(&f);
    fake_set_installation(&f, "bi_oat_secret_1", 3600000);
    bi_call *call = fake_call(&f, "create_project");
    call->timeout = 0;
    fake_run(&f, call);
    assert_string_equal(call->failure.code, "timeout");
    assert_string_equal(call->failure.method, "POST");
    assert_string_equal(bi_bytes_text(&call->failure.path), "/projects");
    bi_call_free(call);
    fake_expect(&f, "");
    fake_end(&f);
}

static void test_a_gate_beyond_the_deadline_fails_at_once_and_says_where(void **state) {
    static const fake_answer script[] = {{.status = 429, .fields = "Retry-After: 31\r\n"}};
    fake f;
    fake_init(&f);
    fake_set_installation(&f, "bi_oat_secret_1", 3600000);
    FAKE_SCRIPT(&f, script);
    fake_do(&f, "list_organizations", "rate_limited");
    bi_call *call = fake_call(&f, "list_projects");
    fake_run(&f, call);
    assert_string_equal(call->failure.code, "rate_limited");
    assert_true(call->failure.retryable);
    assert_int_equal(call->failure.retry_after, 31000);
    assert_string_equal(call->failure.method, "GET");
    assert_string_equal(bi_bytes_text(&call->failure.path), "/projects");
    assert_string_equal(call->failure.grant_id, "grt_1");
    bi_call_free(call);
    fake_expect(&f, "GET /organizations bi_oat_1");
    assert_int_equal(fake_elapsed(&f), 0);
    fake_end(&f);
}

/* --- Trouble inside a renewal, for a write that was never sent ------------------------------------------------ */

static void test_a_write_that_waits_for_tokens_is_never_of_unknown_outcome(void **state) {
    static const struct {
        fake_answer answer;
        const char *code;
        bool retryable;
    } rows[] = {
        {UNREACHED, "network", true},
        {{.trouble = BI_TROUBLE_LOST, .takes = 3000}, "refresh_outcome_unknown", true},
        {{.trouble = BI_TROUBLE_TIMEOUT, .takes = 15000}, "refresh_outcome_unknown", true},
        {{.status = 503, .takes = 3000}, "server_error", true},
        {{.trouble = BI_TROUBLE_TLS, .unsent = true}, "tls", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        fake f;
        fake_init(&f);
        f.config->max_retries = 0;
        fake_script(&f, &rows[i].answer, 1);
        bi_call *call = fake_call(&f, "create_project");
        fake_run(&f, call);
        assert_string_equal(call->failure.code, rows[i].code);
        assert_true(call->failure.retryable == rows[i].retryable);
        assert_int_equal(call->exchange.attempts, 0);
        bi_call_free(call);
        fake_end(&f);
    }
}

/* --- Cancelling ---------------------------------------------------------------------------------------------- */

static void test_cancelling_at_every_state(void **state) {
    static const struct {
        bi_need at;
        const char *name;
        bool doubt;
    } rows[] = {
        {BI_NEED_RENEW, "create_project", false},     {BI_NEED_JOIN, "create_project", false},
        {BI_NEED_BEFORE, "create_project", false},    {BI_NEED_SEND, "create_project", true},
        {BI_NEED_SEND, "list_organizations", false},  {BI_NEED_AFTER, "create_project", true},
        {BI_NEED_SLEEP, "list_organizations", false},
    };
    static const fake_answer script[] = {{.status = 503}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        fake f;
        fake_init(&f);
        bool waits = rows[i].at == BI_NEED_RENEW || rows[i].at == BI_NEED_JOIN;
        f.config->on_request = rows[i].at == BI_NEED_BEFORE;
        f.config->on_response = rows[i].at == BI_NEED_AFTER;
        if (!waits)
            fake_set_installation(&f, "bi_oat_secret_1", 3600000);
        FAKE_SCRIPT(&f, script);
        bi_call *call = fake_call(&f, rows[i].name);
        if (waits) {
            fake_step(&f, call);
            if (rows[i].at == BI_NEED_JOIN)
                fake_step(&f, call);
        } else
            fake_run_until(&f, call, rows[i].at);
        bi_call_cancel(call, BI_CODE_CANCELLED, "the signal was given", "make it again");
        assert_true(bi_call_has_ended(call));
        assert_string_equal(call->failure.code, "cancelled");
        bool says_so = strstr(call->failure.message.data,
                              "may or may not have been done: look before sending it again");
        bool advises = strstr(call->failure.message.data, "; make it again"); /* one of the two */
        if (says_so != rows[i].doubt || advises == says_so)
            fail_msg("row %zu: %s", i, call->failure.message.data);
        assert_int_equal(bi_call_step(call, &f.input), BI_NEED_DONE);
        bi_call_cancel(call, BI_CODE_CLOSED, "again", "make another"); /* the first word stands */
        assert_string_equal(call->failure.code, "cancelled");
        bi_call_free(call);
        assert_null(f.account->flight);
        fake_end(&f);
    }
}

static void test_cancelling_while_the_end_is_announced_keeps_the_reason(void **state) {
    static const fake_answer script[] = {ERROR("grant_revoked", 410)};
    fake f;
    fake_init(&f);
    f.config->on_revoked = true;
    fake_set_installation(&f, "bi_oat_secret_1", 3600000);
    FAKE_SCRIPT(&f, script);
    bi_call *call = fake_call(&f, "list_organizations");
    fake_run_until(&f, call, BI_NEED_REVOKED);
    bi_call_cancel(call, BI_CODE_CANCELLED, "the client was closed", "make another");
    assert_string_equal(call->failure.code, "grant_revoked");
    assert_int_equal(bi_call_step(call, &f.input), BI_NEED_DONE);
    bi_call_free(call);
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

/* --- No memory ----------------------------------------------------------------------------------------------- */

/* Answers by what is asked, for then the order is not known; the last one of each kind is repeated. */
typedef struct story {
    const char *call, *code;
    fake_answer refresh[2], mint[2], api[2];
    bool ends; /* the grant may be over afterwards */
    unsigned asked[3];
} story;

static void serve_story(fake *f, const bi_wire_request *request, bi_wire_answer *answer) {
    story *s = f->service;
    int kind = strstr(request->url.data, "/mcp/token") ? 0
               : strstr(request->url.data, "/tokens")  ? 1
                                                       : 2;
    const fake_answer *list = kind == 0 ? s->refresh : kind == 1 ? s->mint : s->api;
    bool second = s->asked[kind]++ > 0 && (list[1].status || list[1].trouble);
    const fake_answer *said = &list[second];
    answer->trouble = said->trouble;
    answer->status = said->status;
    bi_bytes_add_text(&answer->fields, said->fields ? said->fields : "X-Request-Id: req_1\r\n");
    bi_bytes_add_text(&answer->body, said->body ? said->body : "");
}

static void run_story_without_memory(const story *template, unsigned long n) {
    story s = *template;
    fake f;
    fake_init(&f);
    f.service = &s;
    f.serve = serve_story;
    f.config->on_tokens = f.config->on_revoked = true;
    if (!s.refresh[0].status && !s.refresh[0].trouble)
        fake_set_access(&f, "at_secret_1", 3600000);
    bi_memory_fail_at(n);
    bi_call *call = fake_call(&f, s.call);
    if (call)
        fake_run(&f, call);
    bi_memory_fail_at(0);
    if (call) {
        bool usual = strcmp(call->failure.code, s.code ? s.code : "") == 0;
        if (n > 250)
            assert_true(usual);
        if (call->failure.revoked)
            assert_true(s.ends);
        fake_assert_clean(&call->failure);
    }
    bi_call_free(call);
    assert_null(f.account->flight);
    assert_true(s.ends || !bi_failure_is_set(&f.account->over));
    if (bi_failure_is_set(&f.account->over))
        assert_string_equal(f.account->over.code, "grant_revoked");
    else if (s.asked[0] > 0 && s.refresh[0].status == 200)
        assert_true(strcmp(f.account->refresh.text, "rt_secret_2") == 0 ||
                    f.account->refresh_in_doubt);
    call = fake_call(&f, s.call); /* and with memory it goes on as if nothing had been */
    fake_run(&f, call);
    if (s.ends && strcmp(s.call, "revoke") != 0)
        assert_string_equal(call->failure.code, "grant_revoked");
    else
        assert_string_equal(call->failure.code, s.code ? s.code : "");
    bi_call_free(call);
    fake_end(&f);
}

/* A burst leaves memory for a worker's next calls, not for all that it had under way. */
static void test_the_memory_of_so_many_calls_is_kept(void **state) {
    enum { BURST = 100, KEPT = 64 };
    bi_call *calls[BURST];
    fake f;
    fake_init(&f);
    const bi_endpoint *row = bi_endpoint_find("me");
    long before = bi_memory_live();
    for (int i = 0; i < BURST; i++)
        assert_non_null(calls[i] = bi_call_new(f.config, f.account, row));
    for (int i = 0; i < BURST; i++)
        bi_call_free(calls[i]);
    assert_int_equal(bi_memory_live() - before, KEPT);
    calls[0] = bi_call_new(f.config, f.account, row);
    assert_int_equal(bi_memory_live() - before, KEPT);
    bi_call_free(calls[0]);
    fake_end(&f);
}

static void test_no_allocation_that_fails_does_any_harm(void **state) {
    static const story stories[] = {
        {.call = "list_organizations",
         .refresh = {REFRESHED(2)},
         .mint = {MINTED(2)},
         .api = {DONE}},
        {.call = "create_project",
         .refresh = {REFRESHED(2)},
         .mint = {MINTED(2)},
         .api = {ERROR("invalid_token", 401), DONE}},
        {.call = "create_project", .code = "outcome_unknown", .mint = {MINTED(2)}, .api = {LOST}},
        {.call = "create_project",
         .code = "missing_scope",
         .mint = {MINTED(2)},
         .api = {{.status = 403,
                  .body = "{\"error\":\"missing_scope\",\"required\":[\"a\\u003ab\",\"c\"]}"}}},
        {.call = "list_organizations",
         .code = "server_error",
         .mint = {MINTED(2)},
         .api = {{.status = 502, .body = "<p>at_secret_1 bi_oat_secret_2</p>"}}},
        {.call = "list_organizations",
         .code = "grant_revoked",
         .ends = true,
         .mint = {MINTED(2)},
         .api = {ERROR("grant_revoked", 410)}},
        {.call = "list_organizations",
         .code = "grant_revoked",
         .ends = true,
         .mint = {ERROR("grant_revoked", 410)}},
        {.call = "list_organizations",
         .code = "grant_revoked",
         .ends = true,
         .refresh = {ERROR("grant_revoked", 410)}},
        {.call = "list_organizations", .code = "refresh_outcome_unknown", .refresh = {LOST}},
        {.call = "revoke", .api = {{.status = 204}}, .ends = true},
        {.call = "revoke", .api = {ERROR("grant_not_found", 404)}, .ends = true},
        {.call = "list_organizations",
         .code = "redirect",
         .mint = {MINTED(2)},
         .api = {{.status = 302, .fields = "Location: https://x/?token=bi_oat_secret_2\r\n"}}},
    };
    for (size_t i = 0; i < COUNT(stories); i++)
        for (unsigned long n = 1; n <= 300; n++)
            run_story_without_memory(&stories[i], n);
}

/* --- Secrets ------------------------------------------------------------------------------------------------- */

/* A server that shows what it was sent, be it in an error page. */
static void serve_echo(fake *f, const bi_wire_request *request, bi_wire_answer *answer) {
    const fake_answer *said = f->service;
    answer->status = said->status;
    bi_bytes_add_format(&answer->body, "{\"error\":\"%s\",\"message\":\"you sent ", said->body);
    for (size_t at = 0; at < request->fields.length; at += strlen(request->fields.data + at) + 1)
        bi_bytes_add_text(&answer->body, strrchr(request->fields.data + at, ' '));
    bi_bytes_add_format(&answer->body, " %s\"}", bi_bytes_text(&request->body));
    bi_bytes_add_text(&answer->fields, "Location: /?t=bi_oat_secret_1\r\n");
}

static void test_no_secret_is_in_any_failure(void **state) {
    static const char *const codes[] = {"invalid_token", "missing_scope", "a sentence",
                                        "grant_revoked", "rate_limited"};
    static const long statuses[] = {302, 400, 401, 403, 410, 429, 502};
    for (size_t c = 0; c < COUNT(codes); c++)
        for (size_t s = 0; s < COUNT(statuses); s++)
            for (int kind = 0; kind < 3; kind++) {
                fake_answer said = {.status = statuses[s], .body = codes[c]};
                fake f;
                fake_init(&f);
                f.service = &said;
                f.serve = serve_echo;
                fake_set_access(&f, "at_secret_1", kind > 0 ? 3600000 : 0);
                fake_set_installation(&f, "bi_oat_secret_1", kind > 1 ? 3600000 : 0);
                bi_call *call = fake_call(&f, "create_project");
                fake_run(&f, call);
                assert_true(bi_failure_is_set(&call->failure));
                fake_assert_clean(&call->failure);
                fake_assert_clean(&f.account->over);
                bi_call_free(call);
                fake_end(&f);
            }
}

static void test_a_sent_token_stays_secret_when_it_was_replaced(void **state) {
    static const fake_answer echo = {.status = 400,
                                     .body = "{\"error\":\"odd\",\"message\":\"at_secret_1?\"}"};
    fake f;
    fake_init(&f);
    fake_set_access(&f, "at_secret_1", 3600000);
    bi_call *call = fake_call(&f, "me");
    assert_int_equal(fake_step(&f, call), BI_NEED_SEND);
    fake_set_access(&f, "at_secret_2", 3600000); /* a renewal in the background */
    fake_answer_with(&f, &call->exchange, &echo);
    fake_run(&f, call);
    assert_string_equal(call->failure.code, "odd");
    fake_assert_clean(&call->failure);
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
        cmocka_unit_test(test_410_ends_the_grant_for_all_calls),
        cmocka_unit_test(test_404_ends_the_grant_only_with_its_code),
        cmocka_unit_test(test_two_calls_that_learn_it_at_once_announce_it_once),
        cmocka_unit_test(test_a_call_that_sleeps_sends_nothing_after_the_grant_is_over),
        cmocka_unit_test(test_revoke_is_a_success_whatever_says_that_the_grant_is_gone),
        cmocka_unit_test(test_revoke_that_fails_otherwise_leaves_the_grant),
        cmocka_unit_test(test_a_missing_scope_is_named_and_never_retried),
        cmocka_unit_test(test_a_scope_that_the_mint_shows_to_be_missing_is_not_asked_for),
        cmocka_unit_test(test_a_waiting_call_ends_at_its_own_deadline),
        cmocka_unit_test(test_a_live_token_serves_a_call_whose_joined_renewal_takes_too_long),
        cmocka_unit_test(test_no_time_at_all_is_a_timeout_without_a_request),
        cmocka_unit_test(test_a_gate_beyond_the_deadline_fails_at_once_and_says_where),
        cmocka_unit_test(test_a_write_that_waits_for_tokens_is_never_of_unknown_outcome),
        cmocka_unit_test(test_cancelling_at_every_state),
        cmocka_unit_test(test_cancelling_while_the_end_is_announced_keeps_the_reason),
        cmocka_unit_test(test_a_call_without_an_account_needs_no_token),
        cmocka_unit_test(test_a_callers_own_header_comes_before_ours),
        cmocka_unit_test(test_the_memory_of_so_many_calls_is_kept),
        cmocka_unit_test(test_no_allocation_that_fails_does_any_harm),
        cmocka_unit_test(test_no_secret_is_in_any_failure),
        cmocka_unit_test(test_a_sent_token_stays_secret_when_it_was_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
