/* A Lua program with the module linked in, in which the n-th allocation fails, for every n: the core's (through
 * src/core/memory.h), libcurl's and libcrypto's, or Lua's own. Each n is a process of its own, forked from one that has
 * loaded the module. Whatever n: every step succeeds or raises an error, succeeds when there is memory again, and in
 * the end nothing is left: no block, no descriptor, and no leak that LeakSanitizer knows of.
 * Usage: no_memory SCRIPT c|lua once|on FIRST STRIDE     run by spec/no_memory_spec.lua
 * `once`: that one allocation fails; `on`: all from it to the end of the step. SCRIPT returns a list of steps
 * { name, function } and a function that says of an error raised in one whether it is one of those that may be. */
#include "core/memory.h"

#include <curl/curl.h>
#include <dirent.h>
#include <dlfcn.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
/* libcrypto 3.0 loses two names of its own when memory ends while it makes its tables, once in a process. */
const char *__lsan_default_suppressions(void);
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void) {
    return "leak:libcrypto.so\n";
}
#else
#define __lsan_do_recoverable_leak_check() 0
#endif

#ifndef LUA_OK
#define LUA_OK 0 /* Lua 5.1 */
#endif

#define SECONDS 40      /* so long a process may take: what takes longer hangs */
#define LIBCURL_DIED 88 /* the exit status of one in which libcurl did */

int luaopen_better_i18n_core(lua_State *L);

/* --- What fails ---------------------------------------------------------------------------------------------------- */

enum { C = 1, LUA = 2 };

static int where;          /* whose allocations are counted: C or LUA */
static bool goes_on;       /* all that follow fail too */
static unsigned long left; /* until it fails; 0: off */
static bool fires;

/* A Lua with an emergency collection tries the same once more after it. */
#if LUA_VERSION_NUM >= 502
#define TRIES 2
#else
#define TRIES 1
#endif

/* What one process comes to; it lies in memory that it shares with its parent. */
static struct outcome {
    bool fired;
    unsigned long allocations, tries;
    int step;
    long core, curl, lua, descriptors;
    char complaint[400];
} * outcome;

static bool must_fail(int whose) {
    if (whose != where)
        return false;
    outcome->allocations++;
    if (!fires && left > 0 && --left == 0)
        fires = outcome->fired = true;
    if (!fires)
        return false;
    if (!goes_on && ++outcome->tries >= (whose == LUA ? TRIES : 1))
        fires = false;
    return true;
}

static void arm(unsigned long n) {
    left = n;
    outcome->allocations = 0;
}

static void disarm(void) {
    left = 0;
    fires = false;
}

/* The linker puts these in the place of memory.h's (--wrap). */
void *__real_bi_alloc(size_t size);
void *__real_bi_realloc(void *old, size_t size);
char *__real_bi_copy(const char *text, size_t length);
void *__wrap_bi_alloc(size_t size);
void *__wrap_bi_realloc(void *old, size_t size);
char *__wrap_bi_copy(const char *text, size_t length);

void *__wrap_bi_alloc(size_t size) {
    return must_fail(C) ? NULL : __real_bi_alloc(size);
}

void *__wrap_bi_realloc(void *old, size_t size) {
    return must_fail(C) ? NULL : __real_bi_realloc(old, size);
}

char *__wrap_bi_copy(const char *text, size_t length) {
    return must_fail(C) ? NULL : __real_bi_copy(text, length);
}

static void *counted(void *memory) {
    outcome->curl += memory != NULL;
    return memory;
}

static void *curl_malloc(size_t size) {
    return must_fail(C) ? NULL : counted(malloc(size));
}

static void *curl_calloc(size_t count, size_t size) {
    return must_fail(C) ? NULL : counted(calloc(count, size));
}

static char *curl_strdup(const char *text) {
    return must_fail(C) ? NULL : counted(strdup(text));
}

static void *curl_realloc(void *old, size_t size) {
    if (must_fail(C))
        return NULL;
    return old ? realloc(old, size) : counted(malloc(size));
}

static void curl_free_(void *memory) {
    outcome->curl -= memory != NULL;
    free(memory);
}

static void *crypto_malloc(size_t size, const char *file, int line) {
    (void)file, (void)line;
    return must_fail(C) ? NULL : malloc(size);
}

