// SPDX-License-Identifier: Apache-2.0
/*
 * papi request ID: who was asked for a request, and what came of it.
 *
 * The id stands in every answer (x-request-id). By the socket all records are asked, by URL those that the instance still has in
 * memory. Promises: asks the running instance only, no provider. Leaves to others: how long records are kept (store/, gateway/ladder.c).
 */
#include "cli/answer.h"
#include "cli/cli.h"
#include "cli/instance.h"
#include "cli/table.h"
#include "cli/width.h"

#include "base/check.h"

#define PATH_MAX_BYTES 256

struct values {
    struct instance_wish wish;
    bool json;
};

static const struct table_column columns[] = {
    {.head = " #"},
    {.head = "PROVIDER", .least = 8},
    {.head = "OUTCOME", .least = 8},
    {.head = "STATUS", .right = true, .give_up = 3},
    {.head = "WAITED", .right = true, .give_up = 2},
    {.head = "TOOK", .right = true, .give_up = 4},
    {.head = "MODEL", .least = 8, .give_up = 1},
};

static const struct cli_option options[] = {
    INSTANCE_OPTIONS(struct values, wish),
    {"--json", CLI_FLAG, offsetof(struct values, json), NULL, "the record as JSON"},
};

/* The owner's records and those for clients name a few things differently. */
static long long one_of(struct json_value object, const char *name, const char *other) {
    return (long long)answer_number(object, json_present(json_get(object, name)) ? name : other);
}

static void print_ladder(struct answer *answer, struct page *page) {
    struct table table;
    unsigned rung = 0;
    table_init(&table, columns, array_length(columns), width_of(stdout));
    for (struct json_iter it = json_each(json_get(answer->top, "ladder")); json_next(&it);) {
        bool owners = json_present(json_get(it.value, "duration_ms"));
        char number[16], waited[32], took[32];
        (void)snprintf(number, sizeof number, "%u.", ++rung);
        (void)snprintf(waited, sizeof waited, "%lld ms",
                       (long long)answer_number(it.value, "waited_ms"));
        (void)snprintf(took, sizeof took, "%lld ms", one_of(it.value, "duration_ms", "took_ms"));
        table_cell(&table, span_text(number));
        table_cell(&table, answer_text(answer, it.value, "provider"));
        table_cell(&table, answer_text(answer, it.value, "outcome"));
        table_number(&table, (uint64_t)answer_number(it.value, "status"));
        table_cell(&table, span_text(waited));
        table_cell(&table, span_text(took));
        table_cell(&table, answer_text(answer, it.value, owners ? "model" : "upstream_model"));
    }
    if (rung == 0)
        page_add(page, "  no provider was asked\n");
    else
        table_write(&table, page);
    table_done(&table);
}

static void print_record(struct answer *answer, struct page *page) {
    struct json_value record = answer->top;
    struct span error = answer_text(answer, record, "error");
    bool told = error.len > 0 && !span_is(error, "-"); /* "-": there was none */
    long long attempts = (long long)answer_number(record, "attempts");
    page_add(page, "%.*s  asked for %.*s  status %lld%s%.*s\n",
             SPAN_ARG(answer_text(answer, record, "id")),
             SPAN_ARG(answer_text(answer, record, "model")),
             (long long)answer_number(record, "status"), told ? "  error " : "",
             SPAN_ARG(told ? error : SPAN_LITERAL("")));
    page_add(page, "took %lld ms, %lld of them waiting; %lld tokens in, %lld out; %lld attempt%s\n",
             one_of(record, "duration_ms", "total_ms"),
             (long long)answer_number(record, "queued_ms"),
             (long long)answer_number(record, "input_tokens"),
             (long long)answer_number(record, "output_tokens"), attempts, attempts == 1 ? "" : "s");
    print_ladder(answer, page);
}

static int print(struct span body) {
    struct answer answer;
    struct page page;
    if (!answer_read(&answer, body))
        return CLI_FAILED;
    page_init(&page);
    print_record(&answer, &page);
    answer_done(&answer);
    return page_print(&page);
}

static int run(const struct cli_command *command, int argc, char **argv) {
    struct values values = {0};
    struct cli_operands operands;
    struct instance instance;
    struct dynbuf body;
    char path[PATH_MAX_BYTES];
    enum cli_parsed parsed = cli_parse(command, argc, argv, &values, &operands);
    if (parsed != CLI_PARSED)
        return cli_parsed_exit(parsed);
    if (!instance_find(&values.wish, INSTANCE_PUBLIC, &instance))
        return CLI_USAGE;
    int err = instance_reach(&instance);
    if (err < 0) {
        instance_complain(&instance, err);
        return CLI_FAILED;
    }
    (void)snprintf(path, sizeof path, "%s",
                   instance_is_url(&instance) ? "/v1/papi/requests" : "/admin/v1/requests");
    if (!instance_add_segment(path, sizeof path, operands.items[0])) {
        cli_complain("'%.40s...' is too long for an id", operands.items[0]);
        return CLI_USAGE;
    }
    int code = instance_fetch(&instance, path, SPAN_NONE, &body);
    return instance_show(code, &body, values.json, print);
}

const struct cli_command cli_request = {
    .name = "request",
    .operands = "REQUEST",
    .line = "what happened to a request: who was asked, and why not",
    .about = "The id stands in the answer's field x-request-id.",
    .options = options,
    .option_count = array_length(options),
    .run = run,
};
