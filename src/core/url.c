/* URLs of src/core/url.h: checking what a user configured, putting paths and queries together,
 * taking a redirect's query apart. RFC 3986, and the form encoding of the WHATWG URL standard. */
#include "core/url.h"

#include "core/ascii.h"
#include "core/json.h"

#include <limits.h>
#include <string.h>

#define PART_MAX 1024

static bool has_controls(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (bi_ascii_is_control(text[i]))
            return true;
    return false;
}

static bool has_char(const char *text, size_t length, char c) {
    return length > 0 && memchr(text, c, length) != NULL;
}

/* What neither a URL nor a path may hold anywhere. Bytes beyond ASCII pass here: servers take them
 * in paths. */
static const char *check_characters(const char *text, size_t length) {
    if (has_controls(text, length))
        return "it holds control characters";
    if (has_char(text, length, ' '))
        return "it holds spaces";
    if (has_char(text, length, '\\'))
        return "it holds a backslash";
    if (has_char(text, length, '#'))
        return "it holds a fragment (#)";
    return NULL;
}

/* Takes what stands before the first of `stops` off the front of `rest`. */
static bi_span take_until(bi_span *rest, const char *stops) {
    size_t n = 0;
    while (n < rest->length && (rest->text[n] == '\0' || !strchr(stops, rest->text[n])))
        n++;
    bi_span taken = {rest->text, n};
    rest->text += n;
    rest->length -= n;
    return taken;
}

/* --- Hosts ------------------------------------------------------------------------------------ */

/* Four decimal numbers without leading zeros (which some resolvers take for octal). */
static bool is_ipv4(const char *text, size_t length) {
    int parts = 0, digits = 0, value = 0;
    for (size_t i = 0; i <= length; i++) {
        if (i == length || text[i] == '.') {
            if (digits == 0 || ++parts > 4)
                return false;
            digits = value = 0;
            continue;
        }
        if (!bi_ascii_is_digit(text[i]) || (digits > 0 && value == 0))
            return false;
        value = value * 10 + (text[i] - '0');
        digits++;
        if (value > 255)
            return false;
    }
    return parts == 4;
}

/* RFC 3986, 3.2.2: eight groups, or fewer around one "::"; the last two may be an IPv4 address. */
static bool is_ipv6(const char *text, size_t length) {
    int groups = 0;
    bool gap = false;
    size_t i = 0;
    if (length < 2 || (text[0] == ':' && text[1] != ':'))
        return false;
    while (i < length) {
        if (text[i] == ':') { /* stands behind a group, or opens the text as "::" */
            bool twice = i + 1 < length && text[i + 1] == ':';
            if ((twice && gap) || (!twice && i + 1 == length))
                return false;
            gap |= twice;
            i += twice ? 2 : 1;
            if (twice && i < length && text[i] == ':')
                return false;
        }
        size_t start = i;
        while (i < length && bi_ascii_hex(text[i]) >= 0)
            i++;
        if (i < length && text[i] == '.') {
            groups += 2;
            return is_ipv4(text + start, length - start) && (gap ? groups < 8 : groups == 8);
        }
        if (i - start > 4 || (i < length && text[i] != ':') || (i == start && i < length))
            return false;
        groups += i > start;
    }
    return gap ? groups < 8 : groups == 8;
}

/* Letters, digits, "-", "_" and single dots. Percent escapes are refused: libcurl undoes them, so
 * the host that is checked would not be the host that is asked. Names beyond ASCII are to be given
 * in their xn-- form. */
static const char *check_name(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '.' && (i == 0 || text[i - 1] == '.'))
            return "its host has an empty part";
        if (!bi_ascii_is_alnum(c) && c != '-' && c != '_' && c != '.')
            return "its host holds a character that no host name has";
    }
    return length > 253 ? "its host is too long" : NULL;
}

/* Splits "[::1]:80" or "name:80". */
static const char *split_host(bi_url *url, bi_span rest) {
    if (rest.length > 0 && rest.text[0] == '[') {
        rest.text++;
        rest.length--;
        url->host = take_until(&rest, "]");
        if (rest.length == 0 || !is_ipv6(url->host.text, url->host.length))
            return "its host is no IPv6 address";
        rest.text++;
        rest.length--;
        if (rest.length > 0 && rest.text[0] != ':')
            return "something stands between its host and its path";
    } else {
        url->host = take_until(&rest, ":");
        if (url->host.length == 0)
            return "it has no host";
        const char *why = check_name(url->host.text, url->host.length);
        if (why)
            return why;
    }
    url->port = (bi_span){rest.text, 0};
    if (rest.length > 0)
        url->port = (bi_span){rest.text + 1, rest.length - 1};
    return NULL;
}

/* -1 when it is none; 0 when there is none. */
static long port_number(bi_span port) {
    long value = 0;
    if (port.length == 0)
        return 0;
    if (port.length > 5)
        return -1;
    for (size_t i = 0; i < port.length; i++) {
        if (!bi_ascii_is_digit(port.text[i]))
            return -1;
        value = value * 10 + (port.text[i] - '0');
    }
    return value >= 1 && value <= 65535 ? value : -1;
}

