/* Header fields of src/core/headers.h: the walk over a block, and the two structured fields that
 * the client reads, Link (RFC 8288) and WWW-Authenticate (RFC 9110, 11.6.1). Every parser goes
 * forward only, so hostile fields cost linear time. */
#include "core/headers.h"

#include "core/ascii.h"

#include <string.h>

static bi_span trimmed(const char *text, size_t length) {
    while (length > 0 && bi_ascii_is_blank(text[0])) {
        text++;
        length--;
    }
    while (length > 0 && bi_ascii_is_blank(text[length - 1]))
        length--;
    return (bi_span){text, length};
}

/* Most of what is asked for are letters and hyphens: the others cost a search each. */
static bool is_token(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (!bi_ascii_is_alpha(text[i]) && text[i] != '-' && !bi_ascii_is_tchar(text[i]))
            return false;
    return length > 0;
}

const char *bi_header_check(const char *name, size_t name_length, const char *value,
                            size_t value_length) {
    if (name_length == 0)
        return "its name is empty";
    if (!is_token(name, name_length))
        return "its name holds a character that no header name has";
    for (size_t i = 0; i < value_length; i++)
        if (bi_ascii_is_control(value[i]))
            return "its value holds control characters";
    if (value_length > 0 && (value[0] == ' ' || value[value_length - 1] == ' '))
        return "its value starts or ends with a space";
    return NULL;
}

/* --- Walking and finding ---------------------------------------------------------------------- */

/* A line without its end. A bare "\n" ends one too (RFC 9112, 2.2); the last one may have no end
 * at all. */
static bool next_line(const bi_bytes *block, size_t *at, bi_span *line) {
    if (!block->data || *at >= block->length)
        return false;
    const char *start = block->data + *at;
    size_t left = block->length - *at;
    const char *end = memchr(start, '\n', left);
    size_t length = end ? (size_t)(end - start) : left;
    *at += end ? length + 1 : length;
    if (length > 0 && start[length - 1] == '\r')
        length--;
    *line = (bi_span){start, length};
    return true;
}

bool bi_headers_next(const bi_bytes *block, size_t *at, bi_span *name, bi_span *value) {
    bi_span line;
    while (next_line(block, at, &line)) {
        const char *colon = line.length ? memchr(line.text, ':', line.length) : NULL;
        size_t length = colon ? (size_t)(colon - line.text) : 0;
        if (!is_token(line.text, length))
            continue;
        *name = (bi_span){line.text, length};
        *value = trimmed(colon + 1, line.length - length - 1);
        return true;
    }
    return false;
}

/* What is equal to a name is a token: nothing needs to be checked. */
static bool is_field(bi_span line, const char *name, size_t length, bi_span *value) {
    if (line.length <= length || line.text[length] != ':' ||
        !bi_ascii_equal(line.text, length, name, length))
        return false;
    *value = trimmed(line.text + length + 1, line.length - length - 1);
    return true;
}

/* The next field of that name from *at on. */
static bool next_named(const bi_bytes *block, size_t *at, const char *wanted, bi_span *value) {
    size_t length = strlen(wanted);
    bi_span line;
    while (next_line(block, at, &line))
        if (is_field(line, wanted, length, value))
            return true;
    return false;
}

bool bi_headers_find(const bi_bytes *block, const char *name, bi_span *value) {
    size_t at = 0;
    bi_span found;
    if (!next_named(block, &at, name, &found))
        return false;
    *value = found;
    return true;
}

/* --- Media types ------------------------------------------------------------------------------ */

static bool media_type(const bi_bytes *block, bi_span *type) {
    if (!bi_headers_find(block, "Content-Type", type))
        return false;
    const char *semicolon = type->length ? memchr(type->text, ';', type->length) : NULL;
    *type = trimmed(type->text, semicolon ? (size_t)(semicolon - type->text) : type->length);
    return true;
}

bool bi_headers_type_is(const bi_bytes *block, const char *type) {
    bi_span found;
    return media_type(block, &found) && bi_ascii_is(found.text, found.length, type);
}

