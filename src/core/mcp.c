/* The conversation of src/core/mcp.h. What the words of a failed tool mean stands in complaint.c, what an HTTP error means
 * in judge.c; here stands which request comes next, and what the outcome is. */
#include "core/mcp.h"

#include "core/account.h"
#include "core/complaint.h"
#include "core/headers.h"
#include "core/memory.h"
#include "core/request.h"
#include "core/tool.h"

#include <string.h>

#define PROTOCOL "2025-06-18" /* the version that initialize asks for */

const bi_endpoint bi_endpoint_tool = {.name = "call_tool",
                                      .method = "POST",
                                      .host = BI_HOST_MCP,
                                      .path = "",
                                      .token = BI_TOKEN_INSTALLATION,
                                      .safety = BI_SAFETY_WRITE};

bi_mcp *bi_mcp_new(void) {
    bi_mcp *mcp = bi_alloc(sizeof *mcp);
    if (!mcp)
        return NULL;
    bi_failure_init(&mcp->kept);
    bi_sse_init(&mcp->stream);
    mcp->params.secret = true;
    return mcp;
}

void bi_mcp_free(bi_mcp *mcp) {
    if (!mcp)
        return;
    bi_rpc_texts_end(&mcp->texts);
    bi_sse_clear(&mcp->stream);
    bi_session_clear(&mcp->own);
    bi_failure_clear(&mcp->kept);
    bi_bytes_clear(&mcp->params);
    bi_free(mcp);
}

/* --- What is asked --------------------------------------------------------------------------------------------- */

bool bi_mcp_call_tool(bi_mcp *mcp, const char *name, size_t name_length, const char *arguments,
                      size_t length) {
    mcp->method = "tools/call";
    bi_bytes_add_text(&mcp->params, "{\"name\":");
    bi_rpc_write_string(&mcp->params, name, name_length);
    bi_bytes_add_text(&mcp->params, ",\"arguments\":");
    bi_bytes_add(&mcp->params, arguments, length);
    return bi_bytes_add_char(&mcp->params, '}');
}

bool bi_mcp_list_tools(bi_mcp *mcp, const char *cursor, size_t length) {
    mcp->method = "tools/list";
    if (!cursor)
        return bi_bytes_add_text(&mcp->params, "{}");
    bi_bytes_add_text(&mcp->params, "{\"cursor\":");
    bi_rpc_write_string(&mcp->params, cursor, length);
    return bi_bytes_add_char(&mcp->params, '}');
}

bool bi_mcp_path(bi_bytes *out, const bi_config *config) {
    const char *base = bi_config_base(config, BI_HOST_MCP);
    bi_url url;
    if (bi_url_parse(&url, base, strlen(base)) || url.path.length == 0)
        return bi_bytes_add_char(out, '/');
    return bi_bytes_add(out, url.path.text, url.path.length);
}

/* --- The next request ------------------------------------------------------------------------------------------ */

/* Asked once at most, whatever comes of it: a doubt is not worth a series of requests. */
static bool fill_check(bi_mcp *mcp, bi_exchange *x, const bi_secret *token) {
    const bi_endpoint *me = bi_endpoint_find("me");
    bi_bytes target = {0};
    mcp->retries = x->max_retries;
    x->max_retries = 0;
    x->safety = BI_SAFETY_READ;
    x->shown_path = me->path;
    bi_bytes_add_text(&target, me->path);
    bool done = bi_request_begin(&x->request, x->config, me->method, me->host, &target) &&
                bi_request_authorize(&x->request, token) &&
                bi_request_default(&x->request, "Accept", "application/json");
    bi_bytes_clear(&target);
    return done;
}

static bool write_message(bi_mcp *mcp, bi_bytes *body) {
    if (mcp->phase == BI_MCP_ASKING)
        return bi_rpc_write(body, mcp->id, mcp->method, &mcp->params);
    if (mcp->phase == BI_MCP_CONFIRMING)
        return bi_rpc_write(body, mcp->id, "notifications/initialized", NULL);
    bi_bytes params = {0};
    bi_bytes_add_text(&params, "{\"protocolVersion\":\"" PROTOCOL "\",\"capabilities\":{},"
                               "\"clientInfo\":{\"name\":\"better-i18n-lua\",\"version\":"
                               "\"" BI_VERSION "\"}}");
    bool done = !params.failed && bi_rpc_write(body, mcp->id, "initialize", &params);
    bi_bytes_clear(&params);
    return done;
}

