/* libFuzzer: any bytes as a text and two known secrets: length of the first, length of the second, the two, the text.
 * No known secret of 4 bytes or more is left between the markers, plain or form-encoded, nor a token of the service;
 * an excerpt is one printable line within its limit. */
#include "core/memory.h"
#include "core/secret.h"
#include "core/url.h"
#include "must.h"

static const char marker[] = "[redacted]";
#define MARKER (sizeof marker - 1)

static void check_absent(const char *text, size_t length, const char *what, size_t what_length) {
    if (what_length >= 4)
        MUST(!length || !memmem(text, length, what, what_length));
}

/* A piece between two markers is as it stood in the text. */
static void check_piece(const char *text, size_t length, const bi_secret *secrets) {
    for (size_t i = 0; i < 2; i++) {
        bi_bytes form = {0};
        check_absent(text, length, secrets[i].text, secrets[i].length);
        if (secrets[i].length >= 4 &&
            bi_form_add(&form, 0, "", 0, secrets[i].text, secrets[i].length))
            check_absent(text, length, form.data + 1, form.length - 1);
        bi_bytes_clear(&form);
    }
    const char *token = length ? memmem(text, length, "bi_oat_", 7) : NULL;
    if (token && token + 7 < text + length)
        MUST(!strchr("abcdefghijklmnopqrstuvwxyz0123456789", token[7]) || token[7] == '\0');
}

static void check_redacted(const bi_bytes *out, const bi_secret *secrets) {
    size_t start = 0;
    while (start <= out->length && out->length > 0) {
        const char *rest = out->data + start;
        const char *next = memmem(rest, out->length - start, marker, MARKER);
        size_t length = next ? (size_t)(next - rest) : out->length - start;
        check_piece(rest, length, secrets);
        if (!next)
            break;
        start += length + MARKER;
    }
}

static void check_excerpt(const char *text, size_t length, size_t limit) {
    bi_bytes out = {0};
    MUST(bi_excerpt(&out, text, length, limit));
    MUST(out.length <= limit && out.length <= length);
    for (size_t i = 0; i < out.length; i++)
        MUST((unsigned char)out.data[i] >= 0x20 && out.data[i] != 0x7F);
    bi_bytes again = {0}; /* valid UTF-8 now, so nothing changes any more */
    MUST(bi_excerpt(&again, out.data, out.length, limit));
    MUST(again.length == out.length &&
         !memcmp(bi_bytes_text(&again), bi_bytes_text(&out), out.length));
    bi_bytes_clear(&again);
    bi_bytes_clear(&out);
}

static size_t take(const uint8_t **data, size_t *size, size_t most, bi_secret *secret) {
    size_t length = most < *size ? most : *size;
    MUST(bi_secret_set(secret, (const char *)*data, length));
    *data += length;
    *size -= length;
    return length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    long live = bi_memory_live();
    bi_secret secrets[2] = {{0}, {0}};
    const bi_secret *list[2] = {&secrets[0], &secrets[1]};
    size_t first = data[0] % 32, second = data[1] % 32;
    data += 2;
    size -= 2;
    take(&data, &size, first, &secrets[0]);
    take(&data, &size, second, &secrets[1]);
    char *copy = must_copy(data, size);
    bi_bytes out = {0};
    MUST(bi_redact(&out, copy, size, list, 2));
    check_redacted(&out, secrets);
    check_excerpt(copy, size, first * 8);
    bi_bytes_clear(&out);
    free(copy);
    bi_secret_clear(&secrets[0]);
    bi_secret_clear(&secrets[1]);
    MUST(bi_memory_live() == live);
    return 0;
}
