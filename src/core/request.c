/* Wire requests from rows and arguments (src/core/request.h). */
#include "core/request.h"

#include "core/ascii.h"

#include <string.h>

bool bi_request_expand(bi_bytes *out, const char *template, const bi_span *parts, size_t count) {
    const char *at = template, *brace;
    for (size_t used = 0; (brace = strchr(at, '{')) != NULL; used++) {
        bi_bytes_add(out, at, (size_t)(brace - at));
        if (used < count)
            bi_url_add_part(out, parts[used].text, parts[used].length);
        at = strchr(brace, '}') + 1;
    }
    bi_bytes_add_text(out, at);
    return !out->failed;
}

/* Header names know no case (RFC 9110, 5.1); ours are ASCII. */
bool bi_request_has(const bi_wire_request *request, const char *name) {
    const bi_bytes *fields = &request->fields;
    for (size_t at = 0; at < fields->length; at += strlen(fields->data + at) + 1) {
        const char *field = fields->data + at;
        if (bi_ascii_is(field, strcspn(field, ":"), name))
            return true;
    }
    return false;
}

bool bi_request_default(bi_wire_request *request, const char *name, const char *value) {
    return bi_request_has(request, name) ||
           bi_wire_request_add_field(request, name, value, strlen(value));
}

bool bi_request_begin(bi_wire_request *request, const bi_config *config, const char *method,
                      bi_host host, const bi_bytes *target) {
    strncpy(request->method, method, sizeof request->method - 1);
    request->max_body = config->max_response_bytes;
    request->connect_timeout = config->connect_timeout;
    bi_bytes_add_text(&request->url, bi_config_base(config, host));
    bi_bytes_add(&request->url, bi_bytes_text(target), target->length);
    const char *agent = config->user_agent ? config->user_agent : "better-i18n-lua";
    return bi_request_default(request, "User-Agent", agent) && !target->failed &&
           !request->url.failed;
}

bool bi_request_wants_length(const char *method) {
    return method[0] == 'P'; /* POST, PUT, PATCH */
}

bool bi_request_authorize(bi_wire_request *request, const bi_secret *token) {
    static const char name[] = "Authorization: Bearer ";
    bi_bytes *fields = &request->fields;
    /* Room for the whole first: a half-written field must not be sent. */
    return bi_bytes_reserve(fields, sizeof name + token->length) &&
           bi_bytes_add(fields, name, sizeof name - 1) &&
           bi_bytes_add(fields, token->text, token->length) && bi_bytes_add_char(fields, '\0');
}

bool bi_request_pairs(bi_bytes *out, const char *const *pairs) {
    for (; pairs[0]; pairs += 2)
        if (pairs[1])
            bi_form_add(out, 0, pairs[0], strlen(pairs[0]), pairs[1], strlen(pairs[1]));
    return !out->failed;
}

bool bi_request_form(bi_wire_request *request, const char *const *pairs) {
    request->has_body = true;
    request->body.secret = true;
    return bi_request_pairs(&request->body, pairs) &&
           bi_request_default(request, "Content-Type", "application/x-www-form-urlencoded") &&
           bi_request_default(request, "Accept", "application/json");
}
