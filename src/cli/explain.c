// SPDX-License-Identifier: Apache-2.0
/*
 * papi explain: who would be asked for a request, in which order, and why not the others. Nobody is asked.
 *
 * Promises: what the running instance says at this moment, as it would act on it. Leaves to others: the choice (gateway, scheduler).
 */
#include "cli/answer.h"
#include "cli/cli.h"
#include "cli/instance.h"
#include "cli/table.h"
#include "cli/width.h"

#include "base/check.h"

#include <errno.h>
#include <unistd.h>

#define REQUEST_MAX_BYTES ((size_t)32 * 1024 * 1024)
#define PATH_MAX_BYTES    1024

struct values {
    const char *model;
    const char *data;
    struct instance_wish wish;
    bool json;
};

static const struct cli_option options[] = {
    {"--model", CLI_TEXT, offsetof(struct values, model), "MODEL",
     "a short question to this model; default auto"},
    {"-d", CLI_TEXT, offsetof(struct values, data), "JSON|@FILE",
     "a whole request for chat completions; @- reads standard input"},
    INSTANCE_OPTIONS(struct values, wish),
    {"--json", CLI_FLAG, offsetof(struct values, json), NULL, "the answer as JSON"},
};

static const struct table_column columns[] = {
    {.head = ""}, /* the mark */
    {.head = "PROVIDER", .least = 8},
    {.head = "ACCOUNT", .least = 6, .give_up = 1},
    {.head = "MODEL", .least = 8, .give_up = 2},
    {.head = "WHY", .least = 12},
};

/* "its window is used up (30 requests a minute), open in 12 s" */
static struct span why_text(struct answer *answer, struct json_value row) {
    struct span why = answer_text(answer, row, "why"), limit = answer_text(answer, row, "limit");
    int64_t wait_ms = answer_number(row, "available_in_ms");
    char wait[CLI_WAIT_SIZE] = "";
    if (wait_ms > 0)
        (void)cli_wait_text((uint64_t)wait_ms, wait);
    const char *text = arena_format(
        &answer->arena, "%.*s%s%.*s%s%s%s", SPAN_ARG(why), limit.len > 0 ? " (" : "",
        SPAN_ARG(limit), limit.len > 0 ? ")" : "", wait_ms > 0 ? ", open in " : "", wait);
    return text != NULL ? span_text(text) : why;
}

static void add_row(struct table *table, struct answer *answer, struct json_value row) {
    bool in = answer_is_true(row, "in");
    table_cell(table, answer_is_true(row, "chosen") ? SPAN_LITERAL("->")
                      : in                          ? SPAN_LITERAL("  ")
                                                    : SPAN_LITERAL(" x"));
    table_cell(table, answer_text(answer, row, "provider"));
    table_cell(table, answer_text(answer, row, "account"));
    table_cell(table, answer_text(answer, row, "upstream_model"));
    table_cell(table, in ? SPAN_LITERAL("open") : why_text(answer, row));
}

static int print(struct span body) {
    struct answer answer;
    struct table table;
    struct page page;
    if (!answer_read(&answer, body))
        return CLI_FAILED;
    table_init(&table, columns, array_length(columns), width_of(stdout));
    page_init(&page);
    for (struct json_iter it = json_each(json_get(answer.top, "candidates")); json_next(&it);)
        add_row(&table, &answer, it.value);
    table_write(&table, &page);
    struct span refusal = answer_text(&answer, json_get(answer.top, "refusal"), "why");
    if (refusal.len > 0)
        page_add(&page, "\nNobody would be asked: %.*s\n", SPAN_ARG(refusal));
    table_done(&table);
    answer_done(&answer);
    return page_print(&page);
}

/* "@FILE", "@-" or the text itself. */
static int read_request(const char *data, struct dynbuf *out) {
    FILE *file = NULL;
    size_t got = 1;
    if (data[0] != '@')
        return dynbuf_append_text(out, data);
    file = strcmp(data, "@-") == 0 ? stdin : fopen(data + 1, "rb");
    if (file == NULL)
        return ERR_SYSTEM;
    int err = 0;
    while (err == 0 && got > 0) {
        err = dynbuf_reserve(out, 4096);
        got = err == 0 ? fread(dynbuf_tail(out), 1, dynbuf_room(out), file) : 0;
        dynbuf_grew(out, got);
    }
    if (err == 0 && ferror(file) != 0)
        err = ERR_SYSTEM;
    if (file != stdin)
        (void)fclose(file);
    return err;
}

static int ask(struct instance *instance, const struct values *values, struct dynbuf *body) {
    char path[PATH_MAX_BYTES] = "/v1/papi/explain";
    const char *model = values->model != NULL ? values->model : "auto";
    struct dynbuf request;
    int code = CLI_USAGE;
    dynbuf_init(&request, REQUEST_MAX_BYTES);
    dynbuf_init(body, INSTANCE_ANSWER_MAX_BYTES);
    int err = values->data != NULL ? read_request(values->data, &request) : 0;
    if (err < 0) {
        cli_complain("-d %s: %s", values->data,
                     err == ERR_SYSTEM ? strerror(errno) : err_text(err));
    } else if (values->data != NULL) {
        code = instance_fetch(instance, path, dynbuf_span(&request), body);
    } else if (!instance_add_query(path, sizeof path, "model", model)) {
        cli_complain("--model %.40s... is longer than any model's name", model);
    } else {
        code = instance_fetch(instance, path, SPAN_NONE, body);
    }
    dynbuf_done(&request);
    return code;
}

static int run(const struct cli_command *command, int argc, char **argv) {
    struct values values = {0};
    struct cli_operands operands;
    struct instance instance;
    struct dynbuf body;
    enum cli_parsed parsed = cli_parse(command, argc, argv, &values, &operands);
    if (parsed != CLI_PARSED)
        return cli_parsed_exit(parsed);
    if (values.model != NULL && values.data != NULL) {
        cli_complain("--model and -d exclude each other: the request names its model");
        return CLI_USAGE;
    }
    if (!instance_find(&values.wish, INSTANCE_PUBLIC, &instance))
        return CLI_USAGE;
    int code = ask(&instance, &values, &body);
    return instance_show(code, &body, values.json, print);
}

const struct cli_command cli_explain = {
    .name = "explain",
    .operands = "",
    .line = "who would be asked for a request, and why not the others",
    .about = "`->` marks who would be asked now, `x` who would not. No provider is asked.",
    .options = options,
    .option_count = array_length(options),
    .run = run,
};
