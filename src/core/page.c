/* Paging styles (src/core/page.h). A next page is written as one of
 *     cursor:<value>    page:<number>    link:<target of the Link field>
 * The style that says more wins: an explicit cursor, then Link (RFC 8288), then page numbers. */
#include "core/page.h"

#include "core/headers.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NUMBER_MOST INT64_C(999999999999999999) /* 18 digits: what bi_page_skip takes */

/* What the query that was sent says of paging; -1 stands for a number that is not there or none. */
typedef struct bi_asked {
    int64_t page, limit;
    bool
        by_cursor; /* a list that is walked by cursor ends where none comes; its total is no page number */
    bool failed; /* no memory: it is not known */
} bi_asked;

static int64_t read_number(const bi_bytes *digits) {
    int64_t number = digits->length > 0 && digits->length < 10 ? 0 : -1;
    for (size_t i = 0; i < digits->length && number >= 0; i++)
        number = digits->data[i] >= '0' && digits->data[i] <= '9'
                     ? number * 10 + (digits->data[i] - '0')
                     : -1;
    return number;
}

static int64_t find_number(bi_asked *asked, bi_span query, const char *name) {
    bi_bytes value = {0};
    int64_t number = bi_query_find(query, name, &value) > 0 ? read_number(&value) : -1;
    asked->failed |= value.failed;
    bi_bytes_clear(&value);
    return number;
}

static bi_asked read_asked(const bi_page *page) {
    bi_asked asked = {0};
    bi_bytes cursor = {0};
    asked.by_cursor = bi_query_find(page->asked, "cursor", &cursor) != 0;
    asked.failed = cursor.failed;
    bi_bytes_clear(&cursor);
    asked.page = find_number(&asked, page->asked, "page");
    asked.limit = find_number(&asked, page->asked, "limit");
    return asked;
}

static int64_t first_known(int64_t a, int64_t b, int64_t c) {
    if (a >= 0)
        return a;
    return b >= 0 ? b : c;
}

static int64_t this_number(const bi_page *page, const bi_asked *asked) {
    return first_known(page->page, asked->page, 1);
}

/* Items on a whole page; 0 when nothing tells. A service that answers with fewer than it was asked for, and says no
 * limit, has one of its own, unless this is the rest of the last page. */
static int64_t page_size(const bi_page *page, const bi_asked *asked, int64_t here) {
    int64_t count = (int64_t)page->count;
    int64_t limit = first_known(page->limit, asked->limit, count);
    if (page->limit >= 0 || count == 0 || count >= limit || limit == 0)
        return limit;
    bool is_rest = here - 1 == page->total / limit && page->total % limit == count;
    return is_rest ? limit : count;
}

/* The number of the last page by what the list counts; 0 when it does not say. */
static int64_t last_number(const bi_page *page, const bi_asked *asked, int64_t here) {
    int64_t size = page->total > 0 ? page_size(page, asked, here) : 0;
    return size > 0 ? (page->total - 1) / size + 1 : 0;
}

/* 0: there is none. */
static int64_t next_number(const bi_page *page, const bi_asked *asked) {
    int64_t here = this_number(page, asked);
    if (here >= NUMBER_MOST || asked->by_cursor)
        return 0;
    if (page->has_more >= 0)
        return page->has_more ? here + 1 : 0;
    return here < last_number(page, asked, here) ? here + 1 : 0;
}

int64_t bi_page_ahead(const bi_page *page) {
    bi_span target;
    if (page->has_cursor_member || bi_headers_link(page->fields, "next", &target))
        return 0;
    const bi_asked asked = read_asked(page);
    if (asked.failed || next_number(page, &asked) == 0)
        return 0;
    int64_t here = this_number(page, &asked), last = last_number(page, &asked, here);
    return last > here ? last - here : 0;
}

bool bi_page_next(bi_bytes *next, const bi_page *page) {
    bi_span target;
    if (page->has_cursor_member) {
        if (page->cursor.length > 0) {
            bi_bytes_add_text(next, "cursor:");
            bi_bytes_add(next, page->cursor.text, page->cursor.length);
        }
    } else if (bi_headers_link(page->fields, "next", &target)) {
        bi_bytes_add_text(next, "link:");
        bi_bytes_add(next, target.text, target.length);
    } else {
        const bi_asked asked = read_asked(page);
        int64_t number = next_number(page, &asked);
        if (asked.failed) /* else a list would end early, and nobody would know */
            return false;
        if (number > 0)
            bi_bytes_add_format(next, "page:%" PRId64, number);
    }
    return !next->failed;
}