/* The session that the server handed out, unless a new one is being asked for. */
static bool name_session(bi_mcp *mcp, bi_wire_request *request, const bi_session *shared) {
    bool known = mcp->phase != BI_MCP_GREETING;
    const bi_session *session = mcp->greeted ? &mcp->own : shared;
    mcp->session = shared->serial;
    mcp->named_session = known && bi_secret_is_set(&session->id);
    if (mcp->named_session && !bi_request_default(request, "Mcp-Session-Id", session->id.text))
        return false;
    return !known || !session->version[0] ||
           bi_request_default(request, "MCP-Protocol-Version", session->version);
}

bool bi_mcp_fill(bi_mcp *mcp, bi_exchange *exchange, const bi_endpoint *row, const bi_bytes *fields,
                 const bi_secret *token) {
    bi_wire_request *request = &exchange->request;
    bi_session *session = &exchange->account->session;
    exchange->mcp = mcp;
    if (mcp->phase == BI_MCP_CHECKING)
        return fill_check(mcp, exchange, token);
    exchange->safety = mcp->phase == BI_MCP_ASKING ? row->safety : BI_SAFETY_READ;
    request->once = exchange->safety != BI_SAFETY_READ;
    request->has_body = true;
    request->body.secret = true;
    mcp->id = mcp->phase == BI_MCP_CONFIRMING ? BI_RPC_NOTIFICATION : ++session->requests;
    return bi_bytes_add(&request->fields, bi_bytes_text(fields), fields->length) &&
           bi_request_begin(request, exchange->config, row->method, row->host, &(bi_bytes){0}) &&
           bi_request_authorize(request, token) &&
           bi_request_default(request, "Accept", "application/json, text/event-stream") &&
           bi_request_default(request, "Content-Type", "application/json") &&
           name_session(mcp, request, session) && write_message(mcp, &request->body);
}

/* --- What the answer holds ------------------------------------------------------------------------------------- */

static char first_char(bi_span json) {
    for (size_t i = 0; i < json.length; i++)
        if (!strchr(" \t\r\n", json.text[i]))
            return json.text[i];
    return '\0';
}

/* A failure in the server's words, for judge.c. */
static void complain(bi_mcp *mcp, const bi_complaint *said, bi_error_reply *reply,
                     int64_t *retry_after) {
    mcp->is_vague = said->is_vague;
    *reply = said->reply;
    *retry_after = said->retry_after;
}

/* A string or a number that stands alone. */
static bi_json_event read_scalar(bi_json *json, bi_span raw) {
    bi_json_init(json, raw.text ? raw.text : "", raw.length, true);
    return raw.text ? bi_json_next(json) : BI_JSON_NULL;
}

static bool says_what(const bi_complaint *c) {
    return !c->is_vague && strcmp(c->reply.code, BI_CODE_TOOL) != 0;
}

/* {"code": number, "message": text, "data": anything}: the data may be the service's own error document. */
static const char *read_error(bi_span error, bi_complaint *said) {
    static const char *const names[] = {"code", "message", "data", NULL};
    bi_span values[3];
    bi_json json;
    if (!bi_rpc_members(error, names, values))
        return BI_CODE_MEMORY;
    int64_t number = read_scalar(&json, values[0]) == BI_JSON_INTEGER ? json.integer : 0;
    bi_json_clear(&json);
    bool is_text = read_scalar(&json, values[1]) == BI_JSON_STRING;
    bool failed = json.scratch.failed;
    bi_complaint_read(said, is_text ? json.text : "", is_text ? json.length : 0, number);
    bi_json_clear(&json);
    if (failed)
        return BI_CODE_MEMORY;
    if (!says_what(said) && first_char(values[2]) == '{') {
        bi_complaint more;
        bi_complaint_read(&more, values[2].text, values[2].length, 0);
        if (says_what(&more))
            *said = more;
    }
    return NULL;
}

static const char *read_result(bi_mcp *mcp, bi_complaint *said) {
    static const char *const names[] = {"content", "structuredContent", "isError", "tools", NULL};
    bi_span values[4], text = {"", 0};
    if (first_char(mcp->answer.result) != '{')
        return "its result is no object";
    if (!bi_rpc_members(mcp->answer.result, names, values))
        return BI_CODE_MEMORY;
    if (strcmp(mcp->method, "tools/list") == 0)
        return first_char(values[3]) == '[' ? NULL : "it holds no list of tools";
    mcp->content = values[0];
    mcp->structured = values[1];
    if (first_char(values[2]) != 't') /* of true */
        return NULL;
    bi_rpc_texts_begin(&mcp->texts, mcp->content);
    bi_rpc_texts_next(&mcp->texts, &text);
    if (!mcp->texts.failed)
        bi_complaint_read(said, text.text, text.length, 0);
    return mcp->texts.failed ? BI_CODE_MEMORY : NULL;
}

