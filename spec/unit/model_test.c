/* The randomized model test of tokens (DESIGN.md, "Tests"): 10,000 histories with fixed seeds, or MODEL_N of them, or the
 * one of MODEL_SEED, told event by event. Each invariant is shown to fail once, by a bug that is planted. */
#include "model.h"

enum { HISTORIES = 10000 };

static model world;

static unsigned long number_of(const char *name, unsigned long otherwise) {
    const char *text = getenv(name);
    return text && *text ? strtoul(text, NULL, 10) : otherwise;
}

static void replay(unsigned long seed) {
    static model again; /* by value: its own history */
    printf("--- history %lu, replayed with: make model SEED=%lu\n", seed, seed);
    model_run(&again, seed, MODEL_SOUND, true);
    fflush(stdout);
}

static void test_no_history_breaks_an_invariant(void **state) {
    unsigned long only = number_of("MODEL_SEED", 0), count = number_of("MODEL_N", HISTORIES);
    unsigned long first = only ? only : 1, last = only ? only : count;
    unsigned long calls = 0, successes = 0, refreshes = 0, ends = 0, losses = 0;
    for (unsigned long seed = first; seed <= last; seed++) {
        bool good = model_run(&world, seed, MODEL_SOUND, false);
        if (!good || only)
            replay(seed);
        if (!good)
            fail_msg("history %lu: %s", seed, world.wrong);
        calls += world.calls;
        successes += world.successes;
        refreshes += world.refreshes;
        ends += world.ends;
        losses += world.losses;
    }
    printf(
        "%lu histories: %lu calls, %lu of them successful, %lu refreshes, %lu ends, %lu tokens lost\n",
        last - first + 1, calls, successes, refreshes, ends, losses);
    if (last - first < 999)
        return;
    /* A model in which little happens would find little. */
    assert_true(successes > calls / 4);
    assert_true(refreshes > last - first);
    assert_true(ends > (last - first) / 10);
    assert_true(losses > (last - first) / 100);
}

/* The world with that bug breaks this invariant within the fixed histories, and the same history without it does not. */
static void assert_found(model_bug bug, const char *wrong) {
    for (unsigned long seed = 1; seed <= HISTORIES; seed++) {
        if (model_run(&world, seed, bug, false) || !strstr(world.wrong, wrong))
            continue;
        assert_true(model_run(&world, seed, MODEL_SOUND, false));
        return;
    }
    fail_msg("no history shows: %s", wrong);
}

static void test_the_model_finds_two_refreshes_in_a_process(void **state) {
    assert_found(MODEL_FORGETS_FLIGHT, "two refreshes of one process");
}

static void test_the_model_finds_a_lock_that_is_granted_twice(void **state) {
    assert_found(MODEL_LOCKS_TWICE, "two refreshes of one grant");
    assert_found(MODEL_LOCKS_TWICE, "shown again without need");
}

static void test_the_model_finds_a_swap_that_always_says_yes(void **state) {
    assert_found(MODEL_SWAPS_ALWAYS, "of no use");
}

static void test_the_model_finds_a_request_after_the_end(void **state) {
    assert_found(MODEL_FORGETS_END, "the process knew that the grant is over");
}

static void test_the_model_finds_another_tenants_token(void **state) {
    assert_found(MODEL_MIXES_KEYS, "of another tenant");
}

static void test_the_model_finds_a_save_that_was_dropped(void **state) {
    assert_found(MODEL_DROPS_SAVE, "of no use");
}

static void test_the_model_finds_tokens_that_nobody_was_told(void **state) {
    assert_found(MODEL_TELLS_NOBODY, "of no use");
}

static void test_the_model_finds_a_false_revocation(void **state) {
    assert_found(MODEL_CRIES_WOLF, "a revocation was reported that never was");
}

static void test_the_model_finds_a_deadline_that_moves(void **state) {
    assert_found(MODEL_MOVES_DEADLINE, "beyond the deadline");
}

static void test_the_model_finds_a_call_that_does_not_end(void **state) {
    assert_found(MODEL_SLEEPS_ON, "does not end");
}

static void test_the_model_finds_an_end_announced_twice(void **state) {
    assert_found(MODEL_ANNOUNCES_TWICE, "has run twice");
}

static void test_the_model_finds_a_leak(void **state) {
    assert_found(MODEL_KEEPS_FLIGHT, "were not freed");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_history_breaks_an_invariant),
        cmocka_unit_test(test_the_model_finds_two_refreshes_in_a_process),
        cmocka_unit_test(test_the_model_finds_a_lock_that_is_granted_twice),
        cmocka_unit_test(test_the_model_finds_a_swap_that_always_says_yes),
        cmocka_unit_test(test_the_model_finds_a_request_after_the_end),
        cmocka_unit_test(test_the_model_finds_another_tenants_token),
        cmocka_unit_test(test_the_model_finds_a_save_that_was_dropped),
        cmocka_unit_test(test_the_model_finds_tokens_that_nobody_was_told),
        cmocka_unit_test(test_the_model_finds_a_false_revocation),
        cmocka_unit_test(test_the_model_finds_a_deadline_that_moves),
        cmocka_unit_test(test_the_model_finds_a_call_that_does_not_end),
        cmocka_unit_test(test_the_model_finds_an_end_announced_twice),
        cmocka_unit_test(test_the_model_finds_a_leak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
