/* The two requests that bring tokens, refresh and mint, and what their replies leave in the account. Called by flight.c,
 * which knows their order and what a failure means. */
#ifndef BI_CORE_RENEWAL_H
#define BI_CORE_RENEWAL_H

#include "core/account.h"
#include "core/config.h"
#include "core/exchange.h"

/* Make the exchange ready to send; `path` is for people and must live as long as the exchange. False: no memory. */
bool bi_renewal_begin_refresh(bi_exchange *exchange, bi_bytes *path);
bool bi_renewal_begin_mint(bi_exchange *exchange, bi_bytes *path);

/* Take the tokens of a reply that was a success. NULL, or why they cannot: BI_CODE_MEMORY (the account is as it was, and
 * the reply can be read again) or static text. */
const char *bi_renewal_take_refresh(bi_exchange *exchange, bi_now now);
const char *bi_renewal_take_mint(bi_exchange *exchange, bi_now now);

#endif
