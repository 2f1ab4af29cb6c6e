/* src/core/mcp.c, rpc.c, complaint.c and their part of judge.c: the conversation with an MCP server, in the stories of
 * fake.h, and what answers and failures in all their forms come to. */
#include "fake.h"

#include "core/complaint.h"
#include "core/tool.h"

#define JSON "Content-Type: application/json\r\n"
#define SSE "Content-Type: text/event-stream; charset=utf-8\r\n"
#define RESULT(id_, text_)                                                                         \
    "{\"jsonrpc\":\"2.0\",\"id\":" id_                                                             \
    ",\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"" text_ "\"}]}}"
#define REFUSAL(id_, text_)                                                                        \
    "{\"result\":{\"content\":[{\"text\":\"" text_                                                 \
    "\",\"type\":\"text\"}],\"isError\":true},\"id\":" id_ ",\"jsonrpc\":\"2.0\"}"
#define TOLD(body_)                                                                                \
    { .status = 200, .fields = JSON, .body = body_ }
#define STREAMED(body_)                                                                            \
    { .status = 200, .fields = SSE, .body = body_ }
#define HIDDEN "Unable to transform response from server"
#define RPC_ERROR(code_, text_)                                                                    \
    "{\"jsonrpc\":\"2.0\",\"error\":{\"code\":" code_ ",\"message\":\"" text_ "\"},\"id\":null}"

static void begin(fake *f) {
    fake_init(f);
    f->config->max_retries = 1;
    fake_set_access(f, "at_secret_1", 1800000);
    fake_set_installation(f, "bi_oat_secret_1", 3600000);
}

static bi_call *tool_call(fake *f, const char *name) {
    bi_call *call = bi_call_new(f->config, f->account, &bi_endpoint_tool);
    if (!call)
        return NULL;
    const bi_tool *tool = bi_tool_find(name, strlen(name));
    call->endpoint.scope = tool ? tool->scope : NULL;
    call->endpoint.safety = tool ? tool->safety : BI_SAFETY_WRITE;
    call->mcp = bi_mcp_new();
    static const char arguments[] = "{\"project\":\"a/b\"}";
    if (call->mcp && bi_mcp_path(&call->path, f->config) &&
        bi_mcp_call_tool(call->mcp, name, strlen(name), arguments, sizeof arguments - 1))
        return call;
    bi_call_free(call);
    return NULL;
}

/* The first text of a call that ended well. */
static void expect_text(bi_call *call, const char *wanted) {
    bi_span text = {"", 0};
    assert_string_equal(call->failure.code, "");
    bi_rpc_texts_begin(&call->mcp->texts, call->mcp->content);
    assert_true(bi_rpc_texts_next(&call->mcp->texts, &text));
    assert_int_equal(text.length, strlen(wanted));
    assert_memory_equal(text.text, wanted, text.length);
}

/* Makes the call; NULL code: it must succeed. Leaves it for more assertions. */
static bi_call *ask(fake *f, const char *tool, const char *code) {
    bi_call *call = tool_call(f, tool);
    assert_non_null(call);
    fake_run(f, call);
    if (strcmp(call->failure.code, code ? code : "") != 0)
        fail_msg("%s: %s; the story is: %s", call->failure.code,
                 bi_bytes_text(&call->failure.message), f->log);
    fake_assert_clean(&call->failure);
    if (code) {
        assert_string_equal(call->failure.method, "POST");
        assert_string_equal(call->failure.path.data, "/mcp");
    }
    return call;
}

/* One call with that script, its outcome and its story. */
static bi_failure *tell(fake *f, const fake_answer *script, size_t count, const char *tool,
                        const char *code, const char *story) {
    static bi_failure last;
    begin(f);
    fake_script(f, script, count);
    bi_call *call = ask(f, tool, code);
    last = call->failure;
    last.message = last.path = last.fields = last.body = (bi_bytes){0};
    last.cause = NULL;
    fake_expect(f, story);
    bi_call_free(call);
    fake_end(f);
    return &last;
}

#define TELL(script, tool, code, story) tell(&f, script, COUNT(script), tool, code, story)

/* --- Requests ------------------------------------------------------------------------------------------------- */

