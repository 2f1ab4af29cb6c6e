/* The doorbell of src/engine/doorbell.h. Owns a thread, an epoll set with the engine's descriptor in it, and its end of
 * the connection; before the start the listening socket and what its path leads through. */
#include "engine/doorbell.h"

#include "core/memory.h"
#include "engine/fork.h"

#include <errno.h>
#include <stdatomic.h>

unsigned bi_doorbell_enroll(void) {
    static atomic_ulong generation;
    static atomic_uint users;
    bi_fork_watch();
    unsigned long now = bi_fork_generation();
    if (atomic_exchange(&generation, now) != now)
        atomic_store(&users, 0);
    return atomic_fetch_add(&users, 1) + 1;
}

#ifdef __linux__

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define STACK (size_t)(256 * 1024)

struct bi_doorbell {
    int descriptor;  /* borrowed: what is watched */
    int door;        /* owned until the start: the listening socket */
    int entry;       /* owned until the start: the socket's inode, which no folder names any more */
    int visitor;     /* owned: our end of the connection */
    int set;         /* owned: the epoll set */
    char path[128];  /* where to connect to */
    char folder[64]; /* to be removed, with the socket in it; "" when it was */
    pthread_t thread; /* while `running` */
    bool running;
    atomic_bool armed; /* a ring is wanted */
    atomic_bool over;  /* the thread has to end */
    unsigned long generation;
};

static void close_own(int *fd) {
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void remove_file(bi_doorbell *bell) {
    struct sockaddr_un name;
    if (!bell->folder[0])
        return;
    (void)snprintf(name.sun_path, sizeof name.sun_path, "%s/bell", bell->folder);
    (void)unlink(name.sun_path);
    (void)rmdir(bell->folder);
    bell->folder[0] = '\0';
}

/* --- The door ---------------------------------------------------------------------------------------------------- */

/* mkdtemp makes it 0700. A worker may run as a user who can write in few places. */
static bool make_folder(bi_doorbell *bell) {
    const char *const places[] = {getenv("TMPDIR"), "/tmp", "/dev/shm", "/var/tmp", "/run"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (!places[i] || strlen(places[i]) > 32)
            continue;
        (void)snprintf(bell->folder, sizeof bell->folder, "%s/better-i18n.XXXXXX", places[i]);
        if (mkdtemp(bell->folder))
            return true;
    }
    bell->folder[0] = '\0';
    return false;
}

static bool open_door(bi_doorbell *bell) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    if (!make_folder(bell))
        return false;
    (void)snprintf(name.sun_path, sizeof name.sun_path, "%s/bell", bell->folder);
    bell->door = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (bell->door < 0 || bind(bell->door, (struct sockaddr *)&name, sizeof name) != 0 ||
        listen(bell->door, 1) != 0)
        return false;
    memcpy(bell->path, name.sun_path, sizeof name.sun_path);
    return true;
}

/* A socket can be connected to through a descriptor of its inode, even when that has no name any more: then nobody
 * else finds it, and a process that is killed leaves no file. */
static void hide_door(bi_doorbell *bell) {
    bell->entry = open(bell->path, O_PATH | O_CLOEXEC);
    char through[sizeof bell->path];
    (void)snprintf(through, sizeof through, "/proc/self/fd/%d", bell->entry);
    if (bell->entry < 0 || access(through, F_OK) != 0)
        return;
    memcpy(bell->path, through, sizeof through);
    remove_file(bell);
}

bi_doorbell *bi_doorbell_new(int descriptor) {
    bi_fork_watch();
    bi_doorbell *bell = bi_alloc(sizeof *bell);
    if (!bell) {
        errno = ENOMEM;
        return NULL;
    }
    bell->descriptor = descriptor;
    bell->door = bell->entry = bell->visitor = bell->set = -1;
    bell->generation = bi_fork_generation();
    if (!open_door(bell)) {
        int reason = errno;
        bi_doorbell_free(bell);
        errno = reason;
        return NULL;
    }
    hide_door(bell);
    return bell;
}

const char *bi_doorbell_path(const bi_doorbell *bell) {
    return bell->path;
}

/* --- The thread -------------------------------------------------------------------------------------------------- */

