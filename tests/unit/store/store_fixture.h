// SPDX-License-Identifier: Apache-2.0
#pragma once
/* A store in a folder of its own, records to put into it, and what it then says. */
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "store/clients.h"
#include "store/keys.h"
#include "store/record.h"
#include "store/requests.h"
#include "store/seed.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define AT_MS ((uint64_t)1764000000000) /* 2025-11-24 16:00:00 UTC, a whole hour */

struct place {
    char folder[64], path[96], journal[96];
    struct store_config config;
};

static inline void place_init(struct place *place) {
    /* In memory where there is such a place: what a disk does is played, and not waited for. */
    (void)snprintf(place->folder, sizeof place->folder, "%s/papi-store-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(place->folder));
    (void)snprintf(place->path, sizeof place->path, "%s/papi.db", place->folder);
    (void)snprintf(place->journal, sizeof place->journal, "%s/journal", place->folder);
    store_config_default(&place->config);
    place->config.path = place->path;
    place->config.ring_kib = 64;
    place->config.batch_ms = 2;
    place->config.retry_ms = 5;
    place->config.busy_ms = 5;
    place->config.keep = (struct store_keep){.requests_days = 0}; /* records of tests are old */
}

static inline void place_done(struct place *place) {
    DIR *folder = opendir(place->folder);
    assert_non_null(folder);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        char name[400];
        (void)snprintf(name, sizeof name, "%s/%s", place->folder, entry->d_name);
        if (entry->d_name[0] != '.')
            assert_int_equal(unlink(name), 0);
    }
    (void)closedir(folder);
    assert_int_equal(rmdir(place->folder), 0);
}

static inline struct store *place_open(struct place *place) {
    struct store *store = NULL;
    assert_int_equal(store_open(&place->config, &store), 0);
    assert_non_null(store);
    return store;
}

/* A moment for other threads; tests wait for what they want to see, this only keeps them from spinning. */
static inline void rest_a_moment(void) {
    (void)poll(NULL, 0, 1);
}

/* Waits for a condition over `state`, for at most 20 s. */
#define wait_for(store, state, condition)                      \
    do {                                                       \
        uint64_t give_up_ns = clock_mono_ns() + 20 * NS_PER_S; \
        for (;;) {                                             \
            store_state(store, &(state));                      \
            if (condition)                                     \
                break;                                         \
            assert_true(clock_mono_ns() < give_up_ns);         \
            rest_a_moment();                                   \
        }                                                      \
    } while (0)

static inline void wait_written(struct store *store, uint64_t count) {
    struct store_state state;
    wait_for(store, state, state.written + state.details_dropped >= count);
}

/* --- records ---------------------------------------------------------------------------------------------------- */

struct sample {
    struct store_request request;
    struct store_attempt ladder[STORE_ATTEMPTS_MAX];
    char id[32];
};

/* One attempt that went well. */
static inline struct sample *sample_init(struct sample *sample, uint64_t number) {
    (void)snprintf(sample->id, sizeof sample->id, "req-%08llu", (unsigned long long)number);
    sample->ladder[0] = (struct store_attempt){.provider = SPAN_LITERAL("groq"),
                                               .account = SPAN_LITERAL("default"),
                                               .model = SPAN_LITERAL("gpt-oss-120b"),
                                               .upstream = SPAN_LITERAL("openai/gpt-oss-120b"),
                                               .outcome = SPAN_LITERAL("ok"),
                                               .status = 200,
                                               .at_ms = AT_MS + number,
                                               .waited_ms = 1,
                                               .duration_ms = 10,
                                               .input_tokens = 7,
                                               .output_tokens = 5,
                                               .charge = {.input_tokens = 8, .output_tokens = 6}};
    sample->request = (struct store_request){.id = span_text(sample->id),
                                             .endpoint = SPAN_LITERAL("/v1/chat/completions"),
                                             .model = SPAN_LITERAL("gpt-oss-120b"),
                                             .served = SPAN_LITERAL("gpt-oss-120b"),
                                             .provider = SPAN_LITERAL("groq"),
                                             .account = SPAN_LITERAL("default"),
                                             .status = 200,
                                             .at_ms = AT_MS + number,
                                             .duration_ms = 12,
                                             .queued_ms = 1,
                                             .has_first_token = true,
                                             .first_token_ms = 4,
                                             .input_tokens = 7,
                                             .output_tokens = 5,
                                             .attempts = 1,
                                             .ladder = sample->ladder,
                                             .ladder_count = 1};
    return sample;
}

static inline void record_many(struct store *store, uint32_t loop, uint64_t first, uint64_t count) {
    struct sample sample;
    for (uint64_t i = 0; i < count; i++)
        store_record(store, loop, &sample_init(&sample, first + i)->request);
}

/* --- sums ------------------------------------------------------------------------------------------------------- */

struct sums {
    enum store_period by;
    uint64_t rows, requests, attempts, input_tokens, output_tokens;
};

static inline void add_usage(void *context, const struct store_usage *row) {
    struct sums *sums = context;
    sums->rows++;
    sums->requests += row->requests;
    sums->attempts += row->attempts;
    sums->input_tokens += row->input_tokens;
    sums->output_tokens += row->output_tokens;
}

static inline int read_sums(struct store_db *db, void *context) {
    struct sums *sums = context;
    struct store_usage_query query = {.by = sums->by, .limit = STORE_PAGE_MAX};
    struct store_page page = {.has_more = true};
    while (page.has_more) {
        int err = store_usage_list(db, &query, add_usage, sums, &page);
        if (err < 0)
            return err;
        query.cursor = page.cursor;
        query.series = page.series;
    }
    return 0;
}

static inline struct sums sums_by(struct store *store, enum store_period by) {
    struct sums sums = {.by = by};
    assert_int_equal(store_run(store, STORE_READ, read_sums, &sums), 0);
    return sums;
}

static inline void count_request(void *context, const struct store_request *request) {
    (void)request;
    ++*(uint64_t *)context;
}

static inline int read_count(struct store_db *db, void *context) {
    struct store_requests_query query = {.limit = STORE_PAGE_MAX};
    struct store_page page = {.has_more = true};
    while (page.has_more) {
        int err = store_requests_list(db, &query, count_request, context, &page);
        if (err < 0)
            return err;
        query.cursor = page.cursor;
    }
    return 0;
}

static inline uint64_t rows_of(struct store *store) {
    uint64_t count = 0;
    assert_int_equal(store_run(store, STORE_READ, read_count, &count), 0);
    return count;
}
