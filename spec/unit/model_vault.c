/* The store of the model: a record, a version and a lock with a lease for each tenant. It may fail before or after it
 * has done what was asked, and a lease ends whether or not its holder has noticed. */
#include "fake.h"
#include "model.h"

static bi_outcome load(model *m, model_task *task) {
    int from = task->tenant;
    if (m->bug == MODEL_MIXES_KEYS && model_chance(m, 10))
        from = (from + 1) % m->tenants;
    const model_vault *vault = &m->vaults[from];
    m->process[task->process].version[task->tenant] = vault->version;
    if (!vault->version)
        return BI_STORE_NOT;
    fake_copy_record(&task->flight->record, &vault->record);
    return BI_STORE_DONE;
}

static bi_outcome save(model *m, model_task *task) {
    model_vault *vault = &m->vaults[task->tenant];
    model_process *process = &m->process[task->process];
    if (process->version[task->tenant] != vault->version && m->bug != MODEL_SWAPS_ALWAYS) {
        model_say(m, "  another has saved");
        return BI_STORE_NOT;
    }
    if (m->bug == MODEL_DROPS_SAVE && model_chance(m, 10))
        return BI_STORE_DONE;
    bi_record record = {0};
    bi_flight_record(task->flight, &record, model_now(m, task->process));
    model_say(m, "  record %lu: %s%s %s", vault->version + 1,
              record.refresh.text ? record.refresh.text : "-", record.in_doubt ? "?" : "",
              record.ended);
    bi_record_clear(&vault->record);
    vault->record = record;
    vault->authorization = process->authorization[task->tenant];
    process->version[task->tenant] = ++vault->version;
    return BI_STORE_DONE;
}

static bi_outcome lock(model *m, model_task *task) {
    model_vault *vault = &m->vaults[task->tenant];
    bool over = vault->holder && vault->lease <= m->now;
    if (vault->holder && vault->holder != task->id && !over && m->bug != MODEL_LOCKS_TWICE)
        return BI_STORE_NOT;
    if (over) {
        model_say(m, "  the lease of its holder has ended");
        m->grants[task->tenant].excused = true;
    }
    vault->holder = task->id;
    vault->lease = task->lease = m->now + BI_LOCK_TIME;
    return BI_STORE_DONE;
}

static bi_outcome unlock(model *m, model_task *task) {
    model_vault *vault = &m->vaults[task->tenant];
    if (vault->holder == task->id)
        vault->holder = 0;
    return BI_STORE_DONE;
}

static bi_outcome serve(model *m, model_task *task) {
    if (task->need == BI_NEED_LOAD)
        return load(m, task);
    if (task->need == BI_NEED_SAVE)
        return save(m, task);
    return task->need == BI_NEED_LOCK ? lock(m, task) : unlock(m, task);
}

void model_vault_serve(model *m, model_task *task) {
    bool fails = m->faults && model_chance(m, 15);
    bool done = !fails || model_chance(m, 3); /* it may fail when all is done */
    task->served = true;
    task->outcome = done ? serve(m, task) : BI_STORE_FAILED;
    if (!fails)
        return;
    model_say(m, "  the store fails, %s", done ? "but has done it" : "and has not done it");
    bi_record_clear(&task->flight->record);
    task->outcome = BI_STORE_FAILED;
    if (task->need == BI_NEED_SAVE) /* others may still find the token from before */
        m->grants[task->tenant].excused = true;
}
