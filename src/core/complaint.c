/* Finding a code in a tool's words (src/core/complaint.h): a code in JSON first, then phrases, then JSON-RPC's number. */
#include "core/complaint.h"

#include "core/ascii.h"
#include "core/failure.h"
#include "core/tool.h"

#include <string.h>

#define WINDOW 2048      /* so much of a text is looked at; causes stand at its beginning */
#define TERSE 12         /* a shorter text ("Failed.") names no cause */
#define COOL_DOWN 30000  /* milliseconds between two publishes of a project (API.md) */
#define PAUSE_MOST 86400 /* seconds */

/* Phrases in lower case; a space in them stands for " ", "_" or "-". The first that is there counts. NULL: it may be the
 * token or the grant, which only /me can tell. */
static const struct cause {
    const char *phrase, *code;
} causes[] = {
    {"grant not found", NULL},
    {"token not found", NULL},
    {"session not found", NULL},
    {"missing scope", BI_CODE_SCOPE},
    {"insufficient scope", BI_CODE_SCOPE},
    {"wrong organization", "wrong_organization"},
    {"too many requests", BI_CODE_RATE},
    {"rate limit", BI_CODE_RATE},
    {"cool down", BI_CODE_RATE},
    {"cooldown", BI_CODE_RATE},
    {"not found", BI_CODE_NOT_FOUND},
    {"does not exist", BI_CODE_NOT_FOUND},
    {"bad request", BI_CODE_REQUEST},
    {"invalid request", BI_CODE_REQUEST},
    {"invalid argument", BI_CODE_REQUEST},
    {"invalid param", BI_CODE_REQUEST},
    {"invalid input", BI_CODE_REQUEST},
    {"validation", BI_CODE_REQUEST},
    {"-32602", BI_CODE_REQUEST},
    {"-32600", BI_CODE_REQUEST},
    {"at most", BI_CODE_REQUEST},
    {"maximum", BI_CODE_REQUEST},
    {"exceed", BI_CODE_REQUEST},
    {"too long", BI_CODE_REQUEST},
    {"too large", BI_CODE_REQUEST},
};

/* Phrases behind which anything may hide (API.md: "hide what happened"). */
static const char *const vague[] = {
    "unable to transform",
    "internal server error",
    "internal error",
    "unknown error",
    "unexpected error",
    "error occurred",
    "went wrong",
    "request failed",
    "fetch failed",
    "unauthorized",
    "unauthenticated",
    "forbidden",
    "denied",
    "permission",
    "revoked",
    "expired",
    "token",
    "session",
    "credential",
    "status code",
};

static bool same(char c, char wanted) {
    if (wanted == ' ')
        return c == ' ' || c == '_' || c == '-';
    return bi_ascii_lower(c) == wanted;
}

bool bi_text_says(const char *text, size_t length, const char *phrase) {
    size_t size = strlen(phrase);
    for (size_t at = 0; at + size <= length; at++) {
        size_t i = 0;
        while (i < size && same(text[at + i], phrase[i]))
            i++;
        if (i == size)
            return true;
    }
    return false;
}

static const struct cause *find_cause(const char *text, size_t length) {
    for (size_t i = 0; i < sizeof causes / sizeof causes[0]; i++)
        if (bi_text_says(text, length, causes[i].phrase))
            return &causes[i];
    return NULL;
}

static bool is_vague(const char *text, size_t length) {
    for (size_t i = 0; i < sizeof vague / sizeof vague[0]; i++)
        if (bi_text_says(text, length, vague[i]))
            return true;
    return false;
}

/* "Failed." or "Failed to create keys": that it failed, and nothing else. */
static bool says_nothing(const char *text, size_t length) {
    static const char failed[] = "failed ";
    const size_t size = sizeof failed - 1;
    return length < TERSE || is_vague(text, length) ||
           (bi_ascii_equal(text, size, failed, size) && !memchr(text, ':', length));
}

/* The end of what the quote at `at` quotes, or 0: it is none. An apostrophe quotes only around words. */
static size_t quote_end(const char *text, size_t length, size_t at) {
    char mark = text[at];
    if (mark != '"' && mark != '`' && mark != '\'')
        return 0;
    bool loose = mark == '\'';
    if (loose && at > 0 && bi_ascii_is_alnum(text[at - 1]))
        return 0;
    for (size_t end = at + 1; end < length; end++)
        if (text[end] == mark && !(loose && end + 1 < length && bi_ascii_is_alnum(text[end + 1])))
            return end;
    return 0;
}

