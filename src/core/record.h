/* What a store keeps of a grant, and how that and the account become one: which of two tokens is newer, what a record
 * that another process wrote means here. Called by flight.c; the binding turns records into tables and back. */
#ifndef BI_CORE_RECORD_H
#define BI_CORE_RECORD_H

#include "core/account.h"

/* Plain data; all zero is a valid, empty record. Times in Unix milliseconds, lives in milliseconds; -1: unknown. */
typedef struct bi_record {
    bi_secret refresh, access, installation;
    int64_t refresh_expires, access_expires, installation_expires;
    int64_t access_life, installation_life;
    char organization_id[128];
    bi_names scopes, projects;
    bi_digests seeds, seen; /* of tokens that led here (account.h) */
    bool in_doubt;  /* a refresh of this very token was begun and its answer not yet taken in */
    char ended[64]; /* the code with which the grant ended; such a record has no tokens */
} bi_record;

void bi_record_clear(bi_record *record);

/* Fills an empty record from the account, `doubt` added to its own. False: no memory, the record is empty again. */
bool bi_record_take(bi_record *record, const bi_account *account, bool doubt, bi_now now);

/* What the account learns from the store's record (NULL: there is none), whose secrets are moved out of it:
 *  - what the options of `new` brought, if the record knows nothing of it, is a new authorization and stays until it
 *    was saved once or the service has refused it;
 *  - a rotation that could not be saved yet stays while the record is still the one before it;
 *  - else the record's tokens count, but for those that the service has refused already;
 *  - a record of a grant that ended ends this one, unless the account has tokens that the record never saw.
 * False: no memory; the account is as it was. */
bool bi_record_adopt(bi_record *record, bi_account *account, bi_now now);

/* Whether that record may be replaced by one that says that the account's grant ended: it is of the same tokens. */
bool bi_record_is_of(const bi_record *record, const bi_account *account);

#endif
