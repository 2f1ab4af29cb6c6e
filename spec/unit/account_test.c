/* src/core/account.c: which token serves, how a grant ends; then the model of one account: many random histories of
 * answers, troubles, deaths of tokens and steps of the clock, with several calls at once, against a small service. */
#include "fake.h"

/* --- The record ---------------------------------------------------------------------------------------------- */

static void test_what_an_account_could_get(void **state) {
    fake f;
    fake_init(&f);
    assert_true(bi_account_can_get_access(f.account));
    assert_true(bi_account_can_mint(f.account));
    fake_set_refresh(&f, NULL);
    assert_false(bi_account_can_get_access(f.account));
    fake_set_access(&f, "at_secret_1", 1000);
    assert_true(bi_account_can_mint(f.account));
    bi_free(f.account->grant_id);
    f.account->grant_id = NULL;
    assert_false(bi_account_can_mint(f.account));
    fake_end(&f);
}

/* Freshness of the access and the installation token, in milliseconds left; -1: none. */
static void test_either_token_is_the_one_that_serves_best(void **state) {
    static const struct {
        int64_t access, installation;
        bool refresh, takes_access;
    } rows[] = {
        {1000000, 1000000, true, true}, {200000, 1000000, true, true},
        {30000, 1000000, true, false},  {-1, 1000000, true, false},
        {-1, -1, true, true},           {30000, 30000, true, true},
        {-1, 30000, true, true}, /* a refresh will do it */
        {-1, 30000, false, false},      {30000, 30000, false, true},
        {0, 30000, false, false},       {0, -1, false, true},
        {-1, -1, false, true},          {0, 1000000, false, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        fake f;
        fake_init(&f);
        if (!rows[i].refresh)
            fake_set_refresh(&f, NULL);
        if (rows[i].access >= 0)
            fake_set_access(&f, "at_secret_1", 3600000);
        if (rows[i].installation >= 0)
            fake_set_installation(&f, "bi_oat_secret_1", 3600000);
        f.account->access.expires = f.input.now.mono + rows[i].access;
        f.account->installation.expires = f.input.now.mono + rows[i].installation;
        bi_token *token = bi_account_token(f.account, BI_TOKEN_EITHER, f.input.now);
        if ((token == &f.account->access) != rows[i].takes_access)
            fail_msg("row %zu", i);
        fake_end(&f);
    }
}

static void test_the_first_end_of_a_grant_stays_and_wipes_the_tokens(void **state) {
    fake f;
    bi_failure why;
    fake_init(&f);
    fake_set_access(&f, "at_secret_1", 1000);
    bi_failure_init(&why);
    bi_failure_set(&why, BI_CODE_NO_GRANT, "gone");
    bi_account_end(f.account, &why);
    bi_failure_set(&why, BI_CODE_REVOKED, "revoked");
    why.revoked = true;
    bi_account_end(f.account, &why);
    assert_string_equal(f.account->over.code, "grant_not_found");
    assert_false(f.account->over.revoked);
    assert_false(bi_account_can_get_access(f.account));
    bi_failure_clear(&why);
    fake_end(&f);
}

static void test_the_end_of_a_grant_is_known_even_without_memory(void **state) {
    fake f;
    bi_failure why;
    fake_init(&f);
    bi_failure_init(&why);
    bi_failure_set(&why, BI_CODE_REVOKED, "a message that takes memory");
    why.revoked = true;
    bi_memory_fail_at(1);
    bi_account_end(f.account, &why);
    bi_memory_fail_at(0);
    assert_string_equal(f.account->over.code, "grant_revoked");
    assert_true(f.account->over.revoked);
    bi_failure_clear(&why);
    fake_end(&f);
}

static void test_names_are_kept_apart(void **state) {
    bi_names names = {0};
    assert_true(bi_names_add(&names, "org:read", 8));
    assert_true(bi_names_add(&names, "", 0));
    assert_int_equal(names.count, 2);
    assert_memory_equal(names.list.data, "org:read\0", 10);
    bi_names_clear(&names);
    assert_false(names.known);
    assert_int_equal(names.count, 0);
}

/* --- The model ----------------------------------------------------------------------------------------------- */

/* The service as it really is, whatever the client believes: at most two numbers for each kind of token. */
typedef struct service {
    uint64_t random;
    unsigned refresh, access, installation; /* the tokens that are good: rt_secret_N … */
    bool rotates, revoked, told_revoked;    /* told: the client has read that the grant is over */
    bool fault;                             /* an answer that this request was due got lost */
    unsigned refreshes_open, sent_after_end;
} service;

static uint64_t roll(service *s, uint64_t sides) {
    s->random ^= s->random << 13;
    s->random ^= s->random >> 7;
    s->random ^= s->random << 17;
    return (s->random >> 16) % sides;
}

static unsigned number_behind(const char *text, const char *name) {
    const char *at = text ? strstr(text, name) : NULL;
    return at ? (unsigned)strtoul(at + strlen(name), NULL, 10) : 0;
}

static const char *bearer_of(const bi_wire_request *request) {
    for (size_t at = 0; at < request->fields.length; at += strlen(request->fields.data + at) + 1)
        if (strncmp(request->fields.data + at, "Authorization: ", 15) == 0)
            return request->fields.data + at;
    return NULL;
}

static void say(bi_wire_answer *answer, long status, const char *format, ...) {
    char body[300];
    va_list list;
    va_start(list, format);
    vsnprintf(body, sizeof body, format, list);
    va_end(list);
    answer->status = status;
    bi_bytes_add_text(&answer->body, body);
}

static long life(service *s) {
    static const long lives[] = {0, 1, 2, 60, 1800, 3600};
    return lives[roll(s, COUNT(lives))];
}

static void serve_refresh(service *s, const bi_wire_request *request, bi_wire_answer *answer) {
    unsigned token = number_behind(bi_bytes_text(&request->body), "rt_secret_");
    assert_true(token > 0 && token <= s->refresh); /* never one of another account */
    if (s->revoked || token != s->refresh) {
        say(answer, 401, "{\"error\":\"invalid_grant\"}");
        return;
    }
    s->access++;
    if (s->rotates)
        s->refresh++;
    say(answer, 200,
        "{\"access_token\":\"at_secret_%u\",\"expires_in\":%ld,\"refresh_token\":\"rt_secret_%u\"}",
        s->access, life(s), s->refresh);
}

static void serve_mint(service *s, const bi_wire_request *request, bi_wire_answer *answer) {
    assert_true(number_behind(bearer_of(request), " at_secret_") > 0);
    if (s->revoked)
        say(answer, roll(s, 2) ? 410 : 401, "{\"error\":\"%s\"}", "grant_revoked");
    else if (number_behind(bearer_of(request), " at_secret_") != s->access)
        say(answer, 401, "{\"error\":\"invalid_token\"}");
    else
        say(answer, 200, "{\"installation_token\":\"bi_oat_secret_%u\",\"expires_in\":%ld}",
            ++s->installation, life(s));
}

static void serve_call(service *s, const bi_wire_request *request, bi_wire_answer *answer) {
    unsigned access = number_behind(bearer_of(request), " at_secret_");
    unsigned installation = number_behind(bearer_of(request), "bi_oat_secret_");
    if ((access > 0) == (installation > 0))
        fail_msg("%s %s: not one token", request->url.data, bearer_of(request));
    if (s->revoked)
        say(answer, 410, "{\"error\":\"grant_revoked\"}");
    else if (access ? access != s->access : installation != s->installation)
        say(answer, 401, "{\"error\":\"invalid_token\"}");
    else
        say(answer, 200, "{}");
}

/* What may happen to an answer, or before it. */
static void spoil(service *s, const bi_wire_request *request, bi_wire_answer *answer) {
    static const bi_trouble troubles[] = {BI_TROUBLE_LOST, BI_TROUBLE_TRUNCATED, BI_TROUBLE_TIMEOUT,
                                          BI_TROUBLE_PROTOCOL};
    s->fault = true;
    bi_bytes_clear(&answer->body);
    if (roll(s, 2)) {
        answer->trouble = troubles[roll(s, COUNT(troubles))];
        answer->status = 0;
        return;
    }
    answer->status = roll(s, 2) ? 503 : 200;
    bi_bytes_add_text(&answer->fields, "Content-Type: text/html\r\n");
    bi_bytes_add_text(&answer->body, "<p>Bad gateway</p>");
}

static void serve_model(fake *f, const bi_wire_request *request, bi_wire_answer *answer) {
    service *s = f->service;
    if (bi_failure_is_set(&f->account->over))
        s->sent_after_end++;
    if (roll(s, 60) == 0)
        s->revoked = true;
    if (roll(s, 12) == 0) {
        answer->trouble = BI_TROUBLE_CONNECT;
        answer->sent = false;
        return;
    }
    if (roll(s, 15) == 0) {
        answer->status = 429;
        if (roll(s, 2))
            bi_bytes_add_text(&answer->fields, "Retry-After: 2\r\n");
        return;
    }
    bool is_refresh = strstr(request->url.data, "/api/auth/mcp/token") != NULL;
    if (is_refresh)
        serve_refresh(s, request, answer);
    else if (strstr(request->url.data, "/grt_1/tokens"))
        serve_mint(s, request, answer);
    else
        serve_call(s, request, answer);
    if (roll(s, 8) == 0)
        spoil(s, request, answer);
}

/* One task under way: a call, or the flight. */
typedef struct task {
    bi_call *call;
    bi_flight *flight;
    bi_need need;
    int64_t answer_at, must_end;
    bool answered;
} task;

#define CALLS 4

static bi_exchange *exchange_of(task *t) {
    return t->call ? &t->call->exchange : &t->flight->exchange;
}

/* Beyond the deadline the driver gives a transfer up, so nothing takes longer. */
static void answer_model(fake *f, task *t) {
    bi_exchange *x = exchange_of(t);
    service *s = f->service;
    fake_answer_it(f, x);
    int64_t takes = (int64_t)roll(s, roll(s, 10) == 0 ? 40000 : 300);
    t->answer_at = f->input.now.mono + takes;
    if (t->answer_at >= x->deadline) {
        t->answer_at = x->deadline;
        bi_wire_answer_clear(&x->answer);
        x->answer.sent = true;
        x->answer.trouble = BI_TROUBLE_TIMEOUT;
    }
}

static void step_task(fake *f, task *t, task *flight) {
    service *s = f->service;
    f->input.random = (double)roll(s, 1000) / 1000;
    t->need = t->call ? fake_step(f, t->call) : fake_step_flight(f, t->flight);
    if (t->need == BI_NEED_RENEW) {
        assert_null(flight->flight); /* never two renewals at once */
        *flight = (task){.flight = bi_flight_hold(t->call->flight),
                         .must_end = f->input.now.mono + BI_FLIGHT_TIME};
    }
    if (t->need == BI_NEED_REVOKED) {
        assert_false(s->told_revoked); /* announced once */
        s->told_revoked = true;
        assert_true(s->revoked); /* and never for trouble on the way */
    }
    if (t->need == BI_NEED_SEND)
        answer_model(f, t);
}

static bool is_due(const fake *f, task *t) {
    if (!t->call && !t->flight)
        return false;
    if (t->need == BI_NEED_SEND)
        return f->input.now.mono >= t->answer_at;
    if (t->need == BI_NEED_SLEEP)
        return f->input.now.mono >= exchange_of(t)->wake;
    if (t->need == BI_NEED_JOIN)
        return bi_flight_has_ended(t->call->flight) || f->input.now.mono >= exchange_of(t)->wake;
    return true;
}

static void finish_task(fake *f, task *t) {
    assert_true(f->input.now.mono <= t->must_end);
    if (t->call) {
        const bi_failure *failure = &t->call->failure;
        fake_assert_clean(failure);
        service *s = f->service;
        if (failure->revoked)
            assert_true(s->revoked);
        if (bi_failure_is(failure, BI_CODE_UNKNOWN))
            assert_string_equal(failure->method, "POST");
        bi_call_free(t->call);
    } else
        bi_flight_release(t->flight);
    *t = (task){0};
}

static void start_call(fake *f, task *t, service *s) {
    static const char *const names[] = {"me", "list_organizations", "create_project", "token_info",
                                        "me"};
    t->call = fake_call(f, names[roll(s, COUNT(names))]);
    assert_non_null(t->call);
    t->call->timeout = (int64_t)(roll(s, 4) ? 30000 : roll(s, 3000));
    t->must_end = f->input.now.mono + t->call->timeout;
}

/* The next moment at which something is due. */
static int64_t next_moment(const fake *f, task *tasks) {
    int64_t next = f->input.now.mono + 50;
    for (int i = 0; i <= CALLS; i++) {
        task *t = &tasks[i];
        if (!t->call && !t->flight)
            continue;
        int64_t at = t->need == BI_NEED_SEND ? t->answer_at : exchange_of(t)->wake;
        if (at > f->input.now.mono && at < next)
            next = at;
    }
    return next;
}

static void run_history(uint64_t seed) {
    service s = {.random = seed * UINT64_C(0x9E3779B97F4A7C15) + 1, .refresh = 1, .access = 0};
    task tasks[CALLS + 1] = {0}, *flight = &tasks[CALLS];
    fake f;
    fake_init(&f);
    s.rotates = roll(&s, 2);
    f.service = &s;
    f.serve = serve_model;
    f.config->on_tokens = roll(&s, 2);
    f.config->on_revoked = true;
    f.config->on_request = roll(&s, 8) == 0;
    f.config->on_response = roll(&s, 8) == 0;
    unsigned to_start = 4 + (unsigned)roll(&s, 8);
    for (int turn = 0; turn < 100000; turn++) {
        bool busy = false;
        for (int i = 0; i <= CALLS; i++) {
            task *t = &tasks[i];
            if (i < CALLS && !t->call && to_start > 0 && roll(&s, 3) == 0) {
                to_start--;
                start_call(&f, t, &s);
            }
            while (is_due(&f, t)) {
                step_task(&f, t, flight);
                if (t->need == BI_NEED_DONE)
                    finish_task(&f, t);
            }
            busy |= t->call || t->flight;
        }
        if (!busy && to_start == 0)
            break;
        int64_t next = next_moment(&f, tasks);
        fake_pass(&f, next - f.input.now.mono);
        if (!busy && roll(&s, 4) == 0)
            fake_pass(&f, (int64_t)roll(&s, 4000000));
        f.log[0] = '\0';
    }
    assert_int_equal(to_start, 0);
    assert_int_equal(s.sent_after_end, 0);
    assert_null(f.account->flight);
    /* A rotated token is lost only with the answer that held it, and then that is known. */
    if (!bi_failure_is_set(&f.account->over))
        assert_true(number_behind(f.account->refresh.text, "rt_secret_") == s.refresh ||
                    f.account->refresh_in_doubt);
    fake_end(&f);
}

static void test_two_thousand_histories_of_one_account(void **state) {
    unsigned count = getenv("BETTER_I18N_SLOW") ? 200 : 2000;
    for (uint64_t seed = 1; seed <= count; seed++)
        run_history(seed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_an_account_could_get),
        cmocka_unit_test(test_either_token_is_the_one_that_serves_best),
        cmocka_unit_test(test_the_first_end_of_a_grant_stays_and_wipes_the_tokens),
        cmocka_unit_test(test_the_end_of_a_grant_is_known_even_without_memory),
        cmocka_unit_test(test_names_are_kept_apart),
        cmocka_unit_test(test_two_thousand_histories_of_one_account),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
