/* The state machine of src/core/flight.h. Rules: DESIGN.md "Tokens"; API.md "Errors" and "What the authorization
 * server's software does": only invalid_grant on a refresh says that the grant is gone, and a mint's 401 leaves the
 * decision to the refresh. Without a store the states that concern one are passed over. */
#include "core/flight.h"

#include "core/memory.h"
#include "core/renewal.h"

#include <string.h>

#define PAUSE_MOST 10000 /* between early renewals that fail */
#define REREAD_AFTER 100 /* a refresh reply for which there was no memory */
#define LOCK_FIRST 10    /* between looks at a lock that another holds, doubling to 160 */
#define LOCK_DOUBLED 4
#define TURNS                                                                                      \
    5 /* whoever loses the swap that often while holding the lock has a store that is none */

/* --- Life ---------------------------------------------------------------------------------------------------------- */

static bi_token *wanted(const bi_flight *flight) {
    return flight->kind == BI_TOKEN_ACCESS ? &flight->account->access
                                           : &flight->account->installation;
}

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
    flight->had = bi_token_freshness(wanted(flight), now);
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
    bi_record_clear(&flight->record);
    bi_bytes_clear(&flight->path);
    bi_account_release(flight->account);
    bi_config_release(flight->config);
    bi_free(flight);
}

static bi_need go(bi_flight *flight, bi_flight_state state, bi_need need) {
    flight->state = state;
    return need;
}

/* --- Endings ------------------------------------------------------------------------------------------------------- */

static bi_need leave(bi_flight *flight) {
    if (!flight->locked)
        return end(flight);
    flight->locked = false;
    return go(flight, BI_FLIGHT_UNLOCKING, BI_NEED_UNLOCK);
}

/* A renewal that came to nothing while the token still lives is not tried again with every call. */
static void pause_renewals(bi_flight *flight, bi_now now) {
    int64_t pause = wanted(flight)->life / 30;
    flight->account->renewal_paused =
        bi_time_add(now.mono, pause < PAUSE_MOST ? pause : PAUSE_MOST);
}

static bi_need fail(bi_flight *flight, bi_now now) {
    pause_renewals(flight, now);
    return leave(flight);
}

static bi_need fail_with(bi_flight *flight, bi_now now, const char *code, const char *message) {
    bi_failure_clear(&flight->failure);
    bi_failure_set(&flight->failure, code, "%s", message);
    return fail(flight, now);
}

static bi_need fail_without_memory(bi_flight *flight, bi_now now) {
    return fail_with(flight, now, BI_CODE_MEMORY, "not enough memory");
}

/* The exchange's failure becomes the flight's. */
static bi_need fail_with_exchange(bi_flight *flight, bi_now now) {
    bi_failure_copy(&flight->failure, &flight->exchange.failure);
    return fail(flight, now);
}

static bi_need fail_without_refresh_token(bi_flight *flight, bi_now now) {
    return fail_with(
        flight, now, BI_CODE_TOKEN,
        "the access token is expired or was refused, and there is no refresh_token to renew it; "
        "ask the user to reconnect with the scope offline_access");
}

static bi_need announce(bi_flight *flight) {
    bi_account *account = flight->account;
    bool tell = flight->config->on_revoked && account->over.revoked && !flight->quiet &&
                !account->over_announced;
    if (!tell)
        return leave(flight);
    account->over_announced = true;
    return go(flight, BI_FLIGHT_ANNOUNCING, BI_NEED_REVOKED);
}

static bi_need lock(bi_flight *flight) {
    return go(flight, BI_FLIGHT_LOCKING, BI_NEED_LOCK);
}

static bi_need load(bi_flight *flight) {
    bi_record_clear(&flight->record);
    return go(flight, BI_FLIGHT_LOADING, BI_NEED_LOAD);
}

static bi_need save(bi_flight *flight, bi_flight_state state) {
    return go(flight, state, BI_NEED_SAVE);
}

/* The grant is over: other processes shall not have to ask. */
static bi_need bury(bi_flight *flight) {
    if (!flight->account->has_store)
        return announce(flight);
    flight->burying = true;
    return flight->locked ? load(flight) : lock(flight);
}

/* The failure is the grant's end: remember why, and tell once. */
static bi_need end_grant(bi_flight *flight, bi_now now) {
    if (bi_failure_is(&flight->failure, BI_CODE_MEMORY))
        return fail(flight, now); /* the next call learns it again */
    bi_account_end(flight->account, &flight->failure);
    return bury(flight);
}

/* --- Refresh and mint ---------------------------------------------------------------------------------------------- */

static bi_need exchange(bi_flight *flight, const bi_input *input);

