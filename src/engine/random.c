/* Random bytes from libcrypto, which mixes and reseeds by itself, also after a fork. */
#include "engine/random.h"

#include <limits.h>
#include <openssl/rand.h>
#include <string.h>

bool bi_random_bytes(void *out, size_t n) {
    if (n <= INT_MAX && RAND_bytes(out, (int)n) == 1)
        return true;
    memset(out, 0, n);
    return false;
}
