/* src/core/flight.c and record.c with a store: who locks, looks, marks, saves and adopts, in which order, and what each
 * failure of the store leaves behind. Stories as in fake.h; a second fake is another process. */
#include "fake.h"

/* --- Two processes ------------------------------------------------------------------------------------------- */

static struct {
    fake a, b;
    fake_store store;
    bi_need at; /* when `a` asks the store for this the n-th time, `happens` runs first */
    unsigned turn;
    void (*happens)(void);
} two;

static void look(fake *f, bi_need need) {
    if (f != &two.a || !two.happens || need != two.at || --two.turn > 0)
        return;
    void (*happens)(void) = two.happens;
    two.happens = NULL;
    happens();
}

static void begin_two(void) {
    memset(&two, 0, sizeof two);
    fake_init(&two.a);
    fake_init(&two.b);
    fake_add_store(&two.a, &two.store);
    fake_add_store(&two.b, &two.store);
    two.store.before = look;
}

/* Each fake alone could not tell a leak from what the other and the store hold. */
static void end_two(void) {
    fake_store_clear(&two.store);
    if (two.b.background)
        bi_flight_release(two.b.background);
    bi_account_release(two.b.account);
    bi_config_release(two.b.config);
    fake_end(&two.a);
}

static void meanwhile(bi_need need, unsigned turn, void (*happens)(void)) {
    two.at = need;
    two.turn = turn;
    two.happens = happens;
}

/* The other process renews, as if `a` had been slower than its lease. */
static void b_renews(void) {
    static const fake_answer script[] = {REFRESHED(3), DONE};
    two.store.holder = NULL;
    FAKE_SCRIPT(&two.b, script);
    fake_do(&two.b, "me", NULL);
}

static void b_locks(void) {
    two.store.holder = &two.b;
}

static void saving_fails(void) {
    two.store.fails = BI_NEED_SAVE;
}

static void assert_stored(const char *refresh, const char *access) {
    assert_string_equal(two.store.record.refresh.text, refresh);
    assert_string_equal(two.store.record.access.text, access);
    assert_string_equal(two.store.record.ended, "");
    assert_false(two.store.record.in_doubt);
}

/* A process that reaches the wire with its refresh and is killed there; its lease ends. */
static void b_crashes_on_the_wire(void) {
    bi_flight *flight =
        bi_flight_new(two.b.config, two.b.account, BI_TOKEN_ACCESS, two.b.input.now);
    bi_need need;
    while ((need = fake_step_flight(&two.b, flight)) != BI_NEED_SEND)
        assert_true(fake_serve_store(&two.b, need, flight));
    bi_flight_release(flight);
    two.store.holder = NULL;
}

/* --- The order ----------------------------------------------------------------------------------------------- */

static bool marked;
static void note_mark(void) {
    marked = two.store.record.in_doubt && !strcmp(two.store.record.refresh.text, "rt_secret_1");
}

static void test_mark_refresh_save_tell_mint_save_unlock(void **state) {
    static const fake_answer script[] = {REFRESHED(2), MINTED(1), DONE};
    begin_two();
    two.a.config->on_tokens = true;
    FAKE_SCRIPT(&two.a, script);
    marked = false;
    meanwhile(BI_NEED_SAVE, 2, note_mark);
    fake_do(&two.a, "list_organizations", NULL);
    fake_expect(&two.a, "renew, load, lock, load, save, refresh rt_1, save, tell rt_2, mint at_2, "
                        "save, unlock, GET /organizations bi_oat_1");
    assert_true(marked); /* before the refresh left, the record said so */
    assert_stored("rt_secret_2", "at_secret_2");
    assert_string_equal(two.store.record.installation.text, "bi_oat_secret_1");
    assert_null(two.store.holder);
    end_two();
}

static void test_a_fresh_token_of_the_store_is_used_without_a_lock(void **state) {
    static const fake_answer done[] = {DONE};
    begin_two();
    b_renews();
    FAKE_SCRIPT(&two.a, done);
    fake_do(&two.a, "me", NULL);
    fake_expect(&two.a, "renew, load, GET /me at_3");
    assert_string_equal(two.a.account->refresh.text, "rt_secret_3");
    end_two();
}

