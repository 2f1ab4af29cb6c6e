/* Base64url and the S256 transformation of src/core/pkce.h. The only user of libcrypto in the
 * core, and only of its hash. */
#include "core/pkce.h"

#include "core/ascii.h"
#include "core/memory.h"

#include <openssl/sha.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* One to three bytes make two to four characters. */
static bool add_group(bi_bytes *out, const unsigned char *data, size_t count) {
    unsigned long bits = (unsigned long)data[0] << 16;
    if (count > 1)
        bits |= (unsigned long)data[1] << 8;
    if (count > 2)
        bits |= data[2];
    for (size_t i = 0; i <= count; i++)
        if (!bi_bytes_add_char(out, alphabet[bits >> (18 - 6 * i) & 63]))
            return false;
    return true;
}

bool bi_base64url_add(bi_bytes *out, const void *data, size_t length) {
    const unsigned char *bytes = data;
    /* Reserving first means that nothing is half written when memory runs out. */
    if (!bi_bytes_reserve(out, length / 3 * 4 + 4))
        return false;
    while (length > 0) {
        size_t count = length < 3 ? length : 3;
        if (!add_group(out, bytes, count))
            return false;
        bytes += count;
        length -= count;
    }
    return true;
}

bool bi_pkce_add_verifier(bi_bytes *out, const unsigned char random[BI_PKCE_RANDOM]) {
    return bi_base64url_add(out, random, BI_PKCE_RANDOM);
}

bool bi_pkce_verifier_is_legal(const char *text, size_t length) {
    if (length < 43 || length > 128)
        return false;
    for (size_t i = 0; i < length; i++)
        if (!bi_ascii_is_unreserved(text[i]))
            return false;
    return true;
}

bool bi_pkce_add_challenge(bi_bytes *out, const char *verifier, size_t length) {
    unsigned char digest[SHA256_DIGEST_LENGTH];
    unsigned char input[128];
    if (!bi_pkce_verifier_is_legal(verifier, length))
        return false;
    memcpy(input, verifier, length);
    bool hashed = SHA256(input, length, digest) != NULL;
    bi_wipe(input, sizeof input);
    return hashed && bi_base64url_add(out, digest, sizeof digest);
}
