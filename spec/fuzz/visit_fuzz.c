/* libFuzzer: any bytes as what comes in at the loopback listener, cut where the first byte says. What is decided stays
 * decided however much follows, a query lies in the head, and a page has the length that it says and nothing of the
 * sentence in it that a browser would run. */
#include "core/callback.h"
#include "core/memory.h"
#include "core/visit.h"
#include "must.h"

#define PATH "/callback"

static void check_query(const char *head, size_t length, bi_span query) {
    bi_bytes code = {.secret = true};
    bi_failure failure;
    MUST(!query.length || (query.text >= head && query.text + query.length <= head + length));
    MUST(!query.length || !memchr(query.text, '\n', query.length));
    bi_failure_init(&failure);
    bool taken = bi_callback_read_query(&code, &failure, query, "st4te", 5);
    MUST(taken != bi_failure_is_set(&failure) && (!taken || code.length > 0));
    bi_failure_clear(&failure);
    bi_bytes_clear(&code);
}

/* A decision needs no more bytes, and more do not change it; but for a head that grew too large meanwhile. */
static bi_visit check_reading(const char *head, size_t length, size_t cut) {
    char *part = must_copy(head, cut);
    bi_visit early = bi_visit_read(part, cut, PATH);
    bi_visit whole = bi_visit_read(head, length, PATH);
    MUST(!early.status || early.status == whole.status || whole.status == 413);
    MUST(whole.status == 0 || whole.status == 200 ||
         (whole.status >= 400 && whole.status <= 413 && whole.status % 100 != 1));
    if (whole.status == 200) {
        MUST(memcmp(head, "GET " PATH, strlen("GET " PATH)) == 0);
        check_query(head, length, whole.query);
    }
    free(part);
    return whole;
}

static void check_page(const bi_visit *visit, const char *text, size_t length) {
    char *sentence = malloc(length + 1);
    bi_bytes out = {0};
    MUST(sentence);
    memcpy(sentence, text, length);
    sentence[length] = '\0';
    MUST(bi_visit_answer(&out, visit, "Heading", sentence));
    const char *end = strstr(out.data, "\r\n\r\n"), *size = strstr(out.data, "Content-Length: ");
    MUST(end && size && size < end);
    size_t body = out.length - (size_t)(end + 4 - out.data);
    MUST(visit->bodiless ? body == 0 : body == strtoul(size + 16, NULL, 10));
    const char *said = visit->bodiless ? NULL : strstr(end, "<p>");
    if (said)
        MUST(strchr(said + 3, '<') == out.data + out.length - strlen("</p></html>\n"));
    bi_bytes_clear(&out);
    free(sentence);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1)
        return 0;
    long live = bi_memory_live();
    size_t length = size - 1, cut = length * data[0] / 255;
    char *head = must_copy(data + 1, length);
    bi_visit visit = check_reading(head, length, cut);
    if (visit.status)
        check_page(&visit, head, length);
    if (!bi_visit_check_path(head, length))
        MUST(length > 0 && head[0] == '/' && !memchr(head, '?', length));
    free(head);
    MUST(bi_memory_live() == live);
    return 0;
}
