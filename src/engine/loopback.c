/* The listener of src/engine/loopback.h: a few visitors at a time, each read until its request is whole, answered, and
 * read to its end so that no reset overtakes the page. Browsers open connections that stay silent: nobody waits for
 * anybody else. */
#include "engine/loopback.h"

#include "core/callback.h"
#include "core/memory.h"
#include "core/secret.h"
#include "core/visit.h"
#include "engine/oclock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define VISITORS 16
#define PATIENCE 10000 /* milliseconds for a whole request, then as long again for its answer */
#define CROWDED 50     /* milliseconds until the next try when no descriptor is free */

#ifdef MSG_NOSIGNAL
#define SEND_FLAGS MSG_NOSIGNAL
#else
#define SEND_FLAGS 0
#endif

typedef enum stage { ABSENT, READING, WRITING, LEAVING } stage;

typedef struct visitor {
    stage stage;
    int fd; /* owned unless ABSENT */
    int64_t deadline;
    bi_bytes in, out; /* secret: a code stands in the one */
    size_t sent;
} visitor;

struct bi_loopback {
    int door; /* owned; -1 before it listens */
    unsigned port;
    char *path; /* owned, as page */
    char *page; /* NULL: our own */
    size_t page_length;
    bi_secret state;
    bi_bytes code;
    bi_failure failure;
    bi_loopback_outcome outcome;
    const visitor *chosen; /* borrowed: who brought the outcome, while his answer is under way */
    bool stranger;
    bool crowded; /* no descriptor was free for the next visitor */
    visitor visitors[VISITORS];
};

/* --- The door ----------------------------------------------------------------------------------------------------- */

