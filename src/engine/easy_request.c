/* What one request sets on the easy handle of src/engine/easy.h: fields, body, method, URL and what hangs on the
 * origin. Fills the header list. Called through bi_easy_prepare and bi_easy_finish. */
#include "engine/easy_parts.h"

#include "core/memory.h"
#include "core/url.h"

#include <string.h>
#include <strings.h>

static bool is_field(const char *field, const char *name) {
    return (*field | 32) == (*name | 32) && strncasecmp(field, name, strlen(name)) == 0;
}

static bool add_node(bi_easy *easy, char *text) {
    if (easy->node_count == easy->node_room) {
        size_t room = easy->node_room * 2 + 8;
        struct curl_slist *nodes = bi_realloc(easy->nodes, room * sizeof *nodes);
        if (!nodes)
            return false;
        easy->nodes = nodes;
        easy->node_room = room;
    }
    easy->nodes[easy->node_count++].data = text;
    return true;
}

static struct curl_slist *link_nodes(bi_easy *easy) {
    for (size_t i = 0; i < easy->node_count; i++)
        easy->nodes[i].next = i + 1 < easy->node_count ? &easy->nodes[i + 1] : NULL;
    return easy->node_count ? easy->nodes : NULL;
}

/* libcurl only reads the list, so its nodes point into the request: no copies of the token,
 * nothing to wipe. It looks the list through for each header that it might add itself: what only
 * concerns bodies is left out where there is none. And it writes a request byte by byte, what it
 * adds itself even twice, so its list of all codings is left out for the one that matters. */
static CURLcode set_fields(bi_easy *easy) {
    static char no_expect[] = "Expect:", no_accept[] = "Accept:", no_type[] = "Content-Type:",
                coding[] = "Accept-Encoding:", gzip[] = "Accept-Encoding: gzip";
    const bi_wire_request *request = easy->request;
    bool has_accept = false, has_coding = !easy->has_gzip, has_type = !request->has_body, ok = true;
    char *field = request->fields.data, *end = field + request->fields.length;
    easy->node_count = 0;
    for (; field && field < end && ok; field += strlen(field) + 1) {
        has_accept = has_accept || is_field(field, no_accept);
        has_coding = has_coding || is_field(field, coding);
        has_type = has_type || is_field(field, no_type);
        ok = add_node(easy, field);
    }
    ok = ok && (has_accept || add_node(easy, no_accept)) && (has_coding || add_node(easy, gzip)) &&
         (has_type || add_node(easy, no_type)) && (!request->has_body || add_node(easy, no_expect));
    return ok ? curl_easy_setopt(easy->handle, CURLOPT_HTTPHEADER, link_nodes(easy))
              : CURLE_OUT_OF_MEMORY;
}

static CURLcode set_body(bi_easy *easy) {
    const bi_wire_request *request = easy->request;
    CHECK(CURLOPT_POST, 1L);
    CHECK(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.length);
    /* Without POSTFIELDS libcurl asks on_read. */
    bool read = request->once && request->body.length;
    CHECK(CURLOPT_POSTFIELDS, read ? NULL : bi_bytes_text(&request->body));
    CHECK(CURLOPT_CUSTOMREQUEST, strcmp(request->method, "POST") ? request->method : NULL);
    return CURLE_OK;
}

static CURLcode set_method(bi_easy *easy) {
    const bi_wire_request *request = easy->request;
    bool head = strcmp(request->method, "HEAD") == 0, get = strcmp(request->method, "GET") == 0;
    if (head && request->has_body) {
        strcpy(easy->error, "HEAD cannot carry a body");
        return CURLE_BAD_FUNCTION_ARGUMENT;
    }
    /* A read function without a seek protects a body; without one, only a connection nobody used
     * before does. */
    bool fresh = easy->must_be_fresh || (request->once && request->body.length == 0);
    bool is_plain = get && !request->has_body && !fresh;
    if (is_plain && easy->is_plain)
        return CURLE_OK;
    easy->is_plain = is_plain;
    CHECK(CURLOPT_FRESH_CONNECT, fresh ? 1L : 0L);
    if (request->has_body)
        return set_body(easy);
    CHECK(CURLOPT_HTTPGET, 1L); /* also takes back POST, NOBODY and UPLOAD of the request before */
    CHECK(CURLOPT_NOBODY, head ? 1L : 0L);
    CHECK(CURLOPT_CUSTOMREQUEST, get || head ? NULL : request->method);
    return CURLE_OK;
}

/* Loopback is never reached through a proxy of the environment; a proxy that was given is meant
 * for all. NULL: the environment's; "": none. */
static const char *choose_proxy(const bi_easy *easy, const bi_url *url) {
    const char *proxy = easy->options->proxy;
    return !proxy && bi_url_is_loopback(url) ? "" : proxy;
}

static bool is_direct(const bi_easy *easy, const bi_url *url) {
    const char *proxy = choose_proxy(easy, url);
    return proxy && !*proxy;
}

