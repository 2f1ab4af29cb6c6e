/* Taking secrets out of text (bi_redact of src/core/secret.h): one walk with rules that only look ahead, so that it costs
 * linear time whatever the text is. */
#include "core/ascii.h"
#include "core/secret.h"
#include "core/spelling.h"

#include <string.h>

static const char marker[] = "[redacted]";
#define MARKER_LENGTH (sizeof marker - 1)

/* Shorter secrets would blot out ordinary words. */
#define SECRET_MIN 4

/* So much of a known secret at the very end of the text is one that was cut off. */
#define CUT_MIN 8

typedef struct range {
    size_t start, end;
} range;

/* --- Known secrets ---------------------------------------------------------------------------- */

static bool unit_is(const bi_unit *u, const char *text, size_t left, unsigned spellings) {
    if (u->count > left)
        return false;
    if (memcmp(u->bytes, text, u->count) == 0)
        return true;
    /* "+" is a space in a form and itself in a path. */
    return (spellings & BI_SPELLED_PERCENT) && u->spelling == 0 && u->bytes[0] == '+' &&
           text[0] == ' ';
}

/* The end of the secret that starts at `at`, spelled in these ways; `at` when there is none. */
static size_t match_secret(bi_source s, size_t at, const bi_secret *secret, unsigned spellings) {
    size_t start = at, matched = 0;
    while (matched < secret->length) {
        if (at == s.length)
            return matched >= CUT_MIN ? at : start;
        bi_unit u = bi_unit_read(s, at, spellings);
        if (u.cut)
            return matched >= CUT_MIN ? s.length : start;
        if (!unit_is(&u, secret->text + matched, secret->length - matched, spellings))
            return start;
        matched += u.count;
        at += u.length;
    }
    return at;
}

/* The end of the longest known secret that starts at `at`, else `at`. */
static size_t known_end(bi_source s, size_t at, const bi_secret *const *secrets, size_t count) {
    size_t longest = at;
    char c = s.text[at];
    bool escape = c == '%' || c == '\\' || c == '&' || c == '+';
    for (size_t i = 0; i < count; i++) {
        const bi_secret *secret = secrets[i];
        if (!secret || secret->length < SECRET_MIN || (!escape && secret->text[0] != c))
            continue;
        /* Each spelling alone too: the secret itself may hold what looks like an escape. */
        for (unsigned spellings = 0; spellings <= BI_SPELLED_ANY; spellings++) {
            size_t end = match_secret(s, at, secret, spellings);
            longest = end > longest ? end : longest;
        }
    }
    return longest;
}

/* --- Where values end ------------------------------------------------------------------------- */

static bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static size_t skip_spaces(bi_source s, size_t at) {
    while (at < s.length && is_space(s.text[at]))
        at++;
    return at;
}

/* What may stand in a token whose kind is known by its first letters. */
static bool is_token_char(char c) {
    return bi_ascii_is_unreserved(c) || c == '+' || c == '/' || c == '=';
}

static bool ends_value(char c) {
    return is_space(c) || (c != '\0' && strchr("&;,\"'`<>(){}", c) != NULL);
}

static bool ends_line(char c) {
    return c == '\r' || c == '\n' || c == '"' || c == '\'' || c == '<';
}

/* The first character from `at` on for which `ends` says so. Percent escapes count as characters
 * of the value unless `percent`: in
 * "code=a%26b" the value is "a&b", in "code%3Da%26b" it is "a". */
static size_t value_end(bi_source s, size_t at, bool (*ends)(char), bool percent) {
    while (at < s.length) {
        bi_unit u = bi_unit_read(s, at, BI_SPELLED_ANY);
        if (u.cut)
            return s.length;
        bool counts = percent || u.spelling != BI_SPELLED_PERCENT;
        if (counts && u.count == 1 && ends(u.bytes[0]))
            return at;
        at += u.length;
    }
    return at;
}

static bool ends_token(char c) {
    return !is_token_char(c);
}

/* An opening quote: ", ', and as they look inside a JSON string (\"), a query (%22) or HTML
 * (&quot;). */
typedef struct quote {
    char mark;         /* 0: there is none */
    unsigned spelling; /* of the mark; 0 when it stands behind `slashes` backslashes */
    size_t slashes;
} quote;

static bool is_quote(char c) {
    return c == '"' || c == '\'';
}

