/* Text of a server as one printable line (bi_excerpt of src/core/secret.h). */
#include "core/secret.h"

/* The length of the UTF-8 character at the start (RFC 3629, 4: no surrogates, no overlong forms),
 * its value in *code; 0 when it is none. */
static size_t utf8_character(const char *text, size_t length, unsigned long *code) {
    static const unsigned long least[] = {0, 0x80, 0x800, 0x10000};
    unsigned char lead = (unsigned char)text[0];
    size_t tail = lead < 0x80 ? 0 : lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
    if ((lead >= 0x80 && lead < 0xC2) || lead > 0xF4 || tail >= length)
        return 0;
    *code = tail == 0 ? lead : lead & (0x3FU >> tail);
    for (size_t i = 1; i <= tail; i++) {
        if (((unsigned char)text[i] & 0xC0) != 0x80)
            return 0;
        *code = *code << 6 | ((unsigned char)text[i] & 0x3F);
    }
    bool surrogate = *code >= 0xD800 && *code <= 0xDFFF;
    return *code < least[tail] || *code > 0x10FFFF || surrogate ? 0 : tail + 1;
}

/* Control characters, line and paragraph separators, and the marks that turn the direction of a
 * terminal. */
static bool breaks_line(unsigned long code) {
    return code < 0x20 || (code >= 0x7F && code < 0xA0) || (code >= 0x2028 && code <= 0x202E) ||
           (code >= 0x2066 && code <= 0x2069);
}

bool bi_excerpt(bi_bytes *out, const char *text, size_t length, size_t limit) {
    size_t written = 0;
    for (size_t at = 0; at < length;) {
        unsigned long code = 0;
        size_t size = utf8_character(text + at, length - at, &code);
        const char *piece = size == 0 ? "?" : breaks_line(code) ? " " : text + at;
        size_t piece_length = piece == text + at ? size : 1;
        if (piece_length > limit - written)
            break;
        if (!bi_bytes_add(out, piece, piece_length))
            return false;
        written += piece_length;
        at += size ? size : 1;
    }
    return !out->failed;
}
