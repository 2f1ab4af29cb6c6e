/* Processes and their drivers in the model: what lua/better_i18n/driver.lua does in an event loop, one need at a time, so
 * that anything may happen between two of them. */
#include "model.h"

bi_exchange *model_exchange(model_task *task) {
    return task->call ? &task->call->exchange : &task->flight->exchange;
}

bi_account *model_account(const model *m, const model_task *task) {
    return m->process[task->process].accounts[task->tenant];
}

/* --- Processes ----------------------------------------------------------------------------------------------- */

static bi_account *open_account(model *m, int process, int tenant) {
    model_grant *grant = &m->grants[tenant];
    char id[16];
    bi_account *account = bi_account_new();
    account->grant_id = bi_copy(id, (size_t)snprintf(id, sizeof id, "grt_%d", tenant));
    account->client_id = bi_copy("app", 3);
    account->has_store = grant->stored;
    account->keeps_installation = grant->stored && process % 2 == 0;
    /* A program that has a store may go on without its options, once the store knows of them. */
    bool known = grant->stored && m->vaults[tenant].authorization == grant->authorization;
    const char *options = grant->stored ? grant->seed : grant->told;
    if (!known || model_chance(m, 2))
        bi_secret_set(&account->refresh, options, strlen(options));
    bi_account_note_seed(account);
    return account;
}

void model_start_process(model *m, int at) {
    model_process *process = &m->process[at];
    *process = (model_process){.alive = true,
                               .base = (int64_t)model_random(m, 1000000000),
                               .skew = model_chance(m, 4) ? 86400000 : 0};
    bi_config *config = process->config = bi_config_new();
    config->timeout = (int64_t)(2000 + model_random(m, 28000));
    config->max_retries = (unsigned)model_random(m, 3);
    config->on_tokens = config->on_revoked = true;
    config->on_response = model_chance(m, 2);
    config->on_request = model_chance(m, 4);
    for (int tenant = 0; tenant < m->tenants; tenant++)
        if (m->grants[tenant].stored || m->grants[tenant].owner == at) {
            bi_account *account = process->accounts[tenant] = open_account(m, at, tenant);
            unsigned serial = model_serial(account->refresh.text);
            process->authorization[tenant] = m->issued[serial].authorization;
        }
}

static void drop(model *m, model_task *task) {
    bi_call_free(task->call);
    if (m->bug == MODEL_KEEPS_FLIGHT && task->flight && !m->kept)
        m->kept = task->flight;
    else
        bi_flight_release(task->flight);
    *task = (model_task){0};
}

/* Nothing is said goodbye to; what is on the wire may still arrive. */
static void kill_task(model *m, model_task *task) {
    model_vault *vault = &m->vaults[task->tenant];
    if (task->need == BI_NEED_SEND && !task->served && model_chance(m, 2))
        model_serve(m, task);
    if (m->locks_die && vault->holder == task->id)
        vault->holder = 0;
    drop(m, task);
}

void model_crash(model *m, int at) {
    model_process *process = &m->process[at];
    m->excuse = true;
    for (int tenant = 0; tenant < m->tenants; tenant++) {
        bi_account *account = process->accounts[tenant];
        if (account && (account->flight || account->unsaved || account->refresh_in_doubt))
            m->grants[tenant].excused = true;
    }
    for (int i = 0; i < MODEL_TASKS; i++)
        if (m->tasks[i].id && m->tasks[i].process == at)
            kill_task(m, &m->tasks[i]);
    for (int tenant = 0; tenant < m->tenants; tenant++)
        bi_account_release(process->accounts[tenant]);
    bi_config_release(process->config);
    *process = (model_process){0};
}

/* --- Tasks --------------------------------------------------------------------------------------------------- */

static model_task *new_task(model *m, int process, int tenant) {
    for (int i = 0; i < MODEL_TASKS; i++)
        if (!m->tasks[i].id) {
            m->tasks[i] = (model_task){
                .id = ++m->next_id, .process = process, .tenant = tenant, .need = BI_NEED_BEFORE};
            return &m->tasks[i];
        }
    model_fail(m, "the model's list of tasks is full");
    return NULL;
}

model_task *model_start_call(model *m, int process, int tenant, const char *name) {
    bi_account *account = m->process[process].accounts[tenant];
    if (m->bug == MODEL_FORGETS_END && bi_failure_is_set(&account->over)) {
        bi_failure_clear(&account->over);
        bi_secret_set(&account->refresh, m->grants[tenant].seed, strlen(m->grants[tenant].seed));
    }
    model_task *task = new_task(m, process, tenant);
    if (!task)
        return NULL;
    const bi_endpoint *row = bi_endpoint_find(name);
    task->call = bi_call_new(m->process[process].config, account, row);
    bi_bytes_add_text(&task->call->target, strrchr(row->path, '/'));
    bi_bytes_add_text(&task->call->path, strrchr(row->path, '/'));
    m->calls++;
    return task;
}

void model_cancel(model *m, model_task *task) {
    bi_call_cancel(task->call, BI_CODE_CANCELLED, "the program wants it no longer",
                   "make it again");
    if (bi_call_has_ended(task->call))
        drop(m, task);
}

