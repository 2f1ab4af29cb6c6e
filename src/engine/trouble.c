/* libcurl's results in the words of src/core/wire.h. Owns nothing. */
#include "engine/trouble.h"

#include <string.h>

static long get_long(const bi_easy *easy, CURLINFO info) {
    long value = 0;
    return curl_easy_getinfo(easy->handle, info, &value) == CURLE_OK ? value : 0;
}

static curl_off_t get_offset(const bi_easy *easy, CURLINFO info) {
    curl_off_t value = 0;
    return curl_easy_getinfo(easy->handle, info, &value) == CURLE_OK ? value : 0;
}

bool bi_trouble_was_sent(const bi_easy *easy) {
    bool bytes =
        get_long(easy, CURLINFO_REQUEST_SIZE) > 0 || get_offset(easy, CURLINFO_SIZE_UPLOAD_T) > 0;
    /* Over HTTP/2 a request is cut into frames that nobody counts. */
    if (easy->guarded)
        return easy->requested && (bytes || easy->may_be_http2);
    /* An older libcurl does not tell when it begins; what is sure is that nothing leaves without
     * a connection. */
    return bytes || get_offset(easy, CURLINFO_CONNECT_TIME_T) > 0;
}

/* Both a tunnel's refusal and its breaking off come as plain receive errors. */
static bool stopped_at_proxy(const bi_easy *easy) {
    long answer = get_long(easy, CURLINFO_HTTP_CONNECTCODE);
    return (answer != 0 && answer / 100 != 2) || strstr(easy->error, "CONNECT") != NULL;
}

/* The connection ended, by whatever means: what that is depends on how far the exchange was. */
static bi_trouble broken_off(const bi_easy *easy) {
    if (easy->head == BI_HEAD_COMPLETE)
        return BI_TROUBLE_TRUNCATED;
    if (easy->requested || bi_trouble_was_sent(easy))
        return BI_TROUBLE_LOST;
    return stopped_at_proxy(easy) ? BI_TROUBLE_PROXY : BI_TROUBLE_CONNECT;
}

/* Errors of getting a connection, unless it is the second: libcurl wanted to repeat the request
 * (see on_request). */
static bi_trouble before_request(const bi_easy *easy, bi_trouble trouble) {
    if (easy->requested)
        return broken_off(easy);
    return stopped_at_proxy(easy) ? BI_TROUBLE_PROXY : trouble;
}

static bi_trouble judge_receive_error(const bi_easy *easy) {
    if (strstr(easy->error, "chunked-encoding") ||
        strstr(easy->error, "Too large response headers"))
        return strstr(easy->error, "Too") ? BI_TROUBLE_TOO_LARGE : BI_TROUBLE_PROTOCOL;
    return broken_off(easy);
}

/* A header line beyond libcurl's own limit looks like a lack of memory. */
static bi_trouble judge_memory(const bi_easy *easy) {
    bool in_head =
        easy->head != BI_HEAD_COMPLETE && get_offset(easy, CURLINFO_STARTTRANSFER_TIME_T) > 0;
    return in_head ? BI_TROUBLE_TOO_LARGE : BI_TROUBLE_MEMORY;
}

static bi_trouble judge_code(const bi_easy *easy, CURLcode code) {
    switch ((int)code) { /* int: the set differs from version to version */
    case CURLE_OK:
        /* Closed within the head, or after a 1xx: libcurl is content, we are not. */
        return easy->head == BI_HEAD_COMPLETE ? BI_TROUBLE_NONE : broken_off(easy);
    case CURLE_COULDNT_RESOLVE_HOST:
        return before_request(easy, BI_TROUBLE_RESOLVE);
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
        if (strncmp(easy->error, "Unsupported proxy", 17) == 0)
            return BI_TROUBLE_OPTION;
        return before_request(easy, code == CURLE_COULDNT_CONNECT ? BI_TROUBLE_CONNECT
                                                                  : BI_TROUBLE_PROXY);
    case CURLE_OPERATION_TIMEDOUT: /* only ever the connect timeout */
    case CURLE_INTERFACE_FAILED:
        return before_request(easy, BI_TROUBLE_CONNECT);
    case CURLE_PROXY:
        return before_request(easy, BI_TROUBLE_PROXY);
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_SSL_ENGINE_SETFAILED:
    case CURLE_SSL_ENGINE_INITFAILED:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_SHUTDOWN_FAILED:
    case CURLE_SSL_CRL_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case 98: /* CURLE_SSL_CLIENTCERT, since 7.77 */
    case CURLE_USE_SSL_FAILED:
        return before_request(easy, BI_TROUBLE_TLS);
    case CURLE_URL_MALFORMAT: /* with that text: no memory to put the URL, which was taken, together again */
        return strcmp(easy->error, "No URL set") == 0 ? judge_memory(easy) : BI_TROUBLE_OPTION;
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_NOT_BUILT_IN:
    case CURLE_BAD_FUNCTION_ARGUMENT:
    case CURLE_UNKNOWN_OPTION:
        return BI_TROUBLE_OPTION;
    case CURLE_UNSUPPORTED_PROTOCOL: /* also for an answer without a status line (HTTP/0.9) */
        return easy->requested || !easy->guarded ? BI_TROUBLE_PROTOCOL : BI_TROUBLE_OPTION;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_CHUNK_FAILED:
    case CURLE_HTTP2:
        return BI_TROUBLE_PROTOCOL;
    case CURLE_RECV_ERROR:
        return judge_receive_error(easy);
    case CURLE_OUT_OF_MEMORY:
        return judge_memory(easy);
    case 100: /* CURLE_TOO_LARGE, since 8.6 */
        return BI_TROUBLE_TOO_LARGE;
    default: /* GOT_NOTHING, SEND_ERROR, PARTIAL_FILE, SEND_FAIL_REWIND, ABORTED_BY_CALLBACK, … */
        return broken_off(easy);
    }
}

