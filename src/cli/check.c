// SPDX-License-Identifier: Apache-2.0
/*
 * papi check: everything that can be known about a configuration without touching the network.
 *
 * Runs the same loader and the same mapping onto the catalog as `papi serve`, so what passes here starts there. Messages
 * go to stderr as file:line:column, the summary to stdout; with --json one object to stdout.
 */
#include "cli/cli.h"

#include "app/configure.h"
#include "base/arena.h"
#include "base/check.h"
#include "config/config.h"
#include "json/json.h"

#include <stdlib.h>
#include <unistd.h>

#define OUTPUT_MAX_BYTES ((size_t)1024 * 1024)
#define PATH_ARENA_BYTES ((size_t)1024 * 1024)

struct values {
    const char *config;
    bool json;
};

static const struct cli_option options[] = {
    {"--config", CLI_TEXT, offsetof(struct values, config), "FILE",
     "the file to check; else the one `papi serve` would read"},
    {"--json", CLI_FLAG, offsetof(struct values, json), NULL, "the result as JSON"},
};

struct checked {
    const char *path; /* NULL = no file */
    struct config *config;
    struct config_report report;
    uint32_t models;
    const char *problem; /* found beyond the file itself; static */
    struct span problem_name;
};

static const char *get_environment(void *context, const char *name) {
    (void)context;
    return getenv(name);
}

static void check_catalog(struct checked *checked) {
    struct catalog_snapshot *snapshot = NULL;
    int err = configure_catalog(checked->config, 1, &snapshot, &checked->problem_name);
    if (err < 0) {
        checked->problem = err_text(err);
        return;
    }
    checked->models = snapshot->model_count;
    catalog_unref(snapshot);
}

/* "papi.yaml:3:1: error: ..." with the word in colour on a terminal. */
static void print_message(const char *path, const struct config_message *message) {
    static const char *const words[2][2] = {{"error", "\033[1;31merror\033[0m"},
                                            {"warning", "\033[1;33mwarning\033[0m"}};
    const char *word = words[message->warning][cli_colours(stderr)];
    if (message->line > 0)
        (void)fprintf(stderr, "%s:%u:%u: ", path, message->line, message->column);
    (void)fprintf(stderr, "%s: %s\n", word, message->text);
}

static void print_summary(const struct checked *checked) {
    const struct config *config = checked->config;
    if (checked->path != NULL)
        (void)printf("%s is fine\n", checked->path);
    else
        (void)printf("no configuration file: defaults and environment, both fine\n");
    (void)printf("  listen     %.*s\n  providers  %u", SPAN_ARG(config->listen),
                 config->provider_count);
    for (uint32_t i = 0; i < config->provider_count; i++)
        (void)printf("%s%.*s", i == 0 ? ": " : ", ", SPAN_ARG(config->providers[i].id));
    (void)printf("\n  models     %u\n  aliases    %u\n", checked->models, config->alias_count);
}

static void print_plain(const struct checked *checked) {
    const struct config_report *report = &checked->report;
    for (uint32_t i = 0; i < report->count; i++)
        print_message(checked->path, &report->items[i]);
    if (checked->problem != NULL)
        cli_complain("'%.*s' cannot be used: %s", SPAN_ARG(checked->problem_name),
                     checked->problem);
    if (report->errors > 0)
        (void)fprintf(stderr, "%u error%s\n", report->errors, report->errors == 1 ? "" : "s");
    if (report->errors == 0 && checked->problem == NULL)
        print_summary(checked);
    if (checked->path == NULL && access("papi.yaml", F_OK) == 0)
        (void)fprintf(
            stderr,
            "note: papi.yaml in this folder is not read by itself; use --config papi.yaml\n");
}

static int write_messages(struct dynbuf *out, const struct config_report *report) {
    int err = dynbuf_append_text(out, "\"messages\":[");
    for (uint32_t i = 0; err == 0 && i < report->count; i++) {
        const struct config_message *message = &report->items[i];
        err = dynbuf_append_format(
            out, "%s{\"severity\":\"%s\",\"line\":%u,\"column\":%u,\"text\":", i > 0 ? "," : "",
            message->warning ? "warning" : "error", message->line, message->column);
        if (err == 0)
            err = json_write_string(out, span_text(message->text));
        if (err == 0)
            err = dynbuf_append_char(out, '}');
    }
    return err < 0 ? err : dynbuf_append_char(out, ']');
}

static int write_json(struct dynbuf *out, const struct checked *checked) {
    const struct config *config = checked->config;
    bool fine = checked->report.errors == 0 && checked->problem == NULL;
    int err = dynbuf_append_format(out, "{\"ok\":%s,\"file\":", fine ? "true" : "false");
    if (err == 0)
        err = checked->path != NULL ? json_write_string(out, span_text(checked->path))
                                    : dynbuf_append_text(out, "null");
    if (err == 0)
        err = dynbuf_append_text(out, ",\"listen\":");
    if (err == 0)
        err = json_write_string(out, config->listen);
    if (err == 0)
        err = dynbuf_append_format(out,
                                   ",\"providers\":%u,\"models\":%u,\"aliases\":%u,\"errors\":%u,",
                                   config->provider_count, checked->models, config->alias_count,
                                   checked->report.errors + (checked->problem != NULL));
    if (err == 0 && checked->problem != NULL) {
        err = dynbuf_append_text(out, "\"problem\":");
        if (err == 0)
            err = json_write_string(out, checked->problem_name);
        if (err == 0)
            err = dynbuf_append_char(out, ',');
    }
    if (err == 0)
        err = write_messages(out, &checked->report);
    return err < 0 ? err : dynbuf_append_text(out, "}\n");
}

static void print_json(const struct checked *checked) {
    struct dynbuf out;
    dynbuf_init(&out, OUTPUT_MAX_BYTES);
    int err = write_json(&out, checked);
    if (err == 0)
        (void)fwrite(dynbuf_span(&out).ptr, 1, out.len, stdout);
    else
        cli_complain("the result could not be written: %s", err_text(err));
    dynbuf_done(&out);
}

static int run(const struct cli_command *command, int argc, char **argv) {
    const struct config_environment environment = {.get = get_environment};
    struct values values = {0};
    struct cli_operands operands;
    struct checked checked = {0};
    struct arena arena;
    bool named;
    enum cli_parsed parsed = cli_parse(command, argc, argv, &values, &operands);
    if (parsed != CLI_PARSED)
        return cli_parsed_exit(parsed);
    arena_init(&arena, NULL, 0, PATH_ARENA_BYTES);
    checked.path = config_find(values.config, &environment, &arena, &named);
    if (config_load(checked.path, &environment, &checked.config, &checked.report) == 0)
        check_catalog(&checked);
    if (values.json)
        print_json(&checked);
    else
        print_plain(&checked);
    bool fine = checked.report.errors == 0 && checked.problem == NULL;
    config_free(checked.config);
    arena_reset(&arena);
    return fine ? CLI_DONE : CLI_FAILED;
}

const struct cli_command cli_check = {
    .name = "check",
    .operands = "",
    .line = "check the configuration without touching the network",
    .about = "Exit 0: fine (there may be warnings). Exit 1: errors, each with file:line:column.",
    .options = options,
    .option_count = array_length(options),
    .run = run,
};