static bi_need begin_refresh(bi_flight *flight, const bi_input *input) {
    if (!bi_renewal_begin_refresh(&flight->exchange, &flight->path))
        return fail_without_memory(flight, input->now);
    flight->refreshed = true;
    flight->state = BI_FLIGHT_REFRESHING;
    return exchange(flight, input);
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
        return save(flight, BI_FLIGHT_MARKING);
    return begin_refresh(flight, input);
}

static bi_need mint(bi_flight *flight, const bi_input *input) {
    if (!bi_renewal_begin_mint(&flight->exchange, &flight->path))
        return fail_without_memory(flight, input->now);
    flight->state = BI_FLIGHT_MINTING;
    return exchange(flight, input);
}

/* Whether the wanted token does, as it is now: a flight that began because it was stale wants a fresh one. */
static bool is_satisfied(const bi_flight *flight, bi_now now) {
    return bi_token_freshness(wanted(flight), now) >=
           (flight->had == BI_STALE ? BI_FRESH : BI_STALE);
}

static bi_need plan(bi_flight *flight, const bi_input *input) {
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
static bi_need settle(bi_flight *flight, const bi_input *input) {
    if (!is_satisfied(flight, input->now))
        return plan(flight, input);
    if (flight->account->unsaved && flight->locked)
        return save(flight, BI_FLIGHT_STORING);
    return leave(flight);
}

static bi_need reject(bi_flight *flight, const char *wrong, bi_now now) {
    if (strcmp(wrong, BI_CODE_MEMORY) == 0)
        return fail_without_memory(flight, now);
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
    return fail_without_memory(flight, now);
}

static bi_need after_refresh(bi_flight *flight, const bi_input *input) {
    if (flight->kind != BI_TOKEN_INSTALLATION)
        return leave(flight);
    if (!bi_secret_is_set(&flight->account->access.secret)) /* while it was saved and told */
        return fail_with(flight, input->now, BI_CODE_TOKEN,
                         "the service refused the new access token as soon as it was used");
    return mint(flight, input);
}

static bi_need tell(bi_flight *flight, const bi_input *input) {
    if (!flight->config->on_tokens || !flight->untold)
        return after_refresh(flight, input);
    flight->untold = false;
    return go(flight, BI_FLIGHT_TELLING, BI_NEED_TOKENS);
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
    return flight->account->has_store ? save(flight, BI_FLIGHT_KEEPING) : tell(flight, input);
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
        return fail(flight, now);
    }
    bi_failure_wrap(
        failure, BI_CODE_REVOKED, false,
        "the refresh token is dead, so the grant was revoked or has expired; ask the user to "
        "reconnect");
    failure->revoked = true;
    return end_grant(flight, now);
}

/* The store was read again: another process may have rotated, or the options have brought a token that is dead. */
static bi_need reread(bi_flight *flight, const bi_input *input) {
    bi_digest now = bi_digest_of(&flight->account->refresh);
    flight->refused = false;
    if (!bi_digest_is_set(&now) || bi_digest_equal(&now, &flight->tried))
        return conclude(flight, input->now);
    bi_failure_clear(&flight->failure);
    flight->refreshed = false;
    return settle(flight, input);
}

static bi_need refused(bi_flight *flight, bi_now now) {
    if (!flight->account->has_store)
        return conclude(flight, now);
    flight->refused = true;
    flight->account->unsaved = false; /* whatever the store has is better */
    flight->account->offered = false;
    flight->account->base = (bi_digest){0};
    return load(flight);
}

static bi_need refresh_failed(bi_flight *flight, bi_now now) {
    bi_failure *failure = &flight->failure;
    bi_failure_copy(failure, &flight->exchange.failure);
    if (flight->exchange.lost)
        flight->doubt = flight->account->refresh_in_doubt = true;
    if (bi_failure_is(failure, BI_CODE_GRANT))
        return refused(flight, now);
    if (bi_failure_is(failure, BI_CODE_REVOKED) || bi_failure_is(failure, BI_CODE_NO_GRANT))
        return end_grant(flight, now);
    if (flight->exchange.lost && bi_failure_is(failure, BI_CODE_NETWORK))
        bi_failure_wrap(
            failure, BI_CODE_REFRESH_UNKNOWN, true,
            "the answer to a token refresh was lost, and its replay could not be sent; call again: tokens "
            "that still live go on serving, and another refresh is tried");
    if (flight->marked && !flight->account->refresh_in_doubt)
        return save(flight, BI_FLIGHT_UNMARKING);
    return fail(flight, now);
}