/* Non-blocking, and not inherited by the browser that the program may start. */
static bool tame(int fd) {
    int flags = fcntl(fd, F_GETFL);
#ifdef SO_NOSIGPIPE
    int on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
           fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

/* A port that served a minute ago still has connections that linger: they must not keep it from being used again. */
static bool open_door(bi_loopback *loopback, unsigned port) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t size = sizeof name;
    int on = 1;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    loopback->door = socket(AF_INET, SOCK_STREAM, 0);
    if (loopback->door < 0 || !tame(loopback->door) ||
        setsockopt(loopback->door, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(loopback->door, (struct sockaddr *)&name, sizeof name) != 0 ||
        listen(loopback->door, SOMAXCONN) != 0 ||
        getsockname(loopback->door, (struct sockaddr *)&name, &size) != 0)
        return false;
    loopback->port = ntohs(name.sin_port);
    return true;
}

bi_loopback *bi_loopback_new(unsigned port, const char *path, const char *page,
                             size_t page_length) {
    bi_loopback *loopback = bi_alloc(sizeof *loopback);
    if (!loopback) {
        errno = ENOMEM;
        return NULL;
    }
    loopback->door = -1;
    loopback->code.secret = true;
    bi_failure_init(&loopback->failure);
    loopback->path = bi_copy(path, strlen(path));
    loopback->page = page ? bi_copy(page, page_length) : NULL;
    loopback->page_length = page_length;
    errno = ENOMEM;
    if (loopback->path && (loopback->page || !page) && open_door(loopback, port))
        return loopback;
    int reason = errno;
    bi_loopback_free(loopback);
    errno = reason;
    return NULL;
}

static void dismiss(bi_loopback *loopback, visitor *v) {
    if (v->stage == ABSENT)
        return;
    close(v->fd);
    bi_bytes_clear(&v->in);
    bi_bytes_clear(&v->out);
    *v = (visitor){0};
    if (loopback->chosen == v)
        loopback->chosen = NULL;
}

void bi_loopback_free(bi_loopback *loopback) {
    if (!loopback)
        return;
    for (size_t i = 0; i < VISITORS; i++)
        dismiss(loopback, &loopback->visitors[i]);
    if (loopback->door >= 0)
        close(loopback->door);
    bi_secret_clear(&loopback->state);
    bi_bytes_clear(&loopback->code);
    bi_failure_clear(&loopback->failure);
    bi_free(loopback->path);
    bi_free(loopback->page);
    bi_free(loopback);
}

unsigned bi_loopback_port(const bi_loopback *loopback) {
    return loopback->port;
}

bool bi_loopback_expect(bi_loopback *loopback, const char *state, size_t length) {
    loopback->stranger = false;
    return bi_secret_set(&loopback->state, state, length);
}

const bi_bytes *bi_loopback_code(const bi_loopback *loopback) {
    return &loopback->code;
}

const bi_failure *bi_loopback_failure(const bi_loopback *loopback) {
    return &loopback->failure;
}

bool bi_loopback_met_stranger(const bi_loopback *loopback) {
    return loopback->stranger;
}

/* --- Answers ------------------------------------------------------------------------------------------------------ */

static void begin_answer(visitor *v, int64_t now) {
    bi_bytes_clear(&v->in);
    v->stage = WRITING;
    v->deadline = now + PATIENCE;
}

static void refuse(visitor *v, const bi_visit *visit) {
    const char *text = visit->status == 404   ? "There is nothing at this address."
                       : visit->status == 405 ? "This address can only be opened in a browser."
                       : visit->status == 408 ? "The request took too long."
                       : visit->status == 413 ? "The request is too large."
                                              : "This is not a request that can be understood.";
    bi_visit_answer(&v->out, visit, "Nothing here", text);
}

static void welcome(bi_loopback *loopback, visitor *v, const bi_visit *visit) {
    if (loopback->page)
        bi_visit_answer_html(&v->out, visit, loopback->page, loopback->page_length);
    else
        bi_visit_answer(&v->out, visit, "Connected",
                        "You can close this page and go back to the program.");
}

/* What ends the wait: a code for our state, an error that the server sent, or no memory to tell which. */
static void settle(bi_loopback *loopback, visitor *v, bi_loopback_outcome outcome) {
    loopback->outcome = outcome;
    loopback->chosen = v;
}

static void receive(bi_loopback *loopback, visitor *v, bi_visit visit) {
    bi_failure failure;
    bi_failure_init(&failure);
    bi_bytes_reset(&loopback->code);
    const bi_secret *state = &loopback->state;
    bool good = bi_callback_read_query(&loopback->code, &failure, visit.query,
                                       state->text ? state->text : "", state->length);
    bool other = bi_failure_is(&failure, BI_CODE_STATE);
    if (good) {
        welcome(loopback, v, &visit);
        settle(loopback, v, BI_LOOPBACK_CODE);
    } else if (other || bi_failure_is(&failure, BI_CODE_ARGUMENT)) {
        loopback->stranger |= other;
        bi_bytes_reset(&loopback->code);
        visit.status = 400;
        bi_visit_answer(
            &v->out, &visit, "Not connected",
            other ? "This answer belongs to another attempt to connect. Go on with the newest one."
                  : "This address was opened without an answer of the service.");
    } else {
        bi_visit_answer(&v->out, &visit, "Not connected", bi_bytes_text(&failure.message));
        bi_failure_copy(&loopback->failure, &failure);
        settle(loopback, v, BI_LOOPBACK_FAILED);
    }
    bi_failure_clear(&failure);
}

static void answer(bi_loopback *loopback, visitor *v, bi_visit visit, int64_t now) {
    bool decided = loopback->outcome != BI_LOOPBACK_WAITING;
    if (visit.status == 200 && !decided) {
        receive(loopback, v, visit);
    } else {
        if (visit.status == 200)
            visit.status = 404;
        refuse(v, &visit);
    }
    if (v->out.failed)
        dismiss(loopback, v);
    else
        begin_answer(v, now);
}

/* --- Visitors ----------------------------------------------------------------------------------------------------- */

static bool would_block(void) {
    return errno == EAGAIN || errno == EINTR;
}

static void read_visitor(bi_loopback *loopback, visitor *v, int64_t now) {
    char chunk[4096];
    while (v->stage == READING) {
        ssize_t n = recv(v->fd, chunk, sizeof chunk, 0);
        if (n > 0) {
            bi_bytes_add(&v->in, chunk, (size_t)n);
            bi_wipe(chunk, (size_t)n);
        }
        if (n == 0 || (n < 0 && !would_block()) || v->in.failed)
            dismiss(loopback, v);
        if (n <= 0)
            return;
        if (v->stage != READING)
            return;
        bi_visit visit = bi_visit_read(v->in.data, v->in.length, loopback->path);
        if (visit.status)
            answer(loopback, v, visit, now);
    }
}

static void write_visitor(bi_loopback *loopback, visitor *v) {
    while (v->sent < v->out.length) {
        ssize_t n = send(v->fd, v->out.data + v->sent, v->out.length - v->sent, SEND_FLAGS);
        if (n < 0 && !would_block())
            dismiss(loopback, v);
        if (n < 0)
            return;
        v->sent += (size_t)n;
    }
    (void)shutdown(v->fd, SHUT_WR);
    v->stage = LEAVING;
}

/* What was sent and never read would make a reset of our goodbye, and the page would be lost. Not for ever, though. */
static void see_off(bi_loopback *loopback, visitor *v) {
    char chunk[4096];
    for (int i = 0; i < 16; i++) {
        ssize_t n = recv(v->fd, chunk, sizeof chunk, 0);
        if (n > 0)
            continue;
        if (n == 0 || !would_block())
            dismiss(loopback, v);
        return;
    }
}

static void expire(bi_loopback *loopback, visitor *v, int64_t now) {
    if (v->stage == ABSENT || now < v->deadline)
        return;
    if (v->stage != READING || v->in.length == 0)
        dismiss(loopback, v);
    else
        answer(loopback, v, (bi_visit){.status = 408}, now);
}

static void serve(bi_loopback *loopback, visitor *v, int64_t now) {
    expire(loopback, v, now);
    if (v->stage == READING)
        read_visitor(loopback, v, now);
    if (v->stage == WRITING)
        write_visitor(loopback, v);
    if (v->stage == LEAVING)
        see_off(loopback, v);
}

/* A free place, or that of whoever has been here longest and waits for no page; NULL: all are being answered. */
static visitor *find_place(bi_loopback *loopback) {
    visitor *oldest = NULL;
    for (size_t i = 0; i < VISITORS; i++) {
        visitor *v = &loopback->visitors[i];
        if (v->stage == ABSENT)
            return v;
        if (v->stage != WRITING && v != loopback->chosen &&
            (!oldest || v->deadline < oldest->deadline))
            oldest = v;
    }
    return oldest;
}

static void let_in(bi_loopback *loopback, int64_t now) {
    loopback->crowded = false;
    for (int i = 0; i < VISITORS; i++) {
        visitor *place = find_place(loopback);
        if (!place)
            return;
        int fd = accept(loopback->door, NULL, NULL);
        if (fd < 0) {
            loopback->crowded = !would_block() && errno != ECONNABORTED;
            return;
        }
        dismiss(loopback, place);
        if (!tame(fd)) {
            close(fd);
            continue;
        }
        *place = (visitor){.stage = READING, .fd = fd, .deadline = now + PATIENCE};
        place->in.secret = place->out.secret = true;
        serve(loopback, place, now);
    }
}

/* Until somebody has something for us, or waits for something of ours. */
static void wait_for_news(bi_loopback *loopback, int ms) {
    struct pollfd fds[VISITORS + 1];
    nfds_t count = 0;
    int64_t now = bi_clock_read().mono;
    for (size_t i = 0; i < VISITORS; i++) {
        const visitor *v = &loopback->visitors[i];
        if (v->stage == ABSENT)
            continue;
        fds[count++] =
            (struct pollfd){.fd = v->fd, .events = v->stage == WRITING ? POLLOUT : POLLIN};
        int64_t left = v->deadline > now ? v->deadline - now : 0;
        if (left < ms)
            ms = (int)left;
    }
    if (loopback->crowded && ms > CROWDED)
        ms = CROWDED;
    if (!loopback->crowded && find_place(loopback))
        fds[count++] = (struct pollfd){.fd = loopback->door, .events = POLLIN};
    (void)poll(fds, count, ms);
}

bi_loopback_outcome bi_loopback_step(bi_loopback *loopback, int ms) {
    if (ms > 0)
        wait_for_news(loopback, ms);
    int64_t now = bi_clock_read().mono;
    for (size_t i = 0; i < VISITORS; i++)
        serve(loopback, &loopback->visitors[i], now);
    let_in(loopback, now);
    bool told = !loopback->chosen || loopback->chosen->stage != WRITING;
    return told ? loopback->outcome : BI_LOOPBACK_WAITING;
}