static void ensure_pilot(model *m, const model_task *task) {
    bi_flight *flight = task->call->flight;
    for (int i = 0; i < MODEL_TASKS; i++)
        if (m->tasks[i].id && m->tasks[i].flight == flight)
            return;
    if (bi_flight_has_ended(flight))
        return;
    model_task *pilot = new_task(m, task->process, task->tenant);
    if (pilot)
        pilot->flight = bi_flight_hold(flight);
}

static bool asks_store(const model_task *task) {
    return task->need >= BI_NEED_LOAD;
}

bool model_is_ready(const model *m, const model_task *task) {
    bi_exchange *x = model_exchange((model_task *)(uintptr_t)task);
    bi_now now = model_now(m, task->process);
    bool late = bi_exchange_is_late(x, now);
    if (m->bug == MODEL_SLEEPS_ON && task->call && late)
        return false;
    if (task->need == BI_NEED_SEND)
        return task->served || late;
    if (task->need == BI_NEED_SLEEP)
        return now.mono >= x->wake || (task->flight && bi_flight_has_ended(task->flight));
    if (task->need == BI_NEED_JOIN)
        return now.mono >= x->wake || bi_flight_has_ended(task->call->flight);
    return true;
}

/* The answer is lost, with or without the work done: only this and a crash may lose a token. */
void model_lose(model *m, model_task *task, bool served) {
    static const bi_trouble troubles[] = {BI_TROUBLE_LOST, BI_TROUBLE_TRUNCATED,
                                          BI_TROUBLE_TIMEOUT};
    bi_exchange *x = model_exchange(task);
    bool was = task->served;
    if (served && !was)
        model_serve(m, task);
    bool unsent = !served && !was && model_chance(m, 2);
    bi_wire_answer_clear(&x->answer);
    x->answer.trouble = unsent ? BI_TROUBLE_CONNECT : troubles[model_random(m, 3)];
    x->answer.sent = !unsent;
    task->served = true;
    task->brings = 0;
    m->excuse = true;
    if (task->refreshes)
        m->grants[task->tenant].excused = true;
}

/* --- Steps --------------------------------------------------------------------------------------------------- */

static void tell(model *m, model_task *task) {
    const bi_account *account = model_account(m, task);
    model_grant *grant = &m->grants[task->tenant];
    if (m->bug == MODEL_TELLS_NOBODY || !account->refresh.text)
        return;
    snprintf(grant->told, sizeof grant->told, "%s", account->refresh.text);
    model_say(m, "  on_tokens: %s", grant->told);
}

static void serve_hook(model *m, model_task *task) {
    model_process *process = &m->process[task->process];
    if (task->need == BI_NEED_TOKENS)
        tell(m, task);
    if (task->need != BI_NEED_REVOKED)
        return;
    if (++process->announced[task->tenant] > 1)
        model_fail(m, "on_revoked has run twice");
    if (m->bug == MODEL_ANNOUNCES_TWICE)
        model_account(m, task)->over_announced = false;
}

static void finish(model *m, model_task *task) {
    model_vault *vault = &m->vaults[task->tenant];
    const bi_failure *failure = task->call ? &task->call->failure : &task->flight->failure;
    model_say(m, "  %s ends: %s", task->call ? "the call" : "the flight",
              failure->code[0] ? failure->code : "well");
    if (task->call && !bi_failure_is_set(failure))
        m->successes++;
    if (task->flight && vault->holder == task->id) /* given up by others: let go */
        vault->holder = 0;
    drop(m, task);
}

static bi_need step(model *m, model_task *task) {
    bi_input input = {model_now(m, task->process), (double)model_random(m, 1000) / 1000};
    if (!task->call)
        return bi_flight_step(task->flight, &input);
    if (m->bug == MODEL_FORGETS_FLIGHT && model_chance(m, 3))
        task->call->account->flight = NULL;
    if (m->bug == MODEL_MOVES_DEADLINE && task->call->exchange.deadline)
        task->call->exchange.deadline += 86400000;
    return bi_call_step(task->call, &input);
}

static void note_request(model *m, model_task *task) {
    const bi_wire_request *request = &model_exchange(task)->request;
    task->brings = 0;
    task->refreshes = strstr(request->url.data, "/mcp/token") != NULL;
    model_say(m, "  sends %s", task->refreshes ? "a refresh" : strrchr(request->url.data, '/'));
    model_check_request(m, task);
}

void model_advance(model *m, model_task *task) {
    unsigned authorization = m->process[task->process].authorization[task->tenant];
    if (task->need == BI_NEED_SEND && !task->served) { /* late: the driver gives it up */
        model_lose(m, task, model_chance(m, 2));
        model_exchange(task)->answer.trouble = BI_TROUBLE_TIMEOUT;
    }
    if (asks_store(task) && !task->served) {
        model_vault_serve(m, task);
        return;
    }
    if (asks_store(task))
        bi_flight_note(task->flight, task->outcome, "the store failed");
    serve_hook(m, task);
    task->served = false;
    task->need = step(m, task);
    if (task->call && task->call->flight &&
        (task->need == BI_NEED_RENEW || task->need == BI_NEED_JOIN))
        ensure_pilot(m, task);
    if (task->need == BI_NEED_SEND)
        note_request(m, task);
    model_check_step(m, task, authorization);
    if (task->need == BI_NEED_DONE)
        finish(m, task);
}
