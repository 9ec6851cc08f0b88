// SPDX-License-Identifier: Apache-2.0
/*
 * A new configuration for loops that are running.
 *
 * The desk goes first, under its lock; then each loop gets a message. Between the two a loop's requests bring the old snapshot's numbers,
 * which the desk translates, and get decisions in the new ones together with the snapshot they belong to. So no request waits for a
 * reload and none fails by it. Promises: a snapshot is freed with the last request that took it. Leaves to others: reading the
 * configuration (app/), translating (numbering.c), what moves along (scheduler/configure.c).
 */
#include "gateway/publish.h"

#include "base/arena.h"
#include "base/check.h"
#include "base/mem.h"
#include "gateway/desk.h"

#define SETTINGS_ARENA_MAX_BYTES ((size_t)16 * 1024 * 1024)

struct gateway_settings {
    atomic_uint references;
    struct gateway_config config; /* its texts are copies */
    struct arena arena;
};

struct publication {
    struct loop_message message;
    struct gateway_loop *home;         /* borrowed */
    struct catalog_snapshot *snapshot; /* ref, the loop's from then on */
    struct gateway_settings *settings; /* ref, the same */
};

/* --- settings --- */

static void own_list(struct arena *arena, struct access_list *list) {
    struct span *copies = list->count > 0 ? arena_alloc(arena, list->count * sizeof *copies) : NULL;
    for (uint32_t i = 0; i < list->count; i++)
        check(arena_copy(arena, list->items[i], &copies[i]) == 0);
    list->items = copies;
}

struct gateway_settings *gateway_settings_new(const struct gateway_config *config) {
    struct gateway_settings *settings = mem_zalloc(sizeof *settings);
    atomic_init(&settings->references, 1);
    arena_init(&settings->arena, NULL, 0, SETTINGS_ARENA_MAX_BYTES);
    settings->config = *config;
    own_list(&settings->arena, &settings->config.access.hosts);
    own_list(&settings->arena, &settings->config.access.cors);
    own_list(&settings->arena, &settings->config.access.trusted_proxies);
    return settings;
}

struct gateway_settings *gateway_settings_ref(struct gateway_settings *settings) {
    check(atomic_fetch_add(&settings->references, 1) > 0);
    return settings;
}

void gateway_settings_unref(struct gateway_settings *settings) {
    if (settings == NULL || atomic_fetch_sub(&settings->references, 1) > 1)
        return;
    arena_reset(&settings->arena);
    mem_free(settings);
}

const struct gateway_config *gateway_settings_config(const struct gateway_settings *settings) {
    return &settings->config;
}

const struct gateway_config *gateway_config_of(const struct gateway_loop *home) {
    return &home->settings->config;
}

/* --- publishing --- */

static void take(struct gateway_loop *home, struct catalog_snapshot *snapshot,
                 struct gateway_settings *settings) {
    catalog_unref(home->snapshot);
    gateway_settings_unref(home->settings);
    home->snapshot = snapshot;
    home->settings = settings;
    gateway_loop_limit(home);
    if (settings->config.reload_authorities)
        net_context_reload_authorities(home->net);
}

static void on_publication(struct loop_message *message) {
    struct publication *publication = container_of(message, struct publication, message);
    take(publication->home, publication->snapshot, publication->settings);
    mem_free(publication);
}

void gateway_publish(struct gateway *gateway, struct catalog_snapshot *snapshot,
                     const struct gateway_config *config, const struct desk_past *past) {
    gateway_settings_unref(gateway->settings);
    gateway->settings = gateway_settings_new(config);
    desk_configure(gateway->desk, 0, snapshot, config,
                   past != NULL ? *past : (struct desk_past){0});
    for (uint32_t i = 0; i < gateway->loop_count; i++) {
        struct publication *publication = mem_alloc(sizeof *publication);
        *publication = (struct publication){.message = {.run = on_publication},
                                            .home = gateway->loops[i],
                                            .snapshot = catalog_ref(snapshot),
                                            .settings = gateway_settings_ref(gateway->settings)};
        loop_post(gateway->loops[i]->loop, &publication->message);
    }
}