static quote take_quote(bi_source s, size_t *at) {
    size_t slashes = 0;
    while (*at + slashes < s.length && s.text[*at + slashes] == '\\')
        slashes++;
    if (*at + slashes < s.length && is_quote(s.text[*at + slashes])) {
        quote q = {s.text[*at + slashes], 0, slashes};
        *at += slashes + 1;
        return q;
    }
    if (*at == s.length)
        return (quote){0};
    bi_unit u = bi_unit_read(s, *at, BI_SPELLED_ANY);
    if (u.cut || u.count != 1 || !is_quote(u.bytes[0]))
        return (quote){0};
    *at += u.length;
    return (quote){u.bytes[0], u.spelling, 0};
}

/* In JSON nested n times a quote stands behind 2^n - 1 backslashes, and one that belongs to the
 * value behind more, so that the remainder tells them apart: \\\" inside \"…\" goes on, \\\\\" is
 * a backslash and the end. */
static size_t plain_quote_end(bi_source s, size_t at, quote q) {
    size_t slashes = 0;
    for (; at < s.length; at++) {
        if (s.text[at] == q.mark && slashes % (2 * (q.slashes + 1)) == q.slashes)
            return at - q.slashes;
        slashes = s.text[at] == '\\' ? slashes + 1 : 0;
    }
    return s.length;
}

/* The end of a quoted value: its closing quote, or the end of a text that was cut off. */
static size_t quote_end(bi_source s, size_t at, quote q) {
    if (q.spelling == 0)
        return plain_quote_end(s, at, q);
    while (at < s.length) {
        bi_unit u = bi_unit_read(s, at, BI_SPELLED_ANY);
        bool short_escape = u.spelling == BI_SPELLED_ESCAPED &&
                            u.length == 2; /* \" does not end what \u0022 opened */
        if (u.spelling == q.spelling && u.count == 1 && u.bytes[0] == q.mark && !short_escape)
            return at;
        at += u.length;
    }
    return s.length;
}

/* --- Tokens by their looks -------------------------------------------------------------------- */

static bool is_word_char(char c) {
    return bi_ascii_is_alnum(c) || c == '_' || c == '-';
}

/* Whether a word may begin at `at`: not inside another, but right behind an escape (%26code,
 * \ncode, \u0022code). */
static bool is_word_start(bi_source s, size_t at) {
    if (at == 0 || !is_word_char(s.text[at - 1]))
        return true;
    for (size_t back = 2; back <= 6 && back <= at; back++) {
        char c = s.text[at - back];
        if ((c == '%' || c == '\\') && bi_unit_read(s, at - back, BI_SPELLED_ANY).length == back)
            return true;
    }
    return false;
}

/* bi_oat_…, bi_pub_…, rt_… and JWTs. The last two begin like ordinary words may ("start_", "eyJ"
 * in base64). */
static bool find_token(bi_source s, size_t at, range *found) {
    static const struct {
        const char *prefix;
        size_t least; /* behind the prefix */
        bool word;
    } kinds[] = {{"bi_oat_", 1, false}, {"bi_pub_", 1, false}, {"rt_", 4, true}, {"eyJ", 4, true}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        size_t length = strlen(kinds[i].prefix);
        if (!bi_source_starts_with(s, at, kinds[i].prefix, length) ||
            (kinds[i].word && !is_word_start(s, at)))
            continue;
        size_t end = value_end(s, at + length, ends_token, true);
        if (end - at - length < kinds[i].least)
            continue;
        *found = (range){at, end};
        return true;
    }
    return false;
}

/* --- Bearer and Basic ------------------------------------------------------------------------- */

static bool starts_with_word(bi_source s, size_t at, const char *word) {
    size_t length = strlen(word);
    return length <= s.length - at && bi_ascii_equal(s.text + at, length, word, length);
}

/* White space as it may stand between a scheme and its credentials. */
static size_t skip_gap(bi_source s, size_t at) {
    for (;;) {
        if (at < s.length && (is_space(s.text[at]) || s.text[at] == '+'))
            at++;
        else if (s.length - at >= 3 && memcmp(s.text + at, "%20", 3) == 0)
            at += 3;
        else
            return at;
    }
}

/* Passes over "Bearer " or "Basic "; returns `at` when neither stands there. */
static size_t skip_scheme(bi_source s, size_t at) {
    size_t end = at;
    if (starts_with_word(s, at, "Bearer"))
        end = at + 6;
    else if (starts_with_word(s, at, "Basic"))
        end = at + 5;
    size_t behind = skip_gap(s, end);
    return behind > end && end > at ? behind : at;
}

