/* The invariants of tokens (DESIGN.md, "Tests").
 *
 * A refresh token may become useless in these cases only, all of them with a service that rotates:
 *  - the answer in which the service sent the new one was lost on the way, and the prompt replay did not bring it either;
 *  - a process died between the service's rotation and the save (without a store: before on_tokens had run);
 *  - where the service ends a grant because a spent token is shown again: also after a lease ended under a holder that
 *    was too slow, or after a store failed to save the new token, when another process shows the old one.
 * In all others whoever starts from the store's record, or from what on_tokens was told last, can go on. */
#include "model.h"

/* --- What is sent -------------------------------------------------------------------------------------------- */

static void check_token(model *m, const model_task *task, unsigned serial) {
    if (serial == 0 || serial > m->count)
        model_fail(m, "a request with a token that the service never issued");
    else if (m->issued[serial].tenant != task->tenant)
        model_fail(m, "a request with a token of another tenant");
}

/* Never two refreshes of a grant on the wire, except behind the back of a holder whose lease has ended. */
static void check_alone(model *m, const model_task *task) {
    for (int i = 0; i < MODEL_TASKS; i++) {
        const model_task *other = &m->tasks[i];
        if (!other->id || other == task || other->tenant != task->tenant ||
            other->need != BI_NEED_SEND || !other->refreshes || other->served)
            continue;
        if (other->process == task->process)
            model_fail(m, "two refreshes of one process at once");
        else if (other->lease > m->now)
            model_fail(m, "two refreshes of one grant at once");
    }
}

void model_check_request(model *m, model_task *task) {
    const bi_wire_request *request = &model_exchange(task)->request;
    bool refreshes = task->refreshes;
    if (m->process[task->process].knows_end[task->tenant])
        model_fail(m, "a request after the process knew that the grant is over");
    check_token(m, task, refreshes ? model_shown(request) : model_serial(model_bearer(request)));
    if (!refreshes)
        return;
    check_alone(m, task);
    if (model_account(m, task)->has_store && !task->flight->locked)
        model_fail(m, "a refresh without the lock");
}

/* --- After a step -------------------------------------------------------------------------------------------- */

/* Whether what the process is told is true: that authorization is over, or its refresh token is of no more use. */
static bool is_really_over(const model *m, int tenant, unsigned authorization) {
    const model_grant *grant = &m->grants[tenant];
    return authorization != grant->authorization || grant->lost || !model_grant_is_alive(m, tenant);
}

static void check_end(model *m, const model_task *task, unsigned authorization) {
    model_process *process = &m->process[task->process];
    const bi_account *account = model_account(m, task);
    if (!bi_failure_is_set(&account->over) || process->knows_end[task->tenant])
        return;
    process->knows_end[task->tenant] = true;
    m->ends++;
    if (authorization == 0)
        authorization = m->vaults[task->tenant].authorization;
    if (!is_really_over(m, task->tenant, authorization))
        model_fail(m, "a revocation was reported that never was");
    if (bi_secret_is_set(&account->refresh) || bi_secret_is_set(&account->access.secret))
        model_fail(m, "tokens are held after the grant's end");
}

/* No sleep reaches beyond the deadline, and behind it the end is near. */
static void check_time(model *m, model_task *task) {
    bi_now now = model_now(m, task->process);
    const bi_exchange *x = model_exchange(task);
    bool waits = task->need == BI_NEED_SLEEP || task->need == BI_NEED_JOIN;
    int64_t end = task->call ? bi_time_add(task->call->started, task->call->timeout) : x->deadline;
    if (task->need == BI_NEED_DONE)
        return;
    if (waits && x->wake > end)
        model_fail(m, "a wait beyond the deadline");
    if (now.mono >= end && ++task->late > (task->call ? 8 : 25))
        model_fail(m, "no end after the deadline");
}

void model_check_step(model *m, model_task *task, unsigned authorization) {
    model_process *process = &m->process[task->process];
    const bi_account *account = model_account(m, task);
    const char *held = account->refresh.text ? account->refresh.text : account->access.secret.text;
    check_end(m, task, authorization);
    check_time(m, task);
    if (held && model_serial(held) <= m->count)
        process->authorization[task->tenant] = m->issued[model_serial(held)].authorization;
}

/* --- The newest refresh token -------------------------------------------------------------------------------- */

/* In memory, or in an answer that somebody awaits. `busy`: only where it is on its way to the store or the program. */
static bool is_held(const model *m, int tenant, bool busy) {
    unsigned head = m->grants[tenant].head;
    for (int p = 0; p < m->processes; p++) {
        const bi_account *account = m->process[p].accounts[tenant];
        if (account && model_serial(account->refresh.text) == head &&
            (!busy || account->unsaved || (!account->has_store && account->flight)))
            return true;
    }
    for (int i = 0; i < MODEL_TASKS; i++)
        if (m->tasks[i].id && m->tasks[i].tenant == tenant && m->tasks[i].brings == head)
            return true;
    return false;
}

static bool is_kept(const model *m, int tenant) {
    const model_grant *grant = &m->grants[tenant];
    const char *stored = m->vaults[tenant].record.refresh.text;
    return model_serial(grant->stored ? grant->seed : grant->told) == grant->head ||
           (grant->stored && model_serial(stored) == grant->head);
}

void model_check_world(model *m) {
    for (int tenant = 0; tenant < m->tenants; tenant++) {
        model_grant *grant = &m->grants[tenant];
        if (grant->lost || !model_grant_is_alive(m, tenant) || is_kept(m, tenant))
            continue;
        if (is_held(m, tenant, true))
            continue;
        if (m->excuse) {
            grant->lost = true;
            m->losses++;
            model_say(m, "  rt_%d_%u is lost", tenant, grant->head);
        } else if (is_held(m, tenant, false))
            model_fail(m, "the record is of no use, and nobody is about to save the newest token");
        else
            model_fail(m, "the newest refresh token is nowhere");
    }
}
