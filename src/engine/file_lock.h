/* The lock file beside a file that processes share: a mutex for the moment of a change, marks that show which holders
 * of longer leases still live, and a small content (the leases). The file is never renamed and never deleted. Called by
 * the binding. */
#ifndef BI_ENGINE_FILE_LOCK_H
#define BI_ENGINE_FILE_LOCK_H

#include "core/bytes.h"
#include "engine/file.h"

#include <stdbool.h>
#include <stdint.h>

/* One opening of a lock file. Two exclude each other wherever they were opened: in two processes, in two threads, or in
 * one Lua state. */
typedef struct bi_file_lock bi_file_lock;

typedef enum bi_file_entry { BI_FILE_ENTERED, BI_FILE_BUSY, BI_FILE_NO_ENTRY } bi_file_entry;

/* Opens it, and creates it with mode 0600. NULL: see trouble. Owned by the caller. */
bi_file_lock *bi_file_lock_new(const char *path, bi_file_trouble *trouble);

/* Gives up what it holds. In a child that inherited it by fork the parent keeps what it has. NULL is fine. */
void bi_file_lock_free(bi_file_lock *lock);

/* Whether this process opened it (and did not inherit it). */
bool bi_file_lock_is_ours(const bi_file_lock *lock);

/* Takes the mutex, which others hold for the time of a write and a sync. Tries at once, then every few milliseconds
 * until `patience` milliseconds have passed. */
bi_file_entry bi_file_lock_enter(bi_file_lock *lock, int patience, bi_file_trouble *trouble);
void bi_file_lock_leave(bi_file_lock *lock);

/* Marks a number (above 0) until the lock is freed or the process ends, however it ends. Where the system has no such
 * marks (open file description locks), this does nothing and every number counts as marked. */
bool bi_file_lock_mark(bi_file_lock *lock, uint32_t number);

/* Whether another opening of the file, of any process, has marked the number. */
bool bi_file_lock_is_marked(const bi_file_lock *lock, uint32_t number);

/* The content; to be called inside only. A crash may leave half of it: the reader must cope. */
bool bi_file_lock_read(bi_file_lock *lock, bi_bytes *out, bi_file_trouble *trouble);
bool bi_file_lock_write(bi_file_lock *lock, const char *data, size_t length,
                        bi_file_trouble *trouble);

#endif
