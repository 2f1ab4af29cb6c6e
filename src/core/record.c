/* Records and accounts (src/core/record.h). The rules are DESIGN.md's, "Tokens": whoever lost a race takes what the
 * winner saved, and nothing that could still be the only living refresh token is ever dropped. */
#include "core/record.h"

#include "core/memory.h"

#include <string.h>

void bi_record_clear(bi_record *record) {
    bi_secret_clear(&record->refresh);
    bi_secret_clear(&record->access);
    bi_secret_clear(&record->installation);
    bi_names_clear(&record->scopes);
    bi_names_clear(&record->projects);
    bi_digests_clear(&record->seeds);
    bi_digests_clear(&record->seen);
    *record = (bi_record){0};
}

/* --- From the account ---------------------------------------------------------------------------------------------- */

static bool copy_secret(bi_secret *to, const bi_secret *from) {
    return !from->text || bi_secret_set(to, from->text, from->length);
}

static bool copy_token(bi_secret *to, int64_t *expires, int64_t *life, const bi_token *from,
                       bi_now now) {
    *expires = from->expires == BI_NEVER || !from->secret.text
                   ? -1
                   : bi_time_add(now.wall, from->expires - now.mono);
    *life = *expires < 0 ? -1 : from->life;
    return copy_secret(to, &from->secret);
}

static bool copy_tokens(bi_record *record, const bi_account *account, bi_now now) {
    record->refresh_expires = account->refresh_expires > 0 ? account->refresh_expires : -1;
    return copy_secret(&record->refresh, &account->refresh) &&
           copy_token(&record->access, &record->access_expires, &record->access_life,
                      &account->access, now) &&
           (!account->keeps_installation ||
            copy_token(&record->installation, &record->installation_expires,
                       &record->installation_life, &account->installation, now));
}

bool bi_record_take(bi_record *record, const bi_account *account, bool doubt, bi_now now) {
    *record = (bi_record){.installation_expires = -1,
                          .installation_life = -1,
                          .in_doubt = doubt || account->refresh_in_doubt};
    if (bi_failure_is_set(&account->over))
        memcpy(record->ended, account->over.code, sizeof record->ended);
    if (account->organization_id)
        bi_failure_text(record->organization_id, sizeof record->organization_id,
                        account->organization_id, strlen(account->organization_id));
    bi_digests_merge(&record->seeds, &account->seeds);
    bi_digests_merge(&record->seen, &account->seen);
    if (copy_tokens(record, account, now) && bi_names_copy(&record->scopes, &account->scopes) &&
        bi_names_copy(&record->projects, &account->projects))
        return true;
    bi_record_clear(record);
    return false;
}

/* --- To the account ------------------------------------------------------------------------------------------------ */

static bool knows(const bi_record *record, const bi_digest *digest) {
    bi_digest refresh = bi_digest_of(&record->refresh), access = bi_digest_of(&record->access);
    return bi_digest_equal(digest, &refresh) || bi_digest_equal(digest, &access) ||
           bi_digests_has(&record->seeds, digest) || bi_digests_has(&record->seen, digest);
}

bool bi_record_is_of(const bi_record *record, const bi_account *account) {
    bi_digest current =
        bi_digest_of(bi_secret_is_set(&record->refresh) ? &record->refresh : &record->access);
    return !record->ended[0] &&
           (!bi_digest_is_set(&current) || bi_account_has_held(account, &current));
}

static bool end_with(bi_account *account, const bi_record *record) {
    bi_failure why;
    bi_failure_init(&why);
    bi_failure_set(
        &why, record->ended,
        "the grant is over, as the store's record of it says; ask the user to reconnect");
    why.revoked = strcmp(record->ended, BI_CODE_REVOKED) == 0;
    if (account->grant_id)
        bi_failure_text(why.grant_id, sizeof why.grant_id, account->grant_id,
                        strlen(account->grant_id));
    bi_account_end(account, &why);
    bi_failure_clear(&why);
    return true;
}

static void take_refresh(bi_record *record, bi_account *account, bi_now now) {
    bi_digest digest = bi_digest_of(&record->refresh);
    if (bi_digest_is_set(&digest)) {
        bi_digests_add(&account->seen, &digest);
        bi_secret_move(&account->refresh, &record->refresh);
        account->refresh_expires = record->refresh_expires > 0 ? record->refresh_expires : 0;
    }
    bi_token_adopt(&account->access, &record->access, record->access_expires, record->access_life,
                   now);
    account->unsaved = false;
}

/* Of two installation tokens the one that lives longer. */
static void take_installation(bi_record *record, bi_account *account, bi_now now) {
    const bi_token *held = &account->installation;
    bool alive = bi_token_freshness(held, now) != BI_MISSING;
    int64_t left = alive ? held->expires - now.mono : 0;
    if (alive && (held->expires == BI_NEVER || record->installation_expires - now.wall <= left))
        return;
    bi_token_adopt(&account->installation, &record->installation, record->installation_expires,
                   record->installation_life, now);
}

static bool take_organization(bi_record *record, bi_account *account) {
    if (account->organization_id || !record->organization_id[0])
        return true;
    account->organization_id = bi_copy(record->organization_id, strlen(record->organization_id));
    return account->organization_id != NULL;
}

bool bi_record_adopt(bi_record *record, bi_account *account, bi_now now) {
    bi_digest own = bi_account_digest(account);
    account->synced = true;
    account->unrecorded = !record;
    if (!record) {
        account->unsaved =
            bi_digest_is_set(&own); /* what the options brought is the first record */
        return true;
    }
    bi_digest was = account->base;
    account->base = bi_digest_of(&record->refresh);
    bool strange = bi_digest_is_set(&own) && !knows(record, &own);
    if (account->offered && !strange) /* the record has been there already */
        account->offered = account->unsaved = false;
    bi_digests_merge(&account->seeds, &record->seeds);
    bi_digests_merge(&account->seen, &record->seen);
    if (record->ended[0] && !strange)
        return end_with(account, record);
    if (strange && (account->offered || record->ended[0])) {
        account->unsaved = true;
        return true;
    }
    if (!take_organization(record, account))
        return false;
    bool changed = !bi_digest_equal(&was, &account->base);
    if (changed || !account->unsaved) {
        account->refresh_in_doubt = record->in_doubt;
        take_refresh(record, account, now);
    }
    take_installation(record, account, now);
    bi_names_adopt(&account->scopes, &record->scopes);
    bi_names_adopt(&account->projects, &record->projects);
    return true;
}
