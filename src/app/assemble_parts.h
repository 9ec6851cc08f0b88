// SPDX-License-Identifier: Apache-2.0
#pragma once
/* What the files of the assembly share: assemble.c drives, assemble_provider.c builds one provider, assemble_address.c says where
 * it is. Not for others. */
#include "app/assemble.h"
#include "catalog/limit_plan.h"
#include "dialect/quirks.h"

struct assembling {
    const struct offer_sources *sources;
    struct config *config;
    struct config_report *report;
    struct catalog_builder *builder;
    struct limit_planner *planner;
    struct arena *arena; /* texts until the snapshot is built */
    bool again;          /* it is built anew: warnings of providers have been given */
};

/* Provider, accounts and routes of a used offer; problems go into the report. */
void assemble_provider(struct assembling *assembling, const struct offer *offer);
/* Address and proxy; false = it has none that can be used, which is reported. */
bool assemble_address(struct assembling *assembling, const struct offer *offer,
                      struct catalog_provider *provider);
/* Where the file names the provider. */
struct config_place assemble_place(const struct offer *offer);
