/* Reading and replacing files that hold secrets (src/engine/file.h). Owns nothing beyond a call. */
#include "engine/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINKS_MAX 32
#define ASIDE_MAX 10000
#define PIECE (size_t)16384

bool bi_file_fail(bi_file_trouble *trouble, const char *step) {
    *trouble = (bi_file_trouble){.step = step, .reason = errno};
    return false;
}

static bool fail_with(bi_file_trouble *trouble, const char *step, int reason) {
    errno = reason;
    return bi_file_fail(trouble, step);
}

/* Ends with a failure; `fd` is closed, errno stays that of the failure. */
static bool fail_and_close(bi_file_trouble *trouble, const char *step, int fd) {
    bi_file_fail(trouble, step);
    close(fd);
    return false;
}

/* --- Paths ------------------------------------------------------------------------------------ */

/* Replaces `out` by the two texts. */
static bool put(bi_bytes *out, const char *text, const char *more, bi_file_trouble *trouble) {
    bi_bytes_reset(out);
    return (bi_bytes_add_text(out, text) && bi_bytes_add_text(out, more)) ||
           fail_with(trouble, "name", ENOMEM);
}

/* Leaves the folder, with the slash behind it. */
static void cut_to_folder(bi_bytes *path) {
    while (path->length > 0 && path->data[path->length - 1] != '/')
        path->data[--path->length] = '\0';
}

bool bi_file_absolute(const char *path, bi_bytes *out, bi_file_trouble *trouble) {
    char folder[PATH_MAX];
    if (path[0] == '/')
        return put(out, path, "", trouble);
    if (!getcwd(folder, sizeof folder))
        return bi_file_fail(trouble, "find the working folder for");
    return put(out, folder, "/", trouble) &&
           (bi_bytes_add_text(out, path) || fail_with(trouble, "name", ENOMEM));
}

bool bi_file_resolve(const char *path, bi_bytes *out, bi_file_trouble *trouble) {
    char target[PATH_MAX];
    if (!put(out, path, "", trouble))
        return false;
    for (int links = 0; links < LINKS_MAX; links++) {
        ssize_t length = readlink(bi_bytes_text(out), target, sizeof target);
        if (length < 0) /* EINVAL: no link. What else is wrong shows when the file is opened. */
            return errno == EINVAL || errno == ENOENT || bi_file_fail(trouble, "look at");
        if ((size_t)length == sizeof target)
            return fail_with(trouble, "follow", ENAMETOOLONG);
        if (target[0] == '/')
            bi_bytes_reset(out);
        else
            cut_to_folder(out);
        if (!bi_bytes_add(out, target, (size_t)length))
            return fail_with(trouble, "name", ENOMEM);
    }
    return fail_with(trouble, "follow", ELOOP);
}

