// SPDX-License-Identifier: Apache-2.0
/*
 * papi explain: who would be asked for a request, in which order, and why not the others. Nobody is asked.
 *
 * Promises: what the running instance says at this moment, as it would act on it. Leaves to others: the choice (gateway, scheduler).
 */
#include "cli/cli.h"
#include "cli/instance.h"

#include "base/arena.h"
#include "base/check.h"
#include "json/json.h"

#include <errno.h>
#include <unistd.h>

#define ARENA_MAX_BYTES   ((size_t)64 * 1024 * 1024)
#define REQUEST_MAX_BYTES ((size_t)32 * 1024 * 1024)
#define PATH_MAX_BYTES    1024
#define NAME_COLUMNS_MIN  24
#define NAME_COLUMNS_MAX  64

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

static struct span text(struct json_value object, const char *name) {
    struct span value = json_escaped(json_get(object, name));
    return span_absent(value) ? SPAN_LITERAL("") : value;
}

static bool is_true(struct json_value object, const char *name) {
    return json_type(json_get(object, name)) == JSON_TRUE;
}

static void print_wait(struct json_value row) {
    int64_t wait_ms;
    char wait[CLI_WAIT_SIZE];
    if (json_i64(json_get(row, "available_in_ms"), &wait_ms) == 0 && wait_ms > 0)
        (void)printf(", open in %s", cli_wait_text((uint64_t)wait_ms, wait));
}

/* Columns of the longest name. */
static int name_columns(struct json_value rows) {
    size_t most = NAME_COLUMNS_MIN;
    for (struct json_iter it = json_each(rows); json_next(&it);) {
        size_t length = text(it.value, "upstream_model").len;
        if (length > most)
            most = length;
    }
    return (int)(most < NAME_COLUMNS_MAX ? most : NAME_COLUMNS_MAX);
}

static void print_row(struct json_value row, int columns) {
    const char *mark = is_true(row, "chosen") ? "->" : is_true(row, "in") ? "  " : " x";
    struct span limit = text(row, "limit");
    (void)printf("%s %-16.*s %-12.*s %-*.*s", mark, SPAN_ARG(text(row, "provider")),
                 SPAN_ARG(text(row, "account")), columns, SPAN_ARG(text(row, "upstream_model")));
    if (is_true(row, "in")) {
        (void)printf(" open\n");
        return;
    }
    (void)printf(" %.*s", SPAN_ARG(text(row, "why")));
    if (limit.len > 0)
        (void)printf(" (%.*s)", SPAN_ARG(limit));
    print_wait(row);
    (void)printf("\n");
}

static void print_rows(struct json_value rows) {
    int columns = name_columns(rows);
    for (struct json_iter it = json_each(rows); json_next(&it);)
        print_row(it.value, columns);
}

static int print(struct span body) {
    struct arena arena;
    struct json_doc doc;
    struct json_error error;
    arena_init(&arena, NULL, 0, ARENA_MAX_BYTES);
    int err = json_parse(&doc, body, &arena, &error);
    if (err < 0)
        cli_complain("the answer cannot be read: %s", error.what);
    if (err == 0)
        print_rows(json_get(json_top(&doc), "candidates"));
    arena_reset(&arena);
    return err == 0 ? CLI_DONE : CLI_FAILED;
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
