/* The scripted TCP server of raw_server.h. */
#include "raw_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_CONNECTIONS 2048
#define MAX_REQUEST 16384

typedef struct connection {
    raw_server *server; /* borrowed */
    pthread_t thread;
    int fd; /* owned; -1 once closed */
} connection;

struct raw_server {
    raw_step steps[8];
    size_t count;
    int listener; /* owned */
    int port;
    pthread_t acceptor;
    pthread_mutex_t lock; /* for all that follows */
    connection connections[MAX_CONNECTIONS];
    int accepted, open, most, requests;
    bool stopping;
    char last[MAX_REQUEST], copy[MAX_REQUEST];
};

static void must(bool condition, const char *what) {
    if (condition)
        return;
    perror(what);
    abort();
}

static void rest(int milliseconds) {
    struct timespec time = {milliseconds / 1000, (long)(milliseconds % 1000) * 1000000};
    if (milliseconds > 0)
        nanosleep(&time, NULL);
}

/* The length of the whole request in `text`, or 0 while it is incomplete. */
static size_t whole_request(const char *text, size_t length) {
    const char *end = memmem(text, length, "\r\n\r\n", 4);
    if (!end)
        return 0;
    size_t head = (size_t)(end - text) + 4, body = 0;
    for (const char *line = text; line < end; line = strchr(line, '\n') + 1)
        if (strncasecmp(line, "Content-Length:", 15) == 0)
            body = strtoul(line + 15, NULL, 10);
    return length >= head + body ? head + body : 0;
}

/* False when the client went away. */
static bool read_request(connection *c, bool any, char *text, size_t *held) {
    raw_server *server = c->server;
    size_t whole;
    while ((whole = any ? *held : whole_request(text, *held)) == 0) {
        ssize_t n = recv(c->fd, text + *held, MAX_REQUEST - 1 - *held, 0);
        if (n <= 0)
            return false;
        *held += (size_t)n;
        text[*held] = '\0';
    }
    pthread_mutex_lock(&server->lock);
    server->requests++;
    memcpy(server->last, text, whole);
    server->last[whole] = '\0';
    pthread_mutex_unlock(&server->lock);
    memmove(text, text + whole, *held - whole + 1);
    *held -= whole;
    return true;
}

static bool send_all(int fd, const char *data, size_t length) {
    while (length) {
        ssize_t n = send(fd, data, length, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        data += n;
        length -= (size_t)n;
    }
    return true;
}

static void follow_script(connection *c) {
    char *text = calloc(1, MAX_REQUEST);
    size_t held = 0;
    for (size_t i = 0;; i++) {
        const raw_step *step = &c->server->steps[i < c->server->count ? i : c->server->count - 1];
        if (!read_request(c, step->any, text, &held))
            break;
        rest(step->delay);
        size_t length = step->answer && !step->length ? strlen(step->answer) : step->length;
        if (step->answer && !send_all(c->fd, step->answer, length))
            break;
        rest(step->end_delay);
        if (step->end == RAW_KEEP)
            continue;
        if (step->end == RAW_HOLD)
            while (recv(c->fd, text, MAX_REQUEST, 0) > 0)
                continue;
        if (step->end == RAW_RESET)
            setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
        break;
    }
    free(text);
}

static void *serve(void *user) {
    connection *c = user;
    follow_script(c);
    pthread_mutex_lock(&c->server->lock);
    close(c->fd);
    c->fd = -1;
    c->server->open--;
    pthread_mutex_unlock(&c->server->lock);
    return NULL;
}

static void *accept_all(void *user) {
    raw_server *server = user;
    for (;;) {
        int fd = accept(server->listener, NULL, NULL);
        pthread_mutex_lock(&server->lock);
        if (fd < 0 || server->stopping || server->accepted == MAX_CONNECTIONS) {
            pthread_mutex_unlock(&server->lock);
            if (fd >= 0)
                close(fd);
            return NULL;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        connection *c = &server->connections[server->accepted++];
        *c = (connection){.server = server, .fd = fd};
        if (++server->open > server->most)
            server->most = server->open;
        must(pthread_create(&c->thread, NULL, serve, c) == 0, "pthread_create");
        pthread_mutex_unlock(&server->lock);
    }
}

raw_server *raw_server_start(const raw_step *steps, size_t count) {
    raw_server *server = calloc(1, sizeof *server);
    must(server && count >= 1 && count <= 8, "raw_server_start");
    memcpy(server->steps, steps, count * sizeof *steps);
    server->count = count;
    pthread_mutex_init(&server->lock, NULL);
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(server->listener >= 0, "socket");
    must(bind(server->listener, (struct sockaddr *)&address, size) == 0, "bind");
    must(listen(server->listener, 512) == 0, "listen");
    must(getsockname(server->listener, (struct sockaddr *)&address, &size) == 0, "getsockname");
    server->port = ntohs(address.sin_port);
    must(pthread_create(&server->acceptor, NULL, accept_all, server) == 0, "pthread_create");
    return server;
}

void raw_server_stop(raw_server *server) {
    pthread_mutex_lock(&server->lock);
    server->stopping = true;
    shutdown(server->listener, SHUT_RDWR);
    for (int i = 0; i < server->accepted; i++)
        if (server->connections[i].fd >= 0)
            shutdown(server->connections[i].fd, SHUT_RDWR);
    pthread_mutex_unlock(&server->lock);
    pthread_join(server->acceptor, NULL);
    for (int i = 0; i < server->accepted; i++)
        pthread_join(server->connections[i].thread, NULL);
    close(server->listener);
    pthread_mutex_destroy(&server->lock);
    free(server);
}

int raw_server_port(const raw_server *server) {
    return server->port;
}

static int read_counter(raw_server *server, const int *counter) {
    pthread_mutex_lock(&server->lock);
    int value = *counter;
    pthread_mutex_unlock(&server->lock);
    return value;
}

int raw_server_requests(raw_server *server) {
    return read_counter(server, &server->requests);
}

int raw_server_connections(raw_server *server) {
    return read_counter(server, &server->accepted);
}

int raw_server_most_connections(raw_server *server) {
    return read_counter(server, &server->most);
}

const char *raw_server_last(raw_server *server) {
    pthread_mutex_lock(&server->lock);
    memcpy(server->copy, server->last, sizeof server->copy);
    pthread_mutex_unlock(&server->lock);
    return server->copy;
}
