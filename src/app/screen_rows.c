// SPDX-License-Identifier: Apache-2.0
/*
 * Rows of the start screen from the pool and from the servers of this machine.
 *
 * Why apart from screen.c: that one knows columns and lines, this one where the facts are, so that the screen can be tested with
 * sample data. The hints name the variables that bring most for least: no card, no telephone, many models. Leaves to others: the
 * verdicts (catalog/discover).
 */
#include "app/screen_rows.h"

#include "base/check.h"

#define HINTS_MAX 3

/* How many different accounts the keys name. */
static uint32_t count_accounts(const struct offer *offer) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < offer->key_count; i++) {
        uint32_t j = 0;
        while (j < i && !span_equal(offer->keys[j].account, offer->keys[i].account))
            j++;
        count += j == i;
    }
    return count;
}

/* Models that its first account serves; the others serve the same. */
static uint32_t count_models(const struct catalog_snapshot *snapshot, struct span provider) {
    uint32_t count = 0, account = UINT32_MAX;
    for (uint32_t i = 0; i < snapshot->route_count; i++) {
        const struct catalog_route *route = &snapshot->routes[i];
        uint32_t of = snapshot->accounts[route->account].provider;
        if (!span_equal(snapshot->providers[of].id, provider))
            continue;
        if (account == UINT32_MAX)
            account = route->account;
        count += route->account == account;
    }
    return count;
}

static struct span address_of(const struct offer *offer, struct arena *arena) {
    const struct config_provider *config = offer->config;
    if (offer->facts != NULL || config == NULL || span_absent(config->host))
        return SPAN_NONE;
    const char *text = arena_format(arena, "%.*s:%u", SPAN_ARG(config->host), config->port);
    return text != NULL ? span_text(text) : SPAN_NONE;
}

static struct screen_provider row_of(const struct offer *offer, const struct assembly *assembly,
                                     struct arena *arena) {
    struct screen_provider row = {.name = offer->id,
                                  .address = address_of(offer, arena),
                                  .models = count_models(assembly->snapshot, offer->id),
                                  .trains = discover_trains(&offer->found),
                                  .local = offer->config != NULL && offer->config->host_is_loopback,
                                  .paid = offer->found.paid};
    for (uint32_t i = 0; i < offer->key_count; i++)
        row.keys += offer->keys[i].key != NULL;
    if (row.keys > 0) {
        row.source = offer->keys[0].source;
        row.accounts = count_accounts(offer);
    }
    return row;
}

static struct screen_unused unused_row(const struct offer *offer, struct arena *arena) {
    char *text = arena_alloc(arena, DISCOVER_SENTENCE_SIZE);
    discover_sentence(offer->verdict, offer->facts, text, DISCOVER_SENTENCE_SIZE);
    return (struct screen_unused){
        .name = offer->id, .source = offer->keys[0].source, .why = span_text(text)};
}

static uint32_t worth_of(const struct offer *offer) {
    const struct fact_provider *facts = offer->facts;
    uint32_t free = 0;
    bool easy = facts != NULL && facts->on && facts->terms.card == FACT_NO &&
                facts->terms.phone != FACT_YES && facts->key_url[0] != '\0' && facts->env != NULL &&
                facts->env[0] != NULL;
    for (uint32_t i = 0; easy && i < facts->route_count; i++)
        free += fact_route_automatic(facts->routes[i].status);
    return free;
}

static void take_hints(struct screen *screen, const struct offers *offers, struct arena *arena) {
    struct screen_hint *hints = arena_alloc(arena, HINTS_MAX * sizeof *hints);
    uint32_t least = UINT32_MAX; /* worth of the one taken before */
    screen->hints = hints;
    screen->hint_count = 0;
    while (screen->hint_count < HINTS_MAX) {
        const struct offer *best = NULL;
        for (uint32_t i = 0; i < offers->count; i++) {
            const struct offer *offer = &offers->items[i];
            if (offer->verdict == DISCOVER_NO_KEY && worth_of(offer) > 0 &&
                worth_of(offer) < least && (best == NULL || worth_of(offer) > worth_of(best)))
                best = offer;
        }
        if (best == NULL)
            return;
        least = worth_of(best);
        hints[screen->hint_count++] = (struct screen_hint){
            .variable = span_text(best->facts->env[0]), .url = span_text(best->facts->key_url)};
    }
}

void screen_take_pool(struct screen *screen, const struct assembly *assembly, struct arena *arena) {
    const struct offers *offers = &assembly->offers;
    size_t most = offers->count + (size_t)1;
    struct screen_provider *providers = arena_alloc(arena, most * sizeof *providers);
    struct screen_provider *keyless = arena_alloc(arena, most * sizeof *keyless);
    struct screen_unused *unused = arena_alloc(arena, most * sizeof *unused);
    struct span *more = arena_alloc(arena, most * sizeof *more);
    struct span *demo = arena_alloc(arena, most * sizeof *demo);
    for (uint32_t i = 0; i < offers->count; i++) {
        const struct offer *offer = &offers->items[i];
        bool used = discover_used(offer->verdict);
        if (used && offer->server != NULL)
            continue; /* told as a server of this machine */
        if (offer->simulated) {
            demo[screen->demo_count++] = offer->id;
            continue;
        }
        if (offer->verdict == DISCOVER_USED_KEYLESS && offer->config == NULL)
            keyless[screen->keyless_count++] = row_of(offer, assembly, arena);
        else if (used)
            providers[screen->provider_count++] = row_of(offer, assembly, arena);
        else if (offer->verdict == DISCOVER_KEYLESS_OFF)
            more[screen->keyless_more_count++] = offer->id;
        else if (offer->found.has_key && offer->verdict != DISCOVER_DISABLED)
            unused[screen->unused_count++] = unused_row(offer, arena);
    }
    screen->providers = providers;
    screen->keyless = keyless;
    screen->unused = unused;
    screen->keyless_more = more;
    screen->demo = demo;
    take_hints(screen, offers, arena);
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
