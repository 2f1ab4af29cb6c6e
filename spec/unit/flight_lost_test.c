/* src/core/flight.c: what may get lost on the way: a refresh whose answer does not come, a flight that is given up, and
 * no memory. When the refresh token is in doubt, and when not. Stories as in fake.h. */
#include "fake.h"

/* --- A refresh whose answer is lost -------------------------------------------------------------------------- */

static void test_a_lost_refresh_is_replayed_once_within_two_seconds(void **state) {
    static const fake_answer back[] = {LOST, REFRESHED(2), DONE};
    static const fake_answer gone[] = {LOST, LOST};
    static const fake_answer slow[] = {{.trouble = BI_TROUBLE_LOST, .takes = 2000}};
    fake f;
    fake_init(&f);
    f.config->max_retries = 0; /* the replay is no retry */
    FAKE_SCRIPT(&f, back);
    fake_do(&f, "me", NULL);
    fake_expect(&f, "renew, refresh rt_1, sleep 250, refresh rt_1, GET /me at_2");
    assert_false(f.account->refresh_in_doubt);
    bi_token_clear(&f.account->access);
    FAKE_SCRIPT(&f, gone);
    fake_do(&f, "me", "refresh_outcome_unknown");
    fake_expect(&f, "renew, refresh rt_2, sleep 250, refresh rt_2");
    assert_true(f.account->refresh_in_doubt);
    FAKE_SCRIPT(&f, slow);
    fake_do(&f, "me", "refresh_outcome_unknown");
    fake_expect(&f, "renew, refresh rt_2");
    fake_end(&f);
}

static void test_a_replay_leaves_within_two_seconds_of_the_first_sending(void **state) {
    static const fake_answer script[] = {{.trouble = BI_TROUBLE_LOST, .takes = 1900}};
    fake f;
    fake_init(&f);
    FAKE_SCRIPT(&f, script);
    fake_do(&f, "me", "refresh_outcome_unknown"); /* 1,900 ms and 250 of jitter are more */
    fake_expect(&f, "renew, refresh rt_1");
    fake_end(&f);
}

static void test_a_gate_that_delays_the_replay_forbids_it(void **state) {
    static const fake_answer script[] = {LOST};
    for (int beyond = 0; beyond < 2; beyond++) {
        fake f;
        fake_init(&f);
        FAKE_SCRIPT(&f, script);
        bi_flight *flight = bi_flight_new(f.config, f.account, BI_TOKEN_ACCESS, f.input.now);
        assert_int_equal(fake_step_flight(&f, flight), BI_NEED_SEND);
        fake_answer_it(&f, &flight->exchange);
        f.account->gate = f.input.now.mono + (beyond ? 60000 : 5000); /* another call's 429 */
        fake_run_flight(&f, flight);
        assert_true(f.account->refresh_in_doubt);
        assert_string_equal(flight->failure.code, "refresh_outcome_unknown");
        bi_flight_release(flight);
        fake_end(&f);
    }
}

static void test_a_lost_refresh_stays_in_doubt_when_its_replay_never_leaves(void **state) {
    static const fake_answer script[] = {LOST, UNREACHED, ERROR("invalid_grant", 401)};
    fake f;
    fake_init(&f);
    f.config->max_retries = 0;
    f.config->on_revoked = true;
    FAKE_SCRIPT(&f, script);
    fake_do(&f, "me", "refresh_outcome_unknown");
    fake_expect(&f, "renew, refresh rt_1, sleep 250, refresh rt_1");
    assert_true(f.account->refresh_in_doubt);
    fake_do(&f, "me", "refresh_outcome_unknown"); /* and no grant_revoked */
    fake_expect(&f, "renew, refresh rt_1");
    assert_false(bi_failure_is_set(&f.account->over));
    fake_end(&f);
}

