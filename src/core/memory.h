/* Allocation for everything under src/: one door, so that the tests can make the n-th allocation
 * fail. Called by every layer. Never aborts: a failed allocation is NULL and the caller says so. */
#ifndef BI_CORE_MEMORY_H
#define BI_CORE_MEMORY_H

#include <stddef.h>

/* Zeroed memory, or NULL. Owned by the caller; free with bi_free. */
void *bi_alloc(size_t size);

/* As realloc: on failure NULL is returned and `old` stays valid. */
void *bi_realloc(void *old, size_t size);

/* NULL is fine. Does not wipe: what may hold a secret is wiped by its owner first. */
void bi_free(void *memory);

/* A copy of `length` bytes with a NUL behind them, or NULL. Owned by the caller. */
char *bi_copy(const char *text, size_t length);

/* Overwrites memory in a way that the compiler may not remove. NULL with length 0 is fine. */
void bi_wipe(void *memory, size_t length);

/* For tests: the n-th allocation from now on fails once (1 = the next one); 0 turns that off. */
void bi_memory_fail_at(unsigned long n);

/* For tests: allocations that were made and not yet freed. */
long bi_memory_live(void);

/* For tests: called with each block just before it is freed; NULL: nobody. */
void bi_memory_watch(void (*before_free)(const void *memory));

#endif
