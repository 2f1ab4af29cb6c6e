/* The grant's record of src/core/account.h. */
#include "core/account.h"

#include "core/memory.h"

#include <string.h>

bi_account *bi_account_new(void) {
    bi_account *account = bi_alloc(sizeof *account);
    if (!account)
        return NULL;
    account->references = 1;
    bi_failure_init(&account->over);
    return account;
}

bi_account *bi_account_hold(bi_account *account) {
    account->references++;
    return account;
}

static void wipe_tokens(bi_account *account) {
    bi_secret_clear(&account->refresh);
    bi_token_clear(&account->access);
    bi_token_clear(&account->installation);
}

void bi_account_release(bi_account *account) {
    if (!account || --account->references > 0)
        return;
    wipe_tokens(account);
    bi_session_clear(&account->session);
    bi_secret_clear(&account->client_secret);
    bi_secret_clear(&account->code);
    bi_secret_clear(&account->verifier);
    bi_names_clear(&account->scopes);
    bi_names_clear(&account->projects);
    bi_failure_clear(&account->over);
    bi_free(account->client_id);
    bi_free(account->grant_id);
    bi_free(account->organization_id);
    bi_free(account);
}

static bool is_installation_token(const bi_secret *secret) {
    static const char prefix[] = "bi_oat_";
    return secret->length >= sizeof prefix - 1 &&
           memcmp(secret->text, prefix, sizeof prefix - 1) == 0;
}

const char *bi_account_complaint(const bi_account *account) {
    bool access = bi_secret_is_set(&account->access.secret);
    bool refresh = bi_secret_is_set(&account->refresh);
    if (bi_secret_is_set(&account->installation.secret))
        return access || refresh
                   ? "installation_token is given alone; leave it out, for with a grant_id "
                     "the client mints by itself"
                   : NULL;
    if (!access && !refresh)
        return "an identity is missing: give installation_token, or grant_id with access_token or "
               "refresh_token";
    if (!account->grant_id)
        return "grant_id is missing; the token endpoint names it when the code is exchanged";
    if (refresh && !account->client_id)
        return "client_id is missing: a refresh_token is of no use without it (option client_id or "
               "BETTER_I18N_CLIENT_ID)";
    if (is_installation_token(&account->access.secret))
        return "access_token holds an installation token (bi_oat_…); give it as installation_token";
    if (is_installation_token(&account->refresh))
        return "refresh_token holds an installation token (bi_oat_…); give it as installation_token";
    return NULL;
}

bool bi_account_can_get_access(const bi_account *account) {
    return bi_secret_is_set(&account->refresh) || bi_secret_is_set(&account->access.secret);
}

bool bi_account_can_mint(const bi_account *account) {
    return account->grant_id && bi_account_can_get_access(account);
}

bi_token *bi_account_token(bi_account *account, bi_token_kind kind, bi_now now) {
    if (kind == BI_TOKEN_ACCESS)
        return &account->access;
    if (kind == BI_TOKEN_INSTALLATION)
        return &account->installation;
    /* Either will do: what lives now comes before what would cost a renewal. */
    bi_freshness access = bi_token_freshness(&account->access, now);
    bi_freshness installation = bi_token_freshness(&account->installation, now);
    if (access >= BI_STALE)
        return &account->access;
    if (installation >= BI_STALE)
        return &account->installation;
    bool dead = access == BI_MISSING && !bi_secret_is_set(&account->refresh);
    if (dead && installation != BI_MISSING)
        return &account->installation;
    return account->grant_id || bi_account_can_get_access(account) ? &account->access
                                                                   : &account->installation;
}

void bi_account_end(bi_account *account, const bi_failure *why) {
    wipe_tokens(account);
    if (bi_failure_is_set(&account->over))
        return;
    bi_failure_copy(&account->over, why);
    if (bi_failure_is(&account->over, why->code))
        return;
    /* No memory for the details; that it is over must be known all the same. */
    bi_failure_text(account->over.code, sizeof account->over.code, why->code, strlen(why->code));
    account->over.revoked = why->revoked;
}

size_t bi_account_secrets(const bi_account *account, const bi_secret *list[BI_ACCOUNT_SECRETS]) {
    list[0] = &account->client_secret;
    list[1] = &account->refresh;
    list[2] = &account->access.secret;
    list[3] = &account->installation.secret;
    list[4] = &account->code;
    list[5] = &account->verifier;
    return BI_ACCOUNT_SECRETS;
}

bool bi_names_add(bi_names *names, const char *text, size_t length) {
    if (!bi_bytes_add(&names->list, text, length) || !bi_bytes_add_char(&names->list, '\0'))
        return false;
    names->count++;
    return true;
}

void bi_names_clear(bi_names *names) {
    bi_bytes_clear(&names->list);
    *names = (bi_names){0};
}
