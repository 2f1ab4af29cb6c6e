/* How easy.c and easy_request.c set options of libcurl; nobody else includes it. */
#ifndef BI_ENGINE_EASY_PARTS_H
#define BI_ENGINE_EASY_PARTS_H

#include "engine/easy.h"

/* What typecheck-gcc.h wants: long, pointer. Failures that are not "out of memory" mean that
 * this libcurl lacks the option; each use says whether that matters. */
#define SET(option, value) (void)curl_easy_setopt(easy->handle, option, value)
#define CHECK(option, value)                                                                       \
    do {                                                                                           \
        CURLcode code_ = curl_easy_setopt(easy->handle, option, value);                            \
        if (code_ != CURLE_OK)                                                                     \
            return code_;                                                                          \
    } while (0)

#endif
