/* A TCP server for the tests that does exactly what its script says, right or wrong: it answers
 * with given bytes and closes, resets or holds the connection. One thread per connection. Used
 * by the C unit tests alone. */
#ifndef RAW_SERVER_H
#define RAW_SERVER_H

#include <stdbool.h>
#include <stddef.h>

typedef enum raw_end {
    RAW_KEEP,  /* read the next request */
    RAW_CLOSE, /* an orderly end (FIN) */
    RAW_RESET, /* RST */
    RAW_HOLD   /* keep it open and silent until the client closes or the server stops */
} raw_end;

/* What happens with one request. */
typedef struct raw_step {
    const char *answer; /* borrowed; NULL: none */
    size_t length;      /* of the answer; 0: up to its NUL */
    int delay;          /* milliseconds before the answer */
    int end_delay;      /* milliseconds before the end */
    raw_end end;
    bool any; /* any bytes are a request (a TLS handshake) */
} raw_step;

typedef struct raw_server raw_server;

/* The n-th request of each connection gets the n-th step; the last step serves all later ones.
 * The steps are copied, the answers borrowed. Aborts the test program when the system fails.
 * Owned by the caller. */
raw_server *raw_server_start(const raw_step *steps, size_t count);

/* Closes everything, joins the threads, frees. */
void raw_server_stop(raw_server *server);

int raw_server_port(const raw_server *server);

/* Since the start. */
int raw_server_requests(raw_server *server);
int raw_server_connections(raw_server *server);

/* The most that were open at once. */
int raw_server_most_connections(raw_server *server);

/* The last whole request, as text. Borrowed; valid until the next call. */
const char *raw_server_last(raw_server *server);

#endif
