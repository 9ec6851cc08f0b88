// SPDX-License-Identifier: Apache-2.0
/*
 * The schema of signals: {class: daily_quota, status: 429, is: {error.code: "3036"}, about: account, until: reset, ...}.
 *
 * Each way of looking (is, has, says, ends, present, header, rule) is a field of the row, and all that are there must hold.
 * Texts are compared as texts, numbers too, so that 1300 and "1300" are one. A row that nothing can obey says `informs: yes` and
 * may leave out what would follow from it.
 * Promises: what comes out says for whom it is and until when, with a time where a time is meant. Leaves to others: obeying
 * (provider/signal).
 */
#include "catalog/facts_schema.h"

#include "base/check.h"

#define MATCHES_MAX 16
#define STATUS_LOW  100
#define STATUS_HIGH 599

static void read_statuses(struct facts_reader *reader, const struct yaml_node *node, void *at) {
    const char *const *texts = facts_list(reader, node, NULL);
    uint32_t count = facts_list_length(texts);
    uint16_t *statuses = facts_alloc(reader, (count + 1) * sizeof *statuses);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t value = 0;
        if (!span_to_u64(span_text(texts[i]), &value) || value < STATUS_LOW || value > STATUS_HIGH)
            facts_complain(reader, node, "'%s' is not a status of HTTP", texts[i]);
        statuses[i] = (uint16_t)value;
    }
    ((struct fact_signal *)at)->statuses = statuses;
}

/* The row's matches grow in an array of fixed size; NULL when it is full. */
static struct fact_match *add_match(struct facts_reader *reader, const struct yaml_node *node,
                                    struct fact_signal *signal) {
    if (signal->matches == NULL)
        signal->matches = facts_alloc(reader, MATCHES_MAX * sizeof *signal->matches);
    if (signal->match_count == MATCHES_MAX) {
        facts_complain(reader, node, "a signal looks at %d places at most", MATCHES_MAX);
        return NULL;
    }
    struct fact_match *match =
        (struct fact_match *)(uintptr_t)&signal->matches[signal->match_count++];
    *match = (struct fact_match){.kind = words_find(&words_match, node->key->text), .path = ""};
    return match;
}

/* {path: value, path: [value, value]} */
static void read_places(struct facts_reader *reader, const struct yaml_node *node, void *at) {
    if (node->type != YAML_MAPPING || node->count == 0) {
        facts_complain(reader, node, "'%.*s' maps places to values", SPAN_ARG(node->key->text));
        return;
    }
    enum fact_match_kind kind = words_find(&words_match, node->key->text);
    for (const struct yaml_node *child = node->first; child != NULL; child = child->next) {
        struct fact_match *match = add_match(reader, node, at);
        if (match == NULL)
            return;
        match->kind = kind;
        match->path = facts_text(reader, child->key);
        match->values = facts_list(reader, child, NULL);
        if (match->values != NULL && match->values[0] == NULL)
            facts_complain(reader, child, "an empty list is never equal to anything");
    }
}

static void read_says(struct facts_reader *reader, const struct yaml_node *node, void *at) {
    struct fact_match *match = add_match(reader, node, at);
    if (match == NULL)
        return;
    match->values = facts_list(reader, node, NULL);
    if (match->values != NULL && match->values[0] == NULL)
        facts_complain(reader, node, "an empty list is never said");
}

static void read_present(struct facts_reader *reader, const struct yaml_node *node, void *at) {
    const char *const *paths = facts_list(reader, node, NULL);
    for (uint32_t i = 0; i < facts_list_length(paths); i++) {
        struct fact_match *match = add_match(reader, node, at);
        if (match == NULL)
            return;
        match->path = paths[i];
    }
}

static void read_rule(struct facts_reader *reader, const struct yaml_node *node, void *at) {
    uint32_t value;
    struct fact_match *match = add_match(reader, node, at);
    if (match != NULL && facts_word(reader, node, &words_rule, &value))
        match->rule = value;
}

static void read_unit(struct facts_reader *reader, const struct yaml_node *node, void *at) {
    uint32_t value;
    if (facts_word(reader, node, &words_unit, &value))
        ((struct fact_signal *)at)->unit = value;
}

