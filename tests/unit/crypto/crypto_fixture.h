// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Shared by the tests of crypto/: cmocka, and a key whose bytes are known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crypto/key.h"

#include <string.h>

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

/* 32 bytes: first, first + 1, ... */
static inline struct secret *counted_key(unsigned first) {
    char bytes[KEY_BYTES];
    struct secret *key;
    for (unsigned i = 0; i < KEY_BYTES; i++)
        bytes[i] = (char)(first + i);
    assert_int_equal(secret_new(span_of(bytes, sizeof bytes), &key), 0);
    return key;
}
