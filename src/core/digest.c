/* Fingerprints as promised in src/core/digest.h. A token has far more entropy than a fingerprint shows, so there is no
 * salt: the same token has to look the same in every process. */
#include "core/digest.h"

#include "core/memory.h"

#include <openssl/sha.h>
#include <string.h>

static bi_digest cut(const unsigned char full[SHA256_DIGEST_LENGTH]) {
    bi_digest digest;
    memcpy(digest.bytes, full, sizeof digest.bytes);
    return digest;
}

bi_digest bi_digest_of(const bi_secret *secret) {
    unsigned char full[SHA256_DIGEST_LENGTH];
    if (!secret->text || !SHA256((const unsigned char *)secret->text, secret->length, full))
        return (bi_digest){0};
    return cut(full);
}

bool bi_digest_is_set(const bi_digest *digest) {
    static const bi_digest none;
    return memcmp(digest, &none, sizeof none) != 0;
}

bool bi_digest_equal(const bi_digest *a, const bi_digest *b) {
    return bi_digest_is_set(a) && memcmp(a, b, sizeof *a) == 0;
}

/* --- Lists --------------------------------------------------------------------------------------------------------- */

static size_t count(const bi_digests *digests) {
    return digests->list.length / BI_DIGEST_SIZE;
}

static char *at(const bi_digests *digests, size_t index) {
    return digests->list.data + index * BI_DIGEST_SIZE;
}

/* Where it stands, or count(). */
static size_t find(const bi_digests *digests, const bi_digest *digest) {
    size_t index = 0;
    while (index < count(digests) && memcmp(at(digests, index), digest, BI_DIGEST_SIZE) != 0)
        index++;
    return index;
}

/* False when there is no room, or no memory for it. */
static bool append(bi_digests *digests, const bi_digest *digest) {
    if (count(digests) == BI_DIGESTS_MOST ||
        !bi_bytes_add(&digests->list, digest->bytes, BI_DIGEST_SIZE)) {
        digests->list.failed = false;
        return false;
    }
    return true;
}

void bi_digests_add(bi_digests *digests, const bi_digest *digest) {
    if (!bi_digest_is_set(digest))
        return;
    size_t index = find(digests, digest);
    if (index == count(digests) && !append(digests, digest)) {
        if (index < BI_DIGESTS_MOST)
            return;
        index--; /* the oldest makes room */
    }
    if (index > 0)
        memmove(at(digests, 1), at(digests, 0), index * BI_DIGEST_SIZE);
    memcpy(at(digests, 0), digest->bytes, BI_DIGEST_SIZE);
}

void bi_digests_merge(bi_digests *digests, const bi_digests *from) {
    for (size_t i = 0; i < count(from); i++) {
        bi_digest digest;
        memcpy(digest.bytes, at(from, i), sizeof digest.bytes);
        if (find(digests, &digest) == count(digests))
            append(digests, &digest);
    }
}

bool bi_digests_has(const bi_digests *digests, const bi_digest *digest) {
    return bi_digest_is_set(digest) && find(digests, digest) < count(digests);
}

void bi_digests_clear(bi_digests *digests) {
    bi_bytes_clear(&digests->list);
}

void bi_digests_write(const bi_digests *digests, bi_bytes *out) {
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < digests->list.length; i++) {
        unsigned char byte = (unsigned char)digests->list.data[i];
        if (i > 0 && i % BI_DIGEST_SIZE == 0)
            bi_bytes_add_char(out, ' ');
        bi_bytes_add_char(out, hex[byte >> 4]);
        bi_bytes_add_char(out, hex[byte & 15]);
    }
}

static int digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_one(bi_digest *digest, const char *text, size_t length) {
    if (length != 2 * BI_DIGEST_SIZE)
        return false;
    for (size_t i = 0; i < BI_DIGEST_SIZE; i++) {
        int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        digest->bytes[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

void bi_digests_read(bi_digests *digests, const char *text, size_t length) {
    size_t start = 0;
    for (size_t i = 0; i <= length; i++) {
        if (i < length && text[i] != ' ')
            continue;
        bi_digest digest;
        if (read_one(&digest, text + start, i - start) && !bi_digests_has(digests, &digest))
            append(digests, &digest);
        start = i + 1;
    }
}
