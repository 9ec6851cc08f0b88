// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Byte classes of HTTP (RFC 9110 section 5.6.2, RFC 9112 sections 2 to 7), shared by everything in this folder that looks
 * at single bytes: one table, so that guard, chunk lines and the writer never differ about what a token is.
 */
#include "base/span.h"

enum http_byte_class {
    HTTP_BYTE_TOKEN = 1,  /* tchar: method and field names */
    HTTP_BYTE_TARGET = 2, /* visible ASCII without '#' : request targets */
    HTTP_BYTE_HOST = 4,   /* uri-host and port, RFC 3986 section 3.2, without userinfo */
    HTTP_BYTE_TEXT = 8,   /* field value: visible, space, tab, obs-text */
};

extern const uint8_t http_byte_classes[256];

static inline bool http_byte_is(char byte, enum http_byte_class class) {
    return (http_byte_classes[(unsigned char)byte] & class) != 0;
}

static inline bool http_byte_is_digit(char byte) {
    return byte >= '0' && byte <= '9';
}

/* Value of a hexadecimal digit, or -1. */
int http_hex_value(char byte);
/* Whether all bytes are of that class; true for an empty span. */
bool http_all_of(struct span span, enum http_byte_class class);
/* The same for HTTP_BYTE_TEXT, eight bytes at a time. */
bool http_all_text(struct span span);
