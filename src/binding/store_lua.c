/* Records and outcomes of src/binding/store_lua.h. A record is flat (strings, numbers, booleans), so that any store can
 * keep it in whatever it has: a file, a hash, a row of columns. */
#include "binding/store_lua.h"

#include "binding/error_lua.h"
#include "binding/options_lua.h"
#include "binding/task_lua.h"
#include "core/secret.h"

#include <stdio.h>

#define PROBLEM 200 /* bytes of a store's message that are shown */

static bi_flight *check_flight(lua_State *L) {
    bi_task *task = bi_task_check(L, 1);
    luaL_argcheck(L, task->flight, 1, "a flight expected");
    return task->flight;
}

int bi_lua_store_key(lua_State *L) {
    const bi_account *account = check_flight(L)->account;
    lua_pushstring(L, account->key);
    return 1;
}

int bi_lua_lock_seconds(lua_State *L) {
    lua_pushnumber(L, (lua_Number)BI_LOCK_TIME / 1000);
    return 1;
}

/* --- Writing ------------------------------------------------------------------------------------------------------- */

#define RECORD_CLASS "better_i18n.record"

static int record_gc(lua_State *L) {
    bi_record *record = lua_touserdata(L, 1);
    bi_record_clear(record);
    return 0;
}

/* [-0, +1, v] An empty one in a box that clears it: it holds secrets while Lua may raise. */
static bi_record *push_record(lua_State *L) {
    bi_record *record = bi_newuserdata(L, sizeof *record);
    luaL_setmetatable(L, RECORD_CLASS);
    return record;
}

void bi_store_open(lua_State *L) {
    bi_class_open(L, RECORD_CLASS, record_gc);
}

static void set_secret(lua_State *L, const char *name, const bi_secret *secret) {
    if (!secret->text)
        return;
    lua_pushlstring(L, secret->text, secret->length);
    lua_setfield(L, -2, name);
}

static void set_time(lua_State *L, const char *name, int64_t milliseconds) {
    if (milliseconds < 0)
        return;
    lua_pushnumber(L, (lua_Number)milliseconds / 1000);
    lua_setfield(L, -2, name);
}

static void set_text(lua_State *L, const char *name, const char *text) {
    if (!text[0])
        return;
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

/* Joined by spaces; "" is a list that is known to be empty. */
static void set_names(lua_State *L, const char *name, const bi_names *names) {
    luaL_Buffer buffer;
    if (!names->known)
        return;
    luaL_buffinit(L, &buffer);
    for (size_t at = 0; at < names->list.length; at += strlen(names->list.data + at) + 1) {
        if (at > 0)
            luaL_addchar(&buffer, ' ');
        luaL_addstring(&buffer, names->list.data + at);
    }
    luaL_pushresult(&buffer);
    lua_setfield(L, -2, name);
}

static void set_digests(lua_State *L, const char *name, const bi_digests *digests) {
    char text[BI_DIGESTS_MOST * (2 * BI_DIGEST_SIZE + 1)];
    bi_bytes hex = {0};
    bi_digests_write(digests, &hex);
    (void)snprintf(text, sizeof text, "%s", bi_bytes_text(&hex));
    bi_bytes_clear(&hex);
    set_text(L, name, text);
}

int bi_lua_record(lua_State *L) {
    const bi_task *task = bi_task_check(L, 1);
    const bi_flight *flight = check_flight(L);
    bi_record *record = push_record(L);
    if (!bi_flight_record(flight, record, task->now))
        return luaL_error(L, "not enough memory");
    lua_createtable(L, 0, 14);
    set_text(L, "grant_id", flight->account->grant_id ? flight->account->grant_id : "");
    set_secret(L, "refresh_token", &record->refresh);
    set_time(L, "refresh_expires_at", record->refresh_expires);
    set_secret(L, "access_token", &record->access);
    set_time(L, "access_expires_at", record->access_expires);
    set_time(L, "access_expires_in", record->access_life);
    set_secret(L, "installation_token", &record->installation);
    set_time(L, "installation_expires_at", record->installation_expires);
    set_time(L, "installation_expires_in", record->installation_life);
    set_text(L, "organization_id", record->organization_id);
    set_names(L, "scopes", &record->scopes);
    set_names(L, "project_ids", &record->projects);
    set_digests(L, "seeds", &record->seeds);
    set_digests(L, "seen", &record->seen);
    set_text(L, "ended", record->ended);
    if (record->in_doubt) {
        lua_pushboolean(L, true);
        lua_setfield(L, -2, "in_doubt");
    }
    return 1;
}

/* --- Reading ------------------------------------------------------------------------------------------------------- */

/* The table is at 2. Each reader: NULL, or the name of the field that is of no use. Leaves the stack as it was. */

static const char *read_secret(lua_State *L, const char *name, bi_secret *secret) {
    size_t length = 0;
    bi_option_get(L, 2, name);
    bool absent = lua_isnil(L, -1);
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &length) : NULL;
    bool fine = absent ||
                (text && bi_token_is_sendable(text, length) && bi_secret_set(secret, text, length));
    lua_pop(L, 1);
    return fine ? NULL : name;
}

static const char *read_time(lua_State *L, const char *name, int64_t *milliseconds) {
    bi_option_get(L, 2, name);
    double seconds = (double)lua_tonumber(L, -1);
    bool absent = lua_isnil(L, -1);
    bool fine = lua_type(L, -1) == LUA_TNUMBER && seconds > -1e11 && seconds < 1e11;
    *milliseconds = absent || seconds < 0 ? -1 : fine ? (int64_t)(seconds * 1000 + 0.5) : -1;
    lua_pop(L, 1);
    return absent || fine ? NULL : name;
}

