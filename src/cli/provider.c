// SPDX-License-Identifier: Apache-2.0
/*
 * papi provider list|show: what the built-in catalog knows of providers, and in the list how those of the running instance fare.
 *
 * Why also without a running instance: somebody who has nothing yet asks this first, to learn where a key can be had and what it is
 * worth. Every number comes with its source and how sure it is; what nobody knows is said to be unknown.
 * Leaves to others: the instance's own list (provider_here.c), and adding keys.
 */
#include "cli/catalog_words.h"
#include "cli/cli.h"
#include "cli/instance.h"
#include "cli/provider_here.h"
#include "cli/provider_keys.h"
#include "cli/provider_test.h"
#include "cli/table.h"
#include "cli/width.h"

#include "base/check.h"

#include <stdlib.h>

#define TEXT_BYTES 1024

struct values {
    struct instance_wish wish;
    bool json, catalog;
};

static const struct cli_option list_options[] = {
    {"--catalog", CLI_FLAG, offsetof(struct values, catalog), NULL,
     "what the catalog knows, also when an instance is running"},
    INSTANCE_OPTIONS(struct values, wish),
    {"--json", CLI_FLAG, offsetof(struct values, json), NULL,
     "the instance's answer as it came, else the catalog as JSON"},
};

static const struct cli_option show_options[] = {
    {"--json", CLI_FLAG, offsetof(struct values, json), NULL, "as JSON"},
};

static const struct cli_option test_options[] = {
    {"--json", CLI_FLAG, offsetof(struct provider_test_wish, json), NULL, "as JSON"},
    {"--config", CLI_TEXT, offsetof(struct provider_test_wish, config), "FILE",
     "the configuration; else the one `papi serve` would read"},
    {"--chat", CLI_FLAG, offsetof(struct provider_test_wish, chat), NULL,
     "ask each for one token too; that costs quota"},
};

/* --- list --- */

static const struct table_column columns[] = {
    {.head = "PROVIDER", .least = 8},
    {.head = "STATUS", .least = 8, .give_up = 2},
    {.head = "FREE", .right = true},
    {.head = "KIND", .least = 8, .give_up = 1},
    {.head = "KEY", .least = 10, .give_up = 3},
};

static void list_text(struct page *page, const struct facts *facts) {
    struct table table;
    table_init(&table, columns, array_length(columns), width_of(stdout));
    for (uint32_t i = 0; i < facts->provider_count; i++) {
        const struct fact_provider *provider = &facts->providers[i];
        table_cell(&table, span_text(provider->id));
        table_cell(&table, span_text(fact_status_word(provider->status)));
        table_number(&table, catalog_free_routes(provider));
        table_cell(&table, span_text(fact_kind_word(provider->kind)));
        table_cell(&table, provider->env != NULL && provider->env[0] != NULL
                               ? span_text(provider->env[0])
                               : SPAN_NONE);
    }
    table_write(&table, page);
    table_done(&table);
    page_add(
        page,
        "\nFREE counts models. `papi provider show ID` tells limits, terms, where to get a key. "
        "(%s)\n",
        facts->compiled);
}

static void write_strings(struct page *page, const char *name, const char *const *items) {
    page_open(page, name, '[');
    for (size_t i = 0; items != NULL && items[i] != NULL; i++)
        page_string(page, NULL, items[i]);
    page_close(page, ']');
}

static void write_head(struct page *page, const struct fact_provider *provider) {
    page_string(page, "id", provider->id);
    page_string(page, "name", provider->name);
    page_string(page, "kind", fact_kind_word(provider->kind));
    page_string(page, "status", fact_status_word(provider->status));
    page_bool(page, "on", provider->on);
    page_string(page, "dialect", provider->dialect);
    page_string(page, "unusable", provider->unusable);
    page_string(page, "base_url", provider->base_url);
    page_string(page, "key_url", provider->key_url);
    write_strings(page, "env", provider->env);
    write_strings(page, "env_extra", provider->env_extra);
    page_number(page, "free_models", catalog_free_routes(provider));
}

