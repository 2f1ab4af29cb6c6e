/* The clocks of the operating system. Read by the binding and the engine; the core gets the time
 * as an input. */
#ifndef BI_ENGINE_OCLOCK_H
#define BI_ENGINE_OCLOCK_H

#include "core/clock.h"

#include <stdint.h>

/* Both clocks in milliseconds. No system call on Linux (vDSO). */
bi_now bi_clock_read(void);

/* The monotonic clock in nanoseconds: the engine's timers, for which a millisecond is too
 * coarse. */
int64_t bi_clock_nanos(void);

#endif
