/* What a client was configured with, apart from its tokens: hosts, limits, which hooks there are. Filled once by the
 * binding, read by the core; counted references, because calls outlive a client that is collected. */
#ifndef BI_CORE_CONFIG_H
#define BI_CORE_CONFIG_H

#include "core/cdn.h"
#include "core/endpoint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BI_VERSION "0.1.0"

typedef struct bi_config {
    char *hosts[BI_HOSTS]; /* owned, without a slash at the end; NULL: the service's own */
    char *user_agent;      /* owned */
    int64_t timeout;       /* milliseconds, as all times here */
    int64_t connect_timeout;
    unsigned max_retries;
    size_t max_response_bytes;
    bool preflight; /* what lacks a scope for sure is not sent */
    bool debug;     /* a redacted trace on standard error */
    bool closed;    /* close() was called: calls under way end as cancelled */
    bool on_tokens, on_revoked, on_request, on_response; /* whether somebody listens */
    bi_cdn_cache cdn; /* files that calls have brought: this and what follows is all that changes */
    void *spare_calls; /* owned: a list of memory for calls (call.c), each begins with the next */
    unsigned spare_count;
    unsigned references;
} bi_config;

/* One reference, defaults filled in; NULL: no memory. */
bi_config *bi_config_new(void);
bi_config *bi_config_hold(bi_config *config);
void bi_config_release(bi_config *config); /* NULL is fine */

/* The base URL, without a slash at the end. */
const char *bi_config_base(const bi_config *config, bi_host host);

#endif
