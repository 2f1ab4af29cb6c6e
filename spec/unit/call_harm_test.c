/* src/core/call.c: what a call never does: harm when memory is short, a secret in a failure. Stories as in fake.h. */
#include "fake.h"

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
        cmocka_unit_test(test_the_memory_of_so_many_calls_is_kept),
        cmocka_unit_test(test_no_allocation_that_fails_does_any_harm),
        cmocka_unit_test(test_no_secret_is_in_any_failure),
        cmocka_unit_test(test_a_sent_token_stays_secret_when_it_was_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
