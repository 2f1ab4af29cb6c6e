/* The world of spec/unit/fake.h. It asserts on its own what holds in every story: requests go to the right place in
 * the right form, and nobody is asked for an answer that the script does not have. */
#include "fake.h"

#include "core/url.h"

#include <strings.h>

/* --- The world ----------------------------------------------------------------------------------------------- */

void fake_init(fake *f) {
    *f = (fake){.live_before = bi_memory_live()};
    f->config = bi_config_new();
    f->account = bi_account_new();
    assert_non_null(f->config);
    assert_non_null(f->account);
    f->input = (bi_input){.now = {FAKE_START, FAKE_WALL}, .random = 0.5};
    f->account->grant_id = bi_copy("grt_1", 5);
    f->account->client_id = bi_copy("app", 3);
    assert_true(bi_secret_set(&f->account->client_secret, CLIENT_SECRET, strlen(CLIENT_SECRET)));
    fake_set_refresh(f, "rt_secret_1");
}

void fake_end(fake *f) {
    bi_memory_fail_at(0);
    if (f->background) {
        bi_flight_abandon(f->background);
        bi_flight_release(f->background);
    }
    bi_account_release(f->account);
    bi_config_release(f->config);
    assert_int_equal(bi_memory_live() - f->live_before, 0);
}

void fake_script(fake *f, const fake_answer *answers, size_t count) {
    f->script = answers;
    f->answers = count;
    f->next = 0;
}

static void set_token(fake *f, bi_token *token, const char *text, int64_t lifetime) {
    bi_secret secret = {0};
    assert_true(bi_secret_set(&secret, text, strlen(text)));
    bi_token_take(token, &secret, lifetime, f->input.now);
}

void fake_set_access(fake *f, const char *token, int64_t lifetime) {
    set_token(f, &f->account->access, token, lifetime);
}

void fake_set_installation(fake *f, const char *token, int64_t lifetime) {
    set_token(f, &f->account->installation, token, lifetime);
}

void fake_set_refresh(fake *f, const char *token) {
    assert_true(bi_secret_set(&f->account->refresh, token, token ? strlen(token) : 0));
}

void fake_pass(fake *f, int64_t milliseconds) {
    f->input.now.mono += milliseconds;
    f->input.now.wall += milliseconds;
}

int64_t fake_elapsed(const fake *f) {
    return f->input.now.mono - FAKE_START;
}

/* --- The log ------------------------------------------------------------------------------------------------- */

void fake_log(fake *f, const char *format, ...) {
    size_t used = strlen(f->log);
    if (used > sizeof f->log - 300)
        used = 0; /* a long history is not read */
    if (used)
        used += (size_t)snprintf(f->log + used, sizeof f->log - used, ", ");
    va_list list;
    va_start(list, format);
    vsnprintf(f->log + used, sizeof f->log - used, format, list);
    va_end(list);
}

void fake_expect(fake *f, const char *story) {
    assert_string_equal(f->log, story);
    f->log[0] = '\0';
}

/* "rt_secret_1" is told as "rt_1": stories are read by people. */
static const char *shown(const char *token) {
    static char text[80];
    const char *secret = strstr(token, "secret_");
    snprintf(text, sizeof text, "%.*s%s", secret ? (int)(secret - token) : 70, token,
             secret ? secret + strlen("secret_") : "");
    return text;
}

static const char *find_field(const bi_wire_request *request, const char *name) {
    const char *found = NULL;
    for (size_t at = 0; at < request->fields.length; at += strlen(request->fields.data + at) + 1)
        if (strncasecmp(request->fields.data + at, name, strlen(name)) == 0) {
            assert_null(found); /* a field stands there once */
            found = request->fields.data + at + strlen(name);
        }
    return found;
}

static void log_refresh(fake *f, const bi_wire_request *request) {
    bi_span form = {bi_bytes_text(&request->body), request->body.length};
    bi_bytes token = {.secret = true}, grant = {0}, secret = {.secret = true};
    assert_string_equal(request->url.data, BI_DASHBOARD_URL "/api/auth/mcp/token");
    assert_true(request->once);
    if (bi_query_find(form, "grant_type", &grant) == 1 &&
        bi_query_find(form, "refresh_token", &token) == 1 &&
        bi_query_find(form, "client_secret", &secret) == 1) {
        assert_string_equal(grant.data, "refresh_token");
        assert_string_equal(secret.data, CLIENT_SECRET);
        fake_log(f, "refresh %s", shown(token.data));
    } else
        assert_true(grant.failed || token.failed || secret.failed); /* or something is missing */
    bi_bytes_clear(&grant);
    bi_bytes_clear(&token);
    bi_bytes_clear(&secret);
}