static void test_an_installation_token_that_the_store_does_not_keep_is_not_saved(void **state) {
    static const fake_answer script[] = {REFRESHED(2), MINTED(1), DONE};
    begin_two();
    two.a.account->keeps_installation = false;
    FAKE_SCRIPT(&two.a, script);
    fake_do(&two.a, "list_organizations", NULL);
    fake_expect(&two.a, "renew, load, lock, load, save, refresh rt_1, save, mint at_2, unlock, "
                        "GET /organizations bi_oat_1");
    assert_null(two.store.record.installation.text);
    end_two();
}

/* --- The lock ------------------------------------------------------------------------------------------------ */

static void test_who_finds_the_lock_busy_adopts_what_the_winner_saved(void **state) {
    static const fake_answer done[] = {DONE};
    begin_two();
    b_locks();
    meanwhile(BI_NEED_LOAD, 2, b_renews);
    FAKE_SCRIPT(&two.a, done);
    fake_do(&two.a, "me", NULL);
    fake_expect(&two.a, "renew, load, lock, sleep 10, load, GET /me at_3");
    end_two();
}

static void test_what_was_saved_just_before_the_lock_is_seen_under_it(void **state) {
    static const fake_answer done[] = {DONE};
    begin_two();
    meanwhile(BI_NEED_LOCK, 1, b_renews);
    FAKE_SCRIPT(&two.a, done);
    fake_do(&two.a, "me", NULL);
    fake_expect(&two.a, "renew, load, lock, load, unlock, GET /me at_3");
    assert_null(two.store.holder);
    end_two();
}

static void test_a_lock_that_is_never_let_go_ends_with_the_deadline(void **state) {
    begin_two();
    b_locks();
    fake_do(&two.a, "me", "timeout");
    assert_true(fake_elapsed(&two.a) <= BI_FLIGHT_TIME);
    assert_true(fake_elapsed(&two.a) > BI_FLIGHT_TIME - 400); /* the longest sleep is 160 ms */
    assert_null(two.a.account->flight);
    assert_string_equal(two.a.account->refresh.text, "rt_secret_1");
    end_two();
}

static bi_flight *begin_locking(void) {
    bi_flight *flight =
        bi_flight_new(two.a.config, two.a.account, BI_TOKEN_ACCESS, two.a.input.now);
    bi_need need;
    while ((need = fake_step_flight(&two.a, flight)) != BI_NEED_LOCK)
        assert_true(fake_serve_store(&two.a, need, flight));
    return flight;
}

static void test_the_time_under_the_lock_begins_with_the_lock(void **state) {
    begin_two();
    assert_true(BI_LOCK_TIME >= 2 * BI_FLIGHT_TIME);
    bi_flight *flight = begin_locking();
    fake_pass(&two.a, 14000); /* as long as others took */
    assert_true(fake_serve_store(&two.a, BI_NEED_LOCK, flight));
    fake_step_flight(&two.a, flight);
    assert_int_equal(flight->exchange.deadline, two.a.input.now.mono + BI_FLIGHT_TIME);
    bi_flight_release(flight);
    end_two();
}

/* Found by the model: the store was slow to say that the lock was had, and its lease was over by then. */
static void
test_nothing_is_sent_under_a_lease_that_ended_while_the_lock_was_asked_for(void **state) {
    begin_two();
    bi_flight *flight = begin_locking();
    assert_true(fake_serve_store(&two.a, BI_NEED_LOCK, flight));
    fake_pass(&two.a, BI_LOCK_TIME);
    fake_run_flight(&two.a, flight);
    fake_expect(&two.a, "load, lock, load, save, save, unlock");
    assert_string_equal(flight->failure.code, "timeout");
    assert_false(two.store.record.in_doubt);
    bi_flight_release(flight);
    end_two();
}

