// SPDX-License-Identifier: Apache-2.0
/*
 * Metrics.
 *
 * Why one block per loop: counting must not cost a shared cache line per request. A block is written by one thread with
 * relaxed stores and read by any with relaxed loads; a sum over blocks may be a few events old, never torn. Everything that
 * is counted stands in metric_table.h. Promises: no lock, no allocation after start. Leaves to others: who may read /metrics.
 */
#include "obs/metric.h"

#include "base/check.h"
#include "base/mem.h"

#include <stdatomic.h>

struct histogram {
    _Atomic uint64_t buckets[METRIC_BUCKETS + 1]; /* the last is +Inf */
    _Atomic uint64_t sum_ns;
};

struct metric_block {
    _Atomic int64_t values[METRIC_COUNT][METRIC_LABEL_VALUES_MAX];
    struct histogram histograms[METRIC_COUNT];
};

struct row {
    const char *name;
    enum metric_kind kind;
    enum metric_label label;
    const char *help;
};

static const struct row rows[METRIC_COUNT] = {
#define METRIC_ROW(id, name, kind, label, help) {name, kind, label, help},
    METRIC_TABLE(METRIC_ROW)
#undef METRIC_ROW
};

static const char *const kind_names[] = {"counter", "gauge", "histogram"};

/* Upper bounds in seconds: 0.1 ms to 100 s, roughly three a decade. */
static const double bounds_s[METRIC_BUCKETS] = {
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.025, 0.1, 0.25, 1, 2.5, 10, 30, 100};

static struct {
    const char *name;
    uint32_t count;
    const char *(*value_name)(uint32_t value);
} labels[METRIC_LABEL_COUNT];

void metric_label_names(enum metric_label label, const char *label_name, uint32_t value_count,
                        const char *(*value_name)(uint32_t value)) {
    check(value_count <= METRIC_LABEL_VALUES_MAX);
    labels[label].name = label_name;
    labels[label].count = value_count;
    labels[label].value_name = value_name;
}

struct metric_block *metric_block_new(void) {
    return mem_zalloc(sizeof(struct metric_block));
}

void metric_block_free(struct metric_block *block) {
    mem_free(block);
}

void metric_add(struct metric_block *block, enum metric metric, uint32_t label_value,
                int64_t amount) {
    check(label_value < METRIC_LABEL_VALUES_MAX);
    _Atomic int64_t *value = &block->values[metric][label_value];
    int64_t now = atomic_load_explicit(value, memory_order_relaxed) + amount;
    atomic_store_explicit(value, now,
                          memory_order_relaxed); /* one writer: no read-modify-write needed */
}

void metric_set(struct metric_block *block, enum metric metric, int64_t value) {
    atomic_store_explicit(&block->values[metric][0], value, memory_order_relaxed);
}

void metric_observe_ns(struct metric_block *block, enum metric metric, uint64_t duration_ns) {
    struct histogram *histogram = &block->histograms[metric];
    double seconds = (double)duration_ns / 1e9;
    uint32_t bucket = 0;
    while (bucket < METRIC_BUCKETS && seconds > bounds_s[bucket])
        bucket++;
    uint64_t count = atomic_load_explicit(&histogram->buckets[bucket], memory_order_relaxed) + 1;
    uint64_t sum_ns = atomic_load_explicit(&histogram->sum_ns, memory_order_relaxed) + duration_ns;
    atomic_store_explicit(&histogram->buckets[bucket], count, memory_order_relaxed);
    atomic_store_explicit(&histogram->sum_ns, sum_ns, memory_order_relaxed);
}

int64_t metric_sum(struct metric_block *const *blocks, uint32_t block_count, enum metric metric,
                   uint32_t label_value) {
    int64_t sum = 0;
    for (uint32_t i = 0; i < block_count; i++)
        sum += atomic_load_explicit(&blocks[i]->values[metric][label_value], memory_order_relaxed);
    return sum;
}

static int write_values(struct metric_block *const *blocks, uint32_t block_count,
                        enum metric metric, struct dynbuf *out) {
    const struct row *row = &rows[metric];
    if (row->label == METRIC_LABEL_NONE)
        return dynbuf_append_format(out, "%s %lld\n", row->name,
                                    (long long)metric_sum(blocks, block_count, metric, 0));
    for (uint32_t value = 0; value < labels[row->label].count; value++) {
        int64_t sum = metric_sum(blocks, block_count, metric, value);
        if (sum == 0)
            continue;
        int err =
            dynbuf_append_format(out, "%s{%s=\"%s\"} %lld\n", row->name, labels[row->label].name,
                                 labels[row->label].value_name(value), (long long)sum);
        if (err < 0)
            return err;
    }
    return 0;
}

static int write_histogram(struct metric_block *const *blocks, uint32_t block_count,
                           enum metric metric, struct dynbuf *out) {
    const char *name = rows[metric].name;
    uint64_t total = 0;
    uint64_t sum_ns = 0;
    int err = 0;
    for (uint32_t bucket = 0; bucket <= METRIC_BUCKETS && err == 0; bucket++) {
        for (uint32_t i = 0; i < block_count; i++)
            total += atomic_load_explicit(&blocks[i]->histograms[metric].buckets[bucket],
                                          memory_order_relaxed);
        if (bucket < METRIC_BUCKETS)
            err = dynbuf_append_format(out, "%s_bucket{le=\"%g\"} %llu\n", name, bounds_s[bucket],
                                       (unsigned long long)total);
        else
            err = dynbuf_append_format(out, "%s_bucket{le=\"+Inf\"} %llu\n", name,
                                       (unsigned long long)total);
    }
    for (uint32_t i = 0; i < block_count; i++)
        sum_ns += atomic_load_explicit(&blocks[i]->histograms[metric].sum_ns, memory_order_relaxed);
    if (err == 0)
        err = dynbuf_append_format(out, "%s_sum %.9f\n%s_count %llu\n", name, (double)sum_ns / 1e9,
                                   name, (unsigned long long)total);
    return err;
}

int metric_write(struct metric_block *const *blocks, uint32_t block_count, struct dynbuf *out) {
    for (uint32_t metric = 0; metric < METRIC_COUNT; metric++) {
        const struct row *row = &rows[metric];
        int err = dynbuf_append_format(out, "# HELP %s %s\n# TYPE %s %s\n", row->name, row->help,
                                       row->name, kind_names[row->kind]);
        if (err == 0)
            err = row->kind == METRIC_HISTOGRAM
                      ? write_histogram(blocks, block_count, (enum metric)metric, out)
                      : write_values(blocks, block_count, (enum metric)metric, out);
        if (err < 0)
            return err;
    }
    return 0;
}
