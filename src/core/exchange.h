/* One HTTP request until its answer counts: the gate, sending, judging, waiting, sending again. Does no I/O: it says
 * what it needs. Embedded in call.c and flight.c, which know why the request is made. */
#ifndef BI_CORE_EXCHANGE_H
#define BI_CORE_EXCHANGE_H

#include "core/account.h"
#include "core/clock.h"
#include "core/config.h"
#include "core/failure.h"
#include "core/wire.h"

#include <stdbool.h>
#include <stdint.h>

/* What a task wants of its driver before it can be stepped again. */
typedef enum bi_need {
    BI_NEED_DONE,    /* nothing more; look at its failure */
    BI_NEED_SEND,    /* send exchange->request, put the answer into exchange->answer, then step */
    BI_NEED_SLEEP,   /* step at exchange->wake or later */
    BI_NEED_BEFORE,  /* run on_request, then step */
    BI_NEED_AFTER,   /* run on_response, then step */
    BI_NEED_RENEW,   /* drive call->flight: in the background where there is one; then step */
    BI_NEED_JOIN,    /* step when call->flight has ended, or at exchange->wake */
    BI_NEED_TOKENS,  /* run on_tokens, then step */
    BI_NEED_REVOKED, /* run on_revoked, then step */
    BI_NEED_LOAD,    /* ask the store for the record; these four end with bi_flight_note */
    BI_NEED_LOCK,    /* try its lock, once */
    BI_NEED_SAVE,    /* swap bi_flight_record for the record that was loaded */
    BI_NEED_UNLOCK
} bi_need;

/* The inputs of a step that are not in the task: time and chance. */
typedef struct bi_input {
    bi_now now;
    double random; /* [0, 1) */
} bi_input;

typedef enum bi_exchange_state {
    BI_EXCHANGE_READY,
    BI_EXCHANGE_GATED, /* asleep behind a 429's gate or before the next try */
    BI_EXCHANGE_BEFORE,
    BI_EXCHANGE_SENDING,
    BI_EXCHANGE_AFTER,
    BI_EXCHANGE_ENDED
} bi_exchange_state;

struct bi_mcp;

typedef struct bi_exchange {
    bi_wire_request request;
    bi_wire_answer answer;
    const bi_config *config; /* borrowed from the task */
    bi_account *account;     /* borrowed from the task; NULL outside a grant */
    const char
        *shown_path; /* borrowed from the task: the path for errors, hooks and traces, no query */
    struct bi_mcp *mcp; /* borrowed from the task: whose answers these are; NULL: plain HTTP */
    bi_safety safety;
    bool wants_json; /* HTML in a 2xx is trouble on the way */
    bool is_public;  /* the answer's body: nothing in it needs to be wiped */
    unsigned max_retries;
    unsigned attempts;     /* sent so far */
    unsigned retries;      /* made so far, apart from replays */
    unsigned replays;      /* of a refresh whose answer was lost */
    bool lost;             /* a refresh was sent and nobody refused it: its token may be spent */
    int64_t replay_before; /* monotonic; when it was lost */
    int64_t deadline;      /* monotonic */
    int64_t wake;          /* for SLEEP, JOIN; while sending: the deadline */
    int64_t sent_at, took; /* of the last attempt, milliseconds */
    bi_exchange_state state;
    bool knows_request_id;
    char request_id[128]; /* of the answer, when it was looked for */
    bool again;           /* the last answer is one after which the request may be sent again */
    bi_failure failure;   /* of the last attempt; set when ENDED means failed */
} bi_exchange;

void bi_exchange_init(bi_exchange *exchange);
void bi_exchange_clear(bi_exchange *exchange);

/* Back to READY for another request of the same task; attempts go on counting. */
void bi_exchange_restart(bi_exchange *exchange);

/* DONE (ENDED; failure says how), SEND, SLEEP, BEFORE or AFTER. */
bi_need bi_exchange_step(bi_exchange *exchange, const bi_input *input);

/* While sending: whether the time is over. The driver asks after it drained the sockets, then gives up the transfer and
 * sets answer.trouble to BI_TROUBLE_TIMEOUT before the next step. */
static inline bool bi_exchange_is_late(const bi_exchange *exchange, bi_now now) {
    return now.mono >= exchange->deadline;
}

/* In judge.c: what an answer means. Fills exchange->failure unless it is a success; whether the request may be sent
 * again is returned. */
bool bi_judge(bi_exchange *exchange, bi_now now);

/* In judge.c: the id under which the service knows the answer, without secrets; "" when it gave none. Looked for once
 * an answer. Borrowed. */
const char *bi_exchange_request_id(bi_exchange *exchange);

/* In judge.c: makes an answer that looked like a success an `invalid_response`, because of what its body holds; where it
 * answers a write, an `outcome_unknown` because of that. */
void bi_reject(bi_exchange *exchange, const char *why);

#endif
