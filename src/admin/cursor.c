// SPDX-License-Identifier: Apache-2.0
/*
 * Places in lists.
 *
 * Promises: what cursor_write wrote is read back; anything else is a 400 that says what to do, never another place by accident.
 * Leaves to others: what a place means (store/).
 */
#include "admin/cursor.h"

#include <stdio.h>

void cursor_write(char kind, uint64_t first, uint64_t second, char text[CURSOR_BYTES]) {
    (void)snprintf(text, CURSOR_BYTES, "%c-%llx-%llx", kind, (unsigned long long)first,
                   (unsigned long long)second);
}

/* Lower-case digits without a leading zero, as they are written. */
static bool read_hex(struct span text, uint64_t *ret_number) {
    static const char digits[] = "0123456789abcdef";
    uint64_t number = 0;
    if (text.len == 0 || text.len > 16 || (text.ptr[0] == '0' && text.len > 1))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        const char *digit = memchr(digits, text.ptr[i], sizeof digits - 1);
        if (digit == NULL)
            return false;
        number = number << 4 | (uint64_t)(digit - digits);
    }
    *ret_number = number;
    return true;
}

int cursor_refuse(struct request *r) {
    (void)request_fail(r, API_BAD_REQUEST, "cursor",
                       "The query parameter cursor is not one that this list gave. Take it from "
                       "next_cursor of the page before, or leave it out to begin anew.");
    return 0;
}

bool cursor_read(struct request *r, char kind, struct span text, uint64_t *ret_first,
                 uint64_t *ret_second) {
    struct span rest = text, name, first;
    *ret_first = *ret_second = 0;
    if (span_absent(text))
        return true;
    if (span_split(&rest, '-', &name) && name.len == 1 && name.ptr[0] == kind &&
        span_split(&rest, '-', &first) && !span_absent(rest) && read_hex(first, ret_first) &&
        read_hex(rest, ret_second))
        return true;
    (void)cursor_refuse(r);
    return false;
}
