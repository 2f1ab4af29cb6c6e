/* The parser of src/core/sse.h. A line that lies whole in a fragment is read where it lies; only what a fragment cuts
 * is kept. Fields are bytes here: bad UTF-8 passes through to who reads the data. */
#include "core/sse.h"

#include "core/ascii.h"

#include <string.h>

#define RETRY_MOST                                                                                 \
    INT64_C(86400000) /* a day; longer waits, and numbers of any length, count as this */

static const char byte_order_mark[] = "\xEF\xBB\xBF";

void bi_sse_init(bi_sse *sse) {
    *sse = (bi_sse){.retry = -1};
    sse->data.secret = true; /* answers may echo what was sent */
    sse->line.secret = true;
}

void bi_sse_clear(bi_sse *sse) {
    bi_bytes_clear(&sse->data);
    bi_bytes_clear(&sse->type);
    bi_bytes_clear(&sse->id);
    bi_bytes_clear(&sse->line);
    bi_sse_init(sse);
}

void bi_sse_feed(bi_sse *sse, const char *text, size_t length) {
    sse->at = text;
    sse->end = length ? text + length : text;
}

/* Digits and nothing else, or the field is ignored. */
static void read_retry(bi_sse *sse, const char *value, size_t length) {
    int64_t time = 0;
    for (size_t i = 0; i < length; i++) {
        if (!bi_ascii_is_digit(value[i]))
            return;
        time = time * 10 + (value[i] - '0');
        time = time < RETRY_MOST ? time : RETRY_MOST;
    }
    if (length > 0)
        sse->retry = time;
}

static void set(bi_bytes *to, const char *value, size_t length) {
    bi_bytes_reset(to);
    bi_bytes_add(to, value, length);
}

static void read_field(bi_sse *sse, bi_bytes *out, const char *value, size_t length) {
    if (out == &sse->data) {
        bi_bytes_add(out, value, length);
        bi_bytes_add_char(out, '\n'); /* the last one goes when the event is complete */
    } else if (out == &sse->type || length == 0 || !memchr(value, '\0', length))
        set(out, value, length);
}

static bool is_field(const char *name, size_t length, const char *wanted) {
    return length == strlen(wanted) && memcmp(name, wanted, length) == 0; /* with case */
}

/* An empty line: true when there is data, so that an event is complete. */
static bool dispatch(bi_sse *sse) {
    if (sse->data.length == 0) {
        bi_bytes_reset(&sse->type);
        return false;
    }
    sse->data.data[--sse->data.length] = '\0';
    sse->is_dispatched = true;
    return true;
}

/* One line without its end; true when it completes an event. */
static bool read_line(bi_sse *sse, const char *line, size_t length) {
    if (length == 0)
        return dispatch(sse);
    const char *colon = memchr(line, ':', length);
    size_t name = colon ? (size_t)(colon - line) : length;
    size_t start = colon ? name + 1 : length;
    if (start < length && line[start] == ' ')
        start++;
    const char *value = line + start;
    if (is_field(line, name, "data"))
        read_field(sse, &sse->data, value, length - start);
    else if (is_field(line, name, "event"))
        read_field(sse, &sse->type, value, length - start);
    else if (is_field(line, name, "id"))
        read_field(sse, &sse->id, value, length - start);
    else if (is_field(line, name, "retry"))
        read_retry(sse, value, length - start);
    return false; /* an unknown name is ignored, the empty one of a comment too */
}

/* The one mark that may stand at the start; bytes that only looked like it belong to the first line. */
static void skip_mark(bi_sse *sse) {
    while (sse->mark < 3 && sse->at < sse->end) {
        if (*sse->at != byte_order_mark[sse->mark]) {
            bi_bytes_add(&sse->line, byte_order_mark, sse->mark);
            sse->mark = 3;
            return;
        }
        sse->mark++;
        sse->at++;
    }
}

/* The end of the line, behind which the next begins, has just been found at sse->at. */
static bool end_line(bi_sse *sse, const char *start) {
    size_t length = (size_t)(sse->at - start);
    sse->after_return = *sse->at == '\r';
    sse->at++;
    if (sse->line.length == 0)
        return read_line(sse, start, length);
    bi_bytes_add(&sse->line, start, length);
    bool complete =
        !sse->line.failed && read_line(sse, bi_bytes_text(&sse->line), sse->line.length);
    if (!sse->line.failed)
        bi_bytes_reset(&sse->line);
    return complete;
}

static void forget_event(bi_sse *sse) {
    if (!sse->is_dispatched)
        return;
    bi_bytes_reset(&sse->data);
    bi_bytes_reset(&sse->type);
    sse->is_dispatched = false;
}

bool bi_sse_next(bi_sse *sse) {
    forget_event(sse);
    skip_mark(sse);
    while (sse->at < sse->end && !bi_sse_has_failed(sse)) {
        if (sse->after_return && *sse->at == '\n')
            sse->at++;
        sse->after_return = false;
        const char *start = sse->at;
        while (sse->at < sse->end && *sse->at != '\n' && *sse->at != '\r')
            sse->at++;
        if (sse->at == sse->end)
            bi_bytes_add(&sse->line, start, (size_t)(sse->at - start));
        else if (end_line(sse, start))
            return !bi_sse_has_failed(sse);
    }
    return false;
}
