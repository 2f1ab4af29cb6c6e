/* The allocator behind src/core/memory.h: malloc with a counter and a planned failure for the tests. */
#include "core/memory.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Atomic because libuv threads and the doorbell may allocate beside the main thread. */
static atomic_ulong countdown;
static atomic_long live;
static void (*watcher)(const void *);

static bool must_fail(void) {
    unsigned long left = atomic_load_explicit(&countdown, memory_order_relaxed);
    if (left == 0)
        return false;
    return atomic_fetch_sub_explicit(&countdown, 1, memory_order_relaxed) == 1;
}

void *bi_alloc(size_t size) {
    void *memory = must_fail() ? NULL : calloc(1, size);
    if (memory)
        atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
    return memory;
}

void *bi_realloc(void *old, size_t size) {
    if (watcher && old) /* realloc may free it */
        watcher(old);
    void *memory = must_fail() ? NULL : realloc(old, size);
    if (memory && !old)
        atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
    return memory;
}

void bi_free(void *memory) {
    if (memory)
        atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
    if (watcher && memory)
        watcher(memory);
    free(memory);
}

char *bi_copy(const char *text, size_t length) {
    char *copy = bi_alloc(length + 1);
    if (copy && length)
        memcpy(copy, text, length);
    return copy;
}

void bi_wipe(void *memory, size_t length) {
    if (length)
        explicit_bzero(memory, length);
}

void bi_memory_fail_at(unsigned long n) {
    atomic_store(&countdown, n);
}

long bi_memory_live(void) {
    return atomic_load(&live);
}

void bi_memory_watch(void (*before_free)(const void *memory)) {
    watcher = before_free;
}
