/* What an answer, or the lack of one, means: the one place where a status, an error document or a transport trouble
 * becomes a failure (API.md, "Errors"; LUA_API.md, "Error object"). Called by exchange.c alone. */
#include "core/advice.h"
#include "core/ascii.h"
#include "core/complaint.h"
#include "core/exchange.h"
#include "core/headers.h"
#include "core/mcp.h"
#include "core/reply.h"
#include "core/request.h"

#include <stdio.h>
#include <string.h>

#define LOOK_FIRST "it may or may not have been done: look before sending it again"
#define MAYBE_DONE "; " LOOK_FIRST
#define MAYBE_SPENT "; the code may be spent: start the authorization again"
#define EXCERPT 160             /* bytes of a bad body that stand in the message */
#define REDACT_WINDOW (1 << 16) /* longer than any token, so that a cut never leaves half of one */

/* What a code of the service says, and what to do about it. */
static const struct meaning {
    const char *code, *text, *advice;
} known[] = {
    {BI_CODE_SCOPE, "the grant lacks the scope", "ask the user to authorize again with it"},
    {BI_CODE_REVOKED, "the grant was revoked", "ask the user to reconnect"},
    {BI_CODE_NO_GRANT, "the service does not know this grant", "ask the user to reconnect"},
    {"wrong_organization", "the grant is for another organization",
     "connect that organization, or use the one that was granted"},
    {BI_CODE_TOKEN, "the token was refused", "renew it, or ask the user to reconnect"},
    {BI_CODE_GRANT, "the code or token is expired, spent, or was issued for something else",
     "start the authorization again"},
    {"invalid_client", "the service refuses the app's own credentials",
     "check client_id and client_secret; the user's grant is not concerned"},
    {BI_CODE_RATE, "too many requests", "try again later"},
    {BI_CODE_REQUEST, "the service refuses the request", "correct its arguments"},
    {BI_CODE_NOT_FOUND, "something that was named is not there", "check names and ids"},
    {BI_CODE_TOOL, "the tool failed", "correct what it complains about, or try again later"},
};

/* The same for the exchange of a code, which the server spends before it looks at client and verifier (API.md). */
/* For codes that nobody here has met. */
#define OTHERWISE "correct the call, or give its request id to the service's support"

#define SPENT "the code is spent now: start the authorization again"
static const struct meaning known_of_exchange[] = {
    {BI_CODE_GRANT, "the code is expired, spent, or was issued for something else",
     "a code can be used once: start the authorization again"},
    {"invalid_client", "the service refuses the app's credentials or its redirect_uri",
     "check client_id, client_secret and redirect_uri (byte for byte as it was sent); " SPENT},
    {"invalid_request", "the service refuses the exchange",
     "check code_verifier, which belongs to the same authorize as the code; " SPENT},
};

static const struct meaning *find_meaning(const struct meaning *list, size_t count,
                                          const char *code) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(code, list[i].code) == 0)
            return &list[i];
    return NULL;
}

/* What a code means in that exchange; NULL: only the service knows. */
static const struct meaning *meaning_of(const bi_exchange *x, const char *code) {
    const struct meaning *own = NULL;
    if (x->safety == BI_SAFETY_NEVER)
        own = find_meaning(known_of_exchange,
                           sizeof known_of_exchange / sizeof known_of_exchange[0], code);
    return own ? own : find_meaning(known, sizeof known / sizeof known[0], code);
}

/* The account may hold another one by now. Borrowed. */
static bi_secret find_sent_token(const bi_bytes *fields) {
    static const char name[] = "Authorization: Bearer ";
    for (size_t at = 0; at < fields->length; at += strlen(fields->data + at) + 1)
        if (strncmp(fields->data + at, name, sizeof name - 1) == 0) {
            char *token = fields->data + at + sizeof name - 1;
            return (bi_secret){token, strlen(token)};
        }
    return (bi_secret){0};
}

static bool add_redacted(bi_bytes *out, const bi_exchange *x, const char *text, size_t length) {
    const bi_secret *secrets[BI_ACCOUNT_SECRETS + 1];
    size_t count = x->account ? bi_account_secrets(x->account, secrets) : 0;
    const bi_secret sent = find_sent_token(&x->request.fields);
    secrets[count++] = &sent;
    return bi_redact(out, text, length < REDACT_WINDOW ? length : REDACT_WINDOW, secrets, count);
}

