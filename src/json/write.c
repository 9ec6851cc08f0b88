// SPDX-License-Identifier: Apache-2.0
/*
 * Writing JSON: strings and whole numbers.
 *
 * Why two passes: the first measures what the escapes will add, the second writes into room that is known to suffice, so
 * that a refused write (a cap reached) leaves the buffer as it was and text that needs no escape is not copied at all.
 * Promises: the output is valid JSON and valid UTF-8 whatever the bytes given; each bad part of them becomes one U+FFFD.
 * Escapes only what must be: quote, backslash and controls; other text stays as it is. Leaves to others: brackets and
 * commas.
 */
#include "json/bytes.h"
#include "json/json.h"

static const char replacement[] = "\xEF\xBF\xBD"; /* U+FFFD */
#define REPLACEMENT_BYTES 3

/* Letter of the two-byte escape of a byte; 0: it has none. */
static const char letters[256] = {
    ['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
    ['\n'] = 'n', ['\r'] = 'r',  ['\t'] = 't',
};

/* What stands for the bytes at `at`, which cannot stay: its length, and in ret_used how many bytes it covers. */
static unsigned escape_one(const unsigned char *at, const unsigned char *end, char text[6],
                           unsigned *ret_used) {
    *ret_used = 1;
    if (*at >= 0x80) {
        *ret_used = (unsigned)-json__utf8_step(at, end);
        memcpy(text, replacement, REPLACEMENT_BYTES);
        return REPLACEMENT_BYTES;
    }
    text[0] = '\\';
    if (letters[*at] != 0) {
        text[1] = letters[*at];
        return 2;
    }
    memcpy(text + 1, "u00", 3);
    text[4] = *at < 0x10 ? '0' : '1';
    text[5] = "0123456789abcdef"[*at & 0xF];
    return 6;
}

/* First byte that needs an escape or a replacement, or end. */
static inline const unsigned char *skip_unchanged(const unsigned char *at,
                                                  const unsigned char *end) {
    for (;;) {
        at = json__skip_plain(at, end);
        if (at == end || *at < 0x80)
            return at;
        const unsigned char *after = json__skip_utf8(at, end);
        if (after == at)
            return at;
        at = after;
    }
}

/* Length of the escaped text; in ret_same whether it equals the bytes given. */
static size_t measure(struct span utf8, bool *ret_same) {
    const unsigned char *at = (const unsigned char *)utf8.ptr;
    const unsigned char *end = at + utf8.len;
    size_t length = utf8.len;
    *ret_same = true;
    while ((at = skip_unchanged(at, end)) < end) {
        char text[6];
        unsigned used;
        length += escape_one(at, end, text, &used);
        length -= used;
        at += used;
        *ret_same = false;
    }
    return length;
}

/* `out` has the room that measure told. */
static char *put_escaped(char *out, struct span utf8) {
    const unsigned char *at = (const unsigned char *)utf8.ptr;
    const unsigned char *end = at + utf8.len;
    while (at < end) {
        const unsigned char *stop = skip_unchanged(at, end);
        memcpy(out, at, (size_t)(stop - at));
        out += stop - at;
        at = stop;
        if (at < end) {
            char text[6];
            unsigned used;
            unsigned written = escape_one(at, end, text, &used);
            memcpy(out, text, written);
            out += written;
            at += used;
        }
    }
    return out;
}

static inline char *put_bytes(char *out, const char *bytes, size_t length) {
    if (length > 0)
        memcpy(out, bytes, length);
    return out + length;
}

static char *put_string(char *out, struct span utf8, bool same) {
    *out++ = '"';
    out = same ? put_bytes(out, utf8.ptr, utf8.len) : put_escaped(out, utf8);
    *out++ = '"';
    return out;
}

int json_write_string(struct dynbuf *out, struct span utf8) {
    bool same = true;
    size_t length = utf8.len > 0 ? measure(utf8, &same) : 0;
    int err = dynbuf_reserve(out, length + 2);
    if (err < 0)
        return err;
    put_string(dynbuf_tail(out), utf8, same);
    dynbuf_grew(out, length + 2);
    return 0;
}

int json_write_escaped(struct dynbuf *out, struct span escaped) {
    int err = dynbuf_reserve(out, escaped.len + 2);
    if (err < 0)
        return err;
    put_string(dynbuf_tail(out), escaped, true);
    dynbuf_grew(out, escaped.len + 2);
    return 0;
}

int json_write_member_string(struct dynbuf *out, const char *name, struct span utf8) {
    struct span key = span_text(name);
    bool same = true;
    bool key_same = true;
    size_t length = utf8.len > 0 ? measure(utf8, &same) : 0;
    size_t key_length = key.len > 0 ? measure(key, &key_same) : 0;
    int err = dynbuf_reserve(out, key_length + length + 5);
    if (err < 0)
        return err;
    char *at = put_string(dynbuf_tail(out), key, key_same);
    *at++ = ':';
    put_string(at, utf8, same);
    dynbuf_grew(out, key_length + length + 5);
    return 0;
}

int json_write_i64(struct dynbuf *out, int64_t value) {
    char text[20];
    char *at = text + sizeof text;
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        *--at = (char)('0' + magnitude % 10);
        magnitude /= 10;
    } while (magnitude > 0);
    if (value < 0)
        *--at = '-';
    return dynbuf_append(out, at, (size_t)(text + sizeof text - at));
}

int json_escape(struct span utf8, struct arena *arena, struct span *ret_escaped) {
    bool same = true;
    size_t length = utf8.len > 0 ? measure(utf8, &same) : 0;
    if (same) {
        *ret_escaped = utf8.ptr != NULL ? utf8 : span_of("", 0);
        return 0;
    }
    char *copy = arena_try_alloc(arena, length);
    if (copy == NULL)
        return ERR_TOO_LARGE;
    put_escaped(copy, utf8);
    *ret_escaped = span_of(copy, length);
    return 0;
}

/* Past the bytes at `at` that stay as they are when decoded. */
static const unsigned char *find_backslash(const unsigned char *at, const unsigned char *end) {
    const unsigned char *found = memchr(at, '\\', (size_t)(end - at));
    return found != NULL ? found : end;
}

int json_unescape(struct span escaped, struct arena *arena, struct span *ret_utf8) {
    if (escaped.len == 0 || memchr(escaped.ptr, '\\', escaped.len) == NULL) {
        *ret_utf8 = escaped.ptr != NULL ? escaped : span_of("", 0);
        return 0;
    }
    char *copy = arena_try_alloc(arena, escaped.len); /* decoding never lengthens */
    if (copy == NULL)
        return ERR_TOO_LARGE;
    const unsigned char *at = (const unsigned char *)escaped.ptr;
    const unsigned char *end = at + escaped.len;
    char *out = copy;
    while (at < end) {
        const unsigned char *stop = find_backslash(at, end);
        memcpy(out, at, (size_t)(stop - at));
        out += stop - at;
        at = stop;
        if (at < end) {
            uint32_t code;
            unsigned length = json__read_escape(at, end, &code);
            if (length == 0)
                return ERR_INVALID;
            out += json__utf8_put(out, code);
            at += length;
        }
    }
    *ret_utf8 = span_of(copy, (size_t)(out - copy));
    return 0;
}
