/* All sockets of one engine and its timer behind ONE pollable descriptor. Knows sockets, not
 * libcurl. Called by the transport alone. The epoll variant is poller.c; kqueue or poll() can
 * stand behind the same functions. */
#ifndef BI_ENGINE_POLLER_H
#define BI_ENGINE_POLLER_H

#include <stdbool.h>
#include <stdint.h>

typedef struct bi_poller bi_poller;

#define BI_POLLER_READ 1u
#define BI_POLLER_WRITE 2u
#define BI_POLLER_ERROR 4u
#define BI_POLLER_NEVER INT64_MAX

typedef struct bi_poller_event {
    int fd;
    unsigned what; /* READ, WRITE, ERROR */
    void *owner;   /* borrowed: as given to bi_poller_watch */
} bi_poller_event;

/* NULL: no memory or no descriptors (errno tells). Owned by the caller. */
bi_poller *bi_poller_new(void);

/* Closes the poller's own descriptors; the sockets are their owners'. NULL is fine. */
void bi_poller_free(bi_poller *poller);

/* In a child that inherited it by fork: closes the raw descriptors, those of all sockets too,
 * and frees. It must not touch the epoll set: that is shared with the parent, and what the child
 * removes is gone there as well. */
void bi_poller_abandon(bi_poller *poller);

/* Readable when bi_poller_wait has something to tell. Borrowed; never close it. */
int bi_poller_descriptor(const bi_poller *poller);

/* Makes room for a socket whose closing will be announced (bi_poller_drop), so that watching it
 * can rest without a system call. False: no memory, nothing was done. */
bool bi_poller_adopt(bi_poller *poller, int fd);

/* An adopted socket is about to be closed. Unknown ones are fine. */
void bi_poller_drop(bi_poller *poller, int fd);

/* Sets what is waited for on a socket; 0: nothing. An adopted socket stays registered then,
 * because the next request will want it again: an event while nothing is waited for means that
 * the server closed it, and it leaves the set (level-triggered, it would spin). Any other socket
 * is forgotten at 0: its owner may close it unannounced. False: no memory; the socket is not
 * watched. */
bool bi_poller_watch(bi_poller *poller, int fd, unsigned what, void *owner);

/* The poller must turn readable at `deadline` (bi_clock_nanos), or never. It may also do so
 * earlier: the timer is re-armed only when the deadline moves earlier, which spares a system
 * call per request. To be called after every bi_poller_wait, else a timer that has fired stays
 * readable. */
void bi_poller_alarm(bi_poller *poller, int64_t deadline);

/* Waits at most `timeout` milliseconds (0: not at all, negative: no limit) and fills `events`.
 * Returns how many; 0 also when the timer or a signal ended the wait. */
int bi_poller_wait(bi_poller *poller, int64_t timeout, bi_poller_event *events, int room);

#endif