/* The text of a JSON member, as far as the story needs it. */
static const char *member(const char *json, const char *name) {
    static char text[3][80]; /* as many as one line of the story takes */
    static int turn;
    char *to = text[turn++ % 3];
    const char *start = strstr(json, name);
    snprintf(to, sizeof text[0], "%.*s", start ? (int)strcspn(start + strlen(name), "\",}") : 0,
             start ? start + strlen(name) : "");
    return to;
}

/* "tools/call#2 listKeys bi_oat_1 in s1": the method, the id, the tool, the token, the session. */
static void log_mcp(fake *f, const bi_wire_request *request, const char *bearer) {
    const char *body = bi_bytes_text(&request->body);
    const char *session = find_field(request, "Mcp-Session-Id: ");
    const char *method = member(body, "\"method\":\"");
    assert_string_equal(request->method, "POST");
    assert_string_equal(find_field(request, "Accept: "), "application/json, text/event-stream");
    assert_string_equal(find_field(request, "Content-Type: "), "application/json");
    assert_non_null(bearer);
    fake_log(f, "%s#%s %s %s%s%s", method, member(body, "\"id\":"),
             strcmp(method, "tools/call") == 0 ? member(body, "{\"name\":\"") : "-", shown(bearer),
             session ? " in " : "", session ? session : "");
}

static void log_request(fake *f, const bi_wire_request *request) {
    const char *bearer = find_field(request, "Authorization: Bearer ");
    const char *url = request->url.data;
    assert_non_null(find_field(request, "User-Agent: "));
    assert_non_null(find_field(request, "Accept: "));
    assert_true(!bearer || *bearer); /* never an empty token */
    if (strstr(url, "/api/auth/mcp/token")) {
        assert_null(bearer);
        log_refresh(f, request);
        return;
    }
    if (strcmp(url, BI_MCP_URL) == 0) {
        log_mcp(f, request, bearer);
        return;
    }
    assert_memory_equal(url, BI_API_URL "/", strlen(BI_API_URL) + 1);
    const char *path = url + strlen(BI_API_URL);
    if (strstr(path, "/installations/grt_1/tokens")) {
        assert_string_equal(path, "/api/oauth-client/installations/grt_1/tokens");
        assert_string_equal(request->method, "POST");
        fake_log(f, "mint %s", bearer ? shown(bearer) : "without a token");
        return;
    }
    const char *last = strrchr(path, '/');
    fake_log(f, "%s %s%s%s", request->method, last, bearer ? " " : "", bearer ? shown(bearer) : "");
}

/* --- The server ---------------------------------------------------------------------------------------------- */

void fake_answer_with(fake *f, bi_exchange *x, const fake_answer *answer) {
    bi_wire_answer *to = &x->answer;
    bi_wire_answer_clear(to);
    to->trouble = answer->trouble;
    to->sent = !answer->unsent;
    to->status = answer->status;
    if (answer->fields)
        bi_bytes_add_text(&to->fields, answer->fields);
    if (answer->body)
        bi_bytes_add_text(&to->body, answer->body);
    if (answer->detail)
        bi_failure_text(to->detail, sizeof to->detail, answer->detail, strlen(answer->detail));
    if (to->fields.failed || to->body.failed)
        to->trouble = BI_TROUBLE_MEMORY; /* as the engine says it */
    fake_pass(f, answer->takes);
}

void fake_answer_it(fake *f, bi_exchange *x) {
    if (f->serve) {
        bi_wire_answer_clear(&x->answer);
        x->answer.sent = true;
        f->serve(f, &x->request, &x->answer);
        if (x->answer.fields.failed || x->answer.body.failed)
            x->answer.trouble = BI_TROUBLE_MEMORY; /* as the engine says it */
        return;
    }
    if (f->next >= f->answers)
        fail_msg("a request beyond the script; the story is: %s", f->log);
    fake_answer_with(f, x, &f->script[f->next++]);
}

/* --- The driver ---------------------------------------------------------------------------------------------- */

