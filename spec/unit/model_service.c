/* The service of the model: tokens by serial numbers, four kinds of rotation, revocation, and trouble at random. */
#include "model.h"

#define REFRESH_LIFE (INT64_C(30) * 24 * 3600 * 1000)

/* "rt_2_17": the tenant and the serial. */
unsigned model_serial(const char *token) {
    const char *last = token ? strrchr(token, '_') : NULL;
    return last ? (unsigned)strtoul(last + 1, NULL, 10) : 0;
}

unsigned model_shown(const bi_wire_request *request) {
    static const char name[] = "refresh_token=rt_";
    const char *at = strstr(bi_bytes_text(&request->body), name);
    const char *last = at ? strchr(at + sizeof name - 1, '_') : NULL;
    return last ? (unsigned)strtoul(last + 1, NULL, 10) : 0;
}

static unsigned issue(model *m, int tenant, model_kind kind, int64_t life) {
    if (m->count + 1 >= MODEL_ISSUED) {
        model_fail(m, "the model's list of tokens is full");
        return m->count;
    }
    m->issued[++m->count] = (model_issued){.kind = kind,
                                           .tenant = tenant,
                                           .authorization = m->grants[tenant].authorization,
                                           .dies = m->now + life};
    return m->count;
}

void model_authorize(model *m, int tenant) {
    model_grant *grant = &m->grants[tenant];
    grant->authorization++;
    grant->revoked = grant->lost = grant->excused = false;
    grant->head = issue(m, tenant, MODEL_REFRESH, REFRESH_LIFE);
    snprintf(grant->seed, sizeof grant->seed, "rt_%d_%u", tenant, grant->head);
    memcpy(grant->told, grant->seed, sizeof grant->told);
}

void model_revoke(model *m, int tenant) {
    m->grants[tenant].revoked = true;
}

bool model_grant_is_alive(const model *m, int tenant) {
    const model_grant *grant = &m->grants[tenant];
    return !grant->revoked && m->issued[grant->head].dies > m->now;
}

static void answer(model_task *task, long status, const char *fields, const char *body) {
    bi_wire_answer *to = &model_exchange(task)->answer;
    bi_wire_answer_clear(to);
    to->sent = true;
    to->status = status;
    bi_bytes_add_text(&to->fields, fields);
    bi_bytes_add_text(&to->body, body);
}

const char *model_bearer(const bi_wire_request *request) {
    static const char name[] = "Authorization: Bearer ";
    const bi_bytes *fields = &request->fields;
    for (size_t at = 0; at < fields->length; at += strlen(fields->data + at) + 1)
        if (strncmp(fields->data + at, name, sizeof name - 1) == 0)
            return fields->data + at + sizeof name - 1;
    return NULL;
}

static bool is_current(const model *m, unsigned serial, model_kind kind) {
    const model_issued *token = &m->issued[serial];
    return serial > 0 && serial <= m->count && token->kind == kind && token->dies > m->now &&
           token->authorization == m->grants[token->tenant].authorization;
}

/* --- Refresh ------------------------------------------------------------------------------------------------- */

static void refuse_grant(model *m, model_task *task) {
    answer(task, model_chance(m, 2) ? 401 : 400, "", "{\"error\":\"invalid_grant\"}");
}

/* Somebody shows a refresh token that was exchanged before. */
static void meet_reuse(model *m, model_task *task) {
    model_grant *grant = &m->grants[task->tenant];
    if (m->mode == MODEL_DETECTING) {
        model_say(m, "  the service sees a refresh token again and ends the grant");
        if (!grant->excused)
            model_fail(m, "a spent refresh token was shown again without need");
        grant->revoked = true;
    }
    refuse_grant(m, task);
}

