// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Base64 (RFC 4648 section 4) by single digits, for readers that take only a part of a text or check each byte.
 */

/* -1: no digit. */
static inline int base64_digit(char c) {
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}
