/* The poller of src/engine/poller.h with nothing but poll(): for systems where no one descriptor can stand for many
 * (make POLLER=poll; tested on Linux too). It has no descriptor: scripts wait in bi_poller_wait, event loops step on a
 * short timer while calls are under way. Owns a table of sockets, indexed by descriptor; the sockets are libcurl's. */
#include "engine/poller.h"

#include "core/memory.h"
#include "engine/oclock.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

typedef struct socket_entry {
    void *owner;    /* borrowed */
    uint8_t wanted; /* what the owner waits for now */
    bool adopted;   /* open, and its closing will be announced */
} socket_entry;

struct bi_poller {
    socket_entry *sockets; /* owned */
    struct pollfd *set;    /* owned: room for all of them */
    size_t room;
    int64_t deadline; /* bi_clock_nanos, or NEVER */
};

bi_poller *bi_poller_new(void) {
    bi_poller *poller = bi_alloc(sizeof *poller);
    if (poller)
        poller->deadline = BI_POLLER_NEVER;
    else
        errno = ENOMEM;
    return poller;
}

void bi_poller_free(bi_poller *poller) {
    if (!poller)
        return;
    bi_free(poller->sockets);
    bi_free(poller->set);
    bi_free(poller);
}

void bi_poller_abandon(bi_poller *poller) {
    for (size_t fd = 0; poller && fd < poller->room; fd++)
        if (poller->sockets[fd].adopted || poller->sockets[fd].wanted)
            close((int)fd);
    bi_poller_free(poller);
}

int bi_poller_descriptor(const bi_poller *poller) {
    (void)poller;
    return -1;
}

static socket_entry *find(bi_poller *poller, int fd) {
    return fd >= 0 && (size_t)fd < poller->room ? &poller->sockets[fd] : NULL;
}

static bool grow(bi_poller *poller, size_t room) {
    struct pollfd *set = bi_realloc(poller->set, room * sizeof *set);
    if (!set)
        return false;
    poller->set = set;
    socket_entry *sockets = bi_realloc(poller->sockets, room * sizeof *sockets);
    if (!sockets)
        return false;
    memset(sockets + poller->room, 0, (room - poller->room) * sizeof *sockets);
    poller->sockets = sockets;
    poller->room = room;
    return true;
}

static socket_entry *find_or_make(bi_poller *poller, int fd) {
    socket_entry *entry = find(poller, fd);
    if (entry || fd < 0)
        return entry;
    size_t room = poller->room ? poller->room : 32;
    while (room <= (size_t)fd)
        room *= 2;
    return grow(poller, room) ? &poller->sockets[fd] : NULL;
}

bool bi_poller_adopt(bi_poller *poller, int fd) {
    socket_entry *entry = find_or_make(poller, fd);
    if (!entry)
        return false;
    *entry = (socket_entry){.adopted = true};
    return true;
}

void bi_poller_drop(bi_poller *poller, int fd) {
    socket_entry *entry = find(poller, fd);
    if (entry)
        *entry = (socket_entry){0};
}

bool bi_poller_watch(bi_poller *poller, int fd, unsigned what, void *owner) {
    socket_entry *entry = what ? find_or_make(poller, fd) : find(poller, fd);
    if (!entry)
        return !what;
    entry->owner = owner;
    entry->wanted = (uint8_t)what;
    return true;
}

void bi_poller_alarm(bi_poller *poller, int64_t deadline) {
    poller->deadline = deadline;
}

/* The caller's limit or the alarm, whichever is sooner; a part of a millisecond counts as a whole one. */
static int limit(const bi_poller *poller, int64_t timeout) {
    if (poller->deadline != BI_POLLER_NEVER) {
        int64_t left = poller->deadline - bi_clock_nanos();
        int64_t most = left > 0 ? left / 1000000 + 1 : 0;
        if (timeout < 0 || most < timeout)
            timeout = most;
    }
    return timeout < 0 ? -1 : timeout > INT_MAX ? INT_MAX : (int)timeout;
}

static nfds_t gather(bi_poller *poller) {
    nfds_t count = 0;
    for (size_t fd = 0; fd < poller->room; fd++) {
        unsigned wanted = poller->sockets[fd].wanted;
        if (wanted)
            poller->set[count++] = (struct pollfd){
                .fd = (int)fd,
                .events = (short)((wanted & BI_POLLER_READ ? POLLIN : 0) |
                                  (wanted & BI_POLLER_WRITE ? POLLOUT : 0)),
            };
    }
    return count;
}

static unsigned translate(short events) {
    return (events & (POLLIN | POLLHUP | POLLERR | POLLNVAL) ? BI_POLLER_READ : 0u) |
           (events & POLLOUT ? BI_POLLER_WRITE : 0u) |
           (events & (POLLERR | POLLNVAL) ? BI_POLLER_ERROR : 0u);
}

int bi_poller_wait(bi_poller *poller, int64_t timeout, bi_poller_event *events, int room) {
    nfds_t size = gather(poller);
    int count = 0;
    if (poll(poller->set, size, limit(poller, timeout)) <= 0)
        return 0;
    for (nfds_t i = 0; i < size && count < room; i++) {
        const struct pollfd *ready = &poller->set[i];
        if (ready->revents)
            events[count++] = (bi_poller_event){
                .fd = ready->fd,
                .owner = poller->sockets[ready->fd].owner,
                .what = translate(ready->revents),
            };
    }
    return count;
}
