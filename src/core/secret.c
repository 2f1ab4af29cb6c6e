/* Secrets of src/core/secret.h: their storage and comparison. How they are kept out of what a person reads stands in
 * redact.c and excerpt.c. */
#include "core/secret.h"

#include "core/ascii.h"
#include "core/memory.h"

#include <string.h>

bool bi_secret_set(bi_secret *secret, const char *text, size_t length) {
    char *copy = NULL;
    if (text && length > 0) {
        copy = bi_copy(text, length);
        if (!copy)
            return false;
    }
    bi_secret_clear(secret); /* only now: `text` may be the old value */
    *secret = (bi_secret){copy, copy ? length : 0};
    return true;
}

void bi_secret_move(bi_secret *to, bi_secret *from) {
    if (to == from)
        return;
    bi_secret_clear(to);
    *to = *from;
    *from = (bi_secret){0};
}

void bi_secret_clear(bi_secret *secret) {
    if (secret->text)
        bi_wipe(secret->text, secret->length);
    bi_free(secret->text);
    *secret = (bi_secret){0};
}

bool bi_equal_constant_time(const char *a, size_t a_length, const char *b, size_t b_length) {
    volatile unsigned char difference = 0; /* volatile: no leaving the loop early */
    if (a_length != b_length)
        return false;
    for (size_t i = 0; i < a_length; i++)
        difference = (unsigned char)(difference | (a[i] ^ b[i]));
    return difference == 0;
}

bool bi_token_is_sendable(const char *text, size_t length) {
    if (length == 0 || length > BI_TOKEN_MAX)
        return false;
    for (size_t i = 0; i < length; i++)
        if (text[i] < 0x21 || text[i] > 0x7E)
            return false;
    return true;
}
