// SPDX-License-Identifier: Apache-2.0
/*
 * Rows of the start screen from the configuration and from the servers of this machine.
 *
 * Why apart from screen.c: that one knows columns and lines, this one where the facts are, so that the screen can be tested with
 * sample data. Leaves to others: what the catalog adds (keyless providers, hints, what it knows of training).
 */
#include "app/screen_rows.h"

/* How many different accounts the keys name. */
static uint32_t count_accounts(const struct config_provider *provider) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < provider->key_count; i++) {
        uint32_t j = 0;
        while (j < i && !span_equal(provider->keys[j].account, provider->keys[i].account))
            j++;
        count += j == i;
    }
    return count;
}

static enum fact_tri trains_of(const struct config_provider *provider) {
    return provider->training == CONFIG_TRAINS        ? FACT_YES
           : provider->training == CONFIG_NO_TRAINING ? FACT_NO
                                                      : FACT_UNKNOWN;
}

static struct screen_provider row_of(const struct config_provider *provider, struct arena *arena) {
    struct screen_provider row = {.name = provider->id,
                                  .models = provider->model_count,
                                  .trains = trains_of(provider),
                                  .local = provider->host_is_loopback,
                                  .paid = provider->tier == CONFIG_TIER_PAID};
    for (uint32_t i = 0; i < provider->key_count; i++)
        row.keys += provider->keys[i].key != NULL;
    if (row.keys > 0) {
        row.source = provider->keys[0].source;
        row.accounts = count_accounts(provider);
    }
    if (!span_absent(provider->host))
        row.address =
            span_text(arena_format(arena, "%.*s:%u", SPAN_ARG(provider->host), provider->port));
    return row;
}

void screen_take_config(struct screen *screen, const struct config *config, struct arena *arena) {
    struct screen_provider *rows = arena_alloc(arena, (config->provider_count + 1) * sizeof *rows);
    screen->provider_count = 0;
    for (uint32_t i = 0; i < config->provider_count; i++)
        if (!config->providers[i].disabled)
            rows[screen->provider_count++] = row_of(&config->providers[i], arena);
    screen->providers = rows;
}

void screen_take_servers(struct screen *screen, const struct local_servers *servers,
                         struct arena *arena) {
    struct screen_server *rows = arena_alloc(arena, LOCAL_SERVERS_MAX * sizeof *rows);
    for (uint32_t i = 0; i < servers->count; i++)
        rows[i] = (struct screen_server){.name = servers->items[i].provider,
                                         .port = servers->items[i].port,
                                         .models = servers->items[i].model_count,
                                         .loading = servers->items[i].loading};
    screen->servers = rows;
    screen->server_count = servers->count;
}
