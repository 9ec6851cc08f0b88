// SPDX-License-Identifier: Apache-2.0
/*
 * papi model list|show: which models the catalog knows, who has them for nothing, and what a running instance serves now.
 *
 * Two sources, told apart: the catalog of this build, and GET /v1/models of the instance when one answers. An instance may serve
 * models that no catalog knows; those are listed too. Without one the column is left out and stderr says so.
 * Leaves to others: who would be chosen for a request (papi explain).
 */
#include "cli/catalog_words.h"
#include "cli/cli.h"
#include "cli/instance.h"
#include "cli/model_served.h"
#include "cli/table.h"
#include "cli/width.h"

#include "base/check.h"
#include "json/json.h"

#define SERVED_MAX_BYTES ((size_t)16 * 1024 * 1024)
#define NAME_BYTES       192

struct values {
    struct instance_wish wish;
    bool json;
};

static const struct cli_option options[] = {
    {"--json", CLI_FLAG, offsetof(struct values, json), NULL, "as JSON"},
    INSTANCE_OPTIONS(struct values, wish),
};

/* --- what is served now --- */

struct served {
    struct arena arena;  /* owned */
    struct dynbuf body;  /* owned */
    struct json_doc doc; /* borrowed: both */
    bool known;
};

/* No instance is no failure: only the catalog is shown then. */
static void ask(struct served *served, struct instance *instance) {
    int status = 0;
    arena_init(&served->arena, NULL, 0, 8 * SERVED_MAX_BYTES);
    dynbuf_init(&served->body, SERVED_MAX_BYTES);
    int err = instance_ask(instance, "/v1/models", SPAN_NONE, &served->body, &status);
    if (err < 0) {
        instance_complain(instance, err);
        return;
    }
    served->known =
        status == 200 &&
        json_parse(&served->doc, dynbuf_span(&served->body), &served->arena, NULL) == 0 &&
        json_is(json_get(json_top(&served->doc), "data"), JSON_ARRAY);
    if (!served->known)
        cli_complain("%.*s does not tell what it serves: it answers %d",
                     SPAN_ARG(instance_place(instance)->text), status);
}

static void served_done(struct served *served) {
    arena_reset(&served->arena);
    dynbuf_done(&served->body);
}

/* Providers that serve it now; 0 also when it is not served. */
static int64_t providers_now(const struct served *served, const char *id) {
    int64_t count = 0;
    if (!served->known)
        return 0;
    for (struct json_iter it = json_each(json_get(json_top(&served->doc), "data")); json_next(&it);)
        if (json_string_is(json_get(it.value, "id"), id))
            return json_i64(json_get(it.value, "providers"), &count) == 0 ? count : 1;
    return 0;
}

/* --- list --- */

static uint32_t free_at(const struct facts *facts, const char *model) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < facts->provider_count; i++) {
        const struct fact_route *route = catalog_route_of(&facts->providers[i], model);
        count += route != NULL && fact_route_free(route->status);
    }
    return count;
}

static void context_text(uint64_t tokens, char *text, size_t size) {
    if (tokens == 0)
        (void)snprintf(text, size, "?");
    else
        (void)snprintf(text, size, tokens < 1000 ? "%llu" : "%lluk",
                       (unsigned long long)(tokens < 1000 ? tokens : tokens / 1000));
}

static const struct table_column columns[] = {
    {.head = "MODEL", .least = 12},
    {.head = "KIND", .least = 8, .give_up = 1},
    {.head = "CONTEXT", .right = true, .give_up = 2},
    {.head = "FREE AT", .right = true, .give_up = 3},
    {.head = "NOW", .right = true}, /* of a running instance */
};

static void list_row(struct table *table, const struct facts *facts, const struct fact_model *model,
                     const struct served *served) {
    char context[24];
    context_text(model->context_tokens, context, sizeof context);
    table_cell(table, span_text(model->id));
    table_cell(table, span_text(model->kind));
    table_cell(table, span_text(context));
    table_number(table, free_at(facts, model->id));
    if (served->known)
        table_number(table, (uint64_t)providers_now(served, model->id));
}

/* "auto" and its variants are nobody's model. */
static bool stands_for_many(struct span id) {
    return span_is(id, "auto") || span_starts_with(id, "auto:");
}