static void test_a_replay_that_never_left_is_tried_again_within_the_two_seconds(void **state) {
    static const fake_answer back[] = {LOST, UNREACHED, REFRESHED(2), DONE};
    static const fake_answer gone[] = {LOST, UNREACHED, LOST};
    fake f;
    fake_init(&f);
    FAKE_SCRIPT(&f, back);
    fake_do(&f, "me", NULL);
    fake_expect(
        &f, "renew, refresh rt_1, sleep 250, refresh rt_1, sleep 250, refresh rt_1, GET /me at_2");
    bi_token_clear(&f.account->access);
    FAKE_SCRIPT(&f, gone); /* but it reaches the server twice at most */
    fake_do(&f, "me", "refresh_outcome_unknown");
    assert_true(f.account->refresh_in_doubt);
    fake_end(&f);
}

static void test_invalid_grant_after_a_lost_refresh_is_no_revocation(void **state) {
    static const fake_answer replayed[] = {LOST, ERROR("invalid_grant", 401),
                                           ERROR("invalid_grant", 401)};
    fake f;
    fake_init(&f);
    f.config->on_revoked = true;
    FAKE_SCRIPT(&f, replayed);
    fake_do(&f, "me", "refresh_outcome_unknown");
    fake_expect(&f, "renew, refresh rt_1, sleep 250, refresh rt_1");
    fake_do(&f, "me", "refresh_outcome_unknown");
    fake_expect(&f, "renew, refresh rt_1");
    assert_false(bi_failure_is_set(&f.account->over));
    fake_end(&f);
}

/* Everything that leaves open whether the token was spent, then invalid_grant for that token. */
static void test_what_leaves_a_refresh_in_doubt(void **state) {
    static const struct {
        fake_answer answer;
        bool doubt;
    } rows[] = {
        {{.trouble = BI_TROUBLE_LOST, .takes = 3000}, true},
        {{.trouble = BI_TROUBLE_TIMEOUT, .takes = 15000}, true},
        {{.trouble = BI_TROUBLE_TRUNCATED, .status = 200, .body = "{\"access", .takes = 3000},
         true},
        {{.trouble = BI_TROUBLE_PROTOCOL}, true},
        {{.trouble = BI_TROUBLE_TOO_LARGE, .status = 200}, true},
        {{.trouble = BI_TROUBLE_CANCELLED}, true},
        {{.trouble = BI_TROUBLE_MEMORY}, true},
        {{.trouble = BI_TROUBLE_MEMORY, .unsent = true}, false},
        {{.trouble = BI_TROUBLE_CANCELLED, .unsent = true}, false},
        {{.trouble = BI_TROUBLE_TLS, .unsent = true}, false},
        {{.trouble = BI_TROUBLE_OPTION, .unsent = true}, false},
        {{.status = 500, .takes = 3000}, true},
        {{.status = 502, .body = "{\"error\":\"bad_gateway\"}", .takes = 3000}, true},
        {{.status = 200, .fields = "Content-Type: text/html\r\n", .body = "<p>", .takes = 3000},
         true},
        {{.status = 200, .body = "{}"}, true},
        {{.status = 200, .body = "{\"access_token\":7}"}, true},
        {{.status = 204}, true},
        {{.status = 400, .body = "{\"error\":\"invalid_request\"}"}, false},
        {{.status = 415}, false},
    };
    static const fake_answer refusal[] = {ERROR("invalid_grant", 401)};
    for (size_t i = 0; i < COUNT(rows); i++) {
        fake f;
        fake_init(&f);
        f.config->max_retries = 0;
        fake_script(&f, &rows[i].answer, 1);
        bi_call *call = fake_call(&f, "me");
        fake_run(&f, call);
        assert_true(bi_failure_is_set(&call->failure));
        fake_assert_clean(&call->failure);
        bi_call_free(call);
        if (f.account->refresh_in_doubt != rows[i].doubt)
            fail_msg("row %zu", i);
        FAKE_SCRIPT(&f, refusal);
        fake_do(&f, "me", rows[i].doubt ? "refresh_outcome_unknown" : "grant_revoked");
        fake_end(&f);
    }
}

static void test_doubt_ends_with_the_next_refresh_that_succeeds(void **state) {
    static const fake_answer script[] = {{.trouble = BI_TROUBLE_LOST, .takes = 3000},
                                         REFRESHED(2),
                                         DONE,
                                         ERROR("invalid_grant", 401)};
    fake f;
    fake_init(&f);
    FAKE_SCRIPT(&f, script);
    fake_do(&f, "me", "refresh_outcome_unknown");
    fake_do(&f, "me", NULL);
    bi_token_clear(&f.account->access);
    fake_do(&f, "me", "grant_revoked");
    fake_end(&f);
}