const char *bi_mcp_read(bi_mcp *mcp, const bi_wire_answer *answer, bi_error_reply *reply,
                        int64_t *retry_after) {
    *retry_after = -1;
    mcp->is_vague = false;
    if (mcp->phase == BI_MCP_CHECKING || mcp->phase == BI_MCP_CONFIRMING)
        return NULL;
    bi_sse_clear(&mcp->stream);
    const char *wrong =
        bi_rpc_find(&mcp->answer, &mcp->stream, &answer->body,
                    bi_headers_type_is(&answer->fields, "text/event-stream"), mcp->id);
    bi_complaint said = {.retry_after = -1};
    if (!wrong && mcp->answer.error.text)
        wrong = read_error(mcp->answer.error, &said);
    else if (!wrong && mcp->phase == BI_MCP_ASKING)
        wrong = read_result(mcp, &said);
    if (!wrong)
        complain(mcp, &said, reply, retry_after);
    return wrong;
}

void bi_mcp_read_refusal(bi_mcp *mcp, const bi_wire_answer *answer, bi_error_reply *reply) {
    static const char *const names[] = {"error", NULL};
    bi_span error;
    mcp->is_vague = false;
    bool is_over =
        strcmp(reply->code, BI_CODE_REVOKED) == 0 || strcmp(reply->code, BI_CODE_NO_GRANT) == 0;
    if (answer->status == 401 && !is_over) /* API.md: any 401 is about the token */
        bi_failure_text(reply->code, sizeof reply->code, BI_CODE_TOKEN, strlen(BI_CODE_TOKEN));
    if (reply->code[0] || mcp->phase == BI_MCP_CHECKING)
        return;
    bi_span body = {bi_bytes_text(&answer->body), answer->body.length};
    bi_complaint said;
    if (bi_rpc_members(body, names, &error) && first_char(error) == '{' &&
        !read_error(error, &said) && says_what(&said) && answer->status < 500)
        *reply = said.reply;
}

/* --- What follows ---------------------------------------------------------------------------------------------- */

/* Without memory it is as if none came: the server says so, and a new one is begun. */
static void take_id(bi_session *session, const bi_bytes *fields) {
    bi_span id;
    if (bi_headers_find(fields, "Mcp-Session-Id", &id) && bi_token_is_sendable(id.text, id.length))
        bi_secret_set(&session->id, id.text, id.length);
}

static void take_version(bi_session *session, bi_span result) {
    static const char *const names[] = {"protocolVersion", NULL};
    bi_span raw;
    bi_json json;
    if (!bi_rpc_members(result, names, &raw))
        return;
    if (read_scalar(&json, raw) == BI_JSON_STRING && json.length < sizeof session->version &&
        bi_token_is_sendable(json.text, json.length))
        bi_failure_text(session->version, sizeof session->version, json.text, json.length);
    bi_json_clear(&json);
}

/* A session is everybody's when it is complete. Of several that calls began at once the last stays; the others serve
 * the calls that began them. */
static void share_session(const bi_session *own, bi_session *shared) {
    bi_session_clear(shared);
    bi_secret_set(&shared->id, own->id.text, own->id.length);
    memcpy(shared->version, own->version, sizeof shared->version);
}

static void keep_session(bi_mcp *mcp, const bi_exchange *x) {
    bi_session *shared = &x->account->session;
    if (mcp->phase == BI_MCP_GREETING) {
        take_id(&mcp->own, &x->answer.fields);
        take_version(&mcp->own, mcp->answer.result);
    } else if (mcp->phase == BI_MCP_CONFIRMING)
        share_session(&mcp->own, shared);
    else if (!mcp->greeted)
        take_id(shared, &x->answer.fields);
}

static bool is_over(const bi_failure *failure) {
    return bi_failure_is(failure, BI_CODE_REVOKED) || bi_failure_is(failure, BI_CODE_NO_GRANT);
}

/* 404: the session is gone (when one was named). 400: the server wants `initialize` first, or another version of the
 * protocol than an old session had. All of them refuse before any work is done. */
static bool wants_session(const bi_mcp *mcp, const bi_exchange *x) {
    static const char *const words[] = {"initializ", "session", "protocol version"};
    const bi_bytes *body = &x->answer.body;
    if (mcp->greeted || is_over(&x->failure))
        return false;
    if (x->answer.status == 404)
        return mcp->named_session;
    for (size_t i = 0; x->answer.status == 400 && i < sizeof words / sizeof words[0]; i++)
        if (bi_text_says(bi_bytes_text(body), body->length, words[i]))
            return true;
    return false;
}