static bi_need minted(bi_flight *flight, const bi_input *input) {
    const char *wrong = bi_renewal_take_mint(&flight->exchange, input->now);
    if (wrong)
        return reject(flight, wrong, input->now);
    bool due = flight->account->keeps_installation || flight->account->unsaved;
    return flight->account->has_store && due ? save(flight, BI_FLIGHT_STORING) : leave(flight);
}

static bi_need mint_failed(bi_flight *flight, const bi_input *input) {
    const bi_failure *failure = &flight->exchange.failure;
    if (bi_failure_is(failure, BI_CODE_REVOKED) || bi_failure_is(failure, BI_CODE_NO_GRANT)) {
        bi_failure_copy(&flight->failure, failure);
        return end_grant(flight, input->now);
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
static bi_need exchange(bi_flight *flight, const bi_input *input) {
    bi_need need = bi_exchange_step(&flight->exchange, input);
    if (need != BI_NEED_DONE)
        return need;
    bool failed = bi_failure_is_set(&flight->exchange.failure);
    if (flight->state == BI_FLIGHT_REFRESHING)
        return failed ? refresh_failed(flight, input->now) : refreshed(flight, input);
    return failed ? mint_failed(flight, input) : minted(flight, input);
}

/* --- The store ----------------------------------------------------------------------------------------------------- */

/* bi_flight_note has filled in the failure. */
static bi_need fail_with_store(bi_flight *flight, bi_now now) {
    return flight->burying ? announce(flight) : fail(flight, now);
}

static bi_need wait_for_lock(bi_flight *flight, const bi_input *input) {
    bi_exchange *x = &flight->exchange;
    unsigned doubled = flight->tries < LOCK_DOUBLED ? flight->tries : LOCK_DOUBLED;
    flight->tries++;
    x->wake =
        bi_time_add(input->now.mono, (int64_t)((LOCK_FIRST << doubled) * (0.5 + input->random)));
    if (x->wake < x->deadline)
        return go(flight, BI_FLIGHT_WAITING, BI_NEED_SLEEP);
    if (flight->burying)
        return announce(flight);
    bi_failure_set(&flight->failure, BI_CODE_TIMEOUT,
                   "another process holds the lock of this grant's tokens and does not let it go; "
                   "try again, and see which one hangs");
    flight->failure.retryable = true;
    return fail(flight, input->now);
}

static bi_need locked(bi_flight *flight, const bi_input *input) {
    if (flight->outcome == BI_STORE_FAILED)
        return fail_with_store(flight, input->now);
    if (flight->outcome == BI_STORE_NOT)
        return wait_for_lock(flight, input);
    flight->locked = true;
    /* The lease began while the store was asked, perhaps long ago: behind its end nothing may be sent. */
    int64_t lease = bi_time_add(flight->asked, BI_LOCK_TIME);
    int64_t deadline = bi_time_add(input->now.mono, BI_FLIGHT_TIME);
    flight->exchange.deadline = deadline < lease ? deadline : lease;
    return load(flight);
}

/* The winner may have renewed meanwhile: then there is nothing to wait for. */
static bi_need waited(bi_flight *flight, bi_now now) {
    if (now.mono < flight->exchange.wake)
        return BI_NEED_SLEEP;
    return flight->burying ? lock(flight) : load(flight);
}

static bi_need loaded(bi_flight *flight, const bi_input *input) {
    bi_account *account = flight->account;
    bi_record *record = flight->outcome == BI_STORE_DONE ? &flight->record : NULL;
    if (flight->outcome == BI_STORE_FAILED)
        return fail_with_store(flight, input->now);
    if (flight->burying)
        return record && bi_record_is_of(record, account) ? save(flight, BI_FLIGHT_BURYING)
                                                          : announce(flight);
    if (!bi_record_adopt(record, account, input->now))
        return fail_without_memory(flight, input->now);
    if (bi_failure_is_set(&account->over)) {
        bi_failure_copy(&flight->failure, &account->over);
        return announce(flight);
    }
    if (flight->refused)
        return reread(flight, input);
    if (!flight->locked && (!is_satisfied(flight, input->now) || account->unsaved))
        return lock(flight);
    return settle(flight, input);
}

/* Another saved between our look and our swap: its record is looked at. */
static bi_need lost(bi_flight *flight, bi_now now) {
    if (++flight->turns < TURNS)
        return load(flight);
    return fail_with(
        flight, now, BI_CODE_STORE,
        "the store's record changes although its lock is held; check the store's lock()");
}

/* What could not be saved is held in memory, and the next renewal tries again: nothing is lost by going on. */
static bi_need saved(bi_flight *flight, const bi_input *input) {
    bi_account *account = flight->account;
    bi_flight_state at = flight->state;
    if (flight->outcome == BI_STORE_DONE && at != BI_FLIGHT_BURYING) {
        account->unsaved = account->offered = false;
        account->base = bi_digest_of(&account->refresh);
    }
    if (at == BI_FLIGHT_BURYING)
        return announce(flight);
    if (at == BI_FLIGHT_UNMARKING)
        return fail(flight, input->now);
    if (flight->outcome == BI_STORE_NOT)
        return lost(flight, input->now);
    flight->marked = at == BI_FLIGHT_MARKING && flight->outcome == BI_STORE_DONE;
    if (at == BI_FLIGHT_MARKING)
        return flight->outcome == BI_STORE_FAILED ? fail_with_store(flight, input->now)
                                                  : begin_refresh(flight, input);
    if (flight->outcome == BI_STORE_FAILED) {
        bi_failure_clear(&flight->failure);
        pause_renewals(flight, input->now);
    }
    return at == BI_FLIGHT_KEEPING ? tell(flight, input) : leave(flight);
}

void bi_flight_note(bi_flight *flight, bi_outcome outcome, const char *problem) {
    flight->outcome = outcome;
    if (outcome != BI_STORE_FAILED || flight->state == BI_FLIGHT_UNMARKING || flight->burying)
        return;
    bi_failure_clear(&flight->failure);
    bi_failure_set(&flight->failure, BI_CODE_STORE, "%s",
                   problem ? problem : "the store failed; see that it can be reached");
}

bool bi_flight_record(const bi_flight *flight, bi_record *record, bi_now now) {
    return bi_record_take(record, flight->account, flight->state == BI_FLIGHT_MARKING, now);
}

/* --- Steps --------------------------------------------------------------------------------------------------------- */

static bi_need begin(bi_flight *flight, const bi_input *input) {
    return flight->account->has_store ? load(flight) : plan(flight, input);
}

/* A call was told so meanwhile, or began this flight because of it. */
static bi_need over(bi_flight *flight) {
    bi_failure_copy(&flight->failure, &flight->account->over);
    flight->quiet = true; /* the call tells it */
    return bury(flight);
}

static bi_need step(bi_flight *flight, const bi_input *input) {
    if (bi_failure_is_set(&flight->account->over) && !flight->burying &&
        flight->state < BI_FLIGHT_BURYING)
        return over(flight);
    switch (flight->state) {
    case BI_FLIGHT_PLANNING:
        return begin(flight, input);
    case BI_FLIGHT_LOADING:
        return loaded(flight, input);
    case BI_FLIGHT_LOCKING:
        return locked(flight, input);
    case BI_FLIGHT_WAITING:
        return waited(flight, input->now);
    case BI_FLIGHT_REFRESHING:
    case BI_FLIGHT_MINTING:
        return exchange(flight, input);
    case BI_FLIGHT_MARKING:
    case BI_FLIGHT_KEEPING:
    case BI_FLIGHT_STORING:
    case BI_FLIGHT_UNMARKING:
    case BI_FLIGHT_BURYING:
        return saved(flight, input);
    case BI_FLIGHT_TELLING:
        return after_refresh(flight, input);
    case BI_FLIGHT_ANNOUNCING:
        return leave(flight);
    case BI_FLIGHT_UNLOCKING:
        return end(flight);
    case BI_FLIGHT_ENDED:
        break;
    }
    return BI_NEED_DONE;
}

bi_need bi_flight_step(bi_flight *flight, const bi_input *input) {
    bi_need need = step(flight, input);
    flight->asked = input->now.mono;
    return need;
}

void bi_flight_abandon(bi_flight *flight) {
    if (flight->state == BI_FLIGHT_ENDED)
        return;
    bool unread = flight->state == BI_FLIGHT_REFRESHING && bi_flight_must_be_awaited(flight);
    if (unread || flight->exchange.lost)
        flight->account->refresh_in_doubt = true;
    flight->abandoned = true;
    bi_failure_set(&flight->failure, BI_CODE_CANCELLED,
                   "the renewal of the tokens was given up; make the call again");
    end(flight);
}

bool bi_flight_must_be_awaited(const bi_flight *flight) {
    const bi_exchange *x = &flight->exchange;
    bool unread = x->state >= BI_EXCHANGE_AFTER && !bi_failure_is_set(&x->failure);
    bool refreshing =
        flight->state == BI_FLIGHT_REFRESHING && (x->state == BI_EXCHANGE_SENDING || unread);
    return refreshing || flight->state == BI_FLIGHT_KEEPING || flight->state == BI_FLIGHT_TELLING;
}
