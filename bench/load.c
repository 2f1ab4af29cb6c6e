/* What libcurl costs by itself: loads it, initialises it and makes so many easy handles. The reference for the rows
 * "load" and "idle" of bench/table. It is loaded at run time, so that 0 handles are the process alone.
 * Usage: load HANDLES */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#define CURL_GLOBAL_DEFAULT 3L

static void *symbol(void *library, const char *name) {
    void *found = dlsym(library, name);
    if (found)
        return found;
    fprintf(stderr, "load: no %s\n", name);
    exit(1);
}

int main(int argc, char **argv) {
    long count = argc > 1 ? atol(argv[1]) : 0;
    if (count == 0)
        return 0;
    void *library = dlopen("libcurl.so.4", RTLD_NOW);
    if (!library) {
        fprintf(stderr, "load: %s\n", dlerror());
        return 1;
    }
    int (*global_init)(long);
    void *(*easy_init)(void);
    *(void **)&global_init = symbol(library, "curl_global_init");
    *(void **)&easy_init = symbol(library, "curl_easy_init");
    if (global_init(CURL_GLOBAL_DEFAULT))
        return 1;
    for (long i = 0; i < count; i++) {
        if (!easy_init())
            return 1;
    }
    return 0;
}
