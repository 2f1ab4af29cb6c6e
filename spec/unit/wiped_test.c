/* That no block which src/core frees still holds a token or the app's secret: every block is read just before it is
 * freed, while clients refresh, mint, save, are refused and lose their grant. Only src/'s own blocks: what Lua, libcurl
 * or the program copied is theirs, and a Lua string cannot be wiped. */
#include "fake.h"

#include <malloc.h>

static const char *const canaries[] = {"rt_secret_", "at_secret_", "bi_oat_secret", "cs_secret_of"};
static unsigned long freed, found;

static void look(const void *memory) {
    size_t size = malloc_usable_size((void *)(uintptr_t)memory);
    freed++;
    for (size_t i = 0; i < COUNT(canaries); i++)
        if (memmem(memory, size, canaries[i], strlen(canaries[i])))
            found++;
}

static void begin_watch(void) {
    freed = found = 0;
    bi_memory_watch(look);
}

static void end_watch(void) {
    bi_memory_watch(NULL);
    assert_true(freed > 0);
    assert_int_equal(found, 0);
}

static void test_the_watch_sees_a_secret(void **state) {
    bi_memory_watch(look);
    freed = found = 0;
    bi_free(bi_copy("at_secret_1", 11));
    bi_memory_watch(NULL);
    assert_int_equal(found, 1);
}

/* With a store or without one. */
static void renew_twice(fake_store *store) {
    const fake_answer script[] = {REFRESHED(2), MINTED(1), DONE, REFRESHED(3), DONE};
    fake f;
    fake_init(&f);
    if (store)
        fake_add_store(&f, store);
    FAKE_SCRIPT(&f, script);
    fake_do(&f, "list_organizations", NULL);
    fake_pass(&f, 1800000);
    fake_do(&f, "me", NULL);
    if (store)
        fake_store_clear(store);
    fake_end(&f);
}

static void test_renewals_leave_nothing(void **state) {
    begin_watch();
    renew_twice(NULL);
    end_watch();
}

static void test_renewals_with_a_store_leave_nothing(void **state) {
    fake_store store = {0};
    begin_watch();
    renew_twice(&store);
    end_watch();
}

static void test_refusals_that_echo_tokens_leave_nothing(void **state) {
    static const fake_answer script[] = {
        {.status = 200,
         .body =
             "{\"access_token\":\"at_secret_7\",\"refresh_token\":\"rt_secret_7\",\"expires_in\":\"x"},
        {.status = 400,
         .body = "{\"error\":\"invalid_grant\",\"error_description\":\"rt_secret_1 is dead\"}"}};
    fake f;
    begin_watch();
    fake_init(&f);
    FAKE_SCRIPT(&f, script);
    fake_do(&f, "me", "invalid_response");
    fake_do(&f, "me", "refresh_outcome_unknown");
    fake_end(&f);
    end_watch();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_watch_sees_a_secret),
        cmocka_unit_test(test_renewals_leave_nothing),
        cmocka_unit_test(test_renewals_with_a_store_leave_nothing),
        cmocka_unit_test(test_refusals_that_echo_tokens_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