static void test_a_lock_that_cannot_be_had_is_a_store_error(void **state) {
    begin_two();
    two.store.fails = BI_NEED_LOCK;
    fake_do(&two.a, "me", "store");
    fake_expect(&two.a, "renew, load, lock");
    end_two();
}

/* --- Saving -------------------------------------------------------------------------------------------------- */

static void test_who_loses_the_swap_adopts_what_the_winner_saved(void **state) {
    static const fake_answer script[] = {REFRESHED(2), DONE};
    begin_two();
    FAKE_SCRIPT(&two.a, script);
    meanwhile(BI_NEED_SAVE, 2, b_renews);
    fake_do(&two.a, "me", NULL);
    fake_expect(&two.a,
                "renew, load, lock, load, save, refresh rt_1, save, load, unlock, GET /me at_3");
    assert_stored("rt_secret_3", "at_secret_3");
    assert_false(two.a.account->unsaved);
    end_two();
}

static void test_who_loses_the_swap_of_the_mark_sends_nothing(void **state) {
    static const fake_answer done[] = {DONE};
    begin_two();
    FAKE_SCRIPT(&two.a, done);
    meanwhile(BI_NEED_SAVE, 1, b_renews);
    fake_do(&two.a, "me", NULL);
    fake_expect(&two.a, "renew, load, lock, load, save, load, unlock, GET /me at_3");
    end_two();
}

static void test_what_could_not_be_saved_is_kept_and_saved_by_the_next_flight(void **state) {
    static const fake_answer script[] = {REFRESHED(2), DONE, DONE, DONE};
    begin_two();
    FAKE_SCRIPT(&two.a, script);
    meanwhile(BI_NEED_SAVE, 2, saving_fails);
    fake_do(&two.a, "me", NULL);
    fake_expect(&two.a, "renew, load, lock, load, save, refresh rt_1, save, unlock, GET /me at_2");
    assert_true(two.store.record.in_doubt); /* as it was marked */
    assert_string_equal(two.a.account->refresh.text, "rt_secret_2");
    fake_do(&two.a, "me", NULL);
    fake_expect(&two.a, "GET /me at_2"); /* not with every call */
    two.store.fails = BI_NEED_DONE;
    fake_pass(&two.a, 10000);
    fake_do(&two.a, "me", NULL);
    fake_expect(&two.a, "renew aside, GET /me at_2, load, lock, load, save, unlock");
    assert_stored("rt_secret_2", "at_secret_2");
    end_two();
}

/* Found by the model: the record still had the old refresh token, but an access token that was refused meanwhile; it was
 * taken for another's, and the only living refresh token dropped for it. */
static void
test_what_could_not_be_saved_stays_though_the_old_access_token_was_refused(void **state) {
    static const fake_answer script[] = {REFRESHED(2)};
    begin_two();
    fake_set_access(&two.a, "at_secret_1", 1800000);
    fake_pass(&two.a, 1800000 - 1000);
    FAKE_SCRIPT(&two.a, script);
    bi_flight *flight =
        bi_flight_new(two.a.config, two.a.account, BI_TOKEN_ACCESS, two.a.input.now);
    flight->had = BI_STALE; /* the token lives, and a new one is wanted */
    bi_need need;
    while ((need = fake_step_flight(&two.a, flight)) != BI_NEED_SAVE)
        assert_true(fake_serve_store(&two.a, need, flight));
    assert_true(fake_serve_store(&two.a, need, flight));
    assert_non_null(two.store.record.access.text);
    bi_token_refuse(&two.a.account->access); /* a call's 401 */
    meanwhile(BI_NEED_SAVE, 1, saving_fails);
    fake_run_flight(&two.a, flight);
    bi_flight_release(flight);
    two.store.fails = BI_NEED_DONE;
    flight = bi_flight_new(two.a.config, two.a.account, BI_TOKEN_ACCESS, two.a.input.now);
    fake_run_flight(&two.a, flight);
    bi_flight_release(flight);
    assert_stored("rt_secret_2", "at_secret_2");
    end_two();
}

