/* The table of the service's MCP tools (API.md, "MCP"): which scope one needs, and whether it may be asked twice. Read
 * by the binding, which makes a call's row of it. */
#ifndef BI_CORE_TOOL_H
#define BI_CORE_TOOL_H

#include "core/endpoint.h"

typedef struct bi_tool {
    const char *name;
    const char *scope; /* NULL: the service does not document one, so there is no preflight */
    bi_safety safety;  /* READ: may be repeated. WRITE: never sent twice */
} bi_tool;

extern const bi_tool bi_tools[];
extern const size_t bi_tool_count;

/* NULL: no such row. Whoever calls a tool that is not here must take it for a write. */
const bi_tool *bi_tool_find(const char *name, size_t length);

/* The first of the service's scopes (API.md, "Scopes") that the text names, or NULL. */
const char *bi_scope_named(const char *text, size_t length);

#endif
