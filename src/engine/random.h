/* Random bytes for PKCE, state values and jitter. Called by the binding, which hands them to the
 * core. */
#ifndef BI_ENGINE_RANDOM_H
#define BI_ENGINE_RANDOM_H

#include <stdbool.h>
#include <stddef.h>

/* Fills `out` with n unpredictable bytes; false when the system has none to give (then `out` is
 * zeroed). */
bool bi_random_bytes(void *out, size_t n);

#endif
