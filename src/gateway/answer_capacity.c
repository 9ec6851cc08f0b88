// SPDX-License-Identifier: Apache-2.0
/*
 * /v1/papi/capacity: what is left of every limit of every account, and in all.
 *
 * From the live windows of the ledger, never from published numbers: an account that several models share is counted once
 * (scheduler/capacity.c). Promises: the sums are those of the windows shown beside them. Leaves to others: the arithmetic.
 */
#include "gateway/authenticate.h"
#include "gateway/desk.h"
#include "gateway/request.h"
#include "scheduler/capacity.h"

#include "base/check.h"

#define ANSWER_MAX_BYTES ((size_t)8 * 1024 * 1024)

struct showing {
    const struct catalog_snapshot *snapshot;
    const struct scheduler_limit *limits;
    struct dynbuf *out;
    uint64_t now_ns;
    uint32_t accounts; /* told one by one: all to the owner, none to a client with a key */
};

static const char *const span_names[] = {
    [CAPACITY_NOW] = "now", [CAPACITY_TODAY] = "today", [CAPACITY_MONTH] = "month"};

static uint64_t comes_in_ms(const struct showing *showing, uint32_t index) {
    uint64_t at_ns = showing->limits[index].frees_at_ns;
    return at_ns > showing->now_ns ? (at_ns - showing->now_ns) / NS_PER_MS : 0;
}

static int write_amount(struct dynbuf *out, const char *name, uint64_t amount) {
    if (amount == CAPACITY_UNLIMITED)
        return dynbuf_append_format(out, "\"%s\":null", name);
    return dynbuf_append_format(out, "\"%s\":%llu", name, (unsigned long long)amount);
}

/* "now":{"requests":5,"tokens":null},... */
static int write_left(struct dynbuf *out, const struct capacity *capacity) {
    int err = 0;
    for (int span = 0; span < CAPACITY_SPAN_COUNT && err == 0; span++) {
        err = dynbuf_append_format(out, "%s\"%s\":{", span > 0 ? "," : "", span_names[span]);
        if (err == 0)
            err = write_amount(out, "requests", capacity->requests[span]);
        if (err == 0)
            err = dynbuf_append_char(out, ',');
        if (err == 0)
            err = write_amount(out, "tokens", capacity->tokens[span]);
        if (err == 0)
            err = dynbuf_append_char(out, '}');
    }
    return err;
}

/* The model a limit is for, where it is for one: that of the first route under it. */
static struct span model_of(const struct showing *showing, uint32_t limit) {
    enum limit_scope scope = showing->snapshot->limits[limit].scope;
    if (scope != LIMIT_BY_MODEL && scope != LIMIT_BY_IP_MODEL)
        return SPAN_NONE;
    for (uint32_t i = 0; i < showing->snapshot->route_count; i++)
        for (uint32_t j = 0; j < showing->snapshot->routes[i].limit_count; j++)
            if (showing->snapshot->routes[i].limits[j] == limit)
                return showing->snapshot->routes[i].upstream_model;
    return SPAN_NONE;
}

static int write_limit(const struct showing *showing, uint32_t index) {
    const struct catalog_limit *limit = &showing->snapshot->limits[index];
    const struct scheduler_limit *state = &showing->limits[index];
    struct span model = model_of(showing, index);
    int err = dynbuf_append_char(showing->out, '{');
    if (err == 0)
        err = json_write_member_string(showing->out, "limit", limit->label);
    if (err == 0)
        err = dynbuf_append_format(
            showing->out,
            ",\"unit\":\"%s\",\"shape\":\"%s\",\"scope\":\"%s\",\"amount\":%llu,\"used\":%llu,"
            "\"left\":%llu,\"frees_in_ms\":%llu,\"learned\":%s",
            limit_unit_word(limit->unit), limit_shape_word(limit->shape),
            limit_scope_word(limit->scope), (unsigned long long)state->amount,
            (unsigned long long)state->used, (unsigned long long)state->remaining,
            (unsigned long long)comes_in_ms(showing, index), state->learned ? "true" : "false");
    if (err == 0 && !span_absent(model)) {
        err = dynbuf_append_char(showing->out, ',');
        if (err == 0)
            err = json_write_member_string(showing->out, "model", model);
    }
    return err < 0 ? err : dynbuf_append_char(showing->out, '}');
}

