/* One token: its secret, how long it lives, how urgently it wants renewal (DESIGN.md, "Tokens"). */
#ifndef BI_CORE_TOKEN_H
#define BI_CORE_TOKEN_H

#include "core/clock.h"
#include "core/digest.h"
#include "core/secret.h"

#include <stdint.h>

typedef struct bi_token {
    bi_secret secret;
    int64_t expires;   /* monotonic milliseconds; BI_NEVER: unknown, good until it is refused */
    int64_t life;      /* milliseconds from issue to expiry; 0 when unknown */
    unsigned serial;   /* tells whether the token that was refused is still the one that is held */
    bi_digest refused; /* of the last one that the service refused: a store may still have it */
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

/* Clears it, and remembers that it is of no use. */
void bi_token_refuse(bi_token *token);

/* Takes the secret of a stored record, which keeps wall time: `expires` in Unix milliseconds and the whole `life`; -1:
 * unknown. A clock that is wrong makes it live too short or, at most, its whole life. One that was refused is not
 * taken, nor one that is held already. False when it was not. */
bool bi_token_adopt(bi_token *token, bi_secret *secret, int64_t expires, int64_t life, bi_now now);

bi_freshness bi_token_freshness(const bi_token *token, bi_now now);

#endif
