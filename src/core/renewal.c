/* Refresh (RFC 6749, 6) and mint (API.md, "OAuth 2.0 endpoints"), as src/core/renewal.h has them. */
#include "core/renewal.h"

#include "core/memory.h"
#include "core/reply.h"
#include "core/request.h"

#include <string.h>

#define REFRESH_LIFE                                                                               \
    INT64_C(2592000000) /* API.md, "Tokens": 30 days; the endpoint does not say it */

static void begin(bi_exchange *x, bi_bytes *path, const bi_endpoint *row, bi_safety safety) {
    bi_exchange_restart(x);
    x->attempts = 0; /* of this request: hooks and failures tell of it alone */
    x->safety = safety;
    x->max_retries = x->config->max_retries;
    bi_bytes_reset(path);
    const char *grant = x->account->grant_id ? x->account->grant_id : "";
    bi_request_expand(path, row->path, &(bi_span){grant, strlen(grant)}, 1);
    x->shown_path = bi_bytes_text(path);
}

bool bi_renewal_begin_refresh(bi_exchange *x, bi_bytes *path) {
    const bi_account *account = x->account;
    begin(x, path, &bi_endpoint_token, BI_SAFETY_REFRESH);
    const char *const pairs[] = {
        "grant_type", "refresh_token",    "refresh_token", account->refresh.text,
        "client_id",  account->client_id, "client_secret", account->client_secret.text,
        NULL};
    x->request.once = true; /* the engine may not replay it; the replay is decided in exchange.c */
    return bi_request_begin(&x->request, x->config, "POST", bi_endpoint_token.host, path) &&
           bi_request_form(&x->request, pairs);
}

bool bi_renewal_begin_mint(bi_exchange *x, bi_bytes *path) {
    begin(x, path, &bi_endpoint_mint, BI_SAFETY_READ);
    x->request.has_body = bi_request_wants_length("POST");
    return bi_request_begin(&x->request, x->config, "POST", bi_endpoint_mint.host, path) &&
           bi_request_authorize(&x->request, &x->account->access.secret) &&
           bi_request_default(&x->request, "Accept", "application/json");
}

static bool adopt_text(char **to, const char *text) {
    if (*to || !text[0])
        return true;
    *to = bi_copy(text, strlen(text));
    return *to != NULL;
}

static void adopt_refresh_token(bi_account *account, bi_secret *token, bi_now now) {
    bi_digest digest = bi_digest_of(token), held = bi_digest_of(&account->refresh);
    if (!bi_secret_is_set(token) || bi_digest_equal(&digest, &held)) /* the old one stays good */
        return;
    bi_digests_add(&account->seen, &held);
    bi_digests_add(&account->seen, &digest);
    bi_secret_move(&account->refresh, token);
    account->refresh_expires = bi_time_add(now.wall, REFRESH_LIFE);
}

const char *bi_renewal_take_refresh(bi_exchange *x, bi_now now) {
    bi_account *account = x->account;
    bi_token_reply reply = {0};
    const char *wrong = bi_token_reply_read(&reply, &x->answer.body, now);
    if (!wrong && !bi_secret_is_set(&reply.access_token))
        wrong = "it holds no access_token";
    if (!wrong && !adopt_text(&account->grant_id, reply.grant_id))
        wrong = BI_CODE_MEMORY;
    if (!wrong) {
        bi_token_take(&account->access, &reply.access_token, reply.lifetime, now);
        adopt_refresh_token(account, &reply.refresh_token, now);
        bi_names_adopt(&account->scopes, &reply.scopes);
        account->refresh_in_doubt = false;
        account->renewal_paused = 0;
        account->unsaved = account->has_store;
    }
    bi_token_reply_clear(&reply);
    return wrong;
}

const char *bi_renewal_take_mint(bi_exchange *x, bi_now now) {
    bi_account *account = x->account;
    bi_token_reply reply = {0};
    const char *wrong = bi_token_reply_read(&reply, &x->answer.body, now);
    if (!wrong && !bi_secret_is_set(&reply.installation_token))
        wrong = "it holds no installation_token";
    if (!wrong && !adopt_text(&account->organization_id, reply.organization_id))
        wrong = BI_CODE_MEMORY;
    if (!wrong) {
        bi_token_take(&account->installation, &reply.installation_token, reply.lifetime, now);
        bi_names_adopt(&account->scopes, &reply.scopes);
        bi_names_adopt(&account->projects, &reply.projects);
        account->renewal_paused = 0;
    }
    bi_token_reply_clear(&reply);
    return wrong;
}
