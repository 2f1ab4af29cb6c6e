/* The state machine of src/core/flight.h. Rules: DESIGN.md "Tokens"; API.md "Errors" and "What the authorization
 * server's software does": only invalid_grant on a refresh says that the grant is gone, and a mint's 401 leaves the
 * decision to the refresh. */
#include "core/flight.h"

#include "core/memory.h"
#include "core/reply.h"
#include "core/request.h"

#include <string.h>

#define PAUSE_MOST 10000 /* between early renewals that fail */
#define REREAD_AFTER 100 /* a refresh reply for which there was no memory */

bi_flight *bi_flight_new(bi_config *config, bi_account *account, bi_token_kind kind, bi_now now) {
    bi_flight *flight = bi_alloc(sizeof *flight);
    if (!flight)
        return NULL;
    bi_exchange_init(&flight->exchange);
    bi_failure_init(&flight->failure);
    flight->references = 1;
    flight->kind = kind;
    flight->config = bi_config_hold(config);
    flight->account = bi_account_hold(account);
    flight->exchange.config = config;
    flight->exchange.account = account;
    flight->exchange.wants_json = true;
    flight->exchange.deadline = bi_time_add(now.mono, BI_FLIGHT_TIME);
    account->flight = flight;
    return flight;
}

bi_flight *bi_flight_hold(bi_flight *flight) {
    flight->references++;
    return flight;
}

static bi_need end(bi_flight *flight) {
    if (flight->account->flight == flight)
        flight->account->flight = NULL;
    flight->state = BI_FLIGHT_ENDED;
    return BI_NEED_DONE;
}

void bi_flight_release(bi_flight *flight) {
    if (!flight || --flight->references > 0)
        return;
    end(flight);
    bi_exchange_clear(&flight->exchange);
    bi_failure_clear(&flight->failure);
    bi_bytes_clear(&flight->path);
    bi_account_release(flight->account);
    bi_config_release(flight->config);
    bi_free(flight);
}

/* A renewal that came to nothing while the token still lives is not tried again with every call. */
static void pause_renewals(bi_flight *flight, bi_now now) {
    const bi_token *token =
        flight->kind == BI_TOKEN_ACCESS ? &flight->account->access : &flight->account->installation;
    int64_t pause = token->life / 30;
    flight->account->renewal_paused =
        bi_time_add(now.mono, pause < PAUSE_MOST ? pause : PAUSE_MOST);
}

static bi_need fail(bi_flight *flight, bi_now now) {
    if (flight->state != BI_FLIGHT_ENDED)
        pause_renewals(flight, now);
    return end(flight);
}

/* The exchange's failure becomes the flight's. */
static bi_need fail_with_exchange(bi_flight *flight, bi_now now) {
    bi_failure_copy(&flight->failure, &flight->exchange.failure);
    return fail(flight, now);
}

static bi_need fail_without_memory(bi_flight *flight, bi_now now) {
    bi_failure_set(&flight->failure, BI_CODE_MEMORY, "not enough memory");
    return fail(flight, now);
}

/* The grant is over: remember why, and tell once. */
static bi_need end_grant(bi_flight *flight, bi_now now) {
    bi_account *account = flight->account;
    if (bi_failure_is(&flight->failure, BI_CODE_MEMORY))
        return fail(flight, now); /* the next call learns it again */
    bi_account_end(account, &flight->failure);
    bool tell = flight->config->on_revoked && account->over.revoked && !flight->quiet &&
                !account->over_announced;
    if (!tell)
        return end(flight);
    account->over_announced = true;
    flight->state = BI_FLIGHT_ANNOUNCING;
    return BI_NEED_REVOKED;
}

static void begin_request(bi_flight *flight, const bi_endpoint *row, bi_safety safety) {
    bi_exchange *x = &flight->exchange;
    bi_exchange_restart(x);
    x->attempts = 0; /* of this request: hooks and failures tell of it alone */
    x->safety = safety;
    x->max_retries = flight->config->max_retries;
    bi_bytes_reset(&flight->path);
    const char *grant = flight->account->grant_id ? flight->account->grant_id : "";
    bi_request_expand(&flight->path, row->path, &(bi_span){grant, strlen(grant)}, 1);
    x->shown_path = bi_bytes_text(&flight->path);
}

static bi_need refresh(bi_flight *flight, const bi_input *input) {
    bi_account *account = flight->account;
    begin_request(flight, &bi_endpoint_token, BI_SAFETY_REFRESH);
    bi_wire_request *request = &flight->exchange.request;
    const char *const pairs[] = {
        "grant_type", "refresh_token",    "refresh_token", account->refresh.text,
        "client_id",  account->client_id, "client_secret", account->client_secret.text,
        NULL};
    request->once = true; /* the engine may not replay it; the replay is decided in exchange.c */
    if (!bi_request_begin(request, flight->config, "POST", BI_HOST_DASHBOARD, &flight->path) ||
        !bi_request_form(request, pairs))
        return fail_without_memory(flight, input->now);
    flight->refreshed = true;
    flight->state = BI_FLIGHT_REFRESHING;
    return bi_flight_step(flight, input);
}

