/* What every fuzz target needs: an assertion that says itself what does not hold, and bytes with nothing
 * behind them. Included by spec/fuzz/<target>_fuzz.c alone. */
#ifndef BI_FUZZ_MUST_H
#define BI_FUZZ_MUST_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "does not hold: %s\n", #condition);                                    \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* A copy without a NUL behind, so that ASan sees a step too far. Freed by the caller. */
static inline char *must_copy(const void *data, size_t size) {
    char *copy = malloc(size ? size : 1);
    MUST(copy);
    if (size)
        memcpy(copy, data, size);
    return copy;
}

#endif
