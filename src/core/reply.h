/* What the token endpoint and the mint answer, read from bytes: secrets go from the body into bi_secret and nowhere
 * else. Also the error document that every endpoint may send. Called by flight.c, call.c and judge.c. */
#ifndef BI_CORE_REPLY_H
#define BI_CORE_REPLY_H

#include "core/account.h"
#include "core/bytes.h"
#include "core/clock.h"
#include "core/secret.h"

#include <stdint.h>

typedef struct bi_token_reply {
    bi_secret access_token, refresh_token, installation_token;
    int64_t
        lifetime; /* milliseconds; -1 unknown. expires_in counts; expires_at serves where it is missing */
    char grant_id[128];
    char organization_id[128];
    bi_names scopes, projects;
} bi_token_reply;

void bi_token_reply_clear(bi_token_reply *reply);

/* NULL, or why the body is not a usable answer. Static text. The reply must be all zero before. */
const char *bi_token_reply_read(bi_token_reply *reply, const bi_bytes *body, bi_now now);

/* The error document: {"error": code, …} (API.md, "Errors"; RFC 6749, 5.2). */
typedef struct bi_error_reply {
    bool is_json;       /* an object */
    char code[64];      /* `error`, or `error.code`; "" when there is none */
    char message[256];  /* `error_description`, `message` or `error.message`, cut; "" when none */
    char required[160]; /* `required` or `required_scope`: a string, or an array joined by spaces */
} bi_error_reply;

void bi_error_reply_read(bi_error_reply *reply, const bi_bytes *body);

#endif
