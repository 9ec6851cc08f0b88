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

static struct span vault_extra(const struct vault_contents *vault, const char *variable) {
    for (uint32_t i = 0; vault != NULL && i < vault->extra_count; i++)
        if (span_is(vault->extras[i].name, variable))
            return vault->extras[i].value;
    return SPAN_NONE;
}

struct span offer_extra(const struct offer_sources *sources, const struct fact_provider *facts,
                        const char *variable) {
    uint32_t number = (uint32_t)(facts - sources->facts->providers);
    const struct config_credential *item;
    for (uint32_t i = 0; (item = credential_at(sources, i)) != NULL; i++)
        if (item->provider == number && item->key == NULL && strcmp(item->variable, variable) == 0)
            return item->value;
    return vault_extra(sources->vault, variable);
}

/* Verdicts about what we may send, not about what there is. */
bool offer_can_be_tried(const struct offer *offer) {
    static const bool tried[DISCOVER_VERDICT_COUNT] = {
        [DISCOVER_ONLY_BILLS] = true, [DISCOVER_OFF] = true,    [DISCOVER_KEYLESS_OFF] = true,
        [DISCOVER_AUDIENCE] = true,   [DISCOVER_TRAINS] = true, [DISCOVER_PAUSED] = true,
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

const char *offer_place_word(enum offer_place place) {
    static const char *const words[] = {
#define OFFER_PLACE_WORD(name, word, about) [name] = word,
        OFFER_PLACE_TABLE(OFFER_PLACE_WORD)
#undef OFFER_PLACE_WORD
    };
    check((size_t)place < array_length(words));
    return words[place];
}

static struct span billing_word(enum config_billing billing) {
    return billing == CONFIG_BILLING_PAID   ? SPAN_LITERAL("paid")
           : billing == CONFIG_BILLING_FREE ? SPAN_LITERAL("free")
                                            : SPAN_LITERAL("unknown");
}

static struct span plan_of(const struct config_provider *config) {
    return config != NULL && !span_absent(config->plan) ? config->plan : SPAN_LITERAL("");
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
                                   .place = OFFER_OF_CONFIG,
                                   .billing = billing_word(key->billing),
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
                        .plan = plan_of(config),
                        .source = item->source,
                        .place = span_starts_with(item->source, ".env") ? OFFER_OF_DOTENV
                                                                        : OFFER_OF_ENVIRONMENT,
                        .billing =
                            billing_word(config != NULL ? config->billing : CONFIG_BILLING_UNKNOWN),
                        .paid = config != NULL && config->billing == CONFIG_BILLING_PAID});
}

static bool has_same_key(const struct offer *offer, const struct secret *key) {
    for (uint32_t i = 0; i < offer->key_count; i++)
        if (offer->keys[i].key != NULL && secret_equal(offer->keys[i].key, secret_reveal(key)))
            return true;
    return false;
}

/* Those that are there already, from wherever, count once, as they stand there. */
static void take_vault_keys(struct gathering *gathering, struct offer *offer) {
    const struct vault_contents *vault = gathering->sources->vault;
    for (uint32_t i = 0; vault != NULL && i < vault->key_count; i++) {
        const struct vault_key *key = &vault->keys[i];
        if (key->key == NULL || !span_equal(key->provider, offer->id) ||
            has_same_key(offer, key->key))
            continue;
        add_key(gathering, offer,
                (struct offer_key){.key = key->key,
                                   .account = key->account,
                                   .plan = plan_of(offer->config),
                                   .source = SPAN_LITERAL("vault"),
                                   .place = OFFER_OF_VAULT,
                                   .billing = key->billing.len > 0 ? key->billing
                                                                   : SPAN_LITERAL("unknown"),
                                   .paid = span_is(key->billing, "paid")});
    }
}

static bool has_key(const struct offer *offer) {
    bool found = false;
    for (uint32_t i = 0; i < offer->key_count; i++)
        found = found || offer->keys[i].key != NULL;
    return found;
}

static uint32_t copy_keys(struct offer_key *to, const struct offer *offer, bool paused) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < offer->key_count; i++)
        if (offer->keys[i].paused == paused)
            to[count++] = offer->keys[i];
    return count;
}

/* Paused keys go behind the others, each group in its order. Whether the provider is paused, or nothing of it is not. */
static bool set_paused_aside(struct gathering *gathering, struct offer *offer) {
    const struct vault_contents *vault = gathering->sources->vault;
    bool whole = vault_is_paused(vault, offer->id, SPAN_LITERAL(""));
    struct offer_key *keys = arena_alloc(gathering->arena, (offer->key_count + 1) * sizeof *keys);
    for (uint32_t i = 0; i < offer->key_count; i++)
        offer->keys[i].paused = vault_is_paused(vault, offer->id, offer->keys[i].account);
    if (whole) /* they may still be tried */
        return true;
    uint32_t used = copy_keys(keys, offer, false);
    offer->paused_count = copy_keys(keys + used, offer, true);
    offer->key_count = used;
    offer->keys = keys;
    return used == 0 && offer->paused_count > 0;
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
    struct offer_key bare = {.account = SPAN_LITERAL("default"),
                             .plan = SPAN_LITERAL(""),
                             .place = offer->server != NULL ? OFFER_LOCAL : OFFER_KEYLESS,
                             .billing = SPAN_LITERAL("free")};
    offer->key_count = offer->paused_count = 0;
    add_key(gathering, offer, bare);
}

/* Those that may be added, and one for being asked without any. */
static uint32_t keys_max(const struct gathering *gathering, const struct offer *offer) {
    uint32_t count = offer->config != NULL ? offer->config->key_count : 0;
    if (gathering->sources->credentials != NULL)
        count += gathering->sources->credentials->count;
    if (gathering->sources->vault != NULL)
        count += gathering->sources->vault->key_count;
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
    take_vault_keys(gathering, offer);
    bool with_key = has_key(offer), paused = set_paused_aside(gathering, offer);
    bool own_address = config != NULL && !span_absent(config->host);
    offer->found = (struct discover_case){
        .facts = facts,
        .named = config != NULL,
        .disabled = config != NULL && config->disabled,
        .paid = config != NULL && config->tier == CONFIG_TIER_PAID,
        .paused = paused,
        .has_key = with_key,
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
