// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Metrics: one block per loop, written by its thread alone, summed when read (Prometheus text format 0.0.4).
 */
#include "base/dynbuf.h"
#include "obs/metric_table.h"

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };
enum metric_label {
    METRIC_LABEL_NONE,
    METRIC_LABEL_STATUS,
    METRIC_LABEL_ERROR,
    METRIC_LABEL_OUTCOME,
    METRIC_LABEL_COUNT
};

enum metric {
#define METRIC_ENUM(id, name, kind, label, help) id,
    METRIC_TABLE(METRIC_ENUM)
#undef METRIC_ENUM
        METRIC_COUNT
};

#define METRIC_LABEL_VALUES_MAX 48
#define METRIC_BUCKETS          14

/* How the values of a label are called: set once at start, before the first block is read. */
void metric_label_names(enum metric_label label, const char *label_name, uint32_t value_count,
                        const char *(*value_name)(uint32_t value));

struct metric_block;
struct metric_block *metric_block_new(void);
void metric_block_free(struct metric_block *block);
/* By the owning thread only. */
void metric_add(struct metric_block *block, enum metric metric, uint32_t label_value,
                int64_t amount);
void metric_observe_ns(struct metric_block *block, enum metric metric, uint64_t duration_ns);
/* For gauges that are read elsewhere when asked for: the only writer of that metric is the reader of /metrics. */
void metric_set(struct metric_block *block, enum metric metric, int64_t value);
/* Any thread. */
int64_t metric_sum(struct metric_block *const *blocks, uint32_t block_count, enum metric metric,
                   uint32_t label_value);
int metric_write(struct metric_block *const *blocks, uint32_t block_count,
                 struct dynbuf *out) WARN_UNUSED;
