/* What a flight does for its tokens: which of refresh and mint comes next, and what their answers mean. Rules: DESIGN.md
 * "Tokens"; API.md "Errors" and "What the authorization server's software does": only invalid_grant on a refresh says
 * that the grant is gone, and a mint's 401 leaves the decision to the refresh. Called by flight.c, flight_store.c. */
#include "core/flight_parts.h"
#include "core/renewal.h"

#include <string.h>

#define REREAD_AFTER 100 /* milliseconds: a refresh reply for which there was no memory */

/* The exchange's failure becomes the flight's. */
static bi_need fail_with_exchange(bi_flight *flight, bi_now now) {
    bi_failure_copy(&flight->failure, &flight->exchange.failure);
    return bi_flight_fail(flight, now);
}

static bi_need fail_without_refresh_token(bi_flight *flight, bi_now now) {
    bi_failure_clear(&flight->failure);
    bi_account_say_lack(flight->account, &flight->failure);
    return bi_flight_fail(flight, now);
}

bi_need bi_flight_begin_refresh(bi_flight *flight, const bi_input *input) {
    if (!bi_renewal_begin_refresh(&flight->exchange, &flight->path))
        return bi_flight_fail_without_memory(flight, input->now);
    flight->refreshed = true;
    flight->state = BI_FLIGHT_REFRESHING;
    return bi_flight_exchange(flight, input);
}

/* The record has tokens of another authorization than the options: until the service has accepted these, nobody knows
 * which of them is the newer one, and the record's may be the only ones that live. */
static bool would_displace(const bi_account *account) {
    return account->offered && bi_digest_is_set(&account->base);
}

/* A crash from here on leaves a record that says so: what is in it may be spent. */
static bi_need refresh(bi_flight *flight, const bi_input *input) {
    flight->tried = bi_digest_of(&flight->account->refresh);
    flight->doubt = flight->account->refresh_in_doubt;
    flight->marked = false;
    if (flight->account->has_store && !would_displace(flight->account))
        return bi_flight_save(flight, BI_FLIGHT_MARKING);
    return bi_flight_begin_refresh(flight, input);
}

static bi_need mint(bi_flight *flight, const bi_input *input) {
    if (!bi_renewal_begin_mint(&flight->exchange, &flight->path))
        return bi_flight_fail_without_memory(flight, input->now);
    flight->state = BI_FLIGHT_MINTING;
    return bi_flight_exchange(flight, input);
}

/* Whether the wanted token does, as it is now: a flight that began because it was stale wants a fresh one. */
bool bi_flight_is_satisfied(const bi_flight *flight, bi_now now) {
    return bi_token_freshness(bi_flight_wanted(flight), now) >=
           (flight->had == BI_STALE ? BI_FRESH : BI_STALE);
}

bi_need bi_flight_plan(bi_flight *flight, const bi_input *input) {
    bi_account *account = flight->account;
    bool mints = flight->kind == BI_TOKEN_INSTALLATION;
    bool can_refresh = bi_secret_is_set(&account->refresh);
    bi_freshness access = bi_token_freshness(&account->access, input->now);
    if (mints && access >= BI_STALE)
        return mint(flight, input);
    if (can_refresh && !flight->refreshed)
        return refresh(flight, input);
    if (mints && access == BI_EXPIRING)
        return mint(flight, input);
    if (can_refresh) /* what it brought does not live long enough to mint with, or was refused */
        return mints && bi_secret_is_set(&account->access.secret)
                   ? mint(flight, input)
                   : fail_with_exchange(flight, input->now);
    return fail_without_refresh_token(flight, input->now);
}

/* What is held is saved where that is due, and then used. */
bi_need bi_flight_settle(bi_flight *flight, const bi_input *input) {
    if (!bi_flight_is_satisfied(flight, input->now))
        return bi_flight_plan(flight, input);
    if (flight->account->unsaved && flight->locked)
        return bi_flight_save(flight, BI_FLIGHT_STORING);
    return bi_flight_leave(flight);
}

static bi_need reject(bi_flight *flight, const char *wrong, bi_now now) {
    if (strcmp(wrong, BI_CODE_MEMORY) == 0)
        return bi_flight_fail_without_memory(flight, now);
    bi_reject(&flight->exchange, wrong);
    return fail_with_exchange(flight, now);
}

/* The reply stays in the exchange, unread, and with it the new refresh token: it is read again a little later. */
static bi_need wait_for_memory(bi_flight *flight, bi_now now) {
    bi_exchange *x = &flight->exchange;
    x->wake = bi_time_add(now.mono, REREAD_AFTER);
    if (x->wake < x->deadline)
        return BI_NEED_SLEEP;
    flight->account->refresh_in_doubt = true;
    return bi_flight_fail_without_memory(flight, now);
}

bi_need bi_flight_after_refresh(bi_flight *flight, const bi_input *input) {
    if (flight->kind != BI_TOKEN_INSTALLATION)
        return bi_flight_leave(flight);
    if (!bi_secret_is_set(&flight->account->access.secret)) /* while it was saved and told */
        return bi_flight_fail_with(
            flight, input->now, BI_CODE_TOKEN,
            "the service refused the new access token as soon as it was used; try again, and ask "
            "the user to reconnect if it goes on");
    return mint(flight, input);
}

