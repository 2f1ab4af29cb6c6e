/* Reading a table of options against a list of what is known: types, limits, and a name for whatever is wrong. Decides
 * no rule of the service. Called by the binding. */
#ifndef BI_BINDING_OPTIONS_LUA_H
#define BI_BINDING_OPTIONS_LUA_H

#include "binding/compat.h"

typedef enum bi_option_kind {
    BI_OPTION_TEXT,     /* a string that is not empty, without control characters */
    BI_OPTION_ANY_TEXT, /* any string, also "" */
    BI_OPTION_TOKEN,    /* a secret that can stand in a header */
    BI_OPTION_SECONDS,  /* a number above 0 */
    BI_OPTION_TIME,     /* Unix seconds */
    BI_OPTION_COUNT,    /* an integer from 0 */
    BI_OPTION_SIZE,     /* an integer from 1 */
    BI_OPTION_BOOLEAN,
    BI_OPTION_FUNCTION,
    BI_OPTION_TABLE,
    BI_OPTION_SIGNAL, /* made by better_i18n.signal() */
    BI_OPTION_BODY    /* a string or a table */
} bi_option_kind;

#define BI_SIGNAL_CLASS "better_i18n.signal" /* the metatable of signals, in the registry */

typedef struct bi_option {
    const char *name; /* NULL ends a list */
    bi_option_kind kind;
} bi_option;

/* [-0, +0, v] Checks the table at `index`: every key known, every value of its kind; else `invalid_argument` that
 * names it, with `where` in front. */
void bi_options_check(lua_State *L, int index, const char *where, const bi_option *known);

/* [-0, +0, v] One value against one kind, as above; `name` may be any argument's. */
void bi_option_check(lua_State *L, int index, const char *where, const char *name,
                     bi_option_kind kind);

/* core.unknown(noun, name, known) → "unknown option 'limmit'; did you mean 'limit'?"; `known`: an array of names. */
int bi_lua_unknown(lua_State *L);

/* [-0, +1, m] Pushes the value as the checks saw it: raw, so that no __index slips one past them. */
void bi_option_get(lua_State *L, int index, const char *name);

/* [-0, +1, m] Pushes the value and returns it as text that is borrowed while the table holds it; NULL when absent. */
const char *bi_option_text(lua_State *L, int index, const char *name, size_t *length);

/* [-0, +0, m] The value, or `otherwise` when absent. */
double bi_option_number(lua_State *L, int index, const char *name, double otherwise);
bool bi_option_flag(lua_State *L, int index, const char *name, bool otherwise);

#endif