static void test_what_is_sent(void **state) {
    fake f;
    begin(&f);
    bi_call *call = tool_call(&f, "create\"Keys");
    fake_run_until(&f, call, BI_NEED_SEND);
    assert_string_equal(
        call->exchange.request.body.data,
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":"
        "\"create\\\"Keys\",\"arguments\":{\"project\":\"a/b\"}}}");
    assert_true(call->exchange.request.once);
    bi_call_free(call);
    call = tool_call(&f, "listKeys");
    fake_run_until(&f, call, BI_NEED_SEND);
    assert_false(call->exchange.request.once);
    assert_non_null(strstr(call->exchange.request.body.data, "\"id\":2,")); /* never used twice */
    bi_call_free(call);
    fake_end(&f);
}

static void test_the_table_of_tools(void **state) {
    static const char *const writes[] = {
        "createKeys", "updateKeys",       "setTranslations",     "deleteKeys",
        "cancelSync", "proposeLanguages", "publishTranslations", "proposeLanguageEdits"};
    size_t found = 0;
    assert_int_equal(bi_tool_count, 16);
    for (size_t i = 0; i < bi_tool_count; i++)
        found += bi_tools[i].safety == BI_SAFETY_WRITE;
    assert_int_equal(found, COUNT(writes));
    for (size_t i = 0; i < COUNT(writes); i++)
        assert_int_equal(bi_tool_find(writes[i], strlen(writes[i]))->safety, BI_SAFETY_WRITE);
    assert_null(bi_tool_find("listKey", 7));
    assert_string_equal(bi_tool_find("deleteKeys", 10)->scope, "keys:write");
    assert_null(bi_tool_find("getSync", 7)->scope);
}

/* --- Answers -------------------------------------------------------------------------------------------------- */

static void test_answers_in_every_form(void **state) {
    static const fake_answer rows[] = {
        TOLD(RESULT("1", "ok")),
        TOLD("[{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{}}," RESULT(
            "7", "another") "," RESULT("1", "ok") "]"),
        {.status = 200, .body = RESULT("1", "ok")},
        STREAMED("event: message\ndata: " RESULT("1", "ok") "\n\n"),
        STREAMED(
            "id: p\nretry: 5\ndata: \n\n: alive\r\n\r\ndata: {\"method\":\"ping\",\"id\":1}\n\n"
            "data: no json\n\ndata: " RESULT("2", "another") "\n\ndata: [" RESULT(
                "1", "ok") "]\n\n"
                           "data: " RESULT("1", "too late") "\n\n"),
        TOLD(
            "{\"id\":1,\"result\":{\"content\":[{\"type\":\"image\",\"data\":\"x\"},7,{\"type\":\"text\"},"
            "{\"type\":\"text\",\"text\":\"ok\"},{\"type\":\"text\",\"text\":\"notice\"}],"
            "\"isError\":false},\"error\":null}"),
        TOLD(
            "{\"id\":1,\"result\":{\"content\":[{\"text\":\"\\u006fk\",\"type\":\"te\\u0078t\"}]}}"),
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        fake f;
        begin(&f);
        fake_script(&f, &rows[i], 1);
        bi_call *call = ask(&f, "createKeys", NULL);
        expect_text(call, "ok");
        bi_call_free(call);
        fake_end(&f);
    }
}

static void test_a_stream_cut_anywhere_is_no_answer(void **state) {
    static const char stream[] =
        "id: p\ndata:\n\n: alive\n\nevent: message\ndata: " RESULT("1", "ok") "\n\n";
    for (size_t length = 0; length < sizeof stream - 1; length++) {
        char body[sizeof stream];
        snprintf(body, sizeof body, "%.*s", (int)length, stream);
        fake_answer script[] = {STREAMED(body), STREAMED(stream)};
        fake f;
        script[1].body =
            "data: " RESULT("1", "again") "\n\n"; /* the same request, so the same id */
        begin(&f);
        fake_script(&f, script, 2);
        bi_call *call = ask(&f, "listKeys", NULL); /* reads once more */
        expect_text(call, "again");
        bi_call_free(call);
        fake_script(&f, script, 1);
        bi_call_free(ask(&f, "createKeys", "outcome_unknown"));
        fake_end(&f);
    }
}