static void test_without_its_mark_a_refresh_does_not_leave(void **state) {
    begin_two();
    two.store.fails = BI_NEED_SAVE;
    fake_do(&two.a, "me", "store");
    fake_expect(&two.a, "renew, load, lock, load, save, unlock");
    end_two();
}

static void test_a_refresh_that_was_surely_not_done_takes_its_mark_back(void **state) {
    static const fake_answer script[] = {ERROR("invalid_client", 401)};
    begin_two();
    FAKE_SCRIPT(&two.a, script);
    fake_do(&two.a, "me", "invalid_client");
    fake_expect(&two.a, "renew, load, lock, load, save, refresh rt_1, save, unlock");
    assert_false(two.store.record.in_doubt);
    end_two();
}

static void test_a_lost_refresh_leaves_its_mark(void **state) {
    static const fake_answer script[] = {LOST, LOST};
    begin_two();
    FAKE_SCRIPT(&two.a, script);
    fake_do(&two.a, "me", "refresh_outcome_unknown");
    fake_expect(&two.a,
                "renew, load, lock, load, save, refresh rt_1, sleep 250, refresh rt_1, unlock");
    assert_true(two.store.record.in_doubt);
    end_two();
}

/* --- Loading ------------------------------------------------------------------------------------------------- */

static void test_a_living_token_serves_while_the_store_cannot_be_read(void **state) {
    static const fake_answer done[] = {DONE};
    begin_two();
    two.store.fails = BI_NEED_LOAD;
    fake_set_access(&two.a, "at_secret_1", 1800000);
    FAKE_SCRIPT(&two.a, done);
    fake_do(&two.a, "me", NULL);
    fake_expect(&two.a, "renew, load, GET /me at_1");
    end_two();
}

static void test_without_a_living_token_a_store_that_cannot_be_read_is_the_error(void **state) {
    begin_two();
    two.store.fails = BI_NEED_LOAD;
    bi_call *call = fake_call(&two.a, "me");
    fake_run(&two.a, call);
    assert_string_equal(call->failure.code, "store");
    assert_non_null(strstr(bi_bytes_text(&call->failure.message), "the disk is full"));
    bi_call_free(call);
    fake_expect(&two.a, "renew, load");
    end_two();
}

/* --- Refused ------------------------------------------------------------------------------------------------- */

static void test_invalid_grant_on_a_record_that_changed_takes_the_new_one(void **state) {
    static const fake_answer script[] = {ERROR("invalid_grant", 401), DONE};
    begin_two();
    FAKE_SCRIPT(&two.a, script);
    meanwhile(BI_NEED_LOAD, 3, b_renews);
    fake_do(&two.a, "me", NULL);
    fake_expect(&two.a, "renew, load, lock, load, save, refresh rt_1, load, unlock, GET /me at_3");
    end_two();
}

static void test_invalid_grant_on_the_same_record_is_the_end(void **state) {
    static const fake_answer script[] = {ERROR("invalid_grant", 401)};
    begin_two();
    two.a.config->on_revoked = true;
    FAKE_SCRIPT(&two.a, script);
    fake_do(&two.a, "me", "grant_revoked");
    fake_expect(&two.a,
                "renew, load, lock, load, save, refresh rt_1, load, load, save, announce, unlock");
    assert_string_equal(two.store.record.ended, "grant_revoked");
    assert_null(two.store.record.refresh.text);
    end_two();
}

static void test_invalid_grant_on_a_marked_record_proves_nothing(void **state) {
    static const fake_answer script[] = {ERROR("invalid_grant", 401)};
    begin_two();
    b_crashes_on_the_wire();
    assert_true(two.store.record.in_doubt);
    FAKE_SCRIPT(&two.a, script);
    fake_do(&two.a, "me", "refresh_outcome_unknown");
    assert_false(bi_failure_is_set(&two.a.account->over));
    assert_string_equal(two.store.record.ended, "");
    assert_string_equal(two.store.record.refresh.text, "rt_secret_1");
    assert_true(two.store.record.in_doubt);
    assert_null(two.store.holder);
    end_two();
}

