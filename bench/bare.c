/* The limit of bench/table: a kept socket, a request of fixed bytes, an answer of which only Content-Length is read.
 * Usage: bare URL CALLS, with URL as http://ADDRESS:PORT/PATH */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static int connected(const char *address, int port) {
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    inet_pton(AF_INET, address, &name.sin_addr);
    if (fd < 0 || connect(fd, (struct sockaddr *)&name, sizeof name))
        fail("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

/* Reads more behind what is there and ends it with a NUL. */
static size_t more(int fd, char *text, size_t length, size_t capacity) {
    ssize_t got = recv(fd, text + length, capacity - length - 1, 0);
    if (got <= 0)
        fail("recv");
    text[length + (size_t)got] = '\0';
    return length + (size_t)got;
}

static void get(int fd, const char *request, size_t request_length, char *text, size_t capacity) {
    char *end;
    size_t length = 0;
    if (send(fd, request, request_length, MSG_NOSIGNAL) != (ssize_t)request_length)
        fail("send");
    do
        length = more(fd, text, length, capacity);
    while (!(end = strstr(text, "\r\n\r\n")));
    const char *field = strstr(text, "Content-Length: ");
    if (strncmp(text, "HTTP/1.1 200", 12) != 0 || !field)
        fail("unexpected answer");
    size_t whole = (size_t)(end + 4 - text) + strtoul(field + 16, NULL, 10);
    if (whole >= capacity)
        fail("too large");
    while (length < whole)
        length = more(fd, text, length, capacity);
}

int main(int argc, char **argv) {
    char address[64], path[256], request[512];
    int port;
    if (argc < 3 || sscanf(argv[1], "http://%63[^:]:%d%255s", address, &port, path) != 3)
        fail("usage: bare URL CALLS");
    int length = snprintf(request, sizeof request,
                          "GET %s HTTP/1.1\r\nHost: %s:%d\r\nAccept: application/json\r\n\r\n",
                          path, address, port);
    size_t capacity = 4 * 1024 * 1024;
    char *text = malloc(capacity);
    int fd = connected(address, port);
    for (long call = atol(argv[2]); text && call > 0; call--)
        get(fd, request, (size_t)length, text, capacity);
    close(fd);
    free(text);
    return 0;
}
