/* What became of a transfer, in the project's words. Called by transport.c alone. */
#ifndef BI_ENGINE_TROUBLE_H
#define BI_ENGINE_TROUBLE_H

#include "engine/easy.h"

/* Whether any byte of the request may have reached the server; in doubt true. Also while it is
 * under way. */
bool bi_trouble_was_sent(const bi_easy *easy);

/* Fills trouble, sent, reused and detail of the easy handle's answer from libcurl's result.
 * Before bi_easy_finish. */
void bi_trouble_judge(const bi_easy *easy, CURLcode code);

/* As far as it is known while under way: takes back a half-read head. */
void bi_trouble_settle(const bi_easy *easy);

#endif