bool bi_headers_type_is_html(const bi_bytes *block) {
    bi_span found;
    return media_type(block, &found) &&
           (bi_ascii_is(found.text, found.length, "text/html") ||
            bi_ascii_is(found.text, found.length, "application/xhtml+xml"));
}

/* --- Parts of structured fields --------------------------------------------------------------- */

typedef struct cursor {
    const char *at, *end;
} cursor;

typedef struct parameter {
    bi_span name;
    bi_span value; /* without the quotes, quoted-pairs not yet undone */
    bool quoted;
} parameter;

static void skip_blanks(cursor *c) {
    while (c->at < c->end && bi_ascii_is_blank(*c->at))
        c->at++;
}

/* Empty list elements are allowed (RFC 9110, 5.6.1.2). */
static void skip_commas(cursor *c) {
    while (c->at < c->end && (bi_ascii_is_blank(*c->at) || *c->at == ','))
        c->at++;
}

static bool take(cursor *c, char wanted) {
    if (c->at == c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

static bi_span take_token(cursor *c) {
    const char *start = c->at;
    while (c->at < c->end && bi_ascii_is_tchar(*c->at))
        c->at++;
    return (bi_span){start, (size_t)(c->at - start)};
}

/* The inside of a quoted-string whose opening quote was taken; false when it does not end. */
static bool take_quoted(cursor *c, bi_span *inside) {
    const char *start = c->at;
    for (; c->at < c->end; c->at++) {
        if (*c->at == '"') {
            *inside = (bi_span){start, (size_t)(c->at++ - start)};
            return true;
        }
        if (*c->at == '\\' && c->end - c->at > 1)
            c->at++;
    }
    return false;
}

/* What stands behind "=": a quoted-string, or everything up to a comma, a semicolon or a blank.
 * That is more than a token, since services write scope=a:b and type=text/html without quotes. */
static bool take_value(cursor *c, parameter *p) {
    skip_blanks(c);
    p->quoted = take(c, '"');
    if (p->quoted)
        return take_quoted(c, &p->value);
    const char *start = c->at;
    while (c->at < c->end && *c->at != ',' && *c->at != ';' && !bi_ascii_is_blank(*c->at))
        c->at++;
    p->value = (bi_span){start, (size_t)(c->at - start)};
    return true;
}

/* To the comma that ends a broken element; commas in quotes do not count. */
static void skip_element(cursor *c) {
    bi_span ignored;
    while (c->at < c->end && *c->at != ',') {
        if (*c->at++ == '"' && !take_quoted(c, &ignored))
            return;
    }
}

/* --- Link ------------------------------------------------------------------------------------- */

/* Whether `relation` is one of the words of a rel value; quoted-pairs are undone on the way. */
static bool relation_among(const parameter *rel, const char *relation) {
    size_t length = strlen(relation), matched = 0;
    bool same = true;
    for (size_t i = 0; i < rel->value.length; i++) {
        char c = rel->value.text[i];
        if (bi_ascii_is_blank(c)) {
            if (same && matched == length)
                return true;
            same = true;
            matched = 0;
            continue;
        }
        if (rel->quoted && c == '\\' && i + 1 < rel->value.length)
            c = rel->value.text[++i];
        same = same && matched < length && bi_ascii_lower(c) == bi_ascii_lower(relation[matched]);
        matched++;
    }
    return same && matched == length;
}

/* Reads "; name=value" once. False at the end of the link, and when it is broken, which leaves *ok
 * false. */
static bool next_link_parameter(cursor *c, parameter *p, bool *ok) {
    do
        skip_blanks(c);
    while (take(c, ';'));
    *p = (parameter){0};
    if (c->at == c->end || *c->at == ',')
        return false;
    p->name = take_token(c);
    skip_blanks(c);
    *ok = p->name.length > 0 && (!take(c, '=') || take_value(c, p));
    return *ok;
}

/* One link-value (RFC 8288, 3). *wanted tells whether it has the relation. */
static bool next_link(cursor *c, const char *relation, bi_span *target, bool *wanted) {
    bool ok = true, rel_seen = false, anchored = false;
    parameter p;
    *wanted = false;
    skip_commas(c);
    if (c->at == c->end)
        return false;
    const char *close = *c->at == '<' ? memchr(c->at, '>', (size_t)(c->end - c->at)) : NULL;
    if (!close) {
        if (*c->at == '<')
            c->at = c->end;
        skip_element(c);
        return true;
    }
    *target = (bi_span){c->at + 1, (size_t)(close - c->at - 1)};
    c->at = close + 1;
    while (next_link_parameter(c, &p, &ok)) {
        anchored |= bi_ascii_is(p.name.text, p.name.length, "anchor");
        if (!rel_seen && bi_ascii_is(p.name.text, p.name.length, "rel")) {
            rel_seen = true; /* only the first one counts: RFC 8288, 3.3 */
            *wanted = relation_among(&p, relation);
        }
    }
    *wanted = *wanted && ok && !anchored;
    skip_element(c);
    return true;
}

bool bi_headers_link(const bi_bytes *block, const char *relation, bi_span *target) {
    size_t at = 0;
    bi_span value, found;
    bool wanted;
    if (relation[0] == '\0')
        return false;
    while (next_named(block, &at, "Link", &value)) {
        cursor c = {value.text, value.text + value.length};
        while (next_link(&c, relation, &found, &wanted)) {
            if (wanted) {
                *target = found;
                return true;
            }
        }
    }
    return false;
}

/* --- Bearer challenges ------------------------------------------------------------------------ */

/* Passes over the token68 that may follow a scheme: it would read as a parameter ("Negotiate
 * YII="). */
static void skip_token68(cursor *c) {
    cursor ahead = *c;
    skip_blanks(&ahead);
    const char *start = ahead.at;
    while (ahead.at < ahead.end &&
           (bi_ascii_is_unreserved(*ahead.at) || *ahead.at == '+' || *ahead.at == '/'))
        ahead.at++;
    if (ahead.at == start)
        return;
    while (take(&ahead, '='))
        continue;
    skip_blanks(&ahead);
    if (ahead.at == ahead.end || *ahead.at == ',')
        *c = ahead;
}

/* The next parameter of a challenge, whose scheme (kept from call to call) is in *bearer. */
static bool next_challenge_parameter(cursor *c, bool *bearer, parameter *p) {
    for (;;) {
        skip_commas(c);
        if (c->at == c->end)
            return false;
        p->name = take_token(c);
        cursor behind = *c;
        skip_blanks(&behind);
        if (p->name.length > 0 && take(&behind, '=')) {
            *c = behind;
            return take_value(c, p);
        }
        if (p->name.length > 0 && (c->at == c->end || bi_ascii_is_blank(*c->at) || *c->at == ',')) {
            *bearer = bi_ascii_is(p->name.text, p->name.length, "Bearer");
            skip_token68(c);
        } else {
            skip_element(c);
        }
    }
}

static bool add_value(bi_bytes *out, const parameter *p) {
    if (!bi_bytes_reserve(out, p->value.length))
        return false;
    for (size_t i = 0; i < p->value.length; i++) {
        if (p->quoted && p->value.text[i] == '\\' && i + 1 < p->value.length)
            i++;
        if (!bi_bytes_add_char(out, p->value.text[i]))
            return false;
    }
    return !out->failed;
}

bool bi_headers_challenge(const bi_bytes *block, const char *parameter_name, bi_bytes *out) {
    size_t at = 0;
    bi_span value;
    parameter p = {0};
    while (next_named(block, &at, "WWW-Authenticate", &value)) {
        cursor c = {value.text, value.text + value.length};
        bool bearer = false;
        while (next_challenge_parameter(&c, &bearer, &p))
            if (bearer && bi_ascii_is(p.name.text, p.name.length, parameter_name))
                return add_value(out, &p);
    }
    return false;
}

/* In the order in which they count, found in one walk. */
bool bi_headers_request_id(const bi_bytes *block, bi_span *id) {
    static const char *const names[] = {"x-request-id", "request-id", "cf-ray"};
    size_t best = sizeof names / sizeof names[0], at = 0;
    bi_span line;
    while (best > 0 && next_line(block, &at, &line))
        for (size_t i = 0; i < best; i++)
            if (is_field(line, names[i], strlen(names[i]), id))
                best = i;
    return best < sizeof names / sizeof names[0];
}
