/* src/core/call.c: how a call ends: what a lost grant, a missing scope, a deadline, trouble in a renewal and a
 * cancellation mean for it. Stories as in fake.h. */
#include "fake.h"

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

int main(void) {
    const struct CMUnitTest tests[] = {
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
