/* A disk that fails when it is told to: preloaded (LD_PRELOAD) into a program under test.
 * BAD_DISK lists "<function>:<n>:<how>", separated by commas; the function is open, read, write, fsync, close or rename,
 * n counts its calls on paths that end in BAD_DISK_PATH, and how is ENOSPC, EIO, EINTR, EACCES, or SHORT (half of what
 * was to be written is). Used by spec/store_file_spec.lua. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum { OPEN, READ, WRITE, FSYNC, CLOSE, RENAME, FUNCTIONS };

static const char *const names[FUNCTIONS] = {"open", "read", "write", "fsync", "close", "rename"};
static int calls[FUNCTIONS];

#define SHORT_WRITE (-1)

static int reason_of(const char *how) {
    static const struct {
        const char *name;
        int reason;
    } known[] = {{"ENOSPC", ENOSPC},
                 {"EIO", EIO},
                 {"EINTR", EINTR},
                 {"EACCES", EACCES},
                 {"SHORT", SHORT_WRITE}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strncmp(how, known[i].name, strlen(known[i].name)) == 0)
            return known[i].reason;
    fprintf(stderr, "bad_disk: %s is not known\n", how);
    exit(97);
}

static int is_meant(const char *path) {
    const char *end = getenv("BAD_DISK_PATH");
    size_t length = path ? strlen(path) : 0;
    return end && length >= strlen(end) && strcmp(path + length - strlen(end), end) == 0;
}

/* 0, or how this call is to fail. */
static int fault(int function, const char *path) {
    const char *rule = getenv("BAD_DISK");
    if (!rule || !is_meant(path))
        return 0;
    int n = ++calls[function];
    for (; rule; rule = strchr(rule, ',') ? strchr(rule, ',') + 1 : NULL) {
        size_t length = strlen(names[function]);
        char *end;
        if (strncmp(rule, names[function], length) != 0 || rule[length] != ':')
            continue;
        if (strtol(rule + length + 1, &end, 10) == n && *end == ':')
            return reason_of(end + 1);
    }
    return 0;
}

static int fault_of_fd(int function, int fd) {
    char link[64], path[4096];
    if (!getenv("BAD_DISK"))
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length > 0 ? length : 0] = '\0';
    return fault(function, path);
}

static int fail(int reason) {
    errno = reason;
    return -1;
}

#define REAL(type, name) (type) dlsym(RTLD_NEXT, name)

int open(const char *path, int flags, ...) {
    int (*real)(const char *, int, ...) = REAL(int (*)(const char *, int, ...), "open");
    int reason = fault(OPEN, path);
    va_list list;
    va_start(list, flags);
    mode_t mode = flags & O_CREAT ? va_arg(list, mode_t) : 0;
    va_end(list);
    return reason ? fail(reason) : real(path, flags, mode);
}

ssize_t read(int fd, void *data, size_t length) {
    ssize_t (*real)(int, void *, size_t) = REAL(ssize_t(*)(int, void *, size_t), "read");
    int reason = fault_of_fd(READ, fd);
    return reason ? fail(reason) : real(fd, data, length);
}

ssize_t write(int fd, const void *data, size_t length) {
    ssize_t (*real)(int, const void *, size_t) =
        REAL(ssize_t(*)(int, const void *, size_t), "write");
    int reason = fault_of_fd(WRITE, fd);
    if (reason == SHORT_WRITE)
        return real(fd, data, (length + 1) / 2);
    return reason ? fail(reason) : real(fd, data, length);
}

int fsync(int fd) {
    int (*real)(int) = REAL(int (*)(int), "fsync");
    int reason = fault_of_fd(FSYNC, fd);
    return reason ? fail(reason) : real(fd);
}

int close(int fd) {
    int (*real)(int) = REAL(int (*)(int), "close");
    int reason = fault_of_fd(CLOSE, fd);
    int done = real(fd);
    return reason ? fail(reason) : done;
}

int rename(const char *from, const char *to) {
    int (*real)(const char *, const char *) = REAL(int (*)(const char *, const char *), "rename");
    int reason = fault(RENAME, from);
    return reason ? fail(reason) : real(from, to);
}
