// SPDX-License-Identifier: Apache-2.0
/*
 * Schemas of rows that only tell: limits, headers, routes, streams, terms.
 *
 * A limit's row begins with what is counted: {requests: 30, per: minute, shape: rolling, scope: model, ...}. The unit is a field
 * of its own, so that the amount stands beside it; `unknown` there says that a limit exists whose size nobody published.
 * Promises: what comes out is consistent in itself (a window where there must be one and none where there is none, a zone for
 * calendars only). Leaves to others: which requests a limit holds for (limit_plan.c).
 */
#include "catalog/facts_schema.h"

#include "base/check.h"

/* --- limits --- */

/* Parts of one that amounts are kept in: thousandths of neurons, millionths of dollars. */
static uint64_t unit_scale(enum limit_unit unit) {
    return unit == LIMIT_NEURONS ? 1000 : unit == LIMIT_MICRO_USD ? 1000000 : 1;
}

static void read_amount(struct facts_reader *reader, const struct yaml_node *node, void *at) {
    struct fact_limit *limit = at;
    enum limit_unit unit = words_find(&words_unit, node->key->text);
    uint64_t scale = unit_scale(unit);
    limit->unit = unit;
    if (node->type == YAML_SCALAR && span_is(node->text, "unknown"))
        return;
    if (!facts_scaled(reader, node, scale, &limit->amount))
        return;
    if (limit->amount == 0)
        facts_complain(reader, node,
                       "a limit of 0 would forbid everything; say unknown when its size "
                       "is not published");
}

static void read_shape(struct facts_reader *reader, const struct yaml_node *node, void *at) {
    struct fact_limit *limit = at;
    uint32_t value;
    if (node->type == YAML_SCALAR && span_is(node->text, "unknown")) {
        limit->shape = LIMIT_ROLLING;
        return;
    }
    if (!facts_word(reader, node, &words_shape, &value))
        return;
    limit->shape = value;
    limit->shape_known = true;
}

static bool zone_is_known(const char *name) {
    struct zone zone;
    return zone_parse(span_text(name), &zone) == 0;
}

static void check_window(struct facts_reader *reader, const struct yaml_node *row,
                         struct fact_limit *limit) {
    bool calendar = limit->shape == LIMIT_CALENDAR_DAY || limit->shape == LIMIT_CALENDAR_MONTH;
    bool none = limit->shape == LIMIT_AT_ONCE || limit->shape == LIMIT_ONCE;
    const struct yaml_node *per = facts_child(row, "per");
    if (calendar && per == NULL)
        limit->window_ms = limit->shape == LIMIT_CALENDAR_DAY ? 86400000 : FACTS_MONTH_MS;
    else if (calendar || none)
        per != NULL
            ? facts_complain(reader, per, "shape %s has no 'per'", limit_shape_word(limit->shape))
            : (void)0;
    else if (per == NULL)
        facts_complain(reader, row, "a limit of this shape lacks 'per'");
    else if (limit->window_ms == FACTS_MONTH_MS)
        facts_complain(reader, per, "months differ in length: say shape: month, or per: 30d");
    if ((limit->unit == LIMIT_CONCURRENT) != (limit->shape == LIMIT_AT_ONCE))
        facts_complain(reader, row, "concurrent and shape: at_once go together");
    if (calendar != (limit->zone[0] != '\0'))
        facts_complain(reader, row,
                       calendar ? "a calendar needs a 'zone'" : "only calendars have a 'zone'");
    else if (calendar && !zone_is_known(limit->zone))
        facts_complain(reader, facts_child(row, "zone"), "unknown zone '%s'", limit->zone);
}

static void finish_limit(struct facts_reader *reader, const struct yaml_node *node, void *row) {
    struct fact_limit *limit = row;
    unsigned units = 0;
    for (const struct yaml_node *child = node->first; child != NULL; child = child->next)
        units += words_find(&words_unit, child->key->text) < words_unit.count;
    if (units != 1)
        facts_complain(reader, node, "a limit has exactly one unit (requests, tokens, ...), not %u",
                       units);
    if ((limit->unit == LIMIT_OTHER) != (limit->unit_word[0] != '\0'))
        facts_complain(reader, node,
                       "'unit' names the provider's own unit of 'other', of nothing else");
    check_window(reader, node, limit);
    facts_check_patterns(reader, node, limit->models);
}

#define UNIT_FIELD(name, word, about) {word, FIELD_READ, false, 0, NULL, read_amount},
static const struct field limit_fields[] = {
    LIMIT_UNIT_TABLE(UNIT_FIELD) NAMED("unit", struct fact_limit, unit_word, FIELD_TEXT),
    NAMED("per", struct fact_limit, window_ms, FIELD_PERIOD),
    {"shape", FIELD_READ, true, 0, NULL, read_shape},
    REQUIRED_OF_WORDS("scope", struct fact_limit, scope, FIELD_WORD, words_scope),
    FIELD(struct fact_limit, zone, FIELD_TEXT),
    FIELD(struct fact_limit, models, FIELD_SOME),
    OF_WORDS("tasks", struct fact_limit, tasks, FIELD_SOME, words_task),
    FIELD(struct fact_limit, plan, FIELD_TEXT),
    NAMED("counts_refused", struct fact_limit, refused_count, FIELD_YES),
    EVIDENCE(struct fact_limit),
};
const struct schema facts_limit_schema =
    SCHEMA("a limit", struct fact_limit, limit_fields, finish_limit);

