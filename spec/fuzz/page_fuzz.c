/* libFuzzer: any bytes as what a list's answer says about its next page: numbers first, then the cursor or the header
 * fields. Where a next page is named, following it gives a path of the same host or a refusal, twice the same; numbered
 * pages count up. */
#include "core/memory.h"
#include "core/page.h"
#include "must.h"

#define BASE "https://api.example.com/base"
#define FIRST "/v1/list?limit=20&page=1"

/* Where `next` leads to from the first page; false: nowhere. */
static bool follow(bi_bytes *target, const char *next, size_t length) {
    bi_bytes_add_text(target, FIRST);
    const char *refused = bi_page_apply(target, BASE, next, length);
    MUST(!target->failed);
    return !refused;
}

/* The target of a cursor is encoded, so it is a path whatever the cursor holds. */
static void check_target(const char *next, size_t length) {
    bi_bytes target = {0}, again = {0};
    if (follow(&target, next, length)) {
        bi_url base, whole;
        bi_bytes url = {0};
        MUST(!bi_url_check_path(bi_bytes_text(&target), target.length));
        bi_bytes_add_text(&url, BASE);
        bi_bytes_add(&url, target.data, target.length);
        MUST(!bi_url_parse(&base, BASE, strlen(BASE)) &&
             !bi_url_parse(&whole, url.data, url.length));
        MUST(bi_url_same_origin(&base, &whole));
        MUST(follow(&again, next, length) && again.length == target.length);
        MUST(memcmp(again.data, target.data, target.length) == 0);
        bi_bytes_clear(&url);
    }
    bi_bytes_clear(&target);
    bi_bytes_clear(&again);
}

/* The page behind the next is the next one's number and one. */
static void check_numbers(const bi_page *page, const bi_bytes *next) {
    char further[BI_PAGE_NUMBERED], same[BI_PAGE_NUMBERED];
    const char *text = bi_bytes_text(next);
    int64_t ahead = bi_page_ahead(page);
    MUST(ahead >= 0 && (ahead == 0 || next->length > 0));
    bool numbered = bi_page_skip(same, text, next->length, 0);
    MUST(numbered || ahead == 0);
    if (numbered && bi_page_skip(further, text, next->length, 1)) {
        MUST(strtoll(same + 5, NULL, 10) + 1 == strtoll(further + 5, NULL, 10));
        check_target(further, strlen(further));
    }
}

static int64_t number(const uint8_t **data, size_t *size) {
    int64_t value;
    memcpy(&value, *data, sizeof value);
    *data += sizeof value;
    *size -= sizeof value;
    return value < -1 ? -1 : value;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1 + 4 * sizeof(int64_t))
        return 0;
    long live = bi_memory_live();
    uint8_t how = *data++;
    size--;
    bi_page page = {.has_cursor_member = how & 1, .has_more = how / 2 % 3 - 1};
    page.asked = how & 64 ? (bi_span){"cursor=x", 8} : (bi_span){"limit=20&page=1", 15};
    page.page = number(&data, &size);
    page.limit = number(&data, &size);
    page.total = number(&data, &size);
    page.count = (size_t)number(&data, &size) % 1000;
    char *copy = must_copy(data, size);
    bi_bytes fields = {.data = copy, .length = how & 1 ? 0 : size}, next = {0};
    page.fields = &fields;
    page.cursor = (bi_span){copy, how & 1 ? size : 0};
    MUST(bi_page_next(&next, &page));
    if (next.length > 0)
        check_target(next.data, next.length);
    check_numbers(&page, &next);
    check_target(copy, size);
    bi_bytes_clear(&next);
    free(copy);
    MUST(bi_memory_live() == live);
    return 0;
}
