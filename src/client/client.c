// SPDX-License-Identifier: Apache-2.0
/*
 * The words of a client's settings, and what follows from its id alone.
 *
 * The number by which the scheduler and the fair queue know a client is drawn from its id, so that it is the same in every
 * table and after every restart, with nobody who hands numbers out. Two ids of one number are refused when a table is made.
 * Promises: no allocation, no state. Leaves to others: keys (key.c), who is whom (table.c), counting (scheduler).
 */
#include "client/client.h"

#include "base/check.h"

static const struct {
    const char *word, *about;
} limits[CLIENT_LIMIT_COUNT] = {
#define LIMIT_ROW(name, word, about) [name] = {word, about},
    CLIENT_LIMIT_TABLE(LIMIT_ROW)
#undef LIMIT_ROW
};

static const char *const roles[CLIENT_ROLE_COUNT] = {
    [CLIENT_USER] = "client", [CLIENT_ADMIN] = "admin"};

static const char *const priorities[CLIENT_PRIORITY_COUNT] = {
    [CLIENT_INTERACTIVE] = "interactive", [CLIENT_NORMAL] = "normal", [CLIENT_BATCH] = "batch"};

const char *client_limit_word(enum client_limit limit) {
    check((unsigned)limit < CLIENT_LIMIT_COUNT);
    return limits[limit].word;
}

const char *client_limit_about(enum client_limit limit) {
    check((unsigned)limit < CLIENT_LIMIT_COUNT);
    return limits[limit].about;
}

const char *client_role_word(enum client_role role) {
    check((unsigned)role < CLIENT_ROLE_COUNT);
    return roles[role];
}

const char *client_priority_word(enum client_priority priority) {
    check((unsigned)priority < CLIENT_PRIORITY_COUNT);
    return priorities[priority];
}

bool client_limit_find(struct span word, enum client_limit *ret_limit) {
    for (unsigned i = 0; i < CLIENT_LIMIT_COUNT; i++)
        if (span_is(word, limits[i].word)) {
            *ret_limit = (enum client_limit)i;
            return true;
        }
    return false;
}

bool client_role_find(struct span word, enum client_role *ret_role) {
    for (unsigned i = 0; i < CLIENT_ROLE_COUNT; i++)
        if (span_is(word, roles[i])) {
            *ret_role = (enum client_role)i;
            return true;
        }
    return false;
}

bool client_priority_find(struct span word, enum client_priority *ret_priority) {
    for (unsigned i = 0; i < CLIENT_PRIORITY_COUNT; i++)
        if (span_is(word, priorities[i])) {
            *ret_priority = (enum client_priority)i;
            return true;
        }
    return false;
}

bool client_has_limits(const struct client *client) {
    for (unsigned i = 0; i < CLIENT_LIMIT_COUNT; i++)
        if (client->limits.amount[i] != 0)
            return true;
    return false;
}

uint64_t client_number_of(struct span id) {
    uint64_t number = span_hash(id);
    return number != 0 ? number : 1;
}
