// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Opening the vault of a data directory, by the gateway and by commands that work without one. */
#include "store/store.h"
#include "vault/vault.h"

struct vault_place {
    const char *data_dir; /* borrowed; its lock is held */
    struct secret *given; /* owned; of PAPI_VAULT_KEY; NULL = the key's file */
};

/* Never NULL; what is wrong is its state. `place` outlives it. store NULL: it stays unread. */
struct vault *vault_place_open(struct vault_place *place, struct store *store);
