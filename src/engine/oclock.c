/* The clocks of src/engine/oclock.h ("o" for the operating system's: the core has a clock.c of
 * its own). */
#include "engine/oclock.h"

#include <time.h>

static int64_t nanos(clockid_t id) {
    struct timespec t;
    if (clock_gettime(id, &t) != 0)
        return 0;
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t bi_clock_nanos(void) {
    return nanos(CLOCK_MONOTONIC);
}

bi_now bi_clock_read(void) {
    return (bi_now){.mono = nanos(CLOCK_MONOTONIC) / 1000000,
                    .wall = nanos(CLOCK_REALTIME) / 1000000};
}