static bi_need mint(bi_flight *flight, const bi_input *input) {
    begin_request(flight, &bi_endpoint_mint, BI_SAFETY_READ);
    bi_wire_request *request = &flight->exchange.request;
    request->has_body = bi_request_wants_length("POST");
    if (!bi_request_begin(request, flight->config, "POST", BI_HOST_API, &flight->path) ||
        !bi_request_authorize(request, &flight->account->access.secret) ||
        !bi_request_default(request, "Accept", "application/json"))
        return fail_without_memory(flight, input->now);
    flight->state = BI_FLIGHT_MINTING;
    return bi_flight_step(flight, input);
}

static bi_need fail_without_refresh_token(bi_flight *flight, bi_now now) {
    bi_failure_set(
        &flight->failure, BI_CODE_TOKEN,
        "the access token is expired or was refused, and there is no refresh_token to renew it; "
        "ask the user to reconnect with the scope offline_access");
    return fail(flight, now);
}

static bi_need plan(bi_flight *flight, const bi_input *input) {
    bi_account *account = flight->account;
    bool mints = flight->kind == BI_TOKEN_INSTALLATION;
    bool can_refresh = bi_secret_is_set(&account->refresh);
    bi_freshness access = bi_token_freshness(&account->access, input->now);
    if (mints && access >= BI_STALE)
        return mint(flight, input);
    if (can_refresh)
        return refresh(flight, input);
    if (mints && access == BI_EXPIRING)
        return mint(flight, input);
    return fail_without_refresh_token(flight, input->now);
}

static bool adopt_text(char **to, const char *text) {
    if (*to || !text[0])
        return true;
    *to = bi_copy(text, strlen(text));
    return *to != NULL;
}

/* Moves a list that the reply knew into the account. */
static void adopt_names(bi_names *to, bi_names *from) {
    if (!from->known)
        return;
    bi_names_clear(to);
    *to = *from;
    *from = (bi_names){0};
}

static void adopt_refresh_reply(bi_account *account, bi_token_reply *reply, bi_now now) {
    bi_token_take(&account->access, &reply->access_token, reply->lifetime, now);
    if (bi_secret_is_set(&reply->refresh_token)) /* absent: the old one stays good */
        bi_secret_move(&account->refresh, &reply->refresh_token);
    account->refresh_in_doubt = false;
    account->renewal_paused = 0;
    adopt_names(&account->scopes, &reply->scopes);
}

static bi_need reject(bi_flight *flight, const char *wrong, bi_now now) {
    if (strcmp(wrong, BI_CODE_MEMORY) == 0)
        return fail_without_memory(flight, now);
    bi_reject(&flight->exchange, wrong);
    return fail_with_exchange(flight, now);
}

static bi_need after_refresh(bi_flight *flight, const bi_input *input) {
    if (flight->kind == BI_TOKEN_INSTALLATION)
        return mint(flight, input);
    return end(flight);
}

/* The reply stays in the exchange, unread, and with it the new refresh token: it is read again a little later. */
static bi_need wait_for_memory(bi_flight *flight, bi_now now) {
    bi_exchange *x = &flight->exchange;
    x->wake = bi_time_add(now.mono, REREAD_AFTER);
    if (x->wake < x->deadline)
        return BI_NEED_SLEEP;
    flight->account->refresh_in_doubt = true;
    return fail_without_memory(flight, now);
}

static bi_need refreshed(bi_flight *flight, const bi_input *input) {
    bi_account *account = flight->account;
    bi_token_reply reply = {0};
    const char *wrong = bi_token_reply_read(&reply, &flight->exchange.answer.body, input->now);
    if (!wrong && !bi_secret_is_set(&reply.access_token))
        wrong = "it holds no access_token";
    if (!wrong && !adopt_text(&account->grant_id, reply.grant_id))
        wrong = BI_CODE_MEMORY;
    if (wrong) {
        bi_token_reply_clear(&reply);
        if (strcmp(wrong, BI_CODE_MEMORY) == 0)
            return wait_for_memory(flight, input->now);
        account->refresh_in_doubt = true;
        return reject(flight, wrong, input->now);
    }
    adopt_refresh_reply(account, &reply, input->now);
    bi_token_reply_clear(&reply);
    if (!flight->config->on_tokens)
        return after_refresh(flight, input);
    flight->state = BI_FLIGHT_TELLING;
    return BI_NEED_TOKENS;
}

