/* One call of the client: token, send, read, retry, done. A state machine without I/O: bi_call_step says what it needs
 * next, a driver does that and steps again. Owned by the binding's userdata. */
#ifndef BI_CORE_CALL_H
#define BI_CORE_CALL_H

#include "core/account.h"
#include "core/cdn.h"
#include "core/config.h"
#include "core/exchange.h"
#include "core/flight.h"
#include "core/mcp.h"
#include "core/url.h"

typedef enum bi_call_state {
    BI_CALL_CHOOSING, /* a token, or the knowledge that none is needed */
    BI_CALL_RENEWING, /* the driver was told of the flight */
    BI_CALL_JOINING,
    BI_CALL_SENDING,
    BI_CALL_ANNOUNCING,
    BI_CALL_BURYING, /* the grant's end goes to the store */
    BI_CALL_ENDED
} bi_call_state;

typedef struct bi_call {
    bi_exchange exchange;
    bi_config *config;    /* held */
    bi_account *account;  /* held; NULL outside a grant: OAuth's own calls, the CDN */
    bi_endpoint endpoint; /* a copy of the row; client:request fills its own */
    bi_bytes target;      /* path and query */
    bi_bytes path;        /* without the query, for people */
    bi_bytes fields;      /* more header fields, each "Name: value" with a NUL behind it */
    bi_bytes body;        /* moved into the request */
    bool has_body;
    bi_cdn_file
        *known; /* held: the file of which the CDN is asked whether it has changed, or NULL */
    bool raw;   /* the caller takes the bytes: no Accept of ours, HTML is no trouble */
    bi_flight *flight; /* held while it is joined or to be driven; NULL otherwise */
    bool background;   /* RENEW: the token in hand still serves, so nobody needs to wait */
    bi_mcp *mcp;       /* owned; NULL but for a call to an MCP server */
    bi_call_state state;
    bi_token *token;   /* borrowed from the account: the one in use */
    unsigned serial;   /* of that token when it was used, or when a renewal was asked for */
    bool renewed;      /* a flight has brought the token: it is used, however short-lived */
    unsigned refusals; /* 401s that were met */
    const bi_token *first_refused; /* the account's token of that kind */
    bool deserted;                 /* the flight that it waited for was given up once */
    int64_t started;               /* monotonic; the first step */
    int64_t timeout;               /* milliseconds, from the start to the end */
    bi_failure failure;            /* set when it ended badly */
} bi_call;

/* For a row; the arguments are filled in by the binding before the first step. NULL: no memory. */
bi_call *bi_call_new(bi_config *config, bi_account *account, const bi_endpoint *endpoint);
void bi_call_free(bi_call *call); /* NULL is fine */

/* DONE, or any other need. */
bi_need bi_call_step(bi_call *call, const bi_input *input);

/* Ends it wherever it is, and says what happened and what to do: `advice`, unless a write was sent and may have been
 * done. A call that has its answer and only waits for on_response keeps it. */
void bi_call_cancel(bi_call *call, const char *code, const char *what, const char *advice);

/* Whether a success came without its body, because the one that is known still holds. */
bool bi_call_is_cached(const bi_call *call);

/* The body of a success: what came, or what is known. Borrowed. */
const bi_bytes *bi_call_body(const bi_call *call);

/* A success of the CDN's: keeps its body (the call has none any more) for the next call, or, when it is a
 * miss, forgets what was kept. */
void bi_call_remember(bi_call *call, bool is_miss);

static inline bool bi_call_has_ended(const bi_call *call) {
    return call->state == BI_CALL_ENDED;
}

#endif
