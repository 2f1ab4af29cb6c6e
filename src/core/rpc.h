/* JSON-RPC 2.0 as MCP uses it: the text of a request, and the one answer to it among everything that a server may send
 * in a body (an object, a batch, a stream of events). Called by mcp.c. */
#ifndef BI_CORE_RPC_H
#define BI_CORE_RPC_H

#include "core/json.h"
#include "core/sse.h"
#include "core/url.h"

#include <stdbool.h>
#include <stdint.h>

#define BI_RPC_NOTIFICATION (-1) /* in place of an id: nobody answers it */

/* Appends {"jsonrpc":"2.0","id":…,"method":…,"params":…}; `params` is JSON. */
bool bi_rpc_write(bi_bytes *out, int64_t id, const char *method, const bi_bytes *params);

/* Appends text as a JSON string, quotes and all; the text is valid UTF-8. */
bool bi_rpc_write_string(bi_bytes *out, const char *text, size_t length);

/* Either of the two is there; both are JSON and borrowed from the body, or from `stream`. */
typedef struct bi_rpc_answer {
    bi_span result;
    bi_span error;
} bi_rpc_answer;

/* Finds the answer to request `id`; `stream` (fresh, owned by the caller) keeps what the answer borrows when the body is
 * a stream of events. An error without an id is the answer too: the server could not read whose it is. Everything else
 * (notifications, the server's own requests, other ids, empty events) is passed over. NULL, or what is wrong: static
 * text, or BI_CODE_MEMORY. */
const char *bi_rpc_find(bi_rpc_answer *answer, bi_sse *stream, const bi_bytes *body, bool is_stream,
                        int64_t id);

/* The raw values of the members with these names (`names` ends with NULL) of the object; one that is absent or null has
 * no text. False: no memory. */
bool bi_rpc_members(bi_span object, const char *const *names, bi_span *values);

/* The text items of a tool's `content`, one by one. */
typedef struct bi_rpc_texts {
    bi_json items;
    bi_json text;
    bool open;
    bool failed; /* no memory: what was not returned is not known to be none */
} bi_rpc_texts;

void bi_rpc_texts_begin(bi_rpc_texts *texts, bi_span content); /* all zero before, or ended */
bool bi_rpc_texts_next(bi_rpc_texts *texts, bi_span *text);    /* borrowed until the next call */
void bi_rpc_texts_end(bi_rpc_texts *texts);                    /* all zero is fine */

#endif
