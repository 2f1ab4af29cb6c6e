/* The renewal of a grant's tokens: refresh, tell, mint. One flight an account at a time, whoever asked; it has its own
 * deadline and outlives the call that started it. A state machine without I/O, driven like a call. */
#ifndef BI_CORE_FLIGHT_H
#define BI_CORE_FLIGHT_H

#include "core/account.h"
#include "core/config.h"
#include "core/exchange.h"

#define BI_FLIGHT_TIME 15000 /* milliseconds from start to deadline */

typedef enum bi_flight_state {
    BI_FLIGHT_PLANNING,
    BI_FLIGHT_REFRESHING,
    BI_FLIGHT_TELLING,
    BI_FLIGHT_MINTING,
    BI_FLIGHT_ANNOUNCING,
    BI_FLIGHT_ENDED
} bi_flight_state;

typedef struct bi_flight {
    bi_exchange exchange;
    bi_config *config;   /* held */
    bi_account *account; /* held; account->flight points back until the end */
    bi_token_kind kind;  /* what is wanted: ACCESS or INSTALLATION */
    bi_flight_state state;
    bool refreshed; /* in this flight: a second refresh would gain nothing */
    bool quiet;     /* started by revoke(): on_revoked does not run */
    bi_bytes path;
    bi_failure failure; /* set when it ended without the token */
    unsigned references;
} bi_flight;

/* Becomes account->flight, which must be NULL. One reference; NULL: no memory. */
bi_flight *bi_flight_new(bi_config *config, bi_account *account, bi_token_kind kind, bi_now now);
bi_flight *bi_flight_hold(bi_flight *flight);

/* NULL is fine. */
void bi_flight_release(bi_flight *flight);

/* DONE, SEND, SLEEP, BEFORE, AFTER, TOKENS or REVOKED. */
bi_need bi_flight_step(bi_flight *flight, const bi_input *input);

/* Ends a flight that nobody will drive any more: who waits gets `cancelled`. */
void bi_flight_abandon(bi_flight *flight);

static inline bool bi_flight_has_ended(const bi_flight *flight) {
    return flight->state == BI_FLIGHT_ENDED;
}

/* A refresh is on the wire, or its reply not yet read: giving up now could lose a rotated token, so it is awaited. */
bool bi_flight_must_be_awaited(const bi_flight *flight);

#endif
