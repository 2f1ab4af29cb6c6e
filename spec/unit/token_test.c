/* src/core/token.c: the four states of a token by its life and by what is left of it, and what taking one means. */
#include "fake.h"

static const bi_now start = {.mono = 1000, .wall = FAKE_WALL};

static bi_token take(const char *text, int64_t lifetime) {
    bi_token token = {0};
    bi_secret secret = {0};
    assert_true(bi_secret_set(&secret, text, strlen(text)));
    bi_token_take(&token, &secret, lifetime, start);
    assert_false(bi_secret_is_set(&secret));
    return token;
}

static void test_states_by_life_and_rest(void **state) {
    static const struct {
        int64_t life, left;
        bi_freshness freshness;
    } rows[] = {
        {3600000, 3600000, BI_FRESH},
        {3600000, 300000, BI_FRESH},
        {3600000, 299999, BI_STALE},
        {3600000, 60000, BI_STALE},
        {3600000, 59999, BI_EXPIRING},
        {3600000, 1, BI_EXPIRING},
        {3600000, 0, BI_MISSING},
        {3600000, -1, BI_MISSING},
        {600000, 100000, BI_FRESH},
        {600000, 99999, BI_STALE},
        {600000, 20000, BI_STALE},
        {600000, 19999, BI_EXPIRING},
        {2000, 2000, BI_FRESH},
        {2000, 333, BI_FRESH},
        {2000, 332, BI_STALE},
        {2000, 66, BI_STALE},
        {2000, 65, BI_EXPIRING},
        {1, 1, BI_FRESH},
        {0, 0, BI_MISSING},
        {-1, 0, BI_FRESH}, /* unknown: good until refused */
        {INT64_MAX, 1000000, BI_FRESH},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        bi_token token = take("at_secret_1", rows[i].life);
        bi_now now = start;
        if (rows[i].life >= 0 && rows[i].life < INT64_MAX)
            now.mono += rows[i].life - rows[i].left;
        now.wall -= 86400000; /* the wall clock may jump as it likes */
        if (bi_token_freshness(&token, now) != rows[i].freshness)
            fail_msg("row %zu", i);
        bi_token_clear(&token);
    }
}

static void test_no_token_is_missing(void **state) {
    bi_token token = {.expires = BI_NEVER};
    assert_int_equal(bi_token_freshness(&token, start), BI_MISSING);
}

static void test_every_token_that_is_taken_has_its_own_serial(void **state) {
    bi_token token = take("at_secret_1", 1000);
    unsigned serial = token.serial;
    bi_token_clear(&token);
    assert_int_equal(token.serial, serial); /* dropping is not renewing */
    assert_int_equal(bi_token_freshness(&token, start), BI_MISSING);
    bi_secret secret = {0};
    assert_true(bi_secret_set(&secret, "at_secret_1", 11));
    bi_token_take(&token, &secret, -1, start);
    assert_true(token.serial != serial);
    assert_int_equal(token.life, 0);
    bi_token_clear(&token);
}

/* Of calls side by side each says that the token is dead; none makes the others forget it. */
static void test_a_refused_token_is_not_adopted_again(void **state) {
    bi_token token = take("bi_oat_1", 3600000);
    bi_token_refuse(&token);
    bi_token_refuse(&token);
    bi_secret offered = {0};
    assert_true(bi_secret_set(&offered, "bi_oat_1", 8));
    assert_false(bi_token_adopt(&token, &offered, FAKE_WALL + 3600000, 3600000, start));
    assert_int_equal(bi_token_freshness(&token, start), BI_MISSING);
    bi_secret_clear(&offered);
    bi_token_clear(&token);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states_by_life_and_rest),
        cmocka_unit_test(test_a_refused_token_is_not_adopted_again),
        cmocka_unit_test(test_no_token_is_missing),
        cmocka_unit_test(test_every_token_that_is_taken_has_its_own_serial),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
