// SPDX-License-Identifier: Apache-2.0
/*
 * Limits after a start: charged with what was sent before it, so that no provider is asked for more than it allows because the
 * gateway forgot.
 *
 * Rows of the store name provider, account and upstream model; a table finds the routes of these names, since numbers change with
 * every configuration. What has no route any more has no limit either. As far back is read as the longest window of such a name
 * reaches: the last attempts one by one, older ones as sums, which count as if all of it had been sent at the end: by minute for
 * windows of minutes and hours, by hour for days, by day for months.
 * Reading may wait for the disk and charging may not, so they are two steps. Promises: a store that cannot be read leaves limits as
 * they are, and that is said. Leaves to others: what a row is worth to which limit (scheduler/replay.c).
 */
#include "app/records.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "catalog/facts.h"
#include "catalog/map.h"
#include "gateway/desk.h"
#include "obs/log.h"
#include "store/seed.h"

#include <stdlib.h>

#define ROWS_FIRST   256
#define EXACT_MOST   1000              /* a busy gateway's last seconds, all of a quiet one's day */
#define MINUTES_MS   (6 * MS_PER_HOUR) /* windows up to this are read by minute */
#define HOURS_MS     (26 * MS_PER_HOUR) /* up to this, a day of any zone, by hour; longer ones by day */
#define LANES_FIRST  64
#define CLOCKS_MS    (5 * 60 * (uint64_t)1000) /* spreads, guards and dates that were set */
#define SINCE_ALWAYS 0

struct named {
    uint64_t hash;
    uint32_t route;
    bool known; /* its account was there before: only its limits may be new */
};

/* Names in the store that have limits. */
struct lane {
    uint32_t first, count; /* of `routes` */
    enum outcome outcome;
};

struct records_past {
    const struct catalog_snapshot *names; /* borrowed while reading */
    struct named *sorted;                 /* owned: by hash, then by route */
    uint32_t *routes;                     /* owned: the routes in that order */
    uint32_t *slots;                      /* owned: places of first ones, open addressing */
    bool *known_limits;                   /* owned: those that were there before */
    uint32_t count, mask;
    uint64_t wall_ms;
    struct lane *lanes; /* owned */
    uint32_t lane_count, lane_room;
    struct scheduler_past *list; /* owned */
    uint32_t listed, list_room;
};

/* --- names to routes --- */

static uint64_t hash_names(struct span provider, struct span account, struct span upstream) {
    uint64_t hash = span_hash(provider);
    hash = hash * 31 + span_hash(account);
    return hash * 31 + span_hash(upstream);
}

static uint64_t hash_route(const struct catalog_snapshot *names, uint32_t index) {
    const struct catalog_route *route = &names->routes[index];
    const struct catalog_account *account = &names->accounts[route->account];
    return hash_names(names->providers[account->provider].id, account->name, route->upstream_model);
}

static bool has_names(const struct catalog_snapshot *names, uint32_t index,
                      const struct store_seed *row) {
    const struct catalog_route *route = &names->routes[index];
    const struct catalog_account *account = &names->accounts[route->account];
    return span_equal(route->upstream_model, row->upstream) &&
           span_equal(account->name, row->account) &&
           span_equal(names->providers[account->provider].id, row->provider);
}

static bool account_is_in(const struct catalog_snapshot *names, uint32_t index,
                          const struct catalog_snapshot *before) {
    const struct catalog_account *account = &names->accounts[index];
    for (uint32_t i = 0; before != NULL && i < before->account_count; i++)
        if (span_equal(before->accounts[i].name, account->name) &&
            span_equal(before->providers[before->accounts[i].provider].id,
                       names->providers[account->provider].id))
            return true;
    return false;
}

static int by_hash(const void *left, const void *right) {
    const struct named *a = left, *b = right;
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    return a->route < b->route ? -1 : a->route > b->route;
}

static void mark_known_limits(struct records_past *past, const struct catalog_snapshot *before) {
    struct catalog_map map = {0};
    past->known_limits = mem_zalloc(past->names->limit_count + (size_t)1);
    if (before != NULL)
        catalog_map_make(before, past->names, &map);
    for (uint32_t i = 0; i < map.limit_count; i++)
        if (map.limits[i] != CATALOG_GONE)
            past->known_limits[map.limits[i]] = true;
    catalog_map_free(&map);
}

/* Whether the limit is to be charged with what the route's account sent. */
static bool is_charged(const struct records_past *past, bool account_known, uint32_t limit) {
    return !account_known || !past->known_limits[limit];
}

static bool has_charged(const struct records_past *past, bool account_known, uint32_t index) {
    const struct catalog_route *route = &past->names->routes[index];
    for (uint32_t i = 0; i < route->limit_count; i++)
        if (is_charged(past, account_known, route->limits[i]))
            return true;
    return false;
}

