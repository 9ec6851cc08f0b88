// SPDX-License-Identifier: Apache-2.0
/*
 * What 10,000 clients cost: the look-up of a key, known or not, the check of its limits at submit, and the memory of each.
 *
 * Why by hand and not in `make test`: times depend on the machine. Each look-up is of another key, so that caches see what they
 * would see. The promises are 1 us for a look-up and 200 bytes a client.
 * Build and run: gcc -O2 -Isrc -D_GNU_SOURCE tests/perf/micro_clients.c build/release/libpapi_core.a -lsodium -lm -o micro_clients
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "client/table.h"
#include "crypto/key.h"
#include "scheduler/scheduler.h"

#include <stdio.h>
#include <stdlib.h>

#define CLIENTS 10000u

static char keys[2 * CLIENTS][CLIENT_KEY_TEXT_MAX_BYTES];
static size_t lengths[2 * CLIENTS];
static uint64_t times_ns[CLIENTS];

static struct client_table *make_table(struct secret *hash_key) {
    struct client_row *rows = mem_zalloc(CLIENTS * sizeof *rows);
    struct client_table *table;
    for (uint32_t i = 0; i < 2 * CLIENTS; i++) {
        uint8_t random[32] = {(uint8_t)i, (uint8_t)(i >> 8), (uint8_t)(i >> 16)};
        lengths[i] = client_key_write(CLIENT_USER, random, keys[i]);
    }
    for (uint32_t i = 0; i < CLIENTS; i++) {
        rows[i].client = (struct client){.priority = CLIENT_NORMAL,
                                         .weight = CLIENT_WEIGHT_DEFAULT,
                                         .limits.amount = {[CLIENT_REQUESTS_PER_MINUTE] = 1000000,
                                                           [CLIENT_TOKENS_PER_DAY] = 1u << 30,
                                                           [CLIENT_CONCURRENCY] = 100}};
        (void)snprintf(rows[i].client.id, CLIENT_ID_BYTES, "cl_%016u", i);
        rows[i].name = SPAN_LITERAL("a student of 7b");
        rows[i].key_count = 1;
        client_key_hash(hash_key, span_of(keys[i], lengths[i]), &rows[i].keys[0].hash);
    }
    check(client_table_new(rows, CLIENTS, hash_key, &table) == 0);
    mem_free(rows);
    return table;
}

static int by_time(const void *a, const void *b) {
    uint64_t first = *(const uint64_t *)a, second = *(const uint64_t *)b;
    return first < second ? -1 : first > second;
}

static void tell(const char *name) {
    qsort(times_ns, CLIENTS, sizeof times_ns[0], by_time);
    printf("%-24s middle %5llu ns   p99 %5llu ns   slowest %6llu ns\n", name,
           (unsigned long long)times_ns[CLIENTS / 2],
           (unsigned long long)times_ns[CLIENTS * 99 / 100],
           (unsigned long long)times_ns[CLIENTS - 1]);
}

static void look_up(const char *name, const struct client_table *table, uint32_t first,
                    enum client_verdict wanted) {
    const struct client *client;
    for (uint32_t i = 0; i < CLIENTS; i++) {
        uint32_t at = first + i * 7919 % CLIENTS;
        uint64_t before_ns = clock_mono_ns();
        enum client_verdict verdict =
            client_table_find(table, span_of(keys[at], lengths[at]), 1, &client);
        times_ns[i] = clock_mono_ns() - before_ns;
        check(verdict == wanted);
    }
    tell(name);
}

/* The whole of a submit that has nobody to go to, so that what is measured is the client's part and little else. */
static void submit(const char *name, const struct client_table *table, bool with_limits) {
    struct scheduler *scheduler = scheduler_new(64, 1);
    struct scheduler_client *rows = mem_zalloc(CLIENTS * sizeof *rows);
    static struct actions out;
    scheduler_wall(scheduler, NS_PER_S, 1773100800000, &out);
    for (uint32_t i = 0; i < CLIENTS; i++)
        rows[i] = (struct scheduler_client){client_table_at(table, i)->number,
                                            client_table_at(table, i)->limits};
    uint64_t before_ns = clock_mono_ns();
    scheduler_clients(scheduler, NS_PER_S, rows, with_limits ? CLIENTS : 0, &zone_utc);
    uint64_t listed_ns = clock_mono_ns() - before_ns;
    for (uint32_t i = 0; i < 2 * CLIENTS; i++) { /* nodes are made in the first round */
        struct demand demand = {.client = rows[i * 7919 % CLIENTS].number,
                                .input_tokens = 100,
                                .output_tokens_max = 100,
                                .deadline_ns = UINT64_MAX};
        out.count = 0;
        before_ns = clock_mono_ns();
        (void)scheduler_submit(scheduler, 2 * NS_PER_S, &demand, &out);
        times_ns[i % CLIENTS] = clock_mono_ns() - before_ns;
    }
    tell(name);
    if (with_limits)
        printf("%-24s %llu us\n", "10,000 listed anew", (unsigned long long)listed_ns / 1000);
    scheduler_free(scheduler);
    mem_free(rows);
}

int main(void) {
    struct secret *hash_key;
    check(key_new(&hash_key) == 0);
    struct client_table *table = make_table(hash_key);
    look_up("known key", table, 0, CLIENT_KNOWN);
    look_up("unknown key", table, CLIENTS, CLIENT_UNKNOWN_KEY);
    submit("submit without limits", table, false);
    submit("submit with limits", table, true);
    printf("%-24s %zu bytes\n", "memory a client", client_table_bytes(table) / CLIENTS);
    client_table_unref(table);
    secret_unref(hash_key);
    return 0;
}