static void list_json(struct page *page, const struct facts *facts) {
    page_add(page, "{\"compiled\":\"%s\",\"providers\":[", facts->compiled);
    for (uint32_t i = 0; i < facts->provider_count; i++) {
        page_open(page, NULL, '{');
        write_head(page, &facts->providers[i]);
        page_close(page, '}');
    }
    page_add(page, "]}\n");
}

/* --- show --- */

static const struct {
    const char *word;
    size_t offset;
} terms[] = {
    {"card", offsetof(struct fact_terms, card)},
    {"phone", offsetof(struct fact_terms, phone)},
    {"real name", offsetof(struct fact_terms, real_name)},
    {"trains on prompts", offsetof(struct fact_terms, trains)},
    {"logs", offsetof(struct fact_terms, logs)},
    {"third-party users", offsetof(struct fact_terms, third_party)},
    {"production", offsetof(struct fact_terms, production)},
    {"commercial", offsetof(struct fact_terms, commercial)},
    {"minors", offsetof(struct fact_terms, minors)},
};

static const char *term_word(const struct fact_terms *of, size_t i) {
    return fact_tri_word(
        *(const enum fact_tri *)(const void *)((const char *)of + terms[i].offset));
}

static void show_key(struct page *page, const struct fact_provider *provider) {
    char names[TEXT_BYTES], extra[TEXT_BYTES];
    catalog_join(provider->env, " or ", names, sizeof names);
    catalog_join(provider->env_extra, ", ", extra, sizeof extra);
    if (names[0] == '\0')
        page_line(page, "key", "none needed, or none known");
    else
        page_line(page, "key", "set %s%s%s", names, extra[0] != '\0' ? ", with " : "", extra);
    page_line(page, "get one at", "%s", provider->key_url);
    page_line(page, "", "%s", provider->key_note);
}

static void show_terms(struct page *page, const struct fact_provider *provider) {
    char text[TEXT_BYTES] = "";
    size_t length = 0;
    for (size_t i = 0; i < array_length(terms) && length < sizeof text; i++)
        length +=
            (size_t)snprintf(text + length, sizeof text - length, "%s%s: %s", i > 0 ? ", " : "",
                             terms[i].word, term_word(&provider->terms, i));
    page_line(page, "terms", "%s", text);
    page_line(page, "regions", "%s", provider->terms.regions);
    page_line(page, "", "%s", provider->terms.note);
}

static void show_evidence(struct page *page, const char *label,
                          const struct fact_evidence *evidence) {
    page_line(page, label, "%s (%s)%s%s", evidence->source,
              catalog_confidence_word(evidence->confidence), evidence->note[0] != '\0' ? ": " : "",
              evidence->note);
}

static void show_limits(struct page *page, const struct fact_provider *provider) {
    for (uint32_t i = 0; i < provider->limit_count; i++) {
        const struct fact_limit *limit = &provider->limits[i];
        char text[CATALOG_LIMIT_TEXT_BYTES], models[TEXT_BYTES];
        catalog_limit_text(limit, text);
        catalog_join(limit->models, ", ", models, sizeof models);
        page_line(page, i == 0 ? "limits" : "", "%s; %s, by %s%s%s%s%s%s%s", text,
                  limit->shape_known ? limit_shape_word(limit->shape) : "window's shape unknown",
                  limit_scope_word(limit->scope), limit->zone[0] != '\0' ? ", " : "", limit->zone,
                  models[0] != '\0' ? "; for " : "", models,
                  limit->plan[0] != '\0' ? "; plan " : "", limit->plan);
        show_evidence(page, "  from", &limit->evidence);
    }
    if (provider->limit_count == 0)
        page_line(page, "limits", "none known: one request at a time until they are learned");
}

