// SPDX-License-Identifier: Apache-2.0
/*
 * What was recorded, read again: pages, filters, one request with its ladder, totals, seeds, and what retention leaves.
 */
#include "unit/store/store_fixture.h"

#define MINUTE_MS   ((uint64_t)60000)
#define HOUR_MS     (60 * MINUTE_MS)
#define DAY_MS      (24 * HOUR_MS)
#define NEXT_DAY_MS (AT_MS + 8 * HOUR_MS)

static const char *const providers[] = {"groq", "gemini", "cohere"};
static const char *const clients[] = {"cl_a", "cl_b"};

/* Request i: client by i % 2, provider by i % 3, every tenth failed and served nothing, one a second. */
static void record_mixed(struct store *store, uint64_t count) {
    struct sample sample;
    for (uint64_t i = 0; i < count; i++) {
        sample_init(&sample, i);
        sample.request.at_ms = sample.ladder[0].at_ms = AT_MS + i * 1000;
        sample.request.client = span_text(clients[i % 2]);
        sample.request.provider = sample.ladder[0].provider = span_text(providers[i % 3]);
        if (i % 10 == 9) {
            sample.request.error = SPAN_LITERAL("upstream_error");
            sample.request.status = 502;
            sample.request.served = SPAN_NONE;
            sample.request.model = SPAN_LITERAL("my-alias");
            sample.request.has_first_token = false;
            sample.ladder[0].outcome = SPAN_LITERAL("server_error");
        }
        store_record(store, 0, &sample.request);
    }
    wait_written(store, count);
}

/* --- pages ------------------------------------------------------------------------------------------------------ */

struct listing {
    struct store_requests_query query;
    struct store_page page;
    char first[32], last[32];
    uint64_t count;
    bool descends, ascends;
    uint64_t at_ms;
};

static void see(void *context, const struct store_request *request) {
    struct listing *listing = context;
    (void)snprintf(listing->last, sizeof listing->last, "%.*s", SPAN_ARG(request->id));
    if (listing->count++ == 0)
        memcpy(listing->first, listing->last, sizeof listing->first);
    else if (request->at_ms > listing->at_ms)
        listing->descends = false;
    else
        listing->ascends = false;
    listing->at_ms = request->at_ms;
}

static int list(struct store_db *db, void *context) {
    struct listing *listing = context;
    return store_requests_list(db, &listing->query, see, listing, &listing->page);
}

/* All pages of it; ret_pages may be NULL. */
static struct listing list_all(struct store *store, struct store_requests_query query,
                               uint32_t *ret_pages) {
    struct listing listing = {.query = query, .descends = true, .ascends = true};
    uint32_t pages = 0;
    do {
        assert_int_equal(store_run(store, STORE_READ, list, &listing), 0);
        listing.query.cursor = listing.page.cursor;
        pages++;
    } while (listing.page.has_more);
    if (ret_pages != NULL)
        *ret_pages = pages;
    return listing;
}