/* What the service says in a field of fixed size: it may echo a secret there too. */
static void keep_shown(const bi_exchange *x, char *to, size_t room, const char *text,
                       size_t length) {
    bi_bytes clean = {0};
    add_redacted(&clean, x, text, length);
    bi_failure_text(to, room, bi_bytes_text(&clean), clean.length);
    bi_bytes_clear(&clean);
}

const char *bi_exchange_request_id(bi_exchange *exchange) {
    bi_span id;
    if (exchange->knows_request_id)
        return exchange->request_id;
    exchange->knows_request_id = true;
    exchange->request_id[0] = '\0';
    if (bi_headers_request_id(&exchange->answer.fields, &id))
        keep_shown(exchange, exchange->request_id, sizeof exchange->request_id, id.text, id.length);
    return exchange->request_id;
}

/* Everything of the answer that is worth keeping, whatever it turns out to mean. */
static void keep_answer(bi_exchange *x) {
    bi_failure *failure = &x->failure;
    const bi_wire_answer *answer = &x->answer;
    failure->status = answer->status;
    failure->attempts = x->attempts;
    memcpy(failure->method, x->request.method, sizeof failure->method);
    bi_bytes_add_text(&failure->path, x->shown_path ? x->shown_path : "");
    add_redacted(&failure->fields, x, bi_bytes_text(&answer->fields), answer->fields.length);
    memcpy(failure->request_id, bi_exchange_request_id(x), sizeof failure->request_id);
    if (x->account && x->account->grant_id)
        bi_failure_text(failure->grant_id, sizeof failure->grant_id, x->account->grant_id,
                        strlen(x->account->grant_id));
    add_redacted(&failure->body, x, bi_bytes_text(&answer->body), answer->body.length);
    if (failure->body.length > BI_FAILURE_BODY_MAX) {
        failure->body.length = BI_FAILURE_BODY_MAX;
        failure->body.data[BI_FAILURE_BODY_MAX] = '\0';
    }
}

/* Text that the service sent, fit to be shown: one line, no secrets. */
static void add_shown(bi_exchange *x, const char *text, size_t length) {
    bi_bytes clean = {0};
    add_redacted(&clean, x, text, length);
    bi_excerpt(&x->failure.message, bi_bytes_text(&clean), clean.length, EXCERPT);
    bi_bytes_clear(&clean);
}

static void add_excerpt(bi_failure *failure) {
    if (failure->body.length == 0) {
        bi_bytes_add_text(&failure->message, "; its body is empty");
        return;
    }
    bi_bytes_add_text(&failure->message, "; it begins: ");
    bi_excerpt(&failure->message, bi_bytes_text(&failure->body), failure->body.length, EXCERPT);
}

/* The failure stands; was the request lost on the way in a manner that leaves open whether it was done? */
static bool in_doubt(bi_exchange *x) {
    if (!x->answer.sent)
        return x->safety != BI_SAFETY_NEVER;
    switch (x->safety) {
    case BI_SAFETY_READ:
        return true;
    case BI_SAFETY_REFRESH:
        if (!bi_failure_is(&x->failure, BI_CODE_SERVER))
            bi_failure_wrap(
                &x->failure, BI_CODE_REFRESH_UNKNOWN, true,
                "the answer to a token refresh was lost; call again: tokens that still live go on "
                "serving, and another refresh is tried");
        return true;
    case BI_SAFETY_WRITE:
        bi_failure_wrap(
            &x->failure, BI_CODE_UNKNOWN, false,
            "the request was sent but its answer was lost, so it may or may not have been done; "
            "look before sending it again");
        return false;
    case BI_SAFETY_NEVER:
        break;
    }
    bi_failure_wrap(
        &x->failure, BI_CODE_UNKNOWN, false,
        "the answer to the exchange of the code was lost, and a code can be spent once only; "
        "start the authorization again");
    return false;
}

/* What happened, the transport's own words for it, and what to do. */
static void set_trouble(bi_exchange *x, const char *code, bool retryable, const char *what,
                        const char *advice) {
    const char *detail = x->answer.detail;
    bi_failure_set(&x->failure, code, "%s%s%s; %s", what, detail[0] ? ": " : "", detail, advice);
    x->failure.retryable = retryable;
}

