/* Whether a name that nobody knows is probably one that is known, mistyped. For messages; called by the binding. */
#ifndef BI_CORE_NEAR_H
#define BI_CORE_NEAR_H

#include <stdbool.h>

/* One letter left out, put in, changed or swapped makes one of the other; capitals and underscores do not count. */
bool bi_is_near(const char *a, const char *b);

#endif
