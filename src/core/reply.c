/* Reading what the service says about tokens and errors (src/core/reply.h) from the bytes of a body. Unknown members
 * are passed over; a member of the wrong type is an error where it matters and ignored where it does not. */
#include "core/reply.h"

#include "core/failure.h"
#include "core/json.h"
#include "core/url.h"

#include <string.h>

void bi_token_reply_clear(bi_token_reply *reply) {
    bi_secret_clear(&reply->access_token);
    bi_secret_clear(&reply->refresh_token);
    bi_secret_clear(&reply->installation_token);
    bi_names_clear(&reply->scopes);
    bi_names_clear(&reply->projects);
    *reply = (bi_token_reply){0};
}

static bool is_key(const bi_json *json, const char *name) {
    return json->length == strlen(name) && memcmp(json->text, name, json->length) == 0;
}

/* A string member into a secret; null counts as absent. NULL or what is wrong. */
static const char *read_secret(bi_json *json, bi_secret *secret) {
    bi_json_event event = bi_json_next(json);
    if (event == BI_JSON_NULL)
        return NULL;
    if (event != BI_JSON_STRING)
        return "a token in it is not a string";
    if (!bi_token_is_sendable(json->text, json->length))
        return "a token in it is empty, too long, or has characters that no header may carry";
    return bi_secret_set(secret, json->text, json->length) ? NULL : BI_CODE_MEMORY;
}

static void read_text(bi_json *json, char *to, size_t room) {
    bi_json_event event = bi_json_next(json);
    if (event == BI_JSON_STRING)
        bi_failure_text(to, room, json->text, json->length);
    else
        bi_json_skip(json);
}

/* An id that does not fit, or cannot stand in a path, is left out: half of one would name something else. */
static void read_id(bi_json *json, char *to, size_t room) {
    bi_json_event event = bi_json_next(json);
    if (event != BI_JSON_STRING)
        bi_json_skip(json);
    else if (json->length < room && !bi_url_check_part(json->text, json->length))
        bi_failure_text(to, room, json->text, json->length);
}

/* Seconds as a number, or as digits in a string, which some servers send. Anything else is passed over: a lifetime
 * that cannot be read is no reason to throw a rotated refresh token away. */
static void read_seconds(bi_json *json, int64_t *milliseconds) {
    bi_json_event event = bi_json_next(json);
    double seconds = -1;
    if (event == BI_JSON_INTEGER)
        seconds = (double)json->integer;
    else if (event == BI_JSON_NUMBER)
        seconds = json->number;
    else if (event == BI_JSON_STRING && json->length > 0 && json->length < 10) {
        seconds = 0;
        for (size_t i = 0; i < json->length && seconds >= 0; i++)
            seconds = json->text[i] >= '0' && json->text[i] <= '9'
                          ? seconds * 10 + (json->text[i] - '0')
                          : -1;
    } else
        bi_json_skip(json);
    if (seconds >= 0 && seconds < 1e10)
        *milliseconds = (int64_t)(seconds * 1000);
}

/* An array of strings, or a space-separated string. */
static bool read_names(bi_json *json, bi_names *names) {
    bi_names_clear(names);
    bi_json_event event = bi_json_next(json);
    if (event == BI_JSON_STRING)
        return bi_names_split(names, json->text, json->length);
    if (event != BI_JSON_ARRAY)
        return bi_json_skip(json);
    names->known = true;
    while ((event = bi_json_next(json)) != BI_JSON_ARRAY_END) {
        if (event == BI_JSON_FAILED)
            return false;
        if (event == BI_JSON_STRING && !bi_names_add(names, json->text, json->length))
            return false;
        if (!bi_json_skip(json))
            return false;
    }
    return true;
}

static const char *read_list(bi_json *json, bi_names *names) {
    if (read_names(json, names))
        return NULL;
    return names->list.failed ? BI_CODE_MEMORY : "a list in it is broken";
}

typedef struct reading {
    bi_json json;
    bi_token_reply *reply;
    bi_now now;
    int64_t from_date; /* lifetime by expires_at; -1 when there is none */
} reading;

static void read_expiry_date(reading *r) {
    bi_json_event event = bi_json_next(&r->json);
    int64_t wall;
    if (event != BI_JSON_STRING)
        bi_json_skip(&r->json);
    else if (bi_date_parse_iso(r->json.text, r->json.length, &wall))
        r->from_date = wall > r->now.wall ? wall - r->now.wall : 0;
}