static void list_strangers(struct table *table, const struct facts *facts,
                           const struct served *served) {
    if (!served->known)
        return;
    for (struct json_iter it = json_each(json_get(json_top(&served->doc), "data"));
         json_next(&it);) {
        char name[NAME_BYTES];
        struct span id = json_escaped(json_get(it.value, "id"));
        (void)snprintf(name, sizeof name, "%.*s", SPAN_ARG(id));
        if (span_absent(id) || facts_model(facts, id) != NULL)
            continue;
        table_cell(table, span_text(name));
        table_cell(table, stands_for_many(id) ? SPAN_LITERAL("chosen by PAPI")
                                              : SPAN_LITERAL("not in the catalog"));
        table_cell(table, SPAN_NONE);
        table_cell(table, SPAN_NONE);
        table_number(table, (uint64_t)providers_now(served, name));
    }
}

static void list_text(struct page *page, const struct facts *facts, const struct served *served) {
    struct table table;
    table_init(&table, columns, array_length(columns) - !served->known, width_of(stdout));
    for (uint32_t i = 0; i < facts->model_count; i++)
        list_row(&table, facts, &facts->models[i], served);
    list_strangers(&table, facts, served);
    table_write(&table, page);
    table_done(&table);
    page_add(
        page,
        "\nFREE AT counts providers that list it as free. `papi model show NAME` tells more.%s\n",
        served->known ? "\nNOW counts those of the running instance that can answer now." : "");
}

static void write_head(struct page *page, const struct facts *facts, const struct fact_model *model,
                       const struct served *served) {
    page_string(page, "id", model->id);
    page_string(page, "kind", model->kind);
    page_string(page, "family", model->family);
    page_number(page, "context_tokens", model->context_tokens);
    page_number(page, "output_tokens_max", model->output_tokens_max);
    page_string(page, "tools", fact_tri_word(model->tools));
    page_string(page, "reasoning", fact_tri_word(model->reasoning));
    page_bool(page, "image", model->image);
    page_number(page, "free_at", free_at(facts, model->id));
    if (served->known)
        page_number(page, "providers_now", (uint64_t)providers_now(served, model->id));
}

static void list_json(struct page *page, const struct facts *facts, const struct served *served) {
    page_add(page, "{\"compiled\":\"%s\",\"models\":[", facts->compiled);
    for (uint32_t i = 0; i < facts->model_count; i++) {
        page_open(page, NULL, '{');
        write_head(page, facts, &facts->models[i], served);
        page_close(page, '}');
    }
    page_add(page, "]}\n");
}

/* --- show --- */

static void show_text(struct page *page, const struct facts *facts, const struct fact_model *model,
                      const struct served *served, struct model_served *here) {
    char context[24], output[24], aliases[512];
    context_text(model->context_tokens, context, sizeof context);
    context_text(model->output_tokens_max, output, sizeof output);
    catalog_join(model->aliases, ", ", aliases, sizeof aliases);
    page_add(page, "%s\n", model->id);
    page_line(page, "kind", "%s", model->kind);
    page_line(page, "family", "%s", model->family);
    page_line(page, "also called", "%s", aliases);
    page_line(page, "context", "%s tokens, answers up to %s", context, output);
    page_line(page, "reads", "text%s%s%s", model->image ? ", images" : "",
              model->audio ? ", sound" : "", model->video ? ", video" : "");
    page_line(page, "can", "tools: %s, reasoning: %s, JSON: %s, JSON by a schema: %s",
              fact_tri_word(model->tools), fact_tri_word(model->reasoning),
              fact_tri_word(model->json_object), fact_tri_word(model->json_schema));
    if (served->known)
        page_line(page, "now", "%lld providers of the running instance can answer",
                  (long long)providers_now(served, model->id));
    model_served_routes(page, here);
    const char *label = "listed at";
    for (uint32_t i = 0; i < facts->provider_count; i++) {
        const struct fact_route *route = catalog_route_of(&facts->providers[i], model->id);
        if (route == NULL)
            continue;
        page_line(page, label, "%s/%s (%s)", facts->providers[i].id, route->upstream,
                  fact_route_status_word(route->status));
        label = "";
    }
    page_line(page, "evidence", "%s (%s)%s%s", model->evidence.source,
              catalog_confidence_word(model->evidence.confidence),
              model->evidence.note[0] != '\0' ? ": " : "", model->evidence.note);
}