static bool judge_trouble(bi_exchange *x) {
    switch (x->answer.trouble) {
    case BI_TROUBLE_RESOLVE:
        set_trouble(x, BI_CODE_NETWORK, true, "the host's name could not be resolved",
                    "check the host options and the network, or try again later");
        return in_doubt(x);
    case BI_TROUBLE_CONNECT:
        set_trouble(x, BI_CODE_NETWORK, true, "no connection could be made",
                    "check the host options and the network, or try again later");
        return in_doubt(x);
    case BI_TROUBLE_LOST:
        set_trouble(x, BI_CODE_NETWORK, true, "no answer came", "try again");
        return in_doubt(x);
    case BI_TROUBLE_TIMEOUT:
        set_trouble(x, BI_CODE_TIMEOUT, true, "no complete answer came in the time allowed",
                    "try again, or raise the option timeout");
        return in_doubt(x);
    case BI_TROUBLE_TRUNCATED:
        set_trouble(x, BI_CODE_RESPONSE, false, "the answer ended before its promised length",
                    "look at what stands between here and the service, such as a proxy");
        add_excerpt(&x->failure);
        return in_doubt(x);
    case BI_TROUBLE_PROTOCOL:
        set_trouble(x, BI_CODE_RESPONSE, false, "the answer is not valid HTTP",
                    "check the host options and the proxy");
        add_excerpt(&x->failure);
        in_doubt(x);
        return false;
    case BI_TROUBLE_TOO_LARGE:
        set_trouble(x, BI_CODE_LARGE, false, "the answer is too large",
                    "raise max_response_bytes, or ask for less (limit)");
        bi_bytes_add_format(&x->failure.message, "; max_response_bytes is %zu",
                            x->request.max_body);
        if (x->safety != BI_SAFETY_READ)
            bi_bytes_add_text(&x->failure.message, MAYBE_DONE);
        return false;
    case BI_TROUBLE_TLS:
        set_trouble(x, BI_CODE_TLS, false, "no secure connection could be made",
                    bi_advice_on_tls(x->answer.detail));
        return false;
    case BI_TROUBLE_PROXY:
        set_trouble(x, BI_CODE_PROXY, false, "the proxy does not let the request through",
                    "check the option proxy and the environment's proxies");
        return false;
    case BI_TROUBLE_OPTION:
        set_trouble(x, BI_CODE_ARGUMENT, false, "a network option cannot be used",
                    "check ca_file, cert_file, key_file, proxy and http_version");
        return false;
    case BI_TROUBLE_CANCELLED:
        set_trouble(x, BI_CODE_CANCELLED, false, "the call was cancelled",
                    x->answer.sent && x->safety != BI_SAFETY_READ
                        ? LOOK_FIRST
                        : "make it again if it was not meant to be");
        return false;
    case BI_TROUBLE_NONE:
    case BI_TROUBLE_MEMORY:
        break;
    }
    bi_failure_set(&x->failure, BI_CODE_MEMORY, "not enough memory");
    return false;
}

static void judge_redirect(bi_exchange *x) {
    bi_span target = {"", 0};
    bi_headers_find(&x->answer.fields, "location", &target);
    bi_failure_set(
        &x->failure, BI_CODE_REDIRECT,
        "the service answered with a redirect, which is never followed with a token; check the host "
        "options; it points to: ");
    add_shown(x, target.text, target.length);
}

static void keep_retry_after(bi_exchange *x, bi_now now) {
    static const char *const names[] = {"retry-after", "x-retry-after"};
    bi_span value;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (bi_headers_find(&x->answer.fields, names[i], &value) &&
            bi_retry_after_parse(value.text, value.length, now, &x->failure.retry_after))
            return;
}

static bool is_challenged(const bi_exchange *x, const char *code) {
    bi_bytes error = {0};
    bool same = bi_headers_challenge(&x->answer.fields, "error", &error) &&
                strcmp(bi_bytes_text(&error), code) == 0;
    bi_bytes_clear(&error);
    return same;
}

/* The code: the body's `error` first, then a Bearer challenge (RFC 6750, 3.1), then what the status itself says: a 401
 * to a token is about the token, whoever on the way gave it. */
static void find_code(bi_exchange *x, bi_error_reply *reply) {
    if (bi_failure_is_own(reply->code))
        reply->code[0] = '\0';
    if (reply->code[0])
        return;
    const char *code = "";
    if (x->answer.status == 401 && is_challenged(x, "invalid_request"))
        code = "invalid_request";
    else if (x->answer.status == 401 &&
             (find_sent_token(&x->request.fields).text || is_challenged(x, BI_CODE_TOKEN)))
        code = BI_CODE_TOKEN;
    else if (x->answer.status == 429)
        code = BI_CODE_RATE;
    bi_failure_text(reply->code, sizeof reply->code, code, strlen(code));
}

