/* The memory of files of src/core/cdn.h: a list with the file used last in front; what does not fit falls off its end. */
#include "core/cdn.h"

#include "core/headers.h"
#include "core/memory.h"

#include <string.h>

#define ETAG_MOST 1024

void bi_cdn_file_release(bi_cdn_file *file) {
    if (!file || --file->references > 0)
        return;
    bi_free(file->target);
    bi_free(file->etag);
    bi_bytes_clear(&file->body);
    bi_free(file);
}

static size_t size_of(const bi_cdn_file *file) {
    return sizeof *file + strlen(file->target) + strlen(file->etag) + file->body.capacity;
}

/* Takes the file out of the list; the reference is the caller's. NULL: there is none. */
static bi_cdn_file *take(bi_cdn_cache *cache, const char *target) {
    for (bi_cdn_file **at = &cache->first; *at; at = &(*at)->next) {
        bi_cdn_file *file = *at;
        if (strcmp(file->target, target) != 0)
            continue;
        *at = file->next;
        file->next = NULL;
        cache->count--;
        cache->bytes -= size_of(file);
        return file;
    }
    return NULL;
}

static void put_in_front(bi_cdn_cache *cache, bi_cdn_file *file) {
    file->next = cache->first;
    cache->first = file;
    cache->count++;
    cache->bytes += size_of(file);
}

static void drop_last(bi_cdn_cache *cache) {
    bi_cdn_file *last = cache->first;
    while (last->next)
        last = last->next;
    bi_cdn_forget(cache, last->target);
}

bi_cdn_file *bi_cdn_find(bi_cdn_cache *cache, const char *target) {
    bi_cdn_file *file = take(cache, target);
    if (!file)
        return NULL;
    put_in_front(cache, file);
    file->references++;
    return file;
}

static bi_cdn_file *new_file(const char *target, bi_span etag) {
    bi_cdn_file *file = bi_alloc(sizeof *file);
    if (!file)
        return NULL;
    file->references = 1;
    file->target = bi_copy(target, strlen(target));
    file->etag = bi_copy(etag.text, etag.length);
    if (file->target && file->etag)
        return file;
    bi_cdn_file_release(file);
    return NULL;
}

void bi_cdn_keep(bi_cdn_cache *cache, const char *target, bi_wire_answer *answer) {
    bi_span etag;
    bi_cdn_forget(cache, target);
    if (!bi_headers_find(&answer->fields, "etag", &etag) || etag.length == 0 ||
        etag.length > ETAG_MOST || answer->body.length > BI_CDN_BYTES / 2 ||
        bi_header_check("If-None-Match", 13, etag.text, etag.length))
        return;
    bi_cdn_file *file = new_file(target, etag);
    if (!file)
        return;
    file->body = answer->body;
    answer->body = (bi_bytes){.secret = file->body.secret};
    bi_bytes_trim(&file->body);
    put_in_front(cache, file);
    while (cache->count > BI_CDN_FILES || (cache->bytes > BI_CDN_BYTES && cache->count > 1))
        drop_last(cache);
}

void bi_cdn_forget(bi_cdn_cache *cache, const char *target) {
    bi_cdn_file_release(take(cache, target));
}

void bi_cdn_clear(bi_cdn_cache *cache) {
    while (cache->first)
        bi_cdn_forget(cache, cache->first->target);
}
