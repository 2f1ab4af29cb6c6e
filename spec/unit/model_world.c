/* One history of the model: what happens next is drawn from the seed, the invariants are looked at after each event, and
 * at the end all troubles stop: every call must end, and new processes must be able to go on. */
#include "model.h"

enum { EVENTS = 120, WIND_UP = 4000 };

/* --- Chance, time, words --------------------------------------------------------------------------------------- */

/* splitmix64: small, and the same everywhere. */
uint64_t model_random(model *m, uint64_t below) {
    uint64_t z = m->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % below;
}

bool model_chance(model *m, unsigned in) {
    return model_random(m, in) == 0;
}

bi_now model_now(const model *m, int process) {
    const model_process *p = &m->process[process];
    return (bi_now){m->now + p->base, m->wall + m->now + p->skew};
}

void model_say(model *m, const char *format, ...) {
    if (!m->loud)
        return;
    va_list list;
    va_start(list, format);
    vprintf(format, list);
    va_end(list);
    putchar('\n');
}

void model_fail(model *m, const char *format, ...) {
    if (m->wrong[0])
        return;
    va_list list;
    va_start(list, format);
    vsnprintf(m->wrong, sizeof m->wrong, format, list);
    va_end(list);
    model_say(m, "WRONG: %s", m->wrong);
}

/* --- Choices --------------------------------------------------------------------------------------------------- */

typedef bool model_filter(const model *m, const model_task *task);

static model_task *pick(model *m, model_filter *fits) {
    model_task *chosen = NULL;
    unsigned count = 0;
    for (int i = 0; i < MODEL_TASKS; i++)
        if (m->tasks[i].id && fits(m, &m->tasks[i]) && model_chance(m, ++count))
            chosen = &m->tasks[i];
    return chosen;
}

static bool is_on_the_wire(const model *m, const model_task *task) {
    return task->need == BI_NEED_SEND && !task->served;
}

static bool is_answered(const model *m, const model_task *task) {
    return task->need == BI_NEED_SEND && task->served;
}

static bool is_call(const model *m, const model_task *task) {
    return task->call != NULL;
}

static int pick_process(model *m, bool alive) {
    int chosen = -1;
    unsigned count = 0;
    for (int p = 0; p < m->processes; p++)
        if (m->process[p].alive == alive && model_chance(m, ++count))
            chosen = p;
    return chosen;
}

static void name_task(model *m, const char *what, const model_task *task) {
    static const char *const needs[] = {"done",  "send", "sleep",  "before",  "after",
                                        "renew", "join", "tokens", "revoked", "load",
                                        "lock",  "save", "unlock"};
    model_say(m, "%s %s %d of process %d for grant %d (%s%s)", what, task->call ? "call" : "flight",
              task->id, task->process, task->tenant, needs[task->need],
              task->served ? ", done" : "");
}

/* --- Events ---------------------------------------------------------------------------------------------------- */

static void advance(model *m) {
    model_task *task = pick(m, model_is_ready);
    if (!task)
        return;
    name_task(m, "step", task);
    model_advance(m, task);
}

static void use_wire(model *m) {
    model_task *task = pick(m, is_on_the_wire);
    if (!task)
        return;
    if (m->faults && model_chance(m, 10)) {
        name_task(m, "lose", task);
        model_lose(m, task, model_chance(m, 2));
        return;
    }
    name_task(m, "serve", task);
    model_serve(m, task);
    task->served = true;
}

static void lose_answer(model *m) {
    model_task *task = pick(m, is_answered);
    if (!task)
        return;
    name_task(m, "lose the answer of", task);
    model_lose(m, task, true);
}

/* When the next task has slept enough, or a request's time is over; 0: nobody waits for the time. */
static int64_t next_wake(const model *m) {
    int64_t next = 0;
    for (int i = 0; i < MODEL_TASKS; i++) {
        model_task *task = (model_task *)(uintptr_t)&m->tasks[i];
        bool waits =
            task->need == BI_NEED_SLEEP || task->need == BI_NEED_JOIN || task->need == BI_NEED_SEND;
        if (!task->id || !waits || model_is_ready(m, task))
            continue;
        int64_t wake = model_exchange(task)->wake - m->process[task->process].base;
        if (wake > m->now && (!next || wake < next))
            next = wake;
    }
    return next;
}

