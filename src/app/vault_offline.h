// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The vault of a data directory that nobody serves, for commands: under its lock, as a gateway would open it.
 */
#include "app/vault_part.h"
#include "base/arena.h"

struct vault_offline {
    struct arena arena;
    const char *data_dir;
    int lock_fd;
    struct vault_place place;
    struct store *store;
    struct vault *vault;
    char why[512]; /* after an error */
};

/* `data`: the option, or NULL. The directory must be there. ERR_BUSY: it is served. In any case vault_offline_close. */
int vault_offline_open(struct vault_offline *offline, const char *data) WARN_UNUSED;
void vault_offline_close(struct vault_offline *offline);
/* A rotation: seals all with `next` (NULL: a fresh key), crash-safe at every step. `ret_resealed`: how many keys. */
int vault_offline_rotate(struct vault_offline *offline, struct secret *next,
                         uint32_t *ret_resealed) WARN_UNUSED;
int vault_offline_start_over(struct vault_offline *offline, uint32_t *ret_forgotten) WARN_UNUSED;
