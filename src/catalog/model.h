// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * From facts to a snapshot's model and to what its routes can do.
 */
#include "catalog/snapshot.h"

#define CATALOG_QUALITY_UNKNOWN \
    200 /* thousandths: below every measured chat model, so that known ones go first */

/* All but routes and created_s, which no fact tells. Classes without a number take the general one; without that, UNKNOWN. */
void catalog_model_from_facts(const struct fact_model *facts, struct catalog_model *ret_model);
enum catalog_kind catalog_kind_of(const char *fact_kind);

/* What is unknown counts as able where a provider that is not refuses loudly (so that the next one is asked), and as not able
 * where it would be left out of the answer without a word. */
struct catalog_abilities {
    bool stream, tools, json_object, json_schema, vision, audio_in, reasoning;
};

/* `provider` NULL: the model's own. Quirks of the provider take away what it cannot do for this upstream id. */
struct catalog_abilities catalog_abilities_from_facts(const struct fact_model *model,
                                                      const struct fact_provider *provider,
                                                      struct span upstream);