static void lists_are_filtered_and_paged(void **state) {
    (void)state;
    struct place place;
    uint32_t pages;
    place_init(&place);
    struct store *store = place_open(&place);
    record_mixed(store, 120);
    static const struct {
        struct store_requests_query query;
        uint64_t count;
    } rows[] = {
        {{.limit = 50}, 120},
        {{.client = {"cl_a", 4}}, 60},
        {{.provider = {"cohere", 6}}, 40},
        {{.client = {"cl_a", 4}, .provider = {"cohere", 6}}, 20},
        {{.failed = true}, 12},
        {{.failed = true, .client = {"cl_a", 4}}, 0},
        {{.failed = true, .client = {"cl_b", 4}}, 12},
        {{.model = {"my-alias", 8}}, 12},
        {{.model = {"gpt-oss-120b", 12}}, 108},
        {{.status = 502}, 12},
        {{.status = 418}, 0},
        {{.client = {"nobody", 6}}, 0},
        {{.provider = {"my-alias", 8}}, 0},
        {{.since_ms = AT_MS + 100000 + 12}, 20},
        {{.until_ms = AT_MS + 100000 + 12}, 100},
        {{.since_ms = AT_MS + 50012, .until_ms = AT_MS + 60012}, 10},
        {{.since_ms = AT_MS + 50013, .until_ms = AT_MS + 60012}, 9},
        {{.since_ms = UINT64_MAX}, 0},
        {{.until_ms = UINT64_MAX}, 120},
    };
    for (size_t i = 0; i < array_length(rows); i++)
        for (uint32_t limit = 1; limit <= 1000; limit = limit * 7 + 3) {
            struct store_requests_query query = rows[i].query;
            query.limit = limit;
            struct listing listing = list_all(store, query, &pages);
            assert_int_equal(listing.count, rows[i].count);
            assert_true(listing.descends);
            assert_true(pages <= rows[i].count / limit + 1);
        }
    /* From a request on, oldest first. */
    struct listing after = list_all(
        store, (struct store_requests_query){.after = SPAN_LITERAL("req-00000099"), .limit = 7},
        &pages);
    assert_int_equal(after.count, 20);
    assert_string_equal(after.first, "req-00000100");
    assert_true(after.ascends);
    assert_int_equal(pages, 3);
    struct listing unknown = {.query = {.after = SPAN_LITERAL("req-x"), .limit = 7}};
    assert_int_equal(store_run(store, STORE_READ, list, &unknown), ERR_NOT_FOUND);
    store_close(store);
    place_done(&place);
}

/* A page looks at a bounded number of rows; what is rare is found over several pages. */
static void a_page_without_finds_ends_and_goes_on(void **state) {
    (void)state;
    struct place place;
    uint32_t pages;
    place_init(&place);
    place.config.ring_kib = 4096;
    struct store *store = place_open(&place);
    record_mixed(store, 5000);
    struct listing listing = list_all(
        store, (struct store_requests_query){.model = SPAN_LITERAL("nothing"), .limit = 10},
        &pages);
    assert_int_equal(listing.count, 0);
    assert_int_equal(pages, 3);
    store_close(store);
    place_done(&place);
}

/* Rows stand in the order they were recorded, also when the clock was set back. */
static void a_clock_that_jumps_back_keeps_the_order(void **state) {
    (void)state;
    struct place place;
    struct sample sample;
    place_init(&place);
    struct store *store = place_open(&place);
    for (uint64_t i = 0; i < 20; i++) {
        sample_init(&sample, i);
        sample.request.at_ms = AT_MS - i * HOUR_MS;
        store_record(store, 0, &sample.request);
    }
    wait_written(store, 20);
    struct listing listing = list_all(store, (struct store_requests_query){.limit = 3}, NULL);
    assert_int_equal(listing.count, 20);
    assert_string_equal(listing.first, "req-00000019");
    assert_string_equal(listing.last, "req-00000000");
    listing = list_all(
        store, (struct store_requests_query){.since_ms = AT_MS - 5 * HOUR_MS, .limit = 3}, NULL);
    assert_int_equal(listing.count, 6);
    store_close(store);
    place_done(&place);
}

struct order {
    uint64_t expected;
};

static void see_in_order(void *context, const struct store_request *request) {
    struct order *order = context;
    struct sample sample;
    sample_init(&sample, --order->expected);
    assert_true(span_equal(request->id, sample.request.id));
}

static int list_in_order(struct store_db *db, void *context) {
    struct store_page page;
    return store_requests_list(db, &(struct store_requests_query){.limit = STORE_PAGE_MAX},
                               see_in_order, context, &page);
}

/* What waits in several rings goes into one commit in the order in which requests ended, and not ring by ring: they wait here
 * because the database cannot be made at first. */
