/* The generation counter of src/engine/fork.h. Process-wide; knows no engine. */
#include "engine/fork.h"

#include <pthread.h>
#include <stdatomic.h>

static atomic_ulong generation;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void in_child(void) {
    atomic_fetch_add_explicit(&generation, 1, memory_order_relaxed);
}

static void install(void) {
    /* Without memory for it the child would only lose the protection; there is nobody to tell. */
    (void)pthread_atfork(NULL, NULL, in_child);
}

void bi_fork_watch(void) {
    (void)pthread_once(&once, install);
}

unsigned long bi_fork_generation(void) {
    return atomic_load_explicit(&generation, memory_order_relaxed);
}
