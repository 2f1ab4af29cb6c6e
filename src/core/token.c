/* Freshness of one token. The bounds are those of DESIGN.md: stale under min(300 s, a sixth of its life), expiring
 * under min(60 s, a thirtieth), so that a token that lives two seconds has its three states too. */
#include "core/token.h"

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

void bi_token_take(bi_token *token, bi_secret *secret, int64_t lifetime, bi_now now) {
    bi_secret_move(&token->secret, secret);
    token->serial++;
    token->life = lifetime < 0 ? 0 : lifetime;
    token->expires = lifetime < 0 ? BI_NEVER : bi_time_add(now.mono, lifetime);
}

void bi_token_clear(bi_token *token) {
    bi_secret_clear(&token->secret);
    token->expires = 0;
    token->life = 0;
}

void bi_token_refuse(bi_token *token) {
    if (!bi_secret_is_set(&token->secret))
        return; /* of calls side by side the first one said it: it stays known which token is dead */
    token->refused = bi_digest_of(&token->secret);
    bi_token_clear(token);
}

bool bi_token_adopt(bi_token *token, bi_secret *secret, int64_t expires, int64_t life, bi_now now) {
    bi_digest offered = bi_digest_of(secret), held = bi_digest_of(&token->secret);
    if (!bi_digest_is_set(&offered) || bi_digest_equal(&offered, &token->refused) ||
        bi_digest_equal(&offered, &held))
        return false;
    int64_t left = expires < 0 ? -1 : expires > now.wall ? expires - now.wall : 0;
    if (life > 0 && left > life)
        left = life;
    bi_token_take(token, secret, left, now);
    if (life > 0 && left >= 0)
        token->life = life;
    return true;
}

bi_freshness bi_token_freshness(const bi_token *token, bi_now now) {
    if (!bi_secret_is_set(&token->secret))
        return BI_MISSING;
    if (token->expires == BI_NEVER)
        return BI_FRESH;
    int64_t left = token->expires - now.mono;
    if (left <= 0)
        return BI_MISSING;
    if (left < least(60000, token->life / 30))
        return BI_EXPIRING;
    if (left < least(300000, token->life / 6))
        return BI_STALE;
    return BI_FRESH;
}