/* The words that follow a scheme where it is only talked about. */
static bool is_about_schemes(const char *word, size_t length) {
    static const char *const words[] = {"token",          "tokens",        "auth",
                                        "authentication", "authorization", "scheme",
                                        "challenge",      "credentials",   "header"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (bi_ascii_is(word, length, words[i]))
            return true;
    return false;
}

static bool is_challenge_parameter(const char *word, size_t length) {
    static const char *const words[] = {
        "realm", "scope", "error", "error_description", "error_uri", "resource_metadata"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (bi_ascii_is(word, length, words[i]))
            return true;
    return false;
}

/* "Bearer <anything>", but not the challenge 'Bearer error="…"' nor "missing Bearer token". */
static bool find_scheme(bi_source s, size_t at, range *found) {
    char c = bi_ascii_lower(s.text[at]);
    if (c != 'b' || !is_word_start(s, at))
        return false;
    size_t start = skip_scheme(s, at), end = start;
    if (start == at || bi_source_starts_with(s, start, marker, MARKER_LENGTH))
        return false;
    while (end < s.length && (bi_ascii_is_alpha(s.text[end]) || s.text[end] == '_'))
        end++;
    size_t behind = skip_spaces(s, end);
    char next = behind < s.length ? s.text[behind] : '\0';
    if (next == '=' && is_challenge_parameter(s.text + start, end - start))
        return false;
    if (is_about_schemes(s.text + start, end - start)) {
        if (next == ':' || next == '=') /* "Bearer token: x" */
            start = skip_spaces(s, behind + 1);
        else if (end == s.length || !is_token_char(s.text[end]) || s.text[end] == '.')
            return false;
    }
    *found = (range){start, value_end(s, start, ends_value, true)};
    return found->end > start;
}

/* --- Named values ----------------------------------------------------------------------------- */

typedef enum kind {
    KIND_VALUE,
    KIND_CODE,  /* an authorization code, or an error code that people want to read */
    KIND_PROSE, /* an ordinary word: "token: x" is a sentence, "token=x" and "token":"x" are not */
    KIND_LINE   /* a header field: the value goes on to the end of the line */
} kind;

typedef struct field {
    const char *name; /* lower case, without "_" and "-" */
    kind kind;
    bool word; /* must not be the end of a longer name ("error_code", "invalid_token") */
} field;

static const field fields[] = {
    {"accesstoken", KIND_VALUE, false},
    {"refreshtoken", KIND_VALUE, false},
    {"installationtoken", KIND_VALUE, false},
    {"clientsecret", KIND_VALUE, false},
    {"clientassertion", KIND_VALUE, false},
    {"codeverifier", KIND_VALUE, false},
    {"apikey", KIND_VALUE, false},
    {"idtoken", KIND_VALUE, true},
    {"code", KIND_CODE, true},
    {"token", KIND_PROSE, true},
    {"password", KIND_PROSE, true},
    {"authorization", KIND_LINE, false},
    {"cookie", KIND_LINE, false},
};

/* access_token, access-token, accessToken and ACCESS_TOKEN are one name. Returns its end, or `at`. */
static size_t match_name(bi_source s, size_t at, const char *name) {
    size_t start = at;
    for (size_t i = 0; name[i] != '\0'; i++) {
        if (i > 0 && at < s.length && (s.text[at] == '_' || s.text[at] == '-'))
            at++;
        if (at == s.length || bi_ascii_lower(s.text[at]) != name[i])
            return start;
        at++;
    }
    return at;
}

/* Error codes are words: "rate_limited", "TOO_MANY_REQUESTS", "P2002", "InvalidOrigin", 429.
 * Authorization codes are long, and mix digits or cases at random. */
static bool reads_as_code(const char *text, size_t length) {
    size_t run = 0, digits = 0;
    if (length > 64)
        return false;
    for (size_t i = 0; i < length; i++) {
        char c = text[i], before = i > 0 ? text[i - 1] : ' ';
        if (bi_ascii_is_digit(c)) {
            if (++digits > 6)
                return false;
        } else if (bi_ascii_is_alpha(c)) {
            bool camel = bi_ascii_is_lower(before) && bi_ascii_is_upper(c);
            bool single = bi_ascii_is_upper(before) && i + 1 < length && bi_ascii_is_upper(c) &&
                          bi_ascii_is_lower(text[i + 1]);
            run = bi_ascii_is_alpha(before) && !camel ? run + 1 : 1;
            bool short_word = camel && (i + 2 >= length || !bi_ascii_is_lower(text[i + 1]) ||
                                        !bi_ascii_is_lower(text[i + 2]));
            if (bi_ascii_is_digit(before) || single || short_word || run > 16)
                return false;
        } else if (c != '_' && c != '-' && c != '.' && c != ' ' && c != ':') {
            return false;
        }
    }
    return true;
}

static bool is_literal(const char *text, size_t length) {
    static const char *const words[] = {"null", "true", "false", "nil", "none", "undefined"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (bi_ascii_is(text, length, words[i]))
            return true;
    return false;
}

static bool is_short_number(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (!bi_ascii_is_digit(text[i]))
            return false;
    return length < SECRET_MIN;
}

/* What stands between a name and its value. */
typedef struct separator {
    bool quoted_name;
    bool percent; /* written as %3D or %3A */
    char mark;    /* ':' or '=' */
} separator;

/* name":  name =  name' =>  ["name"] =  name=3D  and <input name="code" value=. */
static bool take_separator(bi_source s, size_t *at, separator *sep) {
    sep->quoted_name = take_quote(s, at).mark != 0;
    if (*at < s.length && s.text[*at] == ']')
        ++*at;
    *at = skip_spaces(s, *at);
    if (sep->quoted_name && starts_with_word(s, *at, "value"))
        *at = skip_spaces(s, *at + 5);
    if (*at == s.length)
        return false;
    bi_unit u = bi_unit_read(s, *at, BI_SPELLED_ANY);
    sep->mark = u.bytes[0];
    sep->percent = u.spelling == BI_SPELLED_PERCENT;
    if (u.cut || u.count != 1 || (sep->mark != ':' && sep->mark != '='))
        return false;
    *at += u.length;
    if (sep->mark == '=' && *at < s.length && s.text[*at] == '>')
        ++*at;
    *at = skip_spaces(s, *at);
    return true;
}

/* Whether a value of that kind may be read by people after all. */
static bool is_harmless(kind of, const separator *sep, bool quoted, const char *text,
                        size_t length) {
    if (length == MARKER_LENGTH && memcmp(text, marker, length) == 0)
        return true;
    if (!quoted && is_literal(text, length))
        return true;
    if (of != KIND_CODE)
        return false;
    bool member = quoted || sep->mark == ':';
    return member ? reads_as_code(text, length) : is_short_number(text, length);
}

/* The value behind a name that ends at `at`. */
static bool find_value(bi_source s, size_t at, kind of, range *found) {
    separator sep;
    if (!take_separator(s, &at, &sep))
        return false;
    if (of == KIND_PROSE && sep.mark == ':' && !sep.quoted_name)
        return false;
    if (at < s.length && s.text[at] == '[' && !bi_source_starts_with(s, at, marker, MARKER_LENGTH))
        at = skip_spaces(s, at + 1);
    quote q = take_quote(s, &at);
    size_t start = skip_scheme(s, at), end;
    if (q.mark)
        end = quote_end(s, at, q);
    else
        end = value_end(s, start, of == KIND_LINE && sep.mark == ':' ? ends_line : ends_value,
                        sep.percent);
    if (end <= start || is_harmless(of, &sep, q.mark != 0, s.text + start, end - start))
        return false;
    *found = (range){start, end};
    return true;
}

static bool find_field(bi_source s, size_t at, range *found) {
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        size_t end = match_name(s, at, fields[i].name);
        if (end == at || (fields[i].word && !is_word_start(s, at)))
            continue;
        if (find_value(s, end, fields[i].kind, found))
            return true;
    }
    return false;
}

/* --- Redaction -------------------------------------------------------------------------------- */

/* Whether anything that is looked for begins with this letter: the kinds of tokens, the schemes, the fields. */
static bool may_begin(char c) {
    return c != '\0' && strchr("abceiprtABCEIPRT", c) != NULL;
}

static bool find_secret(bi_source s, size_t at, range *found) {
    if (!may_begin(s.text[at]))
        return false;
    return find_token(s, at, found) || find_scheme(s, at, found) || find_field(s, at, found);
}

/* Two cursors go over the text independently, one for known secrets and one for what looks like
 * one, so that neither hides the start of the other; what both cover together becomes one marker. */
bool bi_redact(bi_bytes *out, const char *text, size_t length, const bi_secret *const *secrets,
               size_t count) {
    bi_source s = {text, length};
    range looks = {0, 0};
    size_t known = 0, plain = 0;
    bool hidden = false;
    for (size_t at = 0; at < length; at++) {
        size_t end = known_end(s, at, secrets, count);
        known = end > known ? end : known;
        if (at >= looks.end && !find_secret(s, at, &looks))
            looks = (range){at, at};
        bool inside = at < known || (at >= looks.start && at < looks.end);
        if (inside && !hidden) {
            bi_bytes_add(out, text + plain, at - plain);
            bi_bytes_add(out, marker, MARKER_LENGTH);
        }
        if (hidden && !inside)
            plain = at;
        hidden = inside;
    }
    if (!hidden && length > plain)
        bi_bytes_add(out, text + plain, length - plain);
    return !out->failed;
}