bool bi_page_skip(char to[BI_PAGE_NUMBERED], const char *next, size_t length, int64_t pages) {
    static const char prefix[] = "page:";
    size_t skip = sizeof prefix - 1;
    if (length <= skip || length > skip + 18 || memcmp(next, prefix, skip) != 0)
        return false;
    int64_t number = 0;
    for (size_t i = skip; i < length; i++) {
        if (next[i] < '0' || next[i] > '9')
            return false;
        number = number * 10 + (next[i] - '0');
    }
    if (pages < 0 || pages > INT64_MAX - number)
        return false;
    snprintf(to, BI_PAGE_NUMBERED, "%s%" PRId64, prefix, number + pages);
    return true;
}

/* Replaces the value of one query parameter: what it had is cut out, the new one put behind. */
static void set_parameter(bi_bytes *target, const char *name, const char *value, size_t length) {
    size_t name_length = strlen(name);
    char *query = strchr(target->data, '?');
    for (char *at = query ? query + 1 : NULL; at && *at;) {
        size_t size = strcspn(at, "&");
        char *behind = at + size + (at[size] == '&');
        if (strncmp(at, name, name_length) == 0 && at[name_length] == '=') {
            memmove(at, behind, strlen(behind) + 1);
            target->length = strlen(target->data);
        } else
            at = behind;
    }
    while (target->length > 0 &&
           (target->data[target->length - 1] == '&' || target->data[target->length - 1] == '?'))
        target->data[--target->length] = '\0';
    bi_url_add_query(target, name, name_length, value, length);
}

/* A target as RFC 3986, 5.2 resolves it, of the forms that servers send: absolute, "/path", "?query". */
static const char *apply_link(bi_bytes *target, const char *base, const char *link, size_t length) {
    bi_url at, to;
    size_t prefix = 0;
    if (bi_url_parse(&at, base, strlen(base)) != NULL)
        return "the host options are unusable";
    if (length > 0 && link[0] == '?') {
        target->length = strcspn(target->data, "?");
        target->data[target->length] = '\0';
        if (!bi_bytes_add(target, link, length))
            return "not enough memory";
        return bi_url_check_path(target->data, target->length)
                   ? "the link to the next page is not a URL that can be used"
                   : NULL;
    }
    if (length > 0 && link[0] != '/') {
        if (bi_url_parse(&to, link, length) != NULL)
            return "the link to the next page is not a URL that can be used";
        if (!bi_url_same_origin(&at, &to))
            return "the link to the next page leads to another host, where the token must not go";
        prefix = (size_t)(to.path.text - link);
    }
    const char *path = link + prefix;
    size_t rest = length - prefix;
    if (rest < at.path.length || memcmp(path, at.path.text, at.path.length) != 0)
        return "the link to the next page leads outside the API";
    path += at.path.length;
    rest -= at.path.length;
    if (bi_url_check_path(path, rest) != NULL)
        return "the link to the next page is not a URL that can be used";
    bi_bytes_reset(target);
    return bi_bytes_add(target, path, rest) ? NULL : "not enough memory";
}

const char *bi_page_apply(bi_bytes *target, const char *base, const char *next, size_t length) {
    static const struct {
        const char *prefix, *parameter;
    } styles[] = {{"cursor:", "cursor"}, {"page:", "page"}};
    for (size_t i = 0; i < sizeof styles / sizeof styles[0]; i++) {
        size_t skip = strlen(styles[i].prefix);
        if (length > skip && memcmp(next, styles[i].prefix, skip) == 0) {
            set_parameter(target, styles[i].parameter, next + skip, length - skip);
            return target->failed ? "not enough memory" : NULL;
        }
    }
    if (length > 5 && memcmp(next, "link:", 5) == 0)
        return apply_link(target, base, next + 5, length - 5);
    return "it is not the `next` of an earlier response";
}