/* A code is shown and compared; one that changes when secrets are taken out of it was never one. */
static void drop_secret_code(const bi_exchange *x, bi_error_reply *reply) {
    bi_bytes clean = {0};
    add_redacted(&clean, x, reply->code, strlen(reply->code));
    if (strcmp(bi_bytes_text(&clean), reply->code) != 0)
        reply->code[0] = '\0';
    bi_bytes_clear(&clean);
}

/* ": " and the sentence without its full stop; nothing when there is none. */
static void add_sentence(bi_exchange *x, const char *text) {
    size_t length = strlen(text);
    while (length > 0 && (text[length - 1] == '.' || text[length - 1] == ' '))
        length--;
    if (length == 0)
        return;
    bi_bytes_add_text(&x->failure.message, ": ");
    add_shown(x, text, length);
}

static bool says_the_same(const char *ours, const char *theirs) {
    size_t length = strlen(theirs);
    while (length > 0 && theirs[length - 1] == '.')
        length--;
    return bi_ascii_equal(ours, strlen(ours), theirs, length);
}

/* The service's own sentence goes behind ours, unless ours says the same and more. */
static void explain(bi_exchange *x, const bi_error_reply *reply) {
    bi_bytes *message = &x->failure.message;
    const struct meaning *entry = meaning_of(x, reply->code);
    bool scope = entry && reply->required[0] && strcmp(reply->code, BI_CODE_SCOPE) == 0;
    bi_failure_set(&x->failure, reply->code, "%s%s",
                   entry ? entry->text : "the service answered with an error", scope ? " " : "");
    if (scope)
        add_shown(x, reply->required, strlen(reply->required));
    else if (!entry || !says_the_same(entry->text, reply->message))
        add_sentence(x, reply->message);
    if (x->failure.retry_after > 0 && strcmp(reply->code, BI_CODE_RATE) == 0)
        bi_bytes_add_format(message, "; try again in %lld s",
                            (long long)((x->failure.retry_after + 999) / 1000));
    else
        bi_bytes_add_format(message, "; %s", entry ? entry->advice : OTHERWISE);
}

/* An answer with a code: the code decides, not the status. */
static bool judge_coded(bi_exchange *x, const bi_error_reply *reply) {
    explain(x, reply);
    bi_failure *failure = &x->failure;
    if (bi_failure_is(failure, BI_CODE_SCOPE))
        keep_shown(x, failure->required_scope, sizeof failure->required_scope, reply->required,
                   strlen(reply->required));
    failure->revoked = bi_failure_is(failure, BI_CODE_REVOKED);
    long status = x->answer.status;
    failure->retryable = status == 429 || bi_failure_is(failure, BI_CODE_RATE);
    if (failure->retryable)
        return x->safety != BI_SAFETY_NEVER;
    if (status == 408)
        return x->safety == BI_SAFETY_READ;
    if (status >= 500 && x->safety == BI_SAFETY_WRITE)
        bi_bytes_add_text(&failure->message, MAYBE_DONE);
    if (status >= 500 && x->safety == BI_SAFETY_NEVER)
        bi_bytes_add_text(&failure->message, MAYBE_SPENT);
    return status >= 500 && (x->safety == BI_SAFETY_READ || x->safety == BI_SAFETY_REFRESH);
}

static bool judge_uncoded(bi_exchange *x) {
    long status = x->answer.status;
    bool html = bi_headers_type_is_html(&x->answer.fields);
    if (status == 407) {
        bi_failure_set(&x->failure, BI_CODE_PROXY,
                       "the proxy asks for credentials; give them in the option proxy");
        return false;
    }
    if (status < 500 && status >= 300) {
        const char *advice = bi_advice_on_page(bi_bytes_text(&x->failure.body));
        bi_failure_set(&x->failure, BI_CODE_HTTP,
                       "the service answered with status %ld and no error code; %s", status,
                       advice ? advice : "check the path and the host options");
        add_excerpt(&x->failure);
        if (x->safety == BI_SAFETY_NEVER)
            bi_bytes_add_text(&x->failure.message, MAYBE_SPENT);
        return status == 408 && x->safety == BI_SAFETY_READ;
    }
    bi_failure_set(&x->failure, BI_CODE_SERVER,
                   "the service answered with status %ld and %s; try again later", status,
                   html ? "a web page where JSON was due" : "no error code");
    add_excerpt(&x->failure);
    x->failure.retryable = true;
    return in_doubt(x);
}

