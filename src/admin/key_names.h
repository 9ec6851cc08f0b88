// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Which provider a word means that stands beside a key. Not for others. */
#include "catalog/facts.h"

/* A variable's name, a provider's id or name, "groq/llama-3", a URL; NULL = none. */
const struct fact_provider *key_hint_provider(const struct facts *facts, struct span hint);
/* The catalog's own text of a variable that fills a brace of an address; NULL = it is none. */
const char *key_extra_variable(const struct facts *facts, struct span name);
