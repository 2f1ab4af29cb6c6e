/* Request heads and pages of src/core/visit.h. Tolerant where browsers and tests of networks differ (bare line feeds,
 * raw spaces in a target), strict about what it takes for a request at all. */
#include "core/visit.h"

#include "core/ascii.h"

#include <string.h>

/* --- Reading ------------------------------------------------------------------------------------------------------ */

static bool is_ended(const char *head, size_t length) {
    return memmem(head, length, "\r\n\r\n", 4) || memmem(head, length, "\n\n", 2);
}

static bi_span cut(const char *from, const char *to) {
    return (bi_span){from, (size_t)(to - from)};
}

/* "GET /path?query HTTP/1.1" in its three parts. Whoever sends raw spaces in the target is understood. */
static bool split_line(bi_span line, bi_span *method, bi_span *target) {
    const char *end = line.text + line.length;
    const char *first = memchr(line.text, ' ', line.length), *last = end;
    if (!first)
        return false;
    while (*--last != ' ') {
    }
    if (first == last || end - last != 9 || memcmp(last, " HTTP/1.", 8) != 0 ||
        !bi_ascii_is_digit(last[8]))
        return false;
    *method = cut(line.text, first);
    *target = cut(first + 1, last);
    return target->length > 0 && target->text[0] == '/';
}

static bool is_clean(bi_span line) {
    for (size_t i = 0; i < line.length; i++)
        if (bi_ascii_is_control(line.text[i]))
            return false;
    return true;
}

static bool is_method(bi_span method) {
    for (size_t i = 0; i < method.length; i++)
        if (!bi_ascii_is_tchar(method.text[i]))
            return false;
    return method.length > 0;
}

static bool is_text(bi_span span, const char *text) {
    return span.length == strlen(text) && memcmp(span.text, text, span.length) == 0;
}

/* A TLS handshake, or anything else that is no request, says so in its first byte. */
static bool begins_badly(const char *head, size_t length) {
    return length > 0 && !bi_ascii_is_tchar(head[0]);
}

bi_visit bi_visit_read(const char *head, size_t length, const char *path) {
    bi_visit visit = {.status = 400};
    bi_span line = {head, length}, method, target;
    const char *end = length ? memchr(head, '\n', length) : NULL;
    if (end)
        line.length = (size_t)(end - head);
    if (end && line.length > 0 && end[-1] == '\r')
        line.length--;
    if (begins_badly(head, length) || (end && !is_clean(line)))
        return visit;
    visit.status = length > BI_VISIT_MOST ? 413 : 0;
    if (!end)
        return visit;
    bool good = split_line(line, &method, &target) && is_method(method);
    visit.bodiless = good && is_text(method, "HEAD");
    if (!good)
        visit.status = 400;
    if (visit.status || !is_ended(head, length))
        return visit;
    const char *mark = memchr(target.text, '?', target.length);
    visit.query = (bi_span){"", 0};
    if (mark) {
        visit.query = cut(mark + 1, target.text + target.length);
        target.length = (size_t)(mark - target.text);
    }
    visit.status = !is_text(target, path) ? 404 : is_text(method, "GET") ? 200 : 405;
    return visit;
}

const char *bi_visit_check_path(const char *path, size_t length) {
    const char *wrong = bi_url_check_path(path, length);
    if (wrong)
        return wrong;
    return memchr(path, '?', length) ? "it holds a query" : NULL;
}

/* --- Answering ---------------------------------------------------------------------------------------------------- */

static const char *reason(unsigned status) {
    switch (status) {
    case 200:
        return "OK";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 408:
        return "Request Timeout";
    case 413:
        return "Content Too Large";
    default:
        return "Bad Request";
    }
}

static void add_escaped(bi_bytes *out, const char *text) {
    static const struct {
        char c;
        const char *entity;
    } rows[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}};
    for (; *text; text++) {
        const char *entity = NULL;
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
            if (rows[i].c == *text)
                entity = rows[i].entity;
        if (entity)
            bi_bytes_add_text(out, entity);
        else
            bi_bytes_add_char(out, *text);
    }
}

/* The page is nobody's business but the user's: kept nowhere, and its address, which holds the code, goes nowhere. */
bool bi_visit_answer_html(bi_bytes *out, const bi_visit *visit, const char *html, size_t length) {
    bi_bytes_add_format(out,
                        "HTTP/1.1 %u %s\r\n"
                        "Content-Type: text/html; charset=utf-8\r\n"
                        "Content-Length: %zu\r\n"
                        "Cache-Control: no-store\r\n"
                        "Referrer-Policy: no-referrer\r\n"
                        "X-Content-Type-Options: nosniff\r\n"
                        "Connection: close\r\n"
                        "%s\r\n",
                        visit->status, reason(visit->status), length,
                        visit->status == 405 ? "Allow: GET\r\n" : "");
    if (!visit->bodiless)
        bi_bytes_add(out, html, length);
    return !out->failed;
}

bool bi_visit_answer(bi_bytes *out, const bi_visit *visit, const char *heading,
                     const char *sentence) {
    bi_bytes page = {0};
    bi_bytes_add_text(&page, "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>");
    add_escaped(&page, heading);
    bi_bytes_add_text(&page, "</title><h1>");
    add_escaped(&page, heading);
    bi_bytes_add_text(&page, "</h1><p>");
    add_escaped(&page, sentence);
    bi_bytes_add_text(&page, "</p></html>\n");
    bool done = !page.failed && bi_visit_answer_html(out, visit, bi_bytes_text(&page), page.length);
    bi_bytes_clear(&page);
    return done;
}
