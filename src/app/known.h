// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What the tables of the catalog tell to those who read settings and keys: names of providers and models, and the variables that
 * hold keys.
 */
#include "base/arena.h"
#include "catalog/facts.h"
#include "config/credentials.h"

/* The tables of this build; NULL = it has none. */
extern const struct facts *const known_facts;

/* Callbacks for config_environment; they borrow the facts. */
struct config_catalog known_catalog(const struct facts *facts);
/* All variables of all providers that have a wire of ours, in their order; the provider's number is its index in
 * facts->providers. In the arena; returns how many. */
uint32_t known_variables(const struct facts *facts, struct arena *arena,
                         const struct config_variable **ret_variables);