static void *crypto_realloc(void *old, size_t size, const char *file, int line) {
    (void)file, (void)line;
    return must_fail(C) ? NULL : realloc(old, size);
}

static void crypto_free(void *memory, const char *file, int line) {
    (void)file, (void)line;
    free(memory);
}

/* Shrinking never fails: Lua relies on that. */
static void *lua_memory(void *unused, void *old, size_t had, size_t size) {
    (void)unused;
    had = old ? had : 0;
    if (size > had && must_fail(LUA))
        return NULL;
    outcome->lua += (size > 0) - (had > 0);
    if (size > 0)
        return realloc(old, size);
    free(old);
    return NULL;
}

/* libcurl 7.88 divides by zero in its table of sockets when it had no memory to add a transfer to it, within one call of
 * its own. Nobody outside can prevent that; it is counted apart. */
static void on_division(int number, siginfo_t *info, void *context) {
    Dl_info where_it_is;
    (void)context;
    if (dladdr(info->si_addr, &where_it_is) && strstr(where_it_is.dli_fname, "libcurl"))
        _exit(LIBCURL_DIED);
    signal(number, SIG_DFL);
}

/* --- One process --------------------------------------------------------------------------------------------------- */

static long count_descriptors(void) {
    long count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (dir && readdir(dir))
        count++;
    if (dir)
        closedir(dir);
    return count;
}

static void complain(const char *what, const char *step, const char *why) {
    if (!outcome->complaint[0])
        snprintf(outcome->complaint, sizeof outcome->complaint, "%s: %s%s%s", step, what,
                 why ? ": " : "", why ? why : "");
}

/* The stack of the state: 1 the steps, 2 the judge of errors. */
static void push_step(lua_State *L, int index, int field) {
    lua_rawgeti(L, 1, index);
    lua_rawgeti(L, -1, field);
    lua_remove(L, -2);
}

static int run_step(lua_State *L, int index) {
    push_step(L, index, 2);
    return lua_pcall(L, 0, 0, 0);
}

/* With the error on the top: it must be one that a lack of memory may raise. */
static void judge(lua_State *L, const char *step) {
    lua_pushvalue(L, 2);
    lua_insert(L, -2);
    if (lua_pcall(L, 1, 1, 0) != LUA_OK)
        complain("its error cannot be looked at", step, lua_tostring(L, -1));
    else if (!lua_isnil(L, -1))
        complain("raised", step, lua_tostring(L, -1));
}

/* The error on the top as text; the error object has a tostring of its own. */
static const char *told(lua_State *L) {
    lua_getglobal(L, "tostring");
    lua_insert(L, -2);
    return lua_pcall(L, 1, 1, 0) == LUA_OK ? lua_tostring(L, -1) : "?";
}

/* A hook's failure may be told by the call behind the one that it happened in. */
static bool succeeds_now(lua_State *L, int index) {
    return run_step(L, index) == LUA_OK || run_step(L, index) == LUA_OK;
}

static void take_step(lua_State *L, int index) {
    const char *name;
    push_step(L, index, 1); /* stays below, so that it is not collected */
    name = lua_tostring(L, -1);
    outcome->step = index;
    if (run_step(L, index) != LUA_OK) {
        bool ours = outcome->fired;
        disarm();
        judge(L, name);
        if (!ours)
            complain("fails with all memory there is", name, NULL);
        else if (!succeeds_now(L, index))
            complain("does not succeed when there is memory again", name, told(L));
    } else if (fires)
        disarm();
    lua_settop(L, 2);
}

static void run(lua_State *L, unsigned long n) {
    int steps;
    long descriptors = count_descriptors();
    luaL_checkstack(L, 40, "steps");
    lua_gc(L, LUA_GCCOLLECT, 0);
    for (steps = 1;; steps++) {
        lua_rawgeti(L, 1, steps);
        bool is_end = lua_isnil(L, -1);
        lua_pop(L, 1);
        if (is_end)
            break;
    }
    outcome->curl = 0;
    arm(n);
    for (int i = 1; i < steps; i++)
        take_step(L, i);
    lua_close(L);
    disarm();
    outcome->core = bi_memory_live();
    outcome->descriptors = count_descriptors() - descriptors;
    if (__lsan_do_recoverable_leak_check())
        complain("leaks, as LeakSanitizer says above", "the end", NULL);
}

static int panic(lua_State *L) {
    fprintf(stderr, "no_memory: an error that nobody catches: %s\n", lua_tostring(L, -1));
    return 0;
}

