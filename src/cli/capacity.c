// SPDX-License-Identifier: Apache-2.0
/*
 * papi capacity: what is left now, today and this month, per account and in all.
 *
 * Promises: numbers of the running instance's live windows; a dash where no limit is known. Leaves to others: the arithmetic
 * (scheduler/capacity).
 */
#include "cli/answer.h"
#include "cli/cli.h"
#include "cli/instance.h"
#include "cli/table.h"
#include "cli/width.h"

#include "base/check.h"

struct values {
    struct instance_wish wish;
    bool json;
};

static const struct cli_option options[] = {
    INSTANCE_OPTIONS(struct values, wish),
    {"--json", CLI_FLAG, offsetof(struct values, json), NULL, "the answer as JSON"},
};

static const struct table_column account_columns[] = {
    {.head = "ACCOUNT", .least = 12},
    {.head = "REQ NOW", .right = true},
    {.head = "REQ TODAY", .right = true, .give_up = 4},
    {.head = "REQ MONTH", .right = true, .give_up = 2},
    {.head = "TOK NOW", .right = true, .give_up = 5},
    {.head = "TOK TODAY", .right = true, .give_up = 3},
    {.head = "TOK MONTH", .right = true, .give_up = 1},
};

static const struct table_column limit_columns[] = {
    {.head = "ACCOUNT", .least = 8, .give_up = 3},
    {.head = "MODEL", .least = 8, .give_up = 2},
    {.head = "LEFT", .right = true},
    {.head = "OF", .least = 12},
    {.head = "MORE IN", .give_up = 1},
};

static void add_left(struct table *table, struct json_value object) {
    static const char *const spans[] = {"now", "today", "month"};
    static const char *const units[] = {"requests", "tokens"};
    for (size_t i = 0; i < array_length(units); i++)
        for (size_t j = 0; j < array_length(spans); j++) {
            int64_t amount;
            struct json_value value = json_get(json_get(object, spans[j]), units[i]);
            if (json_i64(value, &amount) == 0 && amount >= 0)
                table_number(table, (uint64_t)amount);
            else
                table_cell(table, SPAN_NONE);
        }
}

static void add_limits(struct table *table, struct answer *answer, struct span name,
                       struct json_value account) {
    for (struct json_iter it = json_each(json_get(account, "limits")); json_next(&it);) {
        int64_t left = answer_number(it.value, "left");
        int64_t frees_ms = answer_number(it.value, "frees_in_ms");
        bool used = frees_ms > 0 && left < answer_number(it.value, "amount");
        char wait[CLI_WAIT_SIZE];
        table_cell(table, name);
        table_cell(table, answer_text(answer, it.value, "model"));
        table_number(table, left > 0 ? (uint64_t)left : 0);
        table_cell(table, answer_text(answer, it.value, "limit"));
        table_cell(table, used ? span_text(cli_wait_text((uint64_t)frees_ms, wait)) : SPAN_NONE);
    }
}

/* "groq/work"; clients are not told accounts. */
static struct span name_of(struct answer *answer, struct json_value account) {
    struct span provider = answer_text(answer, account, "provider");
    struct span name = answer_text(answer, account, "account");
    const char *text = arena_format(&answer->arena, "%.*s%s%.*s", SPAN_ARG(provider),
                                    name.len > 0 ? "/" : "", SPAN_ARG(name));
    return text != NULL ? span_text(text) : SPAN_NONE;
}

static void print_all(struct answer *answer, struct page *page) {
    struct table accounts, limits;
    int room = width_of(stdout);
    table_init(&accounts, account_columns, array_length(account_columns), room);
    table_init(&limits, limit_columns, array_length(limit_columns), room);
    for (struct json_iter it = json_each(json_get(answer->top, "accounts")); json_next(&it);) {
        struct span name = name_of(answer, it.value);
        table_cell(&accounts, name);
        add_left(&accounts, it.value);
        add_limits(&limits, answer, name, it.value);
    }
    table_cell(&accounts, SPAN_LITERAL("in all, shared ones once"));
    add_left(&accounts, json_get(answer->top, "pool"));
    table_write(&accounts, page);
    if (limits.cell_count > 0) {
        page_add(page, "\n");
        table_write(&limits, page);
    }
    table_done(&accounts);
    table_done(&limits);
}

static int print(struct span body) {
    struct answer answer;
    struct page page;
    if (!answer_read(&answer, body))
        return CLI_FAILED;
    page_init(&page);
    print_all(&answer, &page);
    answer_done(&answer);
    return page_print(&page);
}

static int run(const struct cli_command *command, int argc, char **argv) {
    struct values values = {0};
    struct cli_operands operands;
    struct instance instance;
    struct dynbuf body;
    enum cli_parsed parsed = cli_parse(command, argc, argv, &values, &operands);
    if (parsed != CLI_PARSED)
        return cli_parsed_exit(parsed);
    if (!instance_find(&values.wish, INSTANCE_PUBLIC, &instance))
        return CLI_USAGE;
    int code = instance_fetch(&instance, "/v1/papi/capacity", SPAN_NONE, &body);
    return instance_show(code, &body, values.json, print);
}

const struct cli_command cli_capacity = {
    .name = "capacity",
    .operands = "",
    .line = "what is left now, today and this month",
    .about = "REQ and TOK are requests and tokens that are left. A dash: no limit is known. "
             "Accounts that "
             "several\nmodels share count once.",
    .options = options,
    .option_count = array_length(options),
    .run = run,
};
