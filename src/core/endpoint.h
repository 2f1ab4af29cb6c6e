/* The table of the service's partner endpoints (API.md, "Partner REST endpoints"): everything that differs between
 * two calls stands in its row. The binding reads arguments by it, the Lua layer makes one method a row. */
#ifndef BI_CORE_ENDPOINT_H
#define BI_CORE_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>

typedef enum bi_token_kind {
    BI_TOKEN_NONE,
    BI_TOKEN_ACCESS,
    BI_TOKEN_INSTALLATION,
    BI_TOKEN_EITHER /* the access token when there is one, else the installation token */
} bi_token_kind;

typedef enum bi_host { BI_HOST_API, BI_HOST_DASHBOARD, BI_HOST_MCP, BI_HOST_CDN } bi_host;
#define BI_HOSTS 4

/* How the same request may be sent again (DESIGN.md, "Retries"). */
typedef enum bi_safety {
    BI_SAFETY_READ,  /* safe to repeat: GET, DELETE, mint */
    BI_SAFETY_WRITE, /* only when it surely did not reach the server, or was turned away with 429 */
    BI_SAFETY_REFRESH, /* as a write, plus one prompt replay after a lost answer */
    BI_SAFETY_NEVER    /* the exchange of a code */
} bi_safety;

typedef enum bi_argument_body {
    BI_BODY_NONE,
    BI_BODY_TABLE, /* the last argument before the options is the payload, with the required `fields` */
    BI_BODY_POSITIONAL /* each of `fields` is a positional string argument */
} bi_argument_body;

#define BI_ENDPOINT_FIELDS 3

typedef struct bi_endpoint {
    const char *name; /* of the client's method */
    const char *method;
    bi_host host;
    const char
        *path; /* {name} marks a part that is an argument of that name; {org}/{project} are one,
                         "org/project", and a {locale} is lower case on the wire */
    bi_token_kind token;
    const char *scope; /* NULL: none is needed */
    bi_safety safety;
    bool list;         /* the answer is a list: items are looked for in its envelope */
    const char *items; /* the envelope's own name for them, or NULL */
    bool
        ends_grant; /* its success is the end of the grant, and a grant that is gone is its success */
    bool local;     /* answered from the token record: it only makes sure that there is a token */
    bool tokens;    /* its answer holds tokens, which are read by reply.c */
    bi_argument_body body;
    bool language;   /* the positional field is a language code: lower case on the wire */
    bool namespaced; /* its last part is the option `namespace`, the file of a locale */
    const char *fields[BI_ENDPOINT_FIELDS]; /* NULL behind the last */
} bi_endpoint;

extern const bi_endpoint bi_endpoints[];
extern const size_t bi_endpoint_count;

/* Those that other parts of the core name. */
extern const bi_endpoint bi_endpoint_request; /* client:request, a row to copy and fill */
extern const bi_endpoint bi_endpoint_mint;
extern const bi_endpoint bi_endpoint_token;
extern const bi_endpoint bi_endpoint_register;

/* NULL: no such row. */
const bi_endpoint *bi_endpoint_find(const char *name);

#endif
