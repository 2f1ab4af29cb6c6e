/* The poller of src/engine/poller.h on Linux: an epoll set with a timerfd in it. Owns these two
 * descriptors and a table of sockets, indexed by descriptor; the sockets themselves are
 * libcurl's. */
#include "engine/poller.h"

#include "core/memory.h"
#include "engine/oclock.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

typedef struct socket_entry {
    void *owner;        /* borrowed */
    uint8_t wanted;     /* what the owner waits for now */
    uint8_t registered; /* what the epoll set has; 0: not in the set */
    bool adopted;       /* open, and its closing will be announced */
    ino_t inode;        /* of an adopted socket: tells it from whatever gets its number later */
} socket_entry;

struct bi_poller {
    int set;               /* owned: epoll */
    int timer;             /* owned: timerfd */
    int64_t armed;         /* when the timer fires; NEVER: it is not armed */
    bool fired;            /* it is readable until it is set again */
    socket_entry *sockets; /* owned */
    size_t room;
};

#define BATCH 64

static bool open_descriptors(bi_poller *poller) {
    poller->set = epoll_create1(EPOLL_CLOEXEC);
    if (poller->set < 0)
        return false;
    poller->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (poller->timer < 0)
        return false;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = poller->timer};
    return epoll_ctl(poller->set, EPOLL_CTL_ADD, poller->timer, &event) == 0;
}

bi_poller *bi_poller_new(void) {
    bi_poller *poller = bi_alloc(sizeof *poller);
    if (!poller) {
        errno = ENOMEM;
        return NULL;
    }
    poller->set = poller->timer = -1;
    poller->armed = BI_POLLER_NEVER;
    if (!open_descriptors(poller)) {
        int reason = errno;
        bi_poller_free(poller);
        errno = reason;
        return NULL;
    }
    return poller;
}

void bi_poller_free(bi_poller *poller) {
    if (!poller)
        return;
    if (poller->timer >= 0)
        close(poller->timer);
    if (poller->set >= 0)
        close(poller->set);
    bi_free(poller->sockets);
    bi_free(poller);
}

/* A program that forks may have closed everything and opened files of its own under the same numbers. */
static bool has_type(int fd, mode_t type, ino_t inode) {
    struct stat status;
    return fstat(fd, &status) == 0 && (status.st_mode & S_IFMT) == type &&
           (inode == 0 || status.st_ino == inode);
}

void bi_poller_abandon(bi_poller *poller) {
    if (!poller)
        return;
    for (size_t fd = 0; fd < poller->room; fd++) {
        const socket_entry *entry = &poller->sockets[fd];
        if ((entry->adopted || entry->registered) && has_type((int)fd, S_IFSOCK, entry->inode))
            close((int)fd);
    }
    if (!has_type(poller->set, 0, 0)) /* epoll sets and timers have no type of file */
        poller->set = -1;
    if (!has_type(poller->timer, 0, 0))
        poller->timer = -1;
    bi_poller_free(poller);
}

int bi_poller_descriptor(const bi_poller *poller) {
    return poller->set;
}

static socket_entry *find(bi_poller *poller, int fd) {
    return fd >= 0 && (size_t)fd < poller->room ? &poller->sockets[fd] : NULL;
}

static socket_entry *find_or_make(bi_poller *poller, int fd) {
    socket_entry *entry = find(poller, fd);
    if (entry || fd < 0)
        return entry;
    size_t room = poller->room ? poller->room : 32;
    while (room <= (size_t)fd)
        room *= 2;
    socket_entry *sockets = bi_realloc(poller->sockets, room * sizeof *sockets);
    if (!sockets)
        return NULL;
    memset(sockets + poller->room, 0, (room - poller->room) * sizeof *sockets);
    poller->sockets = sockets;
    poller->room = room;
    return &sockets[fd];
}

bool bi_poller_adopt(bi_poller *poller, int fd) {
    socket_entry *entry = find_or_make(poller, fd);
    if (!entry)
        return false;
    struct stat status;
    *entry = (socket_entry){.adopted = true, .inode = fstat(fd, &status) == 0 ? status.st_ino : 0};
    return true;
}

