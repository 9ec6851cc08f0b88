// SPDX-License-Identifier: Apache-2.0
#pragma once
/* What is to be changed of a client, as somebody asks for it. */
#include "admin/client_rows.h"
#include "json/json.h"

enum client_given {
    GIVEN_NAME = 1,
    GIVEN_MODELS = 2,
    GIVEN_EXPIRES = 4,
    GIVEN_DATA_USE = 8,
    GIVEN_PRIORITY = 16,
    GIVEN_ROLE = 32
};

struct client_change {
    unsigned given; /* enum client_given bits */
    struct span name, role, data_use, priority;
    struct span models[STORE_CLIENT_MODELS_MAX];
    uint32_t model_count;
    uint64_t expires_ms;
    unsigned limits_given; /* a bit for each enum client_limit */
    uint64_t limits[CLIENT_LIMIT_COUNT];
    uint64_t grace_ms; /* of rotate */
    uint64_t now_ms;
    bool forget; /* of revoke */
};

/* From a body that the tables have checked; texts are copied. null takes a setting away. */
int client_change_take(struct json_value body, struct arena *arena,
                       struct client_change *ret_change) WARN_UNUSED;
void client_change_apply(const struct client_change *change, struct client_kept *kept);
