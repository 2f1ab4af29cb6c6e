/* One request to an MCP server and the conversation that it takes: initialize where the server wants it, a new session
 * where the old one is gone, a look at /me where a tool fails without saying why (API.md, "MCP"). Owned by the call,
 * whose exchanges it fills and whose answers it reads; does no I/O. */
#ifndef BI_CORE_MCP_H
#define BI_CORE_MCP_H

#include "core/endpoint.h"
#include "core/exchange.h"
#include "core/reply.h"
#include "core/rpc.h"

typedef enum bi_mcp_phase {
    BI_MCP_ASKING,     /* the request itself */
    BI_MCP_GREETING,   /* initialize */
    BI_MCP_CONFIRMING, /* notifications/initialized */
    BI_MCP_CHECKING    /* GET /me, with the same token */
} bi_mcp_phase;

typedef struct bi_mcp {
    bi_mcp_phase phase;
    const char *method; /* of JSON-RPC; static */
    bi_bytes params;    /* JSON */
    int64_t id;         /* of the request that is under way */
    bi_session own;     /* begun by this call, and used by it to its end */
    unsigned session;   /* the serial of the account's session when it was sent */
    bool named_session; /* it named one */
    bool greeted;       /* initialize was sent once; never again in this call */
    bool rejoined;      /* it took up the session that another call began, once */
    bool checked;       /* /me was asked once, likewise */
    bool is_vague;      /* the tool failed without naming a cause */
    unsigned refusals;  /* of the token */
    unsigned retries;   /* kept while /me is asked, which is not repeated */
    bi_failure kept;    /* the tool's failure, meanwhile */
    bi_sse stream;      /* keeps what `answer` borrows */
    bi_rpc_answer answer;
    bi_span content, structured; /* of the result; borrowed from it */
    bi_rpc_texts texts;          /* for the binding: it must not be lost when Lua raises */
} bi_mcp;

bi_mcp *bi_mcp_new(void);      /* NULL: no memory */
void bi_mcp_free(bi_mcp *mcp); /* NULL is fine */

/* The row of a call to an MCP server: to be copied, with scope and safety of the tool. */
extern const bi_endpoint bi_endpoint_tool;

/* What is asked. `arguments` is a JSON object. False: no memory. */
bool bi_mcp_call_tool(bi_mcp *mcp, const char *name, size_t name_length, const char *arguments,
                      size_t length);
/* One page of the tools; `cursor` may be NULL. */
bool bi_mcp_list_tools(bi_mcp *mcp, const char *cursor, size_t length);

/* The path of the MCP server's URL, for people. */
bool bi_mcp_path(bi_bytes *out, const bi_config *config);

/* Fills exchange->request with what comes next; `fields` are the caller's own header fields. False: no memory. */
bool bi_mcp_fill(bi_mcp *mcp, bi_exchange *exchange, const bi_endpoint *row, const bi_bytes *fields,
                 const bi_secret *token);

/* For judge.c: what a complete answer holds. NULL: it is what was asked for, or (reply->code set) a failure that was
 * told properly, with its pause in milliseconds or -1. Else why the answer is none: static text or BI_CODE_MEMORY. */
const char *bi_mcp_read(bi_mcp *mcp, const bi_wire_answer *answer, bi_error_reply *reply,
                        int64_t *retry_after);

/* For judge.c: an HTTP error; adds to `reply` what the HTTP status and a JSON-RPC error in the body say. */
void bi_mcp_read_refusal(bi_mcp *mcp, const bi_wire_answer *answer, bi_error_reply *reply);

/* The exchange has ended. True: the conversation has another request, and the call goes on as if it began; else the
 * exchange's failure, which this may have replaced, is the outcome. */
bool bi_mcp_advance(bi_mcp *mcp, bi_exchange *exchange, const bi_endpoint *row);

#endif