static void loops_are_merged_by_time(void **state) {
    (void)state;
    enum { LOOPS = 3, COUNT = 90 };
    struct place place;
    struct sample sample;
    struct order order = {.expected = COUNT};
    char nowhere[128];
    place_init(&place);
    (void)snprintf(nowhere, sizeof nowhere, "%s/nowhere/papi.db", place.folder);
    place.config.loop_count = LOOPS;
    place.config.journal_path = place.journal;
    place.config.path = nowhere;
    struct store *store = place_open(&place);
    for (uint64_t i = 0; i < COUNT; i++)
        store_record(store, (uint32_t)(i * 7 % 5 % LOOPS), &sample_init(&sample, i)->request);
    store_close(store);
    place.config.path = place.path;
    store = place_open(&place);
    wait_written(store, COUNT);
    assert_int_equal(store_run(store, STORE_READ, list_in_order, &order), 0);
    assert_int_equal(order.expected, 0);
    store_close(store);
    place_done(&place);
}

/* --- one -------------------------------------------------------------------------------------------------------- */

struct one {
    const char *id;
    char text[2048];
};

static void see_one(void *context, const struct store_request *r) {
    struct one *one = context;
    size_t length = (size_t)snprintf(
        one->text, sizeof one->text,
        "%.*s client=%.*s %.*s asked=%.*s served=%.*s by=%.*s/%.*s error=%.*s %u stream=%d at=%llu "
        "queued=%llu first=%d:%llu took=%llu in=%llu out=%llu attempts=%u\n",
        SPAN_ARG(r->id), SPAN_ARG(r->client), SPAN_ARG(r->endpoint), SPAN_ARG(r->model),
        SPAN_ARG(r->served), SPAN_ARG(r->provider), SPAN_ARG(r->account), SPAN_ARG(r->error),
        r->status, r->stream, (unsigned long long)(r->at_ms - AT_MS),
        (unsigned long long)r->queued_ms, r->has_first_token, (unsigned long long)r->first_token_ms,
        (unsigned long long)r->duration_ms, (unsigned long long)r->input_tokens,
        (unsigned long long)r->output_tokens, r->attempts);
    for (uint32_t i = 0; i < r->ladder_count; i++) {
        const struct store_attempt *a = &r->ladder[i];
        const struct store_charge *c = &a->charge;
        length += (size_t)snprintf(
            one->text + length, sizeof one->text - length,
            "%.*s/%.*s %.*s (%.*s) %.*s %u at=%llu %llu %llu %llu/%llu charge=%llu,%llu,%llu,%llu,"
            "%llu,%llu %llu %.*s\n",
            SPAN_ARG(a->provider), SPAN_ARG(a->account), SPAN_ARG(a->model), SPAN_ARG(a->upstream),
            SPAN_ARG(a->outcome), a->status, (unsigned long long)(a->at_ms - AT_MS),
            (unsigned long long)a->waited_ms, (unsigned long long)a->duration_ms,
            (unsigned long long)a->input_tokens, (unsigned long long)a->output_tokens,
            (unsigned long long)c->input_tokens, (unsigned long long)c->output_tokens,
            (unsigned long long)c->input_up_front, (unsigned long long)c->output_up_front,
            (unsigned long long)c->inputs, (unsigned long long)c->audio_seconds,
            (unsigned long long)c->cost, SPAN_ARG(c->cost_unit));
    }
}

static int get(struct store_db *db, void *context) {
    struct one *one = context;
    return store_request_get(db, span_text(one->id), see_one, one);
}