static void show_text(struct page *page, const struct fact_provider *provider) {
    page_add(page, "%s (%s)\n", provider->name, provider->id);
    page_line(page, "kind", "%s", fact_kind_word(provider->kind));
    page_line(page, "status", "%s; %s", fact_status_word(provider->status),
              provider->on ? "used as soon as a key is there"
                           : "used only where the configuration names it");
    page_line(page, "wire", "%s%s%s",
              provider->dialect[0] != '\0' ? provider->dialect : provider->unusable,
              provider->base_url[0] != '\0' ? ", " : "", provider->base_url);
    show_key(page, provider);
    show_terms(page, provider);
    show_limits(page, provider);
    page_line(page, "models", "%u free of %u listed", catalog_free_routes(provider),
              provider->route_count);
    page_line(page, "rules", "%u signals, %u quirks, %u head fields", provider->signal_count,
              provider->quirk_count, provider->header_count);
    show_evidence(page, "evidence", &provider->evidence);
}

static void write_evidence(struct page *page, const struct fact_evidence *evidence) {
    page_open(page, "evidence", '{');
    page_string(page, "source", evidence->source);
    page_string(page, "confidence", catalog_confidence_word(evidence->confidence));
    page_string(page, "note", evidence->note);
    page_close(page, '}');
}

static void write_limit(struct page *page, const struct fact_limit *limit) {
    char amount[CATALOG_AMOUNT_TEXT_BYTES];
    catalog_amount_text(limit, amount);
    page_open(page, NULL, '{');
    page_string(page, "unit", limit_unit_word(limit->unit));
    page_decimal(page, "amount", amount);
    page_number(page, "window_ms", limit->window_ms);
    page_string(page, "shape", limit->shape_known ? limit_shape_word(limit->shape) : "unknown");
    page_string(page, "scope", limit_scope_word(limit->scope));
    page_string(page, "zone", limit->zone);
    page_string(page, "plan", limit->plan);
    write_strings(page, "models", limit->models);
    write_evidence(page, &limit->evidence);
    page_close(page, '}');
}

static void show_json(struct page *page, const struct fact_provider *provider) {
    page_add(page, "{");
    write_head(page, provider);
    page_open(page, "terms", '{');
    for (size_t i = 0; i < array_length(terms); i++)
        page_string(page, terms[i].word, term_word(&provider->terms, i));
    page_string(page, "regions", provider->terms.regions);
    page_string(page, "note", provider->terms.note);
    page_close(page, '}');
    page_open(page, "limits", '[');
    for (uint32_t i = 0; i < provider->limit_count; i++)
        write_limit(page, &provider->limits[i]);
    page_close(page, ']');
    page_number(page, "models", provider->route_count);
    page_number(page, "signals", provider->signal_count);
    page_number(page, "quirks", provider->quirk_count);
    page_number(page, "headers", provider->header_count);
    write_evidence(page, &provider->evidence);
    page_add(page, "}\n");
}

/* --- the commands --- */

static int refuse(const struct facts *facts, const char *id) {
    struct cli_nearest nearest = {.asked = span_text(id), .distance = 4};
    for (uint32_t i = 0; i < facts->dropped_count; i++)
        if (strcmp(facts->dropped[i].id, id) == 0) {
            cli_complain("'%s' was dropped from the catalog%s%s: %s", id,
                         facts->dropped[i].since[0] != '\0' ? " on " : "", facts->dropped[i].since,
                         facts->dropped[i].reason);
            return CLI_FAILED;
        }
    for (uint32_t i = 0; i < facts->provider_count; i++)
        cli_nearest_offer(&nearest, facts->providers[i].id);
    if (nearest.name != NULL)
        cli_complain("the catalog has no provider '%s'; did you mean '%s'?", id, nearest.name);
    else
        cli_complain("the catalog has no provider '%s'; `papi provider list` lists them", id);
    return CLI_FAILED;
}

static int list_catalog(bool json) {
    struct page page;
    page_init(&page);
    (json ? list_json : list_text)(&page, &facts_built_in);
    return page_print(&page);
}