/* --- Whole URLs ------------------------------------------------------------------------------- */

static bool take_scheme(bi_url *url, bi_span *rest) {
    url->scheme = take_until(rest, ":");
    if (url->scheme.length == 0 || !bi_ascii_is_alpha(url->scheme.text[0]))
        return false;
    for (size_t i = 0; i < url->scheme.length; i++) {
        char c = url->scheme.text[i];
        if (!bi_ascii_is_alnum(c) && c != '+' && c != '-' && c != '.')
            return false;
    }
    if (rest->length < 3 || memcmp(rest->text, "://", 3) != 0)
        return false;
    rest->text += 3;
    rest->length -= 3;
    return true;
}

const char *bi_url_parse(bi_url *url, const char *text, size_t length) {
    bi_span rest = {text, length};
    *url = (bi_url){0};
    if (length == 0)
        return "it is empty";
    const char *why = check_characters(text, length);
    if (why)
        return why;
    if (!take_scheme(url, &rest))
        return "it has no scheme (such as https://)";
    bi_span authority = take_until(&rest, "/?");
    if (has_char(authority.text, authority.length, '@'))
        return "it holds a user name";
    why = split_host(url, authority);
    if (why)
        return why;
    if (port_number(url->port) < 0)
        return "its port is no number from 1 to 65535";
    url->path = take_until(&rest, "?");
    if (rest.length > 0)
        url->query = (bi_span){rest.text + 1, rest.length - 1};
    return NULL;
}

bool bi_url_is_https(const bi_url *url) {
    return bi_ascii_is(url->scheme.text, url->scheme.length, "https");
}

bool bi_url_is_loopback(const bi_url *url) {
    static const char suffix[] = ".localhost"; /* RFC 6761, 6.3 */
    const char *host = url->host.text;
    size_t length = url->host.length, tail = sizeof suffix - 1;
    if (bi_ascii_is(host, length, "localhost") || bi_ascii_is(host, length, "::1"))
        return true;
    if (length > tail && bi_ascii_is(host + length - tail, tail, suffix))
        return true;
    return is_ipv4(host, length) && memcmp(host, "127.", 4) == 0;
}

static long effective_port(const bi_url *url) {
    long port = port_number(url->port);
    if (port > 0)
        return port;
    if (bi_url_is_https(url))
        return 443;
    return bi_ascii_is(url->scheme.text, url->scheme.length, "http") ? 80 : 0;
}

bool bi_url_same_origin(const bi_url *a, const bi_url *b) {
    return bi_ascii_equal(a->scheme.text, a->scheme.length, b->scheme.text, b->scheme.length) &&
           bi_ascii_equal(a->host.text, a->host.length, b->host.text, b->host.length) &&
           effective_port(a) == effective_port(b);
}

/* --- Paths ------------------------------------------------------------------------------------ */

/* One character of a path, with the escapes of ".", "/" and "\" undone: servers and proxies undo
 * them before they resolve "..", some of them. */
static char path_char(const char *text, size_t length, size_t *at) {
    char c = text[*at];
    if (c == '%' && length - *at > 2) {
        int high = bi_ascii_hex(text[*at + 1]), low = bi_ascii_hex(text[*at + 2]);
        int value = high < 0 || low < 0 ? -1 : high * 16 + low;
        if (value == '.' || value == '/' || value == '\\') {
            *at += 3;
            return (char)value;
        }
    }
    *at += 1;
    return c;
}

static bool has_dot_segments(const char *text, size_t length) {
    size_t at = 0, dots = 0;
    bool only_dots = true;
    while (at < length) {
        char c = path_char(text, length, &at);
        if (c == '/' || c == '\\') {
            if (only_dots && (dots == 1 || dots == 2))
                return true;
            dots = 0;
            only_dots = true;
        } else if (c == '.') {
            dots++;
        } else {
            only_dots = false;
        }
    }
    return only_dots && (dots == 1 || dots == 2);
}

const char *bi_url_check_base(const char *text, size_t length, bool allow_http) {
    bi_url url;
    const char *why = bi_url_parse(&url, text, length);
    if (why)
        return why;
    bool https = bi_url_is_https(&url);
    if (!https && !bi_ascii_is(url.scheme.text, url.scheme.length, "http"))
        return "its scheme is neither https nor http";
    if (!https && !allow_http && !bi_url_is_loopback(&url))
        return "it is plain http to a host that is not this machine (use https)";
    if (url.query.text)
        return "it holds a query";
    if (has_dot_segments(url.path.text, url.path.length))
        return "its path holds \".\" or \"..\"";
    return NULL;
}

const char *bi_url_check_part(const char *text, size_t length) {
    if (length == 0)
        return "it is empty";
    if (length > PART_MAX)
        return "it is longer than 1024 bytes";
    if (text[0] == '.' && (length == 1 || (length == 2 && text[1] == '.')))
        return "it is \".\" or \"..\"";
    return has_controls(text, length) ? "it holds control characters" : NULL;
}

