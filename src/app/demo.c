// SPDX-License-Identifier: Apache-2.0
/*
 * The demo pool.
 *
 * Why over real HTTP and as a configuration: what is tried with the demo is then exactly what runs with real providers, limits and
 * failures included; nothing in the gateway knows that they are played. Promises: the limits that PAPI counts are those
 * that the simulator keeps, or stricter where settings have no word for its shape. Leaves to others: playing (mock/), the
 * place of the pool behind real providers (offer.c).
 */
#include "app/demo.h"

#include "base/check.h"
#include "base/rand.h"

#include <string.h>

#define DEMO_SCENARIO  "demo"
#define YAML_MAX_BYTES ((size_t)64 * 1024)

/* The simulator's shapes in the words of the settings. A fixed or sliding window is kept by counting a rolling one. */
static const char *shape_of(const struct mock_demo_limit *limit) {
    static const struct {
        const char *mock, *setting;
    } rows[] = {{"refill", "refill"}, {"day", "calendar"}, {"month", "calendar"}};
    for (size_t i = 0; i < array_length(rows); i++)
        if (strcmp(limit->shape, rows[i].mock) == 0)
            return rows[i].setting;
    return "rolling";
}

static int write_limit(const struct mock_demo_limit *limit, struct dynbuf *out) {
    int err = dynbuf_append_format(out, "      - {%s: %llu, per: %s, shape: %s, scope: %s",
                                   limit->unit, (unsigned long long)limit->amount, limit->per,
                                   shape_of(limit), limit->by_model ? "model" : "account");
    if (err == 0 && limit->zone != NULL)
        err = dynbuf_append_format(out, ", zone: %s", limit->zone);
    return err == 0 ? dynbuf_append_text(out, "}\n") : err;
}

static int write_provider(const struct mock_demo_provider *provider, uint16_t port,
                          struct dynbuf *out) {
    int err = dynbuf_append_format(
        out, "  %s:\n    base_url: http://127.0.0.1:%u%s\n    data_use: no-training\n",
        provider->name, port, provider->base_path);
    if (err == 0 && provider->key != NULL)
        err = dynbuf_append_format(out, "    keys: [%s]\n", provider->key);
    if (err == 0)
        err = dynbuf_append_text(out, "    models:\n");
    for (size_t i = 0; i < provider->model_count && err == 0; i++)
        err = dynbuf_append_format(out, "      - {id: \"%s\", upstream: \"%s\", context: %llu}\n",
                                   provider->models[i].id, provider->models[i].upstream,
                                   (unsigned long long)provider->models[i].context_tokens);
    if (err == 0)
        err = dynbuf_append_text(out, "    limits:\n");
    for (size_t i = 0; i < provider->limit_count && err == 0; i++)
        err = write_limit(&provider->limits[i], out);
    return err;
}

static const char *no_variable(void *context, const char *name) {
    (void)context;
    (void)name;
    return NULL;
}

/* The environment of the user says nothing about the demo. */
static int configure(struct demo *demo, struct span yaml) {
    const struct config_environment environment = {.get = no_variable};
    struct config_report report = {0};
    return config_parse(yaml, "the demo pool", &environment, &demo->config, &report);
}

int demo_start(struct demo *demo) {
    const struct mock_demo_provider *providers;
    struct dynbuf yaml;
    size_t count = mock_demo_providers(&providers);
    int err = mock_start(DEMO_SCENARIO, rand_entropy(), &demo->mock, &demo->port);
    if (err < 0)
        return err;
    dynbuf_init(&yaml, YAML_MAX_BYTES);
    err = dynbuf_append_text(&yaml, "providers:\n");
    for (size_t i = 0; i < count && err == 0; i++)
        err = write_provider(&providers[i], demo->port, &yaml);
    if (err == 0)
        err = configure(demo, dynbuf_span(&yaml));
    dynbuf_done(&yaml);
    return err;
}

void demo_stop(struct demo *demo) {
    if (demo->mock != NULL)
        mock_stop(demo->mock);
    config_free(demo->config);
    *demo = (struct demo){.mock = NULL};
}