/* A descriptor of the folder that the file lies in. */
static int open_folder(const char *path) {
    bi_bytes folder = {0};
    int fd = -1;
    if (bi_bytes_add_text(&folder, path)) {
        cut_to_folder(&folder);
        fd = open(bi_bytes_text(&folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    } else {
        errno = ENOMEM;
    }
    int reason = errno;
    bi_bytes_clear(&folder);
    errno = reason;
    return fd;
}

/* --- Reading ---------------------------------------------------------------------------------- */

static bool is_private(int fd, bi_file_trouble *trouble) {
    struct stat about;
    if (fstat(fd, &about) != 0)
        return bi_file_fail(trouble, "look at");
    if (!S_ISREG(about.st_mode))
        return fail_with(trouble, "use what is no regular file at", EINVAL);
    if (about.st_size > BI_FILE_MAX)
        return fail_with(trouble, "read", EFBIG);
    *trouble = (bi_file_trouble){.step = "use", .mode = about.st_mode & 07777};
    return (about.st_mode & (S_IRWXG | S_IRWXO)) == 0;
}

static bool read_all(int fd, bi_bytes *out, bi_file_trouble *trouble) {
    for (;;) {
        if (!bi_bytes_reserve(out, PIECE))
            return fail_with(trouble, "read", ENOMEM);
        ssize_t got = read(fd, out->data + out->length, PIECE);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return bi_file_fail(trouble, "read");
        out->length += (size_t)got;
        out->data[out->length] = '\0';
        if (got == 0)
            return true;
        if (out->length > (size_t)BI_FILE_MAX)
            return fail_with(trouble, "read", EFBIG);
    }
}

/* The file is not there: is its folder? */
static bi_file_status absent(const char *path, bi_file_trouble *trouble) {
    int folder = open_folder(path);
    if (folder < 0 && errno == ENOENT) {
        bi_file_fail(trouble, "find the folder of");
        return BI_FILE_FAILED;
    }
    if (folder >= 0)
        close(folder);
    return BI_FILE_ABSENT;
}

bi_file_status bi_file_read(const char *path, bi_bytes *out, bi_file_trouble *trouble) {
    /* Not blocking: what lies there may be a pipe. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && errno == ENOENT)
        return absent(path, trouble);
    if (fd < 0) {
        bi_file_fail(trouble, "open");
        return BI_FILE_FAILED;
    }
    bool done = is_private(fd, trouble) && read_all(fd, out, trouble);
    close(fd);
    return done ? BI_FILE_OK : BI_FILE_FAILED;
}

/* --- Replacing -------------------------------------------------------------------------------- */

static bool write_all(int fd, const char *data, size_t length, bi_file_trouble *trouble) {
    while (length > 0) {
        ssize_t done = write(fd, data, length);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return bi_file_fail(trouble, "write");
        data += done;
        length -= (size_t)done;
    }
    return true;
}

static int sync_fd(int fd) {
    int done;
    do {
#ifdef F_FULLFSYNC /* where fsync alone stops at the drive's own cache */
        done = fcntl(fd, F_FULLFSYNC) == 0 ? 0 : fsync(fd);
#else
        done = fsync(fd);
#endif
    } while (done != 0 && errno == EINTR);
    return done;
}

/* A root that runs a task must not take the file away from the program it belongs to. */
static bool keep_owner(int fd, const char *path) {
    struct stat about;
    if (stat(path, &about) != 0 || about.st_uid == geteuid())
        return true;
    return fchown(fd, about.st_uid, about.st_gid) == 0;
}

/* Closed in any case; what was written is on the disk. */
static bool fill(int fd, const char *path, const void *data, size_t length,
                 bi_file_trouble *trouble) {
    if (fchmod(fd, S_IRUSR | S_IWUSR) != 0 || !keep_owner(fd, path))
        return fail_and_close(trouble, "set the owner and mode of the successor of", fd);
    if (!write_all(fd, data, length, trouble)) {
        close(fd);
        return false;
    }
    if (sync_fd(fd) != 0)
        return fail_and_close(trouble, "sync", fd);
    /* Interrupted or not, it is closed, and the content was synced. */
    return close(fd) == 0 || errno == EINTR || bi_file_fail(trouble, "close");
}

static bool sync_folder(const char *path, bi_file_trouble *trouble) {
    int fd = open_folder(path);
    if (fd < 0) /* a folder that may be written but not read cannot be synced by us */
        return errno == EACCES || bi_file_fail(trouble, "sync the folder of");
    if (sync_fd(fd) != 0 && errno != EINVAL) /* EINVAL: this file system syncs no folders */
        return fail_and_close(trouble, "sync the folder of", fd);
    close(fd);
    return true;
}

static bool write_aside(const char *path, const char *temporary, const void *data, size_t length,
                        bi_file_trouble *trouble) {
    /* There is one writer: a file of that name was left by one that was killed. */
    (void)unlink(temporary);
    int fd =
        open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0)
        return bi_file_fail(trouble, "create the successor of");
    if (!fill(fd, path, data, length, trouble)) {
        (void)unlink(temporary);
        return false;
    }
    if (rename(temporary, path) == 0)
        return true;
    bi_file_fail(trouble, "rename the successor of");
    (void)unlink(temporary);
    return false;
}

bool bi_file_replace(const char *path, const void *data, size_t length, bi_file_trouble *trouble) {
    bi_bytes temporary = {0};
    bool done = put(&temporary, path, ".tmp", trouble) &&
                write_aside(path, bi_bytes_text(&temporary), data, length, trouble) &&
                sync_folder(path, trouble);
    bi_bytes_clear(&temporary);
    return done;
}

/* --- Setting aside ---------------------------------------------------------------------------- */

/* Takes the first free name by an empty file of our own, over which the rename then goes: no earlier one is lost. */
static bool reserve_name(const char *path, bi_bytes *aside, bi_file_trouble *trouble) {
    for (int n = 1; n < ASIDE_MAX; n++) {
        char suffix[32];
        (void)snprintf(suffix, sizeof suffix, ".corrupt-%d", n);
        if (!put(aside, path, suffix, trouble))
            return false;
        int fd =
            open(bi_bytes_text(aside), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
        if (fd >= 0) {
            close(fd);
            return true;
        }
        if (errno != EEXIST)
            break;
    }
    return bi_file_fail(trouble, "set aside");
}

bool bi_file_set_aside(const char *path, bi_bytes *aside, bi_file_trouble *trouble) {
    if (!reserve_name(path, aside, trouble))
        return false;
    /* Not synced: after a power failure it would be found and set aside again. */
    if (rename(path, bi_bytes_text(aside)) == 0)
        return true;
    bi_file_fail(trouble, "set aside");
    (void)unlink(bi_bytes_text(aside));
    return false;
}
