// SPDX-License-Identifier: Apache-2.0
/*
 * The providers of the running instance, one a line: how each fares, with which accounts, and why not better.
 *
 * Why those without a key are listed too: the same question that asks how mine fare asks what else there is; their line names the
 * variable that adds them. Promises: no part of a key. Leaves to others: what the catalog knows of them (provider.c).
 */
#include "cli/provider_here.h"

#include "base/check.h"
#include "catalog/facts.h"
#include "cli/answer.h"
#include "cli/cli.h"
#include "cli/table.h"
#include "cli/width.h"

#include <stdio.h>

static const struct table_column columns[] = {
    {.head = "PROVIDER", .least = 8},
    {.head = "STATE"},
    {.head = "ACCOUNTS", .least = 8, .give_up = 3},
    {.head = "MODELS", .right = true, .give_up = 2},
    {.head = "TRAINS", .give_up = 1},
    {.head = "WHY", .least = 8, .give_up = 4},
};

/* "work (environment), home (vault, paused)" */
static struct span accounts_text(struct answer *answer, struct json_value accounts) {
    const char *text = "";
    for (struct json_iter it = json_each(accounts); text != NULL && json_next(&it);) {
        struct span until = answer_time(answer, it.value, "resting_until");
        text = arena_format(&answer->arena, "%s%s%.*s (%.*s%s%s%.*s)", text,
                            text[0] != '\0' ? ", " : "",
                            SPAN_ARG(answer_text(answer, it.value, "name")),
                            SPAN_ARG(answer_text(answer, it.value, "source")),
                            answer_is_true(it.value, "paused") ? ", paused" : "",
                            until.len > 0 ? ", rests until " : "", SPAN_ARG(until));
    }
    return text != NULL ? span_text(text) : SPAN_NONE;
}

static struct span why_text(struct answer *answer, struct json_value row, struct span id) {
    struct span why = answer_text(answer, row, "reason");
    const struct fact_provider *facts = facts_provider(&facts_built_in, id);
    bool wants_key = span_is(answer_text(answer, row, "state"), "no_key");
    if (why.len > 0 || !wants_key || facts == NULL || facts->env == NULL || facts->env[0] == NULL)
        return why;
    const char *text = arena_format(&answer->arena, "set %s", facts->env[0]);
    return text != NULL ? span_text(text) : SPAN_NONE;
}

static void add_row(struct table *table, struct answer *answer, struct json_value row) {
    struct span id = answer_text(answer, row, "id");
    table_cell(table, id);
    table_cell(table, answer_text(answer, row, "state"));
    table_cell(table, accounts_text(answer, json_get(row, "accounts")));
    table_number(table, (uint64_t)answer_number(row, "models"));
    table_cell(table, answer_text(answer, row, "trains"));
    table_cell(table, why_text(answer, row, id));
}

int provider_here_print(struct span body) {
    struct answer answer;
    struct table table;
    struct page page;
    if (!answer_read(&answer, body))
        return CLI_FAILED;
    table_init(&table, columns, array_length(columns), width_of(stdout));
    page_init(&page);
    for (struct json_iter it = json_each(json_get(answer.top, "data")); json_next(&it);)
        add_row(&table, &answer, it.value);
    table_write(&table, &page);
    page_add(&page, "\nTRAINS: whether it may train on prompts. `papi provider show ID` tells "
                    "limits, terms,\nwhere to get a key; `papi provider list --catalog` all that "
                    "the catalog knows.\n");
    table_done(&table);
    answer_done(&answer);
    return page_print(&page);
}
