/* What the words of a failed tool say: MCP gives a tool's failure no code, so the code is found in its text (API.md,
 * "MCP"). Called by mcp.c. */
#ifndef BI_CORE_COMPLAINT_H
#define BI_CORE_COMPLAINT_H

#include "core/reply.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BI_CODE_TOOL "tool_error"
#define BI_CODE_NOT_FOUND "not_found"
#define BI_CODE_REQUEST "invalid_request"

typedef struct bi_complaint {
    bi_error_reply reply; /* code, required scope, and the words themselves */
    int64_t retry_after;  /* milliseconds; -1 when no pause is named */
    bool
        is_vague; /* the text names no cause: a lack of scope, or of the grant, may hide behind it */
} bi_complaint;

/* Reads the text of a tool's failure, or of a JSON-RPC error with that `number` (0: none). Words of the user's own that
 * the text quotes decide nothing, and no text ever says by itself that the grant is over or the token bad: that is
 * vague, and asked elsewhere. */
void bi_complaint_read(bi_complaint *complaint, const char *text, size_t length, int64_t number);

/* Whether the phrase (lower case; a space in it stands for " ", "_" or "-") is in the text, without case. */
bool bi_text_says(const char *text, size_t length, const char *phrase);

#endif
