/* What an MCP server knows a client by: its session, when it hands one out, and the numbers of requests. Kept in the
 * account, in memory only, once initialize is through; a call that is at it keeps its own. Called by mcp.c and account.c. */
#ifndef BI_CORE_SESSION_H
#define BI_CORE_SESSION_H

#include "core/secret.h"

#include <stdint.h>

typedef struct bi_session {
    bi_secret id;     /* Mcp-Session-Id; empty with a server that keeps no sessions */
    char version[32]; /* the negotiated MCP-Protocol-Version; "" before initialize */
    unsigned serial;  /* tells whether the session that was refused is still the one that is held */
    int64_t requests; /* the id of the last one: none is used twice */
} bi_session;

static inline void bi_session_clear(bi_session *session) {
    bi_secret_clear(&session->id);
    *session = (bi_session){.serial = session->serial + 1, .requests = session->requests};
}

#endif
