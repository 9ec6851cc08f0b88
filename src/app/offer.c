// SPDX-License-Identifier: Apache-2.0
/*
 * Gathering offers.
 *
 * Why one list of everything: the start screen, `papi provider list` and the snapshot must tell the same story, so each provider is
 * looked at once, with all that is known of it, and those that are not used stay in the list with their reason.
 * A provider that the configuration names with keys uses those; without keys, those of the environment. Promises: no key is
 * copied, none is shown. Leaves to others: the rules (catalog/discover), building routes (assemble.c).
 */
#include "app/offer.h"

#include "base/check.h"

#include <string.h>

struct gathering {
    const struct offer_sources *sources;
    struct arena *arena;
    struct offers *offers;
    struct discover_policy policy;
    bool cut; /* more keys than are kept */
};

static enum discover_keyless keyless_of(enum config_keyless keyless) {
    return keyless == CONFIG_KEYLESS_ALL   ? KEYLESS_ALL
           : keyless == CONFIG_KEYLESS_OFF ? KEYLESS_OFF
                                           : KEYLESS_SAFE;
}

static enum discover_audience audience_of(enum config_audience audience) {
    return audience == CONFIG_PUBLIC  ? AUDIENCE_PUBLIC
           : audience == CONFIG_GROUP ? AUDIENCE_GROUP
                                      : AUDIENCE_SELF;
}

/* Unless the file knows better: a server on this machine may ask others. */
static bool stays_here(const struct config_provider *config) {
    return config->host_is_loopback && config->training == CONFIG_TRAINING_NOT_SAID;
}

static enum fact_tri trains_of(const struct config_provider *config) {
    if (config == NULL)
        return FACT_UNKNOWN;
    return config->training == CONFIG_TRAINS        ? FACT_YES
           : config->training == CONFIG_NO_TRAINING ? FACT_NO
           : stays_here(config)                     ? FACT_NO
                                                    : FACT_UNKNOWN;
}

static const struct config_credential *credential_at(const struct offer_sources *sources,
                                                     uint32_t index) {
    return sources->credentials != NULL && index < sources->credentials->count
               ? &sources->credentials->items[index]
               : NULL;
}

struct span offer_extra(const struct offer_sources *sources, const struct fact_provider *facts,
                        const char *variable) {
    uint32_t number = (uint32_t)(facts - sources->facts->providers);
    const struct config_credential *item;
    for (uint32_t i = 0; (item = credential_at(sources, i)) != NULL; i++)
        if (item->provider == number && item->key == NULL && strcmp(item->variable, variable) == 0)
            return item->value;
    return SPAN_NONE;
}

/* Verdicts about what we may send, not about what there is. */
bool offer_can_be_tried(const struct offer *offer) {
    static const bool tried[DISCOVER_VERDICT_COUNT] = {
        [DISCOVER_ONLY_BILLS] = true, [DISCOVER_OFF] = true,    [DISCOVER_KEYLESS_OFF] = true,
        [DISCOVER_AUDIENCE] = true,   [DISCOVER_TRAINS] = true,
    };
    return discover_used(offer->verdict) || (offer->found.has_key && tried[offer->verdict]);
}

static void add_key(struct gathering *gathering, struct offer *offer, struct offer_key key) {
    if (offer->key_count == OFFER_KEYS_MAX) {
        gathering->cut = true;
        return;
    }
    offer->keys[offer->key_count++] = key;
}

static void take_config_keys(struct gathering *gathering, struct offer *offer) {
    const struct config_provider *config = offer->config;
    for (uint32_t i = 0; config != NULL && i < config->key_count; i++) {
        const struct config_key *key = &config->keys[i];
        add_key(gathering, offer,
                (struct offer_key){.key = key->key,
                                   .account = key->account,
                                   .plan = span_absent(key->plan) ? SPAN_LITERAL("") : key->plan,
                                   .source = key->source,
                                   .paid = key->billing == CONFIG_BILLING_PAID});
    }
}

static void take_credentials(struct gathering *gathering, struct offer *offer) {
    const struct config_provider *config = offer->config;
    uint32_t number = (uint32_t)(offer->facts - gathering->sources->facts->providers);
    const struct config_credential *item;
    for (uint32_t i = 0; (item = credential_at(gathering->sources, i)) != NULL; i++)
        if (item->provider == number && item->key != NULL)
            add_key(gathering, offer,
                    (struct offer_key){
                        .key = item->key,
                        .account = item->account,
                        .plan = config != NULL && !span_absent(config->plan) ? config->plan
                                                                             : SPAN_LITERAL(""),
                        .source = item->source,
                        .paid = config != NULL && config->billing == CONFIG_BILLING_PAID});
}

static bool has_key(const struct offer *offer) {
    bool found = false;
    for (uint32_t i = 0; i < offer->key_count; i++)
        found = found || offer->keys[i].key != NULL;
    return found;
}

static bool extra_missing(const struct offer_sources *sources, const struct fact_provider *facts) {
    const char *const *names = facts != NULL ? facts->env_extra : NULL;
    for (; names != NULL && *names != NULL; names++)
        if (span_absent(offer_extra(sources, facts, *names)))
            return true;
    return false;
}

/* Only the anonymous tier is used: keys that would be billed, or none at all. */
static void drop_keys(struct gathering *gathering, struct offer *offer) {
    struct offer_key bare = {.account = SPAN_LITERAL("default"), .plan = SPAN_LITERAL("")};
    offer->key_count = 0;
    add_key(gathering, offer, bare);
}

