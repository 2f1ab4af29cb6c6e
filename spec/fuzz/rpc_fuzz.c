/* libFuzzer: any bytes as what an MCP server answers. What is found is JSON and lies in the answer, in a stream of
 * events the same is found, a tool's texts are strings of it, what is written is read again, and no words of a tool
 * ever end a grant. */
#include "core/complaint.h"
#include "core/failure.h"
#include "core/memory.h"
#include "core/rpc.h"
#include "must.h"

static bool is_value(bi_span text) {
    bi_json json;
    bi_json_init(&json, text.text, text.length, false);
    bool whole = bi_json_next(&json) != BI_JSON_FAILED && bi_json_skip(&json) &&
                 bi_json_next(&json) == BI_JSON_END;
    bi_json_clear(&json);
    return whole;
}

static bool lies_in(bi_span part, const char *text, size_t length) {
    return part.text >= text && part.text + part.length <= text + length;
}

static bool same(bi_span a, bi_span b) {
    return a.length == b.length && (!a.length || memcmp(a.text, b.text, a.length) == 0);
}

static void check_words(const char *text, size_t length) {
    static const char *const never[] = {BI_CODE_REVOKED, BI_CODE_NO_GRANT, BI_CODE_TOKEN,
                                        "session_not_found", "token_not_found"};
    bi_complaint said;
    bi_complaint_read(&said, text, length, length % 2 ? -32602 : 0);
    MUST(said.reply.code[0] && memchr(said.reply.code, 0, sizeof said.reply.code));
    MUST(said.retry_after >= -1 && said.retry_after <= INT64_C(86400000));
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
        MUST(strcmp(said.reply.code, never[i]) != 0);
    MUST(!said.is_vague || strcmp(said.reply.code, BI_CODE_TOOL) == 0);
}

static void check_texts(bi_span content) {
    bi_rpc_texts texts = {0};
    bi_span text;
    size_t count = 0;
    bi_rpc_texts_begin(&texts, content);
    while (bi_rpc_texts_next(&texts, &text)) {
        MUST(text.length < content.length && ++count < content.length);
        check_words(text.text, text.length);
    }
    MUST(!texts.failed && !bi_rpc_texts_next(&texts, &text));
    bi_rpc_texts_end(&texts);
}

static void check_members(bi_span object) {
    static const char *const names[] = {"content", "isError", "code", "message", NULL};
    bi_span values[4];
    MUST(bi_rpc_members(object, names, values));
    for (size_t i = 0; i < 4; i++)
        MUST(!values[i].text ||
             (lies_in(values[i], object.text, object.length) && is_value(values[i])));
    if (values[0].text)
        check_texts(values[0]);
}

/* The body as one event; a line of it becomes one of the event's. */
static void wrap(bi_bytes *out, const char *text, size_t length) {
    bi_bytes_add_text(out, ": alive\n\ndata: ");
    for (size_t i = 0; i < length; i++) {
        bi_bytes_add_char(out, text[i]);
        if (text[i] == '\n')
            bi_bytes_add_text(out, "data: ");
    }
    bi_bytes_add_text(out, "\n\n");
}

/* An event may not hold a carriage return; else it is the same answer that it is without events. */
static void check_as_event(const bi_rpc_answer *plain, const char *text, size_t length) {
    bi_bytes stream = {0};
    bi_sse sse;
    bi_rpc_answer found;
    if (memchr(text, '\r', length))
        return;
    wrap(&stream, text, length);
    bi_sse_init(&sse);
    const char *wrong = bi_rpc_find(&found, &sse, &stream, true, 7);
    MUST(!wrong == (plain->result.text || plain->error.text));
    MUST(same(found.result, plain->result) && same(found.error, plain->error));
    bi_sse_clear(&sse);
    bi_bytes_clear(&stream);
}

static void check_answer(const char *text, size_t length, bool is_stream) {
    bi_bytes body = {.data = (char *)(uintptr_t)text, .length = length};
    bi_rpc_answer answer;
    bi_sse sse;
    bi_sse_init(&sse);
    const char *wrong = bi_rpc_find(&answer, &sse, &body, is_stream, 7);
    MUST(!wrong || strcmp(wrong, BI_CODE_MEMORY) != 0);
    MUST(!wrong == (answer.result.text || answer.error.text));
    MUST(!answer.result.text || !answer.error.text);
    bi_span found = answer.result.text ? answer.result : answer.error;
    if (found.text) {
        MUST(is_stream ? lies_in(found, sse.data.data, sse.data.length)
                       : lies_in(found, text, length));
        MUST(is_value(found));
        check_members(found);
    }
    if (!is_stream && length)
        check_as_event(&answer, text, length);
    bi_sse_clear(&sse);
}

static void check_round_trip(const char *text, size_t length) {
    bi_bytes written = {0};
    bi_json json;
    if (!bi_utf8_is_valid(text, length))
        return;
    MUST(bi_rpc_write_string(&written, text, length));
    bi_json_init(&json, written.data, written.length, false);
    MUST(bi_json_next(&json) == BI_JSON_STRING && json.length == length);
    MUST(memcmp(json.text, text, length) == 0);
    MUST(bi_json_next(&json) == BI_JSON_END);
    bi_json_clear(&json);
    bi_bytes_clear(&written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    long live = bi_memory_live();
    char *copy = must_copy(data, size);
    check_answer(copy, size, false);
    check_answer(copy, size, true);
    check_members((bi_span){copy, size});
    check_texts((bi_span){copy, size});
    check_words(copy, size);
    check_round_trip(copy, size);
    free(copy);
    MUST(bi_memory_live() == live);
    return 0;
}
