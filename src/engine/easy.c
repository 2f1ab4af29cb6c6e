/* The easy handle of src/engine/easy.h: the callbacks, and the options that never change. Owns the CURL handle.
 * What one request sets is in easy_request.c. */
#include "engine/easy_parts.h"

#include "core/memory.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_HEAD ((size_t)256 * 1024)
#define HEAD_RESERVE ((size_t)500)
#define FIRST_RESERVE ((size_t)4 * 1024 * 1024) /* at the server's word */
#define READ_BUFFER 65536L

/* --- The head of the answer ------------------------------------------------------------------- */

/* "HTTP/1.1 200 OK", "HTTP/2 200 ". libcurl has checked the form. */
static void begin_head(bi_easy *easy, const char *line, size_t length) {
    bi_wire_answer *answer = easy->answer;
    char text[24];
    size_t n = length < sizeof text - 1 ? length : sizeof text - 1;
    memcpy(text, line, n);
    text[n] = '\0';
    int major = text[5] >= '0' && text[5] <= '9' ? text[5] - '0' : 0;
    int minor = text[6] == '.' && text[7] >= '0' && text[7] <= '9' ? text[7] - '0' : 0;
    const char *space = strchr(text, ' ');
    bi_bytes_reset(&answer->fields);
    bi_bytes_reserve(&answer->fields, HEAD_RESERVE); /* growing costs a copy and a wipe */
    answer->http_version = major * 10 + minor;
    easy->head_status = space ? strtol(space, NULL, 10) : 0;
    easy->head = BI_HEAD_PARTIAL;
    easy->content_length = 0;
}

/* 1xx answers announce another one; 101 is the last that comes, but we never ask to switch. */
static void end_head(bi_easy *easy) {
    if (easy->head_status >= 100 && easy->head_status < 200) {
        easy->head = BI_HEAD_NONE;
        bi_bytes_reset(&easy->answer->fields);
        return;
    }
    easy->head = BI_HEAD_COMPLETE;
    easy->answer->status = easy->head_status;
}

/* A line that begins with white space continues the one before (RFC 9112, 5.2): made one line. */
static bool add_continuation(bi_bytes *fields, const char *line, size_t length) {
    while (length && (*line == ' ' || *line == '\t')) {
        line++;
        length--;
    }
    while (fields->length && strchr("\r\n", fields->data[fields->length - 1]))
        fields->data[--fields->length] = '\0';
    return bi_bytes_add_char(fields, ' ') && bi_bytes_add(fields, line, length) &&
           bi_bytes_add(fields, "\r\n", 2);
}

/* What the server says, for reserving memory; 0 when it makes no sense. libcurl judges it for
 * truth. */
static size_t read_length(const char *digits, const char *end) {
    size_t value = 0;
    while (digits < end && (*digits == ' ' || *digits == '\t'))
        digits++;
    for (; digits < end && *digits >= '0' && *digits <= '9' && value < SIZE_MAX / 16; digits++)
        value = value * 10 + (size_t)(*digits - '0');
    return value;
}

static bool add_field(bi_easy *easy, const char *line, size_t length, size_t whole) {
    static const char name[] = "content-length:";
    bi_bytes *fields = &easy->answer->fields;
    if ((*line == ' ' || *line == '\t') && fields->length)
        return add_continuation(fields, line, length);
    if (!memchr(line, ':', length))
        return true; /* not a field; nobody could read it */
    if ((*line | 32) == *name && length >= sizeof name &&
        strncasecmp(line, name, sizeof name - 1) == 0)
        easy->content_length = read_length(line + sizeof name - 1, line + length);
    if (whole == length + 2 && line[length] == '\r')
        return bi_bytes_add(fields, line, whole);
    return bi_bytes_add(fields, line, length) && bi_bytes_add(fields, "\r\n", 2);
}

static bool is_status_line(const char *line, size_t length) {
    return length >= 8 && memcmp(line, "HTTP/", 5) == 0;
}