static void list_routes(struct records_past *past, const struct catalog_snapshot *before) {
    const struct catalog_snapshot *names = past->names;
    bool *known = mem_zalloc(names->account_count + 1);
    mark_known_limits(past, before);
    for (uint32_t i = 0; i < names->account_count; i++)
        known[i] = account_is_in(names, i, before);
    for (uint32_t i = 0; i < names->route_count; i++) {
        bool of_known = known[names->routes[i].account];
        if (has_charged(past, of_known, i))
            past->sorted[past->count++] = (struct named){hash_route(names, i), i, of_known};
    }
    mem_free(known);
    qsort(past->sorted, past->count, sizeof *past->sorted, by_hash);
}

static void make_table(struct records_past *past, const struct catalog_snapshot *before) {
    size_t room = (size_t)past->names->route_count + 1;
    past->mask = 15;
    while (past->mask < 2 * room)
        past->mask = past->mask * 2 + 1;
    past->sorted = mem_zalloc(room * sizeof *past->sorted);
    past->routes = mem_zalloc(room * sizeof *past->routes);
    past->slots = mem_alloc(((size_t)past->mask + 1) * sizeof *past->slots);
    memset(past->slots, 0xff, ((size_t)past->mask + 1) * sizeof *past->slots);
    list_routes(past, before);
    for (uint32_t i = 0; i < past->count; i++) {
        uint64_t hash = past->sorted[i].hash;
        past->routes[i] = past->sorted[i].route;
        if (i > 0 && past->sorted[i - 1].hash == hash)
            continue;
        uint32_t slot = (uint32_t)hash & past->mask;
        while (past->slots[slot] != UINT32_MAX)
            slot = (slot + 1) & past->mask;
        past->slots[slot] = i;
    }
}

/* How many routes have the names of a row, from *ret_first on. */
static uint32_t find(const struct records_past *past, const struct store_seed *row,
                     uint32_t *ret_first) {
    uint64_t hash = hash_names(row->provider, row->account, row->upstream);
    uint32_t slot = (uint32_t)hash & past->mask, count = 0;
    while (past->slots[slot] != UINT32_MAX && past->sorted[past->slots[slot]].hash != hash)
        slot = (slot + 1) & past->mask;
    uint32_t at = past->slots[slot];
    if (at == UINT32_MAX)
        return 0;
    *ret_first = at;
    while (at + count < past->count && past->sorted[at + count].hash == hash &&
           has_names(past->names, past->routes[at + count], row))
        count++;
    return count;
}

/* --- rows to charges --- */

static bool find_unit(struct span word, enum limit_unit *ret_unit) {
    for (uint32_t i = 0; i < LIMIT_UNIT_COUNT; i++) {
        if (!span_is(word, limit_unit_word((enum limit_unit)i)))
            continue;
        *ret_unit = (enum limit_unit)i;
        return true;
    }
    return false;
}

static struct scheduler_kept kept_of(const struct store_charge *charge) {
    struct scheduler_kept kept = {.input_tokens = charge->input_tokens,
                                  .output_tokens = charge->output_tokens,
                                  .input_up_front = charge->input_up_front,
                                  .output_up_front = charge->output_up_front,
                                  .inputs = charge->inputs,
                                  .audio_seconds = charge->audio_seconds,
                                  .cost = charge->cost};
    kept.has_cost = !span_absent(charge->cost_unit) && charge->cost_unit.len > 0 &&
                    find_unit(charge->cost_unit, &kept.cost_unit);
    return kept;
}

/* Room for one more. */
static void *grow(void *rows, size_t row_bytes, uint32_t count, uint32_t *room, uint32_t first) {
    if (count < *room)
        return rows;
    *room = *room == 0 ? first : 2 * *room;
    return mem_realloc(rows, *room * row_bytes);
}

static void on_row(void *context, const struct store_seed *row) {
    struct records_past *past = context;
    const struct lane *lane = &past->lanes[row->mark];
    uint64_t newest_ms = row->at_ms + row->span_ms;
    past->list = grow(past->list, sizeof *past->list, past->listed, &past->list_room, ROWS_FIRST);
    past->list[past->listed++] =
        (struct scheduler_past){.routes = &past->routes[lane->first],
                                .route_count = lane->count,
                                .outcome = lane->outcome,
                                .count = row->count,
                                .age_ms = newest_ms < past->wall_ms ? past->wall_ms - newest_ms : 0,
                                .new_only = past->sorted[lane->first].known,
                                .kept = kept_of(&row->charge)};
}

/* --- how far back --- */

/* Of a calendar the period that this instant lies in, or did before clocks were set. */
static uint64_t earliest(const struct catalog_limit *limit, uint64_t wall_ms) {
    int64_t inside_ms = (int64_t)(wall_ms > CLOCKS_MS ? wall_ms - CLOCKS_MS : 0), begin_ms;
    if (limit->shape == LIMIT_ONCE)
        return SINCE_ALWAYS;
    if (limit->shape == LIMIT_AT_ONCE)
        return UINT64_MAX;
    if (limit->shape == LIMIT_CALENDAR_DAY)
        begin_ms = zone_day_begin_ms(&limit->zone, inside_ms);
    else if (limit->shape == LIMIT_CALENDAR_MONTH)
        begin_ms = zone_month_begin_ms(&limit->zone, inside_ms);
    else /* A bucket that was poured over its brim takes longer than its window. */
        begin_ms =
            (int64_t)wall_ms - (int64_t)(limit->window_ms * (limit->shape == LIMIT_REFILL ? 2 : 1));
    return begin_ms > (int64_t)CLOCKS_MS ? (uint64_t)begin_ms - CLOCKS_MS : 0;
}

