// SPDX-License-Identifier: Apache-2.0
/*
 * The configuration: any bytes are a file.
 *
 * Of every input: the loader ends, all messages stand inside the text, and there is a config to free. Of accepted ones: what
 * the rest of the program relies on holds, and the catalog can be built from it, so that `papi check` and `papi serve`
 * cannot disagree. The environment knows one variable; key files named by an input are not there. Each input is read twice:
 * by a caller that knows no provider, and by one that knows a few by name.
 */
#include "app/assemble.h"
#include "base/check.h"
#include "config/config.h"

static const char *get(void *context, const char *name) {
    (void)context;
    return strcmp(name, "KEY") == 0 ? "sk-fuzz" : NULL;
}

static unsigned lines_of(struct span text) {
    unsigned lines = 2; /* an error at the end stands behind the last line */
    for (size_t i = 0; i < text.len;
         i++) /* LF, CR, NEL, LS and PS end lines in YAML; their last bytes */
        lines += text.ptr[i] == '\n' || text.ptr[i] == '\r' || text.ptr[i] == '\x85' ||
                 text.ptr[i] == '\xa8' || text.ptr[i] == '\xa9';
    return lines;
}

static void check_report(const struct config_report *report, struct span text) {
    unsigned lines = lines_of(text);
    check(report->count <= array_length(report->items));
    for (uint32_t i = 0; i < report->count; i++) {
        const struct config_message *item = &report->items[i];
        check(item->line <= lines);
        check((item->line == 0) == (item->column == 0));
        for (const char *c = item->text; *c != '\0'; c++)
            check((unsigned char)*c >= ' ' && *c != 0x7f);
        check(i == 0 || report->items[i - 1].line <= item->line);
    }
}

static bool knows_provider(void *context, struct span id) {
    (void)context;
    return span_is(id, "groq") || span_is(id, "openai");
}

static bool knows_model(void *context, struct span name) {
    (void)context;
    return span_starts_with(name, "gpt-") || span_starts_with(name, "llama-");
}

static const char *nearest_provider(void *context, struct span id) {
    (void)context;
    return span_distance(id, SPAN_LITERAL("groq")) <= 2 ? "groq" : NULL;
}

static bool knows_plan(void *context, struct span provider, struct span plan) {
    (void)context;
    return span_is(provider, "groq") && plan.len > 0;
}

static void check_limit(const struct config_limit *limit) {
    bool calendar = limit->shape == CONFIG_CALENDAR_DAY || limit->shape == CONFIG_CALENDAR_MONTH;
    check(limit->amount > 0 && limit->burst <= limit->amount);
    check((limit->unit == CONFIG_CONCURRENT) == (limit->shape == CONFIG_AT_ONCE));
    check((limit->window_ms == 0) == (limit->unit == CONFIG_CONCURRENT));
    check(calendar == (limit->zone.len > 0));
    check(limit->burst == 0 || limit->shape == CONFIG_ROLLING || limit->shape == CONFIG_REFILL);
    check(limit->place.line > 0);
}

/* What holds for every provider, however much of it the catalog tells. */
static void check_common(const struct config_provider *provider) {
    check(provider->id.len > 0 && provider->concurrency_max > 0);
    check(provider->billing != CONFIG_BILLING_NOT_SAID);
    check(provider->limit_count <= CONFIG_LIMITS_MAX);
    for (uint32_t i = 0; i < provider->limit_count; i++)
        check_limit(&provider->limits[i]);
    for (uint32_t i = 0; i < provider->key_count; i++)
        check(provider->keys[i].billing != CONFIG_BILLING_NOT_SAID);
}

static void check_provider(const struct config_provider *provider) {
    check_common(provider);
    check(provider->host.len > 0 && provider->port > 0 && provider->type.len > 0);
    check(provider->model_count > 0 && provider->key_count > 0);
    check(provider->base_path.len > 0 && provider->base_path.ptr[0] == '/');
    for (uint32_t i = 0; i < provider->model_count; i++)
        check(provider->models[i].id.len > 0 && provider->models[i].upstream.len > 0);
    for (uint32_t i = 0; i < provider->key_count; i++)
        check(provider->keys[i].account.len > 0);
}

static void check_accepted(struct config *config, struct config_report *report, struct span text) {
    check(config->listen.len > 0 && config_listen_refused(config, config->listen) == NULL);
    for (uint32_t i = 0; i < config->provider_count; i++)
        check_provider(&config->providers[i]);
    for (uint32_t i = 0; i < config->alias_count; i++)
        check(config->aliases[i].target_count > 0);
    const struct offer_sources sources = {.facts = &facts_built_in, .config = config};
    struct assembly assembly;
    struct arena arena;
    arena_init(&arena, NULL, 0, (size_t)64 << 20);
    int err = assemble(&sources, config, report, &arena, &assembly);
    check((err < 0) == (report->errors > 0));
    check_report(report, text);
    if (err == 0)
        catalog_unref(assembly.snapshot);
    arena_reset(&arena);
}

static void read_with_a_catalog(struct span text) {
    static const struct config_catalog catalog = {.knows_provider = knows_provider,
                                                  .knows_model = knows_model,
                                                  .nearest_provider = nearest_provider,
                                                  .knows_plan = knows_plan};
    const struct config_environment environment = {.get = get, .catalog = &catalog};
    struct config_report report;
    struct config *config = NULL;
    int err = config_parse(text, "/nowhere/papi.yaml", &environment, &config, &report);
    check(config != NULL);
    check(err == (report.errors > 0 ? ERR_INVALID : 0));
    check_report(&report, text);
    check(config->data_use != CONFIG_DATA_NOT_SAID);
    for (uint32_t i = 0; err == 0 && i < config->provider_count; i++)
        check_common(&config->providers[i]);
    config_free(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct config_environment environment = {.get = get};
    struct span text = span_of((const char *)data, size);
    struct config_report report;
    struct config *config = NULL;
    struct dynbuf out;
    int err = config_parse(text, "/nowhere/papi.yaml", &environment, &config, &report);
    check(config != NULL);
    check(err == (report.errors > 0 ? ERR_INVALID : 0));
    check_report(&report, text);
    dynbuf_init(&out, 1024 * 1024);
    check(config_report_write(&report, "papi.yaml", &out) == 0);
    dynbuf_done(&out);
    if (err == 0)
        check_accepted(config, &report, text);
    config_free(config);
    read_with_a_catalog(text);
    return 0;
}
