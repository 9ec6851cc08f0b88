// SPDX-License-Identifier: Apache-2.0
/*
 * Header fields: looking them up, and the one writer.
 *
 * Why one writer: header injection needs a CR or LF from a key, a model name or a config file to reach a head. Every field
 * that leaves the program goes through http_write_header, which lets printable ASCII pass and nothing else.
 * Promises: a refused field leaves the buffer as it was. Leaves to others: which fields to send, and the framing fields,
 * which server and client write themselves.
 */
#include "http/header.h"

#include "http/grammar.h"

struct span http_header_find(const struct http_headers *headers, struct span name) {
    for (size_t i = 0; i < headers->count; i++) {
        const struct http_header *header = &headers->items[i];
        if (span_equal_nocase(header->name, name))
            return header->value;
    }
    return SPAN_NONE;
}

int http_headers_copy(const struct http_headers *headers, struct arena *arena,
                      struct http_headers **ret_copy) {
    struct http_headers *copy = arena_try_alloc(arena, sizeof *copy);
    int err = copy == NULL ? ERR_TOO_LARGE : 0;
    if (err == 0)
        copy->count = headers->count;
    for (size_t i = 0; err == 0 && i < headers->count; i++) {
        err = arena_copy(arena, headers->items[i].name, &copy->items[i].name);
        if (err == 0)
            err = arena_copy(arena, headers->items[i].value, &copy->items[i].value);
    }
    if (err == 0)
        *ret_copy = copy;
    return err;
}

size_t http_header_count(const struct http_headers *headers, const char *name) {
    size_t count = 0;
    for (size_t i = 0; i < headers->count; i++)
        count += span_is_nocase(headers->items[i].name, name) ? 1 : 0;
    return count;
}

static bool list_has(struct span list, const char *token) {
    struct span part;
    while (span_split(&list, ',', &part)) {
        if (span_is_nocase(span_trim(part), token))
            return true;
    }
    return false;
}

bool http_header_has_token(const struct http_headers *headers, const char *name,
                           const char *token) {
    for (size_t i = 0; i < headers->count; i++) {
        const struct http_header *header = &headers->items[i];
        if (span_is_nocase(header->name, name) && list_has(header->value, token))
            return true;
    }
    return false;
}

/* Eight bytes: below 0x20 the first difference sets the high bit, 0x7f becomes 0x80, the others have it. A borrow or carry
 * only comes from a byte that is refused itself. */
static bool printable_eight(const char *bytes) {
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return (((word - ones * 0x20) | (word + ones) | word) & ones * 0x80) == 0;
}

static bool printable(struct span value) {
    size_t i = 0;
    for (; i + 8 <= value.len; i += 8) {
        if (!printable_eight(value.ptr + i))
            return false;
    }
    for (; i < value.len; i++) {
        if (value.ptr[i] < ' ' || value.ptr[i] > '~')
            return false;
    }
    return true;
}

int http_write_header(struct dynbuf *out, const char *name, struct span value) {
    return http_write_header_joined(out, name, SPAN_NONE, value);
}

int http_write_header_joined(struct dynbuf *out, const char *name, struct span before,
                             struct span value) {
    struct span name_span = span_text(name);
    if (name_span.len == 0 || !http_all_of(name_span, HTTP_BYTE_TOKEN) || !printable(before) ||
        !printable(value))
        return ERR_INVALID;
    size_t length = name_span.len + before.len + value.len + 4;
    int err = dynbuf_reserve(out, length);
    if (err < 0)
        return err;
    char *tail = dynbuf_tail(out);
    memcpy(tail, name_span.ptr, name_span.len);
    tail += name_span.len;
    *tail++ = ':';
    *tail++ = ' ';
    if (before.len > 0)
        memcpy(tail, before.ptr, before.len);
    tail += before.len;
    if (value.len > 0)
        memcpy(tail, value.ptr, value.len);
    memcpy(tail + value.len, "\r\n", 2);
    dynbuf_grew(out, length);
    return 0;
}

int http_write_header_encoded(struct dynbuf *out, const char *name, struct span value) {
    if (printable(value))
        return http_write_header(out, name, value);
    struct dynbuf text;
    int err = 0;
    dynbuf_init(&text, 3 * value.len + 1);
    for (size_t i = 0; i < value.len && err == 0; i++) {
        bool plain = printable(span_of(value.ptr + i, 1));
        err = plain ? dynbuf_append_char(&text, value.ptr[i])
                    : dynbuf_append_format(&text, "%%%02X", (unsigned char)value.ptr[i]);
    }
    if (err == 0)
        err = http_write_header(out, name, dynbuf_span(&text));
    dynbuf_done(&text);
    return err;
}

int http_write_header_u64(struct dynbuf *out, const char *name, uint64_t value) {
    char digits[20];
    size_t place = sizeof digits;
    do {
        digits[--place] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    return http_write_header(out, name, span_of(digits + place, sizeof digits - place));
}
