// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Maps the neutral configuration onto each module's own config struct. */
#include "config/config.h"
#include "gateway/gateway.h"

/* Borrows from the config: it must outlive the gateway. */
void configure_gateway(const struct config *config, struct gateway_config *ret_gateway);
