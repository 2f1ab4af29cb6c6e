/* How the parts of a flight call each other: flight.c, flight_tokens.c and flight_store.c, and nobody else. Each function
 * that returns a need has set the state that awaits its answer. */
#ifndef BI_CORE_FLIGHT_PARTS_H
#define BI_CORE_FLIGHT_PARTS_H

#include "core/flight.h"

/* --- flight.c ------------------------------------------------------------------------------------------------------ */

/* The token that the flight is for. */
bi_token *bi_flight_wanted(const bi_flight *flight);

bi_need bi_flight_go(bi_flight *flight, bi_flight_state state, bi_need need);
bi_need bi_flight_lock(bi_flight *flight);
bi_need bi_flight_load(bi_flight *flight);
bi_need bi_flight_save(bi_flight *flight, bi_flight_state state);

/* The ends: with what is held; telling of the grant's end first; with a failure. All let go of the lock. */
bi_need bi_flight_leave(bi_flight *flight);
bi_need bi_flight_announce(bi_flight *flight);
bi_need bi_flight_fail(bi_flight *flight, bi_now now);
bi_need bi_flight_fail_with(bi_flight *flight, bi_now now, const char *code, const char *message);
bi_need bi_flight_fail_without_memory(bi_flight *flight, bi_now now);
bi_need bi_flight_end_grant(bi_flight *flight, bi_now now);

void bi_flight_pause_renewals(bi_flight *flight, bi_now now);

/* --- flight_tokens.c ----------------------------------------------------------------------------------------------- */

bool bi_flight_is_satisfied(const bi_flight *flight, bi_now now);
bi_need bi_flight_plan(bi_flight *flight, const bi_input *input);
bi_need bi_flight_settle(bi_flight *flight, const bi_input *input);
bi_need bi_flight_reread(bi_flight *flight, const bi_input *input);
bi_need bi_flight_begin_refresh(bi_flight *flight, const bi_input *input);
bi_need bi_flight_exchange(bi_flight *flight, const bi_input *input);
bi_need bi_flight_tell(bi_flight *flight, const bi_input *input);
bi_need bi_flight_after_refresh(bi_flight *flight, const bi_input *input);

/* --- flight_store.c ------------------------------------------------------------------------------------------------ */

bi_need bi_flight_locked(bi_flight *flight, const bi_input *input);
bi_need bi_flight_waited(bi_flight *flight, bi_now now);
bi_need bi_flight_loaded(bi_flight *flight, const bi_input *input);
bi_need bi_flight_saved(bi_flight *flight, const bi_input *input);

#endif
