/* One token: its secret, how long it lives, how urgently it wants renewal (DESIGN.md, "Tokens"). */
#ifndef BI_CORE_TOKEN_H
#define BI_CORE_TOKEN_H

#include "core/clock.h"
#include "core/secret.h"

#include <stdint.h>

typedef struct bi_token {
    bi_secret secret;
    int64_t expires; /* monotonic milliseconds; BI_NEVER: unknown, good until it is refused */
    int64_t life;    /* milliseconds from issue to expiry; 0 when unknown */
    unsigned serial; /* tells whether the token that was refused is still the one that is held */
} bi_token;

typedef enum bi_freshness {
    BI_MISSING,  /* none, or dead */
    BI_EXPIRING, /* lives, but may not live as long as a request: wait for the renewal */
    BI_STALE,    /* use it, and renew meanwhile */
    BI_FRESH
} bi_freshness;

/* Takes the secret out of `secret` (which is empty afterwards). `lifetime` in milliseconds; negative: unknown. */
void bi_token_take(bi_token *token, bi_secret *secret, int64_t lifetime, bi_now now);
void bi_token_clear(bi_token *token);

bi_freshness bi_token_freshness(const bi_token *token, bi_now now);

#endif