static void log_need(fake *f, bi_need need, const bi_exchange *x) {
    switch (need) {
    case BI_NEED_SEND:
        log_request(f, &x->request);
        break;
    case BI_NEED_SLEEP:
        fake_log(f, "sleep %ld", (long)(x->wake - f->input.now.mono));
        break;
    case BI_NEED_BEFORE:
        fake_log(f, "before");
        break;
    case BI_NEED_AFTER:
        fake_log(f, "after");
        break;
    case BI_NEED_TOKENS:
        fake_log(f, "tell %s", shown(f->account->refresh.text ? f->account->refresh.text : "none"));
        break;
    case BI_NEED_REVOKED:
        fake_log(f, "announce");
        break;
    case BI_NEED_LOAD:
        fake_log(f, "load");
        break;
    case BI_NEED_LOCK:
        fake_log(f, "lock");
        break;
    case BI_NEED_SAVE:
        fake_log(f, "save");
        break;
    case BI_NEED_UNLOCK:
        fake_log(f, "unlock");
        break;
    case BI_NEED_RENEW:
    case BI_NEED_JOIN:
    case BI_NEED_DONE:
        break;
    }
}

bi_need fake_step(fake *f, bi_call *call) {
    bi_need need = bi_call_step(call, &f->input);
    log_need(f, need, &call->exchange);
    if (need == BI_NEED_RENEW)
        fake_log(f, call->background ? "renew aside" : "renew");
    else if (need == BI_NEED_JOIN)
        fake_log(f, "join");
    return need;
}

bi_need fake_step_flight(fake *f, bi_flight *flight) {
    bi_need need = bi_flight_step(flight, &f->input);
    log_need(f, need, &flight->exchange);
    return need;
}

/* --- The store --------------------------------------------------------------------------------------------------- */

void fake_add_store(fake *f, fake_store *store) {
    f->store = store;
    f->account->has_store = true;
    f->account->keeps_installation = true;
    bi_account_note_seed(f->account);
}

void fake_store_clear(fake_store *store) {
    bi_record_clear(&store->record);
}

bool fake_copy_record(bi_record *to, const bi_record *from) {
    bi_record_clear(to);
    *to = *from; /* what is owned is copied below */
    to->refresh = to->access = to->installation = (bi_secret){0};
    to->scopes = to->projects = (bi_names){0};
    to->seeds = to->seen = (bi_digests){0};
    bi_digests_merge(&to->seeds, &from->seeds);
    bi_digests_merge(&to->seen, &from->seen);
    return bi_secret_set(&to->refresh, from->refresh.text, from->refresh.length) &&
           bi_secret_set(&to->access, from->access.text, from->access.length) &&
           bi_secret_set(&to->installation, from->installation.text, from->installation.length) &&
           bi_names_copy(&to->scopes, &from->scopes) &&
           bi_names_copy(&to->projects, &from->projects);
}

static void store_load(fake *f, bi_flight *flight) {
    fake_store *store = f->store;
    f->version = store->version;
    if (store->version && !fake_copy_record(&flight->record, &store->record)) {
        bi_record_clear(&flight->record);
        bi_flight_note(flight, BI_STORE_FAILED, "no memory");
        return;
    }
    bi_flight_note(flight, store->version ? BI_STORE_DONE : BI_STORE_NOT, NULL);
}

static void store_save(fake *f, bi_flight *flight) {
    fake_store *store = f->store;
    bi_record record = {0};
    if (f->version != store->version) {
        bi_flight_note(flight, BI_STORE_NOT, NULL);
        return;
    }
    if (!bi_flight_record(flight, &record, f->input.now)) {
        bi_flight_note(flight, BI_STORE_FAILED, "no memory");
        return;
    }
    bi_record_clear(&store->record);
    store->record = record;
    f->version = ++store->version;
    bi_flight_note(flight, BI_STORE_DONE, NULL);
}

static void store_lock(fake *f, bi_flight *flight) {
    bool free = !f->store->holder || f->store->holder == f;
    if (free)
        f->store->holder = f;
    bi_flight_note(flight, free ? BI_STORE_DONE : BI_STORE_NOT, NULL);
}

bool fake_serve_store(fake *f, bi_need need, bi_flight *flight) {
    if (need != BI_NEED_LOAD && need != BI_NEED_LOCK && need != BI_NEED_SAVE &&
        need != BI_NEED_UNLOCK)
        return false;
    if (f->store->before)
        f->store->before(f, need);
    if (f->store->fails == need) {
        bi_flight_note(flight, BI_STORE_FAILED, "the disk is full; make room");
        return true;
    }
    if (need == BI_NEED_LOAD)
        store_load(f, flight);
    else if (need == BI_NEED_SAVE)
        store_save(f, flight);
    else if (need == BI_NEED_LOCK)
        store_lock(f, flight);
    else
        f->store->holder = NULL;
    return true;
}

