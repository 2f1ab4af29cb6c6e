/* The trace of option debug, on standard error: what was sent and what came, without tokens, bodies or queries. Called
 * by task_lua.c. */
#ifndef BI_BINDING_TRACE_H
#define BI_BINDING_TRACE_H

#include "core/exchange.h"

void bi_trace_request(const bi_exchange *exchange);
void bi_trace_answer(const bi_exchange *exchange);

#endif
