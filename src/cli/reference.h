// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Pages of docs/ that are written from tables of the program. */
#include "catalog/facts.h"
#include "cli/page.h"

/* docs/reference/providers.md */
void reference_providers(struct page *page, const struct facts *facts);
/* docs/reference/api.md */
void reference_api(struct page *page);
/* the table of docs/internals/attempts.md */
void reference_commands(struct page *page);
void reference_commands_json(struct page *page);
void reference_outcomes(struct page *page);
