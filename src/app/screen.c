// SPDX-License-Identifier: Apache-2.0
/*
 * The start screen.
 *
 * Why: the first thing a newcomer sees must answer four questions without a manual: where is it, whom does it ask, who sees my
 * prompts, what do I do next. The line "listening on" is also what scripts wait for, so it is the last. Promises: at most one
 * screen; no key is shown. Leaves to others: colours (none: it is read by scripts too).
 */
#include "app/screen.h"

#include <stdio.h>

#define MODELS_SHOWN    4
#define PROVIDERS_SHOWN 12

static void print_provider(const struct config_provider *provider) {
    uint32_t keys = 0;
    for (uint32_t i = 0; i < provider->key_count; i++)
        keys += provider->keys[i].key != NULL;
    (void)printf("    %-14.*s %s://%.*s:%u  ", SPAN_ARG(provider->id),
                 provider->tls ? "https" : "http", SPAN_ARG(provider->host), provider->port);
    if (keys == 0)
        (void)printf("no key  ");
    else
        (void)printf("%u key%s  ", keys, keys == 1 ? "" : "s");
    for (uint32_t i = 0; i < provider->model_count && i < MODELS_SHOWN; i++)
        (void)printf("%s%.*s", i > 0 ? ", " : "", SPAN_ARG(provider->models[i].id));
    if (provider->model_count > MODELS_SHOWN)
        (void)printf(", and %u more", provider->model_count - MODELS_SHOWN);
    (void)printf("\n");
}

static void print_providers(const struct config *config) {
    if (config->provider_count == 0) {
        (void)printf("  Providers    none yet. Name one in papi.yaml, for example a llama.cpp "
                     "server on this machine:\n\n"
                     "                 providers:\n"
                     "                   local: {type: openai, base_url: "
                     "\"http://127.0.0.1:8080/v1\", models: [my-model]}\n\n"
                     "               then: papi check --config papi.yaml && papi serve --config "
                     "papi.yaml\n");
        return;
    }
    (void)printf("  Providers    %u\n", config->provider_count);
    for (uint32_t i = 0; i < config->provider_count && i < PROVIDERS_SHOWN; i++)
        print_provider(&config->providers[i]);
    if (config->provider_count > PROVIDERS_SHOWN)
        (void)printf("    and %u more\n", config->provider_count - PROVIDERS_SHOWN);
}

static void print_privacy(const struct config *config) {
    uint32_t away = 0;
    for (uint32_t i = 0; i < config->provider_count; i++)
        away += !config->providers[i].host_is_loopback;
    if (config->provider_count == 0)
        return;
    if (away == 0)
        (void)printf(
            "  Prompts      stay on this machine: every provider has a loopback address\n");
    else
        (void)printf("  Prompts      are sent to %u provider%s beyond this machine; what they keep "
                     "is by their terms\n",
                     away, away == 1 ? "" : "s");
}

void screen_print(const struct screen *screen) {
    const struct config *config = screen->config;
    bool v6 = strchr(screen->address->host, ':') != NULL;
    (void)printf("\n  PAPI %s, the public AI gateway\n\n", PAPI_VERSION);
    (void)printf("  Config       %.*s\n", config->file.len > 0 ? (int)config->file.len : 26,
                 config->file.len > 0 ? config->file.ptr : "none (defaults are in use)");
    (void)printf("  Data         %s\n", screen->data_dir);
    print_providers(config);
    print_privacy(config);
    (void)printf("  Models       %u, aliases %u, and \"auto\" for whichever can answer\n",
                 screen->model_count, config->alias_count);
    (void)printf("  Access       open to programs on this machine (loopback only, any API key is "
                 "accepted)\n\n");
    (void)printf(
        "  Try it       curl http://%s%s%s:%u/v1/chat/completions -H 'Content-Type: "
        "application/json' \\\n"
        "                 -d "
        "'{\"model\":\"auto\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello!\"}]}'\n\n",
        v6 ? "[" : "", screen->address->host, v6 ? "]" : "", screen->address->port);
    (void)printf("  listening on http://%s%s%s:%u (%u loop%s)\n", v6 ? "[" : "",
                 screen->address->host, v6 ? "]" : "", screen->address->port, screen->loops,
                 screen->loops == 1 ? "" : "s");
    (void)fflush(stdout);
}
