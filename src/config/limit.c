// SPDX-License-Identifier: Apache-2.0
/*
 * The setting `limits` of a provider: what it allows, one row for each amount and window.
 *
 * Why so particular: a limit that is read otherwise than it was meant is found when the provider refuses, or never, as quota
 * left unused. So a row says one thing, and combinations that mean nothing (a zone without a calendar, a burst larger than
 * its amount) are refused instead of being half obeyed.
 * Promises: rows are consistent in themselves and no two say the same; a zone without a shape means a calendar, a calendar
 * without a zone is in UTC.
 * Leaves to others: which zones there are (the caller tells), which of the catalog's limits they replace.
 */
#include "base/check.h"
#include "config/parts.h"

#define UNITS_TEXT \
    "requests, tokens, input_tokens, output_tokens, neurons, embed_inputs or concurrent"

struct row {
    struct loader *loader;
    const struct yaml_node *node;
    struct limit_row written;
};

/* Where a member stands, for messages about it. */
static const struct yaml_node *at(const struct row *row, const char *name) {
    const struct yaml_node *child = config__child(row->node, name);
    return child != NULL ? child->key : row->node;
}

/* The one unit of a row, or CONFIG_UNIT_COUNT (reported). */
static enum config_unit unit_of(const struct row *row) {
    enum config_unit found = CONFIG_UNIT_COUNT;
    for (enum config_unit unit = 0; unit < CONFIG_UNIT_COUNT; unit++) {
        if (row->written.amounts[unit] == 0)
            continue;
        if (found != CONFIG_UNIT_COUNT) {
            config__error(row->loader, at(row, config_unit_word(unit)),
                          "a limit has one amount, not '%s' and '%s'; write a row for each",
                          config_unit_word(found), config_unit_word(unit));
            return CONFIG_UNIT_COUNT;
        }
        found = unit;
    }
    if (found == CONFIG_UNIT_COUNT)
        config__error(row->loader, row->node, "a limit needs an amount: one of " UNITS_TEXT);
    return found;
}

/* concurrent has no window: nothing about one may be said. */
static bool check_concurrent(const struct row *row) {
    static const char *const windows[] = {"per", "burst", "shape", "zone"};
    for (size_t i = 0; i < array_length(windows); i++) {
        if (config__child(row->node, windows[i]) == NULL)
            continue;
        config__error(row->loader, at(row, windows[i]),
                      "'concurrent' counts requests at once and has no '%s'", windows[i]);
        return false;
    }
    return true;
}

static const char *check_zone(const struct row *row) {
    const struct config_catalog *catalog = config__catalog(row->loader);
    const struct limit_row *written = &row->written;
    bool calendar = written->form == FORM_CALENDAR || written->form == FORM_NONE;
    if (!calendar)
        return "belongs to shape: calendar only";
    if (written->per.period == PERIOD_FIXED)
        return "needs per: day or per: month, since only those begin somewhere at midnight";
    if (catalog != NULL && catalog->knows_zone != NULL &&
        !catalog->knows_zone(catalog->context, written->zone))
        return "is no zone that PAPI knows; use one such as America/Los_Angeles, or a POSIX rule";
    return NULL;
}

static const char *check_burst(const struct limit_row *written, enum config_unit unit) {
    bool calendar = written->form == FORM_CALENDAR || !span_absent(written->zone);
    if (written->burst > written->amounts[unit])
        return "is larger than its amount";
    if (calendar || written->form == FORM_ALIGNED)
        return "belongs to shape: rolling or refill; write a row of its own for a shorter window";
    return NULL;
}

static const char *check_form(const struct limit_row *written) {
    if (written->form == FORM_CALENDAR && written->per.period == PERIOD_FIXED)
        return "calendar needs per: day or per: month";
    if (written->form == FORM_ALIGNED && written->per.period == PERIOD_MONTH)
        return "aligned needs a window of fixed length; use calendar for months";
    return NULL;
}

static bool check_window(const struct row *row, enum config_unit unit) {
    const struct limit_row *written = &row->written;
    const char *name = "zone";
    const char *why = NULL;
    if (written->per.period == PERIOD_NONE) {
        config__error(row->loader, row->node, "a limit of %s needs a window, such as per: minute",
                      config_unit_word(unit));
        return false;
    }
    if (!span_absent(written->zone))
        why = check_zone(row);
    if (why == NULL) {
        name = "shape";
        why = check_form(written);
    }
    if (why == NULL && written->burst > 0) {
        name = "burst";
        why = check_burst(written, unit);
    }
    if (why != NULL)
        config__error(row->loader, at(row, name), "'%s.%s' %s", row->loader->section, name, why);
    return why == NULL;
}