static void test_a_refresh_turned_away_with_429_waits_and_is_not_in_doubt(void **state) {
    static const fake_answer script[] = {
        {.status = 429, .fields = "Retry-After: 3\r\n"}, REFRESHED(2), DONE};
    fake f;
    fake_init(&f);
    FAKE_SCRIPT(&f, script);
    fake_do(&f, "me", NULL);
    fake_expect(&f, "renew, refresh rt_1, sleep 3000, refresh rt_1, GET /me at_2");
    fake_end(&f);
}

/* --- Giving up ----------------------------------------------------------------------------------------------- */

static void test_a_flight_has_its_own_deadline(void **state) {
    static const fake_answer script[] = {{.status = 503, .takes = 7000},
                                         {.status = 503, .takes = 7900}};
    fake f;
    fake_init(&f);
    fake_set_access(&f, "at_secret_1", 1800000);
    FAKE_SCRIPT(&f, script);
    f.input.random = 0.999;
    bi_flight *flight = bi_flight_new(f.config, f.account, BI_TOKEN_INSTALLATION, f.input.now);
    fake_run_flight(&f, flight);
    assert_string_equal(flight->failure.code, "server_error");
    assert_true(fake_elapsed(&f) <= BI_FLIGHT_TIME + 7900);
    bi_flight_release(flight);
    fake_end(&f);
}

static void test_abandoned_with_the_refresh_on_the_wire_is_in_doubt(void **state) {
    static const fake_answer lost[] = {LOST};
    fake f;
    fake_init(&f);
    bi_flight *flight = bi_flight_new(f.config, f.account, BI_TOKEN_ACCESS, f.input.now);
    assert_false(bi_flight_must_be_awaited(flight));
    assert_int_equal(fake_step_flight(&f, flight), BI_NEED_SEND);
    assert_true(bi_flight_must_be_awaited(flight));
    bi_flight_abandon(flight);
    assert_true(f.account->refresh_in_doubt);
    assert_string_equal(flight->failure.code, "cancelled");
    assert_null(f.account->flight);
    bi_flight_release(flight);

    /* Asleep before the replay: the first answer is as lost as before. */
    f.account->refresh_in_doubt = false;
    FAKE_SCRIPT(&f, lost);
    flight = bi_flight_new(f.config, f.account, BI_TOKEN_ACCESS, f.input.now);
    fake_step_flight(&f, flight);
    fake_answer_it(&f, &flight->exchange);
    assert_int_equal(fake_step_flight(&f, flight), BI_NEED_SLEEP);
    bi_flight_abandon(flight);
    assert_true(f.account->refresh_in_doubt);
    bi_flight_release(flight);
    fake_end(&f);
}

static void test_abandoned_before_or_behind_the_refresh_is_not_in_doubt(void **state) {
    fake f;
    fake_init(&f);
    bi_flight *flight = bi_flight_new(f.config, f.account, BI_TOKEN_ACCESS, f.input.now);
    bi_flight_abandon(flight);
    bi_flight_abandon(flight); /* twice is once */
    assert_false(f.account->refresh_in_doubt);
    bi_flight_release(flight);
    fake_set_access(&f, "at_secret_1", 1800000);
    flight = bi_flight_new(f.config, f.account, BI_TOKEN_INSTALLATION, f.input.now);
    assert_int_equal(fake_step_flight(&f, flight), BI_NEED_SEND);
    assert_false(bi_flight_must_be_awaited(flight)); /* a mint may be lost */
    bi_flight_abandon(flight);
    assert_false(f.account->refresh_in_doubt);
    assert_int_equal(bi_flight_step(flight, &f.input), BI_NEED_DONE);
    bi_flight_release(flight);
    fake_end(&f);
}