static void test_a_marked_record_is_renewed_all_the_same(void **state) {
    static const fake_answer script[] = {REFRESHED(2), DONE};
    begin_two();
    b_crashes_on_the_wire();
    FAKE_SCRIPT(&two.a, script);
    fake_do(&two.a, "me", NULL);
    assert_stored("rt_secret_2", "at_secret_2");
    end_two();
}

/* --- Which is newer ------------------------------------------------------------------------------------------ */

static void test_tokens_of_a_new_authorization_win_over_the_record(void **state) {
    static const fake_answer script[] = {REFRESHED(5), DONE};
    begin_two();
    b_renews();
    fake_set_refresh(&two.a, "rt_secret_9");
    bi_account_note_seed(two.a.account);
    FAKE_SCRIPT(&two.a, script);
    fake_do(&two.a, "me", NULL);
    fake_expect(&two.a, "renew, load, lock, load, refresh rt_9, save, unlock, GET /me at_5");
    assert_stored("rt_secret_5", "at_secret_5");
    end_two();
}

/* Found by the model: a process with options from before the record's authorization marked over the only tokens that
 * lived, and buried them. */
static void test_options_that_turn_out_to_be_old_do_not_displace_the_record(void **state) {
    static const fake_answer dead[] = {ERROR("invalid_grant", 401), DONE};
    static const fake_answer trouble[] = {ERROR("invalid_client", 401)};
    begin_two();
    b_renews();
    fake_set_refresh(&two.a, "rt_secret_0");
    bi_account_note_seed(two.a.account);
    FAKE_SCRIPT(&two.a, trouble);
    fake_do(&two.a, "me", "invalid_client");
    fake_expect(&two.a, "renew, load, lock, load, refresh rt_0, unlock");
    FAKE_SCRIPT(&two.a, dead);
    fake_do(&two.a, "me", NULL);
    fake_expect(&two.a, "renew, load, lock, load, refresh rt_0, load, unlock, GET /me at_3");
    assert_stored("rt_secret_3", "at_secret_3");
    end_two();
}

/* What is told to `a` while it waits for the lock: a third process has found out, so the record knows that rt_0 is old. */
static void b_finds_out(void) {
    bi_secret old = {0};
    bi_secret_set(&old, "rt_secret_0", 11);
    bi_digest digest = bi_digest_of(&old);
    bi_digests_add(&two.store.record.seeds, &digest);
    bi_secret_clear(&old);
    two.store.version++;
    two.store.holder = NULL;
}

static void test_options_that_the_record_learns_to_be_old_are_dropped(void **state) {
    static const fake_answer done[] = {DONE};
    begin_two();
    b_renews();
    b_locks();
    fake_set_refresh(&two.a, "rt_secret_0");
    bi_account_note_seed(two.a.account);
    FAKE_SCRIPT(&two.a, done);
    meanwhile(BI_NEED_LOAD, 2, b_finds_out);
    fake_do(&two.a, "me", NULL);
    fake_expect(&two.a, "renew, load, lock, sleep 10, load, GET /me at_3");
    assert_stored("rt_secret_3", "at_secret_3");
    end_two();
}

/* Found by the model: the new tokens were dropped for the record that an old process began meanwhile. */
static void test_a_new_authorization_stays_though_an_old_process_saves_meanwhile(void **state) {
    static const fake_answer script[] = {REFRESHED(5), DONE};
    for (unsigned turn = 1; turn <= 2;
         turn++) { /* before there is a record, or before the first look */
        begin_two();
        fake_set_refresh(&two.a, "rt_secret_9");
        bi_digests_clear(&two.a.account->seeds);
        bi_account_note_seed(two.a.account);
        FAKE_SCRIPT(&two.a, script);
        meanwhile(BI_NEED_LOAD, turn, b_renews);
        fake_do(&two.a, "me", NULL);
        assert_stored("rt_secret_5", "at_secret_5");
        end_two();
    }
}

