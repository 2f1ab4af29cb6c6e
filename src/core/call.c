/* The state machine of src/core/call.h: which token, when to renew it, what a refused one or a lost grant means for
 * the call. How one request is sent and repeated stands in exchange.c, how tokens are renewed in flight.c. */
#include "core/call.h"

#include "core/memory.h"
#include "core/request.h"

#include <string.h>

#define FIELDS_ROOM 150 /* bytes: User-Agent, Accept and the name of Authorization */
#define SPARE_CALLS 64u /* 2 KB each, per client */
#define BURIAL 2000     /* milliseconds that a blocking call takes for saving the grant's end */

/* A call is larger than what an allocator has at hand, and most begin when another has ended: its memory is kept. As
 * many as a worker has under way at once: malloc is 2 % of a call's instructions there. */
static bi_call *take_memory(bi_config *config) {
    void *spare = config->spare_calls;
    if (!spare)
        return bi_alloc(sizeof(bi_call));
    memcpy(&config->spare_calls, spare, sizeof config->spare_calls);
    memset(spare, 0, sizeof config->spare_calls);
    config->spare_count--;
    return spare;
}

static void give_memory(bi_config *config, bi_call *call) {
    if (config->spare_count >= SPARE_CALLS) {
        bi_free(call);
        return;
    }
    *call = (bi_call){0};
    memcpy(call, &config->spare_calls, sizeof config->spare_calls);
    config->spare_calls = call;
    config->spare_count++;
}

bi_call *bi_call_new(bi_config *config, bi_account *account, const bi_endpoint *endpoint) {
    bi_call *call = take_memory(config);
    if (!call)
        return NULL;
    bi_exchange_init(&call->exchange);
    bi_failure_init(&call->failure);
    call->config = bi_config_hold(config);
    /* The CDN is public: no token goes there, and neither a revoked grant nor its rate limit concern it. */
    bool is_public = endpoint->host == BI_HOST_CDN;
    call->account = account && !is_public ? bi_account_hold(account) : NULL;
    call->endpoint = *endpoint;
    call->fields.secret = true;
    call->body.secret = true;
    call->timeout = config->timeout;
    call->exchange.max_retries = config->max_retries;
    return call;
}

static void leave_flight(bi_call *call) {
    bi_flight_release(call->flight);
    call->flight = NULL;
}

void bi_call_free(bi_call *call) {
    if (!call)
        return;
    leave_flight(call);
    bi_cdn_file_release(call->known);
    bi_exchange_clear(&call->exchange);
    bi_mcp_free(call->mcp);
    bi_failure_clear(&call->failure);
    bi_bytes_clear(&call->target);
    bi_bytes_clear(&call->path);
    bi_bytes_clear(&call->fields);
    bi_bytes_clear(&call->body);
    bi_account_release(call->account);
    bi_config *config = call->config;
    give_memory(config, call);
    bi_config_release(config);
}

static bi_need end(bi_call *call) {
    leave_flight(call);
    call->state = BI_CALL_ENDED;
    return BI_NEED_DONE;
}

/* A call that sends nothing has no request to name. */
static void sign_failure(bi_call *call) {
    const char *method = call->endpoint.local ? "" : call->endpoint.method;
    bi_failure_text(call->failure.method, sizeof call->failure.method, method, strlen(method));
    bi_bytes_reset(&call->failure.path);
    bi_bytes_add_text(&call->failure.path, call->endpoint.local ? "" : bi_bytes_text(&call->path));
    if (call->account && call->account->grant_id)
        bi_failure_text(call->failure.grant_id, sizeof call->failure.grant_id,
                        call->account->grant_id, strlen(call->account->grant_id));
}

/* A failure that was met elsewhere (in a flight, by an earlier call), told as this call's. */
static bi_need fail_with(bi_call *call, const bi_failure *failure) {
    bi_failure_copy(&call->failure, failure);
    sign_failure(call);
    return end(call);
}

/* A failure of another request (a renewal's, an earlier call's) is told as this call's: what is known of that request's
 * answer stands in the cause. */