static void show_json(struct page *page, const struct facts *facts, const struct fact_model *model,
                      const struct served *served) {
    page_add(page, "{");
    write_head(page, facts, model, served);
    page_open(page, "routes", '[');
    for (uint32_t i = 0; i < facts->provider_count; i++) {
        const struct fact_route *route = catalog_route_of(&facts->providers[i], model->id);
        if (route == NULL)
            continue;
        page_open(page, NULL, '{');
        page_string(page, "provider", facts->providers[i].id);
        page_string(page, "upstream", route->upstream);
        page_string(page, "status", fact_route_status_word(route->status));
        page_bool(page, "free", fact_route_free(route->status));
        page_close(page, '}');
    }
    page_close(page, ']');
    page_add(page, "}\n");
}

/* --- the commands --- */

static int refuse(const struct facts *facts, const char *id) {
    struct cli_nearest nearest = {.asked = span_text(id), .distance = 1 + strlen(id) / 3};
    for (uint32_t i = 0; i < facts->model_count; i++)
        cli_nearest_offer(&nearest, facts->models[i].id);
    if (nearest.name != NULL)
        cli_complain("the catalog has no model '%s'; did you mean '%s'?", id, nearest.name);
    else
        cli_complain("the catalog has no model '%s'; `papi model list` lists them", id);
    return CLI_FAILED;
}

static int run_list(const struct cli_command *command, int argc, char **argv) {
    struct values values = {0};
    struct cli_operands operands;
    struct served served = {.known = false};
    struct instance instance;
    struct page page;
    enum cli_parsed parsed = cli_parse(command, argc, argv, &values, &operands);
    if (parsed != CLI_PARSED)
        return cli_parsed_exit(parsed);
    if (!instance_find(&values.wish, INSTANCE_PUBLIC, &instance))
        return CLI_USAGE;
    ask(&served, &instance);
    page_init(&page);
    (values.json ? list_json : list_text)(&page, &facts_built_in, &served);
    served_done(&served);
    return page_print(&page);
}

/* A model of the instance alone: its own words. */
static int show_foreign(const char *id, const struct values *values, struct instance *instance) {
    struct model_served here;
    struct page page;
    int code = CLI_FAILED;
    model_served_ask(&here, instance, id);
    page_init(&page);
    if (here.known && values->json)
        page_add_span(&page, dynbuf_span(&here.body), "");
    else if (here.known)
        model_served_show(&page, &here);
    if (here.known)
        code = page_print(&page);
    else
        dynbuf_done(&page.out);
    if (!here.known)
        (void)refuse(&facts_built_in, id);
    model_served_done(&here);
    return code;
}

static int show_known(const struct fact_model *model, const struct values *values,
                      struct instance *instance) {
    struct served served = {.known = false};
    struct model_served here = {.known = false};
    struct page page;
    ask(&served, instance);
    if (served.known)
        model_served_ask(&here, instance, model->id);
    page_init(&page);
    if (values->json)
        show_json(&page, &facts_built_in, model, &served);
    else
        show_text(&page, &facts_built_in, model, &served, &here);
    if (served.known)
        model_served_done(&here);
    served_done(&served);
    return page_print(&page);
}

static int run_show(const struct cli_command *command, int argc, char **argv) {
    struct values values = {0};
    struct cli_operands operands;
    struct instance instance;
    enum cli_parsed parsed = cli_parse(command, argc, argv, &values, &operands);
    if (parsed != CLI_PARSED)
        return cli_parsed_exit(parsed);
    if (!instance_find(&values.wish, INSTANCE_PUBLIC, &instance))
        return CLI_USAGE;
    const struct fact_model *model = facts_model(&facts_built_in, span_text(operands.items[0]));
    return model != NULL ? show_known(model, &values, &instance)
                         : show_foreign(operands.items[0], &values, &instance);
}

static const struct cli_command list_command = {
    .group = "model",
    .name = "list",
    .operands = "",
    .line = "all models that the catalog knows or the instance serves",
    .about = "",
    .options = options,
    .option_count = array_length(options),
    .run = run_list,
};

static const struct cli_command show_command = {
    .group = "model",
    .name = "show",
    .operands = "MODEL",
    .line = "one of them: what it can, who has it",
    .about = "",
    .options = options,
    .option_count = array_length(options),
    .run = run_show,
};

static const struct cli_command *const commands[] = {&list_command, &show_command};

const struct cli_command cli_model = {
    .name = "model",
    .operands = "",
    .line = "which models the catalog knows, who has them, what is served now",
    .about = "",
    .commands = commands,
    .command_count = array_length(commands),
};
