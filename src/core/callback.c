/* Reading the callback of an authorization (src/core/callback.h): the error first, then the state, then the code. */
#include "core/callback.h"

#include "core/ascii.h"
#include "core/secret.h"
#include "core/url.h"

#include <string.h>

/* What stands between "?" and "#"; a text without either is a query already. */
static bi_span find_query(const char *text, size_t length) {
    const char *hash = memchr(text, '#', length);
    if (hash)
        length = (size_t)(hash - text);
    /* A "?" behind a "=" is one of the query's own, unless the text begins as a URL or a path does. */
    const char *equals = memchr(text, '=', length), *colon = memchr(text, ':', length);
    bool is_url = colon && (!equals || colon < equals);
    const char *mark = memchr(text, '?', length);
    if (mark && (is_url || text[0] == '/' || !equals || mark < equals))
        return (bi_span){mark + 1, length - (size_t)(mark + 1 - text)};
    return is_url ? (bi_span){"", 0} : (bi_span){text, length};
}

static bool fail(bi_failure *failure, const char *code, const char *message) {
    bi_failure_set(failure, code, "%s", message);
    return false;
}

/* Codes are words (RFC 6749, 4.1.2.1); anything else is not passed on as one. */
static bool is_word(const bi_bytes *text) {
    for (size_t i = 0; i < text->length; i++)
        if (!bi_ascii_is_alnum(text->data[i]) && (!text->data[i] || !strchr("_-.", text->data[i])))
            return false;
    return text->length > 0 && text->length < 64;
}

static bool fail_as_server_says(bi_failure *failure, bi_span query, const bi_bytes *error) {
    bi_bytes description = {0};
    bi_query_find(query, "error_description", &description);
    bool usable = is_word(error) && !bi_failure_is_own(error->data);
    bi_failure_set(failure, usable ? error->data : "invalid_request",
                   "the authorization was refused%s", description.length ? ": " : "");
    bi_excerpt(&failure->message, bi_bytes_text(&description), description.length, 300);
    bi_bytes_add_text(&failure->message, "; ask the user to start again, with scopes he may give");
    bi_bytes_clear(&description);
    return false;
}

static bool read_code(bi_bytes *code, bi_failure *failure, bi_span query, const char *state,
                      size_t state_length) {
    bi_bytes got = {.secret = true};
    int states = bi_query_find(query, "state", &got);
    bool same =
        states == 1 && bi_equal_constant_time(bi_bytes_text(&got), got.length, state, state_length);
    bool memory = !got.failed;
    bi_bytes_clear(&got);
    int codes = bi_query_find(query, "code", code);
    if (!memory || code->failed)
        return fail(failure, BI_CODE_MEMORY, "not enough memory");
    if (codes == 0)
        return fail(
            failure, BI_CODE_ARGUMENT,
            "parse_callback: the callback holds neither a code nor an error; give it the whole URL or query");
    if (codes < 0 || states < 0)
        return fail(
            failure, BI_CODE_ARGUMENT,
            "parse_callback: the callback's query is broken; start the authorization again");
    if (!same)
        return fail(
            failure, BI_CODE_STATE,
            "the callback's state is not the one that was sent, so the code may be somebody else's; start the "
            "authorization again");
    if (codes > 1)
        return fail(
            failure, BI_CODE_ARGUMENT,
            "parse_callback: the callback holds more than one code; start the authorization "
            "again");
    if (!bi_token_is_sendable(bi_bytes_text(code), code->length))
        return fail(failure, BI_CODE_ARGUMENT,
                    "parse_callback: the callback's code is empty or not a code; start the "
                    "authorization again");
    return true;
}

bool bi_callback_read_query(bi_bytes *code, bi_failure *failure, bi_span query, const char *state,
                            size_t state_length) {
    bi_bytes error = {0};
    bool refused = query.length <= BI_CALLBACK_MOST && bi_query_find(query, "error", &error) > 0;
    bool memory = !error.failed;
    if (refused)
        fail_as_server_says(failure, query, &error);
    bi_bytes_clear(&error);
    if (query.length > BI_CALLBACK_MOST)
        return fail(failure, BI_CODE_ARGUMENT,
                    "parse_callback: the callback is too long; start the authorization again");
    if (!memory)
        return fail(failure, BI_CODE_MEMORY, "not enough memory");
    return !refused && read_code(code, failure, query, state, state_length);
}

bool bi_callback_read(bi_bytes *code, bi_failure *failure, const char *text, size_t length,
                      const char *state, size_t state_length) {
    return bi_callback_read_query(code, failure, find_query(text, length), state, state_length);
}