static int write_limits(const struct showing *showing, uint32_t provider, uint32_t group) {
    bool first = true;
    int err = 0;
    for (uint32_t i = 0; i < showing->snapshot->limit_count && err == 0; i++) {
        const struct catalog_limit *limit = &showing->snapshot->limits[i];
        if (limit->provider != provider || (limit->group != group && limit->group != LIMIT_NONE))
            continue;
        err = first ? 0 : dynbuf_append_char(showing->out, ',');
        first = false;
        if (err == 0)
            err = write_limit(showing, i);
    }
    return err;
}

static uint32_t keys_of(const struct catalog_snapshot *snapshot, uint32_t group) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < snapshot->account_count; i++)
        count += snapshot->accounts[i].group == group && snapshot->accounts[i].key != NULL;
    return count;
}

static int write_group(const struct showing *showing, uint32_t index,
                       const struct capacity *capacity) {
    const struct catalog_group *group = &showing->snapshot->groups[index];
    int err = dynbuf_append_char(showing->out, '{');
    if (err == 0)
        err = json_write_member_string(showing->out, "provider",
                                       showing->snapshot->providers[group->provider].id);
    if (err == 0)
        err = dynbuf_append_char(showing->out, ',');
    if (err == 0)
        err = json_write_member_string(showing->out, "account", group->name);
    if (err == 0)
        err =
            dynbuf_append_format(showing->out, ",\"keys\":%u,", keys_of(showing->snapshot, index));
    if (err == 0)
        err = write_left(showing->out, capacity);
    if (err == 0)
        err = dynbuf_append_text(showing->out, ",\"limits\":[");
    if (err == 0)
        err = write_limits(showing, group->provider, index);
    return err < 0 ? err : dynbuf_append_text(showing->out, "]}");
}

static int write_answer(const struct showing *showing, const struct capacity *pool,
                        const struct capacity *groups) {
    int err = dynbuf_append_text(showing->out, "{\"object\":\"papi.capacity\",\"pool\":{");
    if (err == 0)
        err = write_left(showing->out, pool);
    if (err == 0)
        err = dynbuf_append_text(showing->out, "},\"accounts\":[");
    for (uint32_t i = 0; i < showing->accounts && err == 0; i++) {
        err = i > 0 ? dynbuf_append_char(showing->out, ',') : 0;
        if (err == 0)
            err = write_group(showing, i, &groups[i]);
    }
    return err < 0 ? err : dynbuf_append_text(showing->out, "]}\n");
}

int answer_papi_capacity(struct request *r) {
    const struct catalog_snapshot *snapshot = r->snapshot;
    struct dynbuf body;
    struct showing showing = {.snapshot = snapshot,
                              .out = &body,
                              .accounts = authenticate_is_owner(r) ? snapshot->group_count : 0};
    struct capacity_spans spans;
    struct capacity pool;
    size_t count = snapshot->limit_count + (size_t)1;
    struct scheduler_limit *limits = arena_try_alloc(&r->arena, count * sizeof *limits);
    struct capacity_limit *states = arena_try_alloc(&r->arena, count * sizeof *states);
    struct capacity *groups =
        arena_try_alloc(&r->arena, (snapshot->group_count + (size_t)1) * sizeof *groups);
    if (limits == NULL || states == NULL || groups == NULL)
        return ERR_TOO_LARGE;
    desk_limits(r->home->gateway->desk, r->snapshot, limits, &showing.now_ns);
    showing.limits = limits;
    for (uint32_t i = 0; i < snapshot->limit_count; i++)
        states[i] = (struct capacity_limit){limits[i].remaining, limits[i].amount,
                                            comes_in_ms(&showing, i)};
    capacity_spans((int64_t)clock_wall_ms(), &spans);
    capacity_of_pool(snapshot, states, &spans, &pool, groups);
    dynbuf_init(&body, ANSWER_MAX_BYTES);
    int err = write_answer(&showing, &pool, groups);
    if (err == 0)
        err = respond_whole(r, 200, "application/json", dynbuf_span(&body));
    dynbuf_done(&body);
    return err;
}