/* Those that may be added, and one for being asked without any. */
static uint32_t keys_max(const struct gathering *gathering, const struct offer *offer) {
    uint32_t count = offer->config != NULL ? offer->config->key_count : 0;
    if (gathering->sources->credentials != NULL)
        count += gathering->sources->credentials->count;
    return count < OFFER_KEYS_MAX ? count + 1 : OFFER_KEYS_MAX;
}

static void gather_one(struct gathering *gathering, const struct fact_provider *facts,
                       const struct config_provider *config, const struct local_server *server) {
    struct offer *offer = &gathering->offers->items[gathering->offers->count++];
    *offer = (struct offer){.facts = facts, .config = config, .server = server};
    offer->id = config != NULL ? config->id : span_text(facts->id);
    offer->keys = arena_zalloc(gathering->arena, keys_max(gathering, offer) * sizeof *offer->keys);
    take_config_keys(gathering, offer);
    if (facts != NULL && !has_key(offer)) {
        offer->key_count = 0;
        take_credentials(gathering, offer);
    }
    bool own_address = config != NULL && !span_absent(config->host);
    offer->found = (struct discover_case){
        .facts = facts,
        .named = config != NULL,
        .disabled = config != NULL && config->disabled,
        .paid = config != NULL && config->tier == CONFIG_TIER_PAID,
        .has_key = has_key(offer),
        .found = server != NULL,
        .extra_missing = !own_address && extra_missing(gathering->sources, facts),
        .trains = trains_of(config),
    };
    offer->verdict = discover_provider(&offer->found, &gathering->policy);
    bool bare = offer->verdict == DISCOVER_USED_KEYLESS ||
                (discover_used(offer->verdict) && offer->key_count == 0);
    if (bare)
        drop_keys(gathering, offer);
}

static const struct config_provider *config_of(const struct config *config, struct span id) {
    for (uint32_t i = 0; i < config->provider_count; i++)
        if (span_equal(config->providers[i].id, id))
            return &config->providers[i];
    return NULL;
}

/* One that the configuration names the same is the user's. */
static void gather_simulated(struct gathering *gathering, const struct config_provider *played) {
    if (config_of(gathering->sources->config, played->id) != NULL)
        return;
    gather_one(gathering, NULL, played, NULL);
    gathering->offers->items[gathering->offers->count - 1].simulated = true;
}

/* A server that the configuration names by its port is as it says there. */
static const struct local_server *server_of(const struct offer_sources *sources, const char *id) {
    for (uint32_t i = 0; sources->servers != NULL && i < sources->servers->count; i++) {
        const struct local_server *server = &sources->servers->items[i];
        bool configured = false;
        for (uint32_t j = 0; j < sources->config->provider_count; j++)
            configured = configured || (sources->config->providers[j].host_is_loopback &&
                                        sources->config->providers[j].port == server->port);
        if (span_is(server->provider, id) && !configured)
            return server;
    }
    return NULL;
}

/* Groups of the list, in order. */
static unsigned rank_of(const struct offer *offer) {
    if (offer->simulated)
        return 4;
    if (offer->config != NULL)
        return 0;
    if (!discover_used(offer->verdict))
        return 5;
    if (offer->server != NULL)
        return 2;
    return offer->verdict == DISCOVER_USED_KEYLESS ? 3 : 1;
}

/* Stable: within a group the order of gathering stays. */
static void sort_offers(struct offers *offers) {
    for (uint32_t i = 1; i < offers->count; i++)
        for (uint32_t j = i; j > 0 && rank_of(&offers->items[j]) < rank_of(&offers->items[j - 1]);
             j--) {
            struct offer later = offers->items[j];
            offers->items[j] = offers->items[j - 1];
            offers->items[j - 1] = later;
        }
}

int offers_gather(const struct offer_sources *sources, struct arena *arena,
                  struct offers *ret_offers) {
    const struct config *config = sources->config;
    const struct facts *facts = sources->facts;
    struct gathering gathering = {
        .sources = sources,
        .arena = arena,
        .offers = ret_offers,
        .policy = {.keyless = keyless_of(config->keyless),
                   .audience = audience_of(config->audience),
                   .no_training = config->data_use == CONFIG_DATA_NO_TRAINING}};
    uint32_t demo_count = sources->demo != NULL ? sources->demo->provider_count : 0;
    *ret_offers = (struct offers){.policy = gathering.policy};
    ret_offers->items =
        arena_zalloc(arena, (config->provider_count + facts->provider_count + demo_count + 1) *
                                sizeof *ret_offers->items);
    for (uint32_t i = 0; i < config->provider_count; i++) {
        const struct fact_provider *known = facts_provider(facts, config->providers[i].id);
        gather_one(&gathering, known, &config->providers[i],
                   known != NULL ? server_of(sources, known->id) : NULL);
    }
    for (uint32_t i = 0; i < facts->provider_count; i++)
        if (config_of(config, span_text(facts->providers[i].id)) == NULL)
            gather_one(&gathering, &facts->providers[i], NULL,
                       server_of(sources, facts->providers[i].id));
    for (uint32_t i = 0; i < demo_count; i++)
        gather_simulated(&gathering, &sources->demo->providers[i]);
    sort_offers(ret_offers);
    return gathering.cut ? ERR_TOO_LARGE : 0;
}