/* --- Needs ------------------------------------------------------------------------------------------------------- */

static void serve_need(fake *f, bi_need need, bi_exchange *x) {
    if (need == BI_NEED_SEND)
        fake_answer_it(f, x);
    else if (need == BI_NEED_SLEEP)
        fake_pass(f, x->wake > f->input.now.mono ? x->wake - f->input.now.mono : 0);
    else if (f->on_hook)
        f->on_hook(f, need);
}

void fake_run_flight(fake *f, bi_flight *flight) {
    bi_need need;
    for (int steps = 0; (need = fake_step_flight(f, flight)) != BI_NEED_DONE; steps++) {
        assert_true(steps < 400); /* a busy lock is looked at about 100 times */
        if (!fake_serve_store(f, need, flight))
            serve_need(f, need, &flight->exchange);
    }
}

void fake_run_background(fake *f) {
    bi_flight *flight = f->background;
    if (!flight)
        return;
    fake_run_flight(f, flight);
    f->background = NULL;
    bi_flight_release(flight);
}

static void serve_flight(fake *f, bi_call *call) {
    if (call->background) {
        assert_null(f->background);
        f->background = bi_flight_hold(call->flight);
        return;
    }
    bi_flight *flight = bi_flight_hold(call->flight);
    bool mine = f->background != flight;
    fake_run_flight(f, flight);
    if (!mine) {
        bi_flight_release(f->background);
        f->background = NULL;
    }
    bi_flight_release(flight);
}

void fake_run_until(fake *f, bi_call *call, bi_need wanted) {
    bi_need need;
    for (int steps = 0; (need = fake_step(f, call)) != wanted; steps++) {
        assert_true(steps < 100);
        if (need == BI_NEED_DONE)
            fail_msg("the call has ended; the story is: %s", f->log);
        if (need == BI_NEED_RENEW || need == BI_NEED_JOIN)
            serve_flight(f, call);
        else
            serve_need(f, need, &call->exchange);
    }
}

void fake_run(fake *f, bi_call *call) {
    fake_run_until(f, call, BI_NEED_DONE);
    if (!f->keep_background)
        fake_run_background(f);
}

bi_call *fake_call(fake *f, const char *name) {
    const bi_endpoint *row = bi_endpoint_find(name);
    assert_non_null(row);
    bi_call *call = bi_call_new(f->config, f->account, row);
    if (!call)
        return NULL;
    const char *path = strrchr(row->path, '/');
    bi_bytes_add_text(&call->target, path[1] ? path : "/token_info");
    bi_bytes_add_text(&call->path, bi_bytes_text(&call->target));
    call->has_body = row->body != BI_BODY_NONE;
    if (call->has_body)
        bi_bytes_add_text(&call->body, "{\"name\":\"Site\"}");
    if (!call->target.failed && !call->path.failed && !call->body.failed)
        return call;
    bi_call_free(call);
    return NULL;
}

void fake_do(fake *f, const char *name, const char *code) {
    bi_call *call = fake_call(f, name);
    assert_non_null(call);
    fake_run(f, call);
    assert_string_equal(call->failure.code, code ? code : "");
    if (code) {
        bool sends = !call->endpoint.local;
        assert_string_equal(call->failure.method, sends ? call->endpoint.method : "");
        assert_string_equal(bi_bytes_text(&call->failure.path),
                            sends ? bi_bytes_text(&call->path) : "");
        assert_true(call->failure.message.length > 20);
        if (strcmp(code, BI_CODE_MEMORY) != 0 && !strstr(call->failure.message.data, "; "))
            fail_msg("it does not say what to do next: %s", call->failure.message.data);
    }
    fake_assert_clean(&call->failure);
    bi_call_free(call);
}

static void assert_no_secret(const bi_bytes *text) {
    if (strstr(bi_bytes_text(text), "secret_"))
        fail_msg("a secret stands in: %s", text->data);
}

void fake_assert_clean(const bi_failure *failure) {
    for (; failure; failure = failure->cause) {
        assert_no_secret(&failure->message);
        assert_no_secret(&failure->body);
        assert_no_secret(&failure->path);
    }
}