bi_need bi_flight_tell(bi_flight *flight, const bi_input *input) {
    if (!flight->config->on_tokens || !flight->untold)
        return bi_flight_after_refresh(flight, input);
    flight->untold = false;
    return bi_flight_go(flight, BI_FLIGHT_TELLING, BI_NEED_TOKENS);
}

static bi_need refreshed(bi_flight *flight, const bi_input *input) {
    const char *wrong = bi_renewal_take_refresh(&flight->exchange, input->now);
    if (wrong && strcmp(wrong, BI_CODE_MEMORY) == 0)
        return wait_for_memory(flight, input->now);
    if (wrong) {
        flight->account->refresh_in_doubt = true;
        return reject(flight, wrong, input->now);
    }
    flight->untold = true;
    return flight->account->has_store ? bi_flight_save(flight, BI_FLIGHT_KEEPING)
                                      : bi_flight_tell(flight, input);
}

/* invalid_grant on the token that the store has too. */
static bi_need conclude(bi_flight *flight, bi_now now) {
    bi_failure *failure = &flight->failure;
    flight->account->refresh_in_doubt = flight->doubt;
    if (flight->doubt) {
        bi_failure_wrap(
            failure, BI_CODE_REFRESH_UNKNOWN, true,
            "the service refuses the refresh token, but the answer to an earlier refresh with it "
            "was lost, so a newer one may exist; if this goes on, ask the user to reconnect");
        return bi_flight_fail(flight, now);
    }
    bi_failure_wrap(
        failure, BI_CODE_REVOKED, false,
        "the refresh token is dead, so the grant was revoked or has expired; ask the user to "
        "reconnect");
    failure->revoked = true;
    return bi_flight_end_grant(flight, now);
}

/* The store was read again: another process may have rotated, or the options have brought a token that is dead. */
bi_need bi_flight_reread(bi_flight *flight, const bi_input *input) {
    bi_digest now = bi_digest_of(&flight->account->refresh);
    flight->refused = false;
    if (!bi_digest_is_set(&now) || bi_digest_equal(&now, &flight->tried))
        return conclude(flight, input->now);
    bi_failure_clear(&flight->failure);
    flight->refreshed = false;
    return bi_flight_settle(flight, input);
}

static bi_need refused(bi_flight *flight, bi_now now) {
    if (!flight->account->has_store)
        return conclude(flight, now);
    flight->refused = true;
    flight->account->unsaved = false; /* whatever the store has is better */
    flight->account->offered = false;
    flight->account->base = (bi_digest){0};
    return bi_flight_load(flight);
}

static bi_need refresh_failed(bi_flight *flight, bi_now now) {
    bi_failure *failure = &flight->failure;
    bi_failure_copy(failure, &flight->exchange.failure);
    if (flight->exchange.lost)
        flight->doubt = flight->account->refresh_in_doubt = true;
    if (bi_failure_is(failure, BI_CODE_GRANT))
        return refused(flight, now);
    if (bi_failure_is(failure, BI_CODE_REVOKED) || bi_failure_is(failure, BI_CODE_NO_GRANT))
        return bi_flight_end_grant(flight, now);
    if (flight->exchange.lost && bi_failure_is(failure, BI_CODE_NETWORK))
        bi_failure_wrap(
            failure, BI_CODE_REFRESH_UNKNOWN, true,
            "the answer to a token refresh was lost, and its replay could not be sent; call again: tokens "
            "that still live go on serving, and another refresh is tried");
    if (flight->marked && !flight->account->refresh_in_doubt)
        return bi_flight_save(flight, BI_FLIGHT_UNMARKING);
    return bi_flight_fail(flight, now);
}

static bi_need minted(bi_flight *flight, const bi_input *input) {
    const char *wrong = bi_renewal_take_mint(&flight->exchange, input->now);
    if (wrong)
        return reject(flight, wrong, input->now);
    bool due = flight->account->keeps_installation || flight->account->unsaved;
    return flight->account->has_store && due ? bi_flight_save(flight, BI_FLIGHT_STORING)
                                             : bi_flight_leave(flight);
}

static bi_need mint_failed(bi_flight *flight, const bi_input *input) {
    const bi_failure *failure = &flight->exchange.failure;
    if (bi_failure_is(failure, BI_CODE_REVOKED) || bi_failure_is(failure, BI_CODE_NO_GRANT)) {
        bi_failure_copy(&flight->failure, failure);
        return bi_flight_end_grant(flight, input->now);
    }
    if (failure->status != 401)
        return fail_with_exchange(flight, input->now);
    bi_token_refuse(&flight->account->access);
    if (bi_secret_is_set(&flight->account->refresh) && !flight->refreshed)
        return refresh(flight, input);
    if (!bi_secret_is_set(&flight->account->refresh))
        return fail_without_refresh_token(flight, input->now);
    return fail_with_exchange(flight, input->now);
}

/* The exchange goes on until it has ended; what then depends on what it was for. */
bi_need bi_flight_exchange(bi_flight *flight, const bi_input *input) {
    bi_need need = bi_exchange_step(&flight->exchange, input);
    if (need != BI_NEED_DONE)
        return need;
    bool failed = bi_failure_is_set(&flight->exchange.failure);
    if (flight->state == BI_FLIGHT_REFRESHING)
        return failed ? refresh_failed(flight, input->now) : refreshed(flight, input);
    return failed ? mint_failed(flight, input) : minted(flight, input);
}