static void say(bi_wire_answer *answer, const char *text) {
    size_t used = strlen(answer->detail), left = sizeof answer->detail - 1 - used;
    size_t length = strlen(text);
    memcpy(answer->detail + used, text, length < left ? length : left);
}

/* libcurl does not always name the file, and quotes a proxy with its password. */
static void describe_option(const bi_easy *easy, CURLcode code, const char *text) {
    const bi_easy_options *options = easy->options;
    bi_wire_answer *answer = easy->answer;
    if (code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_COULDNT_CONNECT) {
        say(answer, options->proxy ? "the proxy" : "the environment's proxy");
        say(answer, " cannot be used");
        return;
    }
    const char *ca_file = code == CURLE_SSL_CACERT_BADFILE ? options->ca_file : NULL;
    const char *cert_file = code == CURLE_SSL_CERTPROBLEM ? options->cert_file : NULL;
    const char *key_file = code == CURLE_SSL_CERTPROBLEM ? options->key_file : NULL;
    const char *const parts[] = {ca_file ? "ca_file " : "",       ca_file ? ca_file : "",
                                 cert_file ? "cert_file " : "",   cert_file ? cert_file : "",
                                 key_file ? ", key_file " : "",   key_file ? key_file : "",
                                 ca_file || cert_file ? ": " : ""};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        say(answer, parts[i]);
    say(answer, text);
}

static const char *own_words(const bi_easy *easy, bi_trouble trouble, CURLcode code) {
    if (trouble == BI_TROUBLE_MEMORY)
        return "out of memory";
    if (trouble == BI_TROUBLE_TOO_LARGE)
        return easy->head == BI_HEAD_COMPLETE ? "the body is larger than the limit"
               : code == CURLE_OUT_OF_MEMORY && !easy->too_large
                   ? "a line of the head is too long, or there is no memory for it"
                   : "the head is larger than 256 KiB";
    if (trouble == BI_TROUBLE_LOST)
        return "the connection ended before the answer";
    return easy->error[0] ? easy->error : curl_easy_strerror(code);
}

static void describe(const bi_easy *easy, CURLcode code) {
    bi_wire_answer *answer = easy->answer;
    const char *text = own_words(easy, answer->trouble, code);
    if (answer->trouble == BI_TROUBLE_OPTION)
        describe_option(easy, code, text);
    else
        say(answer, text);
    for (char *c = answer->detail; *c;
         c++) /* one line; the server may have a say in libcurl's text */
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = ' ';
}

void bi_trouble_settle(const bi_easy *easy) {
    bi_wire_answer *answer = easy->answer;
    answer->sent = easy->head != BI_HEAD_NONE || bi_trouble_was_sent(easy);
    answer->reused = answer->sent && !easy->opened;
    if (easy->head != BI_HEAD_COMPLETE) {
        bi_bytes_reset(&answer->fields);
        answer->http_version = 0;
    }
}

void bi_trouble_judge(const bi_easy *easy, CURLcode code) {
    bi_wire_answer *answer = easy->answer;
    bi_trouble_settle(easy);
    if (easy->no_memory)
        answer->trouble = BI_TROUBLE_MEMORY;
    else if (easy->too_large)
        answer->trouble = BI_TROUBLE_TOO_LARGE;
    else
        answer->trouble = judge_code(easy, code);
    if (answer->trouble == BI_TROUBLE_NONE)
        return;
    describe(easy, code);
}
