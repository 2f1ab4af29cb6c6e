/* The record of one grant: its tokens, what is known of it, the renewal under way, and whether it is over. Shared by
 * the calls and the flight of a client through counted references. Decides nothing by itself: call.c and flight.c do. */
#ifndef BI_CORE_ACCOUNT_H
#define BI_CORE_ACCOUNT_H

#include "core/endpoint.h"
#include "core/failure.h"
#include "core/session.h"
#include "core/token.h"

#include <stdbool.h>

struct bi_flight;

/* A list of names, or the knowledge that there is none yet: [] and absent are not the same (API.md). */
typedef struct bi_names {
    bool known;
    unsigned count;
    bi_bytes list; /* each name with a NUL behind it */
} bi_names;

typedef struct bi_account {
    char *client_id; /* owned, as the strings below; NULL when not given */
    char *grant_id;
    char *organization_id; /* as configured, later as the service says */
    bi_secret client_secret;
    bi_secret refresh;
    bi_secret code,
        verifier; /* while they are exchanged: kept here so that no message can show them */
    bi_token access;
    bi_token installation;
    bi_names scopes;
    bi_names projects;
    bi_session session; /* with the MCP server */
    bi_failure
        over; /* set once the grant is revoked or gone: every later call fails with it, unsent */
    bool over_announced; /* on_revoked runs once, and never for our own revoke() */
    bi_digests seeds;    /* tokens that this account was given from outside */
    bi_digests seen;     /* refresh tokens that it has held */
    int64_t
        refresh_expires; /* Unix milliseconds: when the refresh token dies by itself; 0 unknown */
    char *key;           /* under which stores and the process know it; NULL without a grant */
    bool has_store;      /* its record is shared with other processes */
    bool keeps_installation; /* the store takes installation tokens too */
    bool synced;             /* the store's record was read at least once */
    bool unrecorded;         /* and there was none when it was read last */
    bool offered;            /* options have brought tokens which the store is not known to have */
    bool unsaved;            /* what is held is newer than the store's record */
    bi_digest base;          /* of the refresh token that the store's record had last */
    bool
        refresh_in_doubt; /* the answer to a refresh of this very token was lost: invalid_grant proves nothing */
    int64_t gate; /* monotonic: a 429 closed the whole key until then */
    int64_t
        renewal_paused; /* monotonic: an early renewal failed; no other before then while tokens live */
    struct bi_flight *flight; /* borrowed: the renewal under way, or NULL; it unlinks itself */
    unsigned long era;        /* the binding's: which process last used it */
    unsigned references;
} bi_account;

bi_account *bi_account_new(void); /* one reference; NULL: no memory */
bi_account *bi_account_hold(bi_account *account);
void bi_account_release(bi_account *account); /* the last one wipes; NULL is fine */

/* NULL, or why it cannot act for anybody as it was given, with the name of what is wrong. Static text. */
const char *bi_account_complaint(const bi_account *account);

/* Which tokens this account could ever come to hold. */
bool bi_account_can_get_access(const bi_account *account);
bool bi_account_can_mint(const bi_account *account);

/* Fills in that there is no living access token and nothing to get one with, and why. */
void bi_account_say_lack(const bi_account *account, bi_failure *failure);

/* The token that a call of that kind uses now (EITHER resolved), never NULL for ACCESS, INSTALLATION and EITHER. */
bi_token *bi_account_token(bi_account *account, bi_token_kind kind, bi_now now);

/* Notes the tokens that it was given by options: what a record or another client knows of them tells which is newer. */
void bi_account_note_seed(bi_account *account);

/* The token by which it is known: the refresh token, else the access token. All zero without either. */
bi_digest bi_account_digest(const bi_account *account);

/* Whether it has ever held that token, so that whoever shows it may share the account. */
bool bi_account_has_held(const bi_account *account, const bi_digest *digest);

/* Whether `other`, just made from options for the same key, may be one with this account: it shows a token that this one
 * has held, for a grant's id is no proof; or none, and the store that it was given has them. */
bool bi_account_may_share(const bi_account *account, const bi_account *other);

/* What another client of the grant brought and this account lacks, moved here: a living access token that was not
 * refused, a refresh token. A grant that is over takes nothing. */
void bi_account_join(bi_account *account, bi_account *other, bi_now now);

/* Fills `key` from the API host, app, grant and organization as configured; it never changes after. False: no memory. */
bool bi_account_name(bi_account *account, const char *api_url);

/* Ends the grant: `why` is copied (the first one stays), tokens are wiped. */
void bi_account_end(bi_account *account, const bi_failure *why);

/* Everything that must never be printed. At most BI_ACCOUNT_SECRETS pointers into `list`; returns how many. */
#define BI_ACCOUNT_SECRETS 6
size_t bi_account_secrets(const bi_account *account, const bi_secret *list[BI_ACCOUNT_SECRETS]);

/* Whether it is known that this name is missing; NULL never is. */
bool bi_names_lack(const bi_names *names, const char *text);
bool bi_names_has(const bi_names *names, const char *text);
/* Moves a list that is known; one that is not changes nothing. */
void bi_names_adopt(bi_names *to, bi_names *from);
bool bi_names_copy(bi_names *to, const bi_names *from); /* false: no memory */
bool bi_names_split(bi_names *names, const char *text,
                    size_t length); /* of a list with spaces; known from now on */
bool bi_names_add(bi_names *names, const char *text, size_t length);
void bi_names_clear(bi_names *names);

#endif
