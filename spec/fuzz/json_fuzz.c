/* libFuzzer: any bytes as JSON text. Reads all events and checks what must hold for every text: they
 * balance, they end, failures say so for good, skipping agrees with reading through. */
#include "core/json.h"
#include "core/memory.h"
#include "must.h"

static void check_text(const bi_json *json) {
    bool inside = json->text >= json->start && json->text + json->length < json->end;
    MUST(inside || json->text == json->scratch.data);
    for (size_t i = 0; inside && i < json->length; i++)
        MUST((unsigned char)json->text[i] >= 0x20 && json->text[i] != '"' && json->text[i] != '\\');
}

/* Follows the grammar in a way of its own: a stack of characters. Returns the last event. */
static bi_json_event read_through(bi_json *json) {
    char stack[BI_JSON_DEPTH_MAX + 1];
    size_t depth = 0;
    size_t values = 0;
    bool named = false;
    for (;;) {
        size_t before = bi_json_offset(json);
        bi_json_event event = bi_json_next(json);
        MUST(bi_json_offset(json) >= before);
        MUST(bi_json_offset(json) <= (size_t)(json->end - json->start));
        if (event == BI_JSON_FAILED || event == BI_JSON_END) {
            MUST(event == BI_JSON_FAILED ? json->failure != NULL : depth == 0 && values == 1);
            MUST(bi_json_next(json) == event);
            return event;
        }
        bool in_object = depth > 0 && stack[depth - 1] == '{';
        if (event == BI_JSON_KEY) {
            MUST(in_object && !named);
            named = true;
            check_text(json);
            continue;
        }
        if (event == BI_JSON_OBJECT_END || event == BI_JSON_ARRAY_END) {
            MUST(depth > 0 && !named);
            MUST((event == BI_JSON_OBJECT_END) == in_object);
            depth--;
            continue;
        }
        MUST(in_object == named);
        named = false;
        values += depth == 0;
        if (event == BI_JSON_STRING)
            check_text(json);
        if (event == BI_JSON_OBJECT || event == BI_JSON_ARRAY) {
            MUST(depth < BI_JSON_DEPTH_MAX);
            stack[depth++] = event == BI_JSON_OBJECT ? '{' : '[';
        }
        MUST(json->depth == depth);
    }
}

/* Reads `steps` events, skips there, and reads the rest. */
static bi_json_event skip_at(const char *text, size_t size, size_t steps) {
    bi_json json;
    bi_json_event event = BI_JSON_NULL;
    bi_json_init(&json, text, size, true);
    for (size_t i = 0; i < steps && event != BI_JSON_END && event != BI_JSON_FAILED; i++)
        event = bi_json_next(&json);
    bool skipped = bi_json_skip(&json);
    do
        event = bi_json_next(&json);
    while (event != BI_JSON_END && event != BI_JSON_FAILED);
    MUST(skipped || event == BI_JSON_FAILED);
    bi_json_clear(&json);
    return event;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = must_copy(data, size);
    bi_json json;
    bi_json_init(&json, text, size, false);
    bi_json_event last = read_through(&json);
    bi_json_clear(&json);
    for (size_t steps = 0; steps <= size && steps < 8; steps++)
        MUST(skip_at(text, size, steps) == last);
    (void)bi_utf8_is_valid(text, size);
    MUST(bi_memory_live() == 0);
    free(text);
    return 0;
}