static void one_request_comes_back_with_its_ladder(void **state) {
    (void)state;
    struct place place;
    struct sample sample;
    struct one one = {.id = "req-00000007"};
    place_init(&place);
    struct store *store = place_open(&place);
    sample_init(&sample, 7);
    sample.request.client = SPAN_LITERAL("cl_a");
    sample.request.stream = true;
    sample.request.attempts = 20;
    sample.request.ladder_count = 2;
    sample.ladder[1] = sample.ladder[0];
    sample.ladder[0].outcome = SPAN_LITERAL("rate_limited");
    sample.ladder[0].provider = SPAN_LITERAL("gemini");
    sample.ladder[0].status = 429;
    sample.ladder[1].charge = (struct store_charge){1, 2, 3, 4, 5, 6, 7, SPAN_LITERAL("credits")};
    store_record(store, 0, &sample.request);
    sample_init(&sample, 8);
    sample.request.ladder_count = sample.request.attempts = 0;
    sample.request.provider = sample.request.account = sample.request.served = SPAN_NONE;
    sample.request.model = SPAN_NONE;
    sample.request.error = SPAN_LITERAL("model_not_found");
    sample.request.status = 404;
    sample.request.has_first_token = false;
    sample.request.first_token_ms = 0;
    store_record(store, 0, &sample.request);
    wait_written(store, 2);
    assert_int_equal(store_run(store, STORE_READ, get, &one), 0);
    assert_string_equal(
        one.text,
        "req-00000007 client=cl_a /v1/chat/completions asked=gpt-oss-120b served=gpt-oss-120b "
        "by=groq/default error= 200 stream=1 at=7 queued=1 first=1:4 took=12 in=7 out=5 "
        "attempts=20\n"
        "gemini/default gpt-oss-120b (openai/gpt-oss-120b) rate_limited 429 at=7 1 10 7/5 "
        "charge=8,6,0,0,0,0 0 \n"
        "groq/default gpt-oss-120b (openai/gpt-oss-120b) ok 200 at=7 1 10 7/5 "
        "charge=1,2,3,4,5,6 7 credits\n");
    one.id = "req-00000008";
    assert_int_equal(store_run(store, STORE_READ, get, &one), 0);
    assert_string_equal(one.text, "req-00000008 client= /v1/chat/completions asked= served= by=/ "
                                  "error=model_not_found 404 stream=0 at=8 queued=1 first=0:0 "
                                  "took=12 in=7 out=5 attempts=0\n");
    one.id = "req-00000009";
    assert_int_equal(store_run(store, STORE_READ, get, &one), ERR_NOT_FOUND);
    store_close(store);
    place_done(&place);
}

/* --- totals ----------------------------------------------------------------------------------------------------- */

struct usage {
    struct store_usage_query query;
    struct sums sums;
    uint64_t at_ms;
    bool descends;
};

static void see_usage(void *context, const struct store_usage *row) {
    struct usage *usage = context;
    usage->descends &= usage->sums.rows == 0 || row->at_ms <= usage->at_ms;
    usage->at_ms = row->at_ms;
    add_usage(&usage->sums, row);
}

static int read_usage(struct store_db *db, void *context) {
    struct usage *usage = context;
    struct store_page page = {.has_more = true};
    while (page.has_more) {
        int err = store_usage_list(db, &usage->query, see_usage, usage, &page);
        if (err < 0)
            return err;
        usage->query.cursor = page.cursor;
        usage->query.series = page.series;
    }
    return 0;
}

static void totals_are_filtered_and_paged(void **state) {
    (void)state;
    struct place place;
    place_init(&place);
    place.config.ring_kib = 4096;
    struct store *store = place_open(&place);
    record_mixed(store, 7200); /* two hours */
    static const struct {
        struct store_usage_query query;
        uint64_t requests;
    } rows[] = {
        {{.by = STORE_MINUTE}, 7200},
        {{.by = STORE_HOUR}, 7200},
        {{.by = STORE_DAY}, 7200},
        {{.by = STORE_HOUR, .since_ms = AT_MS + HOUR_MS}, 3600},
        {{.by = STORE_HOUR, .until_ms = AT_MS + HOUR_MS}, 3600},
        {{.by = STORE_MINUTE, .since_ms = AT_MS + MINUTE_MS, .until_ms = AT_MS + 2 * MINUTE_MS},
         60},
        {{.by = STORE_HOUR, .client = {"cl_a", 4}}, 3600},
        {{.by = STORE_HOUR, .provider = {"groq", 4}}, 2400},
        {{.by = STORE_HOUR, .client = {"cl_b", 4}, .provider = {"groq", 4}}, 1200},
        {{.by = STORE_HOUR, .model = {"gpt-oss-120b", 12}}, 7200},
        {{.by = STORE_HOUR, .model = {"nothing", 7}}, 0},
    };
    for (size_t i = 0; i < array_length(rows); i++)
        for (uint32_t limit = 3; limit <= 1000; limit = limit * 7) {
            struct usage usage = {.query = rows[i].query, .descends = true};
            usage.query.limit = limit;
            assert_int_equal(store_run(store, STORE_READ, read_usage, &usage), 0);
            assert_int_equal(usage.sums.requests, rows[i].requests);
            assert_int_equal(usage.sums.input_tokens, 7 * rows[i].requests);
            assert_true(usage.descends);
        }
    store_close(store);
    place_done(&place);
}

