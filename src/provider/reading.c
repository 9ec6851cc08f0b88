// SPDX-License-Identifier: Apache-2.0
/*
 * Heads of answers into numbers.
 *
 * Why rows: the same name means a day at one provider and a minute at another (x-ratelimit-limit-requests at Groq and SambaNova),
 * and "reset" is the time until a bucket is full at one and until a window begins at another; only the catalog knows. Providers of
 * which nothing is known are read by the names that many share, and then nothing is assumed about the window. Promises: what a
 * peer writes is never believed into nonsense; no allocation; each field is looked up once. Leaves to others: whose number is
 * right (scheduler/ledger), waits (wait.c), what a refusal means (signal.c).
 */
#include "provider/reading.h"

#include "base/check.h"
#include "base/clock.h"
#include "provider/wait.h"

#define MS_NS           1000000ull
#define NUMBER_MAX      (1ull << 53) /* larger is no limit of anybody */
#define SCALE_NEURONS   1000ull
#define SCALE_MICRO_USD 1000000ull

struct readings {
    struct reading *items; /* borrowed: READINGS_MAX of the caller's */
    uint32_t count;
    uint32_t first; /* of those that further fields may belong to */
    int64_t wall_ms;
};

static uint64_t scale_of(enum limit_unit unit) {
    return unit == LIMIT_NEURONS ? SCALE_NEURONS : unit == LIMIT_MICRO_USD ? SCALE_MICRO_USD : 1;
}

