/* libFuzzer: any bytes as what a store gives: flags, five times, then lines of text (the tokens, the fingerprints, the
 * names, the code of an end). Whatever a store says: no refresh token that may live is dropped, a grant that is over
 * has no tokens, no token lives longer than its life, and what is saved is what the next process reads. */
#include "core/memory.h"
#include "core/record.h"
#include "core/url.h"
#include "must.h"

#define OWN "own-refresh-token"

static const bi_now now = {.mono = 1000000, .wall = INT64_C(1767225600000)};

static bool same(const bi_secret *a, const bi_secret *b) {
    return bi_equal_constant_time(a->text ? a->text : "", a->length, b->text ? b->text : "",
                                  b->length);
}

static bi_span line(const char **at, const char *end) {
    const char *start = *at;
    const char *stop = start < end ? memchr(start, '\n', (size_t)(end - start)) : NULL;
    *at = stop ? stop + 1 : end;
    return (bi_span){start, (size_t)((stop ? stop : end) - start)};
}

/* The binding hands over only what may be sent. */
static void set(bi_secret *secret, bi_span text) {
    if (bi_token_is_sendable(text.text, text.length))
        MUST(bi_secret_set(secret, text.text, text.length));
}

static void read_record(bi_record *record, const char *text, const char *end) {
    set(&record->refresh, line(&text, end));
    set(&record->access, line(&text, end));
    set(&record->installation, line(&text, end));
    bi_span seeds = line(&text, end), seen = line(&text, end), names = line(&text, end);
    bi_digests_read(&record->seeds, seeds.text, seeds.length);
    bi_digests_read(&record->seen, seen.text, seen.length);
    if (names.length)
        MUST(bi_names_split(&record->scopes, names.text, names.length));
    bi_span organization = line(&text, end), ended = line(&text, end);
    bi_failure_text(record->organization_id, sizeof record->organization_id, organization.text,
                    organization.length);
    bi_failure_text(record->ended, sizeof record->ended, ended.text, ended.length);
}

static void check_digests(const bi_digests *digests) {
    bi_bytes once = {0}, twice = {0};
    bi_digests again = {{0}};
    bi_digests_write(digests, &once);
    bi_digests_read(&again, bi_bytes_text(&once), once.length);
    bi_digests_write(&again, &twice);
    MUST(digests->list.length <= BI_DIGESTS_MOST * BI_DIGEST_SIZE);
    MUST(once.length == twice.length);
    MUST(!once.length || !memcmp(once.data, twice.data, once.length));
    bi_digests_clear(&again);
    bi_bytes_clear(&once);
    bi_bytes_clear(&twice);
}

static bi_account *make_account(uint8_t how) {
    bi_account *account = bi_account_new();
    MUST(account && (account->grant_id = bi_copy("grt_1", 5)));
    account->has_store = true;
    account->keeps_installation = how & 1;
    if (how & 2) {
        MUST(bi_secret_set(&account->refresh, OWN, strlen(OWN)));
        bi_account_note_seed(account);
    }
    account->unsaved = how & 4;
    account->offered = account->offered && !(how & 8);
    return account;
}

/* What is saved, read by a process that knows nothing yet. */
static void check_saved(bi_account *account, bool doubt) {
    bi_record record;
    bi_account *other = make_account(1);
    MUST(bi_record_take(&record, account, doubt, now));
    MUST(record.in_doubt == (doubt || account->refresh_in_doubt));
    check_digests(&record.seeds);
    check_digests(&record.seen);
    MUST(bi_record_adopt(&record, other, now));
    MUST(bi_failure_is_set(&other->over) == bi_failure_is_set(&account->over));
    MUST(same(&other->refresh, &account->refresh));
    MUST(same(&other->access.secret, &account->access.secret));
    if (account->keeps_installation)
        MUST(same(&other->installation.secret, &account->installation.secret));
    bi_record_clear(&record);
    bi_account_release(other);
}

static void check_account(const bi_account *account, bool had_own) {
    const bi_token *tokens[] = {&account->access, &account->installation};
    for (size_t i = 0; i < 2; i++)
        if (tokens[i]->secret.text && tokens[i]->expires != BI_NEVER && tokens[i]->life > 0)
            MUST(tokens[i]->expires - now.mono <= tokens[i]->life);
    if (bi_failure_is_set(&account->over))
        MUST(!account->refresh.text && !account->access.secret.text &&
             !account->installation.secret.text);
    else
        MUST(!had_own || account->refresh.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    int64_t times[5];
    if (size < 1 + sizeof times)
        return 0;
    long live = bi_memory_live();
    uint8_t how = data[0];
    memcpy(times, data + 1, sizeof times);
    for (size_t i = 0; i < 5; i++)
        times[i] = times[i] < -1 ? -1 : times[i];
    size -= 1 + sizeof times;
    char *text = must_copy(data + 1 + sizeof times, size);
    bi_record record = {.refresh_expires = times[0],
                        .access_expires = times[1],
                        .installation_expires = times[2],
                        .access_life = times[3],
                        .installation_life = times[4],
                        .in_doubt = how & 16};
    read_record(&record, text, text + size);
    bi_account *account = make_account(how);
    (void)bi_record_is_of(&record, account);
    MUST(bi_record_adopt(how & 32 ? NULL : &record, account, now));
    check_account(account, how & 2);
    check_saved(account, how & 64);
    bi_record_clear(&record);
    bi_account_release(account);
    free(text);
    MUST(bi_memory_live() == live);
    return 0;
}
