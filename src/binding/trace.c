/* The redacted trace of src/binding/trace.h. It prints the path and never the URL's query, for a code may stand there;
 * and which headers went out, but never their values. */
#include "binding/trace.h"

#include "core/headers.h"
#include "core/secret.h"

#include <stdio.h>
#include <string.h>

/* One line, in one write, so that lines of several processes do not mix. */
static void print(const bi_exchange *x, bi_bytes *line) {
    const bi_secret *secrets[BI_ACCOUNT_SECRETS];
    size_t count = x->account ? bi_account_secrets(x->account, secrets) : 0;
    bi_bytes clean = {0}, shown = {0};
    bi_redact(&clean, bi_bytes_text(line), line->length, secrets, count);
    bi_bytes_add_text(&shown, "better_i18n: ");
    bi_excerpt(&shown, bi_bytes_text(&clean), clean.length, 1000);
    bi_bytes_add_char(&shown, '\n');
    fputs(bi_bytes_text(&shown), stderr);
    bi_bytes_clear(line);
    bi_bytes_clear(&clean);
    bi_bytes_clear(&shown);
}

void bi_trace_request(const bi_exchange *exchange) {
    bi_bytes line = {0};
    const bi_bytes *fields = &exchange->request.fields;
    bi_url url = {0};
    bi_url_parse(&url, bi_bytes_text(&exchange->request.url), exchange->request.url.length);
    bi_bytes_add_format(&line, "> %s %.*s://%.*s%s%.*s%s (try %u;", exchange->request.method,
                        (int)url.scheme.length, url.scheme.text, (int)url.host.length,
                        url.host.text, url.port.length ? ":" : "", (int)url.port.length,
                        url.port.text, exchange->shown_path, exchange->attempts);
    for (size_t at = 0; at < fields->length; at += strlen(fields->data + at) + 1)
        bi_bytes_add_format(&line, " %.*s", (int)strcspn(fields->data + at, ":"),
                            fields->data + at);
    if (exchange->request.has_body)
        bi_bytes_add_format(&line, "; body of %zu bytes", exchange->request.body.length);
    bi_bytes_add_char(&line, ')');
    print(exchange, &line);
}

void bi_trace_answer(const bi_exchange *exchange) {
    bi_bytes line = {0};
    const bi_wire_answer *answer = &exchange->answer;
    bi_span id = {0};
    if (answer->status)
        bi_bytes_add_format(&line, "< %ld for %s %s: %zu bytes, HTTP/%d%s", answer->status,
                            exchange->request.method, exchange->shown_path, answer->body.length,
                            answer->http_version == 11 ? 1 : answer->http_version / 10,
                            answer->http_version == 11 ? ".1" : "");
    else
        bi_bytes_add_format(&line, "< no answer for %s %s", exchange->request.method,
                            exchange->shown_path);
    if (answer->trouble != BI_TROUBLE_NONE)
        bi_bytes_add_format(&line, ", cut short: %s",
                            answer->trouble == BI_TROUBLE_TIMEOUT ? "the time is over"
                                                                  : answer->detail);
    if (bi_headers_request_id(&answer->fields, &id))
        bi_bytes_add_format(&line, ", request id %.*s", (int)id.length, id.text);
    print(exchange, &line);
}
