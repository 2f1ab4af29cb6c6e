/* Random names, and which process this is (src/binding/process_lua.h). Owns nothing. */
#include "binding/process_lua.h"

#include "engine/fork.h"
#include "engine/random.h"

#define RANDOM_BYTES 16

int bi_lua_unique(lua_State *L) {
    static const char digits[] = "0123456789abcdef";
    unsigned char random[RANDOM_BYTES];
    char text[2 * RANDOM_BYTES];
    if (!bi_random_bytes(random, sizeof random))
        return luaL_error(L, "better_i18n: the system has no random numbers");
    for (int i = 0; i < RANDOM_BYTES; i++) {
        text[2 * i] = digits[random[i] >> 4];
        text[2 * i + 1] = digits[random[i] & 15];
    }
    lua_pushlstring(L, text, sizeof text);
    return 1;
}

int bi_lua_generation(lua_State *L) {
    bi_fork_watch();
    lua_pushnumber(L, (lua_Number)bi_fork_generation());
    return 1;
}
