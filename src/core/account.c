/* The grant's record of src/core/account.h. */
#include "core/account.h"

#include "core/memory.h"
#include "core/url.h"

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
    bi_digests_clear(&account->seeds);
    bi_digests_clear(&account->seen);
    bi_free(account->key);
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
    bool stored = account->has_store;
    if (bi_secret_is_set(&account->installation.secret) && stored)
        return "store keeps the tokens of a grant; leave it out, for an installation_token alone is "
               "never renewed";
    if (bi_secret_is_set(&account->installation.secret))
        return access || refresh
                   ? "installation_token is given alone; leave it out, for with a grant_id "
                     "the client mints by itself"
                   : NULL;
    if (!access && !refresh && !stored)
        return "an identity is missing: give installation_token, or grant_id with access_token or "
               "refresh_token, or grant_id with a store that has its tokens";
    if (!account->grant_id)
        return "grant_id is missing; the token endpoint names it when the code is exchanged";
    if ((refresh || (stored && !access)) && !account->client_id)
        return "client_id is missing: a refresh_token is of no use without it (option client_id or "
               "BETTER_I18N_CLIENT_ID)";
    if (is_installation_token(&account->access.secret))
        return "access_token holds an installation token (bi_oat_…); give it as installation_token";
    if (is_installation_token(&account->refresh))
        return "refresh_token holds an installation token (bi_oat_…); give it as installation_token";
    return NULL;
}

bool bi_account_can_get_access(const bi_account *account) {
    return bi_secret_is_set(&account->refresh) || bi_secret_is_set(&account->access.secret) ||
           (account->has_store && !account->synced);
}

bool bi_account_can_mint(const bi_account *account) {
    return account->grant_id && bi_account_can_get_access(account);
}

/* No record, no option and no other client has ever brought a token of this grant. */
static bool has_never_held(const bi_account *account) {
    return account->unrecorded && account->seeds.list.length == 0 &&
           account->seen.list.length == 0 && !bi_digest_is_set(&account->access.refused);
}

void bi_account_say_lack(const bi_account *account, bi_failure *failure) {
    if (has_never_held(account))
        bi_failure_set(
            failure, BI_CODE_TOKEN,
            "the store has no tokens of the grant %s for this client_id, organization_id "
            "and API host; check these and which store it is, or give new() the tokens "
            "that the exchange of the code brought",
            account->grant_id);
    else
        bi_failure_set(
            failure, BI_CODE_TOKEN,
            "the access token is expired or was refused, and there is no refresh_token to renew it; "
            "ask the user to reconnect with the scope offline_access");
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

bi_digest bi_account_digest(const bi_account *account) {
    return bi_digest_of(bi_secret_is_set(&account->refresh) ? &account->refresh
                                                            : &account->access.secret);
}

void bi_account_note_seed(bi_account *account) {
    bi_digest refresh = bi_digest_of(&account->refresh);
    bi_digest access = bi_digest_of(&account->access.secret);
    bi_digests_add(&account->seeds, &access);
    bi_digests_add(&account->seeds, &refresh);
    account->offered = bi_digest_is_set(&refresh) || bi_digest_is_set(&access);
}

bool bi_account_has_held(const bi_account *account, const bi_digest *digest) {
    return bi_digests_has(&account->seeds, digest) || bi_digests_has(&account->seen, digest);
}

bool bi_account_may_share(const bi_account *account, const bi_account *other) {
    bi_digest digest = bi_account_digest(other);
    return bi_digest_is_set(&digest) ? bi_account_has_held(account, &digest) : other->has_store;
}

void bi_account_join(bi_account *account, bi_account *other, bi_now now) {
    bi_token *access = &account->access, *brought = &other->access;
    bi_digest digest = bi_digest_of(&brought->secret);
    if (bi_failure_is_set(&account->over))
        return;
    if (bi_token_freshness(access, now) == BI_MISSING &&
        bi_token_freshness(brought, now) != BI_MISSING &&
        !bi_digest_equal(&digest, &access->refused)) {
        int64_t lifetime = brought->expires == BI_NEVER ? -1 : brought->expires - now.mono;
        bi_token_take(access, &brought->secret, lifetime, now);
    }
    if (!bi_secret_is_set(&account->refresh) && bi_secret_is_set(&other->refresh)) {
        bi_secret_move(&account->refresh, &other->refresh);
        account->offered = other->offered;
    }
    bi_digests_merge(&account->seeds, &other->seeds);
}

bool bi_account_name(bi_account *account, const char *api_url) {
    const char *const parts[] = {api_url, account->client_id, account->grant_id,
                                 account->organization_id};
    bi_bytes key = {0};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (i > 0)
            bi_bytes_add_char(&key, '/');
        if (parts[i])
            bi_url_add_part(&key, parts[i], strlen(parts[i]));
    }
    if (key.failed) {
        bi_bytes_clear(&key);
        return false;
    }
    account->key = key.data;
    return true;
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

bool bi_names_has(const bi_names *names, const char *text) {
    for (size_t at = 0; at < names->list.length; at += strlen(names->list.data + at) + 1)
        if (strcmp(names->list.data + at, text) == 0)
            return true;
    return false;
}

bool bi_names_lack(const bi_names *names, const char *text) {
    return text && names->known && !bi_names_has(names, text);
}

void bi_names_adopt(bi_names *to, bi_names *from) {
    if (!from->known)
        return;
    bi_names_clear(to);
    *to = *from;
    *from = (bi_names){0};
}

bool bi_names_copy(bi_names *to, const bi_names *from) {
    bi_names copy = {.known = from->known, .count = from->count};
    if (from->list.length > 0 && !bi_bytes_add(&copy.list, from->list.data, from->list.length)) {
        bi_bytes_clear(&copy.list);
        return false;
    }
    bi_names_clear(to);
    *to = copy;
    return true;
}

bool bi_names_add(bi_names *names, const char *text, size_t length) {
    if (!bi_bytes_add(&names->list, text, length) || !bi_bytes_add_char(&names->list, '\0'))
        return false;
    names->count++;
    return true;
}

/* RFC 6749, 3.3. */
bool bi_names_split(bi_names *names, const char *text, size_t length) {
    size_t start = 0;
    names->known = true;
    for (size_t i = 0; i <= length; i++) {
        if (i < length && text[i] != ' ')
            continue;
        if (i > start && !bi_names_add(names, text + start, i - start))
            return false;
        start = i + 1;
    }
    return true;
}

void bi_names_clear(bi_names *names) {
    bi_bytes_clear(&names->list);
    *names = (bi_names){0};
}
