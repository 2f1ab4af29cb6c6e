/* The fixture of spec/unit/transport_fixture.h. */
#include "transport_fixture.h"

#include "core/memory.h"

#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

fixture f;

static int count_descriptors(void) {
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

void rest(int milliseconds) {
    nanosleep(&(struct timespec){milliseconds / 1000, (long)(milliseconds % 1000) * 1000000}, NULL);
}

void open_pool(bi_network network) {
    f.pool = bi_pool_get(f.engine, &network);
    assert_non_null(f.pool);
}

int setup(void **state) {
    f = (fixture){.memory = bi_memory_live(), .descriptors = count_descriptors()};
    f.engine = bi_engine_new();
    bi_wire_answer_init(&f.answer);
    bi_wire_request_init(&f.request);
    open_pool((bi_network){.max_connections = 8});
    return f.engine ? 0 : -1;
}

/* Also the proof that nothing was left behind. */
int teardown(void **state) {
    bi_pool_release(f.pool);
    bi_engine_release(f.engine);
    if (f.server)
        raw_server_stop(f.server);
    bi_wire_request_clear(&f.request);
    bi_wire_answer_clear(&f.answer);
    assert_int_equal(bi_memory_live(), f.memory);
    assert_int_equal(count_descriptors(), f.descriptors);
    return 0;
}

void serve_steps(const raw_step *steps, size_t count) {
    if (f.server)
        raw_server_stop(f.server);
    f.server = raw_server_start(steps, count);
}

bi_wire_request *make_to(const char *method, const char *url, const char *body) {
    bi_wire_request *request = &f.request;
    bi_wire_request_clear(request);
    snprintf(request->method, sizeof request->method, "%s", method);
    bi_bytes_add_text(&request->url, url);
    request->max_body = 1 << 20;
    request->connect_timeout = 5000;
    request->has_body = body != NULL;
    if (body)
        bi_bytes_add_text(&request->body, body);
    return request;
}

bi_wire_request *make(const char *method, const char *body) {
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/path?q=1", raw_server_port(f.server));
    return make_to(method, url, body);
}

void finish(bi_transfer *transfer) {
    int64_t end_by = bi_clock_read().mono + (getenv("BETTER_I18N_SLOW") ? 60000 : 10000);
    while (!bi_transfer_is_finished(transfer)) {
        bi_engine_wait(f.engine, 1000);
        assert_true(bi_clock_read().mono < end_by);
    }
}

/* Sends f.request and leaves the answer in f.answer. */
const bi_wire_answer *run(void) {
    bi_transfer *transfer = bi_transfer_start(f.pool, &f.request, &f);
    assert_non_null(transfer);
    assert_ptr_equal(bi_transfer_tag(transfer), &f);
    finish(transfer);
    assert_ptr_equal(bi_engine_take_finished(f.engine), transfer);
    assert_null(bi_engine_take_finished(f.engine));
    bi_transfer_take_answer(transfer, &f.answer);
    bi_transfer_free(transfer);
    assert_int_equal(bi_engine_busy(f.engine), 0);
    return &f.answer;
}

const bi_wire_answer *call(const char *method, const char *body) {
    make(method, body);
    return run();
}

void assert_ok(const bi_wire_answer *answer, long status, const char *body) {
    assert_string_equal(answer->detail, "");
    assert_int_equal(answer->trouble, BI_TROUBLE_NONE);
    assert_int_equal(answer->status, status);
    assert_string_equal(bi_bytes_text(&answer->body), body);
    assert_true(answer->sent);
}

void assert_trouble(const bi_wire_answer *answer, bi_trouble trouble, bool sent) {
    if (answer->trouble != trouble || answer->sent != sent)
        print_error("trouble %d, sent %d: %s\n", answer->trouble, answer->sent, answer->detail);
    assert_int_equal(answer->trouble, trouble);
    assert_int_equal(answer->sent, sent);
    assert_string_not_equal(answer->detail, "");
    assert_null(strpbrk(answer->detail, "\r\n"));
}

bool is_readable(int timeout) {
    struct pollfd one = {.fd = bi_engine_descriptor(f.engine), .events = POLLIN};
    return poll(&one, 1, timeout) == 1;
}

void begin(void) {
    unsetenv("http_proxy"), unsetenv("https_proxy"), unsetenv("HTTPS_PROXY");
    unsetenv("all_proxy"), unsetenv("ALL_PROXY"), unsetenv("no_proxy"), unsetenv("NO_PROXY");
    bi_engine_release(
        bi_engine_new()); /* what libcurl allocates once is not a leak of the first test */
}
