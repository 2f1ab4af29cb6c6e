/* Where a list goes on: recognises every paging style of API.md from the answer itself and makes one opaque text of it,
 * which a later call takes back. Called by the binding. */
#ifndef BI_CORE_PAGE_H
#define BI_CORE_PAGE_H

#include "core/bytes.h"
#include "core/url.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the binding found in an answer; -1 stands for a number that is not there. */
typedef struct bi_page {
    const bi_bytes *fields; /* header lines, for Link; borrowed */
    bi_span asked;          /* the query of the request, without "?"; borrowed */
    bool has_cursor_member; /* nextCursor or next_cursor is there, be it null */
    bi_span cursor;         /* its value; empty when null; borrowed */
    int64_t page, limit, total;
    int has_more; /* 1, 0, or -1 when not said */
    size_t count; /* items on this page */
} bi_page;

/* Appends what leads to the next page to `next`, or nothing on the last one. False: no memory. */
bool bi_page_next(bi_bytes *next, const bi_page *page);

/* How many pages are known to follow this one, or 0: only a list that counts its items in numbered pages says so. Where
 * there are any, bi_page_skip leads to each. */
int64_t bi_page_ahead(const bi_page *page);

/* Writes what leads `pages` further than `next` does; false when `next` is no numbered page's. */
#define BI_PAGE_NUMBERED 32
bool bi_page_skip(char to[BI_PAGE_NUMBERED], const char *next, size_t length, int64_t pages);

/* Makes `target` (path and query of a list's first page) the one of the page that `next` leads to. NULL, or why `next`
 * is refused: not from bi_page_next, or it points to another host than `base`. Static text. */
const char *bi_page_apply(bi_bytes *target, const char *base, const char *next, size_t length);

#endif
