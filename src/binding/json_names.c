/* The rare part of src/binding/json_names.h: names that are met for the first and the second time. */
#include "binding/json_names.h"

void bi_known_names_learn(lua_State *L, bi_known_names *names, int table, const char *text,
                          size_t length) {
    bi_known_name name;
    int place = bi_known_names_look(text, length, &name);
    bi_known_name *known = &names->known[place];
    names->credit--;
    lua_pushlstring(L, text, length);
    if (!bi_known_name_is(known, &name)) {
        *known = name;
        return;
    }
    lua_pushvalue(L, -1);
    lua_rawseti(L, table, place + 1);
    known->kept = true;
}