/* The text without what it quotes: a key may be named "grant_revoked". */
static size_t drop_quotes(char *to, const char *text, size_t length) {
    size_t used = 0;
    for (size_t at = 0; at < length; at++) {
        size_t end = quote_end(text, length, at);
        if (end)
            at = end;
        else
            to[used++] = text[at];
    }
    return used;
}

/* The last number that seconds, or an s, follow ("try again in 12 seconds"), or that "retry…" precedes. */
static int64_t find_pause(const char *text, size_t length) {
    int64_t pause = -1;
    for (size_t at = 0; at < length; at++) {
        if (!bi_ascii_is_digit(text[at]))
            continue;
        size_t start = at;
        int64_t number = 0;
        for (; at < length && bi_ascii_is_digit(text[at]); at++)
            if (number <= PAUSE_MOST)
                number = number * 10 + (text[at] - '0');
        size_t unit = at < length && text[at] == ' ' ? at + 1 : at;
        size_t before = start < 16 ? 0 : start - 16;
        bool counts = (unit < length && text[unit] == 's') ||
                      bi_text_says(text + before, start - before, "retry");
        if (counts && number <= PAUSE_MOST)
            pause = number * 1000;
    }
    return pause;
}

/* An error document in the text, be it behind words ("Request failed: {…}"). True when it has a code. */
static bool read_document(bi_error_reply *reply, const char *text, size_t length) {
    const char *start = length ? memchr(text, '{', length) : NULL;
    if (!start)
        return false;
    size_t left = length - (size_t)(start - text);
    bi_bytes document = {.data = (char *)(uintptr_t)start, .length = left}; /* only read */
    bi_error_reply_read(reply, &document);
    return reply->code[0] != '\0';
}

static void set_code(bi_error_reply *reply, const char *code) {
    bi_failure_text(reply->code, sizeof reply->code, code, strlen(code));
}

/* True when the text, or the code of its document, settles what it was. */
static bool find_code(bi_complaint *c, const char *text, size_t length) {
    char words[WINDOW];
    bool coded = read_document(&c->reply, text, length);
    size_t size = coded ? strlen(c->reply.code) : drop_quotes(words, text, length);
    const char *said = coded ? c->reply.code : words;
    const struct cause *cause = find_cause(said, size);
    if (!cause && !coded && bi_text_says(text, length, "scope") && bi_scope_named(text, length)) {
        set_code(&c->reply, BI_CODE_SCOPE);
        return true;
    }
    c->is_vague = cause ? !cause->code : coded ? is_vague(said, size) : says_nothing(said, size);
    if (cause && cause->code)
        set_code(&c->reply, cause->code);
    else if (c->is_vague || !coded)
        set_code(&c->reply, BI_CODE_TOOL);
    return !c->is_vague && (cause || coded);
}

void bi_complaint_read(bi_complaint *complaint, const char *text, size_t length, int64_t number) {
    *complaint = (bi_complaint){.retry_after = -1};
    bi_error_reply *reply = &complaint->reply;
    size_t looked_at = length < WINDOW ? length : WINDOW;
    bool known = find_code(complaint, text, looked_at);
    if (!known && (number == -32602 || number == -32600 || number == -32700)) {
        set_code(reply, BI_CODE_REQUEST);
        complaint->is_vague = false;
    }
    if (!reply->message[0])
        bi_failure_text(reply->message, sizeof reply->message, text, looked_at);
    if (strcmp(reply->code, BI_CODE_SCOPE) == 0 && !reply->required[0]) {
        const char *scope = bi_scope_named(text, looked_at);
        if (scope)
            bi_failure_text(reply->required, sizeof reply->required, scope, strlen(scope));
    }
    if (strcmp(reply->code, BI_CODE_RATE) == 0) {
        complaint->retry_after = find_pause(text, looked_at);
        if (complaint->retry_after < 0)
            complaint->retry_after = COOL_DOWN;
    }
}
