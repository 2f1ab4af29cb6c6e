/* A model of everything around the core: processes that may crash, their clocks, a store with leases, the service. A
 * history is what one seed makes of it; the invariants are looked at after each event. The only I/O is the script of a
 * history that failed. Used by model_test.c alone. */
#ifndef BI_MODEL_H
#define BI_MODEL_H

#include "core/call.h"
#include "core/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MODEL_PROCESSES = 4, MODEL_TENANTS = 3, MODEL_TASKS = 40, MODEL_ISSUED = 1024 };

/* What is planted to show that an invariant can fail. Each is a bug of the world around the core, not of the core. */
typedef enum model_bug {
    MODEL_SOUND,
    MODEL_FORGETS_FLIGHT,  /* the driver begins a second renewal beside the one under way */
    MODEL_LOCKS_TWICE,     /* the store's lock is given to whoever asks */
    MODEL_SWAPS_ALWAYS,    /* the store's swap does not compare versions */
    MODEL_FORGETS_END,     /* the process takes up its old tokens after the grant's end */
    MODEL_MIXES_KEYS,      /* the store gives out another tenant's record */
    MODEL_DROPS_SAVE,      /* the store says done and keeps nothing */
    MODEL_TELLS_NOBODY,    /* on_tokens is not run */
    MODEL_CRIES_WOLF,      /* a proxy answers a refresh with invalid_grant of its own */
    MODEL_MOVES_DEADLINE,  /* the driver gives calls another day */
    MODEL_SLEEPS_ON,       /* the driver does not step a call that is late */
    MODEL_KEEPS_FLIGHT,    /* the driver does not let a flight go */
    MODEL_ANNOUNCES_TWICE, /* the driver forgets that on_revoked has run */
} model_bug;

typedef enum model_mode {
    MODEL_SAME,     /* the refresh token stays, and every reply has it */
    MODEL_OMITTED,  /* it stays, and no reply has it */
    MODEL_ROTATING, /* each refresh brings another, the old one is dead */
    MODEL_DETECTING /* and who shows a dead one ends the grant */
} model_mode;

typedef enum model_kind { MODEL_REFRESH, MODEL_ACCESS, MODEL_INSTALLATION } model_kind;

/* A token that the service issued; its serial is its place in the list, from 1. */
typedef struct model_issued {
    model_kind kind;
    int tenant;
    unsigned authorization;
    int64_t dies, spent; /* the world's time; spent 0: not yet */
    unsigned next;       /* what it was exchanged for */
} model_issued;

/* One grant. The service's side of it is the truth that invariants are measured by. */
typedef struct model_grant {
    unsigned authorization; /* which time the user has consented, from 1 */
    bool revoked;           /* this authorization is over */
    unsigned head;          /* the newest refresh token */
    bool lost;              /* nobody has the head any more, for a reason that is allowed */
    bool excused;           /* something has happened after which a dead token may be shown again */
    bool stored;            /* its processes share a store; else one process alone has it */
    int owner;              /* that process */
    char seed[32];          /* the options that a program is configured with */
    char told[32];          /* what on_tokens has brought last, or the options */
} model_grant;

typedef struct model_vault {
    bi_record record;
    unsigned long version;
    unsigned authorization; /* of the record's tokens, or of those it had before it ended */
    int holder;             /* task id; 0: free */
    int64_t lease;          /* until when */
} model_vault;

typedef struct model_process {
    bool alive;
    int64_t base, skew; /* what its clocks are ahead of the world's */
    bi_config *config;
    bi_account *accounts[MODEL_TENANTS];   /* NULL: not its tenant */
    unsigned authorization[MODEL_TENANTS]; /* of the tokens that it holds or held last */
    bool knows_end[MODEL_TENANTS];         /* it was told that the grant is over */
    unsigned announced[MODEL_TENANTS];     /* on_revoked has run */
    unsigned long version[MODEL_TENANTS];  /* of the record that it loaded or saved last */
} model_process;

/* A call or a flight that somebody drives. */
typedef struct model_task {
    int id; /* 0: no task */
    int process, tenant;
    bi_call *call;     /* owned, or NULL */
    bi_flight *flight; /* held, or NULL */
    bi_need need;
    bool served; /* the need is done (or the answer there), and the task not yet stepped */
    bi_outcome outcome;
    unsigned brings; /* the refresh token in the answer that is under way or unread */
    bool refreshes;  /* what is sent is a refresh */
    int64_t lease;   /* of its lock, as the store granted it */
    unsigned late;   /* steps after the deadline */
} model_task;

typedef struct model {
    uint64_t random, seed;
    model_bug bug;
    bool loud;   /* prints its events */
    bool faults; /* off while a history is wound up */
    int64_t now, wall;
    int64_t access_life, installation_life, grace;
    bool locks_die; /* with the process that holds them, as flock does */
    model_mode mode;
    int processes, tenants, next_id;
    model_process process[MODEL_PROCESSES];
    model_grant grants[MODEL_TENANTS];
    model_vault vaults[MODEL_TENANTS];
    model_task tasks[MODEL_TASKS];
    model_issued issued[MODEL_ISSUED];
    unsigned count;  /* of them */
    bool excuse;     /* this event may lose a token: an answer was lost, a process has died */
    bi_flight *kept; /* of the planted bug: given back when the leak was seen */
    char wrong[160]; /* the invariant that failed first; "" */
    unsigned long calls, refreshes, successes, ends, losses; /* what histories are worth */
} model;

/* model_world.c: chance, time, words. */
uint64_t model_random(model *m, uint64_t below);
bool model_chance(model *m, unsigned in); /* one in so many */
bi_now model_now(const model *m, int process);
void model_say(model *m, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* An invariant does not hold. The first one counts. */
void model_fail(model *m, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* model_service.c */
/* The value of Authorization, or NULL. */
const char *model_bearer(const bi_wire_request *request);
unsigned model_serial(const char *token); /* 0: none */
/* The serial of the refresh token in a refresh's form. */
unsigned model_shown(const bi_wire_request *request);
void model_authorize(model *m, int tenant);
void model_revoke(model *m, int tenant);
bool model_grant_is_alive(const model *m, int tenant);
/* Does what the request asks and writes the answer; what it brings is noted in the task. */
void model_serve(model *m, model_task *task);

/* model_vault.c: does what the task's flight asks of the store, and notes how that went in the task. */
void model_vault_serve(model *m, model_task *task);

/* model_driver.c: processes and tasks. */
void model_start_process(model *m, int process);
void model_crash(model *m, int process);
bi_exchange *model_exchange(model_task *task);
bi_account *model_account(const model *m, const model_task *task);
bool model_is_ready(const model *m, const model_task *task);
void model_advance(model *m, model_task *task);
void model_lose(model *m, model_task *task, bool served);
model_task *model_start_call(model *m, int process, int tenant, const char *name);
void model_cancel(model *m, model_task *task);

/* model_check.c: the invariants. */
void model_check_request(model *m, model_task *task);
void model_check_step(model *m, model_task *task, unsigned authorization);
void model_check_world(model *m);

/* model_world.c: one history; false: an invariant failed (model.wrong). */
bool model_run(model *m, uint64_t seed, model_bug bug, bool loud);

#endif
