/* The rare part of src/binding/json_names.h: names that are met for the first and the second time. */
#include "binding/json_names.h"

void bi_known_names_learn(lua_State *L, bi_known_names *names, const char *text, size_t length) {
    bi_known_name name;
    bi_known_name *known = bi_known_names_look(names, text, length, &name);
    names->credit--;
    lua_pushlstring(L, text, length);
    if (!bi_known_name_is(known, &name)) {
        *known = name;
        known->slot = 0;
    } else if (names->free_slot < names->end_slot) {
        known->slot = names->free_slot++;
        lua_pushvalue(L, -1);
        lua_replace(L, known->slot);
    }
}
