/* One struct for everything that can go wrong; the binding turns it into the Lua error object at one place.
 * Filled by the core and by the binding (for arguments); knows no transport. */
#ifndef BI_CORE_FAILURE_H
#define BI_CORE_FAILURE_H

#include "core/bytes.h"

#include <stdbool.h>
#include <stdint.h>

/* The codes that this client gives itself; any other comes from the service's `error` member. */
#define BI_CODE_MEMORY "memory" /* becomes Lua's own "not enough memory" */
#define BI_CODE_ARGUMENT "invalid_argument"
#define BI_CODE_CLOSED "closed"
#define BI_CODE_CANCELLED "cancelled"
#define BI_CODE_NETWORK "network"
#define BI_CODE_TIMEOUT "timeout"
#define BI_CODE_TLS "tls"
#define BI_CODE_PROXY "proxy"
#define BI_CODE_REDIRECT "redirect"
#define BI_CODE_HTTP "http_error"
#define BI_CODE_SERVER "server_error"
#define BI_CODE_RESPONSE "invalid_response"
#define BI_CODE_LARGE "too_large"
#define BI_CODE_UNKNOWN "outcome_unknown"
#define BI_CODE_REFRESH_UNKNOWN "refresh_outcome_unknown"
#define BI_CODE_STATE "state_mismatch"
#define BI_CODE_RATE "rate_limited"
#define BI_CODE_REVOKED "grant_revoked"
#define BI_CODE_NO_GRANT "grant_not_found"
#define BI_CODE_STORE "store"
#define BI_CODE_SCOPE "missing_scope"
#define BI_CODE_TOKEN "invalid_token"
#define BI_CODE_GRANT "invalid_grant"

typedef struct bi_failure {
    char code[64];            /* "" while there is no failure */
    bi_bytes message;         /* one sentence or two; the second says what to do */
    char required_scope[160]; /* "" when none */
    char request_id[128];
    char grant_id[128];
    char method[16];
    bi_bytes path;
    long status; /* 0 when no answer came */
    bool revoked;
    bool retryable;
    int64_t retry_after; /* milliseconds; -1 when the service named none */
    unsigned attempts;
    bi_bytes fields;          /* the answer's header lines as they came */
    bi_bytes body;            /* the first bytes of the answer's body, secrets removed */
    struct bi_failure *cause; /* owned; what led to this, or NULL */
} bi_failure;

#define BI_FAILURE_BODY_MAX 4096

void bi_failure_init(bi_failure *failure);
void bi_failure_clear(bi_failure *failure);

static inline bool bi_failure_is_set(const bi_failure *failure) {
    return failure->code[0] != '\0';
}

bool bi_failure_is(const bi_failure *failure, const char *code);

/* Whether the code says something that only this client can know. From a server it is a word like any other. */
bool bi_failure_is_own(const char *code);

/* Sets code and message (cut to their room; the rest of the struct is left). */
void bi_failure_set(bi_failure *failure, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Replaces `to` by a deep copy; without memory `to` becomes a BI_CODE_MEMORY failure. */
void bi_failure_copy(bi_failure *to, const bi_failure *from);

/* Makes `failure` the cause of a new failure with that code, which keeps status, ids, headers, body and attempts. */
void bi_failure_wrap(bi_failure *failure, const char *code, bool retryable, const char *message);

/* Copies text into one of the fixed arrays above, cut to its room. */
void bi_failure_text(char *to, size_t room, const char *text, size_t length);

#endif
