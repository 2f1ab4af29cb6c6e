/* src/engine/file.c and file_lock.c alone: real limits of the system, forks, and no memory at any point. */
#include "core/memory.h"
#include "engine/file.h"
#include "engine/file_lock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char folder[64];
static char path[128];
static char lock_path[128];
static bi_file_trouble trouble;

static int setup(void **state) {
    strcpy(folder, "/tmp/file-test.XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/tokens", folder);
    snprintf(lock_path, sizeof lock_path, "%s/tokens.lock", folder);
    return 0;
}

static int teardown(void **state) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(bi_memory_live(), 0);
    return system(command);
}

static void assert_content(const char *wanted) {
    bi_bytes content = {.secret = true};
    assert_int_equal(bi_file_read(path, &content, &trouble), BI_FILE_OK);
    assert_string_equal(bi_bytes_text(&content), wanted);
    bi_bytes_clear(&content);
}

static void replace(const char *text) {
    assert_true(bi_file_replace(path, text, strlen(text), &trouble));
}

static bool is_there(const char *suffix) {
    char name[160];
    snprintf(name, sizeof name, "%s%s", path, suffix);
    return access(name, F_OK) == 0;
}

/* --- Files ------------------------------------------------------------------------------------ */

static void test_absent_and_replaced(void **state) {
    bi_bytes content = {0};
    struct stat about;
    assert_int_equal(bi_file_read(path, &content, &trouble), BI_FILE_ABSENT);
    replace("one");
    assert_content("one");
    replace("");
    assert_content("");
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 07777, 0600);
    assert_int_equal(bi_file_read("/no/such/folder/x", &content, &trouble), BI_FILE_FAILED);
    assert_int_equal(trouble.reason, ENOENT);
    bi_bytes_clear(&content);
}

static void test_what_was_left_is_replaced(void **state) {
    char temporary[160];
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    assert_int_equal(symlink("/etc/passwd", temporary), 0);
    replace("one");
    assert_content("one");
    assert_false(is_there(".tmp"));
}

/* A real "no room": the kernel writes what fits, then refuses. */
static void test_size_limit(void **state) {
    char *large = malloc(100000);
    struct rlimit before, limit = {.rlim_cur = 5000};
    memset(large, 'x', 100000);
    replace("old");
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    bool done = bi_file_replace(path, large, 100000, &trouble);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_false(done);
    assert_int_equal(trouble.reason, EFBIG);
    assert_string_equal(trouble.step, "write");
    assert_content("old");
    assert_false(is_there(".tmp"));
    free(large);
}

static void test_no_descriptor(void **state) {
    bi_bytes content = {0};
    struct rlimit before, limit = {0};
    replace("old");
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    limit.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    bool replaced = bi_file_replace(path, "new", 3, &trouble);
    int reason = trouble.reason;
    bi_file_status status = bi_file_read(path, &content, &trouble);
    const bi_file_lock *lock = bi_file_lock_new(lock_path, &trouble);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_false(replaced);
    assert_int_equal(reason, EMFILE);
    assert_int_equal(status, BI_FILE_FAILED);
    assert_null(lock);
    assert_content("old");
    bi_bytes_clear(&content);
}

static void test_too_large(void **state) {
    bi_bytes content = {0};
    replace("");
    assert_int_equal(truncate(path, BI_FILE_MAX + 1), 0);
    assert_int_equal(bi_file_read(path, &content, &trouble), BI_FILE_FAILED);
    assert_int_equal(trouble.reason, EFBIG);
    assert_null(content.data);
}

static void test_paths(void **state) {
    char before[512], link[160];
    bi_bytes out = {0};
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(folder), 0);
    assert_true(bi_file_absolute("tokens", &out, &trouble));
    assert_int_equal(chdir(before), 0);
    assert_string_equal(bi_bytes_text(&out), path);
    snprintf(link, sizeof link, "%s/link", folder);
    assert_int_equal(symlink("tokens", link), 0);
    assert_true(bi_file_resolve(link, &out, &trouble));
    assert_string_equal(bi_bytes_text(&out), path);
    assert_int_equal(unlink(link), 0);
    assert_int_equal(symlink("link", link), 0);
    assert_false(bi_file_resolve(link, &out, &trouble));
    assert_int_equal(trouble.reason, ELOOP);
    bi_bytes_clear(&out);
}

static void test_set_aside(void **state) {
    bi_bytes aside = {0};
    for (int n = 1; n <= 3; n++) {
        char wanted[160];
        replace("corrupt");
        assert_true(bi_file_set_aside(path, &aside, &trouble));
        snprintf(wanted, sizeof wanted, "%s.corrupt-%d", path, n);
        assert_string_equal(bi_bytes_text(&aside), wanted);
        assert_false(is_there(""));
    }
    assert_false(bi_file_set_aside(path, &aside, &trouble));
    assert_int_equal(trouble.reason, ENOENT);
    assert_false(is_there(".corrupt-4"));
    bi_bytes_clear(&aside);
}

/* Each allocation fails once: nothing leaks, and the file is the old or the new one. */
static void test_no_memory(void **state) {
    int failed = 0;
    for (unsigned long n = 1; n <= 20; n++) {
        bi_bytes out = {0};
        replace("old");
        bi_memory_fail_at(n);
        bi_file_status status = bi_file_read(path, &out, &trouble);
        bool read = status == BI_FILE_OK;
        bool resolved = read && bi_file_resolve(path, &out, &trouble);
        bool replaced = resolved && bi_file_replace(path, "new", 3, &trouble);
        bool aside = replaced && bi_file_set_aside(path, &out, &trouble);
        bi_file_lock *lock = aside ? bi_file_lock_new(lock_path, &trouble) : NULL;
        bi_memory_fail_at(0);
        failed += !lock;
        bi_file_lock_free(lock);
        bi_bytes_clear(&out);
        assert_true(aside || is_there(""));
        assert_int_equal(bi_memory_live(), 0);
    }
    assert_true(failed >= 4 && failed < 20);
}

