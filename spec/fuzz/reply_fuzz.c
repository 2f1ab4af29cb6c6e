/* libFuzzer: any bytes as the answer to a request: how it was asked, the status, the header fields, an empty line, the
 * body. The bytes 1, 2 and 3 become secrets that the client holds. Whatever the answer means: no secret is shown, the
 * message is one line, the code says what the fields say, and nothing goes out twice that must not. */
#include "core/exchange.h"
#include "core/failure.h"
#include "core/mcp.h"
#include "core/memory.h"
#include "core/reply.h"
#include "core/request.h"
#include "must.h"

#define SENT "bi_oat_planted_token_that_was_sent"

static const char *const secrets[] = {"planted-refresh-token", "planted+client/secret", SENT};
#define SECRETS (sizeof secrets / sizeof secrets[0])

static void plant(bi_bytes *to, const char *text, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (text[i] >= 1 && text[i] <= (char)SECRETS)
            bi_bytes_add_text(to, secrets[text[i] - 1]);
        else
            bi_bytes_add_char(to, text[i]);
}

static void check_hidden(const char *text, size_t length) {
    for (size_t i = 0; i < SECRETS; i++)
        MUST(!length || !memmem(text, length, secrets[i], strlen(secrets[i])));
}

static void check_line(const char *text, size_t length) {
    check_hidden(text, length);
    for (size_t i = 0; i < length; i++)
        MUST((unsigned char)text[i] >= ' ' && text[i] != 0x7F);
}

static void check_shown(const bi_failure *failure) {
    check_line(bi_bytes_text(&failure->message), failure->message.length);
    check_line(failure->code, strlen(failure->code));
    check_hidden(failure->required_scope, strlen(failure->required_scope));
    check_hidden(failure->request_id, strlen(failure->request_id));
    check_hidden(bi_bytes_text(&failure->fields), failure->fields.length);
    check_hidden(bi_bytes_text(&failure->body), failure->body.length);
    MUST(failure->message.length > 0 && failure->body.length <= BI_FAILURE_BODY_MAX);
    if (failure->cause)
        check_shown(failure->cause);
}

/* What only this client can know is never a server's word. */
static void check_code(const bi_exchange *x) {
    const bi_failure *failure = &x->failure;
    bool whole = x->answer.trouble == BI_TROUBLE_NONE;
    MUST(failure->revoked == bi_failure_is(failure, BI_CODE_REVOKED));
    MUST(!failure->required_scope[0] || bi_failure_is(failure, BI_CODE_SCOPE));
    MUST(!bi_failure_is(failure, BI_CODE_MEMORY) || x->answer.trouble == BI_TROUBLE_MEMORY);
    MUST(!bi_failure_is(failure, BI_CODE_CANCELLED) || x->answer.trouble == BI_TROUBLE_CANCELLED);
    MUST(!bi_failure_is(failure, BI_CODE_TLS) || x->answer.trouble == BI_TROUBLE_TLS);
    MUST(!bi_failure_is(failure, BI_CODE_CLOSED) && !bi_failure_is(failure, BI_CODE_STORE));
    MUST(!failure->revoked || whole);
    MUST(failure->retry_after >= -1);
}

/* Sent again by itself: only what is safe (DESIGN.md, "Retries"). */
static void check_again(const bi_exchange *x, bool again) {
    bool limited = x->answer.status == 429 || bi_failure_is(&x->failure, BI_CODE_RATE);
    MUST(!again || bi_failure_is_set(&x->failure));
    if (!again || !x->answer.sent || x->safety == BI_SAFETY_READ)
        return;
    MUST(x->safety != BI_SAFETY_NEVER);
    MUST(x->safety != BI_SAFETY_WRITE || limited);
}

static void ask(bi_exchange *x, uint8_t how) {
    static const char *const methods[] = {"GET", "POST"};
    x->shown_path = "/v1/x";
    x->wants_json = how & 4;
    x->safety = (bi_safety)(how & 3);
    x->attempts = 1;
    memcpy(x->request.method, methods[how & 1], strlen(methods[how & 1]) + 1);
    MUST(bi_request_authorize(&x->request, &(bi_secret){(char *)(uintptr_t)SENT, strlen(SENT)}));
    if (how & 8)
        MUST(bi_request_default(&x->request, "If-None-Match", "\"1\""));
}