/* --- seeds ------------------------------------------------------------------------------------------------------ */

struct seeds {
    struct store_seed_query query;
    uint64_t days, hours, minutes, exact; /* attempts told in each way */
    uint64_t output_tokens, at_ms;
    bool in_order;
};

static void see_seed(void *context, const struct store_seed *row) {
    struct seeds *seeds = context;
    *(row->span_ms == DAY_MS      ? &seeds->days
      : row->span_ms == HOUR_MS   ? &seeds->hours
      : row->span_ms == MINUTE_MS ? &seeds->minutes
                                  : &seeds->exact) += row->count;
    seeds->in_order &= row->at_ms >= seeds->at_ms;
    seeds->at_ms = row->at_ms;
    seeds->output_tokens += row->charge.output_tokens;
    assert_true(span_is(row->account, "default") && span_is(row->upstream, "openai/gpt-oss-120b"));
    assert_true(span_is(row->outcome, "ok") || span_is(row->outcome, "server_error"));
    assert_int_equal(row->mark, seeds->query.wanted != NULL ? (uint32_t)row->provider.len : 0);
}

static int read_seeds(struct store_db *db, void *context) {
    struct seeds *seeds = context;
    return store_seed_read(db, &seeds->query, see_seed, seeds);
}

/* Recorded from 16:00 to 18:00. */
static void seeds_tell_each_attempt_once(void **state) {
    (void)state;
    struct place place;
    place_init(&place);
    place.config.ring_kib = 4096;
    struct store *store = place_open(&place);
    record_mixed(store, 7200);
    static const struct {
        struct store_seed_query query;
        uint64_t days, hours, minutes, exact;
    } rows[] = {
        {{AT_MS, AT_MS, AT_MS + HOUR_MS, AT_MS + 110 * MINUTE_MS, 1000, NULL}, 0, 3600, 3000, 600},
        {{AT_MS, AT_MS, AT_MS + 61 * MINUTE_MS, AT_MS + 110 * MINUTE_MS + 1, 1000, NULL},
         0,
         3600,
         3000,
         600},
        {{AT_MS, AT_MS, AT_MS, AT_MS, 10000, NULL}, 0, 0, 0, 7200},
        {{AT_MS + HOUR_MS, 0, 0, AT_MS + 110 * MINUTE_MS, 10000, NULL}, 0, 0, 3000, 600},
        {{0, 0, AT_MS + 5 * HOUR_MS, AT_MS + 5 * HOUR_MS, 10, NULL}, 0, 7200, 0, 0},
        {{AT_MS, AT_MS, AT_MS + HOUR_MS, AT_MS + HOUR_MS, 100, NULL}, 0, 3600, 3540, 60},
        /* that day is over, and the window began before it */
        {{0, AT_MS + DAY_MS, AT_MS + DAY_MS, AT_MS + DAY_MS, 10, NULL}, 7200, 0, 0, 0},
        {{NEXT_DAY_MS - DAY_MS, NEXT_DAY_MS, NEXT_DAY_MS, NEXT_DAY_MS, 10, NULL}, 7200, 0, 0, 0},
        /* the window began inside of it */
        {{AT_MS + HOUR_MS, AT_MS + DAY_MS, AT_MS + DAY_MS, AT_MS + DAY_MS, 10, NULL},
         0,
         3600,
         0,
         0},
        {{NEXT_DAY_MS - DAY_MS + HOUR_MS, NEXT_DAY_MS, NEXT_DAY_MS, NEXT_DAY_MS, 10, NULL},
         0,
         7200,
         0,
         0},
        /* days end where hours begin */
        {{0, NEXT_DAY_MS - 1, NEXT_DAY_MS, NEXT_DAY_MS, 10, NULL}, 0, 7200, 0, 0},
        {{0, NEXT_DAY_MS, AT_MS, AT_MS + HOUR_MS, 10000, NULL}, 0, 0, 3600, 3600},
    };
    for (size_t i = 0; i < array_length(rows); i++) {
        struct seeds seeds = {.query = rows[i].query, .in_order = true};
        assert_int_equal(store_run(store, STORE_READ, read_seeds, &seeds), 0);
        assert_int_equal(seeds.days, rows[i].days);
        assert_int_equal(seeds.hours, rows[i].hours);
        assert_int_equal(seeds.minutes, rows[i].minutes);
        assert_int_equal(seeds.exact, rows[i].exact);
        assert_int_equal(seeds.output_tokens,
                         6 * (seeds.days + seeds.hours + seeds.minutes + seeds.exact));
        assert_true(seeds.in_order);
    }
    store_close(store);
    place_done(&place);
}

