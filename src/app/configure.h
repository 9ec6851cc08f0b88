// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Maps the neutral configuration onto each module's own config struct. */
#include "app/local_servers.h"
#include "catalog/snapshot.h"
#include "config/config.h"
#include "gateway/gateway.h"

/* Servers of this machine come behind the providers of the configuration, unless it names their port or id; NULL = none.
 * The snapshot is the caller's; ret_problem names what cannot be mapped (an alias without target) in the config's arena. */
int configure_catalog(const struct config *config, const struct local_servers *servers,
                      uint64_t version, struct catalog_snapshot **ret_snapshot,
                      struct span *ret_problem) WARN_UNUSED;
/* Borrows from the config: it must outlive the gateway. */
void configure_gateway(const struct config *config, struct gateway_config *ret_gateway);