static void pass(model *m, int64_t time) {
    m->now += time;
    model_say(m, "%ld ms pass", (long)time);
}

/* Mostly a little, or until something is due; now and then so much that leases, tokens and deadlines end meanwhile. */
static void pass_time(model *m) {
    static const uint64_t most[] = {3000, 40000, 2000000, 100000000};
    int64_t next = next_wake(m);
    if (!model_chance(m, 5)) {
        bool idle = !pick(m, model_is_ready) && !pick(m, is_on_the_wire);
        pass(m, idle && next ? next - m->now : (int64_t)model_random(m, 100));
        return;
    }
    unsigned rank = 0;
    while (rank < 3 && model_chance(m, 2))
        rank++;
    pass(m, (int64_t)model_random(m, most[rank]));
}

static void call(model *m) {
    int process = pick_process(m, true), tenant = (int)model_random(m, (uint64_t)m->tenants);
    unsigned calls = 0;
    for (int i = 0; i < MODEL_TASKS; i++)
        calls += m->tasks[i].id && m->tasks[i].call;
    if (process < 0 || calls > 9 || !m->process[process].accounts[tenant])
        return;
    const char *name = model_chance(m, 100) ? "revoke"
                       : model_chance(m, 2) ? "me"
                                            : "list_organizations";
    model_task *task = model_start_call(m, process, tenant, name);
    if (task)
        name_task(m, name, task);
}

static void cancel(model *m) {
    model_task *task = pick(m, is_call);
    if (!task)
        return;
    name_task(m, "cancel", task);
    model_cancel(m, task);
}

static void crash(model *m) {
    int process = pick_process(m, true);
    if (process < 0)
        return;
    model_say(m, "process %d dies", process);
    model_crash(m, process);
}

static void start(model *m) {
    int process = pick_process(m, false);
    if (process < 0)
        return;
    model_say(m, "process %d starts", process);
    model_start_process(m, process);
}

static void revoke(model *m) {
    int tenant = (int)model_random(m, (uint64_t)m->tenants);
    model_say(m, "the user revokes grant %d", tenant);
    model_revoke(m, tenant);
}

/* The user connects again, and one process is started anew with the tokens. */
static void authorize(model *m) {
    int tenant = (int)model_random(m, (uint64_t)m->tenants), process = pick_process(m, true);
    if (m->grants[tenant].owner >= 0)
        process = m->grants[tenant].owner;
    bool over = !model_grant_is_alive(m, tenant) || m->grants[tenant].lost;
    if (process < 0 || (!over && !model_chance(m, 4)))
        return;
    if (m->process[process].alive)
        model_crash(m, process);
    model_authorize(m, tenant);
    model_say(m, "grant %d is given again, process %d starts with %s", tenant, process,
              m->grants[tenant].seed);
    model_start_process(m, process);
}

static void jump_clock(model *m) {
    int process = pick_process(m, true);
    if (process < 0)
        return;
    m->process[process].skew += model_chance(m, 2) ? 86400000 : -86400000;
    model_say(m, "the clock of process %d jumps", process);
}

typedef void model_event(model *);

/* The last column of the choice: of a hundred, up to this one. */
static const struct {
    unsigned up_to;
    model_event *event;
} events[] = {{60, advance}, {75, use_wire},  {76, lose_answer}, {86, pass_time},
              {92, call},    {93, cancel},    {94, crash},       {96, start},
              {97, revoke},  {99, authorize}, {100, jump_clock}};

static void one_event(model *m) {
    unsigned draw = (unsigned)model_random(m, 100), i = 0;
    while (draw >= events[i].up_to)
        i++;
    m->excuse = false;
    events[i].event(m);
    model_check_world(m);
}