static CURLcode set_proxy(bi_easy *easy, const bi_url *url) {
    const char *proxy = choose_proxy(easy, url);
    CHECK(CURLOPT_PROXY, proxy);
    CHECK(CURLOPT_NOPROXY, proxy ? "" : NULL);
    return CURLE_OK;
}

static CURLcode set_version(bi_easy *easy, const bi_url *url) {
    const char *name = easy->options->http_version;
    bool https = bi_url_is_https(url), one = strcmp(name, "1.1") == 0, two = strcmp(name, "2") == 0;
    long version = one             ? (long)CURL_HTTP_VERSION_1_1
                   : two && !https ? (long)CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE
                                   : (long)CURL_HTTP_VERSION_2TLS;
    if (curl_easy_setopt(easy->handle, CURLOPT_HTTP_VERSION, version) != CURLE_OK && two)
        return CURLE_NOT_BUILT_IN; /* "auto" takes what this libcurl can */
    easy->may_be_http2 = !one && (https || two);
    easy->must_be_fresh =
        two && !https && curl_version_info(CURLVERSION_NOW)->version_num < 0x080000;
    /* Wait for a connection whose streams can be shared; on plain HTTP/1.1 that would only
     * queue. */
    bool wait = easy->may_be_http2 && !easy->must_be_fresh;
    CHECK(CURLOPT_PIPEWAIT, wait ? 1L : 0L);
    return CURLE_OK;
}

/* Bytes beyond ASCII are left to libcurl, which escapes them. */
static bool is_target(const char *text) {
    if (*text != '/')
        return false;
    while (*text > ' ' && *text < 0x7F && *text != '#')
        text++;
    return *text == '\0';
}

/* What stands behind the origin that the handle is set to; NULL: the URL is another's, or more than a target. */
static const char *target_at_origin(const bi_easy *easy, const bi_bytes *url) {
    const bi_bytes *origin = &easy->origin;
    bool same = origin->length && url->length > origin->length &&
                memcmp(url->data, origin->data, origin->length) == 0;
    const char *target = same ? url->data + origin->length : "";
    return is_target(target) ? target : NULL;
}

/* Proxy and version hang on the origin alone. A proxy that reads the request line wants the whole URL there. */
static CURLcode set_whole_url(bi_easy *easy, const char *text, size_t length) {
    bi_url url;
    bi_bytes_reset(&easy->origin);
    if (bi_url_parse(&url, text, length) != NULL)
        return CURLE_URL_MALFORMAT;
    CURLUcode refusal = curl_url_set(easy->url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME);
    if (refusal)
        return refusal == CURLUE_OUT_OF_MEMORY ? CURLE_OUT_OF_MEMORY : CURLE_URL_MALFORMAT;
    CURLcode code = set_proxy(easy, &url);
    if (!code)
        code = set_version(easy, &url);
    bool takes_target = bi_url_is_https(&url) || is_direct(easy, &url);
    if (code || !takes_target || !is_target(url.path.text))
        return code;
    if (curl_url_set(easy->url, CURLUPART_PATH, "/", 0) ||
        curl_url_set(easy->url, CURLUPART_QUERY, NULL, 0) ||
        !bi_bytes_add(&easy->origin, text, (size_t)(url.path.text - text)))
        return CURLE_OUT_OF_MEMORY;
    return CURLE_OK;
}

/* libcurl takes an URL apart and its path byte by byte, for each transfer. So the handle stays at the origin, and the
 * rest is handed over as what it is in the end, the target in the request line. */
static CURLcode set_url(bi_easy *easy) {
    const bi_bytes *url = &easy->request->url;
    const char *target = target_at_origin(easy, url);
    if (!target) {
        CURLcode code = set_whole_url(easy, bi_bytes_text(url), url->length);
        if (code)
            return code;
        target = target_at_origin(easy, url);
    }
    return curl_easy_setopt(easy->handle, CURLOPT_REQUEST_TARGET, target);
}

static void reset(bi_easy *easy) {
    easy->body_sent = easy->head_size = easy->content_length = 0;
    easy->head = BI_HEAD_NONE;
    easy->head_status = 0;
    easy->requested = easy->opened = easy->too_large = easy->no_memory = false;
    easy->error[0] = '\0';
}

CURLcode bi_easy_prepare(bi_easy *easy, const bi_wire_request *request, bi_wire_answer *answer) {
    reset(easy);
    easy->request = request;
    easy->answer = answer;
    int64_t timeout = request->connect_timeout;
    long milliseconds = timeout < 1 ? 1 : timeout > 86400000 ? 86400000 : (long)timeout;
    if (milliseconds != easy->connect_timeout)
        CHECK(CURLOPT_CONNECTTIMEOUT_MS, milliseconds);
    easy->connect_timeout = milliseconds;
    CURLcode code = set_url(easy);
    if (!code)
        code = set_method(easy);
    return code ? code : set_fields(easy);
}

void bi_easy_finish(bi_easy *easy) {
    SET(CURLOPT_HTTPHEADER, NULL);
    if (easy->request->has_body)
        SET(CURLOPT_POSTFIELDS, NULL);
    easy->request = NULL;
    easy->answer = NULL;
    easy->owner = NULL;
}