static bi_need fail_because_of(bi_call *call, const bi_failure *failure, const char *prefix) {
    bi_failure_copy(&call->failure, failure);
    bi_failure *own = &call->failure;
    if (prefix[0] || !own->cause) { /* else the cause tells it already */
        bi_bytes message = {0};
        bi_bytes_add_text(&message, prefix);
        bi_bytes_add(&message, bi_bytes_text(&own->message), own->message.length);
        bi_failure_wrap(own, failure->code, failure->retryable, bi_bytes_text(&message));
        bi_bytes_clear(&message);
    }
    own->status = 0;
    own->request_id[0] = '\0';
    own->attempts = call->exchange.attempts;
    bi_bytes_reset(&own->fields);
    bi_bytes_reset(&own->body);
    sign_failure(call);
    return end(call);
}

static bi_need fail(bi_call *call, const char *code, bool retryable, const char *message) {
    bi_failure failure;
    bi_failure_init(&failure);
    bi_failure_set(&failure, code, "%s", message);
    failure.retryable = retryable;
    failure.attempts = call->exchange.attempts;
    bi_need need = fail_with(call, &failure);
    bi_failure_clear(&failure);
    return need;
}

/* With room for those that come behind them: growing costs a copy and a wipe. */
static bool copy_fields(bi_wire_request *request, const bi_bytes *fields, const bi_token *token) {
    size_t more = FIELDS_ROOM + (token ? token->secret.length : 0);
    return bi_bytes_reserve(&request->fields, fields->length + more) &&
           bi_bytes_add(&request->fields, bi_bytes_text(fields), fields->length);
}

/* A caller who asks himself keeps the file himself. */
static bool ask_if_changed(bi_call *call) {
    bi_wire_request *request = &call->exchange.request;
    if (call->endpoint.host != BI_HOST_CDN || bi_request_has(request, "If-None-Match"))
        return true;
    bi_cdn_file_release(call->known);
    call->known = bi_cdn_find(&call->config->cdn, bi_bytes_text(&call->target));
    return !call->known || bi_request_default(request, "If-None-Match", call->known->etag);
}

/* Bytes are asked for as they are: libcurl does not see where a gzip file was cut, and nobody reads them here, as JSON
 * is read. A body stays with the call, so that a repetition after a 401 finds it again. */
static bool fill_request(bi_call *call) {
    bi_wire_request *request = &call->exchange.request;
    if (call->mcp)
        return bi_mcp_fill(call->mcp, &call->exchange, &call->endpoint, &call->fields,
                           &call->token->secret);
    request->has_body = call->has_body || bi_request_wants_length(call->endpoint.method);
    request->body.secret = true;
    request->once = call->endpoint.safety != BI_SAFETY_READ;
    return copy_fields(request, &call->fields, call->token) && ask_if_changed(call) &&
           bi_request_begin(request, call->config, call->endpoint.method, call->endpoint.host,
                            &call->target) &&
           (!call->token || bi_request_authorize(request, &call->token->secret)) &&
           bi_request_default(request, "Accept", call->raw ? "*/*" : "application/json") &&
           (!call->raw || bi_request_default(request, "Accept-Encoding", "identity")) &&
           (call->body.length == 0 ||
            bi_bytes_add(&request->body, call->body.data, call->body.length));
}

static bi_need exchange(bi_call *call, const bi_input *input);

static bi_need begin_sending(bi_call *call, const bi_input *input) {
    bi_exchange *x = &call->exchange;
    leave_flight(call);
    bi_exchange_restart(x);
    x->config = call->config;
    x->account = call->account;
    x->safety = call->endpoint.safety;
    x->wants_json = !call->raw;
    x->is_public = call->endpoint.host == BI_HOST_CDN;
    x->shown_path = bi_bytes_text(&call->path);
    call->serial = call->token ? call->token->serial : 0;
    if (!fill_request(call))
        return fail(call, BI_CODE_MEMORY, false, "not enough memory");
    call->state = BI_CALL_SENDING;
    return exchange(call, input);
}

/* Whether a flight could bring the token. Who has none looks into the store each time: another process may have brought
 * some, as when the customer connects anew. */
static bool may_renew(const bi_call *call, bool lacks) {
    const bi_account *account = call->account;
    bool can_load = account->has_store && (lacks || !account->synced);
    return can_load || (call->token == &account->access ? bi_secret_is_set(&account->refresh)
                                                        : bi_account_can_mint(account));
}

