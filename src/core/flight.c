/* The state machine of src/core/flight.h: its life, its steps and how it ends. What the tokens need is in flight_tokens.c,
 * what the store answers in flight_store.c. Without a store the states that concern one are passed over. */
#include "core/flight.h"

#include "core/flight_parts.h"
#include "core/memory.h"

#define PAUSE_MOST 10000 /* milliseconds between early renewals that fail */

/* --- Life ---------------------------------------------------------------------------------------------------------- */

bi_token *bi_flight_wanted(const bi_flight *flight) {
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
    flight->had = bi_token_freshness(bi_flight_wanted(flight), now);
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

bi_need bi_flight_go(bi_flight *flight, bi_flight_state state, bi_need need) {
    flight->state = state;
    return need;
}

/* --- Endings ------------------------------------------------------------------------------------------------------- */

bi_need bi_flight_leave(bi_flight *flight) {
    if (!flight->locked)
        return end(flight);
    flight->locked = false;
    return bi_flight_go(flight, BI_FLIGHT_UNLOCKING, BI_NEED_UNLOCK);
}

/* A renewal that came to nothing while the token still lives is not tried again with every call. */
void bi_flight_pause_renewals(bi_flight *flight, bi_now now) {
    int64_t pause = bi_flight_wanted(flight)->life / 30;
    flight->account->renewal_paused =
        bi_time_add(now.mono, pause < PAUSE_MOST ? pause : PAUSE_MOST);
}

bi_need bi_flight_fail(bi_flight *flight, bi_now now) {
    bi_flight_pause_renewals(flight, now);
    return bi_flight_leave(flight);
}

bi_need bi_flight_fail_with(bi_flight *flight, bi_now now, const char *code, const char *message) {
    bi_failure_clear(&flight->failure);
    bi_failure_set(&flight->failure, code, "%s", message);
    return bi_flight_fail(flight, now);
}

bi_need bi_flight_fail_without_memory(bi_flight *flight, bi_now now) {
    return bi_flight_fail_with(flight, now, BI_CODE_MEMORY, "not enough memory");
}

bi_need bi_flight_announce(bi_flight *flight) {
    bi_account *account = flight->account;
    bool tell = flight->config->on_revoked && account->over.revoked && !flight->quiet &&
                !account->over_announced;
    if (!tell)
        return bi_flight_leave(flight);
    account->over_announced = true;
    return bi_flight_go(flight, BI_FLIGHT_ANNOUNCING, BI_NEED_REVOKED);
}

bi_need bi_flight_lock(bi_flight *flight) {
    return bi_flight_go(flight, BI_FLIGHT_LOCKING, BI_NEED_LOCK);
}

bi_need bi_flight_load(bi_flight *flight) {
    bi_record_clear(&flight->record);
    return bi_flight_go(flight, BI_FLIGHT_LOADING, BI_NEED_LOAD);
}

bi_need bi_flight_save(bi_flight *flight, bi_flight_state state) {
    return bi_flight_go(flight, state, BI_NEED_SAVE);
}

/* The grant is over: other processes shall not have to ask. */
static bi_need bury(bi_flight *flight) {
    if (!flight->account->has_store)
        return bi_flight_announce(flight);
    flight->burying = true;
    return flight->locked ? bi_flight_load(flight) : bi_flight_lock(flight);
}

/* The failure is the grant's end: remember why, and tell once. */
bi_need bi_flight_end_grant(bi_flight *flight, bi_now now) {
    if (bi_failure_is(&flight->failure, BI_CODE_MEMORY))
        return bi_flight_fail(flight, now); /* the next call learns it again */
    bi_account_end(flight->account, &flight->failure);
    return bury(flight);
}

/* --- Steps --------------------------------------------------------------------------------------------------------- */

static bi_need begin(bi_flight *flight, const bi_input *input) {
    return flight->account->has_store ? bi_flight_load(flight) : bi_flight_plan(flight, input);
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
        return bi_flight_loaded(flight, input);
    case BI_FLIGHT_LOCKING:
        return bi_flight_locked(flight, input);
    case BI_FLIGHT_WAITING:
        return bi_flight_waited(flight, input->now);
    case BI_FLIGHT_REFRESHING:
    case BI_FLIGHT_MINTING:
        return bi_flight_exchange(flight, input);
    case BI_FLIGHT_MARKING:
    case BI_FLIGHT_KEEPING:
    case BI_FLIGHT_STORING:
    case BI_FLIGHT_UNMARKING:
    case BI_FLIGHT_BURYING:
        return bi_flight_saved(flight, input);
    case BI_FLIGHT_TELLING:
        return bi_flight_after_refresh(flight, input);
    case BI_FLIGHT_ANNOUNCING:
        return bi_flight_leave(flight);
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