/* --- headers --- */

static void read_header_unit(struct facts_reader *reader, const struct yaml_node *node, void *at) {
    struct fact_header *header = at;
    uint32_t value;
    if (node->type == YAML_SCALAR && span_is(node->text, "any"))
        header->any_unit = true;
    else if (facts_word(reader, node, &words_unit, &value))
        header->unit = value;
}

static void finish_header(struct facts_reader *reader, const struct yaml_node *node, void *row) {
    const struct fact_header *header = row;
    for (const char *c = header->name; *c != '\0'; c++) {
        if ((*c >= 'A' && *c <= 'Z') || *c <= ' ' || *c == ':') {
            facts_complain(reader, facts_child(node, "name"),
                           "'%s': names of headers are written in lower case, without a colon",
                           header->name);
            break;
        }
    }
    bool counts = header->tells != FACT_TELLS_NOTHING && header->tells != FACT_TELLS_FOREIGN;
    if (counts && facts_child(node, "unit") == NULL)
        facts_complain(reader, node,
                       "a header that tells a number lacks 'unit' (any, if it may be any)");
    if (!counts && !header->note)
        facts_complain(reader, node, "nobody can count with this header: say informs: yes");
}

static const struct field header_fields[] = {
    REQUIRED("name", struct fact_header, name, FIELD_TEXT),
    REQUIRED_OF_WORDS("tells", struct fact_header, tells, FIELD_WORD, words_tells),
    REQUIRED_OF_WORDS("form", struct fact_header, form, FIELD_WORD, words_form),
    {"unit", FIELD_READ, false, 0, NULL, read_header_unit},
    NAMED("per", struct fact_header, window_ms, FIELD_PERIOD),
    OF_WORDS("scope", struct fact_header, scope, FIELD_WORD, words_scope),
    FIELD(struct fact_header, errors_only, FIELD_YES),
    NAMED("informs", struct fact_header, note, FIELD_YES),
    EVIDENCE(struct fact_header),
};
const struct schema facts_header_schema =
    SCHEMA("a header", struct fact_header, header_fields, finish_header);

/* --- routes --- */

static void finish_route(struct facts_reader *reader, const struct yaml_node *node, void *row) {
    const struct fact_route *route = row;
    const struct yaml_node *model = facts_child(node, "model");
    uint32_t value;
    if (model != NULL)
        (void)facts_word(reader, model, &reader->model_ids, &value);
    if (route->upstream[0] == '\0')
        facts_complain(reader, node, "a route lacks its 'id' at the provider");
}

static const struct field route_fields[] = {
    FIELD(struct fact_route, model, FIELD_TEXT),
    REQUIRED("id", struct fact_route, upstream, FIELD_TEXT),
    NAMED("context", struct fact_route, context_tokens, FIELD_NUMBER),
    NAMED("output", struct fact_route, output_tokens_max, FIELD_NUMBER),
    REQUIRED_OF_WORDS("status", struct fact_route, status, FIELD_WORD, words_route_status),
    FIELD(struct fact_route, since, FIELD_DATE),
    NAMED("neurons_in", struct fact_route, cost_input_micro, FIELD_MILLIONTHS),
    NAMED("neurons_out", struct fact_route, cost_output_micro, FIELD_MILLIONTHS),
    EVIDENCE(struct fact_route),
};
const struct schema facts_route_schema =
    SCHEMA("a route", struct fact_route, route_fields, finish_route);

/* --- streams and terms --- */

static const struct field stream_fields[] = {
    FIELD(struct fact_stream, usage, FIELD_TEXT),
    FIELD(struct fact_stream, reasoning, FIELD_LIST),
    FIELD(struct fact_stream, extras, FIELD_LIST),
    FIELD(struct fact_stream, tool_calls, FIELD_TEXT),
    OF_WORDS("done_mark", struct fact_stream, done_mark, FIELD_WORD, words_tri),
    OF_WORDS("comments", struct fact_stream, comments, FIELD_WORD, words_tri),
    FIELD(struct fact_stream, comment, FIELD_TEXT),
    FIELD(struct fact_stream, errors, FIELD_TEXT),
    FIELD(struct fact_stream, finish, FIELD_TEXT),
};
const struct schema facts_stream_schema =
    SCHEMA("what is known of streams", struct fact_stream, stream_fields, NULL);

#define TRI(name) OF_WORDS(#name, struct fact_terms, name, FIELD_WORD, words_tri)
static const struct field terms_fields[] = {
    TRI(card),
    TRI(phone),
    TRI(real_name),
    TRI(trains),
    TRI(logs),
    TRI(third_party),
    TRI(production),
    TRI(commercial),
    TRI(minors),
    FIELD(struct fact_terms, regions, FIELD_TEXT),
    FIELD(struct fact_terms, note, FIELD_TEXT),
};
const struct schema facts_terms_schema = SCHEMA("the terms", struct fact_terms, terms_fields, NULL);
