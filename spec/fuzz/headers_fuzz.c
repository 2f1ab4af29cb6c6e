/* libFuzzer: any bytes as a block of header fields. What is found lies inside the block, the walk ends and agrees with
 * the search, and a name and value that may be sent come back as they are. */
#include "core/headers.h"
#include "core/memory.h"
#include "must.h"

static void check_inside(const bi_bytes *block, bi_span span) {
    MUST(span.text >= block->data && span.length <= block->length);
    MUST(span.text + span.length <= block->data + block->length);
}

static void check_walk(const bi_bytes *block) {
    size_t at = 0, before = 0;
    bi_span name, value, first;
    while (bi_headers_next(block, &at, &name, &value)) {
        char copy[64];
        MUST(at > before && at <= block->length);
        before = at;
        check_inside(block, name);
        check_inside(block, value);
        MUST(!memchr(value.text, '\n', value.length));
        if (name.length >= sizeof copy)
            continue;
        memcpy(copy, name.text, name.length);
        copy[name.length] = '\0';
        MUST(bi_headers_find(block, copy, &first) && first.text <= value.text);
    }
}

static void check_fields(const bi_bytes *block) {
    static const char *const relations[] = {"next", "prev", "n"};
    static const char *const parameters[] = {"error", "scope", "error_description", "e"};
    bi_bytes out = {0};
    bi_span target;
    for (size_t i = 0; i < sizeof relations / sizeof relations[0]; i++) {
        if (bi_headers_link(block, relations[i], &target)) {
            check_inside(block, target);
            MUST(!memchr(target.text, '>', target.length));
        }
    }
    for (size_t i = 0; i < sizeof parameters / sizeof parameters[0]; i++) {
        bi_bytes_reset(&out);
        bool found = bi_headers_challenge(block, parameters[i], &out);
        MUST(!out.failed && out.length <= block->length && (found || out.length == 0));
    }
    (void)bi_headers_type_is_html(block);
    bi_bytes_clear(&out);
}

/* The bytes as one field: split at the first byte's place. */
static void check_round_trip(const char *text, size_t size) {
    if (size < 1)
        return;
    size_t cut = (unsigned char)text[0] % size;
    const char *name = text + 1, *value = text + 1 + cut;
    size_t value_length = size - 1 - cut, at = 0;
    if (bi_header_check(name, cut, value, value_length))
        return;
    bi_bytes block = {0};
    bi_span found_name, found_value;
    bi_bytes_add(&block, name, cut);
    bi_bytes_add_text(&block, ": ");
    bi_bytes_add(&block, value, value_length);
    bi_bytes_add_text(&block, "\r\n");
    MUST(bi_headers_next(&block, &at, &found_name, &found_value));
    MUST(found_name.length == cut && memcmp(found_name.text, name, cut) == 0);
    MUST(found_value.length == value_length);
    MUST(memcmp(found_value.text, value, value_length) == 0);
    MUST(!bi_headers_next(&block, &at, &found_name, &found_value));
    bi_bytes_clear(&block);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    long live = bi_memory_live();
    char *copy = must_copy(data, size);
    bi_bytes block = {.data = copy, .length = size};
    check_walk(&block);
    check_fields(&block);
    check_round_trip(copy, size);
    free(copy);
    MUST(bi_memory_live() == live);
    return 0;
}