/* What no flight could bring, said before one is started. */
static bi_need fail_unrenewed(bi_call *call) {
    const bi_account *account = call->account;
    bi_failure failure;
    bi_failure_init(&failure);
    if (account->grant_id || bi_account_can_get_access(account))
        bi_account_say_lack(account, &failure);
    else
        bi_failure_set(
            &failure, BI_CODE_TOKEN, "%s",
            call->token == &account->access
                ? "this call needs an access token; give new() a grant_id and an access_token or refresh_token"
                : "the installation token is expired or was refused, and it was given alone; give new() a "
                  "grant_id and an access_token or refresh_token to have it renewed");
    failure.attempts = call->exchange.attempts;
    bi_need need = fail_with(call, &failure);
    bi_failure_clear(&failure);
    return need;
}

static bi_need use_token(bi_call *call, const bi_input *input) {
    return call->endpoint.local ? end(call) : begin_sending(call, input);
}

/* Where only calls drive flights, one may be left half-way: after its deadline it could only fail. */
static void drop_late_flight(bi_account *account, bi_now now) {
    bi_flight *flight = account->flight;
    if (flight && bi_exchange_is_late(&flight->exchange, now) && !bi_flight_must_be_awaited(flight))
        bi_flight_abandon(flight);
}

static bi_need renew(bi_call *call, const bi_input *input, bool background) {
    bi_account *account = call->account;
    call->serial = call->token->serial;
    drop_late_flight(account, input->now);
    if (!account->flight) {
        if (!may_renew(call, !background))
            return fail_unrenewed(call);
        bi_token_kind kind =
            call->token == &account->access ? BI_TOKEN_ACCESS : BI_TOKEN_INSTALLATION;
        call->flight = bi_flight_new(call->config, account, kind, input->now);
        if (!call->flight)
            return fail(call, BI_CODE_MEMORY, false, "not enough memory");
        call->flight->quiet = call->endpoint.ends_grant;
        call->background = background;
        int64_t left = call->exchange.deadline - input->now.mono;
        call->exchange.wake = input->now.mono + (background ? left / 2 : left);
        call->state = BI_CALL_RENEWING;
        return BI_NEED_RENEW;
    }
    if (background) /* somebody else is at it */
        return use_token(call, input);
    call->flight = bi_flight_hold(account->flight);
    call->state = BI_CALL_JOINING;
    return BI_NEED_JOIN;
}

static bool can_renew(const bi_call *call, bi_now now) {
    return now.mono >= call->account->renewal_paused && !call->renewed && may_renew(call, false);
}

/* The grant is over. For revoke() that is what was wanted. */
static bi_need end_over(bi_call *call) {
    if (call->endpoint.ends_grant)
        return end(call);
    return fail_because_of(call, &call->account->over, "");
}

/* Known without asking: what the service said when it issued the tokens. */
static bool lacks_scope(const bi_call *call) {
    return call->config->preflight && bi_names_lack(&call->account->scopes, call->endpoint.scope);
}

static bi_need fail_for_scope(bi_call *call) {
    bi_failure failure;
    bi_failure_init(&failure);
    bi_failure_set(&failure, BI_CODE_SCOPE,
                   "the grant lacks the scope %s, so the request was not sent%s; ask the user to "
                   "authorize again with it",
                   call->endpoint.scope, call->exchange.attempts > 0 ? " again" : "");
    bi_failure_text(failure.required_scope, sizeof failure.required_scope, call->endpoint.scope,
                    strlen(call->endpoint.scope));
    failure.attempts = call->exchange.attempts;
    bi_need need = fail_with(call, &failure);
    bi_failure_clear(&failure);
    return need;
}

static bi_need choose(bi_call *call, const bi_input *input) {
    bi_account *account = call->account;
    if (account && bi_failure_is_set(&account->over))
        return end_over(call);
    if (!account || call->endpoint.token == BI_TOKEN_NONE)
        return use_token(call, input);
    if (lacks_scope(call))
        return fail_for_scope(call);
    call->token = bi_account_token(account, call->endpoint.token, input->now);
    bi_freshness freshness = bi_token_freshness(call->token, input->now);
    if (freshness == BI_MISSING)
        return renew(call, input, false);
    bool due = freshness != BI_FRESH || account->unsaved;
    bool unread = account->has_store && !account->synced; /* another process may have renewed */
    if ((!due && !unread) || !can_renew(call, input->now))
        return use_token(call, input);
    return renew(call, input, !unread && freshness != BI_EXPIRING);
}

/* The renewal may have told which scopes there are. */
static bi_need use_renewed(bi_call *call, const bi_input *input) {
    return lacks_scope(call) ? fail_for_scope(call) : use_token(call, input);
}