/* --- Lock files ------------------------------------------------------------------------------- */

static bi_file_lock *open_lock(void) {
    bi_file_lock *lock = bi_file_lock_new(lock_path, &trouble);
    assert_non_null(lock);
    return lock;
}

static void test_mutex(void **state) {
    bi_file_lock *one = open_lock(), *other = open_lock();
    assert_int_equal(bi_file_lock_enter(one, 0, &trouble), BI_FILE_ENTERED);
    assert_int_equal(bi_file_lock_enter(other, 0, &trouble), BI_FILE_BUSY);
    assert_int_equal(bi_file_lock_enter(other, 20, &trouble), BI_FILE_BUSY);
    bi_file_lock_leave(one);
    assert_int_equal(bi_file_lock_enter(other, 0, &trouble), BI_FILE_ENTERED);
    bi_file_lock_free(other);
    assert_int_equal(bi_file_lock_enter(one, 0, &trouble), BI_FILE_ENTERED);
    bi_file_lock_free(one);
}

static void test_content(void **state) {
    bi_file_lock *one = open_lock();
    bi_bytes content = {0};
    assert_true(bi_file_lock_write(one, "a long text", 11, &trouble));
    assert_true(bi_file_lock_write(one, "short", 5, &trouble));
    assert_true(bi_file_lock_read(one, &content, &trouble));
    assert_string_equal(bi_bytes_text(&content), "short");
    assert_true(bi_file_lock_write(one, "", 0, &trouble));
    bi_bytes_reset(&content);
    assert_true(bi_file_lock_read(one, &content, &trouble));
    assert_int_equal(content.length, 0);
    bi_bytes_clear(&content);
    bi_file_lock_free(one);
}

/* Without open file description locks every number counts as marked. */
static bool marks_work(void) {
    bi_file_lock *lock = open_lock();
    bool work = !bi_file_lock_is_marked(lock, 1);
    bi_file_lock_free(lock);
    return work;
}

static void test_marks(void **state) {
    if (!marks_work())
        skip();
    bi_file_lock *one = open_lock(), *other = open_lock();
    assert_true(bi_file_lock_mark(one, 7));
    assert_true(bi_file_lock_mark(one, UINT32_MAX));
    assert_true(bi_file_lock_is_marked(other, 7));
    assert_true(bi_file_lock_is_marked(other, UINT32_MAX));
    assert_false(bi_file_lock_is_marked(other, 8));
    assert_false(bi_file_lock_is_marked(one, 7)); /* its own */
    assert_false(bi_file_lock_mark(other, 7));
    bi_file_lock_free(one);
    assert_false(bi_file_lock_is_marked(other, 7));
    bi_file_lock_free(other);
}

/* Not on the stack: a leak check in a child must find them. */
static bi_file_lock *parents, *others;

static int in_child(int (*act)(bi_file_lock *), bi_file_lock *lock) {
    int status;
    pid_t pid = fork();
    if (pid == 0)
        _exit(act(lock));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int drop_inherited(bi_file_lock *lock) {
    int ours = bi_file_lock_is_ours(lock);
    bi_file_lock_leave(lock);
    bi_file_lock_free(lock);
    return ours;
}

static void test_child_releases_nothing(void **state) {
    parents = open_lock();
    others = open_lock();
    assert_true(bi_file_lock_is_ours(parents));
    assert_int_equal(bi_file_lock_enter(parents, 0, &trouble), BI_FILE_ENTERED);
    assert_true(bi_file_lock_mark(parents, 7));
    assert_int_equal(in_child(drop_inherited, parents), 0);
    assert_int_equal(bi_file_lock_enter(others, 0, &trouble), BI_FILE_BUSY);
    assert_true(bi_file_lock_is_marked(others, 7));
    bi_file_lock_free(parents);
    bi_file_lock_free(others);
}

/* A child that lives on with the descriptor does not hold what its parent gave back. */
static void test_child_holds_nothing(void **state) {
    parents = open_lock();
    others = open_lock();
    assert_int_equal(bi_file_lock_enter(parents, 0, &trouble), BI_FILE_ENTERED);
    assert_true(bi_file_lock_mark(parents, 7));
    pid_t pid = fork();
    if (pid == 0) {
        (void)pause();
        _exit(0);
    }
    bi_file_lock_free(parents);
    assert_int_equal(bi_file_lock_enter(others, 0, &trouble), BI_FILE_ENTERED);
    if (marks_work())
        assert_false(bi_file_lock_is_marked(others, 7));
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    bi_file_lock_free(others);
}

static void test_no_link_is_followed(void **state) {
    assert_int_equal(symlink("/tmp/file-test-target", lock_path), 0);
    assert_null(bi_file_lock_new(lock_path, &trouble));
    assert_int_equal(trouble.reason, ELOOP);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_absent_and_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_was_left_is_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(test_size_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_descriptor, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_large, setup, teardown),
        cmocka_unit_test_setup_teardown(test_paths, setup, teardown),
        cmocka_unit_test_setup_teardown(test_set_aside, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_mutex, setup, teardown),
        cmocka_unit_test_setup_teardown(test_content, setup, teardown),
        cmocka_unit_test_setup_teardown(test_marks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_child_releases_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_child_holds_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_link_is_followed, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
