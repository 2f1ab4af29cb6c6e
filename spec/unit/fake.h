/* A world for the state machines without network and clock: a fake time, a scripted server, and a log in which the
 * test reads the story: which requests went out with which token, which hooks ran, what was waited for. */
#ifndef BI_FAKE_H
#define BI_FAKE_H

#include "core/call.h"
#include "core/memory.h"

/* The hosts of API.md, written again: a default that changed by mistake is found. */
#define BI_DASHBOARD_URL "https://dash.better-i18n.com"
#define BI_API_URL "https://api.better-i18n.com"
#define BI_MCP_URL "https://mcp.better-i18n.com/mcp"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define FAKE_WALL INT64_C(1767225600000) /* 2026-01-01T00:00:00Z, when the fake clock begins */
#define FAKE_START INT64_C(1000000)

#define CLIENT_SECRET "cs_secret_of_the_app"

/* What the server says to one request. */
typedef struct fake_answer {
    long status;
    const char *body, *fields; /* fields: "Name: value\r\n" lines */
    bi_trouble trouble;
    bool unsent;   /* with trouble: the request did not reach the server */
    int64_t takes; /* milliseconds that pass until it is there */
    const char *detail;
} fake_answer;

struct fake;

/* A store that several fakes may share: one record, one lock. */
typedef struct fake_store {
    bi_record record;
    unsigned long version;                  /* 0: there is no record */
    const struct fake *holder;              /* of the lock */
    bi_need fails;                          /* this fails as long as it is set (DONE: nothing) */
    void (*before)(struct fake *, bi_need); /* called before anything is done */
} fake_store;

typedef struct fake {
    bi_config *config;
    bi_account *account;
    bi_input input;
    long live_before;
    const fake_answer *script;
    size_t answers, next;
    /* Instead of a script: fills the answer itself. */
    void (*serve)(struct fake *, const bi_wire_request *, bi_wire_answer *);
    void *service;         /* of `serve` */
    fake_store *store;     /* borrowed; NULL: none */
    unsigned long version; /* of the record that was loaded or saved last */
    /* Called when a hook runs (its need is given), before the step behind it. */
    void (*on_hook)(struct fake *, bi_need);
    bi_flight *background; /* held: started by a call that did not wait for it */
    bool keep_background;  /* leave it to the test to run it */
    bool
        short_memory; /* an answer's body could not be kept: the harness, as the engine, had no memory */
    char log[16384];
} fake;

/* An account with everything to refresh and mint, and no living token: rt_1, grt_1, client app. */
void fake_init(fake *f);
/* Frees all and asserts that nothing leaked. */
void fake_end(fake *f);
/* Answers in order; what is asked beyond them fails the test. */
void fake_script(fake *f, const fake_answer *answers, size_t count);
#define FAKE_SCRIPT(f, array) fake_script((f), (array), COUNT(array))

void fake_set_access(fake *f, const char *token, int64_t lifetime);
void fake_set_installation(fake *f, const char *token, int64_t lifetime);
void fake_set_refresh(fake *f, const char *token); /* NULL: none */
void fake_pass(fake *f, int64_t milliseconds);
int64_t fake_elapsed(const fake *f);

/* A call of a row of the endpoint table, with a path and a body where it has one. NULL: no memory. */
bi_call *fake_call(fake *f, const char *name);

/* The account's record is in that store from now on. */
void fake_add_store(fake *f, fake_store *store);
void fake_store_clear(fake_store *store);
/* What a store hands out and takes in are copies. False: no memory. */
bool fake_copy_record(bi_record *to, const bi_record *from);
/* Does what a flight asks of the store; false when the need is another. */
bool fake_serve_store(fake *f, bi_need need, bi_flight *flight);

/* One step, logged. */
bi_need fake_step(fake *f, bi_call *call);
bi_need fake_step_flight(fake *f, bi_flight *flight);
/* The server's next answer goes into the exchange, and its time passes. */
void fake_answer_it(fake *f, bi_exchange *exchange);
/* The answer that was given as an argument does. */
void fake_answer_with(fake *f, bi_exchange *exchange, const fake_answer *answer);

/* Drives to the end, as a driver would; a flight that the call awaits too. */
void fake_run(fake *f, bi_call *call);
void fake_run_flight(fake *f, bi_flight *flight);
/* Drives until the call (or flight) has that need and leaves it there. */
void fake_run_until(fake *f, bi_call *call, bi_need need);
/* Drives the flight in the background to its end, if there is one. */
void fake_run_background(fake *f);

/* Makes the call, runs and frees it; asserts the failure's code (NULL: success). */
void fake_do(fake *f, const char *name, const char *code);

void fake_log(fake *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Asserts the story since the last time, lines joined by ", ". */
void fake_expect(fake *f, const char *story);

/* Asserts that no secret of the tests stands in anything that a person may read. */
void fake_assert_clean(const bi_failure *failure);

/* What the token endpoint and the mint say, with tokens numbered n. */
#define REFRESHED(n)                                                                               \
    {                                                                                              \
        .status = 200,                                                                             \
        .body =                                                                                    \
            "{\"access_token\":\"at_secret_" #n                                                    \
            "\",\"token_type\":\"bearer\",\"expires_in\":1800,\"refresh_token\":\"rt_secret_" #n   \
            "\"}"                                                                                  \
    }
#define MINTED(n)                                                                                                             \
    {                                                                                                                         \
        .status = 200,                                                                                                        \
        .body =                                                                                                               \
            "{\"installation_token\":\"bi_oat_secret_" #n                                                                     \
            "\",\"token_type\":\"Bearer\",\"expires_in\":3600,\"organization_id\":\"org_1\","                                 \
            "\"project_ids\":[],\"scopes\":[\"org:read\",\"projects:read\",\"projects:write\",\"keys:read\",\"keys:write\"]}" \
    }
#define DONE                                                                                       \
    { .status = 200, .body = "{}" }
#define ERROR(code_, status_)                                                                      \
    { .status = (status_), .body = "{\"error\":\"" code_ "\"}" }
#define LOST                                                                                       \
    { .trouble = BI_TROUBLE_LOST, .takes = 10 }
#define UNREACHED                                                                                  \
    { .trouble = BI_TROUBLE_CONNECT, .unsent = true, .takes = 10 }

#endif
