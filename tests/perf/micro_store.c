// SPDX-License-Identifier: Apache-2.0
/*
 * What the store costs: recording on the loop, writing, lists and totals with 1,000,000 requests kept, opening, seeding, memory.
 *
 * Why by hand and not in `make test`: times depend on the machine and its disk. The promises are 2 us for a record, 50 ms for the
 * 99th of a hundred of any page, 200 ms for opening (docs/internals/storage.md).
 * Run: tests/perf/run --only store; or with the number of rows, where to make a folder, and one that was filled before.
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/rand.h"
#include "store/requests.h"
#include "store/seed.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SPREAD_MS ((uint64_t)20 * 86400000) /* the rows are of the last twenty days */
#define PAGES     200
#define CLIENTS   100
#define PROVIDERS 20
#define MODELS    40
#define RECORDS   20000

static uint64_t times_ns[RECORDS];
static uint64_t now_ms;

static double cpu_s(void) {
    struct timespec time;
    check(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static unsigned rss_kib(void) {
    char line[128];
    unsigned pages = 0, shared = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    check(file != NULL && fgets(line, sizeof line, file) != NULL);
    (void)fclose(file);
    char *end;
    (void)strtoul(line, &end, 10);
    pages = (unsigned)strtoul(end, &end, 10);
    shared = (unsigned)strtoul(end, &end, 10);
    (void)shared;
    return pages * 4;
}

static int by_time(const void *a, const void *b) {
    uint64_t first = *(const uint64_t *)a, second = *(const uint64_t *)b;
    return first < second ? -1 : first > second;
}

static void tell(const char *name, uint32_t count, const char *unit, double each_ns) {
    qsort(times_ns, count, sizeof times_ns[0], by_time);
    printf("%-28s middle %8.3f %s   p99 %8.3f %s   slowest %8.3f %s\n", name,
           (double)times_ns[count / 2] / each_ns, unit,
           (double)times_ns[count * 99 / 100] / each_ns, unit,
           (double)times_ns[count - 1] / each_ns, unit);
}

static char names[PROVIDERS + MODELS + CLIENTS][24];

static struct span name_of(uint64_t index) {
    return span_text(names[index]);
}

/* Names come in the shares they have in life: a few do most. */
static uint64_t few(struct rand *rand, uint64_t bound) {
    return rand_below(rand, rand_below(rand, bound) + 1);
}

static void record(struct store *store, struct rand *rand, uint64_t at_ms, uint64_t *ret_ns) {
    char id[32];
    uint64_t model = few(rand, MODELS);
    uint64_t provider = (model + few(rand, 3)) % PROVIDERS; /* two or three serve a model */
    bool failed = rand_below(rand, 50) == 0;
    (void)snprintf(id, sizeof id, "req-%09llx%011llx", (unsigned long long)at_ms >> 8,
                   (unsigned long long)rand_u64(rand) >> 20);
    struct store_attempt attempt = {.provider = name_of(provider),
                                    .account = SPAN_LITERAL("default"),
                                    .model = name_of(PROVIDERS + model),
                                    .upstream = name_of(PROVIDERS + model),
                                    .outcome =
                                        failed ? SPAN_LITERAL("server_error") : SPAN_LITERAL("ok"),
                                    .status = failed ? 500 : 200,
                                    .at_ms = at_ms,
                                    .duration_ms = 900,
                                    .input_tokens = 500,
                                    .output_tokens = 200,
                                    .charge = {.input_tokens = 500, .output_tokens = 200}};
    struct store_request request = {.id = span_text(id),
                                    .client = name_of(PROVIDERS + MODELS + few(rand, CLIENTS)),
                                    .endpoint = SPAN_LITERAL("/v1/chat/completions"),
                                    .model = name_of(PROVIDERS + model),
                                    .served = failed ? SPAN_NONE : name_of(PROVIDERS + model),
                                    .provider = name_of(provider),
                                    .account = SPAN_LITERAL("default"),
                                    .error = failed ? SPAN_LITERAL("server_error") : SPAN_NONE,
                                    .status = failed ? 502 : 200,
                                    .stream = true,
                                    .at_ms = at_ms,
                                    .duration_ms = 1000,
                                    .input_tokens = 500,
                                    .output_tokens = 200,
                                    .attempts = 1,
                                    .ladder = &attempt,
                                    .ladder_count = 1};
    uint64_t before_ns = clock_mono_ns();
    store_record(store, 0, &request);
    *ret_ns = clock_mono_ns() - before_ns;
}

static void wait_for_all(struct store *store) {
    struct store_state state;
    do {
        (void)poll(NULL, 0, 1);
        store_state(store, &state);
    } while (state.written + state.details_dropped < state.recorded);
}

static void fill(struct store *store, uint64_t rows) {
    struct rand rand;
    struct store_state state;
    uint64_t took_ns;
    rand_seed(&rand, 1);
    double before_s = cpu_s();
    uint64_t begun_ns = clock_mono_ns();
    for (uint64_t i = 0; i < rows; i++) {
        record(store, &rand, now_ms - SPREAD_MS + SPREAD_MS / rows * i, &took_ns);
        if (i % 500 == 499)
            wait_for_all(store); /* nothing is to be dropped */
    }
    wait_for_all(store);
    store_state(store, &state);
    check(state.details_dropped == 0);
    printf("%-28s %llu requests, %.1f us CPU each, %.0f s, %.0f MiB\n", "write",
           (unsigned long long)rows, (cpu_s() - before_s) * 1e6 / (double)rows,
           (double)(clock_mono_ns() - begun_ns) / 1e9, (double)state.bytes / 1048576);
}

static void measure_record(struct store *store) {
    struct rand rand;
    rand_seed(&rand, 2);
    for (uint32_t i = 0; i < RECORDS; i++) {
        record(store, &rand, now_ms - 1000 + i / 100, &times_ns[i]);
        if (i % 500 == 499)
            wait_for_all(store);
    }
    tell("record", RECORDS, "us", 1e3);
}

/* --- pages ------------------------------------------------------------------------------------------------------ */

struct question {
    const char *name;
    struct store_requests_query list;
    struct store_usage_query usage;
    bool is_usage;
    struct store_page page;
    uint64_t rows;
};

static void see_request(void *context, const struct store_request *request) {
    (void)request;
    ++*(uint64_t *)context;
}

static void see_usage(void *context, const struct store_usage *row) {
    (void)row;
    ++*(uint64_t *)context;
}

static int ask(struct store_db *db, void *context) {
    struct question *question = context;
    return question->is_usage
               ? store_usage_list(db, &question->usage, see_usage, &question->rows, &question->page)
               : store_requests_list(db, &question->list, see_request, &question->rows,
                                     &question->page);
}

/* Page after page, from the beginning again at the end. */
static void measure_pages(struct store *store, struct question question) {
    for (uint32_t i = 0; i < PAGES; i++) {
        uint64_t before_ns = clock_mono_ns();
        check(store_run(store, STORE_READ, ask, &question) == 0);
        times_ns[i] = clock_mono_ns() - before_ns;
        bool more = question.page.has_more;
        question.list.cursor = question.usage.cursor = more ? question.page.cursor : 0;
        question.usage.series = more ? question.page.series : 0;
    }
    tell(question.name, PAGES, "ms", 1e6);
}

static void measure_lists(struct store *store) {
    const struct store_requests_query all = {.limit = 100};
    struct question questions[] = {
        {.name = "list", .list = all},
        {.name = "list of 1000", .list = {.limit = 1000}},
        {.name = "list, failed", .list = {.limit = 100, .failed = true}},
        {.name = "list, one client",
         .list = {.limit = 100, .client = name_of(PROVIDERS + MODELS + 90)}},
        {.name = "list, one provider", .list = {.limit = 100, .provider = name_of(19)}},
        {.name = "list, one model", .list = {.limit = 100, .model = name_of(PROVIDERS + 39)}},
        {.name = "list, hardly any",
         .list = {.limit = 100,
                  .client = name_of(PROVIDERS + MODELS),
                  .provider = name_of(19),
                  .failed = true}},
        {.name = "list, status none has", .list = {.limit = 100, .status = 418}},
        {.name = "list, a day",
         .list = {.limit = 100,
                  .since_ms = now_ms - 9 * 86400000,
                  .until_ms = now_ms - 8 * 86400000}},
        {.name = "usage by minute", .is_usage = true, .usage = {.by = STORE_MINUTE, .limit = 1000}},
        {.name = "usage by hour", .is_usage = true, .usage = {.by = STORE_HOUR, .limit = 1000}},
        {.name = "usage by day", .is_usage = true, .usage = {.by = STORE_DAY, .limit = 1000}},
        {.name = "usage, one client",
         .is_usage = true,
         .usage = {.by = STORE_HOUR, .limit = 1000, .client = name_of(PROVIDERS + MODELS + 90)}},
        {.name = "usage, nobody's",
         .is_usage = true,
         .usage = {.by = STORE_HOUR, .limit = 1000, .client = SPAN_LITERAL("nobody")}},
    };
    for (size_t i = 0; i < array_length(questions); i++)
        measure_pages(store, questions[i]);
}

static void see_seed(void *context, const struct store_seed *row) {
    *(uint64_t *)context += row->count;
}

static void see_day(void *context, const struct store_client_day *day) {
    *(uint64_t *)context += day->requests;
}

/* What a start asks for (app/seed.c, app/clients_past.c). */
static int seed(struct store_db *db, void *context) {
    const struct store_seed_query query = {.days_since_ms = now_ms - (uint64_t)32 * 86400000,
                                           .hours_since_ms = now_ms - (uint64_t)26 * 3600000,
                                           .minutes_since_ms = now_ms - (uint64_t)7 * 60000,
                                           .exact_since_ms = now_ms - (uint64_t)26 * 3600000,
                                           .exact_most = 1000};
    int err = store_seed_read(db, &query, see_seed, context);
    return err < 0 ? err : store_client_days(db, query.days_since_ms, see_day, context);
}

static void measure_open(const struct store_config *config) {
    enum { TURNS = 20 };
    static uint64_t seed_ns[TURNS];
    for (uint32_t i = 0; i < TURNS; i++) {
        struct store *store;
        uint64_t attempts = 0, before_ns = clock_mono_ns();
        check(store_open(config, &store) == 0);
        times_ns[i] = clock_mono_ns() - before_ns;
        before_ns = clock_mono_ns();
        check(store_run(store, STORE_READ, seed, &attempts) == 0 && attempts > 0);
        seed_ns[i] = clock_mono_ns() - before_ns;
        store_close(store);
    }
    tell("open", TURNS, "ms", 1e6);
    memcpy(times_ns, seed_ns, sizeof seed_ns);
    tell("seed", TURNS, "ms", 1e6);
}

int main(int argc, char **argv) {
    uint64_t rows = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    char folder[256], path[300];
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    (void)snprintf(folder, sizeof folder, "%s/papi-store-XXXXXX", argc > 2 ? argv[2] : "/tmp");
    if (argc > 3)
        (void)snprintf(folder, sizeof folder, "%s", argv[3]);
    else
        check(mkdtemp(folder) != NULL);
    (void)snprintf(path, sizeof path, "%s/papi.db", folder);
    for (uint32_t i = 0; i < array_length(names); i++)
        (void)snprintf(names[i], sizeof names[i], "name-%u-of-something", i);
    now_ms = clock_wall_ms();
    struct store_config config;
    struct store *store;
    store_config_default(&config);
    config.path = path;
    config.batch_ms = 1; /* so that filling it takes no longer than it must */
    unsigned before_kib = rss_kib();
    check(store_open(&config, &store) == 0);
    printf("%-28s %u KiB before, %u KiB after opening\n", "memory", before_kib, rss_kib());
    if (argc <= 3)
        fill(store, rows);
    printf("%-28s %u KiB after writing\n", "memory", rss_kib());
    measure_record(store);
    measure_lists(store);
    store_close(store);
    measure_open(&config);
    printf("folder %s\n", folder);
    return 0;
}