/* Both parts with the secrets in them. */
static void answer_with(bi_wire_answer *answer, const char *text, size_t length) {
    const char *end = length ? memmem(text, length, "\n\n", 2) : NULL;
    size_t head = end ? (size_t)(end - text) + 1 : 0, body = end ? head + 1 : 0;
    bi_bytes fields = {0};
    plant(&fields, text, head);
    for (size_t i = 0; i < fields.length; i++)
        if (fields.data[i] == '\n')
            bi_bytes_add_text(&answer->fields, "\r\n");
        else
            bi_bytes_add_char(&answer->fields, fields.data[i]);
    plant(&answer->body, text + body, length - body);
    bi_bytes_clear(&fields);
}

/* What the token endpoint says: usable as it is, and the same when it is written down and read again. */
static void check_tokens(const bi_bytes *body) {
    bi_token_reply reply = {0}, again = {0};
    bi_bytes written = {0};
    bi_now now = {1000, INT64_C(1767225600000)};
    if (!bi_token_reply_read(&reply, body, now)) {
        const bi_secret *token = &reply.access_token;
        MUST(!token->text || bi_token_is_sendable(token->text, token->length));
        MUST(reply.lifetime >= -1);
        MUST(reply.scopes.known || reply.scopes.count == 0);
        bi_bytes_add_text(&written, "{\"access_token\":");
        if (token->text)
            bi_rpc_write_string(&written, token->text, token->length);
        bi_bytes_add_format(&written, "%s,\"expires_in\":%lld}", token->text ? "" : "null",
                            (long long)(reply.lifetime / 1000));
        MUST(!bi_token_reply_read(&again, &written, now));
        MUST(again.access_token.length == token->length);
        MUST(!token->length || !memcmp(again.access_token.text, token->text, token->length));
        if (reply.lifetime >= 0 && reply.lifetime < INT64_C(10000000000000))
            MUST(again.lifetime == reply.lifetime / 1000 * 1000);
    }
    bi_bytes_clear(&written);
    bi_token_reply_clear(&reply);
    bi_token_reply_clear(&again);
}

static void check_judgement(bi_exchange *x) {
    bi_now now = {1000, INT64_C(1767225600000)};
    bool again = bi_judge(x, now);
    check_again(x, again);
    if (bi_failure_is_set(&x->failure)) {
        check_code(x);
        check_shown(&x->failure);
    } else
        MUST(x->answer.trouble == BI_TROUBLE_NONE && x->answer.status < 400);
    bi_reject(x, "of this");
    check_shown(&x->failure);
}

static bi_account *make_account(void) {
    bi_account *account = bi_account_new();
    MUST(account && (account->grant_id = bi_copy("grt_1", 5)));
    MUST(bi_secret_set(&account->refresh, secrets[0], strlen(secrets[0])));
    MUST(bi_secret_set(&account->client_secret, secrets[1], strlen(secrets[1])));
    return account;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const long statuses[] = {200, 201, 204, 206, 302, 304, 400, 401, 403, 404, 407,
                                    408, 410, 413, 415, 429, 500, 502, 503, 999, 0};
    if (size < 3)
        return 0;
    long live = bi_memory_live();
    bi_exchange x;
    bi_exchange_init(&x);
    x.account = make_account();
    ask(&x, data[0]);
    x.mcp = data[0] & 16 ? bi_mcp_new() : NULL;
    if (x.mcp) {
        MUST(bi_mcp_call_tool(x.mcp, "getSync", 7, "{}", 2));
        x.mcp->id = 7;
    }
    x.answer.trouble = (bi_trouble)(data[1] < 128 ? 0 : data[1] % (BI_TROUBLE_OPTION + 1));
    x.answer.sent = x.answer.trouble == BI_TROUBLE_NONE || data[1] & 1;
    x.answer.status = statuses[data[2] % (sizeof statuses / sizeof statuses[0])];
    answer_with(&x.answer, (const char *)data + 3, size - 3);
    check_tokens(&x.answer.body);
    check_judgement(&x);
    bi_mcp_free(x.mcp);
    bi_account_release(x.account);
    bi_exchange_clear(&x);
    MUST(bi_memory_live() == live);
    return 0;
}
