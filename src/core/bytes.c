/* The growable buffer of src/core/bytes.h. */
#include "core/bytes.h"

#include "core/memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

void bi_bytes_init(bi_bytes *bytes) {
    *bytes = (bi_bytes){0};
}

void bi_bytes_clear(bi_bytes *bytes) {
    if (bytes->data) {
        if (bytes->secret)
            bi_wipe(bytes->data, bytes->capacity);
        bi_free(bytes->data);
    }
    *bytes = (bi_bytes){.secret = bytes->secret};
}

void bi_bytes_reset(bi_bytes *bytes) {
    if (bytes->secret)
        bi_wipe(bytes->data, bytes->length);
    bytes->length = 0;
    bytes->failed = false;
    if (bytes->data)
        bytes->data[0] = '\0';
}

/* realloc may leave the old content behind in freed memory, so a secret moves by hand. */
static char *grow(const bi_bytes *bytes, size_t capacity) {
    if (!bytes->secret)
        return bi_realloc(bytes->data, capacity);
    char *data = bi_realloc(NULL, capacity);
    if (data && bytes->data) {
        memcpy(data, bytes->data, bytes->length);
        bi_wipe(bytes->data, bytes->capacity);
        bi_free(bytes->data);
    }
    return data;
}

static bool has_room(const bi_bytes *bytes, size_t more) {
    return !bytes->failed && bytes->data && more < bytes->capacity - bytes->length;
}

bool bi_bytes_reserve(bi_bytes *bytes, size_t more) {
    if (has_room(bytes, more))
        return true;
    if (bytes->failed)
        return false;
    if (more > SIZE_MAX / 4 || bytes->length > SIZE_MAX / 4) {
        bytes->failed = true;
        return false;
    }
    size_t capacity = bytes->capacity ? bytes->capacity * 2 : 64;
    if (capacity - bytes->length <= more)
        capacity = bytes->length + more + 1; /* whoever asks for much knows how much comes */
    char *data = grow(bytes, capacity);
    if (!data) {
        bytes->failed = true;
        return false;
    }
    data[bytes->length] = '\0';
    bytes->data = data;
    bytes->capacity = capacity;
    return true;
}

void bi_bytes_trim(bi_bytes *bytes) {
    if (bytes->secret || bytes->capacity - bytes->length <= bytes->length / 8 + 64)
        return;
    char *data = bi_realloc(bytes->data, bytes->length + 1);
    if (!data)
        return;
    bytes->data = data;
    bytes->capacity = bytes->length + 1;
}

bool bi_bytes_add(bi_bytes *bytes, const void *data, size_t length) {
    if (!has_room(bytes, length) && !bi_bytes_reserve(bytes, length))
        return false;
    if (length)
        memcpy(bytes->data + bytes->length, data, length);
    bytes->length += length;
    bytes->data[bytes->length] = '\0';
    return true;
}

bool bi_bytes_add_text(bi_bytes *bytes, const char *text) {
    return bi_bytes_add(bytes, text, strlen(text));
}

bool bi_bytes_add_char(bi_bytes *bytes, char c) {
    return bi_bytes_add(bytes, &c, 1);
}

bool bi_bytes_add_format(bi_bytes *bytes, const char *format, ...) {
    va_list list;
    va_start(list, format);
    int length = vsnprintf(NULL, 0, format, list);
    va_end(list);
    if (length < 0 || !bi_bytes_reserve(bytes, (size_t)length))
        return false;
    va_start(list, format);
    vsnprintf(bytes->data + bytes->length, (size_t)length + 1, format, list);
    va_end(list);
    bytes->length += (size_t)length;
    return true;
}

const char *bi_bytes_text(const bi_bytes *bytes) {
    return bytes->data ? bytes->data : "";
}
