// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * The question that tells whether a key is good: which one costs nothing at a provider, and what its answer can prove.
 */
#include "base/arena.h"
#include "catalog/facts.h"

struct key_probe {
    const char *method;
    struct span target; /* path; arena */
    struct span host;   /* another host than the provider's own, always by TLS; absent = its own */
    uint16_t port;      /* of that host */
    const char *shown;  /* "GET /models"; arena or static */
    bool proves;        /* a good answer proves the key */
    bool lists;         /* it is a list of models */
};

/* `own_address`: the provider is asked where the catalog says, not at an address of the configuration. facts NULL: nothing is known
 * of it. */
int key_probe_plan(const struct fact_provider *facts, struct span base_path, bool own_address,
                   struct arena *arena, struct key_probe *ret_probe) WARN_UNUSED;