static void test_an_answer_that_a_hook_looks_at_is_still_awaited(void **state) {
    static const fake_answer script[] = {REFRESHED(2)};
    fake f;
    fake_init(&f);
    f.config->on_response = true;
    FAKE_SCRIPT(&f, script);
    bi_flight *flight = bi_flight_new(f.config, f.account, BI_TOKEN_ACCESS, f.input.now);
    fake_step_flight(&f, flight);
    fake_answer_it(&f, &flight->exchange);
    assert_int_equal(fake_step_flight(&f, flight), BI_NEED_AFTER);
    assert_true(bi_flight_must_be_awaited(flight)); /* the new refresh token is in it */
    bi_flight_abandon(flight);
    assert_true(f.account->refresh_in_doubt);
    bi_flight_release(flight);
    fake_end(&f);
}

static void test_releasing_without_abandoning_unlinks(void **state) {
    fake f;
    fake_init(&f);
    bi_flight *flight = bi_flight_new(f.config, f.account, BI_TOKEN_ACCESS, f.input.now);
    assert_ptr_equal(f.account->flight, flight);
    bi_flight_release(flight);
    assert_null(f.account->flight);
    bi_flight_release(NULL);
    fake_end(&f);
}

static void test_a_flight_sends_nothing_after_the_grant_is_over(void **state) {
    static const fake_answer refreshed[] = {REFRESHED(2)}, trouble[] = {{.status = 503}};
    bi_failure why;
    bi_failure_init(&why);
    bi_failure_set(&why, BI_CODE_REVOKED, "somebody else was told so");
    why.revoked = true;
    fake f;
    fake_init(&f);
    f.config->on_tokens = f.config->on_revoked = true;
    FAKE_SCRIPT(&f, refreshed);
    bi_flight *flight = bi_flight_new(f.config, f.account, BI_TOKEN_INSTALLATION, f.input.now);
    fake_step_flight(&f, flight);
    bi_account_end(f.account, &why); /* a call's 410, while the refresh is on the wire */
    fake_answer_it(&f, &flight->exchange);
    fake_run_flight(&f, flight);
    assert_string_equal(flight->failure.code, "grant_revoked");
    assert_false(bi_secret_is_set(&f.account->refresh));
    assert_false(bi_secret_is_set(&f.account->access.secret));
    fake_expect(&f, "refresh rt_1");
    bi_flight_release(flight);
    fake_end(&f);

    fake_init(&f); /* and one that sleeps before its next try */
    fake_set_access(&f, "at_secret_1", 1800000);
    FAKE_SCRIPT(&f, trouble);
    flight = bi_flight_new(f.config, f.account, BI_TOKEN_INSTALLATION, f.input.now);
    fake_step_flight(&f, flight);
    fake_answer_it(&f, &flight->exchange);
    assert_int_equal(fake_step_flight(&f, flight), BI_NEED_SLEEP);
    bi_account_end(f.account, &why);
    fake_run_flight(&f, flight);
    fake_expect(&f, "mint at_1, sleep 250");
    bi_flight_release(flight);
    fake_end(&f);
    bi_failure_clear(&why);
}

static void refuse_access(fake *f, bi_need need) {
    if (need == BI_NEED_TOKENS)
        bi_token_refuse(&f->account->access);
}

/* Found by the model: it minted with an empty token. */
static void test_a_token_refused_while_it_is_told_is_not_minted_with(void **state) {
    static const fake_answer script[] = {REFRESHED(2)};
    fake f;
    fake_init(&f);
    f.config->on_tokens = true;
    f.on_hook = refuse_access; /* a call's 401 meanwhile */
    FAKE_SCRIPT(&f, script);
    fake_do(&f, "list_organizations", "invalid_token");
    fake_expect(&f, "renew, refresh rt_1, tell rt_2");
    assert_string_equal(f.account->refresh.text, "rt_secret_2");
    fake_end(&f);
}

/* --- No memory ----------------------------------------------------------------------------------------------- */