/* That nothing runs is no news for somebody who did not say where it should. */
static bool is_named(const struct instance_wish *wish) {
    return wish->url != NULL || wish->data != NULL || getenv("PAPI_URL") != NULL ||
           getenv("PAPI_DATA") != NULL;
}

static int list_here(struct instance *instance, const struct values *values) {
    struct dynbuf body;
    int status = 0;
    dynbuf_init(&body, INSTANCE_ANSWER_MAX_BYTES);
    int err = instance_ask(instance, "/admin/v1/providers", SPAN_NONE, &body, &status);
    bool known = err == 0 && status == 200;
    if (!known && (err == 0 || is_named(&values->wish)))
        (void)instance_judge(instance, err, status, dynbuf_span(&body));
    int code =
        instance_show(known ? CLI_DONE : CLI_FAILED, &body, values->json, provider_here_print);
    return known ? code : list_catalog(values->json);
}

static int run_list(const struct cli_command *command, int argc, char **argv) {
    struct values values = {0};
    struct cli_operands operands;
    struct instance instance;
    enum cli_parsed parsed = cli_parse(command, argc, argv, &values, &operands);
    if (parsed != CLI_PARSED)
        return cli_parsed_exit(parsed);
    if (values.catalog)
        return list_catalog(values.json);
    if (!instance_find(&values.wish, INSTANCE_OWNER, &instance))
        return CLI_USAGE;
    return list_here(&instance, &values);
}

static int run_show(const struct cli_command *command, int argc, char **argv) {
    struct values values = {0};
    struct cli_operands operands;
    struct page page;
    enum cli_parsed parsed = cli_parse(command, argc, argv, &values, &operands);
    if (parsed != CLI_PARSED)
        return cli_parsed_exit(parsed);
    const struct fact_provider *provider =
        facts_provider(&facts_built_in, span_text(operands.items[0]));
    if (provider == NULL)
        return refuse(&facts_built_in, operands.items[0]);
    page_init(&page);
    (values.json ? show_json : show_text)(&page, provider);
    return page_print(&page);
}

static int run_test(const struct cli_command *command, int argc, char **argv) {
    struct provider_test_wish wish = {0};
    struct cli_operands operands;
    enum cli_parsed parsed = cli_parse(command, argc, argv, &wish, &operands);
    if (parsed != CLI_PARSED)
        return cli_parsed_exit(parsed);
    wish.ids = (const char *const *)operands.items;
    wish.id_count = (uint32_t)operands.count;
    return provider_test(&wish);
}

static const struct cli_command list_command = {
    .group = "provider",
    .name = "list",
    .operands = "",
    .line = "the running instance's providers, else all that the catalog knows",
    .about =
        "With an instance: how each one fares, and its accounts. Without one, or with --catalog: "
        "what the\ncatalog knows of them.",
    .options = list_options,
    .option_count = array_length(list_options),
    .run = run_list,
};

static const struct cli_command show_command = {
    .group = "provider",
    .name = "show",
    .operands = "PROVIDER",
    .line = "one of them: limits, terms, where to get a key",
    .about = "",
    .options = show_options,
    .option_count = array_length(show_options),
    .run = run_show,
};

static const struct cli_command test_command = {
    .group = "provider",
    .name = "test",
    .operands = "[PROVIDER...]",
    .line = "try keys without spending quota",
    .about = PROVIDER_TEST_ABOUT,
    .options = test_options,
    .option_count = array_length(test_options),
    .run = run_test,
};

static const struct cli_command *const commands[] = {
    &list_command,        &show_command,        &test_command,
    &cli_provider_add,    &cli_provider_import, &cli_provider_pause,
    &cli_provider_resume, &cli_provider_remove, &cli_provider_rekey,
};

const struct cli_command cli_provider = {
    .name = "provider",
    .operands = "",
    .line = "providers and their keys: what is known, which are used",
    .about = "",
    .commands = commands,
    .command_count = array_length(commands),
};