static enum config_shape shape_of(const struct limit_row *written) {
    static const enum config_shape shapes[] = {[FORM_NONE] = CONFIG_ROLLING,
                                               [FORM_ROLLING] = CONFIG_ROLLING,
                                               [FORM_REFILL] = CONFIG_REFILL,
                                               [FORM_ALIGNED] = CONFIG_ALIGNED};
    if (written->form == FORM_CALENDAR || !span_absent(written->zone))
        return written->per.period == PERIOD_MONTH ? CONFIG_CALENDAR_MONTH : CONFIG_CALENDAR_DAY;
    return shapes[written->form];
}

static struct config_limit limit_of(const struct row *row, enum config_unit unit) {
    const struct limit_row *written = &row->written;
    struct config_limit limit = {.unit = unit,
                                 .shape = CONFIG_AT_ONCE,
                                 .scope = written->scope,
                                 .amount = written->amounts[unit],
                                 .window_ms = written->per.window_ms,
                                 .burst = written->burst,
                                 .place = {row->node->line, row->node->column}};
    if (unit != CONFIG_CONCURRENT)
        limit.shape = shape_of(written);
    if (limit.shape == CONFIG_CALENDAR_DAY || limit.shape == CONFIG_CALENDAR_MONTH)
        limit.zone = span_absent(written->zone) ? SPAN_LITERAL("UTC") : written->zone;
    return limit;
}

static bool same_window(const struct config_limit *a, const struct config_limit *b) {
    return a->unit == b->unit && a->shape == b->shape && a->scope == b->scope &&
           a->window_ms == b->window_ms && span_equal(a->zone, b->zone);
}

static void add_limit(struct loader *loader, struct config_provider *provider,
                      const struct config_limit *limit, const struct yaml_node *node) {
    for (uint32_t i = 0; i < provider->limit_count; i++) {
        const struct config_limit *other = &provider->limits[i];
        if (!same_window(other, limit))
            continue;
        config__error(loader, node, "a limit of %s for the same window stands at %u:%u already",
                      config_unit_word(limit->unit), other->place.line, other->place.column);
        return;
    }
    provider->limits[provider->limit_count++] = *limit;
}

static void read_limit(struct loader *loader, struct config_provider *provider,
                       const struct yaml_node *node) {
    struct row row = {.loader = loader, .node = node};
    uint32_t errors = loader->report->errors;
    if (node->type != YAML_MAPPING) {
        config__error(loader, node,
                      "a limit must be a mapping such as {requests: 60, per: minute}");
        return;
    }
    config__set_initial(loader, "providers.*.limits[]", &row.written);
    config__walk(loader, "providers.*.limits[]", &row.written, node);
    if (loader->report->errors > errors)
        return;
    enum config_unit unit = unit_of(&row);
    if (unit == CONFIG_UNIT_COUNT)
        return;
    if (unit == CONFIG_CONCURRENT ? !check_concurrent(&row) : !check_window(&row, unit))
        return;
    const struct config_limit limit = limit_of(&row, unit);
    add_limit(loader, provider, &limit, node);
}

void config__apply_limits(struct loader *loader, struct config_provider *provider,
                          const struct yaml_node *node) {
    const char *outer = loader->section;
    if (node->type != YAML_SEQUENCE || node->count == 0) {
        config__error(loader, node,
                      "'%s.limits' must be a list such as [{requests: 60, per: minute}]", outer);
        return;
    }
    if (node->count > CONFIG_LIMITS_MAX) {
        config__error(loader, node, "'%s.limits' has more than %d rows", outer, CONFIG_LIMITS_MAX);
        return;
    }
    provider->limits = config__records(loader, node, sizeof *provider->limits, node->count);
    if (provider->limits == NULL)
        return;
    char *section = arena_format(loader->arena, "%s.limits", outer);
    loader->section = section != NULL ? section : outer;
    for (const struct yaml_node *item = node->first; item != NULL; item = item->next)
        read_limit(loader, provider, item);
    loader->section = outer;
}