/* The flight has landed, or this call's time is over. */
static bi_need joined(bi_call *call, const bi_input *input) {
    bool late = bi_exchange_is_late(&call->exchange, input->now);
    if (!bi_flight_has_ended(call->flight) && !late)
        return BI_NEED_JOIN;
    bool failed = bi_failure_is_set(&call->flight->failure);
    if (bi_failure_is_set(&call->account->over))
        return end_over(call);
    call->token = bi_account_token(call->account, call->endpoint.token, input->now);
    call->renewed = call->token->serial != call->serial;
    if (bi_token_freshness(call->token, input->now) != BI_MISSING)
        return use_renewed(call, input);
    if (call->renewed && bi_secret_is_set(&call->token->secret))
        return use_renewed(call, input); /* issued with no life at all: the service's word counts */
    bool deserted = call->flight->abandoned;
    if (failed && (!deserted || call->deserted || late))
        return fail_because_of(call, &call->flight->failure,
                               "no token could be had for this call: ");
    if (late)
        return fail(call, BI_CODE_TIMEOUT, true,
                    "the time was over before a token could be renewed; try again, or raise the "
                    "option timeout");
    call->deserted = deserted; /* else the flight was for the other kind of token */
    call->state = BI_CALL_CHOOSING;
    leave_flight(call);
    return choose(call, input);
}

/* Other processes shall not have to ask: the end goes to the store, in the background where there is one. A flight that
 * is under way sees to it by itself. */
static bi_need bury(bi_call *call, const bi_input *input) {
    bi_account *account = call->account;
    leave_flight(call);
    if (account->has_store && !account->flight)
        call->flight = bi_flight_new(call->config, account, BI_TOKEN_NONE, input->now);
    if (!call->flight)
        return end(call);
    call->flight->quiet = true;
    call->background = true;
    call->exchange.wake = bi_time_add(input->now.mono, BURIAL);
    call->state = BI_CALL_BURYING;
    return BI_NEED_RENEW;
}

static bi_need end_grant(bi_call *call, const bi_input *input) {
    bi_account *account = call->account;
    bi_account_end(account, &call->failure);
    if (!call->config->on_revoked || !account->over.revoked || account->over_announced)
        return bury(call, input);
    account->over_announced = true;
    call->state = BI_CALL_ANNOUNCING;
    return BI_NEED_REVOKED;
}

/* revoke() went through: the grant is over by our own will. */
static bi_need end_own_grant(bi_call *call, const bi_input *input) {
    bi_failure why;
    bi_failure_init(&why);
    bi_failure_set(&why, BI_CODE_REVOKED,
                   "the grant was revoked in this process, by revoke(); ask the user to reconnect");
    why.revoked = true;
    if (call->account->grant_id)
        bi_failure_text(why.grant_id, sizeof why.grant_id, call->account->grant_id,
                        strlen(call->account->grant_id));
    bi_account_end(call->account, &why);
    call->account->over_announced = true;
    bi_failure_clear(&why);
    bi_failure_clear(&call->failure);
    return bury(call, input);
}

/* One refusal is met with another token. One more may be when that was the other kind's, as it was held: nothing has
 * been renewed for this call yet. */
static bool may_try_another_token(const bi_call *call) {
    bool is_other = !call->renewed && call->token != call->first_refused;
    return call->refusals == 0 || (call->refusals == 1 && is_other);
}

/* 401: the token is dropped (unless somebody renewed it meanwhile), and the call is made once more. */
static bi_need retry_with_another_token(bi_call *call, const bi_input *input) {
    if (call->refusals++ == 0)
        call->first_refused = call->token;
    call->renewed = false;
    if (call->token->serial == call->serial)
        bi_token_refuse(call->token);
    call->token = bi_account_token(call->account, call->endpoint.token, input->now);
    bool alive = bi_token_freshness(call->token, input->now) != BI_MISSING;
    if (!alive && !may_renew(call, false))
        return end(call); /* the refusal itself is the best message */
    bi_failure_clear(&call->failure);
    call->state = BI_CALL_CHOOSING;
    return choose(call, input);
}