static bi_need refresh_failed(bi_flight *flight, bi_now now) {
    bi_failure *failure = &flight->failure;
    bi_failure_copy(failure, &flight->exchange.failure);
    if (flight->exchange.lost)
        flight->account->refresh_in_doubt = true;
    if (bi_failure_is(failure, BI_CODE_GRANT)) {
        if (flight->account->refresh_in_doubt) {
            bi_failure_wrap(
                failure, BI_CODE_REFRESH_UNKNOWN, true,
                "the service refuses the refresh token, but the answer to an earlier refresh with it "
                "was lost, so a newer one may exist; if this goes on, ask the user to reconnect");
            return fail(flight, now);
        }
        bi_failure_wrap(
            failure, BI_CODE_REVOKED, false,
            "the refresh token is dead, so the grant was revoked or has expired; ask the user to "
            "reconnect");
        failure->revoked = true;
        return end_grant(flight, now);
    }
    if (bi_failure_is(failure, BI_CODE_REVOKED) || bi_failure_is(failure, BI_CODE_NO_GRANT))
        return end_grant(flight, now);
    if (flight->exchange.lost && bi_failure_is(failure, BI_CODE_NETWORK))
        bi_failure_wrap(
            failure, BI_CODE_REFRESH_UNKNOWN, true,
            "the answer to a token refresh was lost, and its replay could not be sent; tokens that still "
            "live go on serving, the next call that needs a new one tries again");
    return fail(flight, now);
}

static bi_need minted(bi_flight *flight, const bi_input *input) {
    bi_account *account = flight->account;
    bi_token_reply reply = {0};
    const char *wrong = bi_token_reply_read(&reply, &flight->exchange.answer.body, input->now);
    if (!wrong && !bi_secret_is_set(&reply.installation_token))
        wrong = "it holds no installation_token";
    if (!wrong && !adopt_text(&account->organization_id, reply.organization_id))
        wrong = BI_CODE_MEMORY;
    if (!wrong) {
        bi_token_take(&account->installation, &reply.installation_token, reply.lifetime,
                      input->now);
        adopt_names(&account->scopes, &reply.scopes);
        adopt_names(&account->projects, &reply.projects);
        account->renewal_paused = 0;
    }
    bi_token_reply_clear(&reply);
    return wrong ? reject(flight, wrong, input->now) : end(flight);
}

static bi_need mint_failed(bi_flight *flight, const bi_input *input) {
    const bi_failure *failure = &flight->exchange.failure;
    if (bi_failure_is(failure, BI_CODE_REVOKED) || bi_failure_is(failure, BI_CODE_NO_GRANT)) {
        bi_failure_copy(&flight->failure, failure);
        return end_grant(flight, input->now);
    }
    if (failure->status != 401)
        return fail_with_exchange(flight, input->now);
    bi_token_clear(&flight->account->access);
    if (bi_secret_is_set(&flight->account->refresh) && !flight->refreshed)
        return refresh(flight, input);
    if (!bi_secret_is_set(&flight->account->refresh))
        return fail_without_refresh_token(flight, input->now);
    return fail_with_exchange(flight, input->now);
}

/* The exchange goes on until it has ended; what then depends on what it was for. */
static bi_need exchange(bi_flight *flight, const bi_input *input) {
    bi_need need = bi_exchange_step(&flight->exchange, input);
    if (need != BI_NEED_DONE)
        return need;
    bool failed = bi_failure_is_set(&flight->exchange.failure);
    if (flight->state == BI_FLIGHT_REFRESHING)
        return failed ? refresh_failed(flight, input->now) : refreshed(flight, input);
    return failed ? mint_failed(flight, input) : minted(flight, input);
}

bi_need bi_flight_step(bi_flight *flight, const bi_input *input) {
    if (bi_failure_is_set(&flight->account->over) && flight->state < BI_FLIGHT_ANNOUNCING) {
        bi_failure_copy(&flight->failure,
                        &flight->account->over); /* a call was told so meanwhile */
        return end(flight);
    }
    switch (flight->state) {
    case BI_FLIGHT_PLANNING:
        return plan(flight, input);
    case BI_FLIGHT_REFRESHING:
    case BI_FLIGHT_MINTING:
        return exchange(flight, input);
    case BI_FLIGHT_TELLING:
        return after_refresh(flight, input);
    case BI_FLIGHT_ANNOUNCING:
        return end(flight);
    case BI_FLIGHT_ENDED:
        break;
    }
    return BI_NEED_DONE;
}

void bi_flight_abandon(bi_flight *flight) {
    if (flight->state == BI_FLIGHT_ENDED)
        return;
    if (bi_flight_must_be_awaited(flight) || flight->exchange.lost)
        flight->account->refresh_in_doubt = true;
    bi_failure_set(&flight->failure, BI_CODE_CANCELLED, "the renewal of the tokens was given up");
    end(flight);
}

bool bi_flight_must_be_awaited(const bi_flight *flight) {
    const bi_exchange *x = &flight->exchange;
    bool unread = x->state >= BI_EXCHANGE_AFTER && !bi_failure_is_set(&x->failure);
    return flight->state == BI_FLIGHT_REFRESHING && (x->state == BI_EXCHANGE_SENDING || unread);
}
