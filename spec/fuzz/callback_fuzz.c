/* libFuzzer: any bytes as the URL that a browser was sent to, as a callback, and as parts to build
 * one of. Parts of a URL lie inside it, a callback gives a code or a reason, what is encoded is found again, and origins compare the same both ways. */
#include "core/callback.h"
#include "core/memory.h"
#include "core/url.h"
#include "must.h"

static void check_inside(const char *text, size_t length, bi_span span) {
    if (span.length > 0)
        MUST(span.text >= text && span.text + span.length <= text + length);
}

static void check_query(bi_span query) {
    static const char *const names[] = {"code", "state", "error", ""};
    bi_bytes out = {0};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        bi_bytes_reset(&out);
        int count = bi_query_find(query, names[i], &out);
        MUST(count >= -1 && !out.failed && out.length <= query.length);
        MUST(count > 0 || out.length == 0);
    }
    bi_bytes_clear(&out);
}

static void check_origins(const char *text, size_t length) {
    size_t cut = length / 2;
    bi_url a, b;
    if (bi_url_parse(&a, text, cut) || bi_url_parse(&b, text + cut, length - cut))
        return;
    MUST(bi_url_same_origin(&a, &a) && bi_url_same_origin(&b, &b));
    MUST(bi_url_same_origin(&a, &b) == bi_url_same_origin(&b, &a));
}

static void check_url(const char *text, size_t length) {
    bi_url url;
    if (bi_url_parse(&url, text, length)) {
        MUST(bi_url_check_base(text, length, true) != NULL);
        return;
    }
    check_inside(text, length, url.scheme);
    check_inside(text, length, url.host);
    check_inside(text, length, url.port);
    check_inside(text, length, url.path);
    check_inside(text, length, url.query);
    MUST(url.scheme.length > 0 && url.host.length > 0);
    MUST(url.path.length == 0 || url.path.text[0] == '/');
    if (!bi_url_check_base(text, length, false))
        MUST(bi_url_is_https(&url) || bi_url_is_loopback(&url));
    check_query(url.query);
}

/* A name and a value, written into a query in both ways, come back. */
static void check_round_trip(const char *text, size_t length) {
    char name[32];
    size_t cut = length < sizeof name ? length / 2 : sizeof name - 1;
    if (memchr(text, '\0', cut))
        return;
    memcpy(name, text, cut);
    name[cut] = '\0';
    const char *value = text + cut;
    size_t value_length = length - cut;
    for (int form = 0; form < 2; form++) {
        bi_bytes built = {0}, out = {0};
        if (form)
            MUST(bi_form_add(&built, 0, name, cut, value, value_length));
        else
            MUST(bi_url_add_query(&built, name, cut, value, value_length));
        size_t skip = form ? 0 : 1; /* the "?" */
        MUST(bi_query_find((bi_span){built.data + skip, built.length - skip}, name, &out) == 1);
        MUST(out.length == value_length && memcmp(bi_bytes_text(&out), value, value_length) == 0);
        bi_bytes_clear(&built);
        bi_bytes_clear(&out);
    }
}

/* A part that is taken makes a path that is taken. */
static void check_part(const char *text, size_t length) {
    bi_bytes path = {0};
    bi_bytes_add_char(&path, '/');
    MUST(bi_url_add_part(&path, text, length));
    for (size_t i = 1; i < path.length; i++)
        MUST(path.data[i] > ' ' && path.data[i] < 0x7F && path.data[i] != '/');
    bool refused = bi_url_check_path(path.data, path.length) != NULL;
    bool encoded_dots = refused && memchr(path.data, '%', path.length) != NULL; /* "..%2F" */
    if (!bi_url_check_part(text, length))
        MUST(!refused || encoded_dots);
    bi_bytes_clear(&path);
}

/* Either a code for that state, or one line that says why not; no server can say that we have no memory. */
static void check_callback(const char *text, size_t length, const char *state) {
    bi_bytes code = {.secret = true};
    bi_failure failure;
    bi_failure_init(&failure);
    if (bi_callback_read(&code, &failure, text, length, state, strlen(state))) {
        MUST(code.length > 0 && !bi_failure_is_set(&failure));
        MUST(memmem(text, length, "state", 5) && memmem(text, length, "code", 4));
    } else {
        MUST(bi_failure_is_set(&failure) && failure.message.length > 0);
        MUST(!bi_failure_is(&failure, BI_CODE_MEMORY));
        for (size_t i = 0; i < failure.message.length; i++)
            MUST((unsigned char)failure.message.data[i] >= ' ');
    }
    bi_failure_clear(&failure);
    bi_bytes_clear(&code);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    long live = bi_memory_live();
    char *copy = must_copy(data, size);
    check_url(copy, size);
    check_query((bi_span){copy, size});
    check_callback(copy, size, "st4te");
    check_origins(copy, size);
    check_round_trip(copy, size);
    check_part(copy, size);
    bi_url_check_path(copy, size);
    free(copy);
    MUST(bi_memory_live() == live);
    return 0;
}