static uint64_t lane_since(void *context, const struct store_seed *names, uint32_t *ret_mark) {
    struct records_past *past = context;
    struct lane lane = {0};
    lane.count = find(past, names, &lane.first);
    if (lane.count == 0 || !outcome_find(names->outcome, &lane.outcome))
        return UINT64_MAX;
    uint64_t since_ms = UINT64_MAX;
    for (uint32_t i = 0; i < lane.count; i++) {
        const struct catalog_route *route = &past->names->routes[past->routes[lane.first + i]];
        for (uint32_t k = 0; k < route->limit_count; k++) {
            if (!is_charged(past, past->sorted[lane.first + i].known, route->limits[k]))
                continue;
            uint64_t at_ms = earliest(&past->names->limits[route->limits[k]], past->wall_ms);
            since_ms = at_ms < since_ms ? at_ms : since_ms;
        }
    }
    past->lanes =
        grow(past->lanes, sizeof *past->lanes, past->lane_count, &past->lane_room, LANES_FIRST);
    *ret_mark = past->lane_count;
    past->lanes[past->lane_count++] = lane;
    return since_ms;
}

static void lower(uint64_t *least, uint64_t value) {
    if (value < *least)
        *least = value;
}

/* Each kind of sums as far back as a window that needs it; what is older and still counts comes by longer ones. */
static struct store_seed_query query_of(const struct records_past *past) {
    const struct catalog_snapshot *names = past->names;
    uint64_t wall_ms = past->wall_ms;
    uint64_t exact_ms = wall_ms > HOURS_MS ? wall_ms - HOURS_MS : 0;
    struct store_seed_query query = {.days_since_ms = wall_ms,
                                     .hours_since_ms = wall_ms,
                                     .minutes_since_ms = wall_ms,
                                     .exact_most = EXACT_MOST,
                                     .wanted = lane_since};
    for (uint32_t i = 0; i < past->count; i++) {
        const struct catalog_route *route = &names->routes[past->routes[i]];
        for (uint32_t k = 0; k < route->limit_count; k++) {
            if (!is_charged(past, past->sorted[i].known, route->limits[k]))
                continue;
            uint64_t since_ms = earliest(&names->limits[route->limits[k]], wall_ms);
            lower(&query.days_since_ms, since_ms);
            if (since_ms >= exact_ms)
                lower(&query.hours_since_ms, since_ms);
            if (since_ms + MINUTES_MS + CLOCKS_MS >= wall_ms)
                lower(&query.minutes_since_ms, since_ms);
        }
    }
    query.exact_since_ms = query.days_since_ms > exact_ms ? query.days_since_ms : exact_ms;
    return query;
}

static int read_rows(struct store_db *db, void *context) {
    struct records_past *past = context;
    const struct store_seed_query query = query_of(past);
    return store_seed_read(db, &query, on_row, past);
}

struct records_past *records_read(struct store *store, const struct catalog_snapshot *now,
                                  const struct catalog_snapshot *before) {
    if (store == NULL)
        return NULL;
    struct records_past *past = mem_zalloc(sizeof *past);
    uint64_t began_ns = clock_mono_ns();
    past->names = now;
    past->wall_ms = clock_wall_ms();
    make_table(past, before);
    if (past->count > 0 && before != NULL)
        records_settle(store); /* what was sent a moment ago is still in the journal */
    int err = past->count == 0 ? 0 : store_run(store, STORE_READ, read_rows, past);
    past->names = NULL;
    if (err < 0)
        log_event(LOG_ERROR, "store.unread",
                  "error=\"%s\" effect=\"limits count from this start on\"", err_text(err));
    else if (past->count > 0)
        log_event(LOG_INFO, "store.read", "rows=%u ms=%llu", past->listed,
                  (unsigned long long)((clock_mono_ns() - began_ns) / NS_PER_MS));
    return past;
}

struct desk_past records_rows(const struct records_past *past) {
    return past != NULL ? (struct desk_past){past->list, past->listed} : (struct desk_past){0};
}

void records_charge(struct records_past *past, struct desk *desk) {
    desk_replay(desk, records_rows(past));
    records_drop(past);
}

void records_drop(struct records_past *past) {
    if (past == NULL)
        return;
    mem_free(past->list);
    mem_free(past->lanes);
    mem_free(past->sorted);
    mem_free(past->routes);
    mem_free(past->slots);
    mem_free(past->known_limits);
    mem_free(past);
}
