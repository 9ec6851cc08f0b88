// SPDX-License-Identifier: Apache-2.0
/*
 * Columns of UTF-8.
 *
 * Why not wcwidth: it follows the locale, which stays "C" here, where every letter beyond ASCII would count as unknown. The ranges
 * are those in which a terminal's grid shows something else than one column; a rare letter missing here costs a crooked line, no more.
 * Sources: Unicode Standard Annex 11 (wide), general category Mn of the blocks that names are written in (combining).
 * Promises: pure but for width_of; never reads past the text; broken UTF-8 counts a column a byte.
 */
#include "cli/width.h"

#include "base/check.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define COLUMNS_MIN   20
#define COLUMNS_MAX   1000
#define COLUMNS_USUAL 80

struct range {
    uint32_t first, last;
};

static const struct range wide[] = {
    {0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0x33ff},   {0x3400, 0x4dbf},
    {0x4e00, 0x9fff},   {0xa000, 0xa4cf},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},
    {0xfe30, 0xfe4f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},   {0x1f300, 0x1f64f},
    {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd},
};
static const struct range none[] = {
    {0x0300, 0x036f}, {0x0483, 0x0487}, {0x0591, 0x05bd}, {0x0610, 0x061a}, {0x064b, 0x065f},
    {0x093c, 0x093c}, {0x0e34, 0x0e3a}, {0x200b, 0x200d}, {0x20d0, 0x20f0}, {0xfe00, 0xfe0f},
};
static const struct range unsafe[] = {
    {0x00, 0x1f},     {0x7f, 0x9f},     {0x061c, 0x061c},
    {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2066, 0x2069},
};

static bool in_ranges(uint32_t code, const struct range *ranges, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (code >= ranges[i].first && code <= ranges[i].last)
            return true;
    return false;
}

/* Bytes of the letter at the front and its code; code UINT32_MAX for a byte that begins none. */
static size_t letter(struct span text, uint32_t *ret_code) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = (unsigned char)text.ptr[0];
    size_t length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    uint32_t code = first < 0x80 ? first : first & (0xffu >> (length + 1));
    *ret_code = UINT32_MAX;
    if ((first >= 0x80 && first < 0xc2) || first > 0xf4 || length > text.len)
        return 1;
    for (size_t i = 1; i < length; i++) {
        unsigned char next = (unsigned char)text.ptr[i];
        if ((next & 0xc0) != 0x80)
            return 1;
        code = code << 6 | (next & 0x3f);
    }
    if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return 1;
    *ret_code = code;
    return length;
}

static size_t columns_of(uint32_t code) {
    if (code < 0x300)
        return 1;
    if (in_ranges(code, none, array_length(none)))
        return 0;
    return in_ranges(code, wide, array_length(wide)) ? 2 : 1;
}

/* Walks over the front that fits into `most`; returns its columns. */
static size_t measure(struct span text, size_t most, size_t *ret_bytes) {
    size_t columns = 0, at = 0;
    while (at < text.len) {
        uint32_t code;
        size_t bytes = letter(span_of(text.ptr + at, text.len - at), &code);
        size_t more = columns_of(code);
        if (columns + more > most)
            break;
        columns += more;
        at += bytes;
    }
    *ret_bytes = at;
    return columns;
}

size_t width_columns(struct span text) {
    size_t bytes;
    return measure(text, SIZE_MAX, &bytes);
}

struct span width_cut(struct span text, size_t columns) {
    size_t bytes;
    (void)measure(text, columns, &bytes);
    return span_of(text.ptr, bytes);
}

int width_append_safe(struct dynbuf *out, struct span text) {
    int err = 0;
    for (size_t at = 0, bytes; at < text.len && err == 0; at += bytes) {
        uint32_t code;
        bytes = letter(span_of(text.ptr + at, text.len - at), &code);
        bool shown = code != UINT32_MAX && !in_ranges(code, unsafe, array_length(unsafe));
        err = shown ? dynbuf_append(out, text.ptr + at, bytes) : dynbuf_append_char(out, '?');
    }
    return err;
}

int width_of(FILE *out) {
    uint64_t told;
    struct winsize size;
    const char *columns = getenv("COLUMNS");
    if (columns != NULL && span_to_u64(span_text(columns), &told) && told >= COLUMNS_MIN &&
        told <= COLUMNS_MAX)
        return (int)told;
    if (isatty(fileno(out)) != 1)
        return 0;
    bool known = ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col >= COLUMNS_MIN;
    return known ? size.ws_col : COLUMNS_USUAL;
}