static bi_need failed(bi_call *call, const bi_input *input) {
    bi_failure *failure = &call->failure;
    bi_failure_copy(failure, &call->exchange.failure);
    sign_failure(call);
    if (!call->account)
        return end(call);
    if (bi_failure_is(failure, BI_CODE_REVOKED) || bi_failure_is(failure, BI_CODE_NO_GRANT))
        return call->endpoint.ends_grant ? end_own_grant(call, input) : end_grant(call, input);
    if (bi_failure_is(failure, BI_CODE_TOKEN) && call->token && may_try_another_token(call))
        return retry_with_another_token(call, input);
    if (bi_failure_is(failure, BI_CODE_SCOPE) && !failure->required_scope[0] &&
        call->endpoint.scope) {
        bi_failure_text(failure->required_scope, sizeof failure->required_scope,
                        call->endpoint.scope, strlen(call->endpoint.scope));
        bi_bytes_add_format(&failure->message, " (%s)", call->endpoint.scope);
    }
    return end(call);
}

static bi_need exchange(bi_call *call, const bi_input *input) {
    bi_exchange_state at = call->exchange.state;
    bool idle = at != BI_EXCHANGE_SENDING && at != BI_EXCHANGE_AFTER;
    if (idle && call->account && bi_failure_is_set(&call->account->over))
        return end_over(call); /* somebody else was told so meanwhile */
    bi_need need = bi_exchange_step(&call->exchange, input);
    if (need != BI_NEED_DONE)
        return need;
    if (call->mcp && bi_mcp_advance(call->mcp, &call->exchange, &call->endpoint))
        return choose(call, input); /* with the next request of the conversation */
    if (bi_failure_is_set(&call->exchange.failure))
        return failed(call, input);
    return call->endpoint.ends_grant ? end_own_grant(call, input) : end(call);
}

static bi_need start(bi_call *call, const bi_input *input) {
    if (!call->exchange.deadline) {
        call->started = input->now.mono;
        call->exchange.deadline = bi_time_add(call->started, call->timeout);
        call->exchange.wake = call->exchange.deadline;
    }
    return choose(call, input);
}

/* The driver has the flight now: go on with the token in hand, or wait for the new one. */
static bi_need renewing(bi_call *call, const bi_input *input) {
    bool alive = bi_token_freshness(call->token, input->now) != BI_MISSING;
    if (call->background && alive && !bi_failure_is_set(&call->account->over))
        return use_renewed(call, input);
    call->exchange.wake = call->exchange.deadline;
    call->state = BI_CALL_JOINING;
    return joined(call, input);
}

bi_need bi_call_step(bi_call *call, const bi_input *input) {
    switch (call->state) {
    case BI_CALL_CHOOSING:
        return start(call, input);
    case BI_CALL_RENEWING:
        return renewing(call, input);
    case BI_CALL_JOINING:
        return joined(call, input);
    case BI_CALL_SENDING:
        return exchange(call, input);
    case BI_CALL_ANNOUNCING:
        return bury(call, input);
    case BI_CALL_BURYING:
        return end(call);
    case BI_CALL_ENDED:
        break;
    }
    return BI_NEED_DONE;
}

bool bi_call_is_cached(const bi_call *call) {
    return call->known && call->exchange.answer.status == 304;
}

const bi_bytes *bi_call_body(const bi_call *call) {
    return bi_call_is_cached(call) ? &call->known->body : &call->exchange.answer.body;
}

void bi_call_remember(bi_call *call, bool is_miss) {
    const char *target = bi_bytes_text(&call->target);
    if (is_miss)
        bi_cdn_forget(&call->config->cdn, target);
    else if (call->exchange.answer.status == 200)
        bi_cdn_keep(&call->config->cdn, target, &call->exchange.answer);
}

void bi_call_cancel(bi_call *call, const char *code, const char *what, const char *advice) {
    if (call->state == BI_CALL_ENDED)
        return;
    if (call->state >= BI_CALL_ANNOUNCING) { /* it has its outcome */
        end(call);
        return;
    }
    bool sending = call->state == BI_CALL_SENDING;
    bi_exchange_state at = call->exchange.state;
    if (sending && at == BI_EXCHANGE_AFTER && !bi_failure_is_set(&call->exchange.failure))
        return; /* it has its answer, and the next step ends it with that */
    bool on_the_wire = sending && (at == BI_EXCHANGE_SENDING || at == BI_EXCHANGE_AFTER);
    bool doubt = on_the_wire && call->exchange.safety != BI_SAFETY_READ;
    fail(call, code, false, what);
    bi_bytes_add_text(&call->failure.message, "; ");
    bi_bytes_add_text(&call->failure.message,
                      doubt ? "it may or may not have been done: look before sending it again"
                            : advice);
}