/* Of "groq" and what went well since 17:00, of another one all, of the third nothing. */
static uint64_t some_names(void *context, const struct store_seed *names, uint32_t *ret_mark) {
    (void)context;
    *ret_mark = (uint32_t)names->provider.len;
    if (span_is(names->provider, providers[0]))
        return span_is(names->outcome, "ok") ? AT_MS + HOUR_MS : UINT64_MAX;
    return span_is(names->provider, providers[1]) ? 0 : UINT64_MAX;
}

static void seeds_tell_what_is_wanted(void **state) {
    (void)state;
    struct place place;
    place_init(&place);
    place.config.ring_kib = 4096;
    struct store *store = place_open(&place);
    record_mixed(store, 7200);
    struct seeds seeds = {.query = {0, 0, AT_MS, AT_MS + 90 * MINUTE_MS, 10000, some_names},
                          .in_order = true};
    assert_int_equal(store_run(store, STORE_READ, read_seeds, &seeds), 0);
    /* A third of each half hour is of the first, 9 of 10 of them went well; the minute before is told as well, since it ends then. */
    assert_int_equal(seeds.exact, 540 + 600);
    assert_int_equal(seeds.minutes, 540 + 18 + 1800);
    assert_int_equal(seeds.hours + seeds.days, 0);
    store_close(store);
    place_done(&place);
}

/* --- days of clients -------------------------------------------------------------------------------------------- */

struct client_days {
    uint64_t since_ms, rows, requests, tokens, failed;
};

static void see_day(void *context, const struct store_client_day *day) {
    struct client_days *days = context;
    assert_true(span_is(day->client, clients[0]) || span_is(day->client, clients[1]));
    assert_int_equal(day->at_ms, NEXT_DAY_MS - DAY_MS);
    days->rows++;
    days->requests += day->requests;
    days->tokens += day->tokens;
    days->failed += span_is(day->outcome, "server_error") ? day->requests : 0;
}

static int read_days(struct store_db *db, void *context) {
    struct client_days *days = context;
    return store_client_days(db, days->since_ms, see_day, days);
}