static void test_answers_that_are_none(void **state) {
    static const fake_answer rows[] = {
        TOLD(RESULT("9", "another")),
        TOLD("{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"result\":{}}"),
        TOLD("{\"id\":1}"),
        TOLD("{\"id\":1,\"result\":7}"),
        TOLD("[]"),
        TOLD("7"),
        TOLD("{\"id\":1,\"result\":{"),
        {.status = 202},
        STREAMED(""),
        {.status = 200, .fields = SSE, .trouble = BI_TROUBLE_TRUNCATED, .body = "data: {"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        fake f;
        fake_answer twice[] = {rows[i], rows[i]};
        begin(&f);
        FAKE_SCRIPT(&f, twice);
        bi_call *call = ask(&f, "listKeys", "invalid_response");
        assert_int_equal(call->failure.attempts, 2);
        bi_call_free(call);
        f.account->session.requests = 0;
        FAKE_SCRIPT(&f, twice);
        call = ask(&f, "createKeys", "outcome_unknown");
        assert_int_equal(call->failure.attempts, 1);
        assert_string_equal(call->failure.cause->code, "invalid_response");
        bi_call_free(call);
        fake_end(&f);
    }
}

static void test_a_web_page_and_a_request_that_is_too_large(void **state) {
    static const fake_answer page[] = {
        {.status = 200, .fields = "Content-Type: text/html\r\n", .body = "<p>"}};
    static const fake_answer large[] = {
        {.status = 413, .body = RPC_ERROR("-32700", "Parse error")}};
    fake f;
    TELL(page, "createKeys", "outcome_unknown", "tools/call#1 createKeys bi_oat_1");
    const bi_failure *last =
        TELL(large, "createKeys", "too_large", "tools/call#1 createKeys bi_oat_1");
    assert_int_equal(last->status, 413);
    assert_false(last->retryable);
}

/* --- Failures of tools ---------------------------------------------------------------------------------------- */

static void test_what_tools_say(void **state) {
    static const struct {
        fake_answer answer;
        const char *code, *scope, *says;
        int64_t retry_after;
    } rows[] = {
        {TOLD(REFUSAL("1", "missing_scope: keys:read is required")), "missing_scope", "keys:read",
         "keys:read", -1},
        {TOLD(REFUSAL("1", "Insufficient scope")), "missing_scope", "keys:write", "scope", -1},
        {TOLD(REFUSAL("1", "{\\\"error\\\":\\\"missing_scope\\\",\\\"required\\\":\\\"x:y\\\"}")),
         "missing_scope", "x:y", "x:y", -1},
        {TOLD(REFUSAL("1", "This needs the scope `content:write`.")), "missing_scope",
         "content:write", "content:write", -1},
        {TOLD(REFUSAL("1", "TOO_MANY_REQUESTS")), "rate_limited", "", "in 30 s", 30000},
        {TOLD(REFUSAL("1",
                      "TOO_MANY_REQUESTS: published less than 30 seconds ago, try again in 12s")),
         "rate_limited", "", "in 12 s", 12000},
        {TOLD(REFUSAL("1", "Project a/b not found")), "not_found", "", "Project a/b not found", -1},
        {TOLD(REFUSAL("1", "Key \\\"missing_scope\\\" does not exist")), "not_found", "", "", -1},
        {TOLD(REFUSAL("1", "MCP error -32602: Input validation error: bad")), "invalid_request", "",
         "Input validation error: bad", -1},
        {TOLD(REFUSAL("1", "keyIds must hold at most 100 items")), "invalid_request", "", "100",
         -1},
        {TOLD(REFUSAL("1", "Project is locked\\nby an import")), "tool_error", "",
         "the tool failed: Project is locked by an import", -1},
        {TOLD(REFUSAL("1", "Cannot publish: key 'grant_revoked' has no text")), "tool_error", "",
         "", -1},
        {TOLD(REFUSAL("1", "Request failed: {\\\"error\\\":\\\"project_locked\\\"}")),
         "project_locked", "", "", -1},
        {TOLD(REFUSAL("1", "Sent was bi_oat_secret_1, which is odd")), "tool_error", "",
         "[redacted]", -1},
        {TOLD("{\"id\":1,\"error\":{\"code\":-32602,\"message\":\"Bad names\"}}"),
         "invalid_request", "", "Bad names", -1},
        {TOLD(RPC_ERROR("-32600", "No")), "invalid_request", "", "No", -1},
        {TOLD(RPC_ERROR("-32601", "Method not found")), "not_found", "", "Method", -1},
        {TOLD("{\"id\":1,\"error\":{\"code\":-32000,\"message\":\"No\",\"data\":{\"error\":"
              "\"missing_scope\",\"required\":\"a:b\"}}}"),
         "missing_scope", "a:b", "a:b", -1},
        {{.status = 403, .body = "{\"error\":\"missing_scope\",\"required\":\"keys:write\"}"},
         "missing_scope",
         "keys:write",
         "keys:write",
         -1},
        {{.status = 403, .body = "{\"error\":\"missing_scope\"}"},
         "missing_scope",
         "keys:write",
         "",
         -1},
        {{.status = 403, .body = RPC_ERROR("-32000", "missing_scope")},
         "missing_scope",
         "keys:write",
         "",
         -1},
        {{.status = 406, .body = RPC_ERROR("-32000", "Not Acceptable")},
         "http_error",
         "",
         "406",
         -1},
        {{.status = 404, .body = "no"}, "http_error", "", "404", -1},
        {{.status = 429, .fields = "Retry-After: 90\r\n"}, "rate_limited", "", "in 90 s", 90000},
        {{.status = 410, .body = "{\"error\":\"grant_revoked\"}"}, "grant_revoked", "", "", -1},
        {{.status = 500, .body = RPC_ERROR("-32603", "Project not found")},
         "outcome_unknown",
         "",
         "",
         -1},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        fake f;
        begin(&f);
        f.config->max_retries = 0;
        fake_script(&f, &rows[i].answer, 1);
        bi_call *call = ask(&f, "createKeys", rows[i].code);
        assert_string_equal(call->failure.required_scope, rows[i].scope);
        assert_int_equal(call->failure.retry_after, rows[i].retry_after);
        assert_int_equal(call->failure.retryable, rows[i].retry_after >= 0);
        if (!strstr(bi_bytes_text(&call->failure.message), rows[i].says))
            fail_msg("row %zu: %s", i, bi_bytes_text(&call->failure.message));
        assert_null(strchr(call->failure.message.data, '\n'));
        fake_expect(&f, "tools/call#1 createKeys bi_oat_1");
        bi_call_free(call);
        fake_end(&f);
    }
}

static void test_a_tools_pause_is_waited_for_and_is_not_everybodys(void **state) {
    static const fake_answer script[] = {TOLD(REFUSAL("1", "TOO_MANY_REQUESTS")),
                                         TOLD(RESULT("1", "ok"))};
    fake f;
    begin(&f);
    FAKE_SCRIPT(&f, script);
    bi_call *call = tool_call(&f, "publishTranslations");
    call->timeout = 60000;
    fake_run(&f, call);
    expect_text(call, "ok");
    fake_expect(&f, "tools/call#1 publishTranslations bi_oat_1, sleep 30000, "
                    "tools/call#1 publishTranslations bi_oat_1");
    assert_int_equal(f.account->gate, 0);
    bi_call_free(call);
    fake_end(&f);
}

/* --- Failures that hide what happened -------------------------------------------------------------------------- */

static const fake_answer hidden_then_fine[] = {TOLD(REFUSAL("1", HIDDEN)), TOLD("{}")};

static void test_a_vague_failure_is_looked_into(void **state) {
    static const fake_answer revoked[] = {TOLD(REFUSAL("1", HIDDEN)), ERROR("grant_revoked", 410)};
    static const fake_answer lacking[] = {TOLD(REFUSAL("1", "Forbidden")),
                                          TOLD("{\"scopes\":[\"org:read\",\"keys:read\"]}")};
    static const fake_answer granted[] = {TOLD(REFUSAL("1", "Failed")),
                                          TOLD("{\"scopes\":\"keys:write org:read\"}")};
    static const fake_answer others[] = {TOLD(REFUSAL("1", HIDDEN)),
                                         TOLD("{\"scope\":\"openid offline_access\"}")};
    static const fake_answer limited[] = {TOLD(REFUSAL("1", HIDDEN)),
                                          {.status = 429, .fields = "Retry-After: 7\r\n"}};
    static const fake_answer trouble[] = {TOLD(REFUSAL("1", HIDDEN)), LOST};
    static const fake_answer wordless[] = {TOLD("{\"id\":1,\"result\":{\"isError\":true}}"),
                                           TOLD("{}")};
    static const char story[] = "tools/call#1 createKeys bi_oat_1, GET /me bi_oat_1";
    fake f;
    assert_true(TELL(revoked, "createKeys", "grant_revoked", story)->revoked);
    assert_string_equal(TELL(lacking, "createKeys", "missing_scope", story)->required_scope,
                        "keys:write");
    assert_int_equal(TELL(granted, "createKeys", "tool_error", story)->attempts, 2);
    TELL(others, "createKeys", "tool_error", story);
    assert_int_equal(TELL(limited, "createKeys", "rate_limited", story)->retry_after, 7000);
    TELL(trouble, "createKeys", "tool_error", story);
    TELL(hidden_then_fine, "createKeys", "tool_error", story);
    TELL(wordless, "createKeys", "tool_error", story);
    TELL(hidden_then_fine, "getSync", "tool_error",
         "tools/call#1 getSync bi_oat_1, GET /me bi_oat_1");
}

static void test_known_scopes_are_compared_without_a_request(void **state) {
    fake f;
    begin(&f);
    f.config->preflight = false; /* which would not even ask the tool */
    f.account->scopes.known = true;
    assert_true(bi_names_add(&f.account->scopes, "keys:read", 9));
    FAKE_SCRIPT(&f, hidden_then_fine);
    bi_call *call = ask(&f, "createKeys", "missing_scope");
    assert_string_equal(call->failure.required_scope, "keys:write");
    assert_string_equal(call->failure.cause->code, "tool_error");
    bi_call_free(call);
    fake_expect(&f, "tools/call#1 createKeys bi_oat_1");
    f.account->session.requests = 0;
    FAKE_SCRIPT(&f, hidden_then_fine);
    bi_call_free(ask(&f, "listKeys", "tool_error"));
    fake_expect(&f, "tools/call#1 listKeys bi_oat_1, GET /me bi_oat_1");
    fake_end(&f);
}

static void test_a_revocation_that_was_found_out_is_sticky(void **state) {
    static const fake_answer script[] = {TOLD(REFUSAL("1", HIDDEN)), ERROR("grant_revoked", 410)};
    fake f;
    begin(&f);
    f.config->on_revoked = true;
    FAKE_SCRIPT(&f, script);
    bi_call_free(ask(&f, "listKeys", "grant_revoked"));
    fake_expect(&f, "tools/call#1 listKeys bi_oat_1, GET /me bi_oat_1, announce");
    bi_call_free(ask(&f, "listKeys", "grant_revoked"));
    fake_expect(&f, "");
    fake_end(&f);
}

static void test_a_token_that_me_refuses_is_minted_and_the_call_repeated_once(void **state) {
    static const fake_answer fine[] = {TOLD(REFUSAL("1", HIDDEN)), ERROR("invalid_token", 401),
                                       MINTED(2), TOLD(RESULT("2", "ok"))};
    static const fake_answer again[] = {TOLD(REFUSAL("1", HIDDEN)), ERROR("invalid_token", 401),
                                        MINTED(2), TOLD(REFUSAL("2", HIDDEN))};
    static const char story[] = "tools/call#1 createKeys bi_oat_1, GET /me bi_oat_1, renew, "
                                "mint at_1, tools/call#2 createKeys bi_oat_2";
    fake f;
    TELL(fine, "createKeys", NULL, story);
    TELL(again, "createKeys", "tool_error", story);
}

/* --- Refused tokens ------------------------------------------------------------------------------------------- */

static void test_any_401_is_a_refused_token_and_never_a_loop(void **state) {
    static const char *const bodies[] = {"{\"error\":\"Invalid session\"}", "{\"error\":\"odd\"}",
                                         "", "<p>", RPC_ERROR("-32000", "Unauthorized")};
    for (size_t i = 0; i < COUNT(bodies); i++) {
        fake_answer script[] = {
            {.status = 401, .body = bodies[i]}, MINTED(2), {.status = 401, .body = bodies[i]}};
        fake f;
        begin(&f);
        FAKE_SCRIPT(&f, script);
        bi_call *call = ask(&f, "createKeys", "invalid_token");
        assert_non_null(strstr(call->failure.message.data, "the new token was refused too"));
        bi_call_free(call);
        fake_expect(&f, "tools/call#1 createKeys bi_oat_1, renew, mint at_1, "
                        "tools/call#2 createKeys bi_oat_2");
        fake_end(&f);
    }
}

/* --- Sessions ------------------------------------------------------------------------------------------------- */

#define WELCOME(id_, session_)                                                                     \
    {                                                                                              \
        .status = 200, .fields = JSON "mcp-session-id: " session_ "\r\n",                          \
        .body =                                                                                    \
            "{\"id\":" id_ ",\"result\":{\"protocolVersion\":\"2025-03-26\",\"capabilities\":{}}}" \
    }
#define WANTS_GREETING                                                                             \
    { .status = 400, .body = RPC_ERROR("-32000", "Bad Request: Server not initialized") }

static void test_a_server_that_wants_initialize_gets_it_once(void **state) {
    static const fake_answer script[] = {WANTS_GREETING,
                                         WELCOME("2", "s1"),
                                         {.status = 202},
                                         TOLD(RESULT("3", "ok")),
                                         TOLD(RESULT("4", "ok"))};
    fake f;
    begin(&f);
    FAKE_SCRIPT(&f, script);
    bi_call *call = ask(&f, "createKeys", NULL);
    expect_text(call, "ok");
    bi_call_free(call);
    fake_expect(
        &f, "tools/call#1 createKeys bi_oat_1, initialize#2 - bi_oat_1, "
            "notifications/initialized# - bi_oat_1 in s1, tools/call#3 createKeys bi_oat_1 in s1");
    call = tool_call(&f, "listKeys");
    fake_run_until(&f, call, BI_NEED_SEND);
    bool named = false;
    const bi_bytes *fields = &call->exchange.request.fields;
    for (size_t at = 0; at < fields->length; at += strlen(fields->data + at) + 1)
        named |= strcmp(fields->data + at, "MCP-Protocol-Version: 2025-03-26") == 0;
    assert_true(named);
    bi_call_free(call);
    fake_end(&f);
}

static void test_a_server_that_goes_on_wanting_it_is_an_error(void **state) {
    static const fake_answer script[] = {
        WANTS_GREETING, WELCOME("2", "s1"), {.status = 202}, WANTS_GREETING};
    static const fake_answer refused[] = {WANTS_GREETING, TOLD(RPC_ERROR("-32603", "No"))};
    fake f;
    TELL(script, "createKeys", "invalid_request",
         "tools/call#1 createKeys bi_oat_1, initialize#2 - bi_oat_1, "
         "notifications/initialized# - bi_oat_1 in s1, tools/call#3 createKeys bi_oat_1 in s1");
    TELL(refused, "createKeys", "tool_error",
         "tools/call#1 createKeys bi_oat_1, initialize#2 - bi_oat_1");
}

static void test_a_session_that_is_gone_is_begun_anew(void **state) {
    static const fake_answer script[] = {
        {.status = 404, .body = RPC_ERROR("-32001", "Session not found")},
        WELCOME("2", "s2"),
        {.status = 202},
        TOLD(RESULT("3", "ok"))};
    fake f;
    begin(&f);
    assert_true(bi_secret_set(&f.account->session.id, "s1", 2));
    FAKE_SCRIPT(&f, script);
    bi_call_free(ask(&f, "createKeys", NULL));
    fake_expect(
        &f, "tools/call#1 createKeys bi_oat_1 in s1, initialize#2 - bi_oat_1, "
            "notifications/initialized# - bi_oat_1 in s2, tools/call#3 createKeys bi_oat_1 in s2");
    fake_end(&f);
}

static void test_a_session_that_another_call_began_is_used(void **state) {
    static const fake_answer gone = {.status = 404};
    static const fake_answer script[] = {TOLD(RESULT("2", "ok"))};
    fake f;
    begin(&f);
    assert_true(bi_secret_set(&f.account->session.id, "s1", 2));
    bi_call *call = tool_call(&f, "createKeys");
    fake_run_until(&f, call, BI_NEED_SEND);
    bi_session_clear(&f.account->session);
    assert_true(bi_secret_set(&f.account->session.id, "s2", 2));
    strcpy(f.account->session.version, "2025-06-18");
    fake_answer_with(&f, &call->exchange, &gone);
    FAKE_SCRIPT(&f, script);
    fake_run(&f, call);
    expect_text(call, "ok");
    bi_call_free(call);
    fake_expect(&f,
                "tools/call#1 createKeys bi_oat_1 in s1, tools/call#2 createKeys bi_oat_1 in s2");
    fake_end(&f);
}

/* Each keeps to its own session, wherever the other is; who comes behind them has the last one. */
static void test_two_calls_that_begin_sessions_at_once(void **state) {
    static const fake_answer wants = WANTS_GREETING, first = WELCOME("3", "s1"),
                             second = WELCOME("4", "s2"), accepted = {.status = 202},
                             ok5 = TOLD(RESULT("5", "ok")), ok6 = TOLD(RESULT("6", "ok"));
    fake f;
    begin(&f);
    bi_call *a = tool_call(&f, "createKeys"), *b = tool_call(&f, "deleteKeys");
    const struct {
        bi_call *call;
        const fake_answer *answer;
    } steps[] = {{a, &wants},    {b, &wants},    {a, &first}, {b, &second},
                 {b, &accepted}, {a, &accepted}, {a, NULL}};
    fake_step(&f, a);
    fake_step(&f, b);
    for (size_t i = 0; steps[i].answer; i++) {
        fake_answer_with(&f, &steps[i].call->exchange, steps[i].answer);
        assert_int_equal(fake_step(&f, steps[i].call), BI_NEED_SEND);
    }
    fake_expect(&f,
                "tools/call#1 createKeys bi_oat_1, tools/call#2 deleteKeys bi_oat_1, "
                "initialize#3 - bi_oat_1, initialize#4 - bi_oat_1, "
                "notifications/initialized# - bi_oat_1 in s1, "
                "notifications/initialized# - bi_oat_1 in s2, "
                "tools/call#5 deleteKeys bi_oat_1 in s2, tools/call#6 createKeys bi_oat_1 in s1");
    fake_answer_with(&f, &b->exchange, &ok5);
    fake_answer_with(&f, &a->exchange, &ok6);
    assert_int_equal(fake_step(&f, b), BI_NEED_DONE);
    assert_int_equal(fake_step(&f, a), BI_NEED_DONE);
    expect_text(a, "ok");
    expect_text(b, "ok");
    assert_string_equal(f.account->session.id.text, "s1"); /* the one confirmed last */
    bi_call_free(a);
    bi_call_free(b);
    fake_end(&f);
}

static void test_a_refused_token_in_the_middle_of_initialize(void **state) {
    static const fake_answer script[] = {WANTS_GREETING,  ERROR("invalid_token", 401),
                                         MINTED(2),       WELCOME("3", "s1"),
                                         {.status = 202}, TOLD(RESULT("4", "ok"))};
    fake f;
    TELL(script, "createKeys", NULL,
         "tools/call#1 createKeys bi_oat_1, initialize#2 - bi_oat_1, renew, mint at_1, "
         "initialize#3 - bi_oat_2, notifications/initialized# - bi_oat_2 in s1, "
         "tools/call#4 createKeys bi_oat_2 in s1");
}

/* --- Ends ----------------------------------------------------------------------------------------------------- */

static void test_a_cancelled_write_says_what_may_have_been_done(void **state) {
    static const fake_answer script[] = {WANTS_GREETING};
    fake f;
    begin(&f);
    bi_call *call = tool_call(&f, "createKeys");
    fake_run_until(&f, call, BI_NEED_SEND);
    bi_call_cancel(call, BI_CODE_CANCELLED, "cancelled", "make it again");
    assert_non_null(strstr(call->failure.message.data, "may or may not"));
    bi_call_free(call);
    FAKE_SCRIPT(&f, script);
    call = tool_call(&f, "createKeys");
    fake_run_until(&f, call, BI_NEED_SEND);
    fake_answer_it(&f, &call->exchange);
    assert_int_equal(fake_step(&f, call), BI_NEED_SEND); /* initialize: nothing was done yet */
    bi_call_cancel(call, BI_CODE_CANCELLED, "cancelled", "make it again");
    assert_null(strstr(call->failure.message.data, "may or may not"));
    bi_call_free(call);
    fake_end(&f);
}

static void serve_long(fake *f, const bi_wire_request *request, bi_wire_answer *answer) {
    const fake_answer *script = f->script;
    const fake_answer *next = &script[f->next++ % f->answers];
    bool mints = strstr(request->url.data, "/tokens") != NULL;
    answer->status = mints ? 200 : next->status;
    bi_bytes_add_text(&answer->fields, next->fields ? next->fields : "");
    bi_bytes_add_text(&answer->body,
                      mints ? "{\"installation_token\":\"bi_oat_secret_2\"}" : next->body);
}

/* The outcome is the one of the story, or memory; never another, and nothing leaks. */
static void test_no_allocation_that_fails_does_any_harm(void **state) {
    static const fake_answer fine[] = {
        {400, RPC_ERROR("-32000", "Server not initialized"), NULL, 0, false, 0, NULL},
        {200, "{\"id\":2,\"result\":{\"protocolVersion\":\"2025-03-26\",\"x\":\"\\u0041\"}}",
         JSON "Mcp-Session-Id: s1\r\n", 0, false, 0, NULL},
        {202, "", NULL, 0, false, 0, NULL},
        {200,
         "data: {\"id\":3,\"result\":{\"x\":\"\\u0041\",\"content\":[{\"type\":\"text\",\"text\":"
         "\"o\\u006b\"}]}}\n\n",
         SSE, 0, false, 0, NULL}};
    static const fake_answer hidden[] = {
        {200,
         "{\"id\":1,\"result\":{\"x\":\"\\u0041\",\"content\":[{\"type\":\"text\",\"text\":\"Forbidd"
         "\\u0065n\"}],\"isError\":true}}",
         JSON, 0, false, 0, NULL},
        {200, "{\"scopes\":[\"org:read\"]}", NULL, 0, false, 0, NULL}};
    static const struct {
        const fake_answer *script;
        size_t count;
        const char *code;
    } stories[] = {{fine, COUNT(fine), ""}, {hidden, COUNT(hidden), "missing_scope"}};
    for (size_t i = 0; i < COUNT(stories); i++)
        for (unsigned long n = 1; n <= 150; n++) {
            fake f;
            begin(&f);
            fake_script(&f, stories[i].script, stories[i].count);
            f.serve = serve_long;
            bi_memory_fail_at(n);
            bi_call *call = tool_call(&f, "createKeys");
            if (call)
                fake_run(&f, call);
            bi_memory_fail_at(0);
            bool lost = call && (strcmp(call->failure.code, "memory") == 0 ||
                                 strcmp(call->failure.code, "tool_error") == 0);
            if (call && !lost && strcmp(call->failure.code, stories[i].code) != 0)
                fail_msg("allocation %lu: %s: %s", n, call->failure.code,
                         bi_bytes_text(&call->failure.message));
            if (call && !call->failure.code[0])
                expect_text(call, "ok");
            bi_call_free(call);
            fake_end(&f);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_sent),
        cmocka_unit_test(test_the_table_of_tools),
        cmocka_unit_test(test_answers_in_every_form),
        cmocka_unit_test(test_a_stream_cut_anywhere_is_no_answer),
        cmocka_unit_test(test_answers_that_are_none),
        cmocka_unit_test(test_a_web_page_and_a_request_that_is_too_large),
        cmocka_unit_test(test_what_tools_say),
        cmocka_unit_test(test_a_tools_pause_is_waited_for_and_is_not_everybodys),
        cmocka_unit_test(test_a_vague_failure_is_looked_into),
        cmocka_unit_test(test_known_scopes_are_compared_without_a_request),
        cmocka_unit_test(test_a_revocation_that_was_found_out_is_sticky),
        cmocka_unit_test(test_a_token_that_me_refuses_is_minted_and_the_call_repeated_once),
        cmocka_unit_test(test_any_401_is_a_refused_token_and_never_a_loop),
        cmocka_unit_test(test_a_server_that_wants_initialize_gets_it_once),
        cmocka_unit_test(test_a_server_that_goes_on_wanting_it_is_an_error),
        cmocka_unit_test(test_a_session_that_is_gone_is_begun_anew),
        cmocka_unit_test(test_a_session_that_another_call_began_is_used),
        cmocka_unit_test(test_two_calls_that_begin_sessions_at_once),
        cmocka_unit_test(test_a_refused_token_in_the_middle_of_initialize),
        cmocka_unit_test(test_a_cancelled_write_says_what_may_have_been_done),
        cmocka_unit_test(test_no_allocation_that_fails_does_any_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