static size_t on_header(char *line, size_t size, size_t count, void *user) {
    bi_easy *easy = user;
    size_t whole = size * count, length = whole;
    while (length && (line[length - 1] == '\r' || line[length - 1] == '\n'))
        length--;
    easy->head_size += whole;
    if (easy->head_size > MAX_HEAD) {
        easy->too_large = true;
        return whole ? 0 : 1;
    }
    if (easy->head != BI_HEAD_PARTIAL) {
        if (is_status_line(line, length))
            begin_head(easy, line, length);
        return whole; /* anything else here is a trailer */
    }
    if (length == 0)
        end_head(easy);
    else if (!add_field(easy, line, length, whole))
        easy->no_memory = true;
    return easy->no_memory ? 0 : whole;
}

/* --- Bodies ----------------------------------------------------------------------------------- */

static size_t on_body(char *data, size_t size, size_t count, void *user) {
    bi_easy *easy = user;
    bi_bytes *body = &easy->answer->body;
    size_t length = size * count, limit = easy->request->max_body;
    if (body->length == 0 && easy->content_length > length) {
        size_t room = easy->content_length < limit ? easy->content_length : limit;
        bi_bytes_reserve(body, room < FIRST_RESERVE ? room : FIRST_RESERVE);
    }
    size_t fits = limit - body->length;
    easy->too_large = length > fits;
    if (!bi_bytes_add(body, data, length < fits ? length : fits))
        easy->no_memory = true;
    return easy->too_large || easy->no_memory ? 0 : length;
}

/* For what must not be sent twice. There is no seek function beside it: libcurl cannot rewind,
 * so it cannot send the body again by itself when a kept connection turns out to be dead. */
static size_t on_read(char *out, size_t size, size_t count, void *user) {
    bi_easy *easy = user;
    const bi_bytes *body = &easy->request->body;
    size_t room = size * count, left = body->length - easy->body_sent;
    size_t n = left < room ? left : room;
    if (n)
        memcpy(out, body->data + easy->body_sent, n);
    easy->body_sent += n;
    return n;
}

/* --- Connections ------------------------------------------------------------------------------ */

/* libcurl sends a request again by itself when a kept connection closes before the answer's
 * first byte. Who may repeat is decided by the core, which counts attempts, so the transfer ends
 * there. Except for what may be sent twice over HTTP/2: a server that retires a connection
 * (GOAWAY, nginx after 1000 requests) refuses the streams that it did not look at, many at once,
 * and only libcurl knows that it was this. */
static bool may_repeat(const bi_easy *easy) {
    return easy->may_be_http2 && !easy->request->once;
}

#if LIBCURL_VERSION_NUM >= 0x075000
/* Called when a connection is there and the request is about to be sent. */
static int on_request(void *user, char *primary_ip, char *local_ip, int primary_port,
                      int local_port) {
    bi_easy *easy = user;
    (void)primary_ip, (void)local_ip, (void)primary_port, (void)local_port;
    if (easy->requested && !may_repeat(easy))
        return CURL_PREREQFUNC_ABORT;
    easy->requested = true;
    return CURL_PREREQFUNC_OK;
}
#endif

static curl_socket_t on_open(void *user, curlsocktype purpose, struct curl_sockaddr *address) {
    bi_easy *easy = user;
    if (purpose != CURLSOCKTYPE_IPCXN)
        return CURL_SOCKET_BAD;
    if (easy->requested && !may_repeat(easy))
        return CURL_SOCKET_BAD; /* only a repetition could want it */
    easy->opened = true;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd >= 0 && !bi_poller_adopt(easy->options->poller, fd)) {
        close(fd);
        easy->no_memory = true;
        return CURL_SOCKET_BAD;
    }
    return fd;
}

/* The connection outlives the transfer that opened it, so its user is the poller. */
static int on_close(void *user, curl_socket_t fd) {
    bi_poller_drop(user, fd);
    return close(fd);
}

/* --- Options ---------------------------------------------------------------------------------- */

/* Before 7.87 OpenSSL wrote to the socket itself, where only ignoring SIGPIPE helps; libcurl
 * does that around each call when NOSIGNAL is off. With a resolver in a thread NOSIGNAL has no
 * other use. */
static long no_signal(void) {
    const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
    return info->version_num >= 0x075700 || !(info->features & CURL_VERSION_ASYNCHDNS);
}