static void clients_have_days(void **state) {
    (void)state;
    struct place place;
    struct sample sample;
    place_init(&place);
    place.config.ring_kib = 4096;
    struct store *store = place_open(&place);
    record_mixed(store, 1200);
    sample_init(&sample, 1200); /* nobody's, and one that no provider was asked for */
    sample.request.client = SPAN_NONE;
    store_record(store, 0, &sample.request);
    sample_init(&sample, 1201);
    sample.request.client = span_text(clients[0]);
    sample.request.ladder_count = 0;
    sample.request.error = SPAN_LITERAL("model_not_found");
    store_record(store, 0, &sample.request);
    wait_written(store, 1202);
    static const struct {
        uint64_t since_ms, requests;
    } rows[] = {{0, 1200}, {AT_MS + 7 * HOUR_MS, 1200}, {NEXT_DAY_MS, 0}, {UINT64_MAX, 0}};
    for (size_t i = 0; i < array_length(rows); i++) {
        struct client_days days = {.since_ms = rows[i].since_ms};
        assert_int_equal(store_run(store, STORE_READ, read_days, &days), 0);
        assert_int_equal(days.requests, rows[i].requests);
        assert_int_equal(days.failed, rows[i].requests / 10);
        assert_int_equal(days.rows, rows[i].requests > 0 ? 3 : 0); /* each tenth is of the second */
        assert_true(days.tokens >= 6 * days.requests);
    }
    store_close(store);
    place_done(&place);
}

/* --- retention -------------------------------------------------------------------------------------------------- */

static int count_attempts(struct store_db *db, void *context) {
    struct seeds *seeds = context;
    seeds->query = (struct store_seed_query){.exact_most = 100000};
    return store_seed_read(db, &seeds->query, see_seed, seeds);
}

static void what_is_too_old_goes_in_slices(void **state) {
    (void)state;
    enum { OLD = 700, NEW = 30 };
    struct place place;
    struct sample sample;
    uint64_t now_ms = clock_wall_ms();
    place_init(&place);
    place.config.slice_rows = 50;
    place.config.slice_ms = 1;
    place.config.ring_kib = 4096;
    struct store *store = place_open(&place);
    for (uint64_t i = 0; i < OLD + NEW; i++) {
        sample_init(&sample, i);
        sample.request.at_ms = i < OLD ? now_ms - 10 * 24 * HOUR_MS + i * 1000 : now_ms;
        sample.ladder[0].at_ms = sample.request.at_ms;
        store_record(store, 0, &sample.request);
    }
    wait_written(store, OLD + NEW);
    assert_int_equal(rows_of(store), OLD + NEW);
    store_close(store);
    place.config.keep = (struct store_keep){.requests_days = 9, .minutes_days = 9, .hours_days = 0};
    store = place_open(&place);
    uint64_t give_up_ns = clock_mono_ns() + 20 * NS_PER_S;
    while (rows_of(store) > NEW || sums_by(store, STORE_MINUTE).requests > NEW)
        assert_true(clock_mono_ns() < give_up_ns);
    assert_int_equal(rows_of(store), NEW);
    struct seeds seeds = {.in_order = true};
    assert_int_equal(store_run(store, STORE_READ, count_attempts, &seeds), 0);
    assert_int_equal(seeds.exact, NEW);
    assert_int_equal(sums_by(store, STORE_MINUTE).requests, NEW);
    assert_int_equal(sums_by(store, STORE_HOUR).requests, OLD + NEW);
    assert_int_equal(sums_by(store, STORE_DAY).requests, OLD + NEW);
    store_close(store);
    place_done(&place);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_filtered_and_paged),
        cmocka_unit_test(a_page_without_finds_ends_and_goes_on),
        cmocka_unit_test(a_clock_that_jumps_back_keeps_the_order),
        cmocka_unit_test(loops_are_merged_by_time),
        cmocka_unit_test(one_request_comes_back_with_its_ladder),
        cmocka_unit_test(totals_are_filtered_and_paged),
        cmocka_unit_test(seeds_tell_each_attempt_once),
        cmocka_unit_test(seeds_tell_what_is_wanted),
        cmocka_unit_test(clients_have_days),
        cmocka_unit_test(what_is_too_old_goes_in_slices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
