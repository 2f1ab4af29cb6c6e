/* Life and death of the plain structs of src/core/wire.h. Owns nothing beyond one call. */
#include "core/wire.h"

#include <string.h>

void bi_wire_request_init(bi_wire_request *request) {
    *request = (bi_wire_request){0};
    request->fields.secret = true;
    request->body.secret = true; /* refresh tokens and client secrets travel in form bodies */
}

void bi_wire_request_clear(bi_wire_request *request) {
    bi_bytes_clear(&request->url);
    bi_bytes_clear(&request->fields);
    bi_bytes_clear(&request->body);
    bi_wire_request_init(request);
}

void bi_wire_answer_init(bi_wire_answer *answer) {
    *answer = (bi_wire_answer){0};
    answer->fields.secret = true;
    answer->body.secret = true;
}

void bi_wire_answer_clear(bi_wire_answer *answer) {
    bi_bytes_clear(&answer->fields);
    bi_bytes_clear(&answer->body);
    bi_wire_answer_init(answer);
}

bool bi_wire_request_add_field(bi_wire_request *request, const char *name, const char *value,
                               size_t length) {
    bi_bytes *fields = &request->fields;
    size_t name_length = strlen(name), whole = name_length + 2 + length + 1;
    /* Room for the whole first: a half-written field must not be sent. */
    if (!bi_bytes_reserve(fields, whole))
        return false;
    char *at = fields->data + fields->length;
    memcpy(at, name, name_length);
    memcpy(at + name_length, ": ", 2);
    memcpy(at + name_length + 2, value, length);
    at[whole - 1] = at[whole] = '\0';
    fields->length += whole;
    return true;
}
