/* What passes between the core, which decides, and the engine, which sends: one HTTP request, one HTTP answer, plain
 * data. The core fills requests and reads answers; the engine and the binding's transport seam do the opposite. */
#ifndef BI_CORE_WIRE_H
#define BI_CORE_WIRE_H

#include "core/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct bi_wire_request {
    char method[16]; /* upper case */
    bi_bytes url;    /* absolute */
    bi_bytes fields; /* header fields, each "Name: value" with a NUL behind it; secret */
    bi_bytes body;
    bool has_body;           /* an empty body is not the same as none */
    bool once;               /* must not reach the server twice by the engine's own doing */
    size_t max_body;         /* limit for the decoded body of the answer, bytes */
    int64_t connect_timeout; /* milliseconds */
} bi_wire_request;

typedef enum bi_trouble {
    BI_TROUBLE_NONE,      /* a complete answer: status, fields and the whole body */
    BI_TROUBLE_RESOLVE,   /* the host's name has no address */
    BI_TROUBLE_CONNECT,   /* no connection; also the connect timeout */
    BI_TROUBLE_PROXY,     /* the proxy refused (407, CONNECT failed) or has no address */
    BI_TROUBLE_TLS,       /* handshake, certificate, key file */
    BI_TROUBLE_LOST,      /* closed or reset before a complete head came */
    BI_TROUBLE_TRUNCATED, /* head came, body ended early (length, chunks, gzip) */
    BI_TROUBLE_TOO_LARGE, /* decoded body, or the head, over the limit */
    BI_TROUBLE_PROTOCOL,  /* not HTTP, broken content coding, broken frame */
    BI_TROUBLE_TIMEOUT,   /* the deadline passed (set by the core, never by the engine) */
    BI_TROUBLE_CANCELLED,
    BI_TROUBLE_MEMORY,
    BI_TROUBLE_OPTION /* a file or option that libcurl cannot use (ca_file, cert_file, proxy) */
} bi_trouble;

typedef struct bi_wire_answer {
    bi_trouble trouble;
    bool
        sent; /* false: the request surely did not reach the server, so sending it again cannot do it twice */
    long status;      /* 0 when no head came */
    int http_version; /* 10, 11, 20; 0 unknown */
    bi_bytes
        fields; /* the final answer's header lines, "Name: value\r\n" each, without status line and end line */
    bi_bytes body; /* decoded; what arrived, also when trouble cut it off */
    bool reused;   /* on a kept connection */
    char detail
        [200]; /* what the engine knows of the trouble, one line, no secrets; "" when nothing */
} bi_wire_answer;

void bi_wire_request_init(bi_wire_request *request);
void bi_wire_request_clear(bi_wire_request *request);
void bi_wire_answer_init(bi_wire_answer *answer);
void bi_wire_answer_clear(bi_wire_answer *answer);

/* Appends one header field. The caller has checked name and value (bi_header_check). */
bool bi_wire_request_add_field(bi_wire_request *request, const char *name, const char *value,
                               size_t length);

#endif
