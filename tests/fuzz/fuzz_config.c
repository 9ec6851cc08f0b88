// SPDX-License-Identifier: Apache-2.0
/*
 * The configuration: any bytes are a file.
 *
 * Of every input: the loader ends, all messages stand inside the text, and there is a config to free. Of accepted ones: what
 * the rest of the program relies on holds, and the catalog can be built from it, so that `papi check` and `papi serve`
 * cannot disagree. The environment knows one variable; key files named by an input are not there.
 */
#include "app/configure.h"
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

static void check_provider(const struct config_provider *provider) {
    check(provider->id.len > 0 && provider->host.len > 0 && provider->port > 0);
    check(provider->model_count > 0 && provider->key_count > 0 && provider->concurrency_max > 0);
    check(provider->base_path.len > 0 && provider->base_path.ptr[0] == '/');
    for (uint32_t i = 0; i < provider->model_count; i++)
        check(provider->models[i].id.len > 0 && provider->models[i].upstream.len > 0);
    for (uint32_t i = 0; i < provider->key_count; i++)
        check(provider->keys[i].account.len > 0);
}

static void check_accepted(struct config *config, struct config_report *report, struct span text) {
    struct catalog_snapshot *snapshot = NULL;
    check(config->listen.len > 0 && config_listen_refused(config->listen) == NULL);
    for (uint32_t i = 0; i < config->provider_count; i++)
        check_provider(&config->providers[i]);
    for (uint32_t i = 0; i < config->alias_count; i++)
        check(config->aliases[i].target_count > 0);
    int err = configure_catalog(config, 1, &snapshot, report);
    check((err < 0) == (report->errors > 0));
    check_report(report, text);
    if (err == 0)
        catalog_unref(snapshot);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct config_environment environment = {get, NULL};
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
    return 0;
}
