// SPDX-License-Identifier: Apache-2.0
#pragma once
/* What the files of the assembly share: assemble.c drives, assemble_provider.c builds one provider. Not for others. */
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
};

/* Provider, accounts and routes of a used offer; problems go into the report. */
void assemble_provider(struct assembling *assembling, const struct offer *offer);
