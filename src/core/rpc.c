/* Writing and finding JSON-RPC messages (src/core/rpc.h). Nothing is copied: an answer is where it lies in the body, and
 * its parts are read again when they are wanted. */
#include "core/rpc.h"

#include "core/failure.h"

#include <inttypes.h>
#include <string.h>

/* --- Writing --------------------------------------------------------------------------------------------------- */

bool bi_rpc_write_string(bi_bytes *out, const char *text, size_t length) {
    bi_bytes_add_char(out, '"');
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] < 0x20)
            bi_bytes_add_format(out, "\\u%04x", (unsigned)text[i]);
        else {
            if (text[i] == '"' || text[i] == '\\')
                bi_bytes_add_char(out, '\\');
            bi_bytes_add_char(out, text[i]);
        }
    }
    return bi_bytes_add_char(out, '"');
}

bool bi_rpc_write(bi_bytes *out, int64_t id, const char *method, const bi_bytes *params) {
    bi_bytes_add_text(out, "{\"jsonrpc\":\"2.0\",");
    if (id != BI_RPC_NOTIFICATION)
        bi_bytes_add_format(out, "\"id\":%" PRId64 ",", id);
    bi_bytes_add_format(out, "\"method\":\"%s\"", method);
    if (params && params->length > 0) {
        bi_bytes_add_text(out, ",\"params\":");
        bi_bytes_add(out, params->data, params->length);
    }
    return bi_bytes_add_char(out, '}');
}

/* --- Reading --------------------------------------------------------------------------------------------------- */

static const bi_span absent = {NULL, 0};

static bool is_key(const bi_json *json, const char *name) {
    return json->length == strlen(name) && memcmp(json->text, name, json->length) == 0;
}

/* The value behind a name, as it stands in the text; *event is its first. */
static bool take_raw(bi_json *json, bi_span *raw, bi_json_event *event) {
    raw->text = json->at;
    *event = bi_json_next(json);
    if (*event == BI_JSON_FAILED || !bi_json_skip(json))
        return false;
    raw->length = (size_t)(json->at - raw->text);
    return true;
}

typedef struct message {
    bi_span result, error;
    bool has_method, has_id; /* an id that is null is none */
    int64_t id;
} message;

/* One member, whose name was just read. */
static bool read_member(bi_json *json, message *m) {
    bi_json_event event;
    bi_span raw;
    bool is_id = is_key(json, "id"), is_method = is_key(json, "method");
    bi_span *kept = is_key(json, "result") ? &m->result : is_key(json, "error") ? &m->error : NULL;
    if (!take_raw(json, &raw, &event))
        return false;
    if (is_id) {
        m->has_id = event != BI_JSON_NULL;
        m->id = event == BI_JSON_INTEGER ? json->integer : BI_RPC_NOTIFICATION;
    } else if (is_method)
        m->has_method = true;
    else if (kept)
        *kept = event == BI_JSON_NULL && kept == &m->error ? absent : raw;
    return true;
}

/* Takes the message in if it is the answer; an error without an id waits for a better one. */
static void judge_message(const message *m, int64_t id, bi_rpc_answer *mine, bi_rpc_answer *stray) {
    if (m->has_method || (!m->result.text && !m->error.text))
        return;
    bi_rpc_answer *to = m->has_id && m->id == id      ? mine
                        : !m->has_id && m->error.text ? stray
                                                      : NULL;
    if (!to || to->result.text || to->error.text)
        return;
    to->error = m->error;
    if (!m->error.text)
        to->result = m->result;
}

/* An object whose opening was just read. */
static bool read_message(bi_json *json, int64_t id, bi_rpc_answer *mine, bi_rpc_answer *stray) {
    message m = {.id = BI_RPC_NOTIFICATION};
    bi_json_event event;
    while ((event = bi_json_next(json)) == BI_JSON_KEY)
        if (!read_member(json, &m))
            return false;
    judge_message(&m, id, mine, stray);
    return event == BI_JSON_OBJECT_END;
}

/* A document: one message, or an array of them. False: it is no JSON. */
static bool read_document(bi_json *json, int64_t id, bi_rpc_answer *mine, bi_rpc_answer *stray) {
    bi_json_event event = bi_json_next(json);
    if (event == BI_JSON_OBJECT) {
        if (!read_message(json, id, mine, stray))
            return false;
    } else if (event == BI_JSON_ARRAY) {
        while ((event = bi_json_next(json)) != BI_JSON_ARRAY_END) {
            bool fine = event == BI_JSON_OBJECT ? read_message(json, id, mine, stray)
                                                : event != BI_JSON_FAILED && bi_json_skip(json);
            if (!fine)
                return false;
        }
    }
    return bi_json_next(json) == BI_JSON_END;
}

static bool is_found(const bi_rpc_answer *answer) {
    return answer->result.text || answer->error.text;
}

