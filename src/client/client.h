// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A client: somebody who may use this instance, as a row of a table that never changes (table.h). Who changes clients makes a
 * new table. Times are milliseconds since 1970 UTC; 0 stands for "never" and "no limit".
 */
#include "base/span.h"

#define CLIENT_ID_BYTES        20 /* "cl_", sixteen letters or digits, NUL */
#define CLIENT_NAME_MAX_BYTES  64
#define CLIENT_MODELS_MAX      64
#define CLIENT_MODEL_MAX_BYTES 128
#define CLIENT_KEYS_MAX        2 /* the key, and the one before it for as long as it is still good */
#define CLIENT_WEIGHT_DEFAULT  100
#define CLIENT_WEIGHT_MAX      10000
#define CLIENT_LIMIT_MOST      ((uint64_t)1 << 40)

/* name, word in JSON and on the command line, for people */
#define CLIENT_LIMIT_TABLE(X)                                                 \
    X(CLIENT_REQUESTS_PER_MINUTE, "requests_per_minute", "requests a minute") \
    X(CLIENT_REQUESTS_PER_DAY, "requests_per_day", "requests a day")          \
    X(CLIENT_REQUESTS_PER_MONTH, "requests_per_month", "requests a month")    \
    X(CLIENT_TOKENS_PER_MINUTE, "tokens_per_minute", "tokens a minute")       \
    X(CLIENT_TOKENS_PER_DAY, "tokens_per_day", "tokens a day")                \
    X(CLIENT_TOKENS_PER_MONTH, "tokens_per_month", "tokens a month")          \
    X(CLIENT_CONCURRENCY, "concurrency", "requests at once")

enum client_limit {
#define CLIENT_LIMIT_ENUM(name, word, about) name,
    CLIENT_LIMIT_TABLE(CLIENT_LIMIT_ENUM)
#undef CLIENT_LIMIT_ENUM
        CLIENT_LIMIT_COUNT
};

struct client_limits {
    uint64_t amount[CLIENT_LIMIT_COUNT]; /* 0 = none of that kind */
};

enum client_role { CLIENT_USER, CLIENT_ADMIN, CLIENT_ROLE_COUNT };
enum client_priority { CLIENT_INTERACTIVE, CLIENT_NORMAL, CLIENT_BATCH, CLIENT_PRIORITY_COUNT };

struct client {
    char id[CLIENT_ID_BYTES];
    uint8_t role; /* enum client_role */
    uint8_t
        priority; /* enum client_priority: the class of its requests, and the best it may ask for */
    bool no_training; /* data-use floor: holds for each of its requests */
    uint8_t name_bytes;
    uint16_t weight;             /* of its turns in the queue, in hundredths */
    uint16_t model_count;        /* 0 = all */
    uint32_t name_at, models_at; /* in the table's texts */
    uint64_t number;             /* names it to the scheduler; never 0, the same in every table */
    int64_t expires_ms, revoked_ms;
    struct client_limits limits;
};

/* "requests_per_minute" and "requests a minute". */
const char *client_limit_word(enum client_limit limit);
const char *client_limit_about(enum client_limit limit);
const char *client_role_word(enum client_role role);             /* "client", "admin" */
const char *client_priority_word(enum client_priority priority); /* "interactive", ... */
/* By those words; false when there is none such. */
bool client_limit_find(struct span word, enum client_limit *ret_limit);
bool client_role_find(struct span word, enum client_role *ret_role);
bool client_priority_find(struct span word, enum client_priority *ret_priority);

bool client_has_limits(const struct client *client);
/* What an id stands for in the scheduler; never 0. */
uint64_t client_number_of(struct span id);
