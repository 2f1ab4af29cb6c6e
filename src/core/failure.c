/* The failure struct of src/core/failure.h: filling, copying, wrapping. What a failure means is judged in judge.c. */
#include "core/failure.h"

#include "core/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void bi_failure_init(bi_failure *failure) {
    *failure = (bi_failure){.retry_after = -1};
    failure->fields.secret = true;
}

/* A loop and no recursion: nothing here should depend on how long the chain is. */
static void drop_causes(bi_failure *failure) {
    bi_failure *cause = failure->cause;
    failure->cause = NULL;
    while (cause) {
        bi_failure *next = cause->cause;
        cause->cause = NULL;
        bi_failure_clear(cause);
        bi_free(cause);
        cause = next;
    }
}

void bi_failure_clear(bi_failure *failure) {
    drop_causes(failure);
    bi_bytes_clear(&failure->message);
    bi_bytes_clear(&failure->path);
    bi_bytes_clear(&failure->fields);
    bi_bytes_clear(&failure->body);
    bi_failure_init(failure);
}

bool bi_failure_is(const bi_failure *failure, const char *code) {
    return strcmp(failure->code, code) == 0;
}

bool bi_failure_is_own(const char *code) {
    static const char *const ours[] = {BI_CODE_MEMORY,    BI_CODE_ARGUMENT, BI_CODE_CLOSED,
                                       BI_CODE_CANCELLED, BI_CODE_NETWORK,  BI_CODE_TLS,
                                       BI_CODE_PROXY,     BI_CODE_HTTP,     BI_CODE_REDIRECT,
                                       BI_CODE_RESPONSE,  BI_CODE_UNKNOWN,  BI_CODE_REFRESH_UNKNOWN,
                                       BI_CODE_STATE,     BI_CODE_LARGE,    BI_CODE_TIMEOUT,
                                       "pagination_loop", BI_CODE_STORE};
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        if (strcmp(code, ours[i]) == 0)
            return true;
    return false;
}

void bi_failure_text(char *to, size_t room, const char *text, size_t length) {
    if (length >= room)
        length = room - 1;
    if (length)
        memcpy(to, text, length);
    to[length] = '\0';
}

void bi_failure_set(bi_failure *failure, const char *code, const char *format, ...) {
    char message[512];
    va_list list;
    va_start(list, format);
    vsnprintf(message, sizeof message, format, list);
    va_end(list);
    bi_failure_text(failure->code, sizeof failure->code, code, strlen(code));
    bi_bytes_reset(&failure->message);
    bi_bytes_add_text(&failure->message, message);
}

static bool copy_bytes(bi_bytes *to, const bi_bytes *from) {
    return bi_bytes_add(to, bi_bytes_text(from), from->length);
}

static bool copy_one(bi_failure *to, const bi_failure *from) {
    *to = *from;
    to->message = to->path = to->fields = to->body = (bi_bytes){0};
    to->fields.secret = true;
    to->cause = NULL;
    return copy_bytes(&to->message, &from->message) && copy_bytes(&to->path, &from->path) &&
           copy_bytes(&to->fields, &from->fields) && copy_bytes(&to->body, &from->body);
}

void bi_failure_copy(bi_failure *to, const bi_failure *from) {
    bi_failure copy;
    bool whole = copy_one(&copy, from);
    bi_failure *last = &copy;
    for (const bi_failure *cause = from->cause; whole && cause; cause = cause->cause) {
        last->cause = bi_alloc(sizeof *last->cause);
        whole = last->cause && copy_one(last->cause, cause);
        last = last->cause;
    }
    if (!whole) {
        bi_failure_clear(&copy);
        bi_failure_set(&copy, BI_CODE_MEMORY, "not enough memory");
    }
    bi_failure_clear(to);
    *to = copy;
}

void bi_failure_wrap(bi_failure *failure, const char *code, bool retryable, const char *message) {
    bi_failure *cause = bi_alloc(sizeof *cause);
    if (cause) {
        bi_failure_init(cause);
        bi_failure_copy(cause, failure);
        drop_causes(failure);
        failure->cause = cause;
    }
    bi_failure_set(failure, code, "%s", message);
    failure->retryable = retryable;
}