/* Unless another call has begun a session meanwhile: that one is tried first. */
static bool begin_session(bi_mcp *mcp, const bi_session *shared) {
    if (shared->serial != mcp->session && !mcp->rejoined) {
        mcp->rejoined = true;
        return true;
    }
    mcp->greeted = true;
    mcp->phase = BI_MCP_GREETING;
    return true;
}

/* What the tool said stays as the cause. */
static void blame_scope(bi_failure *failure, const char *scope) {
    bi_bytes message = {0};
    bi_bytes_add_format(
        &message,
        "the grant lacks the scope %s, though the tool did not say so; ask the user "
        "to authorize again with it",
        scope);
    bi_failure_wrap(failure, BI_CODE_SCOPE, false, bi_bytes_text(&message));
    bi_failure_text(failure->required_scope, sizeof failure->required_scope, scope, strlen(scope));
    bi_bytes_clear(&message);
}

/* A list in /me counts when it is one of the service's scopes and not of something else's. */
static bool are_scopes(const bi_names *names) {
    return bi_scope_named(bi_bytes_text(&names->list), names->list.length) != NULL;
}

static bool asking_failed(bi_mcp *mcp, bi_exchange *x, const bi_endpoint *row) {
    if (wants_session(mcp, x))
        return begin_session(mcp, &x->account->session);
    if (!mcp->is_vague || mcp->checked || bi_failure_is(&x->failure, BI_CODE_MEMORY))
        return false;
    if (bi_names_lack(&x->account->scopes, row->scope)) {
        blame_scope(&x->failure, row->scope);
        return false;
    }
    bi_failure_copy(&mcp->kept, &x->failure);
    mcp->checked = true;
    mcp->phase = BI_MCP_CHECKING;
    return true;
}

/* /me was asked, and what it shows counts; trouble on the way to it shows nothing, and the tool's own failure stays. */
static void weigh_check(bi_mcp *mcp, bi_exchange *x, const bi_endpoint *row) {
    static const char *const telling[] = {BI_CODE_TOKEN, BI_CODE_SCOPE, BI_CODE_RATE,
                                          "wrong_organization"};
    mcp->phase = BI_MCP_ASKING;
    x->max_retries = mcp->retries;
    bool shown = is_over(&x->failure);
    for (size_t i = 0; i < sizeof telling / sizeof telling[0]; i++)
        shown |= bi_failure_is(&x->failure, telling[i]);
    if (shown)
        return;
    bi_token_reply me = {0};
    if (!bi_failure_is_set(&x->failure))
        bi_token_reply_read(&me, &x->answer.body, (bi_now){0});
    bi_failure_copy(&x->failure, &mcp->kept);
    x->failure.attempts = x->attempts;
    if (are_scopes(&me.scopes) && bi_names_lack(&me.scopes, row->scope))
        blame_scope(&x->failure, row->scope);
    bi_token_reply_clear(&me);
}

/* Only the first refusal leads to another token. */
static void count_refusal(bi_mcp *mcp, bi_failure *failure) {
    if (bi_failure_is(failure, BI_CODE_TOKEN) && ++mcp->refusals > 1)
        bi_bytes_add_text(
            &failure->message,
            "; the token was renewed and the request made once more, and the new token "
            "was refused too: the server may not know tokens of this kind, or the grant "
            "may be over (me() tells)");
}

bool bi_mcp_advance(bi_mcp *mcp, bi_exchange *exchange, const bi_endpoint *row) {
    bool goes_on = false;
    bool failed = bi_failure_is_set(&exchange->failure);
    if (!failed && mcp->phase != BI_MCP_CHECKING)
        keep_session(mcp, exchange);
    switch (mcp->phase) {
    case BI_MCP_ASKING:
        goes_on = failed && asking_failed(mcp, exchange, row);
        break;
    case BI_MCP_GREETING:
    case BI_MCP_CONFIRMING:
        goes_on = !failed;
        if (goes_on)
            mcp->phase = mcp->phase == BI_MCP_GREETING ? BI_MCP_CONFIRMING : BI_MCP_ASKING;
        break;
    case BI_MCP_CHECKING:
        weigh_check(mcp, exchange, row);
        break;
    }
    if (!goes_on)
        count_refusal(mcp, &exchange->failure);
    return goes_on;
}
