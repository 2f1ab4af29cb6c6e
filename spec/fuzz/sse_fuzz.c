/* libFuzzer: any bytes as a stream of events. However the stream is cut, the events are the same, and equal what a plain
 * reading of the standard, line by line over the whole text, makes of it. */
#include "core/memory.h"
#include "core/sse.h"
#include "must.h"

/* Each event as its three texts, with their lengths before them. */
static void note(bi_bytes *story, const bi_bytes *part) {
    bi_bytes_add_format(story, "%zu:", part->length);
    bi_bytes_add(story, bi_bytes_text(part), part->length);
}

static void take(bi_sse *sse, bi_bytes *story, const char *text, size_t length) {
    char *copy = must_copy(text, length);
    bi_sse_feed(sse, copy, length);
    while (bi_sse_next(sse)) {
        note(story, &sse->type);
        note(story, &sse->id);
        note(story, &sse->data);
    }
    free(copy);
}

/* Fragments of the lengths that `cuts` lists, over and over; 0 bytes too. */
static void take_in_parts(bi_bytes *story, const char *text, size_t length, const uint8_t *cuts,
                          size_t count) {
    bi_sse sse;
    bi_sse_init(&sse);
    for (size_t i = 0; length > 0; i++) {
        size_t part = i < 64 || i % count ? cuts[i % count] % 23 : 1;
        part = part < length ? part : length;
        take(&sse, story, text, part);
        text += part;
        length -= part;
    }
    MUST(!bi_sse_has_failed(&sse));
    bi_sse_clear(&sse);
}

typedef struct plain {
    bi_bytes data, type, id, story;
} plain;

static void set(bi_bytes *to, const char *text, size_t length) {
    bi_bytes_reset(to);
    bi_bytes_add(to, text, length);
}

static void read_line(plain *p, const char *line, size_t length) {
    if (length == 0) {
        if (p->data.length > 0) {
            p->data.length--;
            note(&p->story, &p->type);
            note(&p->story, &p->id);
            note(&p->story, &p->data);
        }
        bi_bytes_reset(&p->data);
        bi_bytes_reset(&p->type);
        return;
    }
    const char *colon = memchr(line, ':', length);
    size_t name = colon ? (size_t)(colon - line) : length;
    const char *value = colon ? colon + 1 : line + length;
    if (value < line + length && *value == ' ')
        value++;
    size_t left = (size_t)(line + length - value);
    if (name == 4 && memcmp(line, "data", 4) == 0) {
        bi_bytes_add(&p->data, value, left);
        bi_bytes_add_char(&p->data, '\n');
    } else if (name == 5 && memcmp(line, "event", 5) == 0)
        set(&p->type, value, left);
    else if (name == 2 && memcmp(line, "id", 2) == 0 && (!left || !memchr(value, 0, left)))
        set(&p->id, value, left);
}

static void read_plainly(plain *p, const char *text, size_t length) {
    size_t start = length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    for (size_t at = start; at < length; at++) {
        if (text[at] != '\n' && text[at] != '\r')
            continue;
        read_line(p, text + start, at - start);
        if (text[at] == '\r' && at + 1 < length && text[at + 1] == '\n')
            at++;
        start = at + 1;
    }
}

static bool same(const bi_bytes *a, const bi_bytes *b) {
    return a->length == b->length && memcmp(bi_bytes_text(a), bi_bytes_text(b), a->length) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 4)
        return 0;
    long live = bi_memory_live();
    const char *text = (const char *)data + 4; /* the first bytes say where to cut */
    bi_bytes whole = {0}, parts = {0};
    bi_sse sse;
    bi_sse_init(&sse);
    take(&sse, &whole, text, size - 4);
    bi_sse_clear(&sse);
    take_in_parts(&parts, text, size - 4, data, 4);
    plain p = {0};
    read_plainly(&p, text, size - 4);
    MUST(same(&whole, &parts));
    MUST(same(&whole, &p.story));
    bi_bytes_clear(&whole);
    bi_bytes_clear(&parts);
    bi_bytes_clear(&p.data);
    bi_bytes_clear(&p.type);
    bi_bytes_clear(&p.id);
    bi_bytes_clear(&p.story);
    MUST(bi_memory_live() == live);
    return 0;
}
