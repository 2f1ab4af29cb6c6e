/* Comparing names loosely (src/core/near.h). */
#include "core/near.h"

#include "core/ascii.h"

#include <stddef.h>

#define LONGEST 48 /* no option has a longer name */

/* Without underscores, in lower case: source_language is sourceLanguage. Returns the length; LONGEST: too long. */
static size_t fold(char folded[LONGEST], const char *name) {
    size_t length = 0;
    for (; *name; name++) {
        if (*name == '_')
            continue;
        if (length == LONGEST)
            return LONGEST;
        folded[length++] = bi_ascii_lower(*name);
    }
    return length;
}

bool bi_is_near(const char *a, const char *b) {
    char x[LONGEST], y[LONGEST];
    size_t start = 0, x_end = fold(x, a), y_end = fold(y, b);
    if (x_end == LONGEST || y_end == LONGEST)
        return false;
    while (start < x_end && start < y_end && x[start] == y[start])
        start++;
    while (x_end > start && y_end > start && x[x_end - 1] == y[y_end - 1])
        x_end--, y_end--;
    size_t x_left = x_end - start, y_left = y_end - start;
    if (x_left <= 1 && y_left <= 1)
        return true;
    return x_left == 2 && y_left == 2 && x[start] == y[start + 1] && x[start + 1] == y[start];
}