/* The answer to "only if it has changed" is that it has not (RFC 9110, 15.4.5); unasked, a 304 means nothing. */
static bool is_unchanged(const bi_exchange *x) {
    return x->answer.status == 304 && (bi_request_has(&x->request, "If-None-Match") ||
                                       bi_request_has(&x->request, "If-Modified-Since"));
}

static bool is_success(const bi_exchange *x) {
    if (is_unchanged(x))
        return true;
    if (x->answer.status < 200 || x->answer.status > 299)
        return false;
    return !(x->wants_json && x->answer.body.length > 0 &&
             bi_headers_type_is_html(&x->answer.fields));
}

static void reject_answer(bi_exchange *x, const char *why) {
    bi_failure_set(&x->failure, BI_CODE_RESPONSE,
                   "the answer cannot be used: %s; check that the host options name the service",
                   why);
    add_excerpt(&x->failure);
}

/* A 2xx says that the request was accepted, whatever stands below it: what it changed is changed. */
static void tell_that_it_was_done(bi_exchange *x, const char *why) {
    char message[256];
    snprintf(message, sizeof message,
             "the service answered %ld, so it was most likely done, but the answer cannot be used "
             "(%s); look before sending it again",
             x->answer.status, why);
    bi_failure_wrap(&x->failure, BI_CODE_UNKNOWN, false, message);
}

void bi_reject(bi_exchange *exchange, const char *why) {
    bool changes =
        exchange->safety == BI_SAFETY_WRITE || strcmp(exchange->request.method, "DELETE") == 0;
    bi_failure_clear(&exchange->failure);
    keep_answer(exchange);
    reject_answer(exchange, why);
    if (changes)
        tell_that_it_was_done(exchange, why);
    else if (exchange->safety == BI_SAFETY_NEVER)
        bi_bytes_add_text(&exchange->failure.message, MAYBE_SPENT);
}

/* A 2xx of an MCP server: the JSON-RPC answer in it decides. Where there is none, it was lost on the way. */
static bool judge_message(bi_exchange *x) {
    bi_error_reply reply = {0};
    int64_t retry_after;
    const char *wrong = bi_mcp_read(x->mcp, &x->answer, &reply, &retry_after);
    if (!wrong && !reply.code[0])
        return false;
    keep_answer(x);
    x->failure.retry_after = retry_after;
    if (!wrong) {
        drop_secret_code(x, &reply);
        if (!reply.code[0] || bi_failure_is_own(reply.code))
            bi_failure_text(reply.code, sizeof reply.code, BI_CODE_TOOL, strlen(BI_CODE_TOOL));
        return judge_coded(x, &reply);
    }
    if (strcmp(wrong, BI_CODE_MEMORY) == 0) {
        bi_failure_set(&x->failure, BI_CODE_MEMORY, "not enough memory");
        return false;
    }
    reject_answer(x, wrong);
    return in_doubt(x);
}

/* An MCP server takes 4 MiB in one request. */
static void judge_large_request(bi_exchange *x) {
    bi_failure_set(&x->failure, BI_CODE_LARGE,
                   "the request is too large for the server; send fewer items in one");
}

bool bi_judge(bi_exchange *exchange, bi_now now) {
    bi_failure_clear(&exchange->failure);
    bool whole = exchange->answer.trouble == BI_TROUBLE_NONE;
    if (whole && is_success(exchange))
        return exchange->mcp && judge_message(exchange);
    keep_answer(exchange);
    if (!whole)
        return judge_trouble(exchange);
    keep_retry_after(exchange, now);
    if (exchange->answer.status >= 300 && exchange->answer.status < 400) {
        judge_redirect(exchange);
        return false;
    }
    bi_error_reply reply = {0};
    if (exchange->answer.status >= 400)
        bi_error_reply_read(&reply, &exchange->answer.body);
    if (exchange->mcp && exchange->answer.status == 413) {
        judge_large_request(exchange);
        return false;
    }
    if (exchange->mcp)
        bi_mcp_read_refusal(exchange->mcp, &exchange->answer, &reply);
    find_code(exchange, &reply);
    drop_secret_code(exchange, &reply);
    return reply.code[0] ? judge_coded(exchange, &reply) : judge_uncoded(exchange);
}
