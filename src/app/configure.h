// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Maps the neutral configuration onto each module's own config struct. */
#include "catalog/snapshot.h"
#include "config/config.h"
#include "gateway/gateway.h"

/* The snapshot is the caller's. What cannot be mapped (an alias whose target nobody serves) is added to the report, which must be
 * without errors: those of the file come first. */
int configure_catalog(struct config *config, uint64_t version,
                      struct catalog_snapshot **ret_snapshot,
                      struct config_report *report) WARN_UNUSED;
/* Borrows from the config: it must outlive the gateway. */
void configure_gateway(const struct config *config, struct gateway_config *ret_gateway);
