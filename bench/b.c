/* The reference of bench/table: one reused libcurl easy handle, and lua-cjson in an embedded Lua 5.4. With "drop" the
 * body is collected and not decoded. Run by bench/table only.
 * Usage: b decode|drop URL CALLS [CA_FILE] */
#include <curl/curl.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct buffer {
    char *text; /* owned; kept from call to call */
    size_t length, capacity;
} buffer;

static size_t collect(char *piece, size_t size, size_t count, void *context) {
    buffer *body = context;
    size_t length = size * count;
    if (body->length + length > body->capacity) {
        size_t capacity = body->capacity ? body->capacity * 2 : 4096;
        while (capacity < body->length + length)
            capacity *= 2;
        char *text = realloc(body->text, capacity);
        if (!text)
            return 0;
        body->text = text;
        body->capacity = capacity;
    }
    memcpy(body->text + body->length, piece, length);
    body->length += length;
    return length;
}

static void fail(const char *what) {
    fprintf(stderr, "b: %s\n", what);
    exit(1);
}

static void get(CURL *easy, const char *url, buffer *body) {
    long status = 0;
    body->length = 0;
    curl_easy_setopt(easy, CURLOPT_URL, url);
    CURLcode code = curl_easy_perform(easy);
    if (code)
        fail(curl_easy_strerror(code));
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200)
        fail("the status is not 200");
}

/* [-0, +0, e] The decoder is at index 1. */
static void decode(lua_State *L, const buffer *body) {
    lua_pushvalue(L, 1);
    lua_pushlstring(L, body->text, body->length);
    lua_call(L, 1, 1);
    if (!lua_istable(L, -1))
        fail("no table");
    lua_pop(L, 1);
}

static lua_State *new_lua(void) {
    lua_State *L = luaL_newstate();
    luaL_openlibs(L);
    if (luaL_dostring(L, "return require('cjson').decode"))
        fail(lua_tostring(L, -1));
    return L;
}

int main(int argc, char **argv) {
    if (argc < 4)
        fail("usage: b decode|drop URL CALLS [CA_FILE]");
    lua_State *L = strcmp(argv[1], "decode") == 0 ? new_lua() : NULL;
    buffer body = {0};
    curl_global_init(CURL_GLOBAL_DEFAULT);
    CURL *easy = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Accept: application/json");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, collect);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &body);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    if (argc > 4)
        curl_easy_setopt(easy, CURLOPT_CAINFO, argv[4]);
    for (long call = atol(argv[3]); call > 0; call--) {
        get(easy, argv[2], &body);
        if (L)
            decode(L, &body);
    }
    curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
    free(body.text);
    if (L)
        lua_close(L);
    return 0;
}