static void test_no_memory_while_a_refresh_reply_is_read_loses_no_token(void **state) {
    static const fake_answer script[] = {
        {.status = 200,
         .body =
             "{\"access_token\":\"at_secret_\\u0032\",\"expires_in\":1800,\"grant_id\":\"grt_1\","
             "\"scope\":\"org:read offline\\u005faccess\",\"refresh_token\":\"rt_secret_2\"}"}};
    bool failing = true;
    for (unsigned long n = 1; failing; n++) {
        fake f;
        fake_init(&f);
        bi_free(f.account->grant_id);
        f.account->grant_id = NULL;
        FAKE_SCRIPT(&f, script);
        bi_flight *flight = bi_flight_new(f.config, f.account, BI_TOKEN_ACCESS, f.input.now);
        assert_int_equal(fake_step_flight(&f, flight), BI_NEED_SEND);
        fake_answer_it(&f, &flight->exchange);
        bi_memory_fail_at(n);
        bi_need need = fake_step_flight(&f, flight);
        failing = need != BI_NEED_DONE || !f.account->grant_id;
        bi_memory_fail_at(0);
        if (need ==
            BI_NEED_SLEEP) { /* the reply is kept, and read again when there may be memory */
            assert_true(bi_flight_must_be_awaited(flight));
            fake_run_flight(&f, flight);
        }
        assert_true(bi_flight_has_ended(flight));
        assert_false(bi_failure_is_set(&flight->failure));
        assert_string_equal(f.account->refresh.text, "rt_secret_2");
        assert_string_equal(f.account->access.secret.text, "at_secret_2");
        bi_flight_release(flight);
        fake_end(&f);
    }
}

static void test_no_memory_for_long_ends_in_doubt(void **state) {
    static const fake_answer script[] = {REFRESHED(2)};
    fake f;
    fake_init(&f);
    FAKE_SCRIPT(&f, script);
    bi_flight *flight = bi_flight_new(f.config, f.account, BI_TOKEN_ACCESS, f.input.now);
    fake_step_flight(&f, flight);
    fake_answer_it(&f, &flight->exchange);
    bi_need need;
    int tries = 0;
    do {
        bi_memory_fail_at(1);
        need = bi_flight_step(flight, &f.input);
        if (need == BI_NEED_SLEEP) {
            assert_true(flight->exchange.wake > f.input.now.mono);
            fake_pass(&f, flight->exchange.wake - f.input.now.mono);
        }
        tries++;
    } while (need != BI_NEED_DONE);
    bi_memory_fail_at(0);
    assert_true(tries > 10);
    assert_string_equal(flight->failure.code, "memory");
    assert_true(f.account->refresh_in_doubt);
    assert_true(fake_elapsed(&f) <= BI_FLIGHT_TIME);
    bi_flight_release(flight);
    fake_end(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_lost_refresh_is_replayed_once_within_two_seconds),
        cmocka_unit_test(test_a_replay_leaves_within_two_seconds_of_the_first_sending),
        cmocka_unit_test(test_a_gate_that_delays_the_replay_forbids_it),
        cmocka_unit_test(test_a_lost_refresh_stays_in_doubt_when_its_replay_never_leaves),
        cmocka_unit_test(test_a_replay_that_never_left_is_tried_again_within_the_two_seconds),
        cmocka_unit_test(test_invalid_grant_after_a_lost_refresh_is_no_revocation),
        cmocka_unit_test(test_what_leaves_a_refresh_in_doubt),
        cmocka_unit_test(test_doubt_ends_with_the_next_refresh_that_succeeds),
        cmocka_unit_test(test_a_refresh_turned_away_with_429_waits_and_is_not_in_doubt),
        cmocka_unit_test(test_a_flight_has_its_own_deadline),
        cmocka_unit_test(test_abandoned_with_the_refresh_on_the_wire_is_in_doubt),
        cmocka_unit_test(test_abandoned_before_or_behind_the_refresh_is_not_in_doubt),
        cmocka_unit_test(test_an_answer_that_a_hook_looks_at_is_still_awaited),
        cmocka_unit_test(test_releasing_without_abandoning_unlinks),
        cmocka_unit_test(test_a_flight_sends_nothing_after_the_grant_is_over),
        cmocka_unit_test(test_a_token_refused_while_it_is_told_is_not_minted_with),
        cmocka_unit_test(test_no_memory_while_a_refresh_reply_is_read_loses_no_token),
        cmocka_unit_test(test_no_memory_for_long_ends_in_doubt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