static const char *read_token_type(reading *r) {
    char type[8] = "";
    read_text(&r->json, type, sizeof type);
    for (char *c = type; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    return type[0] == '\0' || strcmp(type, "bearer") == 0 ? NULL : "its token_type is not Bearer";
}

/* One member, whose name was just read. */
static const char *read_member(reading *r) {
    bi_json *json = &r->json;
    bi_token_reply *reply = r->reply;
    if (is_key(json, "access_token"))
        return read_secret(json, &reply->access_token);
    if (is_key(json, "refresh_token"))
        return read_secret(json, &reply->refresh_token);
    if (is_key(json, "installation_token"))
        return read_secret(json, &reply->installation_token);
    if (is_key(json, "token_type"))
        return read_token_type(r);
    if (is_key(json, "expires_in"))
        read_seconds(json, &reply->lifetime);
    else if (is_key(json, "expires_at"))
        read_expiry_date(r);
    else if (is_key(json, "grant_id"))
        read_id(json, reply->grant_id, sizeof reply->grant_id);
    else if (is_key(json, "organization_id"))
        read_id(json, reply->organization_id, sizeof reply->organization_id);
    else if (is_key(json, "scopes") || is_key(json, "scope"))
        return read_list(json, &reply->scopes);
    else if (is_key(json, "project_ids"))
        return read_list(json, &reply->projects);
    else {
        bi_json_next(json);
        bi_json_skip(json);
    }
    return NULL;
}

static const char *read_members(reading *r) {
    if (bi_json_next(&r->json) != BI_JSON_OBJECT)
        return r->json.failure ? r->json.failure : "it is no JSON object";
    for (;;) {
        bi_json_event event = bi_json_next(&r->json);
        if (event == BI_JSON_OBJECT_END)
            break;
        const char *wrong = event == BI_JSON_KEY ? read_member(r) : "it is broken JSON";
        if (wrong || r->json.failure)
            return wrong ? wrong : r->json.failure;
    }
    return bi_json_next(&r->json) == BI_JSON_END ? NULL : "something follows the JSON document";
}

const char *bi_token_reply_read(bi_token_reply *reply, const bi_bytes *body, bi_now now) {
    reading r = {.reply = reply, .now = now, .from_date = -1};
    reply->lifetime = -1;
    bi_json_init(&r.json, bi_bytes_text(body), body->length, true);
    const char *wrong = read_members(&r);
    if (r.json.scratch.failed)
        wrong = BI_CODE_MEMORY;
    bi_json_clear(&r.json);
    if (reply->lifetime < 0)
        reply->lifetime = r.from_date;
    return wrong;
}

/* `error` as an object, as some gateways send it. */
static void read_error_object(bi_json *json, bi_error_reply *reply) {
    while (bi_json_next(json) == BI_JSON_KEY) {
        if (is_key(json, "code"))
            read_text(json, reply->code, sizeof reply->code);
        else if (is_key(json, "message"))
            read_text(json, reply->message, sizeof reply->message);
        else {
            bi_json_next(json);
            bi_json_skip(json);
        }
    }
}

static void read_required(bi_json *json, bi_error_reply *reply) {
    bi_names names = {0};
    read_names(json, &names);
    for (size_t i = 0; i + 1 < names.list.length; i++)
        if (names.list.data[i] == '\0')
            names.list.data[i] = ' ';
    if (names.count)
        bi_failure_text(reply->required, sizeof reply->required, names.list.data,
                        names.list.length - 1);
    bi_names_clear(&names);
}

static void read_error_member(bi_json *json, bi_error_reply *reply) {
    if (is_key(json, "error")) {
        bi_json_event event = bi_json_next(json);
        if (event == BI_JSON_STRING)
            bi_failure_text(reply->code, sizeof reply->code, json->text, json->length);
        else if (event == BI_JSON_OBJECT)
            read_error_object(json, reply);
        else
            bi_json_skip(json);
    } else if (is_key(json, "message") || is_key(json, "error_description"))
        read_text(json, reply->message, sizeof reply->message);
    else if (is_key(json, "required") || is_key(json, "required_scope"))
        read_required(json, reply);
    else {
        bi_json_next(json);
        bi_json_skip(json);
    }
}

/* A code is a word, not a sentence: "Not Found" or "" in `error` is a message, and the status decides. */
static bool is_code(const char *text) {
    for (const char *c = text; *c; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
              *c == '_' || *c == '-' || *c == '.'))
            return false;
    return *text != '\0';
}

void bi_error_reply_read(bi_error_reply *reply, const bi_bytes *body) {
    bi_json json;
    bi_json_init(&json, bi_bytes_text(body), body->length, true);
    if (bi_json_next(&json) == BI_JSON_OBJECT) {
        reply->is_json = true;
        while (bi_json_next(&json) == BI_JSON_KEY)
            read_error_member(&json, reply);
    }
    bi_json_clear(&json);
    if (reply->code[0] && !is_code(reply->code)) {
        if (!reply->message[0])
            memcpy(reply->message, reply->code, sizeof reply->code);
        reply->code[0] = '\0';
    }
}
