/* The lock file of src/engine/file_lock.h. Mutex and marks are one byte each in a space of locks far larger than the
 * file: open file description locks, which belong to an opening and end with its last descriptor. Elsewhere flock. */
#include "engine/file_lock.h"

#include "core/memory.h"
#include "engine/fork.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CONTENT_MAX (size_t)(1024 * 1024)
#define PIECE (size_t)4096
#define PAUSE 2 /* milliseconds */

struct bi_file_lock {
    int fd;                   /* owned */
    unsigned long generation; /* of the process that opened it */
};

/* --- Locks ------------------------------------------------------------------------------------ */

#ifdef F_OFD_SETLK

static bool set(int fd, short type, off_t byte) {
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
    return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

static bool take_mutex(int fd) {
    return set(fd, F_WRLCK, 0);
}

static void drop_mutex(int fd) {
    (void)set(fd, F_UNLCK, 0);
}

static void drop_all(int fd) {
    struct flock all = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
    (void)fcntl(fd, F_OFD_SETLK, &all);
}

bool bi_file_lock_mark(bi_file_lock *lock, uint32_t number) {
    return set(lock->fd, F_WRLCK, (off_t)number);
}

bool bi_file_lock_is_marked(const bi_file_lock *lock, uint32_t number) {
    struct flock there = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)number, .l_len = 1};
    return fcntl(lock->fd, F_OFD_GETLK, &there) != 0 || there.l_type != F_UNLCK;
}

#else

static bool take_mutex(int fd) {
    return flock(fd, LOCK_EX | LOCK_NB) == 0;
}

static void drop_mutex(int fd) {
    (void)flock(fd, LOCK_UN);
}

static void drop_all(int fd) {
    drop_mutex(fd);
}

bool bi_file_lock_mark(bi_file_lock *lock, uint32_t number) {
    (void)lock, (void)number;
    return true;
}

bool bi_file_lock_is_marked(const bi_file_lock *lock, uint32_t number) {
    (void)lock, (void)number;
    return true;
}

#endif

bool bi_file_lock_is_ours(const bi_file_lock *lock) {
    return lock->generation == bi_fork_generation();
}

/* --- Opening ---------------------------------------------------------------------------------- */

bi_file_lock *bi_file_lock_new(const char *path, bi_file_trouble *trouble) {
    bi_fork_watch();
    bi_file_lock *lock = bi_alloc(sizeof *lock);
    if (!lock) {
        errno = ENOMEM;
        bi_file_fail(trouble, "open");
        return NULL;
    }
    lock->generation = bi_fork_generation();
    lock->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
                    S_IRUSR | S_IWUSR);
    if (lock->fd >= 0)
        return lock;
    bi_file_fail(trouble, "open");
    bi_file_lock_free(lock);
    return NULL;
}

void bi_file_lock_free(bi_file_lock *lock) {
    if (!lock)
        return;
    /* A child unlocks nothing: that would unlock the parent's. The parent does not leave it to the last descriptor,
     * which a child may have. */
    if (lock->fd >= 0 && bi_file_lock_is_ours(lock))
        drop_all(lock->fd);
    if (lock->fd >= 0)
        close(lock->fd);
    bi_free(lock);
}

/* --- The mutex -------------------------------------------------------------------------------- */

bi_file_entry bi_file_lock_enter(bi_file_lock *lock, int patience, bi_file_trouble *trouble) {
    for (int waited = 0;; waited += PAUSE) {
        if (take_mutex(lock->fd))
            return BI_FILE_ENTERED;
        if (errno != EAGAIN && errno != EACCES && errno != EINTR) {
            bi_file_fail(trouble, "lock");
            return BI_FILE_NO_ENTRY;
        }
        if (waited >= patience)
            return BI_FILE_BUSY;
        struct timespec pause = {.tv_nsec = PAUSE * 1000000L};
        (void)nanosleep(&pause, NULL);
    }
}

void bi_file_lock_leave(bi_file_lock *lock) {
    if (bi_file_lock_is_ours(lock))
        drop_mutex(lock->fd);
}

/* --- The content ------------------------------------------------------------------------------ */

bool bi_file_lock_read(bi_file_lock *lock, bi_bytes *out, bi_file_trouble *trouble) {
    while (out->length < CONTENT_MAX) {
        if (!bi_bytes_reserve(out, PIECE)) {
            errno = ENOMEM;
            return bi_file_fail(trouble, "read");
        }
        ssize_t got = pread(lock->fd, out->data + out->length, PIECE, (off_t)out->length);
        if (got < 0 && errno != EINTR)
            return bi_file_fail(trouble, "read");
        if (got == 0)
            break;
        if (got > 0)
            out->length += (size_t)got;
        out->data[out->length] = '\0';
    }
    return true;
}

bool bi_file_lock_write(bi_file_lock *lock, const char *data, size_t length,
                        bi_file_trouble *trouble) {
    for (size_t at = 0; at < length;) {
        ssize_t done = pwrite(lock->fd, data + at, length - at, (off_t)at);
        if (done < 0 && errno != EINTR)
            return bi_file_fail(trouble, "write");
        at += done > 0 ? (size_t)done : 0;
    }
    return ftruncate(lock->fd, (off_t)length) == 0 || bi_file_fail(trouble, "write");
}
