/* What a flight makes of the store's answers: the lock, the record as loaded, the swap won or lost. Called by flight.c. */
#include "core/flight_parts.h"

#define LOCK_FIRST 10 /* milliseconds between looks at a lock that another holds, doubling to 160 */
#define LOCK_DOUBLED 4
#define TURNS                                                                                      \
    5 /* whoever loses the swap that often while holding the lock has a store that is none */

/* bi_flight_note has filled in the failure. */
static bi_need fail_with_store(bi_flight *flight, bi_now now) {
    return flight->burying ? bi_flight_announce(flight) : bi_flight_fail(flight, now);
}

static bi_need wait_for_lock(bi_flight *flight, const bi_input *input) {
    bi_exchange *x = &flight->exchange;
    unsigned doubled = flight->tries < LOCK_DOUBLED ? flight->tries : LOCK_DOUBLED;
    flight->tries++;
    x->wake =
        bi_time_add(input->now.mono, (int64_t)((LOCK_FIRST << doubled) * (0.5 + input->random)));
    if (x->wake < x->deadline)
        return bi_flight_go(flight, BI_FLIGHT_WAITING, BI_NEED_SLEEP);
    if (flight->burying)
        return bi_flight_announce(flight);
    bi_failure_set(&flight->failure, BI_CODE_TIMEOUT,
                   "another process holds the lock of this grant's tokens and does not let it go; "
                   "try again, and see which one hangs");
    flight->failure.retryable = true;
    return bi_flight_fail(flight, input->now);
}

bi_need bi_flight_locked(bi_flight *flight, const bi_input *input) {
    if (flight->outcome == BI_STORE_FAILED)
        return fail_with_store(flight, input->now);
    if (flight->outcome == BI_STORE_NOT)
        return wait_for_lock(flight, input);
    flight->locked = true;
    /* The lease began while the store was asked, perhaps long ago: behind its end nothing may be sent. */
    int64_t lease = bi_time_add(flight->asked, BI_LOCK_TIME);
    int64_t deadline = bi_time_add(input->now.mono, BI_FLIGHT_TIME);
    flight->exchange.deadline = deadline < lease ? deadline : lease;
    return bi_flight_load(flight);
}

/* The winner may have renewed meanwhile: then there is nothing to wait for. */
bi_need bi_flight_waited(bi_flight *flight, bi_now now) {
    if (now.mono < flight->exchange.wake)
        return BI_NEED_SLEEP;
    return flight->burying ? bi_flight_lock(flight) : bi_flight_load(flight);
}

bi_need bi_flight_loaded(bi_flight *flight, const bi_input *input) {
    bi_account *account = flight->account;
    bi_record *record = flight->outcome == BI_STORE_DONE ? &flight->record : NULL;
    if (flight->outcome == BI_STORE_FAILED)
        return fail_with_store(flight, input->now);
    if (flight->burying)
        return record && bi_record_is_of(record, account)
                   ? bi_flight_save(flight, BI_FLIGHT_BURYING)
                   : bi_flight_announce(flight);
    if (!bi_record_adopt(record, account, input->now))
        return bi_flight_fail_without_memory(flight, input->now);
    if (bi_failure_is_set(&account->over)) {
        bi_failure_copy(&flight->failure, &account->over);
        return bi_flight_announce(flight);
    }
    if (flight->refused)
        return bi_flight_reread(flight, input);
    if (!flight->locked && (!bi_flight_is_satisfied(flight, input->now) || account->unsaved))
        return bi_flight_lock(flight);
    return bi_flight_settle(flight, input);
}

/* Another saved between our look and our swap: its record is looked at. */
static bi_need lost(bi_flight *flight, bi_now now) {
    if (++flight->turns < TURNS)
        return bi_flight_load(flight);
    return bi_flight_fail_with(
        flight, now, BI_CODE_STORE,
        "the store's record changes although its lock is held; check the store's lock()");
}

/* What could not be saved is held in memory, and the next renewal tries again: nothing is lost by going on. */
bi_need bi_flight_saved(bi_flight *flight, const bi_input *input) {
    bi_account *account = flight->account;
    bi_flight_state at = flight->state;
    if (flight->outcome == BI_STORE_DONE && at != BI_FLIGHT_BURYING) {
        account->unsaved = account->offered = false;
        account->base = bi_digest_of(&account->refresh);
    }
    if (at == BI_FLIGHT_BURYING)
        return bi_flight_announce(flight);
    if (at == BI_FLIGHT_UNMARKING)
        return bi_flight_fail(flight, input->now);
    if (flight->outcome == BI_STORE_NOT)
        return lost(flight, input->now);
    flight->marked = at == BI_FLIGHT_MARKING && flight->outcome == BI_STORE_DONE;
    if (at == BI_FLIGHT_MARKING)
        return flight->outcome == BI_STORE_FAILED ? fail_with_store(flight, input->now)
                                                  : bi_flight_begin_refresh(flight, input);
    if (flight->outcome == BI_STORE_FAILED) {
        bi_failure_clear(&flight->failure);
        bi_flight_pause_renewals(flight, input->now);
    }
    return at == BI_FLIGHT_KEEPING ? bi_flight_tell(flight, input) : bi_flight_leave(flight);
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