static void refresh(model *m, model_task *task, unsigned serial) {
    int tenant = m->issued[serial].tenant;
    model_grant *grant = &m->grants[tenant];
    bool rotates = m->mode >= MODEL_ROTATING;
    if (!is_current(m, serial, MODEL_REFRESH) || grant->revoked) {
        refuse_grant(m, task);
        return;
    }
    model_issued *shown = &m->issued[serial];
    bool replay = shown->spent && m->now < shown->spent + m->grace && grant->head == shown->next;
    if (shown->spent && !replay) {
        meet_reuse(m, task);
        return;
    }
    if (rotates && !replay) {
        shown->spent = m->now;
        grant->head = shown->next = issue(m, tenant, MODEL_REFRESH, REFRESH_LIFE);
    }
    grant->lost = false; /* a replay brings it back */
    m->refreshes++;
    char body[300], rotated[80] = "";
    unsigned access = issue(m, tenant, MODEL_ACCESS, m->access_life);
    if (m->mode != MODEL_OMITTED) {
        snprintf(rotated, sizeof rotated, ",\"refresh_token\":\"rt_%d_%u\"", tenant, grant->head);
        task->brings = grant->head;
    }
    snprintf(body, sizeof body,
             "{\"access_token\":\"at_%d_%u\",\"token_type\":\"bearer\",\"expires_in\":%ld%s}",
             tenant, access, (long)(m->access_life / 1000), rotated);
    model_say(m, "  rt_%d_%u is exchanged; the newest is rt_%d_%u, at_%d_%u", tenant, serial,
              tenant, grant->head, tenant, access);
    answer(task, 200, "", body);
}

/* --- The rest ------------------------------------------------------------------------------------------------ */

/* True: the token is good; else the refusal is written. */
static bool admit(model *m, model_task *task, unsigned serial, bool mints) {
    bool fits = is_current(m, serial, MODEL_ACCESS) ||
                (!mints && is_current(m, serial, MODEL_INSTALLATION));
    const model_issued *token = &m->issued[serial];
    bool over = serial && token->authorization == m->grants[token->tenant].authorization &&
                m->grants[token->tenant].revoked;
    if (over && model_chance(m, 2)) /* else 401, as the real one (API.md) */
        answer(task, 410, "", "{\"error\":\"grant_revoked\"}");
    else if (over || !fits || (m->faults && model_chance(m, 40)))
        answer(task, 401, "", "{\"error\":\"invalid_token\"}");
    else
        return true;
    return false;
}

static void mint(model *m, model_task *task) {
    char body[200];
    unsigned serial = issue(m, task->tenant, MODEL_INSTALLATION, m->installation_life);
    snprintf(
        body, sizeof body,
        "{\"installation_token\":\"bi_oat_%d_%u\",\"token_type\":\"Bearer\",\"expires_in\":%ld,"
        "\"project_ids\":[]}",
        task->tenant, serial, (long)(m->installation_life / 1000));
    answer(task, 200, "", body);
}

static bool is_troubled(model *m, model_task *task) {
    if (!m->faults || !model_chance(m, 12))
        return false;
    if (model_chance(m, 2))
        answer(task, 503, "", "");
    else
        answer(task, 429, model_chance(m, 2) ? "Retry-After: 1\r\n" : "Retry-After: 20\r\n",
               "{\"error\":\"rate_limited\"}");
    return true;
}

void model_serve(model *m, model_task *task) {
    const bi_wire_request *request = &model_exchange(task)->request;
    task->brings = 0;
    if (task->refreshes && m->bug == MODEL_CRIES_WOLF && model_chance(m, 20)) {
        refuse_grant(m, task);
        return;
    }
    if (is_troubled(m, task))
        return;
    if (task->refreshes) {
        refresh(m, task, model_shown(request));
        return;
    }
    bool mints = strstr(request->url.data, "/tokens") != NULL;
    if (!admit(m, task, model_serial(model_bearer(request)), mints))
        return;
    if (strcmp(request->method, "DELETE") == 0)
        model_revoke(m, task->tenant);
    if (mints)
        mint(m, task);
    else
        answer(task, 200, "", "{}");
}