const char *bi_url_split_project(const char *text, size_t length, bi_span parts[2]) {
    const char *slash = length ? memchr(text, '/', length) : NULL;
    size_t first = slash ? (size_t)(slash - text) : 0;
    if (!slash || memchr(slash + 1, '/', length - first - 1) || memchr(text, ' ', length))
        return "it is not \"org-slug/project-slug\"";
    parts[0] = (bi_span){text, first};
    parts[1] = (bi_span){slash + 1, length - first - 1};
    if (!bi_utf8_is_valid(text, length))
        return "it is not valid UTF-8";
    const char *why = bi_url_check_part(parts[0].text, parts[0].length);
    return why ? why : bi_url_check_part(parts[1].text, parts[1].length);
}

const char *bi_url_check_path(const char *text, size_t length) {
    if (length == 0 || text[0] != '/')
        return "it does not start with \"/\"";
    if (length > 1 && text[1] == '/')
        return "it starts with \"//\"";
    const char *why = check_characters(text, length);
    if (why)
        return why;
    bi_span rest = {text, length};
    bi_span path = take_until(&rest, "?");
    return has_dot_segments(path.text, path.length) ? "it holds \".\" or \"..\"" : NULL;
}

/* --- Encoding --------------------------------------------------------------------------------- */

static bool add_escape(bi_bytes *out, char c) {
    static const char digits[] = "0123456789ABCDEF";
    unsigned char byte = (unsigned char)c;
    const char escape[3] = {'%', digits[byte >> 4], digits[byte & 15]};
    return bi_bytes_add(out, escape, sizeof escape);
}

bool bi_url_add_part(bi_bytes *out, const char *text, size_t length) {
    size_t run = 0; /* where those begin that stay as they are */
    for (size_t i = 0; i < length; i++) {
        if (bi_ascii_is_unreserved(text[i]))
            continue;
        bi_bytes_add(out, text + run, i - run);
        add_escape(out, text[i]);
        run = i + 1;
    }
    return bi_bytes_add(out, text + run, length - run);
}

/* application/x-www-form-urlencoded of the WHATWG: "*" stays, "~" does not, a space is "+". */
static bool add_form_text(bi_bytes *out, const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        bool plain = c == '*' || (c != '~' && bi_ascii_is_unreserved(c));
        bool added;
        if (plain || c == ' ')
            added = bi_bytes_add_char(out, plain ? c : '+');
        else
            added = add_escape(out, c);
        if (!added)
            return false;
    }
    return !out->failed;
}

bool bi_form_add(bi_bytes *out, size_t start, const char *name, size_t name_length,
                 const char *value, size_t value_length) {
    if (out->length > start && !bi_bytes_add_char(out, '&'))
        return false;
    return add_form_text(out, name, name_length) && bi_bytes_add_char(out, '=') &&
           add_form_text(out, value, value_length);
}

bool bi_url_add_query(bi_bytes *url, const char *name, size_t name_length, const char *value,
                      size_t value_length) {
    bool has_query = has_char(url->data, url->length, '?');
    char last = url->length > 0 ? url->data[url->length - 1] : '\0';
    if (!has_query && !bi_bytes_add_char(url, '?'))
        return false;
    if (has_query && last != '?' && last != '&' && !bi_bytes_add_char(url, '&'))
        return false;
    return bi_url_add_part(url, name, name_length) && bi_bytes_add_char(url, '=') &&
           bi_url_add_part(url, value, value_length);
}

/* --- Taking a query apart --------------------------------------------------------------------- */

/* The next byte of form-encoded text; -1 for a broken escape. */
static int form_char(bi_span text, size_t *at) {
    char c = text.text[(*at)++];
    if (c == '+')
        return ' ';
    if (c != '%')
        return (unsigned char)c;
    if (text.length - *at < 2)
        return -1;
    int high = bi_ascii_hex(text.text[*at]), low = bi_ascii_hex(text.text[*at + 1]);
    *at += 2;
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

static bool form_equals(bi_span text, const char *name) {
    size_t at = 0, i = 0, length = strlen(name);
    while (at < text.length) {
        int byte = form_char(text, &at);
        if (byte < 0 || i == length || (unsigned char)name[i++] != byte)
            return false;
    }
    return i == length;
}

static bool form_decode(bi_span text, bi_bytes *out) {
    for (size_t at = 0; at < text.length;)
        if (form_char(text, &at) < 0)
            return false;
    if (!bi_bytes_reserve(out, text.length))
        return false;
    for (size_t at = 0; at < text.length;)
        bi_bytes_add_char(out, (char)form_char(text, &at));
    return true;
}

int bi_query_find(bi_span query, const char *name, bi_bytes *out) {
    int count = 0;
    while (query.length > 0) {
        bi_span pair = take_until(&query, "&");
        if (query.length > 0) { /* the '&' */
            query.text++;
            query.length--;
        }
        if (pair.length == 0)
            continue;
        bi_span found = take_until(&pair, "=");
        if (!form_equals(found, name))
            continue;
        bi_span value = {pair.text, 0};
        if (pair.length > 0)
            value = (bi_span){pair.text + 1, pair.length - 1};
        if (count == 0 && !form_decode(value, out))
            return -1;
        if (count < INT_MAX)
            count++;
    }
    return count;
}