static void unregister(bi_poller *poller, int fd, socket_entry *entry) {
    /* Not left to close(): a child of fork may hold the socket open, and then it would stay in
     * the set as a ghost. */
    struct epoll_event event = {0};
    if (entry->registered)
        (void)epoll_ctl(poller->set, EPOLL_CTL_DEL, fd, &event);
    entry->registered = 0;
}

void bi_poller_drop(bi_poller *poller, int fd) {
    socket_entry *entry = find(poller, fd);
    if (!entry)
        return;
    unregister(poller, fd, entry);
    *entry = (socket_entry){0};
}

static bool enter(bi_poller *poller, int fd, socket_entry *entry, unsigned what) {
    struct epoll_event event = {
        .events = (what & BI_POLLER_READ ? EPOLLIN : 0u) | (what & BI_POLLER_WRITE ? EPOLLOUT : 0u),
        .data.fd = fd,
    };
    int result =
        epoll_ctl(poller->set, entry->registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
    if (result != 0 && errno == EEXIST)
        result = epoll_ctl(poller->set, EPOLL_CTL_MOD, fd, &event);
    entry->registered = result == 0 ? (uint8_t)what : 0;
    return result == 0;
}

bool bi_poller_watch(bi_poller *poller, int fd, unsigned what, void *owner) {
    socket_entry *entry = what ? find_or_make(poller, fd) : find(poller, fd);
    if (!entry)
        return !what;
    entry->owner = owner;
    entry->wanted = (uint8_t)what;
    if (!what) {
        if (!entry->adopted)
            bi_poller_drop(poller, fd);
        return true;
    }
    return entry->registered == what || enter(poller, fd, entry, what);
}

static void set_timer(bi_poller *poller, int64_t deadline) {
    struct itimerspec time = {0}; /* all zero: off */
    if (deadline != BI_POLLER_NEVER) {
        if (deadline <= 0)
            deadline = 1;
        time.it_value.tv_sec = (time_t)(deadline / 1000000000);
        time.it_value.tv_nsec = (long)(deadline % 1000000000);
    }
    (void)timerfd_settime(poller->timer, TFD_TIMER_ABSTIME, &time, NULL);
    poller->armed = deadline;
    poller->fired = false;
}

void bi_poller_alarm(bi_poller *poller, int64_t deadline) {
    /* A timer that fires too early costs one needless step; that is rarer than one system call
     * per request. */
    if (poller->fired || deadline < poller->armed)
        set_timer(poller, deadline);
}

/* True when the event is to be told to the owner. */
static bool translate(bi_poller *poller, const struct epoll_event *from, bi_poller_event *to) {
    int fd = from->data.fd;
    if (fd == poller->timer) {
        poller->fired = true;
        return false;
    }
    socket_entry *entry = find(poller, fd);
    if (!entry || !entry->registered)
        return false;
    if (!entry->wanted) {
        unregister(poller, fd, entry); /* closed by the server while idle */
        return false;
    }
    *to = (bi_poller_event){.fd = fd, .owner = entry->owner};
    to->what = (from->events & (EPOLLIN | EPOLLHUP | EPOLLERR) ? BI_POLLER_READ : 0u) |
               (from->events & EPOLLOUT ? BI_POLLER_WRITE : 0u) |
               (from->events & EPOLLERR ? BI_POLLER_ERROR : 0u);
    return true;
}

int bi_poller_wait(bi_poller *poller, int64_t timeout, bi_poller_event *events, int room) {
    struct epoll_event raw[BATCH];
    int wait = timeout < 0 ? -1 : timeout > INT_MAX ? INT_MAX : (int)timeout;
    int size = room < BATCH ? room : BATCH;
    int n, count = 0;
    do {
        n = epoll_wait(poller->set, raw, size, wait);
        for (int i = 0; i < n; i++)
            if (translate(poller, &raw[i], &events[count]))
                count++;
        wait = 0;
    } while (n == size &&
             count ==
                 0); /* a batch of nothing but idle sockets: those worth telling come after it */
    return count;
}
