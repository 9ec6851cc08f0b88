// SPDX-License-Identifier: Apache-2.0
/*
 * From the offers to the board of providers that the admin plane shows.
 *
 * Promises: no key goes there, only its fingerprint; every provider of the configuration, of the catalog and of this machine is there,
 * those that are not used with their reason. Leaves to others: what is used (catalog/discover), showing it (admin/providers.c).
 */
#include "app/app_parts.h"

#include "base/check.h"

struct filling {
    struct provider_list *list;
    struct vault *vault;                   /* NULL = none */
    const struct vault_contents *contents; /* NULL = none */
};

static struct span keep(struct filling *filling, struct span text) {
    struct span copied = SPAN_NONE;
    return !span_absent(text) && arena_copy(&filling->list->arena, text, &copied) == 0 ? copied
                                                                                       : SPAN_NONE;
}

static struct span fingerprint_of(struct filling *filling, const struct secret *key) {
    char text[FINGERPRINT_SHOWN_CHARS + 1];
    if (key == NULL || filling->vault == NULL || vault_fingerprint(filling->vault, key, text) < 0)
        return SPAN_NONE;
    return keep(filling, span_text(text));
}

static void add_account(struct filling *filling, struct board_provider *row,
                        const struct offer_key *key) {
    row->accounts[row->account_count++] =
        (struct board_account){.name = keep(filling, key->account),
                               .source = span_text(offer_place_word(key->place)),
                               .billing = keep(filling, key->billing),
                               .plan = key->plan.len > 0 ? keep(filling, key->plan) : SPAN_NONE,
                               .fingerprint = fingerprint_of(filling, key->key),
                               .paused = key->paused};
}

/* Keys that cannot be opened are named too, or nobody would know what to give anew. */
static void add_closed(struct filling *filling, struct board_provider *row,
                       const struct vault_key *key) {
    row->accounts[row->account_count++] = (struct board_account){
        .name = keep(filling, key->account),
        .source = SPAN_LITERAL("vault"),
        .billing = key->billing.len > 0 ? keep(filling, key->billing) : SPAN_LITERAL("unknown"),
        .fingerprint = keep(filling, span_text(key->fingerprint)),
        .paused = vault_is_paused(filling->contents, key->provider, key->account)};
    row->closed_keys++;
}

static bool is_closed_of(const struct vault_key *key, struct span provider) {
    return key->key == NULL && span_equal(key->provider, provider);
}

static uint32_t closed_of(const struct vault_contents *contents, struct span provider) {
    uint32_t count = 0;
    for (uint32_t i = 0; contents != NULL && i < contents->key_count; i++)
        count += is_closed_of(&contents->keys[i], provider);
    return count;
}

static struct span reason_of(struct filling *filling, const struct offer *offer,
                             const struct board_provider *row) {
    char sentence[DISCOVER_SENTENCE_SIZE], why[VAULT_WHY_BYTES];
    if (row->closed_keys > 0) {
        bool locked = vault_look(filling->vault, why) == VAULT_LOCKED;
        const char *text =
            arena_format(&filling->list->arena, "%u of its keys cannot be opened: %s",
                         row->closed_keys, locked ? why : "they were changed in the database");
        return span_text(text);
    }
    if (discover_used(offer->verdict))
        return SPAN_NONE;
    discover_sentence(offer->verdict, offer->facts, sentence, sizeof sentence);
    return keep(filling, span_text(sentence));
}

static void add_provider(struct filling *filling, const struct offer *offer) {
    struct board_provider *row = &filling->list->providers[filling->list->count++];
    uint32_t room =
        offer->key_count + offer->paused_count + closed_of(filling->contents, offer->id) + 1;
    *row = (struct board_provider){
        .id = keep(filling, offer->id),
        .facts = offer->facts,
        .verdict = offer->verdict,
        .trains = discover_trains(&offer->found),
        .accounts = arena_zalloc(&filling->list->arena, room * sizeof *row->accounts)};
    row->name = offer->facts != NULL ? keep(filling, span_text(offer->facts->name)) : row->id;
    for (uint32_t i = 0; i < offer->key_count + offer->paused_count; i++)
        add_account(filling, row, &offer->keys[i]);
    for (uint32_t i = 0; filling->contents != NULL && i < filling->contents->key_count; i++)
        if (is_closed_of(&filling->contents->keys[i], offer->id))
            add_closed(filling, row, &filling->contents->keys[i]);
    row->reason = reason_of(filling, offer, row);
}

void provider_rows_publish(struct app *app, const struct loaded *loaded) {
    const struct offers *offers = &loaded->assembly.offers;
    struct filling filling = {
        .list = provider_list_new(), .vault = app->vault, .contents = loaded->vault};
    filling.list->providers = arena_zalloc(
        &filling.list->arena, (offers->count + (size_t)1) * sizeof *filling.list->providers);
    for (uint32_t i = 0; i < offers->count; i++)
        add_provider(&filling, &offers->items[i]);
    provider_board_put(app->board, filling.list);
}
