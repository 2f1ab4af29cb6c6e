/* The renewal of a grant's tokens: lock, look, refresh, save, tell, mint, save. One flight an account at a time, whoever
 * asked; it has its own deadline and outlives the call that started it. A state machine without I/O, driven like a call. */
#ifndef BI_CORE_FLIGHT_H
#define BI_CORE_FLIGHT_H

#include "core/account.h"
#include "core/config.h"
#include "core/exchange.h"
#include "core/record.h"

#define BI_FLIGHT_TIME 15000 /* milliseconds from start to deadline, and again from the lock */
#define BI_LOCK_TIME 30000   /* milliseconds: what the lock is taken for outlives the deadline */

typedef enum bi_flight_state {
    BI_FLIGHT_PLANNING,
    BI_FLIGHT_LOADING,
    BI_FLIGHT_LOCKING,
    BI_FLIGHT_WAITING, /* for whoever holds the lock */
    BI_FLIGHT_MARKING, /* the record says that a refresh is begun */
    BI_FLIGHT_REFRESHING,
    BI_FLIGHT_KEEPING, /* what the refresh brought goes to the store */
    BI_FLIGHT_TELLING,
    BI_FLIGHT_MINTING,
    BI_FLIGHT_STORING,   /* and what the mint brought */
    BI_FLIGHT_UNMARKING, /* a refresh was begun and surely not done */
    BI_FLIGHT_BURYING,   /* the record says that the grant is over */
    BI_FLIGHT_ANNOUNCING,
    BI_FLIGHT_UNLOCKING,
    BI_FLIGHT_ENDED
} bi_flight_state;

/* How the last thing that was asked of the store went. */
typedef enum bi_outcome {
    BI_STORE_DONE,
    BI_STORE_NOT, /* there is no record; another holds the lock; another saved meanwhile */
    BI_STORE_FAILED
} bi_outcome;

typedef struct bi_flight {
    bi_exchange exchange;
    bi_config *config;   /* held */
    bi_account *account; /* held; account->flight points back until the end */
    bi_token_kind
        kind; /* what is wanted: ACCESS or INSTALLATION; NONE: the grant's end is to be saved */
    bi_freshness had; /* of that token, when the flight began */
    bi_flight_state state;
    bool refreshed; /* in this flight: a second refresh would gain nothing */
    bool refused;   /* with invalid_grant: the store is asked whether it has another token */
    bool doubt;     /* account->refresh_in_doubt before this flight marked the record */
    bool marked;    /* the record says that a refresh is begun */
    bool untold;    /* on_tokens has not run for what the refresh brought */
    bool burying;
    bool locked;
    bool abandoned; /* who waited for it may begin another */
    bool quiet;     /* started by revoke(): on_revoked does not run */
    int64_t asked;  /* monotonic: when the last need was told */
    unsigned tries; /* for the lock */
    unsigned turns; /* after a swap that was lost */
    bi_digest tried;
    bi_record record;   /* as loaded */
    bi_outcome outcome; /* set by the functions below */
    bi_bytes path;
    bi_failure failure; /* set when it ended without the token */
    unsigned references;
} bi_flight;

/* Becomes account->flight, which must be NULL. One reference; NULL: no memory. */
bi_flight *bi_flight_new(bi_config *config, bi_account *account, bi_token_kind kind, bi_now now);
bi_flight *bi_flight_hold(bi_flight *flight);

/* NULL is fine. */
void bi_flight_release(bi_flight *flight);

/* DONE, SEND, SLEEP, BEFORE, AFTER, TOKENS, REVOKED, LOAD, LOCK, SAVE or UNLOCK. */
bi_need bi_flight_step(bi_flight *flight, const bi_input *input);

/* After LOAD, LOCK, SAVE and UNLOCK, before the next step. A record that was loaded is filled in first (flight->record);
 * `problem` is what the store said when it failed, without secrets, else NULL. */
void bi_flight_note(bi_flight *flight, bi_outcome outcome, const char *problem);

/* For SAVE: what is to be saved. False: no memory. */
bool bi_flight_record(const bi_flight *flight, bi_record *record, bi_now now);

/* Ends a flight that nobody will drive any more: who waits gets `cancelled`. */
void bi_flight_abandon(bi_flight *flight);

static inline bool bi_flight_has_ended(const bi_flight *flight) {
    return flight->state == BI_FLIGHT_ENDED;
}

/* A refresh is on the wire, or what it brought is not yet read, saved and told: giving up now could lose a rotated
 * token, so it is awaited. */
bool bi_flight_must_be_awaited(const bi_flight *flight);

#endif