/* The text, or NULL when it is absent. Left on the stack. */
static const char *push_text(lua_State *L, const char *name, size_t *length, const char **wrong) {
    bi_option_get(L, 2, name);
    if (lua_isnil(L, -1))
        return NULL;
    if (lua_type(L, -1) != LUA_TSTRING) {
        *wrong = name;
        return NULL;
    }
    return lua_tolstring(L, -1, length);
}

static const char *read_text(lua_State *L, const char *name, char *to, size_t room) {
    const char *wrong = NULL;
    size_t length;
    const char *text = push_text(L, name, &length, &wrong);
    if (text)
        bi_failure_text(to, room, text, length);
    lua_pop(L, 1);
    return wrong;
}

static const char *read_names(lua_State *L, const char *name, bi_names *names) {
    const char *wrong = NULL;
    size_t length;
    const char *text = push_text(L, name, &length, &wrong);
    if (text && !bi_names_split(names, text, length))
        wrong = name;
    lua_pop(L, 1);
    return wrong;
}

static const char *read_digests(lua_State *L, const char *name, bi_digests *digests) {
    const char *wrong = NULL;
    size_t length;
    const char *text = push_text(L, name, &length, &wrong);
    if (text)
        bi_digests_read(digests, text, length);
    lua_pop(L, 1);
    return wrong;
}

static const char *read_tokens(lua_State *L, bi_record *record) {
    const char *wrong = read_secret(L, "refresh_token", &record->refresh);
    if (!wrong)
        wrong = read_secret(L, "access_token", &record->access);
    if (!wrong)
        wrong = read_secret(L, "installation_token", &record->installation);
    if (!wrong)
        wrong = read_time(L, "refresh_expires_at", &record->refresh_expires);
    if (!wrong)
        wrong = read_time(L, "access_expires_at", &record->access_expires);
    if (!wrong)
        wrong = read_time(L, "access_expires_in", &record->access_life);
    if (!wrong)
        wrong = read_time(L, "installation_expires_at", &record->installation_expires);
    if (!wrong)
        wrong = read_time(L, "installation_expires_in", &record->installation_life);
    return wrong;
}

static const char *read_record(lua_State *L, bi_record *record) {
    const char *wrong = read_tokens(L, record);
    if (!wrong)
        wrong = read_text(L, "organization_id", record->organization_id,
                          sizeof record->organization_id);
    if (!wrong)
        wrong = read_names(L, "scopes", &record->scopes);
    if (!wrong)
        wrong = read_names(L, "project_ids", &record->projects);
    if (!wrong)
        wrong = read_digests(L, "seeds", &record->seeds);
    if (!wrong)
        wrong = read_digests(L, "seen", &record->seen);
    if (!wrong)
        wrong = read_text(L, "ended", record->ended, sizeof record->ended);
    bi_option_get(L, 2, "in_doubt");
    record->in_doubt = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return wrong;
}

int bi_lua_loaded(lua_State *L) {
    bi_flight *flight = check_flight(L);
    lua_settop(L, 2);
    luaL_checkstack(L, 10, "record");
    bi_record_clear(&flight->record);
    if (lua_isnil(L, 2)) {
        bi_flight_note(flight, BI_STORE_NOT, NULL);
        return 0;
    }
    char problem[160] = "the store's load() must return a table or nil; correct it";
    const char *wrong = "";
    if (lua_istable(L, 2))
        wrong = read_record(L, &flight->record);
    if (wrong && wrong[0])
        (void)snprintf(
            problem, sizeof problem,
            "the store's record is damaged: its field %s is of no use; delete it, and ask the user to reconnect",
            wrong);
    if (wrong)
        bi_record_clear(&flight->record);
    bi_flight_note(flight, wrong ? BI_STORE_FAILED : BI_STORE_DONE, problem);
    return 0;
}

int bi_lua_stored(lua_State *L) {
    bi_flight *flight = check_flight(L);
    bi_flight_note(flight, lua_toboolean(L, 2) ? BI_STORE_DONE : BI_STORE_NOT, NULL);
    return 0;
}

/* [-0, +1, v] The message of an error object, or the value itself when it is text. */
static const char *push_message(lua_State *L, int index, size_t *length) {
    if (lua_istable(L, index))
        bi_option_get(L, index, "message");
    else
        lua_pushvalue(L, index);
    return lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, length) : NULL;
}

int bi_lua_store_failed(lua_State *L) {
    bi_flight *flight = check_flight(L);
    const bi_secret *secrets[BI_ACCOUNT_SECRETS];
    size_t length = 0, count = bi_account_secrets(flight->account, secrets);
    bool is_ours = bi_error_is(L, 2); /* else the words are the program's own, and give no advice */
    const char *text = push_message(L, 2, &length);
    bi_bytes clean = {0}, line = {0};
    if (text && bi_redact(&clean, text, length, secrets, count))
        bi_excerpt(&line, bi_bytes_text(&clean), clean.length, PROBLEM);
    bi_bytes_clear(&clean);
    if (line.length && !is_ours)
        bi_bytes_add_text(&line, "; see that the store can be reached");
    bi_flight_note(flight, BI_STORE_FAILED,
                   line.length
                       ? line.data
                       : "the store raised an error without a text; see that it can be reached");
    bi_bytes_clear(&line);
    if (!bi_failure_is(&flight->failure, BI_CODE_STORE))
        return 0;
    bi_error_push(L, &flight->failure);
    return 1;
}
