/* Small files that hold secrets: read whole, replaced whole, so that a crash at any moment leaves the old content or the
 * new. Plain POSIX; knows nothing of what is in them. Called by the binding. */
#ifndef BI_ENGINE_FILE_H
#define BI_ENGINE_FILE_H

#include "core/bytes.h"

#include <stdbool.h>

/* Larger files are refused: what a store writes stays far below. */
#define BI_FILE_MAX (64L * 1024 * 1024)

/* What went wrong: "cannot <step> …", the system's reason, and the mode of a file that others may read. */
typedef struct bi_file_trouble {
    const char *step; /* static */
    int reason;       /* an errno; 0: see mode */
    unsigned mode;    /* permission bits, when that is what is wrong */
} bi_file_trouble;

typedef enum bi_file_status { BI_FILE_OK, BI_FILE_ABSENT, BI_FILE_FAILED } bi_file_status;

/* Notes errno and the step. Always false. */
bool bi_file_fail(bi_file_trouble *trouble, const char *step);

/* `path` from the root on, also when the process changes its folder later. `out` is replaced. */
bool bi_file_absolute(const char *path, bi_bytes *out, bi_file_trouble *trouble);

/* Where the file itself lies: follows symbolic links at the path's end, also one to a file that is not there yet. `path`
 * is absolute; `out` is replaced. */
bool bi_file_resolve(const char *path, bi_bytes *out, bi_file_trouble *trouble);

/* Appends the content to `out`, which should be `secret`. BI_FILE_ABSENT: the folder is there, the file is not. A file
 * that group or others have any right to is refused, as ssh refuses such a key. */
bi_file_status bi_file_read(const char *path, bi_bytes *out, bi_file_trouble *trouble);

/* Writes `<path>.tmp`, syncs, renames it to `path` and syncs the folder; mode 0600, the owner stays who he was. One
 * writer at a time (file_lock.h). False: the old file is whole and the temporary one gone, except when the last step
 * failed ("sync the folder of"): then the new file is there but may not survive a power failure. */
bool bi_file_replace(const char *path, const void *data, size_t length, bi_file_trouble *trouble);

/* Renames the file to the first free of `<path>.corrupt-1`, `-2`, …, which `aside` then names. */
bool bi_file_set_aside(const char *path, bi_bytes *aside, bi_file_trouble *trouble);

#endif