/* "8000", "60.0", "100, 100;w=60" (an older draft of the IETF's fields), times `scale`, the nearest whole. */
static bool read_amount(struct span text, uint64_t scale, uint64_t *ret_value) {
    double value = 0;
    double place = 1;
    size_t at = 0;
    size_t digits = 0;
    text = span_trim(text);
    for (; at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9'; at++, digits++)
        value = value * 10 + (text.ptr[at] - '0');
    if (digits > 0 && at + 1 < text.len && text.ptr[at] == '.')
        for (at++; at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9'; at++) {
            place /= 10;
            value += (text.ptr[at] - '0') * place;
        }
    bool ends = at == text.len || text.ptr[at] == ',' || text.ptr[at] == ';';
    if (digits == 0 || !ends || value * (double)scale > (double)NUMBER_MAX)
        return false;
    *ret_value = (uint64_t)(value * (double)scale + 0.5);
    return true;
}

static struct reading *reading_for(struct readings *readings, const struct reading *like) {
    for (uint32_t i = readings->first; i < readings->count; i++) {
        struct reading *item = &readings->items[i];
        if (item->unit == like->unit && item->any_unit == like->any_unit &&
            item->window_ms == like->window_ms && item->scope == like->scope)
            return item;
    }
    if (readings->count == READINGS_MAX)
        return NULL;
    readings->items[readings->count] = *like;
    return &readings->items[readings->count++];
}

static void tell_amount(struct reading *reading, enum fact_tells tells, uint64_t amount) {
    if (tells == FACT_TELLS_LIMIT) {
        reading->has_limit = true;
        reading->limit = amount;
    } else {
        reading->has_remaining = true;
        reading->remaining = amount;
    }
}

static void tell_reset(struct reading *reading, bool is_full, uint64_t ns) {
    reading->has_reset = true;
    reading->reset_is_full = is_full;
    reading->reset_ms = (ns + MS_NS - 1) / MS_NS;
}

/* One field's word about a window. */
static void tell(struct readings *readings, const struct reading *like, enum fact_tells tells,
                 struct span text) {
    uint64_t amount = 0;
    uint64_t ns = 0;
    bool is_amount = tells == FACT_TELLS_LIMIT || tells == FACT_TELLS_REMAINING;
    if (span_absent(text) || !(is_amount ? read_amount(text, scale_of(like->unit), &amount)
                                         : wait_until_ns(text, readings->wall_ms, &ns)))
        return;
    struct reading *reading = reading_for(readings, like);
    if (reading == NULL)
        return;
    if (is_amount)
        tell_amount(reading, tells, amount);
    else
        tell_reset(reading, tells == FACT_TELLS_UNTIL_FULL, ns);
}

static bool tells_of_a_limit(enum fact_tells tells) {
    return tells == FACT_TELLS_LIMIT || tells == FACT_TELLS_REMAINING ||
           tells == FACT_TELLS_UNTIL_FULL || tells == FACT_TELLS_UNTIL_RESET ||
           tells == FACT_TELLS_RESET_AT;
}

/* Whether the provider's rows say what its numbers mean, even if that is "nothing to us" (a row that only informs says that, too). */
static bool rows_decide(const struct fact_provider *facts) {
    for (uint32_t i = 0; facts != NULL && i < facts->header_count; i++) {
        const struct fact_header *row = &facts->headers[i];
        if (row->tells == FACT_TELLS_FOREIGN || (!row->note && tells_of_a_limit(row->tells)))
            return true;
    }
    return false;
}

static void collect_rows(struct readings *readings, const struct fact_provider *facts,
                         struct signal_head head) {
    for (uint32_t i = 0; i < facts->header_count; i++) {
        const struct fact_header *row = &facts->headers[i];
        if (row->note || !tells_of_a_limit(row->tells) || row->form == FACT_FORM_UPSTREAM)
            continue;
        struct reading like = {.unit = row->unit,
                               .any_unit = row->any_unit,
                               .window_ms = row->window_ms,
                               .scope = row->scope};
        tell(readings, &like, row->tells, signal_head_get(head, row->name));
    }
}

#define ANTHROPIC_FIRST 4

/* Names that many servers share: limit, remaining, reset of one window. */
static const struct family {
    const char *limit, *remaining, *reset;
    enum limit_unit unit;
    uint64_t window_ms;
} families[] = {
    {"x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests",
     LIMIT_REQUESTS, 0},
    {"x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens",
     LIMIT_TOKENS, 0},
    {"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", LIMIT_REQUESTS, 0},
    {"ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", LIMIT_REQUESTS, 0},
    {"anthropic-ratelimit-requests-limit", "anthropic-ratelimit-requests-remaining",
     "anthropic-ratelimit-requests-reset", LIMIT_REQUESTS, MS_PER_MINUTE},
    {"anthropic-ratelimit-tokens-limit", "anthropic-ratelimit-tokens-remaining",
     "anthropic-ratelimit-tokens-reset", LIMIT_TOKENS, MS_PER_MINUTE},
    {"anthropic-ratelimit-input-tokens-limit", "anthropic-ratelimit-input-tokens-remaining",
     "anthropic-ratelimit-input-tokens-reset", LIMIT_INPUT_TOKENS, MS_PER_MINUTE},
    {"anthropic-ratelimit-output-tokens-limit", "anthropic-ratelimit-output-tokens-remaining",
     "anthropic-ratelimit-output-tokens-reset", LIMIT_OUTPUT_TOKENS, MS_PER_MINUTE},
};

/* Anthropic's four families are looked for only where one of them is. */
static bool has_anthropic(struct signal_head head) {
    return !span_absent(signal_head_get(head, "anthropic-ratelimit-requests-limit")) ||
           !span_absent(signal_head_get(head, "anthropic-ratelimit-tokens-limit")) ||
           !span_absent(signal_head_get(head, "anthropic-ratelimit-input-tokens-limit"));
}

static void collect_families(struct readings *readings, struct signal_head head) {
    size_t count = has_anthropic(head) ? array_length(families) : ANTHROPIC_FIRST;
    for (size_t i = 0; i < count; i++) {
        const struct family *family = &families[i];
        struct reading like = {
            .unit = family->unit, .window_ms = family->window_ms, .scope = LIMIT_BY_MODEL};
        tell(readings, &like, FACT_TELLS_LIMIT, signal_head_get(head, family->limit));
        tell(readings, &like, FACT_TELLS_REMAINING, signal_head_get(head, family->remaining));
        tell(readings, &like, FACT_TELLS_UNTIL_RESET, signal_head_get(head, family->reset));
    }
}

/* The value of a parameter of an IETF item: `"day";r=3;t=60`, `limit=10, remaining=3, reset=60`; absent when it has none. */
static struct span parameter(struct span item, char separator, const char *name) {
    struct span part;
    while (span_split(&item, separator, &part)) {
        struct span rest = span_trim(part);
        struct span key;
        if (span_split(&rest, '=', &key) && !span_absent(rest) &&
            span_is_nocase(span_trim(key), name))
            return span_trim(rest);
    }
    return SPAN_NONE;
}

static struct span policy_named(struct span policies, struct span name) {
    struct span item;
    while (span_split(&policies, ',', &item)) {
        struct span rest = item;
        struct span first;
        if (span_split(&rest, ';', &first) && span_equal(span_trim(first), name))
            return item;
    }
    return SPAN_NONE;
}

/* One item of RateLimit (draft-ietf-httpapi-ratelimit-headers-10), with what RateLimit-Policy says of its name. Quotas of other
 * units than requests are nobody's here. */
static void tell_item(struct readings *readings, struct span item, struct span policies) {
    struct span rest = item;
    struct span name = SPAN_NONE;
    uint64_t window_s = 0;
    (void)span_split(&rest, ';', &name);
    struct span policy = policy_named(policies, span_trim(name));
    struct span unit = parameter(policy, ';', "qu");
    if (!span_absent(unit) && !span_is_nocase(unit, "\"requests\""))
        return;
    (void)span_to_u64(parameter(policy, ';', "w"), &window_s);
    if (window_s > WAIT_RESET_MAX_NS / 1000 / MS_NS)
        return; /* no window of anybody */
    struct reading like = {
        .unit = LIMIT_REQUESTS, .window_ms = window_s * 1000, .scope = LIMIT_BY_MODEL};
    readings->first =
        readings->count; /* two items are two windows, also when both tell no length */
    tell(readings, &like, FACT_TELLS_LIMIT, parameter(policy, ';', "q"));
    tell(readings, &like, FACT_TELLS_REMAINING, parameter(item, ';', "r"));
    tell(readings, &like, FACT_TELLS_UNTIL_RESET, parameter(item, ';', "t"));
}

static void collect_ietf(struct readings *readings, struct signal_head head) {
    struct span field = signal_head_get(head, "ratelimit");
    struct span policies = signal_head_get(head, "ratelimit-policy");
    struct reading like = {.unit = LIMIT_REQUESTS, .scope = LIMIT_BY_MODEL};
    struct span item;
    if (span_absent(field))
        return;
    /* until draft 7 one quota in the form of a dictionary */
    tell(readings, &like, FACT_TELLS_LIMIT, parameter(field, ',', "limit"));
    tell(readings, &like, FACT_TELLS_REMAINING, parameter(field, ',', "remaining"));
    tell(readings, &like, FACT_TELLS_UNTIL_RESET, parameter(field, ',', "reset"));
    for (uint32_t i = 0; i < READINGS_MAX && span_split(&field, ',', &item); i++)
        tell_item(readings, item, policies);
}

static void cut(struct reading *reading) {
    if (reading->has_limit && reading->has_remaining && reading->remaining > reading->limit)
        reading->remaining = reading->limit;
    if (reading->has_reset && reading->window_ms > 0 && reading->reset_ms > reading->window_ms)
        reading->reset_ms = reading->window_ms;
}

uint32_t reading_collect(const struct fact_provider *facts, struct signal_head head,
                         int64_t wall_ms, struct reading *ret_readings) {
    struct readings readings = {.items = ret_readings, .wall_ms = wall_ms};
    if (rows_decide(facts)) {
        collect_rows(&readings, facts, head);
    } else {
        collect_families(&readings, head);
        collect_ietf(&readings, head);
    }
    for (uint32_t i = 0; i < readings.count; i++)
        cut(&ret_readings[i]);
    return readings.count;
}

bool reading_cost(const struct fact_provider *facts, struct signal_head head,
                  enum limit_unit *ret_unit, uint64_t *ret_amount) {
    for (uint32_t i = 0; facts != NULL && i < facts->header_count; i++) {
        const struct fact_header *row = &facts->headers[i];
        if (row->note || row->tells != FACT_TELLS_COST)
            continue;
        struct span text = signal_head_get(head, row->name);
        if (span_absent(text) || !read_amount(text, scale_of(row->unit), ret_amount))
            continue;
        *ret_unit = row->unit;
        return true;
    }
    return false;
}