static void *watch(void *user) {
    bi_doorbell *bell = user;
    (void)pthread_setname_np(pthread_self(), "better-i18n");
    for (;;) {
        struct epoll_event event;
        int n = epoll_wait(bell->set, &event, 1, BI_DOORBELL_TICK);
        if (atomic_load(&bell->over) || (n < 0 && errno != EINTR))
            return NULL;
        if (atomic_exchange(&bell->armed, false))
            (void)send(bell->visitor, "!", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
}

/* The process's signals are for its own threads: nginx has handlers that must not run in ours. */
static bool start_thread(bi_doorbell *bell) {
    sigset_t all, before;
    pthread_attr_t attributes;
    (void)sigfillset(&all);
    int reason = pthread_attr_init(&attributes);
    if (reason == 0) {
        (void)pthread_attr_setstacksize(&attributes, STACK);
        (void)pthread_sigmask(SIG_SETMASK, &all, &before);
        reason = pthread_create(&bell->thread, &attributes, watch, bell);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
        (void)pthread_attr_destroy(&attributes);
    }
    bell->running = reason == 0;
    errno = reason;
    return bell->running;
}

/* Whoever else comes through the door is sent away: what is rung would be harmless, but the ring would be lost. */
static bool is_ours(int visitor) {
    struct ucred who;
    socklen_t size = sizeof who;
    return getsockopt(visitor, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 && who.pid == getpid();
}

static bool let_in(bi_doorbell *bell) {
    do {
        close_own(&bell->visitor);
        bell->visitor = accept4(bell->door, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    } while (bell->visitor >= 0 && !is_ours(bell->visitor));
    return bell->visitor >= 0;
}

static bool watch_descriptor(bi_doorbell *bell, int operation, uint32_t events) {
    struct epoll_event event = {.events = events};
    return epoll_ctl(bell->set, operation, bell->descriptor, &event) == 0;
}

bool bi_doorbell_start(bi_doorbell *bell) {
    if (bell->running || !let_in(bell))
        return false;
    remove_file(bell);
    close_own(&bell->door);
    close_own(&bell->entry);
    bell->set = epoll_create1(EPOLL_CLOEXEC);
    return bell->set >= 0 && watch_descriptor(bell, EPOLL_CTL_ADD, EPOLLONESHOT) &&
           start_thread(bell);
}

/* Wanted first, then watched: news in between rings, and what is consumed without a wish for it is watched anew. News
 * that is there already is left to the thread, too: rung from here, other requests waited longer (bench/nginx latency). */
void bi_doorbell_arm(bi_doorbell *bell) {
    if (!bell->running)
        return;
    atomic_store(&bell->armed, true);
    (void)watch_descriptor(bell, EPOLL_CTL_MOD, EPOLLIN | EPOLLONESHOT);
}

/* The connection can always be written to, or is closed: as soon as it is watched, the thread wakes. */
static void end_thread(bi_doorbell *bell) {
    struct epoll_event event = {.events = EPOLLOUT};
    atomic_store(&bell->over, true);
    (void)epoll_ctl(bell->set, EPOLL_CTL_ADD, bell->visitor, &event);
    (void)pthread_join(bell->thread, NULL);
}

void bi_doorbell_free(bi_doorbell *bell) {
    if (!bell)
        return;
    bool foreign = bell->generation != bi_fork_generation();
    if (bell->running && !foreign)
        end_thread(bell);
    if (!foreign)
        remove_file(bell);
    close_own(&bell->visitor);
    close_own(&bell->set);
    close_own(&bell->door);
    close_own(&bell->entry);
    bi_free(bell);
}

#else /* no epoll: whoever asks is told so, and polls */

bi_doorbell *bi_doorbell_new(int descriptor) {
    (void)descriptor;
    errno = ENOSYS;
    return NULL;
}

const char *bi_doorbell_path(const bi_doorbell *bell) {
    (void)bell;
    return "";
}

bool bi_doorbell_start(bi_doorbell *bell) {
    (void)bell;
    return false;
}

void bi_doorbell_arm(bi_doorbell *bell) {
    (void)bell;
}

void bi_doorbell_free(bi_doorbell *bell) {
    (void)bell;
}

#endif