/* NULL when it is a document of JSON, whatever it holds. */
static const char *look(bi_rpc_answer *answer, const char *text, size_t length, int64_t id) {
    bi_rpc_answer mine = {0}, stray = {0};
    bi_json json;
    bi_json_init(&json, text, length, true);
    bool fine = read_document(&json, id, &mine, &stray);
    const char *wrong = json.scratch.failed ? BI_CODE_MEMORY
                        : fine              ? NULL
                        : json.failure      ? json.failure
                                            : "it is no JSON-RPC message";
    bi_json_clear(&json);
    if (!wrong)
        *answer = is_found(&mine) ? mine : stray;
    return wrong;
}

/* A broken event is passed over, as everything that is not for us; it is remembered only to say so. */
static const char *look_in_stream(bi_rpc_answer *answer, bi_sse *stream, const bi_bytes *body,
                                  int64_t id) {
    const char *broken = NULL;
    bi_sse_feed(stream, bi_bytes_text(body), body->length);
    while (bi_sse_next(stream)) {
        if (stream->data.length == 0)
            continue;
        const char *wrong = look(answer, stream->data.data, stream->data.length, id);
        if (wrong && strcmp(wrong, BI_CODE_MEMORY) == 0)
            return wrong;
        if (is_found(answer))
            return NULL;
        broken = wrong ? wrong : broken;
    }
    if (bi_sse_has_failed(stream))
        return BI_CODE_MEMORY;
    return broken
               ? "the stream of events ended without the answer to this request, and an event of it "
                 "is not JSON"
               : "the stream of events ended without the answer to this request";
}

const char *bi_rpc_find(bi_rpc_answer *answer, bi_sse *stream, const bi_bytes *body, bool is_stream,
                        int64_t id) {
    *answer = (bi_rpc_answer){0};
    if (is_stream)
        return look_in_stream(answer, stream, body, id);
    if (body->length == 0)
        return "it is empty, where the answer to this request was due";
    const char *wrong = look(answer, body->data, body->length, id);
    if (wrong)
        return wrong;
    return is_found(answer) ? NULL : "it is not the answer to this request, for the id is another";
}

bool bi_rpc_members(bi_span object, const char *const *names, bi_span *values) {
    bi_json json;
    for (size_t i = 0; names[i]; i++)
        values[i] = (bi_span){0};
    bi_json_init(&json, object.text, object.length, true);
    bi_json_event event = bi_json_next(&json);
    while (event == BI_JSON_OBJECT && bi_json_next(&json) == BI_JSON_KEY) {
        size_t wanted = 0;
        while (names[wanted] && !is_key(&json, names[wanted]))
            wanted++;
        bi_span raw;
        bi_json_event first;
        if (!take_raw(&json, &raw, &first))
            break;
        if (names[wanted]) /* of members with one name the last counts, as everywhere */
            values[wanted] = first == BI_JSON_NULL ? absent : raw;
    }
    bool whole = !json.scratch.failed;
    bi_json_clear(&json);
    return whole;
}

/* --- The texts of a result ------------------------------------------------------------------------------------- */

void bi_rpc_texts_begin(bi_rpc_texts *texts, bi_span content) {
    bi_rpc_texts_end(texts);
    bi_json_init(&texts->items, content.text, content.length, true);
    bi_json_init(&texts->text, "", 0, true);
    texts->open = bi_json_next(&texts->items) == BI_JSON_ARRAY;
}

/* An item whose opening was just read: the raw text of {"type":"text","text":…}, in any order. */
static bool read_item(bi_json *json, bi_span *raw) {
    bool is_text = false, has_text = false;
    while (bi_json_next(json) == BI_JSON_KEY) {
        bool type = is_key(json, "type"), text = is_key(json, "text");
        bi_json_event event;
        bi_span value;
        if (!take_raw(json, &value, &event))
            return false;
        if (type)
            is_text = event == BI_JSON_STRING && is_key(json, "text");
        if (text) {
            has_text = event == BI_JSON_STRING;
            *raw = value;
        }
    }
    return is_text && has_text;
}

bool bi_rpc_texts_next(bi_rpc_texts *texts, bi_span *text) {
    bi_span raw = {0};
    while (texts->open) {
        bi_json_event event = bi_json_next(&texts->items);
        if (event == BI_JSON_OBJECT) {
            if (!read_item(&texts->items, &raw))
                continue;
            bi_json_clear(&texts->text);
            bi_json_init(&texts->text, raw.text, raw.length, true);
            texts->open = bi_json_next(&texts->text) == BI_JSON_STRING;
            texts->failed |= !texts->open;
            *text = (bi_span){texts->text.text, texts->text.length};
            return texts->open;
        }
        if (event == BI_JSON_ARRAY_END || event == BI_JSON_FAILED || !bi_json_skip(&texts->items))
            texts->open = false;
    }
    texts->failed |= texts->items.scratch.failed;
    return false;
}

void bi_rpc_texts_end(bi_rpc_texts *texts) {
    bi_json_clear(&texts->items);
    bi_json_clear(&texts->text);
    texts->open = texts->failed = false;
}