static lua_State *load(const char *script) {
    lua_State *L = lua_newstate(lua_memory, NULL);
    if (!L)
        return NULL;
    lua_atpanic(L, panic);
    luaL_openlibs(L);
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "preload");
    lua_pushcfunction(L, luaopen_better_i18n_core);
    lua_setfield(L, -2, "better_i18n.core");
    lua_settop(L, 0);
    if (luaL_loadfile(L, script) != LUA_OK || lua_pcall(L, 0, 2, 0) != LUA_OK) {
        fprintf(stderr, "no_memory: %s\n", lua_tostring(L, -1));
        return NULL;
    }
    return L;
}

/* --- All of them --------------------------------------------------------------------------------------------------- */

/* In a child, so that it costs nobody else anything. Its state is a copy of the parent's. */
static int run_apart(lua_State *L, long lua, unsigned long n) {
    int status = 0;
    memset(outcome, 0, sizeof *outcome);
    outcome->lua = lua;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        struct sigaction action = {.sa_sigaction = on_division, .sa_flags = SA_SIGINFO};
        sigaction(SIGFPE, &action, NULL);
        alarm(SECONDS);
        run(L, n);
        fflush(NULL);
        _exit(0);
    }
    waitpid(child, &status, 0);
    return status;
}

static void explain(unsigned long n, int status, const struct outcome *whole) {
    struct outcome *o = outcome;
    const char *what = NULL;
    char text[80];
    if (WIFSIGNALED(status))
        what = WTERMSIG(status) == SIGALRM ? "hangs" : strsignal(WTERMSIG(status));
    else if (WEXITSTATUS(status)) {
        snprintf(text, sizeof text, "exit status %d", WEXITSTATUS(status));
        what = text;
    } else if (o->complaint[0])
        what = o->complaint;
    else if (o->core != whole->core || o->curl > whole->curl || o->lua != 0 || o->descriptors > 0) {
        snprintf(text, sizeof text, "left: core %ld, curl %ld, Lua %ld, descriptors %ld",
                 o->core - whole->core, o->curl - whole->curl, o->lua, o->descriptors);
        what = text;
    }
    if (what)
        printf("n = %lu, step %d: %s\n", n, o->step, what);
}

static bool is_clean(int status, const struct outcome *whole) {
    return status == 0 && !outcome->complaint[0] && outcome->core == whole->core &&
           outcome->curl <= whole->curl && outcome->lua == 0 && outcome->descriptors <= 0;
}

int main(int argc, char **argv) {
    unsigned long bad = 0, done = 0, died = 0, n;
    struct outcome whole;
    lua_State *L;
    long lua; /* blocks that are in use before anything fails */
    if (argc != 6) {
        fputs("usage: no_memory SCRIPT c|lua once|on FIRST STRIDE\n", stderr);
        return 2;
    }
    outcome =
        mmap(NULL, sizeof *outcome, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (outcome == MAP_FAILED ||
        !CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free))
        return 2;
    if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, curl_malloc, curl_free_, curl_realloc,
                             curl_strdup, curl_calloc) != CURLE_OK)
        return 2;
    L = load(argv[1]);
    if (!L)
        return 2;
    where = strcmp(argv[2], "lua") == 0 ? LUA : C;
    goes_on = strcmp(argv[3], "on") == 0;
    lua = outcome->lua;
    int status = run_apart(L, lua, 0);
    whole = *outcome;
    whole.core = whole.core > 0 ? whole.core : 0;
    explain(0, status, &whole);
    bad += !is_clean(status, &whole);
    for (n = strtoul(argv[4], NULL, 10);; n += strtoul(argv[5], NULL, 10)) {
        status = run_apart(L, lua, n);
        if (!outcome->fired && status == 0 && !outcome->complaint[0])
            break;
        done++;
        if (WIFEXITED(status) && WEXITSTATUS(status) == LIBCURL_DIED) {
            died++;
            continue;
        }
        explain(n, status, &whole);
        bad += !is_clean(status, &whole);
    }
    printf("%lu allocations, %lu of them failed, %lu of these not well", whole.allocations, done,
           bad);
    printf(died ? ", in %lu more libcurl itself died\n" : "\n", died);
    outcome->lua = lua;
    lua_close(L);
    return bad ? 1 : 0;
}