static CURLcode set_callbacks(bi_easy *easy) {
    CHECK(CURLOPT_PRIVATE, easy);
    CHECK(CURLOPT_CURLU, easy->url);
    CHECK(CURLOPT_ERRORBUFFER, easy->error);
    CHECK(CURLOPT_WRITEFUNCTION, on_body);
    CHECK(CURLOPT_WRITEDATA, easy);
    CHECK(CURLOPT_HEADERFUNCTION, on_header);
    CHECK(CURLOPT_HEADERDATA, easy);
    CHECK(CURLOPT_READFUNCTION, on_read);
    CHECK(CURLOPT_READDATA, easy);
    CHECK(CURLOPT_OPENSOCKETFUNCTION, on_open);
    CHECK(CURLOPT_OPENSOCKETDATA, easy);
    CHECK(CURLOPT_CLOSESOCKETFUNCTION, on_close);
    CHECK(CURLOPT_CLOSESOCKETDATA, easy->options->poller);
#if LIBCURL_VERSION_NUM >= 0x075000
    easy->guarded = curl_easy_setopt(easy->handle, CURLOPT_PREREQFUNCTION, on_request) == CURLE_OK;
    SET(CURLOPT_PREREQDATA, easy);
#endif
    return CURLE_OK;
}

static CURLcode set_behaviour(bi_easy *easy) {
    CHECK(CURLOPT_NOSIGNAL, no_signal());
    CHECK(CURLOPT_FOLLOWLOCATION, 0L);
    CHECK(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    CHECK(CURLOPT_HTTP09_ALLOWED, 0L);
    CHECK(CURLOPT_ACCEPT_ENCODING, "");
    CHECK(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    CHECK(CURLOPT_TCP_NODELAY, 1L);
    CHECK(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_BUFFERSIZE, READ_BUFFER);
#if LIBCURL_VERSION_NUM >= 0x075500
    CHECK(CURLOPT_PROTOCOLS_STR, "http,https");
#else
    CHECK(CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
    SET(CURLOPT_QUICK_EXIT,
        1L); /* else ending a transfer waits for a name that is being looked up */
#endif
    return CURLE_OK;
}

/* The environment's file, then libcurl's own default, then the usual places. NULL: libcurl's
 * default is good. */
static const char *usual_ca_file(void) {
    static const char *const places[] = {"/etc/ssl/certs/ca-certificates.crt",
                                         "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"};
    const char *named = getenv("SSL_CERT_FILE");
    if (named && *named)
        return named;
#if LIBCURL_VERSION_NUM >= 0x075400
    const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
    if (info->age >= CURLVERSION_TENTH && info->cainfo && access(info->cainfo, R_OK) != 0)
        for (size_t i = 0; i < sizeof places / sizeof *places; i++)
            if (access(places[i], R_OK) == 0)
                return places[i];
#else
    (void)places;
#endif
    return NULL;
}

static CURLcode set_tls(bi_easy *easy) {
    const bi_easy_options *options = easy->options;
    const char *ca_file = options->ca_file ? options->ca_file : usual_ca_file();
    CHECK(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    CHECK(CURLOPT_SSL_VERIFYPEER, 1L);
    CHECK(CURLOPT_SSL_VERIFYHOST, 2L);
    if (ca_file)
        CHECK(CURLOPT_CAINFO, ca_file);
    if (options->ca_file)
        SET(CURLOPT_CAPATH, NULL); /* who names the authorities means these and no others */
    if (options->cert_file)
        CHECK(CURLOPT_SSLCERT, options->cert_file);
    if (options->key_file)
        CHECK(CURLOPT_SSLKEY, options->key_file);
    return CURLE_OK;
}

bi_easy *bi_easy_new(const bi_easy_options *options) {
    bi_easy *easy = bi_alloc(sizeof *easy);
    if (!easy)
        return NULL;
    easy->options = options;
    easy->has_gzip = curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_LIBZ;
    easy->handle = curl_easy_init();
    easy->url = curl_url();
    if (!easy->handle || !easy->url || set_callbacks(easy) || set_behaviour(easy) ||
        set_tls(easy)) {
        bi_easy_free(easy);
        return NULL;
    }
    return easy;
}

void bi_easy_free(bi_easy *easy) {
    if (!easy)
        return;
    if (easy->handle)
        curl_easy_cleanup(easy->handle);
    curl_url_cleanup(easy->url);
    bi_bytes_clear(&easy->origin);
    bi_free(easy->nodes);
    bi_free(easy);
}
