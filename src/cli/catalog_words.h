// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Rows of the catalog in words, for `papi provider` and `papi model`. */
#include "catalog/facts.h"

#define CATALOG_LIMIT_TEXT_BYTES  192
#define CATALOG_AMOUNT_TEXT_BYTES 32

/* "0.1" of 100000 millionths: in whole units, as people count. */
void catalog_amount_text(const struct fact_limit *limit, char text[CATALOG_AMOUNT_TEXT_BYTES]);
/* "30 requests a minute"; "requests a day, how many is not published". */
void catalog_limit_text(const struct fact_limit *limit, char text[CATALOG_LIMIT_TEXT_BYTES]);
const char *catalog_confidence_word(enum fact_confidence confidence);
/* "GROQ_API_KEY or OTHER"; `text` of `size` bytes is cut. */
void catalog_join(const char *const *items, const char *between, char *text, size_t size);
/* How many of its routes are free, and whether a provider has one for this model. */
uint32_t catalog_free_routes(const struct fact_provider *provider);
const struct fact_route *catalog_route_of(const struct fact_provider *provider, const char *model);