/* --- A history --------------------------------------------------------------------------------------------------- */

static void begin(model *m, uint64_t seed, model_bug bug, bool loud) {
    static const int64_t lives[] = {2000, 60000, 1800000};
    *m = (model){.random = seed, .seed = seed, .bug = bug, .loud = loud, .faults = true};
    m->wall = INT64_C(1767225600000);
    m->now = 1000000;
    m->mode = (model_mode)model_random(m, 4);
    m->processes = 1 + (int)model_random(m, MODEL_PROCESSES);
    m->tenants = 1 + (int)model_random(m, MODEL_TENANTS);
    m->access_life = lives[model_random(m, 3)];
    m->installation_life = lives[model_random(m, 3)] * 2;
    m->grace = model_chance(m, 2) ? 10000 : 0;
    m->locks_die = model_chance(m, 2);
    for (int tenant = 0; tenant < m->tenants; tenant++) {
        m->grants[tenant].stored = !model_chance(m, 3);
        m->grants[tenant].owner = m->grants[tenant].stored ? -1 : tenant % m->processes;
        model_authorize(m, tenant);
    }
    model_say(m, "seed %lu: mode %d, %d processes, %d grants, access tokens live %ld ms",
              (unsigned long)seed, m->mode, m->processes, m->tenants, (long)m->access_life);
    for (int p = 0; p < m->processes; p++)
        model_start_process(m, p);
}

static bool is_any(const model *m, const model_task *task) {
    return true;
}

/* Without faults, each task in its turn: everything comes to its end. */
static void wind_up(model *m) {
    m->faults = false;
    for (int turn = 0; turn < WIND_UP && !m->wrong[0]; turn++) {
        m->excuse = false;
        if (pick(m, is_on_the_wire))
            use_wire(m);
        else if (pick(m, model_is_ready))
            advance(m);
        else if (next_wake(m))
            pass(m, next_wake(m) - m->now);
        else
            break;
        model_check_world(m);
    }
    if (!m->wrong[0] && pick(m, is_any))
        model_fail(m, "a call or flight that does not end");
}

static void end_processes(model *m) {
    for (int p = 0; p < m->processes; p++)
        if (m->process[p].alive)
            model_crash(m, p);
    model_check_world(m);
}

/* Nobody is left but the store, or what on_tokens was told: a new process can use that. */
static void go_on(model *m) {
    for (int tenant = 0; tenant < m->tenants && !m->wrong[0]; tenant++) {
        int process = m->grants[tenant].stored ? 0 : m->grants[tenant].owner;
        if (!model_grant_is_alive(m, tenant) || m->grants[tenant].lost)
            continue;
        model_say(m, "a new process for grant %d", tenant);
        pass(m, 60000); /* locks are over */
        model_start_process(m, process);
        m->process[process].config->timeout = 60000;
        unsigned long successes = m->successes;
        /* A clock that is wrong makes dead tokens look alive: each costs a 401 before they are renewed. */
        for (int tries = 0; tries < 2 && m->successes == successes && !m->wrong[0]; tries++) {
            model_start_call(m, process, tenant, "me");
            wind_up(m);
        }
        if (m->successes == successes)
            model_fail(m, "nobody can go on from the last saved record");
        end_processes(m);
    }
}

bool model_run(model *m, uint64_t seed, model_bug bug, bool loud) {
    long live = bi_memory_live();
    begin(m, seed, bug, loud);
    for (int i = 0; i < EVENTS && !m->wrong[0]; i++)
        one_event(m);
    wind_up(m);
    if (!m->wrong[0]) {
        end_processes(m);
        go_on(m);
    }
    end_processes(m);
    for (int tenant = 0; tenant < m->tenants; tenant++)
        bi_record_clear(&m->vaults[tenant].record);
    if (bi_memory_live() != live)
        model_fail(m, "%ld allocations were not freed", bi_memory_live() - live);
    bi_flight_release(m->kept);
    return !m->wrong[0];
}