static void test_an_old_seed_loses_to_the_record(void **state) {
    static const fake_answer script[] = {REFRESHED(4), DONE}, done[] = {DONE};
    begin_two();
    b_renews();
    fake_pass(&two.b, 1800000);
    FAKE_SCRIPT(&two.b, script);
    fake_do(&two.b, "me", NULL);
    assert_stored("rt_secret_4", "at_secret_4");
    two.a.input.now = two.b.input.now;
    FAKE_SCRIPT(&two.a, done); /* still configured with rt_1 */
    fake_do(&two.a, "me", NULL);
    fake_expect(&two.a, "renew, load, GET /me at_4");
    end_two();
}

/* --- Tombstones ---------------------------------------------------------------------------------------------- */

/* `b` meets the grant's end, in a call's 410 or in a refresh. */
static void b_is_told_that_it_is_over(bool by_refresh) {
    static const fake_answer gone[] = {REFRESHED(2), ERROR("grant_revoked", 410)};
    static const fake_answer dead[] = {ERROR("invalid_grant", 400)};
    two.b.config->on_revoked = true;
    if (by_refresh)
        FAKE_SCRIPT(&two.b, dead);
    else
        FAKE_SCRIPT(&two.b, gone);
    fake_do(&two.b, "me", "grant_revoked");
    fake_expect(&two.b, by_refresh
                            ? "renew, load, lock, load, save, refresh rt_1, load, load, save, "
                              "announce, unlock"
                            : "renew, load, lock, load, save, refresh rt_1, save, unlock, "
                              "GET /me at_2, announce, renew aside, lock, load, save, unlock");
    assert_string_equal(two.store.record.ended, "grant_revoked");
    assert_null(two.store.record.refresh.text);
    assert_null(two.store.record.access.text);
    assert_null(two.store.holder);
}

static void test_another_process_reads_the_end_without_a_request(void **state) {
    for (int by_refresh = 0; by_refresh < 2; by_refresh++) {
        begin_two();
        b_is_told_that_it_is_over(by_refresh);
        two.a.config->on_revoked = true;
        fake_do(&two.a, "me", "grant_revoked");
        fake_expect(&two.a, "renew, load, announce");
        fake_do(&two.a, "me", "grant_revoked");
        fake_expect(&two.a, "");
        end_two();
    }
}

static void test_the_end_of_an_old_authorization_does_not_end_a_new_one(void **state) {
    static const fake_answer script[] = {REFRESHED(5), DONE};
    for (int by_refresh = 0; by_refresh < 2; by_refresh++) {
        begin_two();
        b_is_told_that_it_is_over(by_refresh);
        fake_set_refresh(&two.a, "rt_secret_9");
        bi_account_note_seed(two.a.account);
        FAKE_SCRIPT(&two.a, script);
        fake_do(&two.a, "me", NULL);
        fake_expect(&two.a,
                    "renew, load, lock, load, save, refresh rt_9, save, unlock, GET /me at_5");
        assert_stored("rt_secret_5", "at_secret_5");
        end_two();
    }
}

static void test_an_old_end_is_not_written_over_a_new_authorization(void **state) {
    static const fake_answer script[] = {REFRESHED(5), DONE},
                             gone[] = {ERROR("grant_revoked", 410)};
    begin_two();
    b_renews();
    fake_set_refresh(&two.a, "rt_secret_9");
    bi_account_note_seed(two.a.account);
    FAKE_SCRIPT(&two.a, script);
    fake_do(&two.a, "me", NULL);
    FAKE_SCRIPT(&two.b, gone); /* its own tokens are of the old one */
    fake_do(&two.b, "me", "grant_revoked");
    assert_stored("rt_secret_5", "at_secret_5");
    end_two();
}

/* --- No memory ----------------------------------------------------------------------------------------------- */

