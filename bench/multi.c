/* Many calls at once, the plain way with libcurl in C: one multi handle, kept easy handles, curl_multi_poll. The
 * reference for those rows of bench/table.
 * Usage: multi URL ROUNDS AT_ONCE [CA_FILE], each round makes AT_ONCE calls. One call goes first: until a connection is
 * known to be HTTP/2, all that wait for it are looked at again and again, which would drown what is measured. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

static void fail(const char *what) {
    fprintf(stderr, "multi: %s\n", what);
    exit(1);
}

static size_t drop(char *piece, size_t size, size_t count, void *context) {
    (void)piece;
    (void)context;
    return size * count;
}

static CURL *new_easy(const char *url, const char *ca_file) {
    CURL *easy = curl_easy_init();
    if (!easy)
        fail("no memory");
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
    if (ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file);
    return easy;
}

/* Takes the finished handles out; how many ended well. */
static long collect(CURLM *multi) {
    long ended = 0, status = 0;
    int rest;
    for (CURLMsg *message; (message = curl_multi_info_read(multi, &rest));) {
        CURL *easy = message->easy_handle;
        if (message->data.result)
            fail(curl_easy_strerror(message->data.result));
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        if (status != 200)
            fail("the status is not 200");
        curl_multi_remove_handle(multi, easy);
        ended++;
    }
    return ended;
}

static void run_round(CURLM *multi, CURL **easies, long count) {
    for (long i = 0; i < count; i++)
        curl_multi_add_handle(multi, easies[i]);
    for (long ended = 0; ended < count;) {
        int running;
        curl_multi_perform(multi, &running);
        ended += collect(multi);
        if (ended < count)
            curl_multi_poll(multi, NULL, 0, 1000, NULL);
    }
}

int main(int argc, char **argv) {
    if (argc < 4)
        fail("usage: multi URL ROUNDS AT_ONCE [CA_FILE]");
    long count = atol(argv[3]);
    if (count < 1 || count > 100000)
        fail("AT_ONCE is a number from 1 to 100000");
    curl_global_init(CURL_GLOBAL_DEFAULT);
    CURLM *multi = curl_multi_init();
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, count);
    CURL **easies = calloc((size_t)count, sizeof *easies);
    for (long i = 0; easies && i < count; i++)
        easies[i] = new_easy(argv[1], argc > 4 ? argv[4] : NULL);
    if (easies)
        run_round(multi, easies, 1);
    for (long round = atol(argv[2]); easies && round > 0; round--)
        run_round(multi, easies, count);
    for (long i = 0; easies && i < count; i++)
        curl_easy_cleanup(easies[i]);
    curl_multi_cleanup(multi);
    free(easies);
    return 0;
}
