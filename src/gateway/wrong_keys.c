// SPDX-License-Identifier: Apache-2.0
/*
 * Wrong keys by address.
 *
 * Why: a client key has 256 bits, so nobody guesses one; what a flood of guesses costs is work, log lines and the view of them. A
 * limit by address keeps that small. It is asked only after a key was found to be wrong: a right key from the same address, a
 * school behind one router say, is never refused. Why sets: the address chooses its set by a seeded hash, so that nobody can fill
 * the table with purpose; within a set the row whose minute began first makes room. Whoever owns many addresses pushes rows
 * out and gains 20 tries for each, which is nothing.
 * Promises: memory is fixed; a call takes four comparisons. Leaves to others: which keys are wrong, what the client is told.
 */
#include "gateway/wrong_keys.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/rand.h"
#include "net/address.h"

#include <netinet/in.h>
#include <pthread.h>

#define MINUTE_NS (60 * NS_PER_S)

struct row {
    uint64_t place; /* what counts of the address; 0 = free */
    uint64_t began_ns;
    uint32_t count;
};

struct wrong_keys {
    pthread_mutex_t lock;
    uint64_t seed;
    struct row rows[WRONG_KEYS_SETS][WRONG_KEYS_WAYS];
};

struct wrong_keys *wrong_keys_new(uint64_t seed) {
    struct wrong_keys *table = mem_zalloc(sizeof *table);
    table->seed = seed;
    check(pthread_mutex_init(&table->lock, NULL) == 0);
    return table;
}

void wrong_keys_free(struct wrong_keys *table) {
    if (table == NULL)
        return;
    check(pthread_mutex_destroy(&table->lock) == 0);
    mem_free(table);
}

/* The address without what its owner is free to choose; never 0. */
static uint64_t place_of(const char *text) {
    struct sockaddr_storage address;
    uint64_t place = 0;
    if (address_parse(span_text(text), 0, &address) == 0 && address.ss_family == AF_INET6)
        memcpy(&place, &((struct sockaddr_in6 *)(void *)&address)->sin6_addr, sizeof place);
    else if (address.ss_family == AF_INET)
        place = ((struct sockaddr_in *)(void *)&address)->sin_addr.s_addr | (uint64_t)1 << 63;
    return place != 0 ? place : 1;
}

/* Its row, a free one, or the one that is given up for it. */
static struct row *row_of(struct wrong_keys *table, uint64_t place) {
    struct rand rand;
    rand_seed(&rand, place ^ table->seed);
    struct row *set = table->rows[rand_u64(&rand) % WRONG_KEYS_SETS];
    struct row *oldest = &set[0];
    for (size_t i = 0; i < WRONG_KEYS_WAYS; i++) {
        if (set[i].place == place)
            return &set[i];
        if (set[i].place == 0 || (oldest->place != 0 && set[i].began_ns < oldest->began_ns))
            oldest = &set[i];
    }
    *oldest = (struct row){.place = place};
    return oldest;
}

struct wrong_keys_word wrong_keys_note(struct wrong_keys *table, const char *address,
                                       uint64_t now_ns) {
    uint64_t place = place_of(address);
    struct wrong_keys_word word = {0};
    check(pthread_mutex_lock(&table->lock) == 0);
    struct row *row = row_of(table, place);
    if (row->count == 0 || now_ns >= row->began_ns + MINUTE_NS) {
        row->began_ns = now_ns;
        row->count = 0;
    }
    if (row->count < UINT32_MAX)
        row->count++;
    word.count = row->count;
    if (row->count > WRONG_KEYS_A_MINUTE)
        word.wait_ns = row->began_ns + MINUTE_NS - now_ns;
    check(pthread_mutex_unlock(&table->lock) == 0);
    return word;
}