/* Whatever allocation fails: no lock stays, nothing leaks, and what the service issued is still held or marked. */
static void test_no_memory_anywhere_loses_nothing(void **state) {
    static const fake_answer script[] = {REFRESHED(2), MINTED(1), DONE};
    bool beyond = false;
    for (unsigned long n = 1; !beyond; n++) {
        begin_two();
        two.a.config->on_tokens = true;
        FAKE_SCRIPT(&two.a, script);
        bi_memory_fail_at(n);
        bi_call *call = fake_call(&two.a, "list_organizations");
        if (call)
            fake_run(&two.a, call);
        bool failed = !call || bi_failure_is_set(&call->failure);
        bi_call_free(call);
        void *next = bi_alloc(1);
        beyond = !next; /* the story made fewer than n */
        bi_free(next);
        bi_memory_fail_at(0);
        assert_true(!beyond || !failed);
        assert_null(two.store.holder);
        assert_false(bi_failure_is_set(&two.a.account->over));
        if (two.a.next > 0 && !two.a.account->refresh_in_doubt)
            assert_string_equal(two.a.account->refresh.text, "rt_secret_2");
        end_two();
        assert_true(n < 2000);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mark_refresh_save_tell_mint_save_unlock),
        cmocka_unit_test(test_a_fresh_token_of_the_store_is_used_without_a_lock),
        cmocka_unit_test(test_an_installation_token_that_the_store_does_not_keep_is_not_saved),
        cmocka_unit_test(test_who_finds_the_lock_busy_adopts_what_the_winner_saved),
        cmocka_unit_test(test_what_was_saved_just_before_the_lock_is_seen_under_it),
        cmocka_unit_test(test_a_lock_that_is_never_let_go_ends_with_the_deadline),
        cmocka_unit_test(test_the_time_under_the_lock_begins_with_the_lock),
        cmocka_unit_test(
            test_nothing_is_sent_under_a_lease_that_ended_while_the_lock_was_asked_for),
        cmocka_unit_test(test_a_lock_that_cannot_be_had_is_a_store_error),
        cmocka_unit_test(test_who_loses_the_swap_adopts_what_the_winner_saved),
        cmocka_unit_test(test_who_loses_the_swap_of_the_mark_sends_nothing),
        cmocka_unit_test(test_what_could_not_be_saved_is_kept_and_saved_by_the_next_flight),
        cmocka_unit_test(
            test_what_could_not_be_saved_stays_though_the_old_access_token_was_refused),
        cmocka_unit_test(test_without_its_mark_a_refresh_does_not_leave),
        cmocka_unit_test(test_a_refresh_that_was_surely_not_done_takes_its_mark_back),
        cmocka_unit_test(test_a_lost_refresh_leaves_its_mark),
        cmocka_unit_test(test_a_living_token_serves_while_the_store_cannot_be_read),
        cmocka_unit_test(test_without_a_living_token_a_store_that_cannot_be_read_is_the_error),
        cmocka_unit_test(test_invalid_grant_on_a_record_that_changed_takes_the_new_one),
        cmocka_unit_test(test_invalid_grant_on_the_same_record_is_the_end),
        cmocka_unit_test(test_invalid_grant_on_a_marked_record_proves_nothing),
        cmocka_unit_test(test_a_marked_record_is_renewed_all_the_same),
        cmocka_unit_test(test_tokens_of_a_new_authorization_win_over_the_record),
        cmocka_unit_test(test_options_that_turn_out_to_be_old_do_not_displace_the_record),
        cmocka_unit_test(test_options_that_the_record_learns_to_be_old_are_dropped),
        cmocka_unit_test(test_a_new_authorization_stays_though_an_old_process_saves_meanwhile),
        cmocka_unit_test(test_an_old_seed_loses_to_the_record),
        cmocka_unit_test(test_another_process_reads_the_end_without_a_request),
        cmocka_unit_test(test_the_end_of_an_old_authorization_does_not_end_a_new_one),
        cmocka_unit_test(test_an_old_end_is_not_written_over_a_new_authorization),
        cmocka_unit_test(test_no_memory_anywhere_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