static void read_told_least(struct facts_reader *reader, const struct yaml_node *node, void *at) {
    struct fact_signal *signal = at;
    if (node->type == YAML_SCALAR && span_is(node->text, "never"))
        signal->told_least_ms = UINT64_MAX;
    else
        (void)facts_duration(reader, node, false, &signal->told_least_ms);
}

static void check_until(struct facts_reader *reader, const struct yaml_node *row,
                        struct fact_signal *signal) {
    bool times = signal->least_ms > 0 || signal->most_ms > 0;
    if (signal->until == FACT_UNTIL_TIME && signal->most_ms == 0)
        signal->most_ms = signal->least_ms;
    if (signal->until == FACT_UNTIL_TIME && signal->least_ms == 0)
        facts_complain(reader, row, "until: time lacks 'least', the shortest rest");
    else if (signal->until == FACT_UNTIL_TIME && signal->most_ms < signal->least_ms)
        facts_complain(reader, facts_child(row, "most"), "'most' is shorter than 'least'");
    else if (signal->until != FACT_UNTIL_TIME && times)
        facts_complain(reader, row, "'least' and 'most' belong to until: time");
    if (signal->until == FACT_UNTIL_RESET && signal->window_ms == 0)
        facts_complain(reader, row, "until: reset lacks 'window', whose reset is meant");
    if ((signal->about == FACT_ABOUT_REQUEST) != (signal->until == FACT_UNTIL_NOTHING))
        facts_complain(reader, row, "about: request and until: nothing go together");
}

static void finish_signal(struct facts_reader *reader, const struct yaml_node *node, void *row) {
    struct fact_signal *signal = row;
    static const uint16_t any[] = {0};
    if (signal->statuses == NULL)
        signal->statuses = any;
    if (facts_child(node, "unit") == NULL)
        signal->unit = LIMIT_UNIT_COUNT;
    bool follows = facts_child(node, "about") != NULL && facts_child(node, "until") != NULL;
    if (follows)
        check_until(reader, node, signal);
    else if (!signal->note)
        facts_complain(reader, node,
                       "a signal lacks 'about' or 'until': for whom, how long "
                       "(informs: yes, if nothing follows from it)");
    if (signal->note)
        return;
    if (signal->match_count == 0 && signal->statuses[0] == 0)
        facts_complain(reader, node, "this signal would match every refusal");
}

static const struct field signal_fields[] = {
    REQUIRED_OF_WORDS("class", struct fact_signal, class, FIELD_WORD, words_class),
    {"status", FIELD_READ, false, 0, NULL, read_statuses},
    {"is", FIELD_READ, false, 0, NULL, read_places},
    {"has", FIELD_READ, false, 0, NULL, read_places},
    {"says", FIELD_READ, false, 0, NULL, read_says},
    {"ends", FIELD_READ, false, 0, NULL, read_places},
    {"present", FIELD_READ, false, 0, NULL, read_present},
    {"header", FIELD_READ, false, 0, NULL, read_places},
    {"rule", FIELD_READ, false, 0, NULL, read_rule},
    OF_WORDS("about", struct fact_signal, about, FIELD_WORD, words_about),
    OF_WORDS("until", struct fact_signal, until, FIELD_WORD, words_until),
    NAMED("least", struct fact_signal, least_ms, FIELD_DURATION),
    NAMED("most", struct fact_signal, most_ms, FIELD_DURATION),
    NAMED("window", struct fact_signal, window_ms, FIELD_PERIOD),
    {"unit", FIELD_READ, false, 0, NULL, read_unit},
    {"believe_from", FIELD_READ, false, 0, NULL, read_told_least},
    NAMED("wait_at", struct fact_signal, wait_path, FIELD_TEXT),
    FIELD(struct fact_signal, retry_once, FIELD_YES),
    FIELD(struct fact_signal, strip_named, FIELD_YES),
    FIELD(struct fact_signal, strip, FIELD_TEXT),
    NAMED("informs", struct fact_signal, note, FIELD_YES),
    EVIDENCE(struct fact_signal),
};
const struct schema facts_signal_schema =
    SCHEMA("a signal", struct fact_signal, signal_fields, finish_signal);
