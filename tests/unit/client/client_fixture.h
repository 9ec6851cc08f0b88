// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Rows for tables of clients: keys are made from small numbers, so that tests can make them again. */
#include "client/table.h"
#include "crypto/key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define NOW_MS ((int64_t)1773100800000)

static inline struct span fixture_key(enum client_role role, uint32_t number, char *text) {
    uint8_t random[32] = {0};
    memcpy(random, &number, sizeof number);
    return span_of(text, client_key_write(role, random, text));
}

static inline struct client_row fixture_row(const char *id) {
    struct client_row row = {.client = {.role = CLIENT_USER,
                                        .priority = CLIENT_NORMAL,
                                        .weight = CLIENT_WEIGHT_DEFAULT}};
    (void)snprintf(row.client.id, sizeof row.client.id, "%s", id);
    return row;
}

static inline void fixture_add_key(struct client_row *row, const struct secret *hash_key,
                                   struct span key, int64_t until_ms) {
    hash_keyed(hash_key, key, row->keys[row->key_count].hash.bytes);
    row->keys[row->key_count++].until_ms = until_ms;
}
