// SPDX-License-Identifier: Apache-2.0
/*
 * papi check: everything that can be known about a configuration without touching the network.
 *
 * Runs the same loader and the same mapping onto the catalog as `papi serve`, so what passes here starts there. Messages
 * go to stderr as file:line:column, the summary to stdout; with --json one object to stdout. Of keys it tells where they stand.
 */
#include "cli/cli.h"

#include "app/assemble.h"
#include "app/settings.h"
#include "base/arena.h"
#include "base/check.h"
#include "json/json.h"

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
    struct settings settings;
    uint32_t models;
    struct offers offers; /* arena */
};

static void check_pool(struct checked *checked, struct arena *arena) {
    struct settings *settings = &checked->settings;
    const struct offer_sources sources = {
        .facts = known_facts, .config = settings->config, .credentials = settings->credentials};
    struct assembly assembly;
    if (assemble(&sources, settings->config, &settings->report, arena, &assembly) < 0)
        return;
    checked->models = assembly.snapshot->model_count;
    checked->offers = assembly.offers;
    catalog_unref(assembly.snapshot);
}

static uint32_t count_errors(const struct checked *checked) {
    return checked->settings.report.errors + checked->settings.keys_report.errors;
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

static bool has_proxy(const struct config *config) {
    return !span_absent(config->proxy_https) || !span_absent(config->proxy_http);
}

static const char *audience_word(const struct config *config) {
    static const char *const words[] = {"self", "group", "public"};
    return words[config->audience];
}

static const char *keyless_word(const struct config *config) {
    static const char *const words[] = {"safe", "all", "off"};
    return words[config->keyless];
}

static const char *data_use_word(const struct config *config) {
    return config->data_use == CONFIG_DATA_NO_TRAINING ? "no-training" : "any";
}

static void print_keys(const struct checked *checked) {
    const struct config *config = checked->settings.config;
    const struct config_credentials *found = checked->settings.credentials;
    const char *before = "  keys       ";
    for (uint32_t i = 0; i < config->provider_count; i++)
        for (uint32_t j = 0; j < config->providers[i].key_count; j++) {
            const struct config_key *key = &config->providers[i].keys[j];
            if (key->key == NULL)
                continue;
            (void)printf("%s%.*s (%.*s)", before, SPAN_ARG(config->providers[i].id),
                         SPAN_ARG(key->source));
            before = ", ";
        }
    for (uint32_t i = 0; i < found->count; i++) {
        (void)printf("%s%s (%.*s)", before, known_facts->providers[found->items[i].provider].id,
                     SPAN_ARG(found->items[i].source));
        before = ", ";
    }
    if (strcmp(before, ", ") == 0)
        (void)printf("\n");
}

/* Who is asked, and whom the file keeps out. */
static void print_providers(const struct offers *offers) {
    uint32_t used = 0;
    const char *before = ": ";
    for (uint32_t i = 0; i < offers->count; i++)
        used += discover_used(offers->items[i].verdict);
    (void)printf("  providers  %u", used);
    for (uint32_t i = 0; i < offers->count; i++) {
        const struct offer *offer = &offers->items[i];
        bool asked = discover_used(offer->verdict);
        if (!asked && offer->config == NULL)
            continue;
        (void)printf("%s%.*s%s", before, SPAN_ARG(offer->id),
                     asked                     ? ""
                     : offer->config->disabled ? " (not enabled)"
                                               : " (not used)");
        before = ", ";
    }
    (void)printf("\n");
}

static void print_summary(const struct checked *checked) {
    const struct config *config = checked->settings.config;
    if (checked->settings.path != NULL)
        (void)printf("%s is fine\n", checked->settings.path);
    else
        (void)printf("no configuration file: defaults and environment, both fine\n");
    (void)printf("  listen     %.*s\n  audience   %s\n  data use   %s\n  keyless    %s\n"
                 "  proxy      %s\n",
                 SPAN_ARG(config->listen), audience_word(config), data_use_word(config),
                 keyless_word(config), has_proxy(config) ? "yes" : "none");
    print_providers(&checked->offers);
    print_keys(checked);
    (void)printf("  models     %u\n  aliases    %u\n", checked->models, config->alias_count);
}

static void print_messages(const char *path, const struct config_report *report) {
    for (uint32_t i = 0; i < report->count; i++)
        print_message(path, &report->items[i]);
}

static void print_plain(const struct checked *checked) {
    const struct settings *settings = &checked->settings;
    uint32_t errors = settings->report.errors + settings->keys_report.errors;
    print_messages(settings->path, &settings->report);
    print_messages(SETTINGS_DOTENV, &settings->keys_report);
    if (errors > 0)
        (void)fprintf(stderr, "%u error%s\n", errors, errors == 1 ? "" : "s");
    if (count_errors(checked) == 0)
        print_summary(checked);
    if (settings->path == NULL && access("papi.yaml", F_OK) == 0)
        (void)fprintf(
            stderr,
            "note: papi.yaml in this folder is not read by itself; use --config papi.yaml\n");
}

/* "file": NULL for messages about the environment. */
static int write_message(struct dynbuf *out, const char *file,
                         const struct config_message *message) {
    int err = dynbuf_append_format(out, "{\"severity\":\"%s\",\"line\":%u,\"column\":%u,",
                                   message->warning ? "warning" : "error", message->line,
                                   message->column);
    if (err == 0 && message->line > 0)
        err = json_write_member_string(out, "file", span_text(file));
    if (err == 0 && message->line > 0)
        err = dynbuf_append_char(out, ',');
    if (err == 0)
        err = json_write_member_string(out, "text", span_text(message->text));
    return err < 0 ? err : dynbuf_append_char(out, '}');
}

static int write_messages(struct dynbuf *out, const struct settings *settings) {
    const struct config_report *reports[] = {&settings->report, &settings->keys_report};
    const char *files[] = {settings->path, SETTINGS_DOTENV};
    bool first = true;
    int err = dynbuf_append_text(out, "\"messages\":[");
    for (size_t i = 0; i < array_length(reports); i++)
        for (uint32_t j = 0; err == 0 && j < reports[i]->count; j++) {
            err = first ? 0 : dynbuf_append_char(out, ',');
            if (err == 0)
                err = write_message(out, files[i], &reports[i]->items[j]);
            first = false;
        }
    return err < 0 ? err : dynbuf_append_char(out, ']');
}

static int write_key(struct dynbuf *out, struct span provider, struct span account,
                     struct span source) {
    bool first = out->len > 0 && dynbuf_span(out).ptr[out->len - 1] == '[';
    int err = dynbuf_append_text(out, first ? "{" : ",{");
    if (err == 0)
        err = json_write_member_string(out, "provider", provider);
    if (err == 0)
        err = dynbuf_append_char(out, ',');
    if (err == 0)
        err = json_write_member_string(out, "account", account);
    if (err == 0)
        err = dynbuf_append_char(out, ',');
    if (err == 0)
        err = json_write_member_string(out, "source", source);
    return err < 0 ? err : dynbuf_append_char(out, '}');
}

/* Where keys stand, never what they are. */
static int write_keys(struct dynbuf *out, const struct settings *settings) {
    const struct config *config = settings->config;
    const struct config_credentials *found = settings->credentials;
    int err = dynbuf_append_text(out, "\"keys\":[");
    for (uint32_t i = 0; i < config->provider_count; i++)
        for (uint32_t j = 0; err == 0 && j < config->providers[i].key_count; j++) {
            const struct config_key *key = &config->providers[i].keys[j];
            if (key->key != NULL)
                err = write_key(out, config->providers[i].id, key->account, key->source);
        }
    for (uint32_t i = 0; err == 0 && i < found->count; i++)
        err = write_key(out, span_text(known_facts->providers[found->items[i].provider].id),
                        found->items[i].account, found->items[i].source);
    return err < 0 ? err : dynbuf_append_text(out, "],");
}

static int write_settings(struct dynbuf *out, const struct config *config) {
    int err = dynbuf_append_text(out, "\"listen\":");
    if (err == 0)
        err = json_write_string(out, config->listen);
    if (err == 0)
        err = dynbuf_append_format(
            out,
            ",\"audience\":\"%s\",\"data_use\":\"%s\",\"keyless\":\"%s\",\"local_servers\":%s,"
            "\"dotenv\":%s,\"proxy\":%s,",
            audience_word(config), data_use_word(config), keyless_word(config),
            config->local_servers == CONFIG_LOCAL_AUTO ? "true" : "false",
            config->dotenv ? "true" : "false", has_proxy(config) ? "true" : "false");
    return err;
}

static int write_json(struct dynbuf *out, const struct checked *checked) {
    const struct settings *settings = &checked->settings;
    const struct config *config = settings->config;
    int err = dynbuf_append_format(
        out, "{\"ok\":%s,\"file\":", count_errors(checked) == 0 ? "true" : "false");
    if (err == 0)
        err = settings->path != NULL ? json_write_string(out, span_text(settings->path))
                                     : dynbuf_append_text(out, "null");
    if (err == 0)
        err = dynbuf_append_char(out, ',');
    if (err == 0)
        err = write_settings(out, config);
    if (err == 0)
        err = dynbuf_append_format(
            out, "\"providers\":%u,\"models\":%u,\"aliases\":%u,\"errors\":%u,",
            config->provider_count, checked->models, config->alias_count, count_errors(checked));
    if (err == 0)
        err = write_keys(out, settings);
    if (err == 0)
        err = write_messages(out, settings);
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
    struct values values = {0};
    struct cli_operands operands;
    struct checked checked = {0};
    struct arena arena;
    enum cli_parsed parsed = cli_parse(command, argc, argv, &values, &operands);
    if (parsed != CLI_PARSED)
        return cli_parsed_exit(parsed);
    arena_init(&arena, NULL, 0, PATH_ARENA_BYTES);
    if (settings_read(&checked.settings, values.config, known_facts, &arena) == 0)
        check_pool(&checked, &arena);
    if (values.json)
        print_json(&checked);
    else
        print_plain(&checked);
    bool fine = count_errors(&checked) == 0;
    settings_free(&checked.settings);
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
